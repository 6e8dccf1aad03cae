"""Asks the doctor: of the user's files before anything runs, and of what each stage has made.

A judgement is made anew in every run, also where a stage was not run again: it takes no time, and thresholds are no part of a
stage's result.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from osim_nmscal.data.findings import Finding, note
from osim_nmscal.data.time_series import MarkerTrajectories, TimeSeries
from osim_nmscal.doctor import calibration as of_calibration
from osim_nmscal.doctor import contacts as of_contacts
from osim_nmscal.doctor import dynamometer as of_dynamometer
from osim_nmscal.doctor import emg as of_emg
from osim_nmscal.doctor import forces as of_forces
from osim_nmscal.doctor import markers as of_markers
from osim_nmscal.doctor import model as of_model
from osim_nmscal.doctor import motion as of_motion
from osim_nmscal.doctor.forces import AppliedForce
from osim_nmscal.emg.envelope import linear_envelope
from osim_nmscal.emg.normalization import normalization_reference
from osim_nmscal.errors import listed
from osim_nmscal.formats.emg_table import read_emg
from osim_nmscal.formats.storage import in_radians, read_storage
from osim_nmscal.osim_model.crossing import read_crossing_muscles
from osim_nmscal.osim_model.reader import read_body_mass, read_coordinates, read_muscles
from osim_nmscal.workflow.applied_forces import applied_forces, plate_loads
from osim_nmscal.workflow.dynamometer_files import recorded_postures
from osim_nmscal.workflow.feet import feet_by_markers
from osim_nmscal.workflow.names import SCALED_MODEL, moments, motion
from osim_nmscal.workflow.recording_files import (
    has_motion,
    moments_by_coordinate,
    recorded_angles,
    recorded_emg,
    recorded_markers,
    recorded_moments,
)
from osim_nmscal.workflow.relaxed_legs import findings_of_legs
from osim_nmscal.workflow.setup_needs import marker_bodies, marker_locations, measured_pairs, static_trial, task_markers

if TYPE_CHECKING:
    from osim_nmscal.config import RecordingSettings, WorkflowConfig
    from osim_nmscal.trials.dynamometer_settings import DynamometerSettings
    from osim_nmscal.workflow.flow import Flow


def foreseen(config: "WorkflowConfig", *, excites: bool = True) -> Iterator[Finding]:
    """Yield what can be told of the user's files alone; they must be readable.

    Args:
        config: the workflow.
        excites: whether EMG will be used.
    """
    yield from of_model.mass_of_model(
        read_body_mass(config.model.file),
        config.subject.mass,
        adjusted=config.scaling.setup is not None or config.scaling.mass_only,
    )
    markers = MarkersOfModel(config)
    yield from markers.of_static_trial()
    channels = _mapped_channels(config) if excites else ()
    driven = {muscle for muscles in config.emg.mapping.channels.values() for muscle in muscles} | set(config.emg.mapping.mixes)
    table = read_muscles(config.model.file, config.model.substitute_muscle_class)
    yield from of_model.muscle_values(table.select([name for name in table.names if name in driven]))
    if excites:
        alone = config.calibration.method == "emg_driven" and not config.dynamometer
        moving = [name for name in table.names if name in driven] if alone else table.names
        yield from of_model.thelen_muscles(table.select(moving), config.output.muscle_class)
        yield from of_calibration.moved_joints(config.muscle_analysis.dofs, read_crossing_muscles(config.model.file), moving)
    if config.emg.normalization.method in ("auto", "highest"):
        yield from of_emg.without_mvc(channels, len(config.emg.mvc))
    for recording in config.recordings:
        seen = _markers(recording)
        forces = applied_forces(recording, config)
        if seen is not None:
            yield from of_motion.time_holes(seen.time, seen.source)
            yield from markers.of_recording(seen)
            yield from _feet(forces, seen, markers.bodies)
        for force in forces[:1]:  # all of one file
            yield from of_motion.time_holes(force.time, f"The force file of {recording.name}")
        yield from of_contacts.weight_in_strides(forces, config.subject.mass, recording.name)
        given = recorded_angles(recording)
        if given is not None:
            angles = _in_radians(config.model.file, given)
            used = angles.between(*_window(recording, angles.time))
            yield from of_motion.time_holes(used.time, used.source)
            yield from of_motion.joint_angles(used, read_coordinates(config.model.file))
        moments_given = recorded_moments(recording, config.muscle_analysis.dofs)
        if moments_given is not None:
            yield from _moments(config, recording, moments_given)
        carried = plate_loads(recording, config)
        yield from of_forces.unnamed_plates(carried.loads, carried.named, carried.source)
        if excites and config.emg.envelope.kind == "raw":
            yield from of_emg.raw_channels(recorded_emg(recording, channels), start=recording.start, end=recording.end)
    for measured in config.dynamometer:
        yield from _dynamometer(config, measured)
    if excites:
        yield from _channels(config, channels)


def _dynamometer(config: "WorkflowConfig", recording: "DynamometerSettings") -> Iterator[Finding]:
    """Judge angles and moments of a dynamometer by what joints do and people can."""
    found = recorded_postures(config, recording)
    angles = TimeSeries(
        time=np.arange(len(found.values), dtype=np.float64), labels=found.coordinates, values=found.values, source=found.source
    )
    yield from of_motion.joint_angles(angles, read_coordinates(config.model.file))
    for dof, moment in zip(found.measured, found.moments.T, strict=True):
        yield from of_dynamometer.moment_of_a_person(recording.name, dof, moment, config.subject.mass)
        if recording.kind == "passive":
            yield from of_dynamometer.passive_resists(recording.name, dof, found.angle(dof), moment)


def _mapped_channels(config: "WorkflowConfig") -> tuple[str, ...]:
    mapping = config.emg.mapping
    return tuple(dict.fromkeys((*mapping.channels, *(channel for mix in mapping.mixes.values() for channel in mix))))


def _markers(recording: "RecordingSettings") -> MarkerTrajectories | None:
    whole = recorded_markers(recording)
    if whole is None:
        return None
    start, end = _window(recording, whole.time)
    inside = (whole.time >= start) & (whole.time <= end)
    return MarkerTrajectories(time=whole.time[inside], markers=whole.markers, positions=whole.positions[inside], source=whole.source)


def _window(recording: "RecordingSettings", time: np.ndarray) -> tuple[float, float]:
    start = float(time[0]) if recording.start is None else recording.start
    return start, float(time[-1]) if recording.end is None else recording.end


def _in_radians(model: Path, angles: TimeSeries) -> TimeSeries:
    return in_radians(angles, [c.name for c in read_coordinates(model) if c.rotational and not c.coupled])


def _feet(forces: tuple[AppliedForce, ...], markers: MarkerTrajectories, bodies: Mapping[str, str]) -> Iterator[Finding]:
    """Judge which foot is under which force, and when, by the markers that the model has on the feet."""
    feet = feet_by_markers(markers, bodies, [force.body for force in forces])
    seen = markers.positions[..., 1][np.isfinite(markers.positions[..., 1])]
    turned = of_contacts.upside_down(forces, feet, float(np.median(seen)), markers.source) if len(seen) else ()
    yield from turned or of_contacts.forces_on_the_clock(forces, feet) or of_forces.feet_under_forces(forces, feet)


def _moments(config: "WorkflowConfig", recording: "RecordingSettings", table: TimeSeries) -> Iterator[Finding]:
    yield from of_motion.time_holes(table.time, table.source)
    scored = recording.dofs or table.labels
    rotations = [c.name for c in read_coordinates(config.model.file) if c.rotational and c.name in scored]
    yield from of_forces.joint_moments(table, rotations, config.subject.mass)


def _channels(config: "WorkflowConfig", channels: tuple[str, ...]) -> Iterator[Finding]:
    """Judge envelopes and maximal contractions as the run will make them; what normalization refuses is refused here."""
    settings = config.emg
    windows = [(recording.start, recording.end) for recording in config.recordings]
    envelopes = [
        linear_envelope(recorded_emg(recording, channels), settings.envelope, start=start, end=end)
        for recording, (start, end) in zip(config.recordings, windows, strict=True)
    ]
    contractions = [read_emg(path) for path in settings.mvc]
    of_channels = [one.select([label for label in channels if label in one.labels]) for one in contractions]
    mvc = [linear_envelope(one, settings.envelope) for one in of_channels if one.labels]
    normalization_reference(envelopes, mvc, settings.normalization, windows=windows)
    for envelope, (start, end) in zip(envelopes, windows, strict=True):
        yield from of_emg.weak_channels(envelope, start=start, end=end)
    if mvc and settings.normalization.method in ("auto", "mvc"):
        maximal = normalization_reference(envelopes, mvc, settings.normalization.model_copy(update={"above_mvc": "clip"}))
        held = {label for one in mvc for label in one.labels}
        peaks = {
            label: max(float(one.column(label).max()) for one in envelopes) / float(value)
            for label, value in zip(maximal.channels, maximal.values, strict=True)
            if label in held
        }
        yield from of_emg.against_mvc(peaks)


@dataclass
class MarkersOfModel:
    """What the model, and the static trial that scales it, say of markers."""

    config: "WorkflowConfig"

    def __post_init__(self) -> None:
        model, setup = self.config.model.file, self.config.scaling.setup
        self.bodies = marker_bodies(model, setup)
        self.places = {name: np.array(place) for name, place in marker_locations(model, setup).items()}
        self.static = static_trial(self.config.scaling) if setup is not None else None

    def of_static_trial(self) -> Iterator[Finding]:
        """Judge the static trial by the model."""
        static, setup = self.static, self.config.scaling.setup
        if static is None or setup is None:
            return
        found = (*of_motion.vertical_axis(static), *of_markers.against_model(static, self.places, self.bodies))
        yield from found or of_markers.mirrored(static, self.places, self.bodies)
        if not found:
            yield from of_markers.measured_pairs(self._factors(static, measured_pairs(setup)), static.source)

    def of_recording(self, markers: MarkerTrajectories) -> Iterator[Finding]:
        """Judge a recording by the static trial, or by the model where there is none."""
        found = (*of_motion.vertical_axis(markers), *of_markers.against_model(markers, self.places, self.bodies))
        if not found:
            found = of_markers.mirrored(markers, self.places, self.bodies)
        if not found and self.static is not None:
            found = of_markers.against_static(markers, self.static, self.bodies)
        yield from found
        if not found:
            yield from of_markers.moving_markers(markers, self.bodies)
        settings = self.config.inverse_kinematics
        needed = task_markers(settings.setup) if settings is not None else ()
        yield from of_markers.rarely_seen(markers, needed)
        yield from of_markers.loose_bones(markers, needed, self.bodies)

    def _factors(self, static: MarkerTrajectories, pairs: tuple[tuple[str, str], ...]) -> dict[tuple[str, str], float]:
        """Return how much larger than in the model a pair on one body is."""
        factors = {}
        for a, b in pairs:
            if a in self.places and b in self.places and self.bodies.get(a) == self.bodies.get(b) and {a, b} <= set(static.markers):
                i, j = static.markers.index(a), static.markers.index(b)
                apart = static.positions[:, i] - static.positions[:, j]
                apart = apart[np.isfinite(apart).all(axis=1)]
                place = np.median(apart, axis=0) if len(apart) else np.zeros(3)
                factors[a, b] = float(np.linalg.norm(place) / np.linalg.norm(self.places[a] - self.places[b]))
        return factors


def _of_scaling(flow: "Flow") -> Iterator[Finding]:
    summary = flow.place.used["scaling"].summary
    yield from of_motion.scale_factors({body: tuple(three) for body, three in summary.get("scale_factors", {}).items()})
    placed = summary.get("static_markers")
    if placed is not None:
        yield from of_motion.placed_markers(placed["rms"], placed["largest"], placed["marker"])


def _of_inverse_kinematics(flow: "Flow") -> Iterator[Finding]:
    coordinates = read_coordinates(flow.place.path(SCALED_MODEL))
    for recording in flow.config.recordings:
        if recording.markers is None or not has_motion(recording):
            continue
        summary = flow.place.used[f"inverse_kinematics/{recording.name}"].summary
        if "marker_rms_mean" in summary:
            mean, largest, when = (float(summary[name]) for name in ("marker_rms_mean", "marker_error_max", "marker_error_max_time"))
            yield from of_motion.marker_errors(mean, largest, when, recording.name)
        angles = _in_radians(flow.place.path(SCALED_MODEL), read_storage(flow.place.path(motion(recording.name))))
        yield from of_motion.joint_angles(angles, coordinates)


def _of_inverse_dynamics(flow: "Flow") -> Iterator[Finding]:
    config = flow.config
    for recording in config.recordings:
        dofs = config.muscle_analysis.dofs
        table = moments_by_coordinate(read_storage(flow.place.path(moments(recording.name))), dofs, recording.dofs)
        scored = recording.dofs or table.labels
        rotations = [c.name for c in read_coordinates(flow.place.path(SCALED_MODEL)) if c.rotational and c.name in scored]
        yield from of_forces.joint_moments(table, rotations, config.subject.mass)
        summary = flow.place.used[f"inverse_dynamics/{recording.name}"].summary
        yield from of_forces.far_forces(summary.get("force_places", ()), recording.name)
        yield from of_forces.weight_carried(summary.get("vertical_force_over_weight", 0.0), recording.name)


def _of_trials(flow: "Flow") -> Iterator[Finding]:
    if flow.trials is None or flow.start_muscles is None:
        return
    strength = flow.start_muscles.select(flow.trials.muscles).values("max_isometric_force")
    synthesises = flow.config.calibration.method != "emg_driven" or bool(flow.config.dynamometer)
    yield from of_calibration.problem(flow.trials, strength, synthesises=synthesises)
    for name, data in flow.recorded.items():
        geometry, driven = data.geometry.select(flow.trials.muscles, flow.trials.dofs), data.excitations.select(flow.trials.muscles)
        clocks = (geometry.time, driven.time, data.moments.time)
        time = np.arange(max(clock[0] for clock in clocks), min(clock[-1] for clock in clocks), 0.01)
        scored = data.recording.dofs or flow.trials.dofs
        moved = of_emg.Movement(
            time=time,
            excitation=_on(time, driven.time, driven.values),
            moment_arm=_on(time, geometry.time, geometry.select(flow.trials.muscles, scored).moment_arm),
            strength=strength,
            moment=_on(time, data.moments.time, data.moments.select(scored).values),
            source=f"Recording {name}",
        )
        yield from of_emg.against_motion(moved)
        yield from of_emg.against_joints(moved, flow.trials.muscles, scored)


def _on(time: np.ndarray, clock: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Bring (time, ...) values to another clock, linearly."""
    flat = values.reshape(len(values), -1)
    return np.stack([np.interp(time, clock, column) for column in flat.T], axis=1).reshape(len(time), *values.shape[1:])


