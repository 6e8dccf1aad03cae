"""Fiber dynamics with an elastic tendon: the whole trajectory of every muscle solved at once.

Backward Euler, f(l_i, (l_i - l_(i-1)) / (h vmax), a_i, mtu_length_i) = 0 for all samples i, starting from the static
equilibrium of the first sample, is one nonlinear system whose Jacobian is bidiagonal per muscle and trial. Newton's
method on all samples together needs one linear recurrence per iteration (recurrence.py); the gradient of anything
with respect to anything is one more, backward in time (implicit differentiation), and a tangent one forward.

Inside, muscles and trials are flattened to columns: arrays are (time, column). A fiber that would become shorter than
its class allows stays at that bound, which counts as solved. A column that Newton cannot solve is solved sample by
sample inside a bracket; what then still has a residual is reported, never returned silently.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from osim_nmscal.nms.contraction import Balance, TendonAndFiber, balance, by_activation, by_mtu_length, by_parameters
from osim_nmscal.nms.muscle_models import MuscleMechanics
from osim_nmscal.nms.recurrence import linear_recurrence, linear_recurrence_backward

# Largest residual of a solved sample, in units of the maximum isometric force; Newton usually ends far below.
TOLERANCE = {torch.float64: 1e-10, torch.float32: 2e-5}
_MAXIMUM_ITERATIONS = 40
# Largest change of normalized fiber length in one Newton step, and smallest fraction of a step that is still tried.
_STEP_LIMIT = 0.3
_SMALLEST_STEP = 2.0**-8
# A residual that hardly falls with length (descending limb, slack) is treated as falling at least this fast.
_SMALLEST_SLOPE = 1e-4
# Cold start: the tendon is guessed to be stretched by this part of its strain at one norm force.
_STRAIN_GUESS = 0.5
_BRACKET_ITERATIONS = 80
# Newton steps taken in full before backtracking may shorten them; share of open columns below which the others leave.
_FULL_STEPS = 3
_LEAVE_BELOW = 0.34


@dataclass(frozen=True)
class FiberSolution:
    """A solved trajectory and its linearisation; all (time, column) unless stated."""

    length: Tensor  # normalized fiber length
    velocity: Tensor  # normalized fiber velocity; zero at the first sample
    activation: Tensor
    at: Balance
    at_bound: Tensor  # bool, fiber stopped at its minimum length
    solved: Tensor  # bool, (column,)
    iterations: int
    velocity_by_length: Tensor  # (column,), dv/dl = 1 / (time step * vmax)
    parameters: TendonAndFiber  # (column,) each
    muscle: MuscleMechanics  # of the columns

    def _jacobian(self) -> tuple[Tensor, Tensor]:
        """Return the diagonal df_i/dl_i and minus the lower diagonal df_i/dl_(i-1); a bound fiber is decoupled."""
        rate = _no_velocity_at_start(self.at.by_velocity * self.velocity_by_length)
        diagonal = torch.where(self.at_bound, torch.ones_like(rate), self.at.by_length + rate)
        return diagonal, torch.where(self.at_bound, torch.zeros_like(rate), rate)

    def _partials(self) -> tuple[Tensor, Tensor, TendonAndFiber]:
        free = (~self.at_bound).to(self.length.dtype)
        wrt_parameters = by_parameters(self.at, self.velocity, self.parameters)
        return (
            by_activation(self.at, self.velocity, self.activation, self.muscle) * free,
            by_mtu_length(self.at, self.parameters) * free,
            TendonAndFiber(*(partial * free for partial in wrt_parameters)),
        )

    def tangent(self, source: Tensor) -> Tensor:
        """Propagate a change of the residual into a change of normalized fiber length.

        Args:
            source: df_i (partial, at fixed lengths) along each direction, (..., time, column).

        Returns:
            d length along each direction, (..., time, column).
        """
        diagonal, lower = self._jacobian()
        free = (~self.at_bound).to(self.length.dtype)
        return linear_recurrence(lower / diagonal, -source * free / diagonal)

    def adjoint(self, gradient: Tensor) -> Tensor:
        """Pull a gradient with respect to length back to one with respect to the residual; (..., time, column)."""
        diagonal, lower = self._jacobian()
        # D_i y_i - lower_(i+1) y_(i+1) = g_i, then the gradient with respect to f is -y
        return -linear_recurrence_backward(lower / _previous(diagonal), gradient / diagonal)


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
        start: (time, column) normalized fiber lengths to start Newton from; None for a cold start.

    Returns:
        the solution; `solved` is False for columns that could not be solved.
    """
    inverse = 1.0 / (time_step * parameters.max_contraction_velocity)
    problem = _Problem(activation, mtu_length, parameters, muscle, inverse)
    length = problem.guess() if start is None else torch.maximum(start, muscle.minimum_fiber_length)
    length, iterations = _newton(problem, length)
    at = problem.balance(length)
    residual, at_bound = problem.effective_residual(length, at)
    worst = residual.abs().amax(dim=0)
    tolerance = TOLERANCE[length.dtype]
    unsolved = ~(worst <= tolerance)
    if bool(unsolved.any()):
        columns = unsolved.nonzero().squeeze(-1)
        part = problem.select(columns)
        length = length.index_copy(1, columns, _solve_in_sequence(part))
        at = problem.balance(length)
        residual, at_bound = problem.effective_residual(length, at)
        worst = residual.abs().amax(dim=0)
    return FiberSolution(
        length=length,
        velocity=problem.velocity(length),
        activation=activation,
        at=at,
        at_bound=at_bound,
        solved=worst <= 100 * tolerance,
        iterations=iterations,
        velocity_by_length=inverse,
        parameters=parameters,
        muscle=muscle,
    )


