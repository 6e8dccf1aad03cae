"""Asks the doctor: of the user's files before anything runs, and of what each stage has made.

A judgement is made anew in every run, also where a stage was not run again: it takes no time, and thresholds are no part of a
stage's result.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from osim_nmscal.data.findings import Finding
from osim_nmscal.data.time_series import MarkerTrajectories, TimeSeries
from osim_nmscal.doctor import calibration as of_calibration
from osim_nmscal.doctor import emg as of_emg
from osim_nmscal.doctor import forces as of_forces
from osim_nmscal.doctor import motion as of_motion
from osim_nmscal.formats.emg_table import read_emg
from osim_nmscal.formats.storage import in_radians, read_storage
from osim_nmscal.osim_model.reader import read_coordinates
from osim_nmscal.workflow.applied_forces import applied_forces, plate_loads
from osim_nmscal.workflow.names import SCALED_MODEL, excitations, moments, motion
from osim_nmscal.workflow.recording_files import has_motion, moments_by_coordinate, read_markers
from osim_nmscal.workflow.setup_needs import marker_bodies

if TYPE_CHECKING:
    from osim_nmscal.config import RecordingSettings, WorkflowConfig
    from osim_nmscal.workflow.flow import Flow


def foreseen(config: "WorkflowConfig") -> Iterator[Finding]:
    """Yield what can be told of the user's files alone; they must be readable."""
    channels = _mapped_channels(config)
    if config.emg.normalization.method in ("auto", "highest"):
        yield from of_emg.without_mvc(channels, len(config.emg.mvc))
    for recording in config.recordings:
        markers = _markers(recording)
        if markers is not None:
            yield from of_motion.time_holes(markers.time, str(recording.markers))
            yield from of_motion.vertical_axis(markers)
            yield from _feet(config, recording, markers)
        if recording.joint_angles is not None:
            angles = _angles(config.model.file, recording.joint_angles)
            used = angles.between(*_window(recording, angles.time))
            yield from of_motion.time_holes(used.time, str(recording.joint_angles))
            yield from of_motion.joint_angles(used, read_coordinates(config.model.file))
        yield from of_forces.unnamed_plates(plate_loads(recording), tuple(recording.force_plates), str(recording.forces))
        if config.emg.envelope.kind == "raw":
            yield from of_emg.raw_channels(read_emg(recording.emg, channels), start=recording.start, end=recording.end)


def _mapped_channels(config: "WorkflowConfig") -> tuple[str, ...]:
    mapping = config.emg.mapping
    return tuple(dict.fromkeys((*mapping.channels, *(channel for mix in mapping.mixes.values() for channel in mix))))


def _markers(recording: "RecordingSettings") -> MarkerTrajectories | None:
    if recording.markers is None:
        return None
    whole = read_markers(recording.markers, recording.c3d_axes)
    start, end = _window(recording, whole.time)
    inside = (whole.time >= start) & (whole.time <= end)
    return MarkerTrajectories(time=whole.time[inside], markers=whole.markers, positions=whole.positions[inside], source=whole.source)


def _window(recording: "RecordingSettings", time: np.ndarray) -> tuple[float, float]:
    start = float(time[0]) if recording.start is None else recording.start
    return start, float(time[-1]) if recording.end is None else recording.end


def _angles(model: Path, file: Path) -> TimeSeries:
    return in_radians(read_storage(file), [c.name for c in read_coordinates(model) if c.rotational and not c.coupled])


def _feet(config: "WorkflowConfig", recording: "RecordingSettings", markers: MarkerTrajectories) -> tuple[Finding, ...]:
    """Judge which foot is under which force, by the markers that the model has on the feet."""
    forces = applied_forces(recording, config)
    bodies = marker_bodies(config.model.file, config.scaling.setup)
    feet = {}
    for body in {name for force in forces for name in (force.body, _other_side(force.body))}:
        columns = [i for i, name in enumerate(markers.markers) if bodies.get(name) == body]
        if columns:
            place = np.nanmean(markers.positions[:, columns], axis=1)
            seen = np.isfinite(place).all(axis=1)
            feet[body] = TimeSeries(time=markers.time[seen], labels=("x", "y", "z"), values=place[seen], source=markers.source)
    return of_forces.feet_under_forces(forces, feet)


def _other_side(body: str) -> str:
    return f"{body[:-2]}{'_l' if body.endswith('_r') else '_r'}" if body.endswith(("_r", "_l")) else body


def _of_scaling(flow: "Flow") -> Iterator[Finding]:
    summary = flow.place.used["scaling"].summary
    yield from of_motion.scale_factors({body: tuple(three) for body, three in summary.get("scale_factors", {}).items()})


