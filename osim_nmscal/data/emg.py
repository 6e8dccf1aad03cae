"""Which EMG channel drives which muscle-tendon units."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.noun import Facts, Noun, listed_short
from osim_nmscal.errors import SignalError


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class EmgMapping(Noun):
    """Excitation of a muscle = weighted sum of channel envelopes.

    Example:
        >>> mapping = EmgMapping(channels=("GM", "GL"), muscles=("soleus",), weights=np.array([[0.5], [0.5]]))
        >>> EmgMapping(channels=("GM",), muscles=("soleus",), weights=np.zeros((1, 1)))
        Traceback (most recent call last):
            ...
        osim_nmscal.errors.SignalError: EMG mapping gives muscle 'soleus' no channel; map one to it or leave the muscle out.
    """

    channels: tuple[str, ...]
    muscles: tuple[str, ...]
    weights: NDArray[np.float64]  # (channel, muscle), >= 0; each muscle has at least one positive weight

    def _facts(self) -> Facts:
        return (
            ("", f"{len(self.channels)} channels drive {len(self.muscles)} muscles"),
            ("channels", listed_short(self.channels)),
        )

    def __post_init__(self) -> None:
        if self.weights.shape != (len(self.channels), len(self.muscles)):
            raise SignalError(f"EMG mapping weights have shape {self.weights.shape}, expected {(len(self.channels), len(self.muscles))}.")
        if (self.weights < 0).any() or not np.isfinite(self.weights).all():
            raise SignalError("EMG mapping weights must be finite and not negative.")
        undriven = [name for name, total in zip(self.muscles, self.weights.sum(axis=0), strict=True) if total == 0]
        if undriven:
            raise SignalError(f"EMG mapping gives muscle {undriven[0]!r} no channel; map one to it or leave the muscle out.")
