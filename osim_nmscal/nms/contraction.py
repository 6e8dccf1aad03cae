"""Contraction: the force balance between fiber and tendon, with all first partial derivatives.

docs/method.md: f = tendon(strain) - cos(pennation) * (a * active(l) * fv(v) + passive(l) + damping * v),
in units of the maximum isometric force, with l and v normalized. Pennation keeps the height of the fibers constant
(OpenSim's FixedWidthPennationModel): sin(pennation) = sin(pennation at optimal) / l.
Partials are written out because the whole-trajectory solver needs them on every iteration; gradcheck tests hold them.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from osim_nmscal.nms.muscle_models import MuscleMechanics
from osim_nmscal.nms.pennation import length_along_tendon


class TendonAndFiber(NamedTuple):
    """The parameters of the force balance, (..., muscle) each."""

    optimal_fiber_length: Tensor  # m
    tendon_slack_length: Tensor  # m
    max_contraction_velocity: Tensor  # optimal fiber lengths / s
    tendon_strain_at_one_norm_force: Tensor  # -
    pennation_angle_at_optimal: Tensor  # rad


def fiber_height(parameters: TendonAndFiber) -> Tensor:
    """Return the constant height of the fibers in optimal fiber lengths, the sine of pennation at optimal, (..., muscle)."""
    return torch.sin(parameters.pennation_angle_at_optimal)


class Balance(NamedTuple):
    """The force balance at one state and the pieces its partials share; each shaped as the state."""

    residual: Tensor  # f, in units of the maximum isometric force
    by_length: Tensor  # df/dl at constant velocity
    by_velocity: Tensor  # df/dv
    length_along_tendon: Tensor  # l * cos(pennation), in optimal fiber lengths
    cosine: Tensor  # cos(pennation)
    tendon_strain: Tensor
    tendon_force: Tensor  # in units of the maximum isometric force
    tendon_stiffness: Tensor  # d tendon_force / d strain
    active: Tensor  # active-force-length multiplier
    velocity_multiplier: Tensor
    velocity_slope: Tensor  # d velocity_multiplier / d scaled velocity
    velocity_scale: Tensor | None  # None where activation does not scale velocity
    passive: Tensor  # passive elastic force


def balance(
    length: Tensor, velocity: Tensor, activation: Tensor, mtu_length: Tensor, parameters: TendonAndFiber, muscle: MuscleMechanics
) -> Balance:
    """Evaluate the force balance; a positive residual means the tendon pulls harder than the fiber.

    Args:
        length: normalized fiber length, (..., muscle).
        velocity: fiber velocity / (optimal fiber length * max contraction velocity), (..., muscle).
        activation: (..., muscle).
        mtu_length: m, (..., muscle).
        parameters: (muscle,) each, or broadcastable.
        muscle: constants of the muscles on the last axis.

    Returns:
        residual, its partials by length and velocity, and shared pieces.
    """
    # few passes over memory, since this is most of a solve's time: addcmul(x, y, z, value=c) is x + c * y * z
    p, sine = parameters, fiber_height(parameters)
    along = length_along_tendon(length, sine)
    cosine = along / length
    strain_by_along = -p.optimal_fiber_length / p.tendon_slack_length
    strain = torch.addcmul(mtu_length / p.tendon_slack_length - 1.0, along, strain_by_along)
    strain_scale = 1.0 / p.tendon_strain_at_one_norm_force
    tendon = muscle.tendon_force(strain * strain_scale)
    stiffness = tendon.slope * strain_scale

    # both curves of length lie on one grid
    local, interval = muscle.active_force_length.locate(length)
    active = muscle.active_force_length.evaluate(local, interval)
    passive = muscle.passive_force_length.evaluate(local, interval)
    scale = muscle.velocity_scale(activation)
    fv = muscle.force_velocity(velocity if scale is None else velocity / scale)

    isometric = activation * active.value
    fiber = torch.addcmul(torch.addcmul(passive.value, isometric, fv.value), velocity, muscle.fiber_damping)
    fiber_by_length = torch.addcmul(passive.slope, activation * active.slope, fv.value)
    slope_by_velocity = fv.slope if scale is None else fv.slope / scale
    fiber_by_velocity = torch.addcmul(muscle.fiber_damping, isometric, slope_by_velocity)
    # d cosine / dl = sine^2 / (l^2 * along)
    cosine_by_length = sine * sine / (length * length * along)
    tendon_by_length = stiffness * strain_by_along / cosine
    by_length = torch.addcmul(torch.addcmul(tendon_by_length, cosine_by_length, fiber, value=-1), cosine, fiber_by_length, value=-1)
    return Balance(
        residual=torch.addcmul(tendon.value, cosine, fiber, value=-1),
        by_length=by_length,
        by_velocity=-(cosine * fiber_by_velocity),
        length_along_tendon=along,
        cosine=cosine,
        tendon_strain=strain,
        tendon_force=tendon.value,
        tendon_stiffness=stiffness,
        active=active.value,
        velocity_multiplier=fv.value,
        velocity_slope=fv.slope,
        velocity_scale=scale,
        passive=passive.value,
    )


def by_activation(at: Balance, velocity: Tensor, activation: Tensor, muscle: MuscleMechanics) -> Tensor:
    """Return df/d activation at a balance."""
    if at.velocity_scale is None:
        return -at.cosine * at.active * at.velocity_multiplier
    rest = muscle.velocity_scale_at_rest
    slowing = activation * at.velocity_slope * velocity * (1.0 - rest) / (at.velocity_scale * at.velocity_scale)
    return -at.cosine * at.active * (at.velocity_multiplier - slowing)


def by_mtu_length(at: Balance, parameters: TendonAndFiber) -> Tensor:
    """Return df/d MTU length at a balance, 1/m."""
    return at.tendon_stiffness / parameters.tendon_slack_length


def strain_by_length(at: Balance, parameters: TendonAndFiber) -> Tensor:
    """Return d tendon strain / d normalized fiber length at a balance."""
    return -parameters.optimal_fiber_length / (parameters.tendon_slack_length * at.cosine)


class ParameterPartials(NamedTuple):
    """What a change of one parameter does at a fixed fiber length and speed; each shaped as the state, or a scalar 0."""

    residual: Tensor
    tendon_strain: Tensor
    tendon_force: Tensor  # at a fixed strain
    velocity: Tensor  # normalized fiber velocity, at a fixed speed
    rigid_length: Tensor  # normalized fiber length that a tendon of constant length leaves


def parameter_partials(name: str, change: Tensor, at: Balance, velocity: Tensor, parameters: TendonAndFiber) -> ParameterPartials:
    """Return what a small change of one parameter does to the force balance.

    Args:
        name: field of TendonAndFiber.
        change: of that parameter, shaped as it, or a scalar.
        at: a balance.
        velocity: normalized fiber velocity there.
        parameters: as of the balance.
    """
    p, zero = parameters, at.cosine.new_zeros(())
    if name == "optimal_fiber_length":
        strain = at.length_along_tendon * (-change / p.tendon_slack_length)
        rigid = at.cosine * at.length_along_tendon * (-change / p.optimal_fiber_length)
        return ParameterPartials(at.tendon_stiffness * strain, strain, zero, zero, rigid)
    if name == "tendon_slack_length":
        strain = (1.0 + at.tendon_strain) * (-change / p.tendon_slack_length)
        return ParameterPartials(at.tendon_stiffness * strain, strain, zero, zero, at.cosine * (-change / p.optimal_fiber_length))
    if name == "max_contraction_velocity":
        slower = velocity * (-change / p.max_contraction_velocity)
        return ParameterPartials(at.by_velocity * slower, zero, zero, slower, zero)
    if name == "tendon_strain_at_one_norm_force":
        force = at.tendon_stiffness * at.tendon_strain * (-change / p.tendon_strain_at_one_norm_force)
        return ParameterPartials(force, zero, force, zero, zero)
    if name == "pennation_angle_at_optimal":
        # a higher fiber reaches less far along the tendon, d along / dh = -h / along, and pulls at a smaller cosine
        angle = p.pennation_angle_at_optimal
        height, higher = torch.sin(angle), torch.cos(angle) * change
        shorter = -height / at.length_along_tendon * higher
        strain = -shorter * p.optimal_fiber_length / p.tendon_slack_length
        length = at.length_along_tendon / at.cosine
        fiber = (at.tendon_force - at.residual) / at.cosine
        return ParameterPartials(at.tendon_stiffness * strain - fiber * shorter / length, strain, zero, zero, height * higher / length)
    raise NotImplementedError(f"no partial derivatives are written for {name}")


def length_partials(change: Tensor, at: Balance, parameters: TendonAndFiber) -> ParameterPartials:
    """Return how a change of the MTU length, shaped as the state, m, enters the force balance."""
    zero, strain = at.cosine.new_zeros(()), change / parameters.tendon_slack_length
    return ParameterPartials(
        by_mtu_length(at, parameters) * change, strain, zero, zero, at.cosine * change / parameters.optimal_fiber_length
    )


def by_parameters(at: Balance, velocity: Tensor, parameters: TendonAndFiber) -> TendonAndFiber:
    """Return df/d each parameter at a balance and constant normalized length; the velocity carries its own 1/vmax."""
    unit = at.residual.new_ones(())
    return TendonAndFiber(*(parameter_partials(name, unit, at, velocity, parameters).residual for name in TendonAndFiber._fields))