def _of_dynamometer(flow: "Flow") -> Iterator[Finding]:
    if flow.start_muscles is None or flow.trials is None:
        return
    strength = flow.start_muscles.select(flow.trials.muscles).values("max_isometric_force")
    for recording in flow.config.dynamometer:
        if recording.kind != "effort":
            continue
        if absent := [name for name in recording.agonists if name not in flow.trials.muscles]:
            joints = listed(flow.trials.dofs)
            yield note(f"Agonists of {recording.name} that cross none of {joints}, or take no part, count as absent: {listed(absent)}.")
        own = [trial for trial in flow.dynamometer if trial.name.split("/")[0] == recording.name]
        yield from of_dynamometer.effort_direction(own, recording.agonists, strength)


def _of_evaluation(flow: "Flow") -> Iterator[Finding]:
    if flow.calibration is not None:
        yield from of_calibration.muscles_in_use(flow.calibration, flow.predictions)
        yield from findings_of_legs(flow, flow.calibration.start_muscles, flow.calibration.muscles, flow.calibration.ligaments)
    yield from of_calibration.fitted_moments(flow.metrics)
    yield from of_calibration.held_out_moments(flow.metrics)
    yield from of_dynamometer.not_maximal(flow.dynamometer_metrics)


def _of_verification(flow: "Flow") -> Iterator[Finding]:
    found = flow.verification
    if found is not None:
        yield from of_calibration.confirmed(found.metrics, found.tolerance, found.failure)


# stage -> what is asked when it has ended
_JUDGES: Mapping[str, Callable[["Flow"], Iterable[Finding]]] = {
    "scaling": _of_scaling,
    "inverse_kinematics": _of_inverse_kinematics,
    "inverse_dynamics": _of_inverse_dynamics,
    "trials": _of_trials,
    "dynamometer": _of_dynamometer,
    "evaluation": _of_evaluation,
    "verification": _of_verification,
}


def judged(stage: str, flow: "Flow") -> tuple[Finding, ...]:
    """Return what the doctor says of what a stage has made."""
    return tuple(_JUDGES[stage](flow)) if stage in _JUDGES else ()
