"""Joint moments as a differentiable function of activation alone, everything else given.

For searches over excitations of muscles that are known: the gradient is written out (implicit function theorem at the solved fibers),
so autograd keeps nothing of the force balance, and fibers are looked for where the linearisation of the evaluation before has them.
"""

import torch
from torch import Tensor

from osim_nmscal.nms.columns import time_first
from osim_nmscal.nms.contraction import by_activation, strain_by_length
from osim_nmscal.nms.forward import MuscleState, Parts
from osim_nmscal.nms.joint_moment import joint_moment
from osim_nmscal.nms.muscle_models import MuscleMechanics
from osim_nmscal.nms.parameters import NmsParameters


class MomentOfActivation:
    """Muscles over some trials; call it with one activation after the other."""

    def __init__(
        self, muscle: MuscleMechanics, parameters: NmsParameters, mtu_length: Tensor, moment_arm: Tensor, time_step: float
    ) -> None:
        """Take what stays.

        Args:
            muscle: constants of the muscles.
            parameters: (muscle,) each.
            mtu_length: m, (time, trial, muscle).
            moment_arm: m, (time, trial, dof, muscle).
            time_step: s.
        """
        self.parts, self.parameters, self.time_step = Parts(muscle), parameters, time_step
        self.mtu_length, self.moment_arm = mtu_length, moment_arm
        self.line = self._line(muscle)
        self.before: tuple[MuscleState, ...] | None = None  # the evaluation before

    def __call__(self, activation: Tensor) -> Tensor:
        """Return the joint moments (time, trial, dof), N·m, of an activation (time, trial, muscle).

        Raises:
            FiberDynamicsError: a fiber has no equilibrium.
        """
        if self.line is not None:
            force, slope = self.line
            return joint_moment((force + slope * activation) * self.parameters.max_isometric_force, self.moment_arm)
        moments: Tensor = _Moments.apply(activation, self)
        return moments

    def expected(self, activation: Tensor) -> list[Tensor] | None:
        """Return the tendon strains to expect of each part, (time, column); None if nothing is known yet."""
        if self.before is None:
            return None
        strains = []
        for index, state in zip(self.parts.indices, self.before, strict=True):
            change = time_first(activation[..., index]) - state.columns.activation
            strain = state.tendon_strain
            if state.solution is not None:
                moved = state.solution.tangent(_balance_by_activation(state) * change)
                strain = strain + moved * strain_by_length(state.at, state.columns.parameters)
            strains.append(strain)
        return strains

    def _line(self, muscle: MuscleMechanics) -> tuple[Tensor, Tensor] | None:
        """Return the force at no activation and what activation adds, where all fibers are given by the MTU; else None."""
        silent = torch.zeros_like(self.mtu_length)
        if not bool(muscle.rigid_tendon.all()) or muscle.velocity_scale(silent) is not None:
            return None
        with torch.no_grad():
            (state,) = self.parts.solve(silent, self.mtu_length, self.parameters, self.time_step)
            slope = force_by_activation(state, torch.ones_like(state.force))
        return state.columns.restore(state.force), state.columns.restore(slope)


def force_by_activation(state: MuscleState, gradient: Tensor) -> Tensor:
    """Pull a gradient with respect to the tendon forces of solved muscles back to their activations.

    Args:
        state: solved without autograd.
        gradient: with respect to forces in units of the maximum isometric force, (time, column).

    Returns:
        (time, column).
    """
    partial = _balance_by_activation(state)
    if state.solution is None:  # a rigid tendon carries what the fiber pulls, at a length that the MTU gives
        return -gradient * partial
    at, p = state.at, state.columns.parameters
    force_by_length = at.tendon_stiffness * strain_by_length(at, p)
    return state.solution.adjoint(gradient * force_by_length) * torch.where(state.solution.at_bound, 0.0, partial)


def _balance_by_activation(state: MuscleState) -> Tensor:
    """Return what activation adds to the residual of the force balance, (time, column)."""
    return by_activation(state.at, state.velocity, state.columns.activation, state.columns.muscle)


class _Moments(torch.autograd.Function):
    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, activation: Tensor, muscles: MomentOfActivation) -> Tensor:
        warm = muscles.expected(activation)
        states = muscles.parts.solve(activation, muscles.mtu_length, muscles.parameters, muscles.time_step, warm=warm)
        muscles.before = states
        force = muscles.parts.merge([state.columns.restore(state.force) for state in states])
        ctx.states, ctx.muscles = states, muscles  # type: ignore[attr-defined]
        return joint_moment(force * muscles.parameters.max_isometric_force, muscles.moment_arm)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: torch.autograd.function.FunctionCtx, gradient: Tensor) -> tuple[Tensor, None]:
        muscles: MomentOfActivation = ctx.muscles  # type: ignore[attr-defined]
        states: tuple[MuscleState, ...] = ctx.states  # type: ignore[attr-defined]
        by_force = torch.einsum("trd,trdm->trm", gradient, muscles.moment_arm) * muscles.parameters.max_isometric_force
        pieces = (time_first(by_force[..., index]) for index in muscles.parts.indices)
        pulled = [state.columns.restore(force_by_activation(state, piece)) for state, piece in zip(states, pieces, strict=True)]
        return muscles.parts.merge(pulled), None
