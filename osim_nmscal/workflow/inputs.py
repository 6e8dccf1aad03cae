"""What a recording brings, from whatever files it has: markers, forces, events, moments; and the files that others name.

c3d files hold several of these at once; forces of a c3d become the .mot and ExternalLoads XML that OpenSim wants.
"""

import re
from dataclasses import replace
from pathlib import Path
from xml.sax.saxutils import escape

from osim_nmscal.config import RecordingSettings, WorkflowConfig
from osim_nmscal.data.time_series import MarkerTrajectories, TimeSeries
from osim_nmscal.errors import ConfigError, FileFormatError, UnknownNameError, did_you_mean, listed
from osim_nmscal.formats.c3d import Event, read_c3d
from osim_nmscal.formats.storage import read_storage, write_storage
from osim_nmscal.formats.text_files import write_text_atomically
from osim_nmscal.opensim_tools.inverse_dynamics import SUFFIXES
from osim_nmscal.opensim_tools.setup_file import file_of, read_setup

# A file that a setup XML names between two tags.
_NAMED_FILE = re.compile(r">\s*([^<>\n]+\.(?:trc|mot|sto|xml|osim|c3d))\s*<", re.IGNORECASE)


def named_files(setup: Path) -> tuple[Path, ...]:
    """Return the existing files that an OpenSim setup file names, resolved against it, and those that they name."""
    found: dict[Path, None] = {}
    waiting = [setup]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found[path] = None
        if path.suffix.lower() == ".xml":
            names = _NAMED_FILE.findall(path.read_text(encoding="utf-8", errors="replace"))
            waiting += [file for name in names if (file := (path.parent / name).resolve()).is_file()]
    return tuple(path for path in found if path != setup)


def missing_files(config: WorkflowConfig) -> list[str]:
    """Return one sentence for each file or folder that the configuration names and that does not exist."""
    named: list[tuple[str, Path | None]] = [("model.file", config.model.file), ("scaling.setup", config.scaling.setup)]
    if config.inverse_kinematics is not None:
        named.append(("inverse_kinematics.setup", config.inverse_kinematics.setup))
    named.append(("inverse_dynamics.external_loads", config.inverse_dynamics.external_loads))
    named += [(f"emg.mvc[{i}]", path) for i, path in enumerate(config.emg.mvc, start=1)]
    for i, recording in enumerate(config.recordings, start=1):
        for key in ("markers", "joint_angles", "external_loads", "forces", "joint_moments", "emg", "muscle_analysis"):
            path = getattr(recording, key)
            named.append((f"recordings[{i}].{key}", path if isinstance(path, Path) else None))
    sentences = []
    for key, path in named:
        if path is None:
            continue
        wanted, exists = ("folder", path.is_dir()) if key.endswith("muscle_analysis") else ("file", path.is_file())
        if not exists:
            siblings = [sibling.name for sibling in path.parent.iterdir()] if path.parent.is_dir() else []
            hint = did_you_mean(path.name, siblings) if siblings else f" Its folder {path.parent} does not exist either."
            sentences.append(f"{config.source}: key '{key}' names the {wanted} {path}, which does not exist.{hint}")
    return sentences


def read_markers(recording: RecordingSettings) -> Path | MarkerTrajectories:
    """Return what inverse kinematics takes: the .trc as it is, or the markers of a c3d in OpenSim's axes."""
    path = recording.markers
    if path is None:
        raise ConfigError(f"Recording {recording.name!r} has no markers; add them.")
    return read_c3d(path, axes=recording.c3d_axes).markers if path.suffix.lower() == ".c3d" else path


def read_events(recording: RecordingSettings) -> tuple[Event, ...]:
    """Return the events of the recording's c3d files, none if it has no c3d."""
    files = {path for path in (recording.markers, recording.forces, recording.emg) if path and path.suffix.lower() == ".c3d"}
    return tuple(event for path in sorted(files) for event in read_c3d(path).events)


def forces_file(recording: RecordingSettings, config: WorkflowConfig) -> Path | None:
    """Return the file with the ground reaction forces that find the trials: its own, or that of the external loads."""
    if recording.forces is not None:
        return recording.forces
    loads = external_loads(recording, config)
    return None if loads is None else file_of(read_setup(loads, "ExternalLoads"), "datafile")


def read_forces(recording: RecordingSettings, config: WorkflowConfig) -> TimeSeries | None:
    """Read the ground reaction forces, if the recording has any."""
    path = forces_file(recording, config)
    if path is None:
        return None
    if path.suffix.lower() != ".c3d":
        return read_storage(path)
    forces = read_c3d(path, axes=recording.c3d_axes).forces
    if forces is None:
        raise FileFormatError(f"{path} holds no force plates; name another file in forces of recording {recording.name!r}.")
    return forces.forces


def external_loads(recording: RecordingSettings, config: WorkflowConfig) -> Path | None:
    """Return the ExternalLoads XML of a recording; None where it has none, or gets one from its c3d."""
    if recording.external_loads == "none" or recording.force_plates:
        return None
    return recording.external_loads if isinstance(recording.external_loads, Path) else config.inverse_dynamics.external_loads


def write_external_loads(recording: RecordingSettings, folder: Path) -> Path:
    """Write `forces.mot` and `external_loads.xml` from the force plates of a c3d.

    Raises:
        UnknownNameError: a plate is mapped that the file does not have.
    """
    if recording.forces is None:
        raise ConfigError(f"Recording {recording.name!r} has force_plates but no forces; name its c3d in forces.")
    plates = read_c3d(recording.forces, axes=recording.c3d_axes).forces
    names = plates.plates if plates is not None else ()
    for plate in recording.force_plates:
        if plate not in names:
            raise UnknownNameError(
                f"Recording {recording.name!r} puts force plate {plate!r} on a body, but {recording.forces} has: {listed(names) or 'none'}."
                f"{did_you_mean(plate, names)} Change force_plates."
            )
    if plates is None:
        raise FileFormatError(f"{recording.forces} holds no force plates; name another file in forces of recording {recording.name!r}.")
    write_storage(folder / "forces.mot", replace(plates.forces, in_degrees=False), header_name="forces")
    loads = "\n".join(_external_force(plate, body) for plate, body in recording.force_plates.items())
    document = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<OpenSimDocument Version="40000">\n<ExternalLoads name="external_loads">\n<objects>\n'
        f"{loads}\n</objects>\n<groups/>\n<datafile>forces.mot</datafile>\n</ExternalLoads>\n</OpenSimDocument>\n"
    )
    return write_text_atomically(folder / "external_loads.xml", document)


def _external_force(plate: str, body: str) -> str:
    return (
        f'<ExternalForce name="{escape(plate)}"><applied_to_body>{escape(body)}</applied_to_body>'
        "<force_expressed_in_body>ground</force_expressed_in_body><point_expressed_in_body>ground</point_expressed_in_body>"
        f"<force_identifier>{escape(plate)}_v</force_identifier><point_identifier>{escape(plate)}_p</point_identifier>"
        f"<torque_identifier>{escape(plate)}_m</torque_identifier></ExternalForce>"
    )


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
