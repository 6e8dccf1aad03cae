"""Uniform cubic B-splines over samples: smooth curves that few numbers describe. Written out, as scipy takes half a second to load."""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def spline_basis(samples: int, time_step: float, knot_spacing: float) -> FloatArray:
    """Return cubic B-splines with uniform knots over a trial: they are local, not negative and sum to 1 at every time.

    Args:
        samples: of the trial.
        time_step: s.
        knot_spacing: s; at least one sample.

    Returns:
        (time, spline).
    """
    spacing = max(knot_spacing / time_step, 1.0)  # samples
    intervals = max(int(np.ceil((samples - 1) / spacing)), 1)
    place = np.arange(samples) / spacing
    interval = np.minimum(place.astype(np.int64), intervals - 1)
    u = place - interval  # 0 to 1 inside its interval, where four splines are not zero
    pieces = (1 - u) ** 3, 3 * u**3 - 6 * u**2 + 4, -3 * u**3 + 3 * u**2 + 3 * u + 1, u**3
    basis = np.zeros((samples, intervals + 3))
    for k, piece in enumerate(pieces):
        basis[np.arange(samples), interval + k] = piece / 6
    return basis
