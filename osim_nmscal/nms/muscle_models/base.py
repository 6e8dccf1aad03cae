"""What every muscle class gives to the contraction model: four curves, two numbers, and how activation scales velocity.

All forces are in units of the maximum isometric force, all fiber lengths in optimal fiber lengths, fiber velocities
in optimal fiber lengths per second divided by the maximum contraction velocity, tendon strains in units of the strain
at one norm force. One equation then serves every class:

    tendon(strain) = cos(pennation) * (activation * active(l) * force_velocity(v / vscale) + passive(l) + damping * v)

Departures from OpenSim, for every class: a slack tendon carries a small negative force (below), where OpenSim's carries
none and its fiber length is then undetermined or its equilibrium fails; activation has no lower bound here, where OpenSim
clamps it to the muscle's `minimum_activation` (0.01), so a silent muscle's active force differs by up to 1 % of its maximum.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from osim_nmscal.nms.curves import CurveJet, ExactCurve

# Below zero strain OpenSim's Millard and Thelen tendons carry nothing, so a slack tendon could have any length.
# We continue them with this small slope (norm force per unit of strain / strain at one norm force), reached smoothly
# over SLACK_BLEND: at -10 % strain of a 4.9 % tendon the force is -0.2 % of the maximum isometric force. Ten times more
# visibly pushes a slack fiber shorter than OpenSim has it (2.8 % of the maximum force in running, 1.1 % with this slope).
SLACK_SLOPE = 0.001
SLACK_BLEND = 0.1  # in units of the strain at one norm force


@dataclass(frozen=True, kw_only=True)
class MuscleCurves:
    """One muscle's curves and constants, as its class defines them."""

    active_force_length: ExactCurve  # of normalized fiber length
    passive_force_length: ExactCurve  # of normalized fiber length
    force_velocity: ExactCurve  # of normalized fiber velocity (divided by the velocity scale)
    tendon_force: ExactCurve  # of tendon strain / strain at one norm force
    tendon_strain_at_one_norm_force: float
    fiber_damping: float
    velocity_scale_at_rest: float  # Thelen2003: velocity is divided by this + (1 - this) * activation; 1 otherwise
    minimum_fiber_length: float  # normalized, where OpenSim stops the fiber


def minimum_pennated_length(pennation_angle_at_optimal: float, maximum_pennation_angle: float) -> float:
    """Return the normalized fiber length at which a constant-height fiber reaches its maximum pennation."""
    return math.sin(pennation_angle_at_optimal) / math.sin(maximum_pennation_angle)


class ContinuedBelowSlack:
    """A tendon curve that is zero below zero strain, given a small smooth negative branch there (docs/method.md).

    The slope goes over SLACK_BLEND from the curve's own at zero strain (0 for Millard, 0.085 for Thelen) to SLACK_SLOPE.
    """

    def __init__(self, curve: ExactCurve) -> None:
        self._curve = curve
        self._slope_at_zero = float(curve(torch.zeros(1, dtype=torch.float64)).slope)

    def __call__(self, strain: Tensor) -> CurveJet:
        """Evaluate at strain / strain at one norm force, (any,)."""
        exact = self._curve(strain.clamp_min(0.0))
        depth = (-strain / SLACK_BLEND).clamp(0.0, 1.0)
        # slope = start + change * smoothstep(depth), integrated in closed form
        start, change = self._slope_at_zero, SLACK_SLOPE - self._slope_at_zero
        slope = start + change * depth**2 * (3.0 - 2.0 * depth)
        curvature = -change / SLACK_BLEND * 6.0 * depth * (1.0 - depth)
        beyond = (-strain - SLACK_BLEND).clamp_min(0.0)
        value = -SLACK_BLEND * depth * (start + change * depth**2 * (1.0 - 0.5 * depth)) - SLACK_SLOPE * beyond
        slack = strain < 0.0
        return CurveJet(
            torch.where(slack, value, exact.value), torch.where(slack, slope, exact.slope), torch.where(slack, curvature, exact.curvature)
        )
