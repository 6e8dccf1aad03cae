"""What a run has made, gathered for its report: from memory where it is there, from the files of the results folder else.

A part that cannot be read is left out, and the report says so: a report must not fail where a run succeeded.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np

from osim_nmscal.config import RecordingSettings, WorkflowConfig, describe_settings
from osim_nmscal.data.results import TrialPrediction
from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.data.trials import TrialSet
from osim_nmscal.emg.envelope import linear_envelope
from osim_nmscal.emg.mapping import build_mapping
from osim_nmscal.emg.normalization import normalization_reference
from osim_nmscal.emg.quality import channel_findings
from osim_nmscal.errors import NmscalError
from osim_nmscal.formats.emg_table import read_emg
from osim_nmscal.formats.storage import read_storage
from osim_nmscal.osim_model.reader import read_coordinates, read_muscles
from osim_nmscal.report.data import ChannelView, Finding, Light, RecordingView, ReportData, SettingRow, Span, Station, Verdict
from osim_nmscal.workflow.cache import file_digest
from osim_nmscal.workflow.inputs import read_forces
from osim_nmscal.workflow.personalize import PersonalizedResult
from osim_nmscal.workflow.preparation import input_files
from osim_nmscal.workflow.results import versions

# Pieces of time in the sketch of a channel or a force: more cannot be told apart on a screen.
PIECES = 500
# One line of OpenSim's log per frame of inverse kinematics. Source: OpenSim 4.6, InverseKinematicsTool.
_FRAME = re.compile(r"Frame \d+ \(t = ([-\d.e+]+)\):.*marker error: RMS = ([-\d.e+]+), max = ([-\d.e+]+) \((.+)\)")


def report_of_run(config: WorkflowConfig, result: PersonalizedResult, *, uncalibrated: Sequence[TrialPrediction] = ()) -> ReportData:
    """Gather everything that the report of a finished run shows.

    Args:
        config: what the run was made from.
        result: what it made.
        uncalibrated: predictions of the muscles before calibration.
    """
    verification = result.verification
    return ReportData(
        subject=config.subject.name,
        model=config.model.file.name,
        date=datetime.now().strftime("%Y-%m-%d"),
        facts=_facts(config, result.trials),
        verdict=_verdict(result),
        findings=tuple(Finding(kind="note", text=_without_folders(text)) for text in result.findings),
        stations=tuple(Station(name=time.name, seconds=time.seconds, cached=time.cached) for time in result.stages),
        recordings=tuple(_recording(config, recording, result) for recording in config.recordings),
        channels=_channels(config),
        trials=result.trials,
        uncalibrated=tuple(uncalibrated),
        calibrated=result.predictions,
        calibration=result.calibration,
        prior_widths={
            name: getattr(config.calibration.parameters, name).prior_width for name in type(config.calibration.parameters).model_fields
        },
        metrics=result.metrics,
        verification=verification.metrics if verification else (),
        verification_tolerance=config.verification.tolerance,
        verification_failure=verification.failure if verification else "",
        settings=_settings(config),
        versions=versions(),
        inputs={path.name: file_digest(path) for path in input_files(config) if path.is_file()},
        mass=config.subject.mass,
    )


def _facts(config: WorkflowConfig, trials: TrialSet | None) -> tuple[tuple[str, str], ...]:
    facts = [("mass", f"{config.subject.mass:g} kg")]
    if config.subject.height:
        facts.append(("height", f"{config.subject.height:g} m"))
    facts.append(("recordings", ", ".join(recording.name for recording in config.recordings)))
    if trials is not None:
        used = sum(trial.role == "calibration" for trial in trials.trials)
        facts.append(("trials", f"{used} calibrate, {len(trials.trials) - used} held out"))
        facts.append(("muscle-tendon units", str(len(trials.muscles))))
        facts.append(("joints", ", ".join(trials.dofs)))
    return tuple(facts)


def _verdict(result: PersonalizedResult) -> Verdict:
    """Sum up what is known of a run in one sentence."""
    red, amber, green = [], [], []
    if result.calibration is None:
        return Verdict(light="grey", sentence="Not finished: no model was calibrated.")
    after = [m for m in result.metrics if m.model == "calibrated"]
    held = [m for m in after if m.role == "held_out"]
    bad = [m for m in held if m.r2 < 0]
    if bad:
        worst = min(bad, key=lambda m: m.r2)
        red.append(
            f"R² of {worst.dof} in held-out {worst.trial} is {worst.r2:.2f}: worse than a constant ({len(bad)} of {len(held)} such)."
        )
    if not held:
        amber.append("Not validated: no trial was held out.")
    if result.verification is None:
        amber.append("OpenSim did not run the personalized model.")
    elif result.verification.failure:
        red.append("OpenSim cannot run the personalized model.")
    elif not result.verification.confirmed:
        red.append(f"OpenSim's own run differs from the prediction by up to {100 * result.verification.worst:.1f} % of a moment's range.")
    else:
        green.append(f"OpenSim confirms the numerics: every moment within {100 * result.verification.tolerance:g} % of what was predicted.")
    if result.calibration.status in ("interrupted", "failed", "iterations"):
        amber.append(f"The calibration ended early ({result.calibration.status}).")
    light: Light = "red" if red else "amber" if amber else "green"
    sentence = {"red": "Do not use before you know why.", "amber": "Use with care.", "green": "Fit for use."}[light]
    return Verdict(light=light, sentence=sentence, reasons=(*red, *amber, *green))


def _recording(config: WorkflowConfig, recording: RecordingSettings, result: PersonalizedResult) -> RecordingView:
    spans = tuple(
        Span(trial=trial.name, start=float(trial.time[trial.first_counted]), end=float(trial.time[-1]), role=trial.role)
        for trial in (result.trials.trials if result.trials is not None else ())
        if trial.name.rpartition("/")[0] == recording.name
    )
    home = result.folder / recording.name
    time, rms, largest, worst = _marker_errors(home / "ik.log")
    force_time, force, label = _force(config, recording)
    return RecordingView(
        name=recording.name,
        trials=spans,
        marker_time=time,
        marker_rms=rms,
        marker_max=largest,
        worst_marker=worst,
        force_time=force_time,
        force=force,
        force_label=label,
        residuals=_residuals(config, home / "id.sto", spans) if recording.joint_moments is None else (),
    )


def _marker_errors(log: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, str]:
    """Read time, RMS and largest error (m) of every frame, and the marker that is most often the worst, from OpenSim's log."""
    rows = _FRAME.findall(log.read_text(encoding="utf-8", errors="replace")) if log.is_file() else []
    values = np.array([[float(number) for number in row[:3]] for row in rows]).reshape(-1, 3)
    names = [row[3] for row in rows]
    return values[:, 0], values[:, 1], values[:, 2], max(set(names), key=names.count) if names else ""


