"""MTU lengths over a grid of postures of the coordinates that these MTUs cross."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.noun import Noun
from osim_nmscal.errors import SignalError

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class PoseGrid(Noun):
    """Postures of some coordinates, and how long the MTUs are there; all other coordinates are at the model's default.

    Example:
        >>> from osim_nmscal.data.pose_grid import PoseGrid
        >>> PoseGrid(muscles=("flexor",), coordinates=("knee",), postures=np.zeros((3, 1)), mtu_length=np.full((3, 1), 0.3)).muscles
        ('flexor',)
    """

    muscles: tuple[str, ...]
    coordinates: tuple[str, ...]
    postures: FloatArray  # (posture, coordinate), rad or m
    mtu_length: FloatArray  # (posture, muscle), m

    def __post_init__(self) -> None:
        n = len(self.postures)
        if self.postures.shape != (n, len(self.coordinates)) or self.mtu_length.shape != (n, len(self.muscles)):
            raise SignalError(
                f"A pose grid has postures {self.postures.shape} and lengths {self.mtu_length.shape}; expected (posture, coordinate) = "
                f"{(n, len(self.coordinates))} and (posture, muscle) = {(n, len(self.muscles))}."
            )
