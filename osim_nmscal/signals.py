"""Filters and clocks: zero-lag Butterworth filters, uniform time axes, resampling, short gaps in marker trajectories.

Orders are EFFECTIVE ones. Zero lag comes from filtering forwards and then backwards, which doubles the order of the single
pass; so a single pass has half the order asked for, and an odd order is realised by the next even one (3 -> two passes of
order 2, effectively 4; 6 -> two passes of order 3, OpenSim's filter). A band-pass has this order at each of its edges.
Cut-offs are those of the single pass, as in OpenSim and CEINMS: the gain at the cut-off is 0.5 (-6 dB), at every order.

Departures from `scipy.signal.filtfilt`: second-order sections, which stay exact at cut-offs far below the sampling rate; and written in
numpy, because importing scipy.signal takes longer (0.6 s) than OpenSim works in most worker processes. A section runs over blocks
of samples: its response to each block by one matrix product, the state handed from block to block. Equal to
`sosfiltfilt(butter(...), padtype="odd")` to rounding.
Source: Butterworth poles and bilinear transform, Oppenheim & Schafer, "Discrete-Time Signal Processing", 7.1.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.time_series import MarkerTrajectories, TimeSeries
from osim_nmscal.errors import SignalError, UnknownNameError, did_you_mean, listed_in
from osim_nmscal.interpolation import cubic_spline, monotone_cubic

FloatArray = NDArray[np.float64]

# A time axis is uniform if no step differs from the mean step by more than this part of it. Source: choice; twice what
# `%.8f` s does to a 1 kHz axis is 2e-5.
UNIFORM_TOLERANCE = 1e-3
# A clock has no more samples than this: an hour and a half at 2 kHz; one column of it takes 80 MB. Source: choice; a step of 1e-9 s
# would ask for 37 GiB.
LARGEST_COUNT = 10_000_000
# Two clocks agree on where a recording ends up to half a sample.
END_TOLERANCE = 0.5
# Samples that a filter section takes at once. Source: measured; 16 to 128 differ by 30 %.
FILTER_BLOCK = 64


@dataclass(frozen=True, kw_only=True)
class FilledMarkers:
    """Marker trajectories whose short gaps are closed."""

    markers: MarkerTrajectories
    findings: tuple[str, ...]  # one sentence per filled gap


def zero_lag_lowpass(values: FloatArray, rate: float, cutoff: float, order: int) -> FloatArray:
    """Low-pass filter without phase shift.

    With `order=6` this is the filter of OpenSim's inverse dynamics tool (gain 0.5 at the cut-off).

    Args:
        values: (time, ...), uniformly sampled.
        rate: sampling rate, Hz.
        cutoff: cut-off of the single pass, Hz.
        order: effective order.

    Returns:
        The filtered values, same shape.

    Raises:
        SignalError: the cut-off is not below half the sampling rate; fewer than 3 samples; a value is not finite.
    """
    _require_below_nyquist("low-pass cut-off", cutoff, rate)
    return _forwards_and_backwards(values, 2 * cutoff / rate, order)


def bandpass(values: FloatArray, rate: float, low: float, high: float, order: int) -> FloatArray:
    """Band-pass filter without phase shift.

    Args:
        values: (time, ...), uniformly sampled.
        rate: sampling rate, Hz.
        low: lower edge, Hz.
        high: upper edge, Hz.
        order: effective order at each edge.

    Returns:
        The filtered values, same shape.

    Raises:
        SignalError: the edges are not 0 < low < high < rate/2; fewer than 3 samples; a value is not finite.
    """
    if not 0 < low < high:
        raise SignalError(f"The band-pass runs from {low:g} to {high:g} Hz, expected 0 < lower edge < upper edge; change its edges.")
    _require_below_nyquist("upper edge of the band-pass", high, rate)
    return _forwards_and_backwards(values, (2 * low / rate, 2 * high / rate), order)


def is_uniform(time: FloatArray, tolerance: float = UNIFORM_TOLERANCE) -> bool:
    """Tell whether every time step equals the mean step within `tolerance` of it.

    Args:
        time: (time,), s.
        tolerance: share of the mean step.
    """
    steps = np.diff(time)
    return len(steps) == 0 or bool(np.abs(steps - steps.mean()).max() <= tolerance * steps.mean())


def uniform_time(time: FloatArray, step: float | None = None) -> FloatArray:
    """Return the exactly uniform axis over the span of a recorded one.

    Args:
        time: (time,), s; its printed digits may have been rounded (0.017, 0.033, 0.050 for 60 Hz).
        step: s; default the recorded step: as many samples as there are, more only where samples are missing.

    Returns:
        (time,), s, from the first sample on; with `step` it ends at or just before the last one.

    Raises:
        SignalError: the axis would have more samples than any recording.
    """
    span = float(time[-1] - time[0])
    if step is not None:
        _require_count(span, step)
        return time[0] + step * np.arange(int(np.floor(span / step + 1e-6)) + 1)
    count = len(time)
    if count > 2 and not is_uniform(time, END_TOLERANCE):  # a step one and a half times as long: samples are missing
        usual = float(np.median(np.diff(time)))
        _require_count(span, usual)
        count = round(span / usual) + 1
    return np.linspace(time[0], time[-1], count)


def resample(series: TimeSeries, time: FloatArray, curve: Literal["spline", "monotone"] = "spline") -> TimeSeries:
    """Bring a series to other times by a cubic curve; the last value is held for at most half a step beyond the ends.

    There is no anti-aliasing: low-pass first what holds more than half the new rate.

    Args:
        series: at least 2 samples, all finite.
        time: (time,), s, the new axis.
        curve: "spline", smooth up to its second derivative; or "monotone" (PCHIP; Fritsch and Carlson 1980), which never leaves the
            range of the two samples around it: for envelopes, which a spline takes below 0 and above 1.

    Returns:
        The series at those times.

    Raises:
        SignalError: a time lies more than half a step of the series outside it, or the series has a gap.
    """
    if len(series.time) < 2:
        raise SignalError(f"{series.source} has one sample only, which cannot be resampled; expected at least 2.")
    start, end = float(series.time[0]), float(series.time[-1])
    margin = END_TOLERANCE / series.rate + 1e-9
    if time[0] < start - margin or time[-1] > end + margin:
        raise SignalError(
            f"{series.source} runs from {start:g} to {end:g} s, but {time[0]:g} to {time[-1]:g} s is needed; "
            "record longer, cut the segment shorter, or correct its clock."
        )
    require_gapless(series)
    through = cubic_spline if curve == "spline" else monotone_cubic
    values = through(series.time, series.values, np.clip(time, start, end))
    return replace(series, time=np.asarray(time, dtype=np.float64), values=values)


def require_gapless(series: TimeSeries) -> None:
    """Refuse a series with values that are not finite.

    Raises:
        SignalError: names source, column, and where its longest gap lies.
    """
    bad = ~np.isfinite(series.values)
    if not bad.any():
        return
    column = int(bad.sum(axis=0).argmax())
    first, last = max(_runs(bad[:, column]), key=lambda run: run[1] - run[0])
    raise SignalError(
        f"{series.source}: column {series.labels[column]!r} has no value from {series.time[first]:g} to {series.time[last]:g} s "
        f"({int(bad[:, column].sum())} samples in all); fill the gap or leave the column out."
    )


def fill_marker_gaps(
    markers: MarkerTrajectories, longest: float, needed: Sequence[str] | None = None, *, beyond: Literal["refuse", "leave"] = "refuse"
) -> FilledMarkers:
    """Close short gaps in marker trajectories by a cubic spline and say which; long ones are refused, or left open.

    Args:
        markers: trajectories, NaN where a marker was not seen.
        longest: longest gap to close, s.
        needed: markers that must be complete; default all. Others are left as they are.
        beyond: what becomes of a gap that is longer, or at an end, where nothing can be interpolated.

    Returns:
        The filled trajectories, with one finding per gap.

    Raises:
        UnknownNameError: a needed marker is not in the recording.
        SignalError: a gap is longer or at an end, and such are refused.
    """
    positions = markers.positions.copy()
    findings: list[str] = []
    for name in markers.markers if needed is None else needed:
        if name not in markers.markers:
            raise UnknownNameError(
                f"{markers.source} has no marker {name!r}.{did_you_mean(name, markers.markers)} "
                f"It has: {listed_in(markers.markers, markers.source)}."
            )
        column = markers.markers.index(name)
        missing: NDArray[np.bool_] = np.any(np.isnan(positions[:, column]), axis=1)
        closed = np.zeros(len(missing), dtype=bool)
        for first, last in _runs(missing):
            start, end, frames = markers.time[first], markers.time[last], last - first + 1
            if beyond == "leave" and not _is_short(markers.time, first, last, longest):
                findings.append(
                    f"{markers.source}: marker {name} was not seen from {start:g} to {end:g} s ({frames} frames); no weight there."
                )
                continue
            _require_short(markers, name, first, last, longest)
            findings.append(f"{markers.source}: marker {name} was interpolated from {start:g} to {end:g} s ({frames} frames).")
            closed[first : last + 1] = True
        if closed.any():
            positions[closed, column] = _bridged(markers.time, positions[:, column], missing, closed)
    return FilledMarkers(markers=replace(markers, positions=positions), findings=tuple(findings))


def _forwards_and_backwards(values: FloatArray, edges: float | tuple[float, float], order: int) -> FloatArray:
    if order < 1:
        raise SignalError(f"A filter of order {order} was asked for, expected 1 or more.")
    if len(values) < 3:
        raise SignalError(f"A signal of {len(values)} samples cannot be filtered; expected at least 3.")
    if not np.isfinite(values).all():
        row = int(np.argwhere(~np.isfinite(values))[0][0])
        raise SignalError(f"A signal to be filtered is not finite at sample {row}; fill or cut the gap first.")
    sections = _butterworth((order + 1) // 2, edges)
    # OpenSim pads half the signal, mirrored about its end points (Signal::Pad).
    pad = len(values) // 2
    ends = 2 * values[:1] - values[pad:0:-1], 2 * values[-1:] - values[-2 : -pad - 2 : -1]
    padded = np.concatenate([ends[0], values, ends[1]]).reshape(len(values) + 2 * pad, -1)
    there = _filtered(sections, padded)
    back = _filtered(sections, there[::-1])[::-1]
    return back[pad : len(back) - pad].reshape(values.shape)


def _butterworth(order: int, edges: float | tuple[float, float]) -> list[tuple[FloatArray, FloatArray]]:
    """Return the second-order sections of a digital Butterworth filter, each with gain 1 in the middle of its band.

    Args:
        order: of a single pass, at each edge.
        edges: cut-off of a low-pass, or lower and upper edge of a band-pass, in half sampling rates.

    Returns:
        Numerator and denominator of each section, (3,), the latter beginning with 1.
    """
    # notation: p analogue pole, z digital pole; analogue frequencies in quarters of the sampling rate (w = tan(pi f / rate))
    p = np.exp(1j * np.pi * (2 * np.arange(order) + order + 1) / (2 * order))
    if isinstance(edges, tuple):
        low, high = (np.tan(np.pi * edge / 2) for edge in edges)
        half = p * (high - low) / 2
        root = np.sqrt(half**2 - low * high + 0j)
        p, middle, zeros = np.concatenate([half + root, half - root]), np.sqrt(low * high), [1.0] * order + [-1.0] * order
    else:
        p, middle, zeros = p * np.tan(np.pi * edges / 2), 0.0, [-1.0] * order
    z = (1 + p) / (1 - p)
    centre = (1 + 1j * middle) / (1 - 1j * middle)  # the middle of the band on the unit circle
    is_real = np.abs(z.imag) < 1e-12
    real = np.sort(z[is_real].real)
    # Slow poles come first and meet the zeros at DC: no section then has a gain that the next must undo.
    pairs = [np.array([pole, pole.conjugate()]) for pole in z[~is_real] if pole.imag > 0] + np.split(real, range(2, len(real), 2))
    pairs = sorted((pair for pair in pairs if len(pair)), key=lambda pair: (-len(pair), -pair[0].real))
    found = []
    for poles in pairs:
        here, zeros = zeros[: len(poles)], zeros[len(poles) :]
        b, a = (np.pad(np.poly(roots).real, (0, 2 - len(poles))) for roots in (here, poles))
        found.append((b * abs(np.polyval(a, centre) / np.polyval(b, centre)), a))
    return found


def _filtered(sections: Sequence[tuple[FloatArray, FloatArray]], values: FloatArray) -> FloatArray:
    """Run sections one after the other over (time, column), each settled on the first sample."""
    level = values[0]  # what the signal is taken to have been for ever before
    for b, a in sections:
        values = _section(b, a, values, level)
        level = level * b.sum() / a.sum()
    return values


def _section(b: FloatArray, a: FloatArray, values: FloatArray, level: FloatArray) -> FloatArray:
    """Run one section over (time, column): direct form II transposed, a block of samples at a time."""
    # notation: state' = A state + B x, y = state[0] + b0 x
    A = np.array([[-a[1], 1.0], [-a[2], 0.0]])
    B = b[1:] - b[0] * a[1:]
    length = min(FILTER_BLOCK, len(values))
    powers = np.empty((length + 1, 2, 2))
    powers[0] = np.eye(2)
    for i in range(length):
        powers[i + 1] = A @ powers[i]
    driven = powers[:-1] @ B  # (length, 2): the state that a sample leaves so many samples later
    impulse = np.concatenate([b[:1], driven[:-1, 0]])
    lag = np.subtract.outer(np.arange(length), np.arange(length))
    response = np.where(lag >= 0, impulse[lag.clip(0)], 0.0)

    count = -(-len(values) // length)
    filled = np.zeros((count * length, values.shape[1]))
    filled[: len(values)] = values
    blocks = filled.reshape(count, length, -1)
    states = np.empty((count, 2, values.shape[1]))
    state = np.linalg.solve(np.eye(2) - A, B)[:, None] * level
    left = driven[::-1].T @ blocks  # (count, 2, column): what each block alone leaves in the state
    for i in range(count):
        states[i] = state
        state = powers[-1] @ state + left[i]
    filtered = response @ blocks + powers[:-1, 0] @ states
    return filtered.reshape(-1, values.shape[1])[: len(values)]


def _require_count(span: float, step: float) -> None:
    if not span / step < LARGEST_COUNT:
        raise SignalError(
            f"A clock with a step of {step:g} s over {span:g} s has {span / step:.3g} samples, expected at most {LARGEST_COUNT:g}; "
            "use a larger time_step, or correct the time column."
        )


def _require_below_nyquist(what: str, frequency: float, rate: float) -> None:
    if not 0 < frequency < rate / 2:
        raise SignalError(
            f"The {what} is {frequency:g} Hz, expected between 0 and half the sampling rate ({rate:g} Hz / 2 = {rate / 2:g} Hz); "
            "lower it, or use a recording with a higher rate."
        )


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the first and last index of each run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(first), int(after) - 1) for first, after in zip(edges[::2], edges[1::2], strict=True)]


def _require_short(markers: MarkerTrajectories, name: str, first: int, last: int, longest: float) -> None:
    time = markers.time
    where = f"{markers.source}: marker {name!r} was not seen from {time[first]:g} to {time[last]:g} s"
    if first == 0 or last == len(time) - 1:
        raise SignalError(
            f"{where}, at an end of the recording, where it cannot be interpolated; cut the recording or leave the marker out."
        )
    if not _is_short(time, first, last, longest):
        raise SignalError(f"{where}, longer than the {longest:g} s that are interpolated; fill it, cut it out, or leave the marker out.")


def _is_short(time: FloatArray, first: int, last: int, longest: float) -> bool:
    """Tell whether a gap lies between two samples that are near enough."""
    return first > 0 and last < len(time) - 1 and bool(time[last + 1] - time[first - 1] <= longest + 1e-9)


def _bridged(time: FloatArray, values: FloatArray, missing: NDArray[np.bool_], closed: NDArray[np.bool_]) -> FloatArray:
    """Return values for the samples to close, through all that were seen."""
    return cubic_spline(time[~missing], values[~missing], time[closed])
