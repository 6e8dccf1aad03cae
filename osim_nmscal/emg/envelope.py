"""Linear envelopes: from raw EMG to its low-passed amplitude.

Band-pass 30-300 Hz, rectify, low-pass 5 Hz: Hambly et al. (2025), III-A, which prints orders 3 and 4. Both filters have zero lag, and
orders are effective ones (see `signals`): the odd 3 becomes two passes of order 2 (effectively 4), the 4 two passes of order 2.
Departures: an envelope is clipped at zero, which a low-pass may undershoot; a recording that cannot be EMG is an error.
"""

import logging
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.errors import SignalError
from osim_nmscal.settings import Settings, setting
from osim_nmscal.signals import bandpass, is_uniform, require_gapless, uniform_time, zero_lag_lowpass

FloatArray = NDArray[np.float64]

# A step this part longer than the mean step is a dropped sample, not a rounded time. Source: choice; 1926 Hz printed to 0.1 ms is
# 20 % off at most.
LARGEST_JITTER = 0.5
# Raw EMG has at least this part of its standard deviation inside the band: 0.6 to 0.93 in 31 channels of public recordings,
# whose envelopes of 5 Hz have 3e-4 to 1e-3. Source: measured.
SMALLEST_BAND_SHARE = 5e-3
# Filters ring: an envelope may dip this part of its peak below zero, in this part of its samples; raw EMG is negative in half of them.
# Source: choice; at rest, ringing about zero is negative in up to a third of the samples.
LARGEST_DIP = 0.05
LARGEST_DIP_SHARE = 1 / 3
# Less than this part of the peak is rounding, not worth a word. Source: choice; single precision.
ROUNDING = 1e-6

_log = logging.getLogger(__name__)


class EnvelopeSettings(Settings):
    """How raw EMG becomes a linear envelope.

    Example:
        >>> EnvelopeSettings(lowpass_cutoff=8.0).bandpass_low
        30.0
    """

    kind: Literal["raw", "envelope"] = setting(
        "raw",
        unit="-",
        description="Whether the recordings hold raw EMG or linear envelopes already.",
        source="choice: raw is what most systems record",
    )
    bandpass_low: float = setting(30.0, unit="Hz", description="Lower edge of the band-pass.", source="Hambly 2025, III-A", gt=0)
    bandpass_high: float = setting(300.0, unit="Hz", description="Upper edge of the band-pass.", source="Hambly 2025, III-A", gt=0)
    bandpass_order: int = setting(
        3,
        unit="-",
        description="Effective order of the zero-lag band-pass at each edge; an odd one is realised by the next even one.",
        source="Hambly 2025, III-A",
        ge=1,
        le=12,
    )
    lowpass_cutoff: float = setting(5.0, unit="Hz", description="Cut-off of the linear envelope.", source="Hambly 2025, III-A", gt=0)
    lowpass_order: int = setting(
        4,
        unit="-",
        description="Effective order of the zero-lag low-pass; an odd one is realised by the next even one.",
        source="Hambly 2025, III-A",
        ge=1,
        le=12,
    )
    time_offset: float = setting(
        0.0,
        unit="s",
        description="Added to the time of the EMG, to bring it to the clock of the motion.",
        source="choice: one clock, as most laboratories record",
    )


def linear_envelope(
    raw: TimeSeries, settings: EnvelopeSettings | None = None, *, start: float | None = None, end: float | None = None
) -> TimeSeries:
    """Return the linear envelope of every channel, at the recording's own rate.

    Args:
        raw: (time, channel), raw EMG in any unit; or envelopes, if `settings.kind` says so.
        settings: default `EnvelopeSettings()`.
        start: s, on the clock of the result: from here on an envelope is judged; default its beginning.
        end: s, until where; default its end.

    Returns:
        (time, channel), not negative, same unit, on a uniform clock shifted by `settings.time_offset`.

    Raises:
        SignalError: a channel is constant or has gaps; samples were dropped; a band edge is above half the sampling rate; raw
            EMG without content in the band; an envelope that is negative by more than ringing. Names source, channel and value.

    Example:
        >>> bursts = (swing.repeat(10) > 0) * np.random.default_rng(0).normal(size=1000)  # active in the first half second
        >>> raw = TimeSeries(time=np.arange(1000) / 1000.0, labels=("TA",), values=bursts[:, None])
        >>> envelope = linear_envelope(raw)
        >>> bool(envelope.values.min() >= 0), bool(envelope.column("TA")[250] > 10 * envelope.column("TA")[750])
        (True, True)
    """
    settings = settings or EnvelopeSettings()
    require_gapless(raw)
    _require_activity(raw)
    _require_uniform_clock(raw)
    clocked = replace(raw, time=uniform_time(raw.time) + settings.time_offset)
    if settings.kind == "envelope":
        _require_envelope(used_part(clocked, start, end), settings)
        return replace(clocked, values=np.maximum(clocked.values, 0.0))
    try:
        band = bandpass(clocked.values, clocked.rate, settings.bandpass_low, settings.bandpass_high, settings.bandpass_order)
        _require_raw(clocked, band, settings)
        envelope = zero_lag_lowpass(np.abs(band), clocked.rate, settings.lowpass_cutoff, settings.lowpass_order)
    except SignalError as error:
        hint = "" if _can_be_raw(clocked, settings) else " At this rate the file may hold envelopes: then set kind = 'envelope'."
        raise error if raw.source in str(error) else SignalError(f"{raw.source}: {error}{hint}") from None
    return replace(clocked, values=np.maximum(envelope, 0.0))


