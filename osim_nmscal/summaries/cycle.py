"""Curves of several trials over one cycle: each trial's counted samples from 0 to 100 %, then mean and standard deviation.

Time is normalised here, for looking only; calibration and metrics use the trials' own clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# Points of a cycle: one per percent.
POINTS = 101


@dataclass(frozen=True, kw_only=True)
class Cycle:
    """One quantity over the cycle."""

    mean: FloatArray  # (101,)
    sd: FloatArray  # (101,), over trials, with n - 1; zero for a single trial
    count: int  # trials


def over_cycle(curve: FloatArray, first_counted: int = 0) -> FloatArray:
    """Return one trial's curve, (time,), at 0, 1, ... 100 % of its counted samples, (101,)."""
    counted = curve[first_counted:]
    return np.interp(np.linspace(0.0, 1.0, POINTS), np.linspace(0.0, 1.0, len(counted)), counted)


def mean_cycle(curves: Sequence[FloatArray]) -> Cycle:
    """Return mean and standard deviation over trials.

    Args:
        curves: (101,) each, at least one.
    """
    stacked = np.stack(curves)
    sd = stacked.std(axis=0, ddof=1) if len(curves) > 1 else np.zeros(stacked.shape[1])
    return Cycle(mean=stacked.mean(axis=0), sd=sd, count=len(curves))
