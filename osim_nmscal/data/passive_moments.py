"""Moments of a relaxed limb in one posture after the other, each about the joint that was moved."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.noun import Noun
from osim_nmscal.errors import SignalError

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class PassiveMoments(Noun):
    """Passive joint moments, gravity taken out; angles and moments with the signs of the model's coordinates.

    Example:
        >>> from osim_nmscal.data.passive_moments import PassiveMoments
        >>> sweep = PassiveMoments(
        ...     coordinates=("knee",), postures=np.array([[0.2], [0.8]]), about=np.array([0, 0]), moment=np.array([3.0, -2.0]),
        ...     deviation=np.full(2, 2.0), curve=np.array([0, 0]), source="made up")
        >>> sweep.rows("knee")
        array([ True,  True])
    """

    coordinates: tuple[str, ...]
    postures: FloatArray  # (posture, coordinate), rad
    about: NDArray[np.intp]  # (posture,), which coordinate the moment is about
    moment: FloatArray  # (posture,), N·m
    deviation: FloatArray  # (posture,), N·m, SD of what the moment may be off
    curve: NDArray[np.intp]  # (posture,), postures of one sweep share errors
    source: str

    def __post_init__(self) -> None:
        n = len(self.moment)
        shapes = [values.shape for values in (self.about, self.deviation, self.curve)]
        if self.postures.shape != (n, len(self.coordinates)) or shapes != [(n,)] * 3:
            raise SignalError(
                f"Passive moments of {self.source} have {n} moments, and arrays of other lengths; give one of each a posture."
            )
        if not n or not (np.isfinite(self.postures).all() and np.isfinite(self.moment).all() and (self.deviation > 0).all()):
            raise SignalError(f"Passive moments of {self.source} are none, or hold gaps or deviations that are not positive; mend them.")

    def rows(self, coordinate: str) -> NDArray[np.bool_]:
        """Return which postures tell of a coordinate's moment, (posture,)."""
        found: NDArray[np.bool_] = self.about == self.coordinates.index(coordinate)
        return found