def _require_activity(raw: TimeSeries) -> None:
    spread = np.ptp(raw.values, axis=0)
    for label, values, width in zip(raw.labels, raw.values.T, spread, strict=True):
        if width == 0:
            what = "zero" if values[0] == 0 else f"{values[0]:g}"
            raise SignalError(
                f"{raw.source}: EMG channel {label!r} is {what} from {raw.time[0]:g} to {raw.time[-1]:g} s, expected a signal; "
                "check the electrode, or leave the channel out of the mapping."
            )


def _require_uniform_clock(raw: TimeSeries) -> None:
    """Accept times that were rounded on printing; refuse dropped samples."""
    if not is_uniform(raw.time, LARGEST_JITTER):
        steps = np.diff(raw.time)
        row = int(np.abs(steps - np.median(steps)).argmax())
        raise SignalError(
            f"{raw.source}: the time steps by {steps[row]:g} s at {raw.time[row]:g} s, expected {np.median(steps):g} s throughout; "
            "samples are missing: export again, or resample the file to one rate."
        )


def used_part(series: TimeSeries, start: float | None, end: float | None) -> TimeSeries:
    """Return the part of a recording that is used; all of it if none is, as its clock is another: that is for others to say.

    Args:
        series: any.
        start: s; None for its beginning.
        end: s; None for its end.
    """
    first, last = series.time[0] if start is None else start, series.time[-1] if end is None else end
    apart = last < series.time[0] or first > series.time[-1] or last < first
    return series if apart else series.between(float(first), float(last))


def _can_be_raw(series: TimeSeries, settings: EnvelopeSettings) -> bool:
    return settings.bandpass_high < series.rate / 2


def _require_envelope(envelope: TimeSeries, settings: EnvelopeSettings) -> None:
    """Refuse what is no envelope; say what will be clipped."""
    ringing = []
    for label, values in zip(envelope.labels, envelope.values.T, strict=True):
        peak, row = float(np.abs(values).max()), int(values.argmin())
        low, share = float(values[row]), float((values < 0).mean())
        if low < -LARGEST_DIP * peak or (share > LARGEST_DIP_SHARE and low < -ROUNDING * peak):
            advice = (
                "this looks like raw EMG: set kind = 'raw'"
                if _can_be_raw(envelope, settings)
                else f"at {envelope.rate:.4g} Hz it is no raw EMG either: rectify and low-pass the raw recording again, or export it raw"
            )
            raise SignalError(
                f"{envelope.source}: EMG channel {label!r} is negative in {100 * share:.2g} % of its samples, down to {low:.4g} at "
                f"{envelope.time[row]:g} s, but an envelope is not negative (ringing: {100 * LARGEST_DIP:g} % of the peak, in a third of "
                f"the samples); {advice}."
            )
        if low < -ROUNDING * peak:
            ringing.append(f"{label} ({-100 * low / peak:.2g} % of its peak, in {100 * share:.2g} % of the samples)")
    if ringing:
        _log.warning("%s: EMG envelopes dip below zero and count as zero there: %s.", envelope.source, ", ".join(ringing))


def _require_raw(raw: TimeSeries, band: FloatArray, settings: EnvelopeSettings) -> None:
    share = band.std(axis=0) / raw.values.std(axis=0)
    worst = int(share.argmin())
    if share[worst] < SMALLEST_BAND_SHARE:
        raise SignalError(
            f"{raw.source}: EMG channel {raw.labels[worst]!r} has {100 * share[worst]:.2g} % of its deviation between "
            f"{settings.bandpass_low:g} and {settings.bandpass_high:g} Hz, expected {100 * SMALLEST_BAND_SHARE:g} % or more of raw EMG; "
            "if it is an envelope, set kind = 'envelope'."
        )