def _force(config: WorkflowConfig, recording: RecordingSettings) -> tuple[np.ndarray, np.ndarray, str]:
    """Return time, size and label of the force that the trials are cut by; empty where they are not cut by one."""
    settings = recording.segmentation or config.trials.segmentation
    if settings.method not in ("stance", "stride"):
        return np.empty(0), np.empty(0), ""
    try:
        forces = read_forces(recording, config)
        column = forces.column(settings.force_column) if forces is not None else np.empty(0)
    except (NmscalError, OSError):
        return np.empty(0), np.empty(0), ""
    if forces is None:
        return np.empty(0), np.empty(0), ""
    step = max(1, len(forces.time) // (3 * PIECES))
    return forces.time[::step], column[::step], settings.force_column


def _residuals(config: WorkflowConfig, path: Path, spans: Sequence[Span]) -> tuple[tuple[str, float, float], ...]:
    """Return name, RMS and peak over the trials of what acts at the model's base: forces and moments of its free joint."""
    try:
        moments = read_storage(path)
        base = [c.name for c in read_coordinates(config.model.file)[:6]]
    except NmscalError:
        return ()
    inside = np.zeros(len(moments.time), dtype=bool)
    for span in spans:
        inside |= (moments.time >= span.start) & (moments.time <= span.end)
    labels = [label for label in moments.labels if label.rpartition("_")[0] in base]
    if not inside.any() or sum(label.endswith("_force") for label in labels) < 3:
        return ()  # the base is fixed: its first coordinates are joints
    columns = [(label, moments.column(label)[inside]) for label in labels]
    return tuple((label, float(np.sqrt(np.mean(values**2))), float(np.abs(values).max())) for label, values in columns)


def _channels(config: WorkflowConfig) -> tuple[ChannelView, ...]:
    """Return every mapped channel of every recording; none where a file cannot be read any more."""
    settings = config.emg
    try:
        raw = {recording.name: read_emg(recording.emg) for recording in config.recordings}
        common = [label for label in next(iter(raw.values())).labels if all(label in one.labels for one in raw.values())]
        mapping = build_mapping(settings.mapping, common, read_muscles(config.model.file, config.model.substitute_muscle_class).names)
        raw = {name: series.select(mapping.channels) for name, series in raw.items()}
        envelopes = {name: linear_envelope(series, settings.envelope) for name, series in raw.items()}
        mvc = [read_emg(path) for path in settings.mvc]
        mvc = [linear_envelope(one.select([c for c in mapping.channels if c in one.labels]), settings.envelope) for one in mvc]
        reference = normalization_reference(list(envelopes.values()), mvc, settings.normalization)
    except (NmscalError, OSError):
        return ()
    drives = {
        channel: tuple(muscle for muscle, weight in zip(mapping.muscles, mapping.weights[i], strict=True) if weight > 0)
        for i, channel in enumerate(mapping.channels)
    }
    peaks = dict(zip(reference.channels, map(float, reference.values), strict=True))
    views = []
    for name, series in raw.items():
        flags = channel_findings(series, envelopes[name]) if settings.envelope.kind == "raw" else ()
        for channel in mapping.channels:
            said = tuple(_without_folders(flag) for flag in flags if f"channel {channel} " in flag)
            views.append(_channel(name, channel, series, envelopes[name], drives[channel], peaks.get(channel, float("nan")), said, config))
    return tuple(views)


def _channel(
    recording: str,
    channel: str,
    raw: TimeSeries,
    envelope: TimeSeries,
    muscles: tuple[str, ...],
    reference: float,
    flags: tuple[str, ...],
    config: WorkflowConfig,
) -> ChannelView:
    pieces = min(PIECES, len(raw.time))
    edges = np.linspace(0, len(raw.time), pieces, endpoint=False).astype(int)
    signal = raw.column(channel) - np.median(raw.column(channel))
    is_raw = config.emg.envelope.kind == "raw"
    return ChannelView(
        recording=recording,
        name=channel,
        time=raw.time[edges],
        low=np.minimum.reduceat(signal, edges) if is_raw else np.empty(0),
        high=np.maximum.reduceat(signal, edges) if is_raw else np.empty(0),
        envelope=np.maximum.reduceat(envelope.column(channel), edges),
        muscles=muscles,
        reference=reference,
        flags=flags,
    )


def _settings(config: WorkflowConfig) -> tuple[SettingRow, ...]:
    """Return every setting with its default; those of the recordings, which are lists, are told by the trials and files."""
    rows = []
    values = {one.key: one.default for one in describe_settings(defaults=config)}
    for one in describe_settings():
        if "[]" in one.key:
            continue
        value = _without_folders(values.get(one.key, one.default))
        rows.append(SettingRow(key=one.key, value=value, default=one.default, unit=one.unit, meaning=one.meaning))
    return tuple(rows)


def _without_folders(text: str) -> str:
    """Drop the folders of absolute paths: where a file lies is the user's own business, and says nothing to a reader elsewhere."""
    return re.sub(r"(?<![\w.])(?:[A-Za-z]:)?[/\\](?:[^/\\\s\"',;]+[/\\])+(?=[^/\\\s\"',;]+)", "", text)
