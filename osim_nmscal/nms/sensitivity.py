"""Forward sensitivities: how fiber length, tendon strain and tendon force move with each kind of parameter.

A parameter of one muscle moves only that muscle's force. So one tangent per *kind* of parameter, taken for all muscles
at once, holds every derivative of a whole calibration. Everything here is (time, column) as in fiber_dynamics.py.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from osim_nmscal.nms.activation import bend, delayed, first_order, neural_activation
from osim_nmscal.nms.columns import fiber_velocity
from osim_nmscal.nms.contraction import (
    ParameterPartials,
    TendonAndFiber,
    by_activation,
    length_partials,
    parameter_partials,
    strain_by_length,
)
from osim_nmscal.nms.fiber_dynamics import FiberSolution
from osim_nmscal.nms.forward import MuscleState
from osim_nmscal.nms.parameters import NmsParameters

# Fields of NmsParameters that move the activation, the fiber, the force alone, and the path.
ACTIVATION_PARAMETERS = ("c1", "c2", "shape_factor", "electromechanical_delay", "emg_scale")
FIBER_PARAMETERS = TendonAndFiber._fields
FORCE_PARAMETERS = ("max_isometric_force",)
PATH_PARAMETERS = ("moment_arm_scale",)  # and what they do to MTU lengths


@dataclass(frozen=True)
class MuscleTangents:
    """Derivatives of a MuscleState along several directions, (direction, time, column) each."""

    length: Tensor
    tendon_strain: Tensor
    force: Tensor
    velocity: Callable[[], Tensor]  # computed when asked for


def muscle_tangents(
    state: MuscleState, activation: Tensor, parameters: Mapping[str, Tensor], mtu_length: Tensor | None = None
) -> MuscleTangents:
    """Differentiate a state along changes of activation, of parameters and of MTU lengths.

    Args:
        state: the solved muscles.
        activation: changes of activation, (direction, time, column); may have no direction.
        parameters: field of TendonAndFiber -> its change (m, 1/s, rad or -), (column,); one direction each, after those of activation.
        mtu_length: changes of MTU length, (direction, time, column), m; theirs are the last directions.

    Returns:
        derivatives along all directions, in that order.
    """
    p = state.columns.parameters
    partials = [parameter_partials(name, change, state.at, state.velocity, p) for name, change in parameters.items()]
    if mtu_length is not None:
        partials += [length_partials(change, state.at, p) for change in mtu_length]
    if state.solution is not None:
        return _elastic(state, state.solution, activation, partials)
    return _rigid(state, activation, partials)


def _along(state: MuscleState, pieces: list[Tensor], before: int) -> Tensor:
    """Stack explicit changes, scalars or (time, column), behind directions without any."""
    still = state.length.new_zeros((before, *state.length.shape))
    return torch.cat([still, *(piece.expand(state.length.shape)[None] for piece in pieces)])


def _velocity(state: MuscleState, length: Tensor, partials: list[ParameterPartials]) -> Tensor:
    """Return the change of normalized velocity that goes with changes of length, (direction, time, column)."""
    p = state.columns.parameters
    change = fiber_velocity(length, state.columns.muscle.rigid_tendon, state.time_step, p.max_contraction_velocity)
    return change + _along(state, [one.velocity for one in partials], len(length) - len(partials))


def _elastic(state: MuscleState, solution: FiberSolution, activation: Tensor, partials: list[ParameterPartials]) -> MuscleTangents:
    at, p = state.at, state.columns.parameters
    wrt_activation = by_activation(at, state.velocity, state.columns.activation, state.columns.muscle)
    length = solution.tangent(torch.cat([activation * wrt_activation, *(one.residual[None] for one in partials)]))
    strain = _chained(length, strain_by_length(at, p), [one.tendon_strain for one in partials])
    force = _chained(strain, at.tendon_stiffness, [one.tendon_force for one in partials])
    return MuscleTangents(length, strain, force, lambda: _velocity(state, length, partials))


def _chained(inner: Tensor, factor: Tensor, explicit: list[Tensor]) -> Tensor:
    """Return inner * factor with what the last directions change themselves, direction by direction: each fits into the cache."""
    by_direction = [inner.new_zeros(())] * (len(inner) - len(explicit)) + explicit
    rows = [torch.addcmul(own, row, factor) for own, row in zip(by_direction, inner, strict=True)]
    return torch.stack(rows) if rows else inner


def _rigid(state: MuscleState, activation: Tensor, partials: list[ParameterPartials]) -> MuscleTangents:
    at, p, muscle, first = state.at, state.columns.parameters, state.columns.muscle, len(activation)
    moving = (state.length > muscle.minimum_fiber_length).to(state.length.dtype)
    length = _along(state, [one.rigid_length for one in partials], first) * moving
    velocity = _velocity(state, length, partials)
    # the fiber's part of the balance: its residual is tendon minus fiber
    fiber_by_length = at.tendon_stiffness * strain_by_length(at, p) - at.by_length
    force = fiber_by_length * length - at.by_velocity * velocity
    wrt_activation = -by_activation(at, state.velocity, state.columns.activation, muscle)
    # what a parameter does to the fiber's force at a fixed length and velocity
    explicit = [
        at.tendon_stiffness * one.tendon_strain + one.tendon_force + at.by_velocity * one.velocity - one.residual for one in partials
    ]
    force = force + torch.cat([activation * wrt_activation, torch.zeros_like(force[first:])]) + _along(state, explicit, first)
    return MuscleTangents(length, torch.zeros_like(length), force, lambda: velocity)


def activation_tangents(excitation: Tensor, parameters: NmsParameters, names: tuple[str, ...], time_step: float) -> tuple[Tensor, Tensor]:
    """Return the activation and its derivatives by activation parameters.

    Args:
        excitation: (time, trial, muscle), neither scaled nor delayed.
        parameters: (muscle,) each.
        names: which of ACTIVATION_PARAMETERS to differentiate by.
        time_step: s.

    Returns:
        activation (time, trial, muscle), derivatives (name, time, trial, muscle).
    """
    excitation = excitation * parameters.emg_scale
    late = delayed(excitation, parameters.electromechanical_delay, time_step)
    neural = neural_activation(late, parameters.c1, parameters.c2)
    bent = bend(neural, parameters.shape_factor)
    slope = bent.by_neural
    # du/dc of w = (1 + c) e - c w_(i-1): the same filter, driven by the change of u from sample to sample
    rise = torch.cat([torch.zeros_like(neural[:1]), neural[1:] - neural[:-1]])
    derivatives = []
    for name in names:
        if name == "c1":
            derivatives.append(slope * first_order(rise, parameters.c1) / (1.0 + parameters.c1) ** 2)
        elif name == "c2":
            derivatives.append(slope * first_order(rise, parameters.c2) / (1.0 + parameters.c2) ** 2)
        elif name == "shape_factor":
            derivatives.append(bent.by_shape_factor)
        elif name == "emg_scale":
            derivatives.append(slope * neural / parameters.emg_scale)
        elif name == "electromechanical_delay":
            ones = torch.ones_like(parameters.electromechanical_delay)
            moved = torch.func.jvp(lambda d: delayed(excitation, d, time_step), (parameters.electromechanical_delay,), (ones,))[1]
            derivatives.append(slope * neural_activation(moved, parameters.c1, parameters.c2))
        else:
            raise NotImplementedError(f"no derivative of the activation is written for {name}")
    stacked = torch.stack(derivatives) if derivatives else neural.new_zeros((0, *neural.shape))
    return bent.value, stacked
