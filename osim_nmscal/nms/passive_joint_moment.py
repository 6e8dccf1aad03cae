"""Passive joint moment: what ligaments and capsule do at both ends of a joint's range, so that muscles are not blamed for it.

M(q) = low_moment * exp((low_angle - q) / low_width) - high_moment * exp((q - high_angle) / high_width), the double exponential of
Riener & Edrich (1999) and Anderson (1999) without coupling to neighbouring joints, which is the muscles' part.
Departure: beyond three widths outside an end angle the exponential goes on as its tangent, so that no posture overflows.
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from osim_nmscal.data.passive_joint_moment import LARGEST_EXPONENT, NUMBERS, PassiveJointMoment

FloatArray = NDArray[np.float64]


class JointMomentParameters(NamedTuple):
    """Numbers of a `PassiveJointMoment`, (..., dof) each."""

    low_angle: Tensor  # rad
    low_moment: Tensor  # N·m
    low_width: Tensor  # rad
    high_angle: Tensor  # rad
    high_moment: Tensor  # N·m
    high_width: Tensor  # rad


def joint_moment_parameters(stated: PassiveJointMoment) -> JointMomentParameters:
    """Return the numbers as tensors, float64."""
    return JointMomentParameters(**{name: torch.from_numpy(getattr(stated, name)) for name in NUMBERS})


def passive_joint_moment(angle: Tensor, parameters: JointMomentParameters) -> Tensor:
    """Return the moment of ligaments and capsule.

    Args:
        angle: (..., dof), rad.
        parameters: (..., dof) each.

    Returns:
        (..., dof), N·m, with the sign of the coordinate.
    """
    return moment_by_end(angle, parameters).sum(dim=-2)


def moment_by_end(angle: Tensor, parameters: JointMomentParameters) -> Tensor:
    """Return what either end of the range adds to the moment of ligaments and capsule.

    Args:
        angle: (..., dof), rad.
        parameters: (..., dof) each.

    Returns:
        (..., end, dof), N·m, the lower end first.
    """
    p = parameters
    low = p.low_moment * _exponential((p.low_angle - angle) / p.low_width)
    high = p.high_moment * _exponential((angle - p.high_angle) / p.high_width)
    return torch.stack([low, -high], dim=-2)


def _exponential(exponent: Tensor) -> Tensor:
    below = exponent.clamp(max=LARGEST_EXPONENT)
    return torch.exp(below) * (1.0 + (exponent - below))


def joint_moment_of(stated: PassiveJointMoment, angle: FloatArray) -> FloatArray:
    """Return the moment of ligaments and capsule in postures, (posture, dof), N·m, of angles (posture, dof), rad, as numpy arrays."""
    return np.asarray(passive_joint_moment(torch.from_numpy(np.ascontiguousarray(angle)), joint_moment_parameters(stated)).numpy())
