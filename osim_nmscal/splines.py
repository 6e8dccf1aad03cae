"""Uniform cubic B-splines over samples: smooth curves that few numbers describe."""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_CUBIC = 3


def spline_basis(samples: int, time_step: float, knot_spacing: float) -> FloatArray:
    """Return cubic B-splines with uniform knots over a trial: they are local, not negative and sum to 1 at every time.

    Args:
        samples: of the trial.
        time_step: s.
        knot_spacing: s; at least one sample.

    Returns:
        (time, spline).
    """
    from scipy.interpolate import BSpline

    spacing = max(knot_spacing / time_step, 1.0)  # samples
    intervals = max(int(np.ceil((samples - 1) / spacing)), 1)
    knots = spacing * np.arange(-_CUBIC, intervals + _CUBIC + 1)
    return np.asarray(BSpline.design_matrix(np.arange(samples, dtype=float), knots, _CUBIC).toarray())
