"""The external forces of a recording as arrays, whether an ExternalLoads XML or the plates of a c3d give them."""

from typing import TYPE_CHECKING

import numpy as np

from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.doctor.forces import AppliedForce
from osim_nmscal.formats.c3d import read_c3d
from osim_nmscal.formats.marker_files import is_c3d
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


def plate_loads(recording: "RecordingSettings") -> dict[str, float]:
    """Return the largest vertical force of every plate of a recording's c3d in its used part, N; nothing where there is no c3d."""
    if recording.forces is None or not is_c3d(recording.forces) or not recording.force_plates:
        return {}
    plates = read_c3d(recording.forces, axes=recording.c3d_axes).forces
    if plates is None:
        return {}
    data = shifted(plates.forces, recording.time_offset.forces)
    start = data.time[0] if recording.start is None else recording.start
    used = data.between(float(start), float(data.time[-1] if recording.end is None else recording.end))
    return {plate: float(np.nanmax(used.column(f"{plate}_vy"))) for plate in plates.plates}


def _vector(data: TimeSeries, identifier: str) -> np.ndarray:
    return data.select([f"{identifier}{axis}" for axis in "xyz"]).values
