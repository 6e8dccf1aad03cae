"""Piecewise cubics through samples: the spline and the monotone curve of `scipy.interpolate`, equal to rounding.

Written in numpy, because importing scipy.interpolate takes longer (0.28 s of processor time) than anything it is asked in a run:
a tenth of a run in which nothing has changed, and once more in every worker process.
Source: de Boor (1978), A Practical Guide to Splines, chapter IV (not-a-knot ends); Fritsch & Butland (1984), SIAM J. Sci. Stat.
Comput. 5, 300-304, with the ends of PCHIP (Moler 2004, Numerical Computing with MATLAB, 3.6), as in `PchipInterpolator`.
"""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# What a recurrence forgets: a factor below this changes no digit. Source: float64.
FORGOTTEN = 1e-20


def cubic_spline(time: FloatArray, values: FloatArray, at: FloatArray, derivative: int = 0) -> FloatArray:
    """Evaluate the cubic through samples whose first two derivatives are continuous; the first two pieces are one cubic, so the last.

    Args:
        time: (time,), strictly increasing, at least 2.
        values: (time, ...), finite.
        at: (new,); beyond the samples the first and last pieces go on.
        derivative: 0, 1 or 2.

    Returns:
        (new, ...).
    """
    columns = values.reshape(len(values), -1)
    return _evaluated(time, columns, _spline_slopes(time, columns), at, derivative).reshape(len(at), *values.shape[1:])


def monotone_cubic(time: FloatArray, values: FloatArray, at: FloatArray) -> FloatArray:
    """Evaluate the cubic through samples that never leaves the range of the two around it (PCHIP); arguments of `cubic_spline`."""
    columns = values.reshape(len(values), -1)
    return _evaluated(time, columns, _monotone_slopes(time, columns), at).reshape(len(at), *values.shape[1:])


def _evaluated(time: FloatArray, values: FloatArray, slopes: FloatArray, at: FloatArray, derivative: int = 0) -> FloatArray:
    piece = np.clip(np.searchsorted(time, at, side="right") - 1, 0, len(time) - 2)
    step, since = (time[piece + 1] - time[piece])[:, None], (at - time[piece])[:, None]
    first, left, right = values[piece], slopes[piece], slopes[piece + 1]
    secant = (values[piece + 1] - first) / step
    bend = (left + right - 2 * secant) / step
    second, third = (secant - left) / step - bend, bend / step  # coefficients of the second and third power
    if derivative == 1:
        return np.asarray(left + since * (2 * second + 3 * since * third))
    if derivative == 2:
        return np.asarray(2 * second + 6 * since * third)
    return np.asarray(first + since * (left + since * (second + since * third)))


def _spline_slopes(time: FloatArray, values: FloatArray) -> FloatArray:
    """Return the slopes at the samples, (time, column): a tridiagonal system, from the first sample to the last and back."""
    step = np.diff(time)
    secant = np.diff(values, axis=0) / step[:, None]
    count = len(time)
    if count == 2:
        return np.repeat(secant, 2, axis=0)
    if count == 3:  # one parabola
        bend = (secant[1] - secant[0]) / (time[2] - time[0])
        return np.stack([secant[0] - bend * step[0], secant[0] + bend * step[0], secant[1] + bend * step[1]])
    below, diagonal, above = np.empty(count), np.empty(count), np.empty(count)
    right = np.empty((count, values.shape[1]))
    below[1:-1], diagonal[1:-1], above[1:-1] = step[1:], 2 * (step[:-1] + step[1:]), step[:-1]
    right[1:-1] = 3 * (step[1:, None] * secant[:-1] + step[:-1, None] * secant[1:])
    first, last = time[2] - time[0], time[-1] - time[-3]
    below[0], diagonal[0], above[0] = 0.0, step[1], first
    right[0] = ((step[0] + 2 * first) * step[1] * secant[0] + step[0] ** 2 * secant[1]) / first
    below[-1], diagonal[-1], above[-1] = last, step[-2], 0.0
    right[-1] = (step[-1] ** 2 * secant[-2] + (2 * last + step[-1]) * step[-2] * secant[-1]) / last
    pivots = np.empty(count)
    pivot = 1.0
    for i, (low, middle, high) in enumerate(zip(below.tolist(), diagonal.tolist(), [0.0, *above.tolist()[:-1]], strict=True)):
        pivots[i] = pivot = middle - low * high / pivot
    forwards = _recurrence(-below / pivots, right / pivots[:, None])
    return _recurrence((-above / pivots)[::-1], forwards[::-1])[::-1]


def _recurrence(factor: FloatArray, values: FloatArray) -> FloatArray:
    """Return y with y[i] = factor[i] y[i - 1] + values[i], (time, column), for factors that die out when multiplied.

    Pairs, then pairs of pairs, and so on (Blelloch 1990), until the products of factors are forgotten.
    """
    factor, found, reach = factor.copy(), values.copy(), 1
    factor[0] = 0.0  # and with it all products that reach back to it
    while reach < len(factor) and np.abs(factor).max() > FORGOTTEN:
        found[reach:] += factor[reach:, None] * found[:-reach]  # the right side is worked out first
        factor[reach:] *= factor[:-reach].copy()
        reach *= 2
    return found


def _monotone_slopes(time: FloatArray, values: FloatArray) -> FloatArray:
    step = np.diff(time)[:, None]
    secant = np.diff(values, axis=0) / step
    if len(time) == 2:
        return np.repeat(secant, 2, axis=0)
    slopes = np.zeros(values.shape)
    before, after = secant[:-1], secant[1:]
    turns = np.sign(before) * np.sign(after) <= 0
    weight, other = 2 * step[1:] + step[:-1], step[1:] + 2 * step[:-1]
    share = weight / np.where(turns, 1.0, before) + other / np.where(turns, 1.0, after)
    slopes[1:-1] = np.where(turns, 0.0, (weight + other) / np.where(turns, 1.0, share))
    slopes[0] = _end_slope(step[0], step[1], secant[0], secant[1])
    slopes[-1] = _end_slope(step[-1], step[-2], secant[-1], secant[-2])
    return slopes


def _end_slope(step: FloatArray, next_step: FloatArray, secant: FloatArray, next_secant: FloatArray) -> FloatArray:
    """Return the slope at an end, (column,): of the parabola through three samples, as far as the curve stays monotone."""
    slope = ((2 * step + next_step) * secant - step * next_secant) / (step + next_step)
    slope = np.where(np.sign(slope) != np.sign(secant), 0.0, slope)
    steep = (np.sign(secant) != np.sign(next_secant)) & (np.abs(slope) > 3 * np.abs(secant))
    return np.asarray(np.where(steep, 3 * secant, slope))