@dataclass(frozen=True)
class _Problem:
    """The discretised equations of some columns."""

    activation: Tensor
    mtu_length: Tensor
    parameters: TendonAndFiber
    muscle: MuscleMechanics
    velocity_by_length: Tensor

    def velocity(self, length: Tensor) -> Tensor:
        return (length - _previous(length)) * self.velocity_by_length

    def balance(self, length: Tensor) -> Balance:
        return balance(length, self.velocity(length), self.activation, self.mtu_length, self.parameters, self.muscle)

    def effective_residual(self, length: Tensor, at: Balance) -> tuple[Tensor, Tensor]:
        """Return the residual with that of fibers held at their bound set to zero, and which fibers are."""
        at_bound = (length <= self.muscle.minimum_fiber_length) & (at.residual < 0.0)
        return torch.where(at_bound, torch.zeros_like(at.residual), at.residual), at_bound

    def guess(self) -> Tensor:
        p, minimum = self.parameters, self.muscle.minimum_fiber_length
        strain = _STRAIN_GUESS * p.tendon_strain_at_one_norm_force
        along = (self.mtu_length - p.tendon_slack_length * (1.0 + strain)) / p.optimal_fiber_length
        length = torch.sqrt(along.clamp_min(0.0) ** 2 + self.muscle.sine_pennation_at_optimal**2)
        return torch.maximum(length, minimum)

    def select(self, columns: Tensor) -> "_Problem":
        return _Problem(
            self.activation[:, columns],
            self.mtu_length[:, columns],
            TendonAndFiber(*(p[columns] for p in self.parameters)),
            self.muscle.select(columns),
            self.velocity_by_length[columns],
        )


def _newton(problem: _Problem, length: Tensor) -> tuple[Tensor, int]:
    """Newton on all samples, with a step limit and backtracking per column; some columns may end unsolved.

    The first iterations take full steps: the toe of the tendon makes the residual rise once before it falls. Columns
    that are solved leave as soon as they are the majority.
    """
    minimum, tolerance = problem.muscle.minimum_fiber_length, TOLERANCE[length.dtype]
    accepted, step = length, torch.zeros_like(length)
    merit, fraction = torch.full_like(length[0], torch.inf), torch.ones_like(length[0])
    for iteration in range(1, _MAXIMUM_ITERATIONS + 1):
        at = problem.balance(length)
        residual, at_bound = problem.effective_residual(length, at)
        open_ = ~(residual.abs().amax(dim=0) <= tolerance)
        left = int(open_.sum())
        if left == 0:
            return length, iteration
        if left <= _LEAVE_BELOW * len(open_) and iteration > _FULL_STEPS:
            columns = open_.nonzero().squeeze(-1)
            part, more = _newton(problem.select(columns), length[:, columns])
            return length.index_copy(1, columns, part), iteration + more
        newton = _newton_step(problem, residual, at, at_bound)
        size = residual.square().sum(dim=0)
        better = (size < merit) | ~open_ | (fraction <= _SMALLEST_STEP)
        if iteration <= _FULL_STEPS or bool(better.all()):
            accepted, merit, step, fraction = length, size, newton, torch.ones_like(fraction)
        else:
            accepted = torch.where(better, length, accepted)
            merit = torch.where(better, size, merit)
            step = torch.where(better, newton, step)
            fraction = torch.where(better, torch.ones_like(fraction), 0.5 * fraction)
        length = torch.maximum(torch.addcmul(accepted, fraction, step), minimum)
    return length, _MAXIMUM_ITERATIONS


