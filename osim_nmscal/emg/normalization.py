"""Normalization: from envelopes in volts or counts to excitations between 0 and 1.

Each channel is divided by one reference: the best mean over a second of its envelope in the recordings of maximal voluntary
contraction (MVC), made with the same filters; where there are none, its highest value over all recordings (Hambly 2025, III-A, uses
MVC). Which of the two was used, and where the peak lies, is a finding for the report: an artefact shows there.

Departure from the highest sample of an MVC: even a steady contraction has an envelope that fluctuates, so its highest sample is too
high and every excitation too low. On the virtual leg's MVC (20 persons, 10 channels, full excitation known) excitations come out at
0.81 of the truth by the highest sample, 0.95 by the best 0.5 s, 0.99 by the best 1 s.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.noun import Noun
from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.emg.envelope import used_part
from osim_nmscal.errors import SignalError, UnknownNameError, did_you_mean, listed
from osim_nmscal.settings import Settings, setting

FloatArray = NDArray[np.float64]

# An already normalized envelope may exceed 1 by this much, in this part of its samples: filters ring, and splines overshoot. Less than
# the last is rounding. Source: choice.
LARGEST_EXCESS = 0.05
LARGEST_EXCESS_SHARE = 0.05
ROUNDING = 1e-6


class NormalizationSettings(Settings):
    """What envelopes are divided by.

    Example:
        >>> NormalizationSettings(method="mvc").mvc_duration
        1.0
    """

    method: Literal["auto", "mvc", "highest", "none"] = setting(
        "auto",
        unit="-",
        description="'mvc': by the MVC recordings; 'highest': highest value over all recordings; "
        "'auto': MVC where a channel has one, else the highest value; 'none': the envelopes are normalized already.",
        source="Hambly 2025, III-A; fallback: choice, common practice without MVC",
    )
    mvc_reference: Literal["best_mean", "peak"] = setting(
        "best_mean",
        unit="-",
        description="What of an MVC counts: its best mean over mvc_duration, or its highest single sample, which is biased upwards.",
        source="measured: excitations at 0.99 of the truth by the best 1 s, 0.81 by the highest sample",
    )
    mvc_duration: float = setting(
        1.0, unit="s", description="Stretch of an MVC that mvc_reference = 'best_mean' averages.", source="measured; 0.5 s gives 0.95", gt=0
    )
    above_mvc: Literal["raise", "clip"] = setting(
        "raise",
        unit="-",
        description="Where a movement exceeds the MVC: 'raise' the reference to the movement's peak, or 'clip' the excitation at 1.",
        source="choice: clipping would flatten the peaks that calibration learns from",
    )


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class NormalizationReference(Noun):
    """What each channel is divided by, and why."""

    channels: tuple[str, ...]
    values: FloatArray  # (channel,), unit of the envelopes, > 0
    findings: tuple[str, ...]  # one sentence per choice a user must see


def normalization_reference(
    recordings: Sequence[TimeSeries],
    mvc: Sequence[TimeSeries] = (),
    settings: NormalizationSettings | None = None,
    *,
    windows: Sequence[tuple[float | None, float | None]] = (),
) -> NormalizationReference:
    """Find the reference of each channel.

    Args:
        recordings: the envelopes of all recordings of the subject, with the same channels.
        mvc: envelopes of MVC recordings, made with the same filters; each may hold some channels only.
        settings: default `NormalizationSettings()`.
        windows: start and end (s) of the part of each recording that is used, None for its own; there normalized envelopes are
            judged, and a peak outside is said. Default: all of it.

    Returns:
        One reference per channel of the recordings, with the choices made.

    Raises:
        SignalError: there is no recording; MVC is asked for and a channel has none; "none" is asked for and an envelope exceeds 1.
        UnknownNameError: a recording lacks a channel of the first one.

    Example:
        >>> envelope = TimeSeries(time=time, labels=("TA",), values=(0.2 + 0.1 * swing)[:, None])
        >>> reference = normalization_reference([envelope])
        >>> reference.channels, reference.values.round(3)
        (('TA',), array([0.3]))
    """
    settings = settings or NormalizationSettings()
    if not recordings:
        raise SignalError("There is no EMG recording to normalize; give at least one.")
    used = _used(recordings, windows)
    channels = recordings[0].labels
    values = np.ones(len(channels))
    findings: list[str] = []
    for index, channel in enumerate(channels):
        if settings.method == "none":
            findings += _require_normalized(used, channel)
            continue
        values[index] = _channel_reference(channel, _peak(recordings, channel), _mvc_peak(mvc, channel, settings), settings, findings)
    without = [channel for channel in channels if not any(channel in recording.labels for recording in mvc)]
    if settings.method == "highest" or (settings.method == "auto" and without):
        named = channels if settings.method == "highest" or len(without) == len(channels) else without
        peaks = ", ".join(f"{channel} at {_peak(recordings, channel).where}" for channel in named)
        why = "as asked for" if settings.method == "highest" else "as there is no MVC recording of them"
        findings.insert(0, f"EMG was normalized to the highest value over {len(recordings)} recording(s), {why}: {peaks}.")
        findings += [
            f"EMG channel {channel} has its highest value at {peak.where}, outside the part that is used: see whether it is an artefact."
            for channel in named
            if (peak := _peak(recordings, channel)).value > _peak(used, channel).value
        ]
    if settings.method in ("auto", "mvc") and settings.mvc_reference == "best_mean":
        findings += _short_contractions(mvc, channels, settings)
    return NormalizationReference(channels=channels, values=values, findings=tuple(findings))


def normalize(envelope: TimeSeries, reference: NormalizationReference) -> TimeSeries:
    """Divide each channel by its reference and keep it between 0 and 1.

    Args:
        envelope: (time, channel), not negative.
        reference: from `normalization_reference`; it may hold more channels.

    Returns:
        (time, channel), 0 to 1.

    Raises:
        UnknownNameError: a channel has no reference.

    Example:
        >>> envelope = TimeSeries(time=time, labels=("TA",), values=(0.2 + 0.1 * swing)[:, None])
        >>> float(normalize(envelope, normalization_reference([envelope])).values.max())
        1.0
    """
    for channel in envelope.labels:
        if channel not in reference.channels:
            raise UnknownNameError(
                f"EMG channel {channel!r} of {envelope.source} has no reference.{did_you_mean(channel, reference.channels)} "
                f"There are: {listed(reference.channels)}."
            )
    divisors = np.array([reference.values[reference.channels.index(channel)] for channel in envelope.labels])
    return replace(envelope, values=np.clip(envelope.values / divisors, 0.0, 1.0))


@dataclass(frozen=True, kw_only=True)
class _Peak:
    value: float
    time: float
    source: str

    @property
    def where(self) -> str:
        return f"{self.time:.2f} s of {self.source.replace(chr(92), '/').rpartition('/')[2]}"


def _peak(recordings: Sequence[TimeSeries], channel: str) -> _Peak:
    peaks = []
    for recording in recordings:
        column = recording.column(channel)
        row = int(column.argmax())
        peaks.append(_Peak(value=float(column[row]), time=float(recording.time[row]), source=recording.source))
    return max(peaks, key=lambda peak: peak.value)


def _used(recordings: Sequence[TimeSeries], windows: Sequence[tuple[float | None, float | None]]) -> list[TimeSeries]:
    if not windows:
        return list(recordings)
    return [used_part(recording, start, end) for recording, (start, end) in zip(recordings, windows, strict=True)]


def _mvc_peak(mvc: Sequence[TimeSeries], channel: str, settings: NormalizationSettings) -> _Peak | None:
    """Return the largest of what counts of each MVC that holds the channel."""
    holding = [recording for recording in mvc if channel in recording.labels]
    if not holding:
        return None
    if settings.mvc_reference == "peak":
        return _peak(holding, channel)
    return max((_best_mean(recording, channel, settings.mvc_duration) for recording in holding), key=lambda peak: peak.value)


def _best_mean(recording: TimeSeries, channel: str, duration: float) -> _Peak:
    """Return the largest mean over a stretch of some duration (s), or of the whole if that is shorter; its time is the middle."""
    column = recording.column(channel)
    count = min(max(1, round(duration * recording.rate)), len(column))
    total = np.concatenate([[0.0], np.cumsum(column)])
    means = (total[count:] - total[:-count]) / count
    row = int(means.argmax())
    return _Peak(value=float(means[row]), time=float(recording.time[row + count // 2]), source=recording.source)


def _short_contractions(mvc: Sequence[TimeSeries], channels: Sequence[str], settings: NormalizationSettings) -> list[str]:
    return [
        f"The MVC recording {recording.source} lasts {recording.time[-1] - recording.time[0]:.3g} s, less than mvc_duration "
        f"({settings.mvc_duration:g} s): its mean over all of it counts; hold contractions longer, or lower mvc_duration."
        for recording in mvc
        if any(channel in channels for channel in recording.labels) and len(recording.time) < round(settings.mvc_duration * recording.rate)
    ]


def _channel_reference(
    channel: str, highest: _Peak, contraction: _Peak | None, settings: NormalizationSettings, findings: list[str]
) -> float:
    if settings.method == "mvc" and contraction is None:
        raise SignalError(f"EMG channel {channel!r} is in no MVC recording; add one, or set normalization method = 'auto' or 'highest'.")
    if settings.method == "highest" or contraction is None:
        reference = highest.value
    elif highest.value > contraction.value:
        ratio = highest.value / contraction.value if contraction.value > 0 else float("inf")
        action = "the higher value is its reference" if settings.above_mvc == "raise" else "the excitation is clipped at 1"
        findings.append(f"EMG channel {channel} reaches {ratio:.2f} of its MVC at {highest.where}; {action}.")
        reference = highest.value if settings.above_mvc == "raise" else contraction.value
    else:
        reference = contraction.value
    if not reference > 0:
        raise SignalError(f"EMG channel {channel!r} has a peak of {reference:g}, expected more than 0; leave it out of the mapping.")
    return reference


def _require_normalized(recordings: Sequence[TimeSeries], channel: str) -> list[str]:
    """Refuse envelopes that exceed 1 by more than filters do; return a finding on what is clipped."""
    findings = []
    for recording in recordings:
        highest = _peak([recording], channel)
        share = float((recording.column(channel) > 1).mean())
        if highest.value > 1 + LARGEST_EXCESS or (share > LARGEST_EXCESS_SHARE and highest.value > 1 + ROUNDING):
            raise SignalError(
                f"EMG channel {channel!r} is {highest.value:.4g} at {highest.where}, but its envelopes are said to be normalized (0 to 1; "
                f"ringing: {1 + LARGEST_EXCESS:g}, above 1 in {100 * LARGEST_EXCESS_SHARE:g} % of the samples, here {100 * share:.2g} %); "
                "set normalization method = 'highest', or correct the file."
            )
        if highest.value > 1 + ROUNDING:
            findings.append(
                f"EMG channel {channel} reaches {highest.value:.4g} at {highest.where}, in {100 * share:.2g} % of the samples above 1; "
                "it is clipped there."
            )
    return findings
