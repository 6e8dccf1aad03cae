"""The equations of backward Euler for many fibers, and Newton's method on all their samples at once.

f(l_i, (l_i - l_(i-1)) / (h vmax), a_i, mtu_length_i) = 0 for all samples i, the first one static. The Jacobian is
bidiagonal per column (muscle and trial), so a Newton step is one linear recurrence. A fiber that would become shorter
than its class allows is held at that bound, which counts as solved. Columns that Newton cannot solve are left to
`solve_in_sequence`, which brackets the root of one sample after the other.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from osim_nmscal.nms.contraction import Balance, TendonAndFiber, balance, fiber_height
from osim_nmscal.nms.muscle_models import MuscleMechanics
from osim_nmscal.nms.pennation import length_of_fiber
from osim_nmscal.nms.recurrence import linear_recurrence

# Largest residual of a solved sample, in units of the maximum isometric force; Newton usually ends far below.
TOLERANCE = {torch.float64: 1e-10, torch.float32: 2e-5}
_MAXIMUM_ITERATIONS = 60
# Largest change of normalized fiber length in one Newton step.
_STEP_LIMIT = 0.1
# Damping (normalized force per normalized length) of a column whose residual grew, its change from step to step, and
# where it is so strong that the step is taken anyway.
_FIRST_DAMPING = 0.05
_RELAXATION = 0.25
_LARGEST_DAMPING = 1e3
# A residual that hardly falls with length (descending limb, slack) is treated as falling at least this fast.
_SMALLEST_SLOPE = 1e-4
# Cold start: a tendon that carries the normalized force F is guessed to be strained by F to this power, in units of
# its strain at one norm force; the tendon curves of the three classes lie between exponents 0.5 and 0.65.
_TOE_EXPONENT = 0.6
_LARGEST_GUESS = 1.5
_BRACKET_ITERATIONS = 80
# Width of a bracket at the bound, in optimal fiber lengths, below which the bound itself is tried.
_NARROW = 1e-3
# Newton steps taken in full before damping may shorten them; share of open columns below which the others leave.
_FULL_STEPS = 3
_LEAVE_BELOW = 0.34


@dataclass(frozen=True)
class FiberProblem:
    """The discretised equations of some columns; (time, column) and (column,)."""

    activation: Tensor
    mtu_length: Tensor  # m
    parameters: TendonAndFiber
    muscle: MuscleMechanics
    velocity_by_length: Tensor  # (column,), dv/dl = 1 / (time step * vmax)

    def velocity(self, length: Tensor) -> Tensor:
        """Return the normalized velocity of normalized lengths (time, column); zero at the first sample."""
        return (length - previous(length)) * self.velocity_by_length

    def balance(self, length: Tensor) -> Balance:
        """Evaluate the force balance of all samples."""
        return balance(length, self.velocity(length), self.activation, self.mtu_length, self.parameters, self.muscle)

    def effective_residual(self, length: Tensor, at: Balance) -> tuple[Tensor, Tensor]:
        """Return the residual with that of fibers held at their bound set to zero, and which fibers are."""
        at_bound = (length <= self.muscle.minimum_fiber_length) & (at.residual < 0.0)
        return torch.where(at_bound, 0.0, at.residual), at_bound

    def guess(self) -> Tensor:
        """Return the lengths at which the tendon carries about the isometric force of the fiber that a slack tendon leaves."""
        muscle = self.muscle
        slack = self.length_at_strain(torch.zeros_like(self.mtu_length))
        isometric = self.activation * muscle.active_force_length(slack).value + muscle.passive_force_length(slack).value
        strain = isometric.clamp(0.0, _LARGEST_GUESS) ** _TOE_EXPONENT * self.parameters.tendon_strain_at_one_norm_force
        return self.length_at_strain(strain)

    def length_at_strain(self, tendon_strain: Tensor) -> Tensor:
        """Return the normalized fiber length that a tendon of some strain leaves, (time, column)."""
        return fiber_length_at_strain(tendon_strain, self.mtu_length, self.parameters, self.muscle)

    def select(self, columns: Tensor) -> "FiberProblem":
        """Return the equations of some columns; columns (n,), int64."""
        return FiberProblem(
            self.activation[:, columns],
            self.mtu_length[:, columns],
            TendonAndFiber(*(p[columns] for p in self.parameters)),
            self.muscle.select(columns),
            self.velocity_by_length[columns],
        )


def fiber_length_at_strain(tendon_strain: Tensor, mtu_length: Tensor, parameters: TendonAndFiber, muscle: MuscleMechanics) -> Tensor:
    """Return the normalized fiber length that a tendon of some strain leaves, at or above each muscle's minimum.

    Args:
        tendon_strain: (..., column).
        mtu_length: m, (..., column).
        parameters: (column,) each.
        muscle: constants, one per column.
    """
    along = (mtu_length - parameters.tendon_slack_length * (1.0 + tendon_strain)) / parameters.optimal_fiber_length
    length = length_of_fiber(along.clamp_min(0.0), fiber_height(parameters))
    return torch.maximum(length, muscle.minimum_fiber_length)


def previous(signal: Tensor) -> Tensor:
    """Return a (time, column) signal one sample later, its first sample held."""
    return torch.cat([signal[:1], signal[:-1]])


def no_velocity_at_start(rate: Tensor) -> Tensor:
    """Return a (time, column) rate with its first, static sample set to zero."""
    return torch.cat([torch.zeros_like(rate[:1]), rate[1:]])


def solve_by_newton(problem: FiberProblem, length: Tensor) -> tuple[Tensor, Balance, int]:
    """Take Newton steps on all samples, limited, and damped in columns whose residual grew; some may end unsolved.

    The first iterations take full steps: the toe of the tendon makes the residual rise once before it falls. After
    them a column whose residual grew goes back and tries a more damped step (Levenberg-Marquardt), which is what slack
    muscles need, whose residual hardly depends on length. Columns that are solved leave as soon as they are the majority.

    Args:
        problem: the equations.
        length: normalized fiber lengths to start from, (time, column).

    Returns:
        lengths (time, column), their balance, and the number of evaluations of the balance.
    """
    minimum, tolerance = problem.muscle.minimum_fiber_length, TOLERANCE[length.dtype]
    merit, damping = torch.full_like(length[0], torch.inf), torch.zeros_like(length[0])
    accepted: _Linearisation | None = None
    iteration = 0
    while True:
        at = problem.balance(length)
        iteration += 1
        residual, at_bound = problem.effective_residual(length, at)
        open_ = ~(residual.abs().amax(dim=0) <= tolerance)
        left = int(open_.sum())
        if left == 0 or iteration == _MAXIMUM_ITERATIONS:
            return length, at, iteration
        here = _linearise(problem, length, residual, at, at_bound)
        size = residual.square().sum(dim=0)
        relaxed = torch.where(damping < _FIRST_DAMPING, 0.0, _RELAXATION * damping)
        if accepted is None or iteration <= _FULL_STEPS:
            accepted, merit = here, size
        else:
            better = (size < merit) | ~open_ | (damping >= _LARGEST_DAMPING)
            merit = torch.where(better, size, merit)
            damping = torch.where(better, relaxed, (damping / _RELAXATION).clamp_min(_FIRST_DAMPING))
            if bool(better.all()):
                accepted = here
            else:
                accepted = _Linearisation(*(torch.where(better, new, old) for new, old in zip(here, accepted, strict=True)))
        further = torch.maximum(accepted.length + accepted.step(damping), minimum)
        if left <= _LEAVE_BELOW * len(open_) and iteration > _FULL_STEPS:
            columns = open_.nonzero().squeeze(-1)
            part_length, part, more = solve_by_newton(problem.select(columns), further[:, columns])
            return *merged(length, at, columns, part_length, part), iteration + more
        length = further


class _Linearisation(NamedTuple):
    """Residual and bidiagonal Jacobian at some lengths, (time, column) each."""

    length: Tensor
    residual: Tensor
    diagonal: Tensor  # df_i/dl_i, negative
    lower: Tensor  # minus df_i/dl_(i-1); zero where the fiber is held at its bound

    def step(self, damping: Tensor) -> Tensor:
        """Solve for the change of length with a damping (column,) added to the diagonal, limited."""
        diagonal = self.diagonal - damping
        return linear_recurrence(self.lower / diagonal, -self.residual / diagonal).clamp(-_STEP_LIMIT, _STEP_LIMIT)


def fiber_jacobian(at: Balance, velocity_by_length: Tensor, at_bound: Tensor, *, bounded: bool) -> tuple[Tensor, Tensor]:
    """Return the bidiagonal Jacobian of backward Euler, of columns that are solved or to be solved.

    Args:
        at: the balance of all samples, (time, column).
        velocity_by_length: (column,), dv/dl.
        at_bound: bool, (time, column): fibers held at their bound, which do not follow the sample before them.
        bounded: whether the diagonal is kept at or below a small negative number, for steps that must not be endless: a slack,
            silent muscle has hardly any slope there. An exact derivative is not bounded.

    Returns:
        the diagonal df_i/dl_i, and minus the lower diagonal df_i/dl_(i-1), (time, column).
    """
    rate = no_velocity_at_start(at.by_velocity * velocity_by_length)
    diagonal = at.by_length + rate
    diagonal = diagonal.clamp_max(-_SMALLEST_SLOPE) if bounded else torch.where(at_bound, -1.0, diagonal)
    return diagonal, torch.where(at_bound, 0.0, rate)


def _linearise(problem: FiberProblem, length: Tensor, residual: Tensor, at: Balance, at_bound: Tensor) -> _Linearisation:
    return _Linearisation(length, residual, *fiber_jacobian(at, problem.velocity_by_length, at_bound, bounded=True))


def merged(length: Tensor, at: Balance, columns: Tensor, part_length: Tensor, part: Balance) -> tuple[Tensor, Balance]:
    """Return lengths and balance with those of some columns replaced."""
    pieces = (None if old is None or new is None else old.index_copy(1, columns, new) for old, new in zip(at, part, strict=True))
    return length.index_copy(1, columns, part_length), Balance(*pieces)  # type: ignore[arg-type]


def solve_in_sequence(problem: FiberProblem) -> Tensor:
    """Solve sample after sample inside a bracket (Newton where it stays inside, bisection otherwise); (time, column)."""
    length = problem.guess()[0]
    # the first sample is static: any velocity is excluded by a zero dv/dl
    inverse = torch.zeros_like(problem.velocity_by_length)
    lengths = []
    for i in range(len(problem.activation)):
        length = _solve_sample(problem, i, length, inverse)
        lengths.append(length)
        inverse = problem.velocity_by_length
    return torch.stack(lengths)


def _solve_sample(problem: FiberProblem, i: int, before: Tensor, inverse: Tensor) -> Tensor:
    p, muscle = problem.parameters, problem.muscle
    low, tolerance = muscle.minimum_fiber_length, TOLERANCE[before.dtype]
    # so long that the tendon is slack and the fiber pulls
    high = (problem.mtu_length[i] / p.optimal_fiber_length + 1.0).clamp_min(2.0)
    length = torch.minimum(torch.maximum(before, low), high)
    for _ in range(_BRACKET_ITERATIONS):
        at = balance(length, (length - before) * inverse, problem.activation[i], problem.mtu_length[i], p, muscle)
        done = (at.residual.abs() <= tolerance) | ((length <= muscle.minimum_fiber_length) & (at.residual < 0.0))
        if bool(done.all()):
            break
        low = torch.where(at.residual > 0.0, length, low)
        high = torch.where(at.residual < 0.0, length, high)
        newton = length - at.residual / (at.by_length + at.by_velocity * inverse)
        inside = (newton > low) & (newton < high)
        # a bracket that closes in on the bound itself ends by trying the bound
        bound_next = (high - low <= _NARROW) & (low <= muscle.minimum_fiber_length)
        bisected = torch.where(bound_next, low, 0.5 * (low + high))
        length = torch.where(done, length, torch.where(inside, newton, bisected))
    return length
