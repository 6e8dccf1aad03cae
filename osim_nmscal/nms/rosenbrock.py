"""Fiber dynamics by the first-order Rosenbrock step of van den Bogert et al. (2011), Procedia IUTAM 2:297, as Hambly (2025) uses it.

l_(i+1) = l_i + (df/dl + df/dv / h)^-1 (df/dv v_i - f_i - df/da (a_(i+1) - a_i) - df/dL (L_(i+1) - L_i)), with L the MTU
length. One linear solve per step and no iteration, so each step leaves a residual; whole-trajectory Newton
(fiber_dynamics.py) is exact for the same step and faster here. Kept as the paper's model, and to compare with.
"""

import torch
from torch import Tensor

from osim_nmscal.nms.contraction import TendonAndFiber, balance, by_activation, by_mtu_length
from osim_nmscal.nms.muscle_models import MuscleMechanics


def rosenbrock_trajectory(
    activation: Tensor,
    mtu_length: Tensor,
    parameters: TendonAndFiber,
    muscle: MuscleMechanics,
    time_step: float,
    start: Tensor,
) -> Tensor:
    """March the fiber lengths through time; differentiable by autograd in all inputs.

    Args:
        activation, mtu_length: (time, column).
        parameters: (column,) each.
        muscle: constants, one per column.
        time_step: s.
        start: normalized fiber length at the first sample, (column,).

    Returns:
        normalized fiber length, (time, column); kept at or above each muscle's minimum.
    """
    inverse = 1.0 / (time_step * parameters.max_contraction_velocity)
    lengths = [start]
    velocity = torch.zeros_like(start)
    for i in range(len(activation) - 1):
        length = lengths[-1]
        at = balance(length, velocity, activation[i], mtu_length[i], parameters, muscle)
        change = (
            at.by_velocity * velocity
            - at.residual
            - by_activation(at, velocity, activation[i], muscle) * (activation[i + 1] - activation[i])
            - by_mtu_length(at, parameters) * (mtu_length[i + 1] - mtu_length[i])
        ) / (at.by_length + at.by_velocity * inverse)
        following = torch.maximum(length + change, muscle.minimum_fiber_length)
        velocity = (following - length) * inverse
        lengths.append(following)
    return torch.stack(lengths)
