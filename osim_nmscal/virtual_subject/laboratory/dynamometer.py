"""What a dynamometer reports: the angle it turned to and the moment about that joint, with the limb's weight taken off."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.virtual_subject.motion.prescribed import wander

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class DynamometerNoise:
    """Standard deviations of its errors. Source: choice; axes are aligned by eye, the limb is weighed at one angle."""

    angle_offset: float = 1.5  # degrees
    lever: float = 0.02  # part of the moment: the joint's axis is not the machine's
    weight: float = 1.0  # N*m, of the limb's weight at a right angle to gravity
    wander: float = 0.5  # N*m
    wander_part: float = 0.02  # part of the greatest moment


# Instruments without errors.
PERFECT = DynamometerNoise(angle_offset=0.0, lever=0.0, weight=0.0, wander=0.0, wander_part=0.0)


def measured_angles(angles: FloatArray, noise: DynamometerNoise, random: np.random.Generator) -> FloatArray:
    """Return what the laboratory believes the joint angles to be, (time, coordinate), rad: each off by a constant.

    Args:
        angles: (time, coordinate), rad, true.
        noise: sizes.
        random: source of randomness.
    """
    return angles + np.radians(random.normal(0.0, noise.angle_offset, angles.shape[1]))


def measured_moment(
    time: FloatArray, angle: FloatArray, moment: FloatArray, noise: DynamometerNoise, random: np.random.Generator
) -> FloatArray:
    """Return the recorded moment about the machine's axis, (time,), N*m.

    Args:
        time: (time,), s.
        angle: of the joint, (time,), rad.
        moment: true, (time,), N*m.
        noise: sizes.
        random: source of randomness.
    """
    lever = 1.0 + random.normal(0.0, noise.lever)
    weight = random.normal(0.0, noise.weight) * np.sin(angle + random.uniform(0.0, 2.0 * np.pi))
    size = np.hypot(noise.wander, noise.wander_part * np.abs(moment).max())
    drift: FloatArray = wander(time, float(size), 0.25, random)[:, 0]
    return lever * moment + weight + drift
