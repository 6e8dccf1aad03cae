"""Where on its force-length curve each muscle works, and the curve itself."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.muscles import Muscle
from osim_nmscal.data.results import TrialPrediction

FloatArray = NDArray[np.float64]

# Normalized fiber lengths outside are rare in life. Source: Hambly et al. (2025).
USUAL_RANGE = (0.5, 1.5)


@dataclass(frozen=True, kw_only=True)
class FiberRange:
    """The normalized fiber lengths of one muscle over the counted samples of all trials."""

    muscle: str
    lowest: float
    low: float  # 5th percentile
    middle: float  # median
    high: float  # 95th percentile
    highest: float
    largest_tendon_strain: float

    @property
    def usual(self) -> bool:
        """Whether it stays within the usual range."""
        return self.lowest >= USUAL_RANGE[0] and self.highest <= USUAL_RANGE[1]


def fiber_ranges(predictions: Sequence[TrialPrediction]) -> tuple[FiberRange, ...]:
    """Return the operating range of every muscle, in the predictions' order; none for no predictions."""
    if not predictions:
        return ()
    lengths = np.concatenate([p.normalized_fiber_length[p.first_counted :] for p in predictions])
    strains = np.concatenate([p.tendon_strain[p.first_counted :] for p in predictions])
    lowest, low, middle, high, highest = np.percentile(lengths, [0, 5, 50, 95, 100], axis=0)
    return tuple(
        FiberRange(
            muscle=name,
            lowest=float(lowest[i]),
            low=float(low[i]),
            middle=float(middle[i]),
            high=float(high[i]),
            highest=float(highest[i]),
            largest_tendon_strain=float(strains[:, i].max()),
        )
        for i, name in enumerate(predictions[0].muscles)
    )


def force_length_curve(muscle: Muscle, lengths: FloatArray) -> FloatArray:
    """Return the active force-length multiplier of a muscle's own class at normalized fiber lengths, (any,)."""
    import torch

    from osim_nmscal.nms.muscle_models import muscle_curves

    curve = muscle_curves(muscle).active_force_length
    return np.asarray(curve(torch.as_tensor(lengths, dtype=torch.float64)).value.numpy())
