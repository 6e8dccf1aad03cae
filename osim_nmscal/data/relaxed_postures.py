"""Postures of a relaxed limb in which people's moments are alike: what is known of the muscles together, before any trial is seen."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.noun import Facts, Noun
from osim_nmscal.errors import SignalError

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class RelaxedPostures(Noun):
    """A limb's geometry in postures in which the moment of its relaxed muscles is known to some deviation.

    Each posture counts as one independent observation of one moment: about the joint that was moved there.

    Example:
        >>> from osim_nmscal.data.relaxed_postures import RelaxedPostures
        >>> known = RelaxedPostures(
        ...     muscles=("flexor", "extensor"), mtu_length=np.array([[0.3, 0.4]]), moment_arm=np.array([[0.04, -0.05]]),
        ...     deviation=np.array([4.0]), joint=("knee",), angle=np.array([0.5]))
        >>> known.select(["extensor"]).moment_arm
        array([[-0.05]])
    """

    muscles: tuple[str, ...]
    mtu_length: FloatArray  # (posture, muscle), m
    moment_arm: FloatArray  # (posture, muscle), m, about the joint that was moved
    deviation: FloatArray  # (posture,), N·m, SD of a person's moment around that of the starting values
    joint: tuple[str, ...]  # (posture,), coordinate that was moved
    angle: FloatArray  # (posture,), rad, of that joint

    def __post_init__(self) -> None:
        expected = (len(self.deviation), len(self.muscles))
        if self.mtu_length.shape != expected or self.moment_arm.shape != expected:
            raise SignalError(
                f"Relaxed postures have lengths {self.mtu_length.shape} and moment arms {self.moment_arm.shape}; "
                f"expected (posture, muscle) = {expected} of both."
            )
        if (len(self.joint), self.angle.shape) != (expected[0], expected[:1]):
            raise SignalError(f"Relaxed postures name {len(self.joint)} joints and {self.angle.size} angles for {expected[0]} postures.")
        sound = (
            np.isfinite(self.angle).all()
            and np.isfinite(self.mtu_length).all()
            and np.isfinite(self.moment_arm).all()
            and np.isfinite(self.deviation).all()
        )
        if not sound or (self.deviation <= 0.0).any():
            raise SignalError("Relaxed postures hold values that are no numbers, or deviations that are not positive; mend them.")

    def _facts(self) -> Facts:
        return [("", f"{len(self.deviation)} postures"), ("", f"{len(self.muscles)} muscles")]

    def select(self, names: Sequence[str]) -> "RelaxedPostures":
        """Return those of the named muscles that are here, in that order; the others are taken to stay as they are."""
        index = [self.muscles.index(name) for name in names if name in self.muscles]
        muscles = tuple(self.muscles[i] for i in index)
        return replace(self, muscles=muscles, mtu_length=self.mtu_length[:, index], moment_arm=self.moment_arm[:, index])
