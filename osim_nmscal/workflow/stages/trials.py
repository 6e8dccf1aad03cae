"""Trials: segments of the recordings on one clock, each with its role. Never cached: they take no time and are no files."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from osim_nmscal.data.emg import EmgMapping
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.data.trials import Trial, TrialSet
from osim_nmscal.errors import listed
from osim_nmscal.formats.storage import read_storage
from osim_nmscal.osim_model.conversion import in_class
from osim_nmscal.osim_model.reader import read_muscles
from osim_nmscal.trials.assembly import cut_trials, lead_in_findings
from osim_nmscal.trials.clock import emg_clock_findings
from osim_nmscal.trials.roles import assign_roles, require_apart, trial_names
from osim_nmscal.trials.segmentation import Segment, segment_recording, segments_within
from osim_nmscal.workflow.captures import same_captures
from osim_nmscal.workflow.contacts import usual_stances
from osim_nmscal.workflow.flow import Flow, RecordingData, made
from osim_nmscal.workflow.names import SCALED_MODEL, excitations, moments, motion
from osim_nmscal.workflow.recording_files import (
    coordinates_of,
    has_motion,
    moments_by_coordinate,
    read_events,
    read_forces,
    recorded_geometry,
)
from osim_nmscal.workflow.stages.muscle_analysis import folder_of

if TYPE_CHECKING:
    from osim_nmscal.config import RecordingSettings, WorkflowConfig


def outputs(config: "WorkflowConfig") -> tuple[str, ...]:
    """Return what it writes: nothing."""
    return ()


def run(flow: Flow) -> None:
    """Cut the trials of all recordings, and read the muscles that take part."""
    mapping = made(flow.mapping, "EMG mapping")
    with flow.runner.timed("trials") as findings:
        data = [read_recording(flow, recording, mapping.muscles) for recording in flow.config.recordings]
        flow.recorded = {one.recording.name: one for one in data}
        flow.trials, said = cut(flow.config, data)
        findings += [*said, *_left_out(mapping, flow.trials)]
        flow.start_muscles = _table(flow, flow.trials)


def read_recording(flow: Flow, recording: "RecordingSettings", mapped: tuple[str, ...]) -> RecordingData:
    """Read the results of the stations before for one recording.

    Muscles that cross none of the dofs are left out; so are those without EMG, unless the calibration synthesises them, or a dynamometer
    tells of them: then their excitation is zero.
    """
    place, name = flow.place, recording.name
    dofs = flow.config.muscle_analysis.dofs
    synthesises = flow.config.calibration.method != "emg_driven" or bool(flow.config.dynamometer)
    whole = recorded_geometry(recording, folder_of(flow, recording), dofs)
    arms = np.abs(whole.moment_arm).max(axis=(0, 1))
    crossing = [muscle for muscle, arm in zip(whole.muscles, arms, strict=True) if arm > 0 and (synthesises or muscle in mapped)]
    recorded = read_storage(place.path(excitations(name)))
    values = np.zeros((len(recorded.time), len(crossing)))
    for column, muscle in enumerate(crossing):
        if muscle in mapped:
            values[:, column] = recorded.column(muscle)
    moved = place.path(motion(name)) if has_motion(recording) else None
    return RecordingData(
        recording=recording,
        geometry=whole.select(crossing, dofs),
        moments=moments_by_coordinate(read_storage(place.path(moments(name))), dofs, recording.dofs),
        excitations=TimeSeries(time=recorded.time, labels=tuple(crossing), values=values, source=str(recording.emg)),
        motion=moved,
        angles=None if moved is None else coordinates_of(moved, place.path(SCALED_MODEL), dofs),
    )


def cut(config: "WorkflowConfig", recordings: list[RecordingData]) -> tuple[TrialSet, tuple[str, ...]]:
    """Cut the trials of all recordings and give each its role; also return what the user must know of them."""
    settings = config.trials
    findings: list[str] = []
    segments: dict[str, tuple[Segment, ...]] = {}
    for data in recordings:
        name = data.recording.name
        segments[name], said = segments_of(config, data)
        recorded = data.excitations.select([label for label in data.excitations.labels if data.excitations.column(label).any()])
        findings += [*said, *emg_clock_findings(recorded, segments[name])]
    names = [trial for name, found in segments.items() for trial in trial_names(name, found)]
    roles = assign_roles(names, settings.roles, {data.recording.name: data.recording.role for data in recordings})
    named = {trial: one for name, found in segments.items() for trial, one in zip(trial_names(name, found), found, strict=True)}
    require_apart(named, roles, settings.time_step, same_captures(config))
    shared = [m for m in recordings[0].geometry.muscles if all(m in data.geometry.muscles for data in recordings)]
    trials: list[Trial] = []
    for data in recordings:
        name = data.recording.name
        geometry = data.geometry.select(shared, data.geometry.dofs)
        trials += cut_trials(
            name,
            segments[name],
            geometry,
            data.moments,
            data.excitations.select(shared),
            settings=settings,
            roles=roles,
            measured=data.recording.dofs,
            angles=data.angles,
        )
    return TrialSet(trials=tuple(trials)), (*findings, *lead_in_findings(trials, settings))


def segments_of(config: "WorkflowConfig", data: RecordingData) -> tuple[tuple[Segment, ...], tuple[str, ...]]:
    """Find the segments of one recording that all its signals cover, and say what was left out."""
    recording = data.recording
    settings = recording.segmentation or config.trials.segmentation
    forces = _in_window(read_forces(recording, config), recording) if settings.method in ("stance", "stride") else None
    found = segment_recording(
        settings,
        forces=forces,
        coordinates=read_storage(data.motion) if data.motion is not None and settings.method == "cycle" else None,
        events=read_events(recording) if settings.method == "events" else (),
    )
    series = (data.geometry.time, data.moments.time, data.excitations.time)
    start, end = max(time[0] for time in series), min(time[-1] for time in series)
    inside = segments_within(found.segments, float(start), float(end))
    kept, _ = usual_stances(config, recording, inside.segments, forces)  # `check` has said which are not
    return kept, found.findings + inside.findings


def _in_window(forces: TimeSeries | None, recording: "RecordingSettings") -> TimeSeries | None:
    if forces is None:
        return None
    start = forces.time[0] if recording.start is None else recording.start
    end = forces.time[-1] if recording.end is None else recording.end
    return forces.between(float(start), float(end))


def _left_out(mapping: EmgMapping, trials: TrialSet) -> Iterator[str]:
    """Say which mapped muscles do not take part, as no dof sees them."""
    idle = [name for name in mapping.muscles if name not in trials.muscles]
    if idle:
        yield f"Muscles that are mapped to EMG but cross none of {listed(trials.dofs)} are left out: {listed(idle)}."


def _table(flow: Flow, trials: TrialSet) -> MuscleTable:
    """Return the muscles that take part as the calibration starts with them, in the class that will be written; "auto" chooses it later."""
    if flow.starting_values is not None:
        return flow.starting_values.muscles.select(trials.muscles)
    table = read_muscles(flow.place.path(SCALED_MODEL), flow.config.model.substitute_muscle_class).select(trials.muscles)
    return in_class(table, flow.config.output.muscle_class)
