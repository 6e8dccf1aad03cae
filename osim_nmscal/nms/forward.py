"""Muscles solved: what `simulate` and a calibration's loss both compute, with or without autograd.

Muscles are parted into those with an elastic and those with a rigid tendon; each part is solved in columns
(columns.py), and signals of the parts are merged in the order of all muscles.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from osim_nmscal.nms.columns import Columns, fiber_velocity, rigid_fiber_length, solve_columns
from osim_nmscal.nms.contraction import Balance, balance
from osim_nmscal.nms.fiber_dynamics import FiberSolution, WholeTrajectory
from osim_nmscal.nms.muscle_models import MuscleMechanics
from osim_nmscal.nms.parameters import NmsParameters
from osim_nmscal.nms.rosenbrock import rosenbrock_trajectory

FiberDynamicsName = Literal["whole_trajectory", "rosenbrock"]


@dataclass(frozen=True)
class MuscleState:
    """Solved muscles that all have an elastic, or all a rigid, tendon; (time, column) each."""

    columns: Columns
    time_step: float
    length: Tensor  # normalized fiber length
    velocity: Tensor  # normalized fiber velocity
    at: Balance
    tendon_strain: Tensor  # zero with a rigid tendon
    force: Tensor  # tendon force, in units of the maximum isometric force
    solution: FiberSolution | None  # None with a rigid tendon, or where it was integrated otherwise


class Parts:
    """Muscles parted by their tendon; all elastic ones first."""

    def __init__(self, muscle: MuscleMechanics) -> None:
        rigid = muscle.rigid_tendon
        self.indices = [index for index in ((~rigid).nonzero().squeeze(-1), rigid.nonzero().squeeze(-1)) if len(index)]
        self._whole = len(self.indices) == 1
        self._muscles = [muscle] if self._whole else [muscle.select(index) for index in self.indices]
        self._order = torch.argsort(torch.cat(self.indices))

    def solve(
        self,
        activation: Tensor,
        mtu_length: Tensor,
        parameters: NmsParameters,
        time_step: float,
        *,
        warm: Sequence[Tensor] | None = None,
        fiber_dynamics: FiberDynamicsName = "whole_trajectory",
    ) -> tuple[MuscleState, ...]:
        """Solve all muscles over all trials.

        Args:
            activation: (..., time, trial, muscle).
            mtu_length: m, (time, trial, muscle).
            parameters: (muscle,) or (set, muscle) each.
            time_step: s.
            warm: tendon strains (time, column) of each part to start from.
            fiber_dynamics: how muscles with an elastic tendon are integrated.

        Returns:
            one state per part; differentiable by autograd if an input is.

        Raises:
            FiberDynamicsError: a fiber has no equilibrium; names muscle, trial and time.
        """
        states = []
        for i, (index, muscle) in enumerate(zip(self.indices, self._muscles, strict=True)):
            if self._whole:
                columns = Columns(activation, mtu_length, parameters, muscle)
            else:
                columns = Columns(activation[..., index], mtu_length[..., index], parameters.select(index), muscle)
            states.append(solve_state(columns, time_step, None if warm is None else warm[i], fiber_dynamics=fiber_dynamics))
        return tuple(states)

    def merge(self, pieces: Sequence[Tensor]) -> Tensor:
        """Join signals of the parts, (..., muscle of the part) each, in the order of all muscles."""
        return pieces[0] if self._whole else torch.cat(list(pieces), dim=-1)[..., self._order]


def solve_state(
    columns: Columns, time_step: float, start: Tensor | None = None, *, fiber_dynamics: FiberDynamicsName = "whole_trajectory"
) -> MuscleState:
    """Solve the muscles of some columns, all elastic or all rigid; start: tendon strains that the elastic solver starts from."""
    if bool(columns.muscle.rigid_tendon.any()):
        length, solution = rigid_fiber_length(columns), None
    elif fiber_dynamics == "rosenbrock":
        length, solution = _rosenbrock(columns, time_step), None
    else:
        solution = solve_columns(columns, time_step, start)
        if not columns.tracked:
            at = solution.at
            return MuscleState(columns, time_step, solution.length, solution.velocity, at, at.tendon_strain, at.tendon_force, solution)
        length = WholeTrajectory.apply(solution, columns.activation, columns.mtu_length, *columns.parameters)
    rigid = columns.muscle.rigid_tendon
    velocity = fiber_velocity(length, rigid, time_step, columns.parameters.max_contraction_velocity)
    at = balance(length, velocity, columns.activation, columns.mtu_length, columns.parameters, columns.muscle)
    if bool(rigid.any()):
        # residual = tendon - fiber along the tendon, so a rigid tendon carries tendon - residual
        return MuscleState(columns, time_step, length, velocity, at, torch.zeros_like(length), at.tendon_force - at.residual, None)
    return MuscleState(columns, time_step, length, velocity, at, at.tendon_strain, at.tendon_force, solution)


def _rosenbrock(columns: Columns, time_step: float) -> Tensor:
    first = columns.first_sample()
    static = solve_columns(first, time_step)
    start = WholeTrajectory.apply(static, first.activation, first.mtu_length, *columns.parameters)[0]
    return rosenbrock_trajectory(columns.activation, columns.mtu_length, columns.parameters, columns.muscle, time_step, start)
