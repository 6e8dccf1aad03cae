"""Inverse kinematics: joint angles from markers, or the part of given joint angles that is used."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from osim_nmscal.data.time_series import MarkerTrajectories, TimeSeries
from osim_nmscal.errors import NmscalError
from osim_nmscal.formats.marker_files import is_c3d, read_markers
from osim_nmscal.formats.storage import read_storage, write_storage
from osim_nmscal.opensim_tools.inverse_kinematics import InverseKinematicsSettings, run_inverse_kinematics
from osim_nmscal.osim_model.reader import read_marker_names
from osim_nmscal.trials.offsets import shifted
from osim_nmscal.workflow.names import SCALED_MODEL, marker_errors, motion
from osim_nmscal.workflow.recording_files import has_motion
from osim_nmscal.workflow.setup_needs import model_markers, task_needs
from osim_nmscal.workflow.task import Inputs, Summary, Task, refuse
from osim_nmscal.workflow.user_files import with_named_files

if TYPE_CHECKING:
    from osim_nmscal.config import RecordingSettings, WorkflowConfig
    from osim_nmscal.workflow.flow import Flow

# Columns of marker_errors.sto, m: over all markers, and of the worst.
MARKER_ERRORS = ("marker_error_rms", "marker_error_max")


@dataclass(frozen=True, kw_only=True)
class Window:
    """The part of a recording that is used."""

    recording: str
    start: float | None  # s
    end: float | None  # s
    offset: float = 0.0  # s, added to the time of the file


@dataclass(frozen=True, kw_only=True)
class FromMarkers:
    """How joint angles come from markers."""

    window: Window
    axes: str  # of a c3d
    settings: InverseKinematicsSettings


def outputs(config: "WorkflowConfig") -> tuple[str, ...]:
    """Return what it writes."""
    angles = [motion(recording.name) for recording in config.recordings if has_motion(recording)]
    return (*angles, *(marker_errors(recording.name) for recording in config.recordings if recording.markers is not None))


def recording_problems(config: "WorkflowConfig", markers: MarkerTrajectories) -> Iterator[NmscalError]:
    """Yield the markers of the tasks that a recording or the model, scaled as it will be, lacks."""
    settings = config.inverse_kinematics
    if settings is not None and settings.missing_markers != "ignore":
        yield from task_needs(settings.setup, markers, model_markers(config.model.file, config.scaling.setup), config.model.file)


def run(flow: "Flow") -> None:
    """Write ik.mot of every recording that has markers or joint angles."""
    flow.runner.run_each([task for recording in flow.config.recordings if (task := task_of(flow, recording))], flow.jobs)


def task_of(flow: "Flow", recording: "RecordingSettings") -> Task[Window] | Task[FromMarkers] | None:
    """Return what is to be done for a recording, if anything."""
    settings = flow.config.inverse_kinematics
    window = Window(recording=recording.name, start=recording.start, end=recording.end, offset=_offset(recording))
    out = (motion(recording.name),)
    if recording.joint_angles is not None:
        return Task(
            stage="inverse_kinematics",
            recording=recording.name,
            settings=window,
            inputs={"angles": recording.joint_angles},
            outputs=out,
            work=cut_angles,
        )
    if recording.markers is None or settings is None:
        return None
    return Task(
        stage="inverse_kinematics",
        recording=recording.name,
        settings=FromMarkers(window=window, axes=recording.c3d_axes, settings=settings),
        inputs={"model": flow.place.path(SCALED_MODEL), "markers": recording.markers, "setup": with_named_files(settings.setup)},
        outputs=(*out, marker_errors(recording.name)),
        work=follow_markers,
    )


def _offset(recording: "RecordingSettings") -> float:
    clocks = recording.time_offset
    return clocks.markers if recording.markers is not None else clocks.joint_angles


def cut_angles(inputs: Inputs, window: Window, out: Path) -> Summary:
    """Write the part of the given joint angles that is used."""
    angles = shifted(read_storage(inputs.file("angles")), window.offset)
    start = angles.time[0] if window.start is None else window.start
    end = angles.time[-1] if window.end is None else window.end
    part = angles.between(start, end)
    write_storage(out / motion(window.recording), part, header_name="Coordinates")
    return {"frames": len(part.time)}


def follow_markers(inputs: Inputs, task: FromMarkers, out: Path) -> Summary:
    """Let OpenSim's model follow the markers; the summary holds the errors of the markers, m."""
    model, file, window = inputs.file("model"), inputs.file("markers"), task.window
    markers = shifted(read_markers(file, task.axes), window.offset)
    if task.settings.missing_markers != "ignore":
        refuse(task_needs(task.settings.setup, markers, read_marker_names(model), model))
    result = run_inverse_kinematics(
        model,
        markers if is_c3d(file) or window.offset else file,
        out / motion(window.recording),
        settings=task.settings,
        start=window.start,
        end=window.end,
    )
    rms, largest = result.marker_error_rms, result.marker_error_max
    errors = TimeSeries(time=result.coordinates.time, labels=MARKER_ERRORS, values=np.stack([rms, largest], axis=1), source=str(file))
    write_storage(out / marker_errors(window.recording), errors, header_name="Marker errors in m")
    return {
        "frames": len(rms),
        "marker_rms_mean": float(rms.mean()),
        "marker_rms_max": float(rms.max()),
        "marker_error_max": float(largest.max()),
        "marker_error_max_time": float(result.coordinates.time[largest.argmax()]),
    }