def _of_inverse_kinematics(flow: "Flow") -> Iterator[Finding]:
    coordinates = read_coordinates(flow.place.path(SCALED_MODEL))
    for recording in flow.config.recordings:
        if recording.markers is None or not has_motion(recording):
            continue
        summary = flow.place.used[f"inverse_kinematics/{recording.name}"].summary
        if "marker_rms_mean" in summary:
            mean, largest, when = (float(summary[name]) for name in ("marker_rms_mean", "marker_error_max", "marker_error_max_time"))
            yield from of_motion.marker_errors(mean, largest, when, recording.name)
        angles = _angles(flow.place.path(SCALED_MODEL), flow.place.path(motion(recording.name)))
        yield from of_motion.joint_angles(angles, coordinates)


def _of_inverse_dynamics(flow: "Flow") -> Iterator[Finding]:
    config = flow.config
    for recording in config.recordings:
        table = moments_by_coordinate(read_storage(flow.place.path(moments(recording.name))), config.muscle_analysis.dofs)
        rotations = [c.name for c in read_coordinates(flow.place.path(SCALED_MODEL)) if c.rotational and c.name in table.labels]
        yield from of_forces.joint_moments(table, rotations, config.subject.mass)
        summary = flow.place.used[f"inverse_dynamics/{recording.name}"].summary
        yield from of_forces.weight_carried(summary.get("vertical_force_over_weight", 0.0), recording.name)


def _of_emg(flow: "Flow") -> Iterator[Finding]:
    if flow.mapping is None:
        return
    # one muscle of each channel that drives a muscle by itself stands for it
    alone = (flow.mapping.weights > 0).sum(axis=0) == 1
    standing = {c: m for m in np.flatnonzero(alone)[::-1] for c in np.flatnonzero(flow.mapping.weights[:, m] > 0)}
    for recording in flow.config.recordings:
        driven = read_storage(flow.place.path(excitations(recording.name)))
        values = driven.select([flow.mapping.muscles[standing[c]] for c in sorted(standing)]).values
        channels = TimeSeries(
            time=driven.time, labels=tuple(flow.mapping.channels[c] for c in sorted(standing)), values=values, source=recording.name
        )
        yield from of_emg.weak_channels(channels, start=recording.start, end=recording.end)


def _of_trials(flow: "Flow") -> Iterator[Finding]:
    if flow.trials is None or flow.start_muscles is None:
        return
    yield from of_calibration.problem(flow.trials)
    strength = flow.start_muscles.select(flow.trials.muscles).values("max_isometric_force")
    for name, data in flow.recorded.items():
        geometry, driven = data.geometry.select(flow.trials.muscles, flow.trials.dofs), data.excitations.select(flow.trials.muscles)
        clocks = (geometry.time, driven.time, data.moments.time)
        time = np.arange(max(clock[0] for clock in clocks), min(clock[-1] for clock in clocks), 0.01)
        yield from of_emg.against_motion(
            time,
            _on(time, driven.time, driven.values),
            _on(time, geometry.time, geometry.moment_arm),
            strength,
            _on(time, data.moments.time, data.moments.select(flow.trials.dofs).values),
            f"Recording {name}",
        )


def _on(time: np.ndarray, clock: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Bring (time, ...) values to another clock, linearly."""
    flat = values.reshape(len(values), -1)
    return np.stack([np.interp(time, clock, column) for column in flat.T], axis=1).reshape(len(time), *values.shape[1:])


def _of_evaluation(flow: "Flow") -> Iterator[Finding]:
    if flow.calibration is not None:
        yield from of_calibration.muscles_in_use(flow.calibration, flow.predictions)
    yield from of_calibration.held_out_moments(flow.metrics)


def _of_verification(flow: "Flow") -> Iterator[Finding]:
    found = flow.verification
    if found is not None:
        yield from of_calibration.confirmed(found.metrics, found.tolerance, found.failure)


# stage -> what is asked when it has ended
_JUDGES: Mapping[str, Callable[["Flow"], Iterable[Finding]]] = {
    "scaling": _of_scaling,
    "inverse_kinematics": _of_inverse_kinematics,
    "inverse_dynamics": _of_inverse_dynamics,
    "emg": _of_emg,
    "trials": _of_trials,
    "evaluation": _of_evaluation,
    "verification": _of_verification,
}


def judged(stage: str, flow: "Flow") -> tuple[Finding, ...]:
    """Return what the doctor says of what a stage has made."""
    return tuple(_JUDGES[stage](flow)) if stage in _JUDGES else ()
