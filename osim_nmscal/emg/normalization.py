"""Normalization: from envelopes in volts or counts to excitations between 0 and 1.

Each channel is divided by one reference: the peak of its envelope in the recordings of maximal voluntary contraction (MVC), made with
the same filters; where there are none, its highest value over all recordings (Hambly 2025, III-A, uses MVC). Which of the
two was used, and where the peak lies, is a finding for the report: an artefact shows there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.errors import SignalError, UnknownNameError, did_you_mean, listed
from osim_nmscal.settings import Settings, setting

FloatArray = NDArray[np.float64]

# An already normalized envelope may exceed 1 by this much (rounding, resampling). Source: choice.
ROUNDING = 1e-3


class NormalizationSettings(Settings):
    """What envelopes are divided by."""

    method: Literal["auto", "mvc", "highest", "none"] = setting(
        "auto",
        unit="-",
        description="'mvc': peak of the MVC recordings; 'highest': highest value over all recordings; "
        "'auto': MVC where a channel has one, else the highest value; 'none': the envelopes are normalized already.",
        source="Hambly 2025, III-A; fallback: issue 2",
    )
    above_mvc: Literal["raise", "clip"] = setting(
        "raise",
        unit="-",
        description="Where a movement exceeds the MVC: 'raise' the reference to the movement's peak, or 'clip' the excitation at 1.",
        source="choice: clipping would flatten the peaks that calibration learns from",
    )


@dataclass(frozen=True, kw_only=True)
class NormalizationReference:
    """What each channel is divided by, and why."""

    channels: tuple[str, ...]
    values: FloatArray  # (channel,), unit of the envelopes, > 0
    findings: tuple[str, ...]  # one sentence per choice a user must see


def normalization_reference(
    recordings: Sequence[TimeSeries], mvc: Sequence[TimeSeries] = (), settings: NormalizationSettings | None = None
) -> NormalizationReference:
    """Find the reference of each channel.

    Args:
        recordings: the envelopes of all recordings of the subject, with the same channels.
        mvc: envelopes of MVC recordings, made with the same filters; each may hold some channels only.
        settings: default `NormalizationSettings()`.

    Returns:
        One reference per channel of the recordings, with the choices made.

    Raises:
        SignalError: there is no recording; MVC is asked for and a channel has none; "none" is asked for and an envelope exceeds 1.
        UnknownNameError: a recording lacks a channel of the first one.
    """
    settings = settings or NormalizationSettings()
    if not recordings:
        raise SignalError("There is no EMG recording to normalize; give at least one.")
    channels = recordings[0].labels
    values = np.ones(len(channels))
    findings: list[str] = []
    for index, channel in enumerate(channels):
        highest = _peak(recordings, channel)
        if settings.method == "none":
            _require_normalized(highest, channel)
            continue
        values[index] = _channel_reference(channel, highest, _mvc_peak(mvc, channel), settings, findings)
    without = [channel for channel in channels if _mvc_peak(mvc, channel) is None]
    if settings.method == "highest" or (settings.method == "auto" and without):
        named = channels if settings.method == "highest" or len(without) == len(channels) else without
        peaks = ", ".join(f"{channel} at {_peak(recordings, channel).where}" for channel in named)
        why = "as asked for" if settings.method == "highest" else "as there is no MVC recording of them"
        findings.insert(0, f"EMG was normalized to the highest value over {len(recordings)} recording(s), {why}: {peaks}.")
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


def _mvc_peak(mvc: Sequence[TimeSeries], channel: str) -> _Peak | None:
    holding = [recording for recording in mvc if channel in recording.labels]
    return _peak(holding, channel) if holding else None


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


def _require_normalized(highest: _Peak, channel: str) -> None:
    if highest.value > 1 + ROUNDING:
        raise SignalError(
            f"EMG channel {channel!r} is {highest.value:.4g} at {highest.where}, but its envelopes are said to be normalized (0 to 1); "
            "set normalization method = 'highest', or correct the file."
        )
