"""Fiber dynamics with an elastic tendon: the whole trajectory of every muscle solved at once.

Backward Euler for all samples, starting from the static equilibrium of the first sample, is one nonlinear system whose
Jacobian is bidiagonal per muscle and trial (fiber_newton.py). Newton's method on all samples together needs one linear
recurrence per iteration (recurrence.py); the gradient of anything with respect to anything is one more, backward in
time (implicit differentiation), and a tangent one forward.

Inside, muscles and trials are flattened to columns: arrays are (time, column). A column that Newton cannot solve is
solved sample by sample inside a bracket; what then still has a residual is reported, never returned silently.

Departures from OpenSim, which integrates the fiber length (Millard, De Groote) with a variable step:
- a fixed first-order step, so a force differs by an error proportional to the time step (tests: 0.1-0.2 % of the
  maximum isometric force at 1 kHz, about 1 % at 200 Hz);
- the activation may be zero: OpenSim needs a minimum activation (0.01) where it divides by it, this equation does not;
- the tendon is continued below zero strain (muscle_models/base.py), so a slack tendon has a fiber length, too;
- a fiber shorter than its class allows is held at that length, its velocity is then that of the held length.
"""

import functools
from dataclasses import dataclass

import torch
from torch import Tensor

from osim_nmscal.nms.contraction import Balance, TendonAndFiber, by_activation, by_mtu_length, by_parameters
from osim_nmscal.nms.fiber_newton import TOLERANCE, FiberProblem, fiber_jacobian, merged, previous, solve_by_newton, solve_in_sequence
from osim_nmscal.nms.muscle_models import MuscleMechanics
from osim_nmscal.nms.recurrence import linear_recurrence, linear_recurrence_backward

# Largest residual that is still reported as solved, should Newton stall between TOLERANCE and this.
SOLVED = {torch.float64: 1e-8, torch.float32: 1e-4}
# Larger problems are treated in blocks of columns of about so many states, which the processor's cache holds.
_BLOCK_STATES = 2**17
# Numbers in just less than 32 MiB, the largest block that the C library learns from.
_LARGE_BLOCK = 2**22 - 2**10


@dataclass(frozen=True)
class FiberSolution:
    """A solved trajectory and its linearisation; all (time, column) unless stated."""

    length: Tensor  # normalized fiber length
    velocity: Tensor  # normalized fiber velocity; zero at the first sample
    activation: Tensor
    at: Balance
    at_bound: Tensor  # bool, fiber stopped at its minimum length
    solved: Tensor  # bool, (column,)
    iterations: int  # evaluations of the balance
    velocity_by_length: Tensor  # (column,), dv/dl = 1 / (time step * vmax)
    parameters: TendonAndFiber  # (column,) each
    muscle: MuscleMechanics  # of the columns

    def tangent(self, source: Tensor) -> Tensor:
        """Propagate a change of the residual into a change of normalized fiber length.

        Args:
            source: df_i (partial, at fixed lengths) along each direction, (..., time, column).

        Returns:
            d length along each direction, (..., time, column).
        """
        diagonal, lower = self.jacobian()
        free = (~self.at_bound).to(self.length.dtype)
        return linear_recurrence(lower / diagonal, source * (-free / diagonal))

    def adjoint(self, gradient: Tensor) -> Tensor:
        """Pull a gradient with respect to length back to one with respect to the residual; (..., time, column)."""
        diagonal, lower = self.jacobian()
        # D_i y_i - lower_(i+1) y_(i+1) = g_i, then the gradient with respect to f is -y
        return -linear_recurrence_backward(lower / previous(diagonal), gradient / diagonal)

    def partials(self) -> tuple[Tensor, Tensor, TendonAndFiber]:
        """Return df/d activation, df/d MTU length (1/m) and df/d each parameter, (time, column); zero for a bound fiber."""
        free = (~self.at_bound).to(self.length.dtype)
        wrt_parameters = by_parameters(self.at, self.velocity, self.parameters)
        return (
            by_activation(self.at, self.velocity, self.activation, self.muscle) * free,
            by_mtu_length(self.at, self.parameters) * free,
            TendonAndFiber(*(partial * free for partial in wrt_parameters)),
        )

    def pull_back(self, gradient: Tensor) -> tuple[Tensor, Tensor, TendonAndFiber]:
        """Pull a gradient with respect to length back to what the length depends on.

        Args:
            gradient: (time, column).

        Returns:
            gradients with respect to activation and MTU length (1/m), (time, column), and each parameter, (column,).
        """
        pieces = [self.part(block)._pull_back(gradient[:, block]) for block in _blocks(*gradient.shape)]
        wrt_activation, wrt_mtu_length, wrt_parameters = zip(*pieces, strict=True)
        return (
            torch.cat(wrt_activation, dim=1),
            torch.cat(wrt_mtu_length, dim=1),
            TendonAndFiber(*(torch.cat(parts) for parts in zip(*wrt_parameters, strict=True))),
        )

    def part(self, columns: slice) -> "FiberSolution":
        """Return the solution of neighbouring columns, as views."""
        if columns == slice(0, self.length.shape[1]):
            return self
        return FiberSolution(
            length=self.length[:, columns],
            velocity=self.velocity[:, columns],
            activation=self.activation[:, columns],
            at=Balance(*(None if piece is None else piece[:, columns] for piece in self.at)),  # type: ignore[arg-type]
            at_bound=self.at_bound[:, columns],
            solved=self.solved[columns],
            iterations=self.iterations,
            velocity_by_length=self.velocity_by_length[columns],
            parameters=TendonAndFiber(*(p[columns] for p in self.parameters)),
            muscle=self.muscle.select(torch.arange(len(self.solved), device=self.solved.device)[columns]),
        )

    def jacobian(self, *, bounded: bool = False) -> tuple[Tensor, Tensor]:
        """Return the diagonal df_i/dl_i and minus the lower diagonal df_i/dl_(i-1); see `fiber_newton.fiber_jacobian`."""
        return fiber_jacobian(self.at, self.velocity_by_length, self.at_bound, bounded=bounded)

    def _pull_back(self, gradient: Tensor) -> tuple[Tensor, Tensor, TendonAndFiber]:
        adjoint = self.adjoint(gradient)
        wrt_activation, wrt_mtu_length, wrt_parameters = self.partials()
        return (
            adjoint * wrt_activation,
            adjoint * wrt_mtu_length,
            TendonAndFiber(*((adjoint * partial).sum(dim=0) for partial in wrt_parameters)),
        )


