"""What a recording brings, from whatever files it has: markers, forces, events, moments.

c3d files hold several of these at once; forces of a c3d become the .mot and ExternalLoads XML that OpenSim wants.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from osim_nmscal.data.time_series import MarkerTrajectories, TimeSeries
from osim_nmscal.errors import FileFormatError, UnknownNameError, did_you_mean
from osim_nmscal.formats.c3d import Event, read_c3d
from osim_nmscal.formats.storage import read_storage
from osim_nmscal.formats.trc import read_trc
from osim_nmscal.opensim_tools.setup_file import file_of, read_setup

if TYPE_CHECKING:
    from osim_nmscal.config import RecordingSettings, WorkflowConfig

# Suffixes of the columns of OpenSim's inverse dynamics: `_moment` for rotations, `_force` for the rest.
SUFFIXES = ("_moment", "_force")


def is_c3d(path: Path | None) -> bool:
    """Tell whether a file is a c3d by its name."""
    return path is not None and path.suffix.lower() == ".c3d"


def has_motion(recording: "RecordingSettings") -> bool:
    """Tell whether a recording has joint angles, given or from markers."""
    return recording.markers is not None or recording.joint_angles is not None


def read_markers(path: Path, axes: str) -> MarkerTrajectories:
    """Read marker trajectories, .trc or .c3d, the latter turned into OpenSim's axes."""
    return read_c3d(path, axes=axes).markers if is_c3d(path) else read_trc(path)


def read_events(recording: "RecordingSettings") -> tuple[Event, ...]:
    """Return the events of the recording's c3d files, none if it has no c3d."""
    files = {path for path in (recording.markers, recording.forces, recording.emg) if path is not None and is_c3d(path)}
    return tuple(event for path in sorted(files) for event in read_c3d(path).events)


def forces_file(recording: "RecordingSettings", config: "WorkflowConfig") -> Path | None:
    """Return the file with the ground reaction forces that find the trials: its own, or that of the external loads."""
    if recording.forces is not None:
        return recording.forces
    loads = external_loads(recording, config)
    return None if loads is None else file_of(read_setup(loads, "ExternalLoads"), "datafile")


def read_forces(recording: "RecordingSettings", config: "WorkflowConfig") -> TimeSeries | None:
    """Read the ground reaction forces, if the recording has any."""
    path = forces_file(recording, config)
    if path is None:
        return None
    if not is_c3d(path):
        return read_storage(path)
    forces = read_c3d(path, axes=recording.c3d_axes).forces
    if forces is None:
        raise FileFormatError(f"{path} holds no force plates; name another file in forces of recording {recording.name!r}.")
    return forces.forces


def external_loads(recording: "RecordingSettings", config: "WorkflowConfig") -> Path | None:
    """Return the ExternalLoads XML of a recording; None where it has none, or gets one from its c3d."""
    if recording.external_loads == "none" or recording.force_plates:
        return None
    return recording.external_loads if isinstance(recording.external_loads, Path) else config.inverse_dynamics.external_loads


def moments_by_coordinate(series: TimeSeries, dofs: tuple[str, ...]) -> TimeSeries:
    """Pick the joint moments of the dofs, whichever suffix their columns have.

    Raises:
        UnknownNameError: a dof has no moment; offers the nearest column.
    """
    columns = []
    for dof in dofs:
        found = next((label for label in (dof, *(f"{dof}{suffix}" for suffix in SUFFIXES)) if label in series.labels), None)
        if found is None:
            raise UnknownNameError(
                f"{series.source} has no joint moment about {dof!r}, expected a column '{dof}{SUFFIXES[0]}'."
                f"{did_you_mean(dof + SUFFIXES[0], series.labels)} Change [muscle_analysis] dofs, or the file."
            )
        columns.append(found)
    return replace(series.select(columns), labels=dofs)
