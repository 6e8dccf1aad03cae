"""Contraction: the force balance between fiber and tendon, with all first partial derivatives.

Method page, steps 3 and 4: f = tendon(strain) - cos(pennation) * (a * active(l) * fv(v) + passive(l) + damping * v),
in units of the maximum isometric force, with l and v normalized. Pennation keeps the height of the fibers constant
(OpenSim's FixedWidthPennationModel): sin(pennation) = sin(pennation at optimal) / l.
Partials are written out because the whole-trajectory solver needs them on every iteration; gradcheck tests hold them.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from osim_nmscal.nms.muscle_models import MuscleMechanics


class TendonAndFiber(NamedTuple):
    """The parameters of the force balance, (..., muscle) each."""

    optimal_fiber_length: Tensor  # m
    tendon_slack_length: Tensor  # m
    max_contraction_velocity: Tensor  # optimal fiber lengths / s
    tendon_strain_at_one_norm_force: Tensor  # -


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
    sine = muscle.sine_pennation_at_optimal
    along = torch.sqrt(length * length - sine * sine)
    cosine = along / length
    strain = (mtu_length - parameters.optimal_fiber_length * along) / parameters.tendon_slack_length - 1.0
    tendon = muscle.tendon_force(strain / parameters.tendon_strain_at_one_norm_force)
    stiffness = tendon.slope / parameters.tendon_strain_at_one_norm_force

    # both curves of length lie on one grid
    local, interval = muscle.active_force_length.locate(length)
    active = muscle.active_force_length.evaluate(local, interval)
    passive = muscle.passive_force_length.evaluate(local, interval)
    scale = muscle.velocity_scale(activation)
    fv = muscle.force_velocity(velocity if scale is None else velocity / scale)
    isometric = activation * active.value
    by_velocity_fiber = isometric * fv.slope
    if scale is not None:
        by_velocity_fiber = by_velocity_fiber / scale

    fiber = isometric * fv.value + passive.value + muscle.fiber_damping * velocity
    by_length_fiber = activation * active.slope * fv.value + passive.slope
    # d cosine / dl = sine^2 / (l * along), here written with the length along the tendon
    cosine_by_length = (1.0 - cosine * cosine) / along
    by_length = stiffness * (-parameters.optimal_fiber_length / parameters.tendon_slack_length) / cosine
    return Balance(
        residual=tendon.value - cosine * fiber,
        by_length=by_length - cosine_by_length * fiber - cosine * by_length_fiber,
        by_velocity=-cosine * (by_velocity_fiber + muscle.fiber_damping),
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


def by_parameters(at: Balance, velocity: Tensor, parameters: TendonAndFiber) -> TendonAndFiber:
    """Return df/d each parameter at a balance and constant normalized length; the velocity carries its own 1/vmax."""
    per_length = at.tendon_stiffness / parameters.tendon_slack_length
    return TendonAndFiber(
        optimal_fiber_length=-per_length * at.length_along_tendon,
        tendon_slack_length=-per_length * (1.0 + at.tendon_strain),
        max_contraction_velocity=-at.by_velocity * velocity / parameters.max_contraction_velocity,
        tendon_strain_at_one_norm_force=-at.tendon_stiffness * at.tendon_strain / parameters.tendon_strain_at_one_norm_force,
    )