def _newton_step(problem: _Problem, residual: Tensor, at: Balance, at_bound: Tensor) -> Tensor:
    rate = _no_velocity_at_start(at.by_velocity * problem.velocity_by_length)
    diagonal = (at.by_length + rate).clamp_max(-_SMALLEST_SLOPE)
    factor = torch.where(at_bound, torch.zeros_like(rate), rate / diagonal)
    return linear_recurrence(factor, -residual / diagonal).clamp(-_STEP_LIMIT, _STEP_LIMIT)


def _solve_in_sequence(problem: _Problem) -> Tensor:
    """Solve sample after sample inside a bracket (Newton where it stays inside, bisection otherwise)."""
    p, muscle = problem.parameters, problem.muscle
    previous = problem.guess()[0]
    lengths = []
    for i in range(len(problem.activation)):
        # the first sample is static: any velocity is excluded by a zero dv/dl
        inverse = problem.velocity_by_length if i > 0 else torch.zeros_like(problem.velocity_by_length)
        low = muscle.minimum_fiber_length
        high = torch.maximum(2.0 * torch.ones_like(low), problem.mtu_length[i] / p.optimal_fiber_length + 1.0)
        length = torch.minimum(torch.maximum(previous, low), high)
        for _ in range(_BRACKET_ITERATIONS):
            at = balance(length, (length - previous) * inverse, problem.activation[i], problem.mtu_length[i], p, muscle)
            done = (at.residual.abs() <= TOLERANCE[length.dtype]) | ((length <= muscle.minimum_fiber_length) & (at.residual < 0.0))
            if bool(done.all()):
                break
            low = torch.where(at.residual > 0.0, length, low)
            high = torch.where(at.residual < 0.0, length, high)
            newton = length - at.residual / (at.by_length + at.by_velocity * inverse)
            inside = (newton > low) & (newton < high)
            # once below the low end at the very bound, try the bound itself
            middle = torch.where(
                high - low > 1e-3, 0.5 * (low + high), torch.where(low <= muscle.minimum_fiber_length, low, 0.5 * (low + high))
            )
            length = torch.where(done, length, torch.where(inside, newton, middle))
        lengths.append(length)
        previous = length
    return torch.stack(lengths)


def _previous(signal: Tensor) -> Tensor:
    """Return the signal one sample later, its first sample held."""
    return torch.cat([signal[:1], signal[:-1]])


def _no_velocity_at_start(rate: Tensor) -> Tensor:
    return torch.cat([torch.zeros_like(rate[:1]), rate[1:]])


class WholeTrajectory(torch.autograd.Function):
    """Normalized fiber length as a differentiable function of activation, MTU length and parameters (reverse mode)."""

    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx,
        activation: Tensor,
        mtu_length: Tensor,
        optimal_fiber_length: Tensor,
        tendon_slack_length: Tensor,
        max_contraction_velocity: Tensor,
        tendon_strain_at_one_norm_force: Tensor,
        solution: FiberSolution,
    ) -> Tensor:
        ctx.solution = solution  # type: ignore[attr-defined]
        return solution.length.clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: torch.autograd.function.FunctionCtx, gradient: Tensor) -> tuple[Tensor | None, ...]:
        solution: FiberSolution = ctx.solution  # type: ignore[attr-defined]
        adjoint = solution.adjoint(gradient)
        wrt_activation, wrt_mtu_length, wrt_parameters = solution._partials()
        return (
            adjoint * wrt_activation,
            adjoint * wrt_mtu_length,
            *((adjoint * partial).sum(dim=0) for partial in wrt_parameters),
            None,
        )
