"""DeGrooteFregly2016Muscle: the curves of De Groote et al. (2016), Ann. Biomed. Eng. 44(10):2922, as OpenSim 4.6 holds them.

With an elastic tendon OpenSim's explicit mode inverts the force-velocity curve and so ignores `fiber_damping`
(tests/nms/test_fiber_dynamics.py: its own simulations obey the undamped equation to 3e-12); we do the same.
"""

import functools
import math

import torch
from torch import Tensor

from osim_nmscal.data.muscles import DeGrooteFregly2016Properties
from osim_nmscal.nms.curves import CurveJet, ExactCurve
from osim_nmscal.nms.muscle_models.base import MuscleCurves, minimum_pennated_length

# Coefficients as in OpenSim's DeGrooteFregly2016Muscle (the paper's supplement, slightly refitted there).
_ACTIVE = (
    (0.8150671134243542, 1.055033428970575, 0.162384573599574, 0.063303448465465),
    (0.433004984392647, 0.716775413397760, -0.029947116970696, 0.200356847296188),
    (0.1, 1.0, 0.353553390593274, 0.0),
)
_VELOCITY = (-0.3211346127989808, -8.149, -0.374, 0.8825327733249912)
_PASSIVE_STIFFNESS = 4.0
_TENDON_C1 = 0.2
_TENDON_C3 = 0.2
# OpenSim keeps the normalized fiber length inside this range.
FIBER_LENGTH_RANGE = (0.2, 1.8)
_MAXIMUM_PENNATION_ANGLE = math.acos(0.1)


def degroote2016_curves(properties: DeGrooteFregly2016Properties, pennation_angle_at_optimal: float, *, rigid_tendon: bool) -> MuscleCurves:
    """Return the curves in force inside a muscle with these properties; pennation in rad."""
    pennated = minimum_pennated_length(pennation_angle_at_optimal, _MAXIMUM_PENNATION_ANGLE)
    return MuscleCurves(
        active_force_length=_active_force_length(properties.active_force_width_scale),
        passive_force_length=_no_force
        if properties.ignore_passive_fiber_force
        else _passive_force_length(properties.passive_fiber_strain_at_one_norm_force),
        force_velocity=_force_velocity,
        tendon_force=_tendon_force,
        tendon_strain_at_one_norm_force=properties.tendon_strain_at_one_norm_force,
        fiber_damping=properties.fiber_damping if rigid_tendon else 0.0,
        velocity_scale_at_rest=1.0,
        minimum_fiber_length=max(pennated, FIBER_LENGTH_RANGE[0]),
    )


@functools.lru_cache(maxsize=256)
def _active_force_length(width_scale: float) -> ExactCurve:
    def curve(length: Tensor) -> CurveJet:
        x = (length - 1.0) / width_scale + 1.0
        value, slope, curvature = torch.zeros_like(x), torch.zeros_like(x), torch.zeros_like(x)
        for b1, b2, b3, b4 in _ACTIVE:
            # b1 * exp(-z^2 / 2) with z = (x - b2) / (b3 + b4 x)
            width = b3 + b4 * x
            z = (x - b2) / width
            z1 = (b3 + b4 * b2) / width**2
            z2 = -2.0 * b4 * z1 / width
            bell = b1 * torch.exp(-0.5 * z**2)
            value = value + bell
            slope = slope - bell * z * z1
            curvature = curvature + bell * ((z * z1) ** 2 - z1**2 - z * z2)
        return CurveJet(value, slope / width_scale, curvature / width_scale**2)

    return curve


@functools.lru_cache(maxsize=256)
def _passive_force_length(strain: float) -> ExactCurve:
    k = _PASSIVE_STIFFNESS / strain
    offset = math.exp(k * (FIBER_LENGTH_RANGE[0] - 1.0))
    scale = 1.0 / (math.exp(_PASSIVE_STIFFNESS) - offset)

    def curve(length: Tensor) -> CurveJet:
        growth = torch.exp(k * (length - 1.0))
        return CurveJet(scale * (growth - offset), scale * k * growth, scale * k**2 * growth)

    return curve


def _no_force(length: Tensor) -> CurveJet:
    zero = torch.zeros_like(length)
    return CurveJet(zero, zero, zero)


def _force_velocity(velocity: Tensor) -> CurveJet:
    d1, d2, d3, d4 = _VELOCITY
    z = d2 * velocity + d3
    root = torch.sqrt(z**2 + 1.0)
    return CurveJet(d1 * torch.asinh(z) + d4, d1 * d2 / root, -d1 * d2**2 * z / root**3)


def _tendon_force(strain: Tensor) -> CurveJet:
    k = math.log((1.0 + _TENDON_C3) / _TENDON_C1)
    growth = _TENDON_C1 * torch.exp(k * strain)
    return CurveJet(growth - _TENDON_C3, k * growth, k**2 * growth)
