"""Forward sensitivities: how fiber length, tendon strain and tendon force move with each kind of parameter.

A parameter of one muscle moves only that muscle's force. So one tangent per *kind* of parameter, taken for all muscles
at once, holds every derivative of a whole calibration. Everything here is (time, column) as in fiber_dynamics.py.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from osim_nmscal.nms.activation import bend, delayed, first_order, neural_activation
from osim_nmscal.nms.contraction import Balance, balance, by_activation, by_parameters
from osim_nmscal.nms.fiber_dynamics import FiberSolution
from osim_nmscal.nms.model import Columns, NmsParameters, fiber_velocity, rigid_fiber_length, solve_columns

FiberParameterKind = Literal["optimal_fiber_length", "tendon_slack_length", "max_contraction_velocity", "tendon_strain_at_one_norm_force"]
ActivationParameterKind = Literal["c1", "c2", "shape_factor", "emg_scale", "electromechanical_delay"]


@dataclass(frozen=True)
class MuscleState:
    """Solved muscles that all have an elastic, or all a rigid, tendon; (time, column) each, detached."""

    columns: Columns
    time_step: float
    length: Tensor  # normalized fiber length
    velocity: Tensor  # normalized fiber velocity
    at: Balance
    tendon_strain: Tensor  # zero with a rigid tendon
    force: Tensor  # tendon force, in units of the maximum isometric force
    solution: FiberSolution | None  # None with a rigid tendon


@dataclass(frozen=True)
class MuscleTangents:
    """Derivatives of a MuscleState along several directions, (direction, time, column) each."""

    length: Tensor
    tendon_strain: Tensor
    force: Tensor


def solve_state(columns: Columns, time_step: float, start: Tensor | None = None) -> MuscleState:
    """Solve the muscles of some columns, all elastic or all rigid; start warms the elastic solver."""
    if not bool(columns.muscle.rigid_tendon.any()):
        solution = solve_columns(columns, time_step, start)
        at = solution.at
        return MuscleState(columns, time_step, solution.length, solution.velocity, at, at.tendon_strain, at.tendon_force, solution)
    length = rigid_fiber_length(columns)
    velocity = fiber_velocity(length, columns.muscle.rigid_tendon, time_step, columns.parameters.max_contraction_velocity)
    at = balance(length, velocity, columns.activation, columns.mtu_length, columns.parameters, columns.muscle)
    return MuscleState(columns, time_step, length, velocity, at, torch.zeros_like(length), at.tendon_force - at.residual, None)


def muscle_tangents(state: MuscleState, activation: Tensor, kinds: tuple[FiberParameterKind, ...]) -> MuscleTangents:
    """Differentiate a state along given changes of activation and along unit changes of parameters.

    Args:
        state: the solved muscles.
        activation: changes of activation, (direction, time, column); may have no direction.
        kinds: parameters whose unit change (m, 1/s or -) gives one direction each, after those of activation.

    Returns:
        derivatives along all directions, in that order.
    """
    return _elastic(state, state.solution, activation, kinds) if state.solution is not None else _rigid(state, activation, kinds)


def _elastic(state: MuscleState, solution: FiberSolution, activation: Tensor, kinds: tuple[FiberParameterKind, ...]) -> MuscleTangents:
    at, p = state.at, state.columns.parameters
    wrt_parameters = by_parameters(at, state.velocity, p)
    wrt_activation = by_activation(at, state.velocity, state.columns.activation, state.columns.muscle)
    sources = torch.cat([activation * wrt_activation, *(getattr(wrt_parameters, kind)[None] for kind in kinds)])
    length = solution.tangent(sources)
    strain = length * (-p.optimal_fiber_length / p.tendon_slack_length / at.cosine)
    explicit = torch.zeros_like(strain)
    first = len(activation)
    for i, kind in enumerate(kinds):
        if kind == "optimal_fiber_length":
            explicit[first + i] = -at.length_along_tendon / p.tendon_slack_length
        elif kind == "tendon_slack_length":
            explicit[first + i] = -(1.0 + at.tendon_strain) / p.tendon_slack_length
    strain = strain + explicit
    force = at.tendon_stiffness * strain
    if "tendon_strain_at_one_norm_force" in kinds:
        i = first + kinds.index("tendon_strain_at_one_norm_force")
        force[i] = force[i] + wrt_parameters.tendon_strain_at_one_norm_force
    return MuscleTangents(length, strain, force)


def _rigid(state: MuscleState, activation: Tensor, kinds: tuple[FiberParameterKind, ...]) -> MuscleTangents:
    at, p, muscle = state.at, state.columns.parameters, state.columns.muscle
    moving = (state.length > muscle.minimum_fiber_length).to(state.length.dtype)
    none = torch.zeros_like(state.length)
    lengths, velocities = [], []
    for kind in kinds:
        along = none
        if kind == "optimal_fiber_length":
            along = -at.length_along_tendon / p.optimal_fiber_length
        elif kind == "tendon_slack_length":
            along = -torch.ones_like(none) / p.optimal_fiber_length
        change = at.cosine * along * moving
        lengths.append(change)
        velocity = fiber_velocity(change, muscle.rigid_tendon, state.time_step, p.max_contraction_velocity)
        velocities.append(velocity - state.velocity / p.max_contraction_velocity if kind == "max_contraction_velocity" else velocity)
    length = torch.cat([torch.zeros_like(activation), *(change[None] for change in lengths)])
    velocity = torch.cat([torch.zeros_like(activation), *(change[None] for change in velocities)])
    # the fiber's part of the balance: its residual is tendon minus fiber
    fiber_by_length = -(at.by_length + at.tendon_stiffness * p.optimal_fiber_length / (p.tendon_slack_length * at.cosine))
    force = fiber_by_length * length - at.by_velocity * velocity
    wrt_activation = -by_activation(at, state.velocity, state.columns.activation, muscle)
    force = force + torch.cat([activation * wrt_activation, torch.zeros_like(force[len(activation) :])])
    return MuscleTangents(length, torch.zeros_like(length), force)


def activation_tangents(
    excitation: Tensor, parameters: NmsParameters, kinds: tuple[ActivationParameterKind, ...], time_step: float
) -> tuple[Tensor, Tensor]:
    """Return the activation and its derivatives by activation parameters.

    Args:
        excitation: (time, trial, muscle), not delayed, already scaled.
        parameters: (muscle,) each.
        kinds: which derivatives; that by "emg_scale" is taken at a scale of one.
        time_step: s.

    Returns:
        activation (time, trial, muscle), derivatives (kind, time, trial, muscle).
    """
    late = delayed(excitation, parameters.electromechanical_delay, time_step)
    neural = neural_activation(late, parameters.c1, parameters.c2)
    bent = bend(neural, parameters.shape_factor)
    slope = bent.by_neural
    # du/dc of w = (1 + c) e - c w_(i-1): the same filter, driven by the change of u from sample to sample
    rise = torch.cat([torch.zeros_like(neural[:1]), neural[1:] - neural[:-1]])
    derivatives = []
    for kind in kinds:
        if kind == "c1":
            derivatives.append(slope * first_order(rise, parameters.c1) / (1.0 + parameters.c1) ** 2)
        elif kind == "c2":
            derivatives.append(slope * first_order(rise, parameters.c2) / (1.0 + parameters.c2) ** 2)
        elif kind == "shape_factor":
            derivatives.append(bent.by_shape_factor)
        elif kind == "emg_scale":
            derivatives.append(slope * neural)
        else:
            ones = torch.ones_like(parameters.electromechanical_delay)
            moved = torch.func.jvp(lambda d: delayed(excitation, d, time_step), (parameters.electromechanical_delay,), (ones,))[1]
            derivatives.append(slope * neural_activation(moved, parameters.c1, parameters.c2))
    stacked = torch.stack(derivatives) if derivatives else neural.new_zeros((0, *neural.shape))
    return bent.value, stacked
