"""What a recording brings, from whatever files it has: markers, forces, events, moments.

c3d files hold several of these at once; forces of a c3d become the .mot and ExternalLoads XML that OpenSim wants. Everything that
`read_...` and `recorded_...` return of a recording is on its own clock: the `time_offset` of each file is added here and nowhere else.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from osim_nmscal.data.time_series import MarkerTrajectories, TimeSeries
from osim_nmscal.data.trials import MuscleGeometry
from osim_nmscal.errors import ConfigError, FileFormatError, UnknownNameError, did_you_mean
from osim_nmscal.formats.c3d import Event, read_c3d
from osim_nmscal.formats.emg_table import read_emg
from osim_nmscal.formats.marker_files import is_c3d, read_markers
from osim_nmscal.formats.storage import in_radians, read_storage
from osim_nmscal.opensim_tools.muscle_analysis import read_muscle_analysis
from osim_nmscal.opensim_tools.setup_file import file_of, read_setup
from osim_nmscal.osim_model.reader import read_coordinates
from osim_nmscal.trials.offsets import shifted

if TYPE_CHECKING:
    from osim_nmscal.config import RecordingSettings, WorkflowConfig

# Suffixes of the columns of OpenSim's inverse dynamics: `_moment` for rotations, `_force` for the rest.
SUFFIXES = ("_moment", "_force")


def has_motion(recording: "RecordingSettings") -> bool:
    """Tell whether a recording has joint angles, given or from markers."""
    return recording.markers is not None or recording.joint_angles is not None


def recorded_markers(recording: "RecordingSettings") -> MarkerTrajectories | None:
    """Read the markers of a recording on its clock, if it has any."""
    if recording.markers is None:
        return None
    return shifted(read_markers(recording.markers, recording.c3d_axes), recording.time_offset.markers)


def recorded_angles(recording: "RecordingSettings") -> TimeSeries | None:
    """Read the given joint angles of a recording on its clock, in the unit of the file."""
    given = recording.joint_angles
    return None if given is None else shifted(read_storage(given), recording.time_offset.joint_angles)


def coordinates_of(motion: Path, model: Path, dofs: Sequence[str]) -> TimeSeries | None:
    """Read the values of some coordinates from joint angles of OpenSim's inverse kinematics, rad and m; None where one is missing.

    Args:
        motion: joint angles on the recording's clock.
        model: which says what turns and what slides.
        dofs: the coordinates.
    """
    series = read_storage(motion)
    names = [label.split("/")[-2] if label.startswith("/") and label.endswith("/value") else label for label in series.labels]
    if any(dof not in names for dof in dofs):
        return None
    values = series.values[:, [names.index(dof) for dof in dofs]]
    chosen = replace(series, labels=tuple(dofs), values=values)
    return in_radians(chosen, [one.name for one in read_coordinates(model) if one.rotational])


def recorded_moments(recording: "RecordingSettings", dofs: tuple[str, ...]) -> TimeSeries | None:
    """Read the given joint moments of a recording on its clock."""
    given = recording.joint_moments
    if given is None:
        return None
    return shifted(moments_by_coordinate(read_storage(given), dofs, recording.dofs), recording.time_offset.joint_moments)


def recorded_geometry(recording: "RecordingSettings", folder: Path, dofs: tuple[str, ...]) -> MuscleGeometry:
    """Read MTU lengths and moment arms on the clock of the recording, from the folder that it gives or the one that was made for it."""
    offset = 0.0 if recording.muscle_analysis is None else recording.time_offset.muscle_analysis
    return shifted(read_muscle_analysis(folder, dofs), offset)


def recorded_emg(recording: "RecordingSettings", channels: Sequence[str] | None = None) -> TimeSeries:
    """Read the EMG of a recording on its clock.

    Raises:
        ConfigError: it has none.
    """
    return shifted(read_emg(emg_file(recording), channels), recording.time_offset.emg)


def emg_file(recording: "RecordingSettings") -> Path:
    """Return the EMG of a recording.

    Raises:
        ConfigError: it has none.
    """
    if recording.emg is None:
        raise ConfigError(
            f"Recording {recording.name!r} gives no emg, from which excitations come; name the file. What comes before needs none: "
            "run with --only scaling, then --only inverse_kinematics, inverse_dynamics or muscle_analysis."
        )
    return recording.emg


def read_events(recording: "RecordingSettings") -> tuple[Event, ...]:
    """Return the events of the recording's c3d files on its clock, none if it has no c3d."""
    files: dict[Path, float] = {}
    for key in ("markers", "forces", "emg"):
        path = getattr(recording, key)
        if is_c3d(path):
            files.setdefault(path, getattr(recording.time_offset, key))
    return tuple(replace(event, time=event.time + files[path]) for path in sorted(files) for event in read_c3d(path).events)


def forces_file(recording: "RecordingSettings", config: "WorkflowConfig") -> Path | None:
    """Return the file with the ground reaction forces that find the trials: its own, or that of the external loads."""
    if recording.forces is not None:
        return recording.forces
    loads = external_loads(recording, config)
    return None if loads is None else file_of(read_setup(loads, "ExternalLoads"), "datafile")


def read_forces(recording: "RecordingSettings", config: "WorkflowConfig") -> TimeSeries | None:
    """Read the ground reaction forces on the recording's clock, if it has any."""
    path = forces_file(recording, config)
    if path is None:
        return None
    if not is_c3d(path):
        return shifted(read_storage(path), recording.time_offset.forces)
    forces = read_c3d(path, axes=recording.c3d_axes).forces
    if forces is None:
        raise FileFormatError(f"{path} holds no force plates; name another file in forces of recording {recording.name!r}.")
    return shifted(forces.forces, recording.time_offset.forces)


def external_loads(recording: "RecordingSettings", config: "WorkflowConfig") -> Path | None:
    """Return the ExternalLoads XML of a recording; None where it has none, or gets one from its c3d."""
    if recording.external_loads == "none" or recording.force_plates:
        return None
    return recording.external_loads if isinstance(recording.external_loads, Path) else config.inverse_dynamics.external_loads


def moments_by_coordinate(series: TimeSeries, dofs: Sequence[str], measured: Sequence[str] = ()) -> TimeSeries:
    """Pick the joint moments of the dofs, whichever suffix their columns have.

    Args:
        series: of inverse dynamics, or of a dynamometer.
        dofs: the columns of what is returned.
        measured: those whose moment counts, none for all; the others are zero where the series lacks them.

    Raises:
        UnknownNameError: a dof has no moment; offers the nearest column.
    """
    columns = []
    for dof in dofs:
        found = _moment_column(series, dof)
        if found is None and (not measured or dof in measured):
            raise UnknownNameError(
                f"{series.source} has no joint moment about {dof!r}, expected a column '{dof}{SUFFIXES[0]}'."
                f"{did_you_mean(dof + SUFFIXES[0], series.labels)} Change [muscle_analysis] dofs, or the file; where one joint alone was "
                "measured, name it under dofs of the recording."
            )
        columns.append(np.zeros(len(series.time)) if found is None else series.column(found))
    return replace(series, labels=tuple(dofs), values=np.column_stack(columns))


def given_dofs(series: TimeSeries, dofs: Sequence[str], measured: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the dofs whose moment a file must have, and those that it has."""
    return tuple(dof for dof in dofs if dof in (measured or dofs) or _moment_column(series, dof) is not None)


def _moment_column(series: TimeSeries, dof: str) -> str | None:
    return next((label for label in (dof, *(f"{dof}{suffix}" for suffix in SUFFIXES)) if label in series.labels), None)
