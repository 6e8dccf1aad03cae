"""Does the EMG run on the clock of the motion? Asked of repeated movements, which show it.

If the time axis of the EMG is stretched by a factor 1 + e (a sampling rate written wrongly), its bursts come back after (1 + e)
periods of the movement. A published EMG of running (simtk.org/projects/full_body) has this fault: 960 Hz for
1000 Hz, e = 4 %. For each pair of consecutive starts, the lag is found at which the envelopes of all channels together
correlate best with those one period later.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.signals import resample
from osim_nmscal.trials.segmentation import Segment

FloatArray = NDArray[np.float64]

# Periods needed, smallest stretch worth a word, and how many standard errors it must exceed. Source: choice; right clocks in public
# recordings give 0.1 % or less (running, treadmill).
FEWEST_PERIODS = 4
SMALLEST_STRETCH = 0.01
STANDARD_ERRORS = 3.0
# Lags looked at, as a share of the period, and samples per period.
LARGEST_LAG = 0.15
SAMPLES = 200


def emg_clock_findings(envelopes: TimeSeries, segments: Sequence[Segment]) -> tuple[str, ...]:
    """Say in a sentence if the EMG runs faster or slower than the motion; nothing if not, or if it cannot be told.

    Args:
        envelopes: (time, channel), any unit, on the clock that is doubted.
        segments: of one recording, of one kind, so that their starts are alike (stances of one foot, cycles).
    """
    stretch = clock_stretch(envelopes, [segment.start for segment in segments])
    if len(stretch) < FEWEST_PERIODS:
        return ()
    error = float(np.median(stretch))
    spread = 1.4826 * float(np.median(np.abs(stretch - error))) / np.sqrt(len(stretch))  # of a normal distribution, outliers ignored
    if abs(error) < SMALLEST_STRETCH or abs(error) < STANDARD_ERRORS * spread:
        return ()
    word = "slowly" if error > 0 else "fast"
    return (
        f"{envelopes.source}: over {len(stretch)} periods of the movement the EMG runs {100 * abs(error):.1f} % too {word}; its rate of "
        f"{envelopes.rate:.5g} Hz is probably {envelopes.rate * (1 + error):.5g} Hz: check the time column.",
    )


def clock_stretch(envelopes: TimeSeries, starts: Sequence[float]) -> FloatArray:
    """Return by which share of its period the EMG comes back late, once per pair of consecutive starts.

    Args:
        envelopes: (time, channel).
        starts: s, when the movement starts anew; pairs that the EMG does not cover, or with a start missing in between, are skipped.

    Returns:
        (pair,), 0 for a right clock.
    """
    times = np.asarray(starts, dtype=np.float64)
    periods = np.diff(times)
    if len(periods) == 0:
        return np.empty(0)
    usual = float(np.median(periods))
    found = []
    for start, period in zip(times[:-1], periods, strict=True):
        earliest, latest = start - 0.5 * period, start + (1.5 + LARGEST_LAG) * period
        if abs(period - usual) < 0.2 * usual and earliest >= envelopes.time[0] and latest <= envelopes.time[-1]:
            found.append(_best_lag(envelopes, float(start), float(period)))
    return np.array(found)


def _best_lag(envelopes: TimeSeries, start: float, period: float) -> float:
    """Return the lag, as a share of the period, at which the next period resembles this one most."""
    steps = int(LARGEST_LAG * SAMPLES)
    phase = np.arange(-SAMPLES // 2, 3 * SAMPLES // 2 + steps) / SAMPLES
    nearby = envelopes.between(start - period, start + 2 * period)
    values = resample(nearby, start + period * phase).values
    first = values[:SAMPLES]
    likeness = np.array([_correlation(first, values[SAMPLES + lag :][:SAMPLES]) for lag in range(-steps, steps + 1)])
    best = int(likeness.argmax())
    if 0 < best < len(likeness) - 1:  # the top of the parabola through three samples
        left, top, right = likeness[best - 1 : best + 2]
        return float((best - steps + 0.5 * (left - right) / (left - 2 * top + right)) / SAMPLES)
    return (best - steps) / SAMPLES


def _correlation(first: FloatArray, second: FloatArray) -> float:
    """Mean correlation over channels."""
    a, b = first - first.mean(axis=0), second - second.mean(axis=0)
    norm = np.sqrt((a * a).sum(axis=0) * (b * b).sum(axis=0))
    return float(np.mean((a * b).sum(axis=0) / np.maximum(norm, np.finfo(float).tiny)))
