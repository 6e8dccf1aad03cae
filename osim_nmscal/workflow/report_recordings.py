"""The recordings of a run as its report shows them: marker errors, residuals, forces with the trials cut from them, EMG channels."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.config import RecordingSettings, WorkflowConfig
from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.doctor.emg import raw_channels, weak_channels
from osim_nmscal.emg.envelope import linear_envelope
from osim_nmscal.emg.mapping import build_mapping
from osim_nmscal.emg.normalization import normalization_reference
from osim_nmscal.errors import NmscalError
from osim_nmscal.formats.emg_table import read_emg
from osim_nmscal.formats.storage import read_storage
from osim_nmscal.osim_model.reader import read_coordinates, read_muscles
from osim_nmscal.report.data import ChannelView, RecordingView, Span, TrialView
from osim_nmscal.workflow import names
from osim_nmscal.workflow.recording_files import read_forces, recorded_emg
from osim_nmscal.workflow.stages.inverse_kinematics import MARKER_ERRORS

FloatArray = NDArray[np.float64]

# Pieces of time in the sketch of a channel or a force: more cannot be told apart on a screen.
PIECES = 500


def recording_view(
    config: WorkflowConfig, recording: RecordingSettings, path: Callable[[str], Path], trials: Sequence[TrialView]
) -> RecordingView:
    """Gather what is shown of one recording.

    Args:
        config: of the run.
        recording: which one.
        path: returns where a file of the results folder lies.
        trials: of all recordings.
    """
    spans = tuple(
        Span(trial=trial.name, start=float(trial.time[trial.first_counted]), end=float(trial.time[-1]), role=trial.role)
        for trial in trials
        if trial.recording == recording.name
    )
    time, rms, largest = _marker_errors(path(names.marker_errors(recording.name)))
    force_time, force, label = _force(config, recording)
    given = recording.joint_moments is not None
    return RecordingView(
        name=recording.name,
        trials=spans,
        marker_time=time,
        marker_rms=rms,
        marker_max=largest,
        force_time=force_time,
        force=force,
        force_label=label,
        residuals=() if given else _residuals(config, path(names.moments(recording.name)), spans),
    )


def channel_views(config: WorkflowConfig) -> tuple[ChannelView, ...]:
    """Gather every mapped channel of every recording; none where a file cannot be read any more."""
    settings = config.emg
    try:
        raw = {recording.name: recorded_emg(recording) for recording in config.recordings}
        common = [label for label in next(iter(raw.values())).labels if all(label in one.labels for one in raw.values())]
        mapping = build_mapping(settings.mapping, common, read_muscles(config.model.file, config.model.substitute_muscle_class).names)
        raw = {name: series.select(mapping.channels) for name, series in raw.items()}
        envelopes = {name: linear_envelope(series, settings.envelope) for name, series in raw.items()}
        mvc = [read_emg(path) for path in settings.mvc]
        mvc = [linear_envelope(one.select([c for c in mapping.channels if c in one.labels]), settings.envelope) for one in mvc]
        windows = [(recording.start, recording.end) for recording in config.recordings]
        reference = normalization_reference(list(envelopes.values()), mvc, settings.normalization, windows=windows)
    except (NmscalError, OSError):
        return ()
    drives = {
        channel: tuple(muscle for muscle, weight in zip(mapping.muscles, mapping.weights[i], strict=True) if weight > 0)
        for i, channel in enumerate(mapping.channels)
    }
    peaks = dict(zip(reference.channels, map(float, reference.values), strict=True))
    is_raw = settings.envelope.kind == "raw"
    views = []
    for name, series in raw.items():
        said = (*(raw_channels(series) if is_raw else ()), *weak_channels(envelopes[name]))
        for channel in mapping.channels:
            flags = tuple(finding.text for finding in said if re.search(rf"\b{re.escape(channel)}\b", finding.text))
            shown = (series if is_raw else None, envelopes[name])
            views.append(_channel(name, channel, *shown, drives[channel], peaks.get(channel, float("nan")), flags))
    return tuple(views)


def _channel(
    recording: str,
    channel: str,
    raw: TimeSeries | None,
    envelope: TimeSeries,
    muscles: tuple[str, ...],
    reference: float,
    flags: tuple[str, ...],
) -> ChannelView:
    edges = np.linspace(0, len(envelope.time), min(PIECES, len(envelope.time)), endpoint=False).astype(int)
    signal = np.empty(0)
    if raw is not None:
        signal = raw.column(channel) - np.median(raw.column(channel))
    return ChannelView(
        recording=recording,
        name=channel,
        time=envelope.time[edges],
        low=np.minimum.reduceat(signal, edges) if raw is not None else signal,
        high=np.maximum.reduceat(signal, edges) if raw is not None else signal,
        envelope=np.maximum.reduceat(envelope.column(channel), edges),
        muscles=muscles,
        reference=reference,
        flags=flags,
    )


def _marker_errors(path: Path) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Read time, RMS and largest error (m) of every frame; empty where joint angles did not come from markers."""
    try:
        errors = read_storage(path).select(MARKER_ERRORS)
    except NmscalError:
        return np.empty(0), np.empty(0), np.empty(0)
    return errors.time, errors.values[:, 0], errors.values[:, 1]


def _force(config: WorkflowConfig, recording: RecordingSettings) -> tuple[FloatArray, FloatArray, str]:
    """Return time, size and label of the force that the trials are cut by; empty where they are not cut by one."""
    settings = recording.segmentation or config.trials.segmentation
    nothing = np.empty(0), np.empty(0), ""
    if settings.method not in ("stance", "stride"):
        return nothing
    try:
        forces = read_forces(recording, config)
        if forces is None:
            return nothing
        column = settings.vertical_force(forces)
    except (NmscalError, OSError):
        return nothing
    step = max(1, len(forces.time) // (3 * PIECES))
    return forces.time[::step], column[::step], settings.force_name


def _residuals(config: WorkflowConfig, path: Path, spans: Sequence[Span]) -> tuple[tuple[str, float, float], ...]:
    """Return name, RMS and peak over the trials of what acts at the model's base: forces and moments of its free joint."""
    try:
        moments = read_storage(path)
        base = [coordinate.name for coordinate in read_coordinates(config.model.file)[:6]]
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
