"""One function per station: from the configuration and the files of the stations before to the files of this one.

Every result is read back from its file, never handed on in memory, so that a run from the cache and a fresh one give the same bits.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from osim_nmscal.config import RecordingSettings, WorkflowConfig
from osim_nmscal.data.emg import EmgMapping
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.data.trials import MuscleGeometry, Trial, TrialSet
from osim_nmscal.emg.envelope import linear_envelope
from osim_nmscal.emg.mapping import build_mapping, excitations
from osim_nmscal.emg.normalization import normalization_reference, normalize
from osim_nmscal.errors import ConfigError, SignalError, listed
from osim_nmscal.formats.emg_table import read_emg
from osim_nmscal.formats.storage import read_storage, write_storage
from osim_nmscal.opensim_tools.inverse_dynamics import run_inverse_dynamics
from osim_nmscal.opensim_tools.inverse_kinematics import run_inverse_kinematics
from osim_nmscal.opensim_tools.muscle_analysis import LENGTH_FILE, MOMENT_ARM_FILE, read_muscle_analysis, run_muscle_analysis
from osim_nmscal.opensim_tools.scaling import scale_model
from osim_nmscal.osim_model.conversion import convert_muscles
from osim_nmscal.osim_model.reader import read_muscles
from osim_nmscal.signals import resample, uniform_time
from osim_nmscal.trials.assembly import cut_trials, lead_in_findings
from osim_nmscal.trials.clock import emg_clock_findings
from osim_nmscal.trials.roles import assign_roles, trial_names
from osim_nmscal.trials.segmentation import Segment, segment_recording, segments_within
from osim_nmscal.workflow.inputs import (
    external_loads,
    moments_by_coordinate,
    named_files,
    read_events,
    read_forces,
    read_markers,
    write_external_loads,
)
from osim_nmscal.workflow.results import ResultsFolder
from osim_nmscal.workflow.runner import StageRunner


@dataclass(frozen=True, kw_only=True)
class Workplace:
    """What every stage works with."""

    config: WorkflowConfig
    folder: ResultsFolder
    runner: StageRunner


def scaling(place: Workplace) -> Path:
    """Write model_scaled.osim: scaled, with its mass adjusted, or as it is."""
    config, out = place.config, place.folder.scaled_model
    settings = config.scaling
    if settings.mass is None:
        settings = settings.model_copy(update={"mass": config.subject.mass})
    setup = [settings.setup, *named_files(settings.setup)] if settings.setup else []

    def work() -> Mapping[str, Any]:
        result = scale_model(config.model.file, out, settings=settings)
        return {"mass": result.mass, "mass_factor": result.mass_factor}

    place.runner.run(
        "scaling",
        "",
        work,
        settings=settings.model_dump(mode="json", exclude={"setup"}),
        inputs=[config.model.file, *setup],
        outputs=[out],
    )
    return out


def inverse_kinematics(place: Workplace, recording: RecordingSettings) -> Path | None:
    """Write ik.mot: from markers, or the part of given joint angles that is used; None where no angles are needed or there."""
    config, out = place.config, place.folder.recording(recording.name) / "ik.mot"
    window = {"start": recording.start, "end": recording.end}
    if recording.joint_angles is not None:
        given = recording.joint_angles
        place.runner.run(
            "inverse_kinematics", recording.name, lambda: _part_of(given, out, recording), settings=window, inputs=[given], outputs=[out]
        )
        return out
    if recording.markers is None or config.inverse_kinematics is None:
        return None
    settings, model = config.inverse_kinematics, place.folder.scaled_model

    def work() -> Mapping[str, Any]:
        result = run_inverse_kinematics(model, read_markers(recording), out, settings=settings, start=recording.start, end=recording.end)
        rms = result.marker_error_rms
        return {"frames": len(rms), "marker_rms_mean": float(rms.mean()), "marker_rms_max": float(rms.max())}

    place.runner.run(
        "inverse_kinematics",
        recording.name,
        work,
        settings=window | {"axes": recording.c3d_axes} | settings.model_dump(mode="json", exclude={"setup"}),
        inputs=[model, recording.markers, settings.setup, *named_files(settings.setup)],
        outputs=[out],
    )
    return out


def _part_of(given: Path, out: Path, recording: RecordingSettings) -> Mapping[str, Any]:
    motion = read_storage(given)
    start = motion.time[0] if recording.start is None else recording.start
    end = motion.time[-1] if recording.end is None else recording.end
    part = motion.between(start, end)
    write_storage(out, part, header_name="Coordinates")
    return {"frames": len(part.time)}


def inverse_dynamics(place: Workplace, recording: RecordingSettings, motion: Path | None) -> Path:
    """Write id.sto: from joint angles and forces, or the given joint moments of the dofs."""
    config, home = place.config, place.folder.recording(recording.name)
    out, dofs = home / "id.sto", config.muscle_analysis.dofs
    if recording.joint_moments is not None:
        given = recording.joint_moments
        place.runner.run(
            "inverse_dynamics",
            recording.name,
            lambda: _given_moments(given, out, dofs),
            settings={"dofs": dofs},
            inputs=[given],
            outputs=[out],
        )
        return out
    if motion is None:
        raise ConfigError(f"Recording {recording.name!r} has neither joint angles nor joint moments; add one of them.")
    loads, model, written = external_loads(recording, config), place.folder.scaled_model, [out]
    inputs = [model, motion, *([loads, *named_files(loads)] if loads else [])]
    if recording.force_plates and recording.forces:
        inputs, written = [*inputs, recording.forces], [out, home / "forces.mot", home / "external_loads.xml"]

    def run() -> Mapping[str, Any]:
        used = write_external_loads(recording, home) if recording.force_plates else loads
        settings = config.inverse_dynamics.model_copy(update={"external_loads": used})
        result = run_inverse_dynamics(model, motion, out, settings=settings)
        return {"vertical_force_over_weight": float(result.vertical_force_over_weight)}

    settings = config.inverse_dynamics.model_dump(mode="json", exclude={"external_loads"})
    settings |= {"plates": recording.force_plates, "axes": recording.c3d_axes}
    place.runner.run("inverse_dynamics", recording.name, run, settings=settings, inputs=inputs, outputs=written)
    return out


def _given_moments(given: Path, out: Path, dofs: tuple[str, ...]) -> Mapping[str, Any]:
    moments = moments_by_coordinate(read_storage(given), dofs)
    write_storage(out, replace(moments, labels=tuple(f"{dof}_moment" for dof in dofs)), header_name="Joint moments as given")
    return {}


def muscle_analysis(place: Workplace, recording: RecordingSettings, motion: Path | None) -> Path:
    """Write mtu_length.sto and moment_arm_<dof>.sto, and return their folder; or the folder of an earlier analysis as it is."""
    if recording.muscle_analysis is not None:
        return recording.muscle_analysis
    settings, home, model = place.config.muscle_analysis, place.folder.recording(recording.name), place.folder.scaled_model
    if motion is None:
        raise ConfigError(f"Recording {recording.name!r} has neither joint angles nor a folder of muscle_analysis; add one of them.")

    def work() -> Mapping[str, Any]:
        geometry = run_muscle_analysis(model, motion, home, settings=settings)
        return {"frames": len(geometry.time), "muscles": len(geometry.muscles)}

    place.runner.run(
        "muscle_analysis",
        recording.name,
        work,
        settings=settings.model_dump(mode="json"),
        inputs=[model, motion],
        outputs=[home / LENGTH_FILE, *(home / MOMENT_ARM_FILE.format(dof=dof) for dof in settings.dofs)],
    )
    return home


def emg(place: Workplace) -> EmgMapping:
    """Write excitations.sto of every recording, on the clock of the trials; all recordings share one normalization."""
    config, settings = place.config, place.config.emg
    muscles = read_muscles(config.model.file, config.model.substitute_muscle_class)
    mapping = build_mapping(settings.mapping, _common_channels(config), muscles.names)
    outputs = {recording.name: place.folder.recording(recording.name) / "excitations.sto" for recording in config.recordings}

    def work() -> Mapping[str, Any]:
        envelopes = {
            r.name: linear_envelope(read_emg(r.emg, mapping.channels), settings.envelope, start=r.start, end=r.end)
            for r in config.recordings
        }
        mvc = [linear_envelope(_mapped_channels(path, mapping), settings.envelope) for path in settings.mvc]
        reference = normalization_reference(
            list(envelopes.values()), mvc, settings.normalization, windows=[(r.start, r.end) for r in config.recordings]
        )
        for name, envelope in envelopes.items():
            driven = excitations(normalize(envelope, reference), mapping)
            clock = uniform_time(driven.time, config.trials.time_step)
            write_storage(outputs[name], resample(driven, clock, "monotone"), header_name="Excitations")
        peaks = dict(zip(reference.channels, map(float, reference.values), strict=True))
        return {"normalization": peaks, "findings": reference.findings}

    place.runner.run(
        "emg",
        "",
        work,
        settings=settings.model_dump(mode="json", exclude={"mvc"})
        | {"time_step": config.trials.time_step, "windows": [(r.start, r.end) for r in config.recordings]},
        inputs=[config.model.file, *(recording.emg for recording in config.recordings), *settings.mvc],
        outputs=outputs.values(),
    )
    return mapping


def _common_channels(config: WorkflowConfig) -> tuple[str, ...]:
    """Return the channels that every recording has, in the order of the first."""
    labels = [read_emg(recording.emg).labels for recording in config.recordings]
    return tuple(channel for channel in labels[0] if all(channel in others for others in labels))


def _mapped_channels(path: Path, mapping: EmgMapping) -> TimeSeries:
    contraction = read_emg(path)
    used = [channel for channel in mapping.channels if channel in contraction.labels]
    if not used:
        raise SignalError(f"{path} is an MVC recording without any mapped channel ({listed(mapping.channels)}); take it out of emg.mvc.")
    return contraction.select(used)


@dataclass(frozen=True, kw_only=True)
class RecordingData:
    """What the trials of one recording are cut from."""

    recording: RecordingSettings
    geometry: MuscleGeometry
    moments: TimeSeries  # columns named by dof
    excitations: TimeSeries  # columns named by muscle


def read_recording(place: Workplace, recording: RecordingSettings, moments: Path, geometry: Path, mapped: tuple[str, ...]) -> RecordingData:
    """Read the results of the stations before for one recording.

    Muscles that cross none of the dofs are left out; so are those without EMG, unless the calibration synthesises them: then
    their excitation is zero.
    """
    dofs, synthesises = place.config.muscle_analysis.dofs, place.config.calibration.method == "synergy_hybrid"
    whole = read_muscle_analysis(geometry, dofs)
    arms = np.abs(whole.moment_arm).max(axis=(0, 1))
    crossing = [name for name, arm in zip(whole.muscles, arms, strict=True) if arm > 0 and (synthesises or name in mapped)]
    recorded = read_storage(place.folder.recording(recording.name) / "excitations.sto")
    values = np.zeros((len(recorded.time), len(crossing)))
    for column, name in enumerate(crossing):
        if name in mapped:
            values[:, column] = recorded.column(name)
    return RecordingData(
        recording=recording,
        geometry=whole.select(crossing, dofs),
        moments=moments_by_coordinate(read_storage(moments), dofs),
        excitations=TimeSeries(time=recorded.time, labels=tuple(crossing), values=values, source=str(recording.emg)),
    )


def segments_of(place: Workplace, data: RecordingData, motion: Path | None) -> tuple[tuple[Segment, ...], tuple[str, ...]]:
    """Find the segments of one recording that all its signals cover, and say what was left out."""
    recording, config = data.recording, place.config
    settings = recording.segmentation or config.trials.segmentation
    found = segment_recording(
        settings,
        forces=_in_window(read_forces(recording, config), recording) if settings.method in ("stance", "stride") else None,
        coordinates=read_storage(motion) if motion is not None and settings.method == "cycle" else None,
        events=read_events(recording) if settings.method == "events" else (),
    )
    series = (data.geometry.time, data.moments.time, data.excitations.time)
    start, end = max(time[0] for time in series), min(time[-1] for time in series)
    inside = segments_within(found.segments, float(start), float(end))
    return inside.segments, found.findings + inside.findings


def _in_window(forces: TimeSeries | None, recording: RecordingSettings) -> TimeSeries | None:
    if forces is None:
        return None
    start = forces.time[0] if recording.start is None else recording.start
    end = forces.time[-1] if recording.end is None else recording.end
    return forces.between(float(start), float(end))


def trials(place: Workplace, recordings: list[RecordingData], motions: Mapping[str, Path | None]) -> tuple[TrialSet, tuple[str, ...]]:
    """Cut the trials of all recordings and give each its role; also return what the user must know of them."""
    settings = place.config.trials
    findings: list[str] = []
    segments: dict[str, tuple[Segment, ...]] = {}
    for data in recordings:
        name = data.recording.name
        segments[name], said = segments_of(place, data, motions[name])
        recorded = data.excitations.select([label for label in data.excitations.labels if data.excitations.column(label).any()])
        findings += [*said, *emg_clock_findings(recorded, segments[name])]
    names = [trial for name, found in segments.items() for trial in trial_names(name, found)]
    roles = assign_roles(names, settings.roles)
    shared = [m for m in recordings[0].geometry.muscles if all(m in data.geometry.muscles for data in recordings)]
    cut: list[Trial] = []
    for data in recordings:
        name = data.recording.name
        geometry = data.geometry.select(shared, data.geometry.dofs)
        cut += cut_trials(name, segments[name], geometry, data.moments, data.excitations.select(shared), settings=settings, roles=roles)
    return TrialSet(trials=tuple(cut)), (*findings, *lead_in_findings(cut, settings))


def left_out_muscles(mapping: EmgMapping, trial_set: TrialSet) -> tuple[str, ...]:
    """Say which mapped muscles do not take part, as no dof sees them."""
    idle = [name for name in mapping.muscles if name not in trial_set.muscles]
    if not idle:
        return ()
    return (f"Muscles that are mapped to EMG but cross none of {listed(trial_set.dofs)} are left out: {listed(idle)}.",)


def calibrated_table(place: Workplace, trial_set: TrialSet) -> MuscleTable:
    """Return the muscles that take part, as the scaled model states them, in the class that will be written."""
    substitute, target = place.config.model.substitute_muscle_class, place.config.output.muscle_class
    table = read_muscles(place.folder.scaled_model, substitute).select(trial_set.muscles)
    return table if target == "keep" else convert_muscles(table, target)
