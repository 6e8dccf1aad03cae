"""Thelen2003Muscle: the curves of Thelen (2003), J. Biomech. Eng. 125(1):70, as OpenSim 4.6 holds them.

Thelen's velocity is divided by 1/4 + 3/4 * activation, and his force-velocity curve is continued as a straight line
from a fraction of the largest eccentric force on. There is no fiber damping. Departure: the tendon is continued below
zero strain (see base.py). Passive force keeps its exponential until the end of the table, then continues straight.
"""

import functools
import math

import torch
from torch import Tensor

from osim_nmscal.data.muscles import Thelen2003Properties
from osim_nmscal.nms.curves import CurveJet, ExactCurve
from osim_nmscal.nms.muscle_models.base import ContinuedBelowSlack, MuscleCurves, minimum_pennated_length

_TOE_FORCE = 0.33
_TOE_SHAPE = 3.0
_VELOCITY_SCALE_AT_REST = 0.25
# OpenSim's lower bound of an unpennated fiber, in optimal fiber lengths.
_MINIMUM_FIBER_LENGTH = 0.01


def thelen2003_curves(properties: Thelen2003Properties, pennation_angle_at_optimal: float) -> MuscleCurves:
    """Return the curves in force inside a muscle with these properties; pennation in rad."""
    pennated = minimum_pennated_length(pennation_angle_at_optimal, properties.maximum_pennation_angle)
    return MuscleCurves(
        active_force_length=_active_force_length(properties.active_shape_factor),
        passive_force_length=_passive_force_length(properties.passive_fiber_strain_at_one_norm_force, properties.passive_shape_factor),
        force_velocity=_force_velocity(
            properties.force_velocity_shape_factor, properties.max_eccentric_force, properties.force_velocity_extrapolation_threshold
        ),
        tendon_force=_TENDON,
        tendon_strain_at_one_norm_force=properties.tendon_strain_at_one_norm_force,
        fiber_damping=0.0,
        velocity_scale_at_rest=_VELOCITY_SCALE_AT_REST,
        minimum_fiber_length=max(pennated, _MINIMUM_FIBER_LENGTH),
    )


@functools.lru_cache(maxsize=256)
def _active_force_length(shape: float) -> ExactCurve:
    def curve(length: Tensor) -> CurveJet:
        x = length - 1.0
        bell = torch.exp(-(x**2) / shape)
        return CurveJet(bell, -2.0 * x / shape * bell, bell * (4.0 * x**2 / shape**2 - 2.0 / shape))

    return curve


@functools.lru_cache(maxsize=256)
def _passive_force_length(strain: float, shape: float) -> ExactCurve:
    k, scale = shape / strain, 1.0 / math.expm1(shape)

    def curve(length: Tensor) -> CurveJet:
        growth = torch.exp(k * (length - 1.0).clamp_min(0.0))
        stretched = (length > 1.0).to(length.dtype)
        return CurveJet(scale * (growth - 1.0), scale * k * growth * stretched, scale * k**2 * growth * stretched)

    return curve


@functools.lru_cache(maxsize=256)
def _force_velocity(shape: float, maximum: float, threshold: float) -> ExactCurve:
    # eccentric: (f - 1) / (f_max - f) = steepness * v
    steepness = (2.0 + 2.0 / shape) / (maximum - 1.0)
    f_line = threshold * maximum
    v_line = (f_line - 1.0) / (steepness * (maximum - f_line))
    slope_line = steepness * (maximum - 1.0) / (1.0 + steepness * v_line) ** 2
    slope_concentric = 1.0 / (1.0 + 1.0 / shape)  # at the largest shortening velocity

    def curve(velocity: Tensor) -> CurveJet:
        shortening = velocity.clamp(-1.0, 0.0)
        low = 1.0 - shortening / shape
        stretching = velocity.clamp(0.0, v_line)
        high = 1.0 + steepness * stretching
        value = (1.0 + shortening) / low + slope_concentric * (velocity + 1.0).clamp_max(0.0)
        slope = (1.0 + 1.0 / shape) / low**2
        curvature = 2.0 * slope / (shape * low)
        slope = torch.where(velocity < -1.0, torch.full_like(slope, slope_concentric), slope)
        curvature = torch.where(velocity < -1.0, torch.zeros_like(curvature), curvature)
        eccentric = (1.0 + steepness * maximum * stretching) / high + slope_line * (velocity - v_line).clamp_min(0.0)
        eccentric_slope = steepness * (maximum - 1.0) / high**2
        eccentric_curvature = torch.where(velocity > v_line, torch.zeros_like(high), -2.0 * steepness * eccentric_slope / high)
        lengthening = velocity > 0.0
        return CurveJet(
            torch.where(lengthening, eccentric, value),
            torch.where(lengthening, eccentric_slope, slope),
            torch.where(lengthening, eccentric_curvature, curvature),
        )

    return curve


def _tendon_force(strain: Tensor) -> CurveJet:
    # The end of the exponential toe follows from a continuous slope; everything in units of the strain at one norm force.
    growth_toe = math.exp(_TOE_SHAPE)
    toe_slope = _TOE_SHAPE * _TOE_FORCE * growth_toe / (growth_toe - 1.0)
    toe = toe_slope / (1.0 - _TOE_FORCE + toe_slope)
    stiffness = (1.0 - _TOE_FORCE) / (1.0 - toe)
    k, scale = _TOE_SHAPE / toe, _TOE_FORCE / (growth_toe - 1.0)
    growth = torch.exp(k * strain.clamp_max(toe))
    linear = strain > toe
    return CurveJet(
        torch.where(linear, _TOE_FORCE + stiffness * (strain - toe), scale * (growth - 1.0)),
        torch.where(linear, torch.full_like(growth, stiffness), scale * k * growth),
        torch.where(linear, torch.zeros_like(growth), scale * k**2 * growth),
    )


_TENDON = ContinuedBelowSlack(_tendon_force)