def solve_trajectory(
    activation: Tensor,
    mtu_length: Tensor,
    parameters: TendonAndFiber,
    muscle: MuscleMechanics,
    time_step: float,
    start: Tensor | None = None,
) -> FiberSolution:
    """Solve the fiber lengths of all columns over all samples, without autograd.

    Args:
        activation: (time, column), 0 to 1.
        mtu_length: (time, column), m.
        parameters: (column,) each.
        muscle: constants, one per column.
        time_step: s.
        start: tendon strains (time, column) that Newton starts from, such as those of the solution for other parameters or
            activations (half the iterations of its lengths: a stiff tendon fixes force better than length); None for a cold start.

    Returns:
        the solution; `solved` is False for columns that could not be solved.
    """
    _keep_freed_memory()
    inverse = 1.0 / (time_step * parameters.max_contraction_velocity)
    problem = FiberProblem(activation, mtu_length, parameters, muscle, inverse)
    blocks = _blocks(*mtu_length.shape)
    if len(blocks) == 1:
        return _solve_block(problem, start)
    every = torch.arange(mtu_length.shape[1], device=mtu_length.device)
    starts = [None if start is None else start[:, block] for block in blocks]
    return _joined(problem, [_solve_block(problem.select(every[block]), first) for block, first in zip(blocks, starts, strict=True)])


@functools.cache
def _keep_freed_memory() -> None:
    """Free one large untouched block, once per process.

    The C library of Linux returns memory to the system whenever about twice the largest block freed so far lies free.
    For the temporaries of an iteration that is every time, and getting them back costs 20-30 % of a solve.
    """
    torch.empty(_LARGE_BLOCK, dtype=torch.float64)


def _solve_block(problem: FiberProblem, start: Tensor | None) -> FiberSolution:
    length, at, iterations = solve_by_newton(problem, problem.guess() if start is None else problem.length_at_strain(start))
    residual, at_bound = problem.effective_residual(length, at)
    unsolved = ~(residual.abs().amax(dim=0) <= TOLERANCE[length.dtype])
    if bool(unsolved.any()):
        columns = unsolved.nonzero().squeeze(-1)
        part = problem.select(columns)
        part_length = solve_in_sequence(part)
        length, at = merged(length, at, columns, part_length, part.balance(part_length))
        residual, at_bound = problem.effective_residual(length, at)
    return FiberSolution(
        length=length,
        velocity=problem.velocity(length),
        activation=problem.activation,
        at=at,
        at_bound=at_bound,
        solved=residual.abs().amax(dim=0) <= SOLVED[length.dtype],
        iterations=iterations,
        velocity_by_length=problem.velocity_by_length,
        parameters=problem.parameters,
        muscle=problem.muscle,
    )


def _blocks(steps: int, columns: int) -> list[slice]:
    size = max(1, _BLOCK_STATES // steps)
    return [slice(first, min(first + size, columns)) for first in range(0, columns, size)]


def _joined(problem: FiberProblem, parts: list[FiberSolution]) -> FiberSolution:
    def joined(name: str) -> Tensor:
        return torch.cat([getattr(part, name) for part in parts], dim=-1)

    def pieces(name: str) -> Tensor | None:
        found = [getattr(part.at, name) for part in parts]
        return None if found[0] is None else torch.cat(found, dim=-1)

    return FiberSolution(
        length=joined("length"),
        velocity=joined("velocity"),
        activation=problem.activation,
        at=Balance(*(pieces(name) for name in Balance._fields)),  # type: ignore[arg-type]
        at_bound=joined("at_bound"),
        solved=joined("solved"),
        iterations=max(part.iterations for part in parts),
        velocity_by_length=problem.velocity_by_length,
        parameters=problem.parameters,
        muscle=problem.muscle,
    )


class WholeTrajectory(torch.autograd.Function):
    """Normalized fiber length as a differentiable function of activation, MTU length and parameters (reverse mode)."""

    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx, solution: FiberSolution, activation: Tensor, mtu_length: Tensor, *parameters: Tensor
    ) -> Tensor:
        """Return the solved length, (time, column)."""
        ctx.solution = solution  # type: ignore[attr-defined]
        return solution.length.clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: torch.autograd.function.FunctionCtx, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of all inputs but the solution."""
        solution: FiberSolution = ctx.solution  # type: ignore[attr-defined]
        wrt_activation, wrt_mtu_length, wrt_parameters = solution.pull_back(gradient)
        return None, wrt_activation, wrt_mtu_length, *wrt_parameters
