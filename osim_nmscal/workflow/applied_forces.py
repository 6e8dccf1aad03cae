"""The external forces of a recording as arrays, whether an ExternalLoads XML or the plates of a c3d give them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.doctor.forces import AppliedForce
from osim_nmscal.formats.c3d import read_c3d
from osim_nmscal.formats.storage import read_storage
from osim_nmscal.opensim_tools.setup_file import file_of, is_on, read_setup, text_of
from osim_nmscal.trials.offsets import shifted
from osim_nmscal.workflow.recording_files import external_loads

if TYPE_CHECKING:
    from osim_nmscal.config import RecordingSettings, WorkflowConfig


def applied_forces(recording: "RecordingSettings", config: "WorkflowConfig") -> tuple[AppliedForce, ...]:
    """Return the forces with a point of application in ground that act on bodies during the used part of a recording.

    Raises:
        FileFormatError: a file cannot be read.
        UnknownNameError: a column is missing.
    """
    loads = external_loads(recording, config)
    if loads is not None:
        setup = read_setup(loads, "ExternalLoads")
        data_file = file_of(setup, "datafile")
        if data_file is None:
            return ()
        data = shifted(read_storage(data_file), recording.time_offset.forces)
        tags = ("applied_to_body", "force_identifier", "point_identifier")
        named = [
            (str(force.get("name")), *(text_of(force, tag) for tag in tags))
            for force in setup.node.iter("ExternalForce")
            if text_of(force, "isDisabled", "false").lower() != "true"
            and is_on(force, "appliesForce")
            and text_of(force, "point_expressed_in_body", "ground") == "ground"
        ]
    elif recording.force_plates and recording.forces is not None:
        plates = read_c3d(recording.forces, axes=recording.c3d_axes).forces
        if plates is None:
            return ()
        data = shifted(plates.forces, recording.time_offset.forces)
        named = [(plate, body, f"{plate}_v", f"{plate}_p") for plate, body in recording.force_plates.items() if plate in plates.plates]
    else:
        return ()
    start = data.time[0] if recording.start is None else recording.start
    used = data.between(float(start), float(data.time[-1] if recording.end is None else recording.end))
    return tuple(
        AppliedForce(name=name, body=body, time=used.time, force=_vector(used, force), point=_vector(used, point))
        for name, body, force, point in named
        if force and point
    )


@dataclass(frozen=True, kw_only=True)
class PlateLoads:
    """What the plates of a recording carry."""

    loads: Mapping[str, float]  # plate, or the prefix of its columns -> its largest vertical force in the used part, N
    named: tuple[str, ...]  # those that act on a body
    source: str  # file


def plate_loads(recording: "RecordingSettings", config: "WorkflowConfig") -> PlateLoads:
    """Return what every plate of a recording carries, whether it acts on a body or not; nothing where joint moments are given."""
    nothing = PlateLoads(loads={}, named=(), source="")
    loads = external_loads(recording, config)
    if recording.joint_moments is not None:
        return nothing
    if recording.force_plates and recording.forces is not None:
        plates = read_c3d(recording.forces, axes=recording.c3d_axes).forces
        if plates is None:
            return nothing
        data, prefixes, named = plates.forces, tuple(f"{plate}_v" for plate in plates.plates), tuple(recording.force_plates)
    elif loads is not None:
        setup = read_setup(loads, "ExternalLoads")
        file = file_of(setup, "datafile")
        if file is None:
            return nothing
        data = read_storage(file)
        prefixes = tuple(label.removesuffix("y") for label in data.labels if label.endswith("vy"))
        named = tuple(_plate(text_of(force, "force_identifier")) for force in setup.node.iter("ExternalForce"))
    else:
        return nothing
    data = shifted(data, recording.time_offset.forces)
    start = data.time[0] if recording.start is None else recording.start
    used = data.between(float(start), float(data.time[-1] if recording.end is None else recording.end))
    peaks = {_plate(prefix): float(np.nanmax(used.column(f"{prefix}y"))) for prefix in prefixes}
    return PlateLoads(loads=peaks, named=named, source=data.source)


def _plate(prefix: str) -> str:
    return prefix.removesuffix("v").removesuffix("_") or prefix


def _vector(data: TimeSeries, identifier: str) -> np.ndarray:
    return data.select([f"{identifier}{axis}" for axis in "xyz"]).values
