"""Muscles, trials and parameter sets flattened to columns: what the fiber solvers work on, and the fibers they solve."""

import math
from dataclasses import replace

import torch
from torch import Tensor

from osim_nmscal.errors import FiberDynamicsError
from osim_nmscal.nms.contraction import TendonAndFiber, fiber_height
from osim_nmscal.nms.fiber_dynamics import FiberSolution, solve_trajectory
from osim_nmscal.nms.muscle_models import MuscleMechanics
from osim_nmscal.nms.parameters import NmsParameters
from osim_nmscal.nms.pennation import length_along_tendon, length_of_fiber

# Least length of a fiber in its heights: 88 degrees of pennation, beyond what any class allows.
_LEAST_OVER_HEIGHT = 1.0005


class Columns:
    """Muscles, trials and parameter sets flattened to columns, (time, column) and (column,)."""

    def __init__(self, activation: Tensor, mtu_length: Tensor, parameters: NmsParameters, muscle: MuscleMechanics) -> None:
        # not torch.broadcast_shapes: it imports sympy, two seconds
        one_sample = (activation[..., 0, 0, 0], mtu_length[..., 0, 0, 0], parameters.optimal_fiber_length[..., 0])
        lead = torch.broadcast_tensors(*one_sample)[0].shape
        steps, trials, muscles = mtu_length.shape[-3:]
        self.shape = (*lead, steps, trials, muscles)
        # time first, then sets, trials, muscles
        self.activation = time_first(activation.expand(self.shape))
        self.mtu_length = time_first(mtu_length.expand(self.shape))
        slice_shape = (*lead, trials, muscles)
        self.parameters = TendonAndFiber(
            *(_as_slice(getattr(parameters, name)).expand(slice_shape).reshape(-1) for name in TendonAndFiber._fields)
        )
        index = torch.arange(muscles, device=mtu_length.device).expand(slice_shape).reshape(-1)
        self.muscle = _above_height(muscle if len(index) == muscles else muscle.select(index), self.parameters)

    @property
    def tracked(self) -> bool:
        """Whether autograd wants derivatives of what becomes of them."""
        inputs = (self.activation, self.mtu_length, *self.parameters)
        return torch.is_grad_enabled() and any(signal.requires_grad for signal in inputs)

    def first_sample(self) -> "Columns":
        """Return the columns at their first sample alone, whose solution is the static equilibrium."""
        part = object.__new__(Columns)
        part.shape, part.parameters, part.muscle = self.shape, self.parameters, self.muscle
        part.activation, part.mtu_length = self.activation[:1], self.mtu_length[:1]
        return part

    def describe(self, column: int) -> str:
        """Name the muscle and the trial of a column, for messages."""
        trials, muscles = self.shape[-2:]
        return f"muscle {self.muscle.names[column]!r} in trial {column // muscles % trials}"

    def restore(self, columns: Tensor) -> Tensor:
        """Return (time, column) as (..., time, trial, muscle)."""
        *lead, steps, trials, muscles = self.shape
        return columns.reshape(steps, *lead, trials, muscles).movedim(0, len(lead))


def solve_columns(columns: Columns, time_step: float, start: Tensor | None = None) -> FiberSolution:
    """Solve the elastic fibers of detached columns.

    Args:
        columns: muscles with an elastic tendon.
        time_step: s.
        start: as in `solve_trajectory`.

    Raises:
        FiberDynamicsError: an input is not finite, a parameter not positive, or a column has no solution; the text
            names muscle, trial and time.
    """
    _require_solvable(columns, time_step)
    with torch.no_grad():
        solution = solve_trajectory(
            columns.activation.detach(),
            columns.mtu_length.detach(),
            TendonAndFiber(*(p.detach() for p in columns.parameters)),
            columns.muscle,
            time_step,
            start,
        )
    if not bool(solution.solved.all()):
        failed = (~solution.solved).nonzero().squeeze(-1)
        column = int(failed[0])
        sample = int(torch.where(solution.at_bound[:, column], 0.0, solution.at.residual[:, column].abs()).argmax())
        raise FiberDynamicsError(
            f"No fiber length of {columns.describe(column)} balances fiber and tendon at {sample * time_step:.3f} s "
            f"(MTU length {float(columns.mtu_length[sample, column]):.4f} m, optimal fiber length "
            f"{float(columns.parameters.optimal_fiber_length[column]):.4f} m, tendon slack length "
            f"{float(columns.parameters.tendon_slack_length[column]):.4f} m; {len(failed)} of {len(solution.solved)} muscle trajectories "
            "failed); check the MTU length or narrow the bounds of its parameters."
        )
    return solution


def _require_solvable(columns: Columns, time_step: float) -> None:
    for signal, what in ((columns.activation, "activation"), (columns.mtu_length, "MTU length")):
        if math.isfinite(float(signal.detach().sum())):  # a fifth of the cost of asking every number
            continue
        broken = (~torch.isfinite(signal)).nonzero()
        if len(broken):
            sample, column = (int(i) for i in broken[0])
            raise FiberDynamicsError(
                f"The {what} of {columns.describe(column)} is not finite at {sample * time_step:.3f} s; fill the gap before the simulation."
            )
    for name, values in columns.parameters._asdict().items():
        angle = name == "pennation_angle_at_optimal"
        usable = torch.isfinite(values) & ((values >= 0.0) & (values < 0.5 * math.pi) if angle else values > 0.0)
        if not bool(usable.all()):
            column, must = int((~usable).nonzero()[0]), "from 0 to less than pi/2 rad" if angle else "positive"
            raise FiberDynamicsError(
                f"The {name.replace('_', ' ')} of {columns.describe(column)} is {float(values[column]):g}; it must be {must}."
            )


def rigid_fiber_length(columns: Columns) -> Tensor:
    """Return the normalized fiber length that a tendon of constant slack length leaves, (time, column)."""
    height, minimum = fiber_height(columns.parameters), columns.muscle.minimum_fiber_length
    along = (columns.mtu_length - columns.parameters.tendon_slack_length) / columns.parameters.optimal_fiber_length
    return length_of_fiber(torch.maximum(along, length_along_tendon(minimum, height)), height)


def fiber_velocity(length: Tensor, rigid: Tensor, time_step: float, max_contraction_velocity: Tensor) -> Tensor:
    """Return the normalized fiber velocity of (..., time, column) lengths.

    An elastic fiber has the backward difference that its solver used (zero at the first, static sample); a rigid one
    follows the MTU, so the central difference is the better estimate.
    """
    change = length[..., 1:, :] - length[..., :-1, :]
    backward = torch.cat([torch.zeros_like(length[..., :1, :]), change], dim=-2)
    if bool(rigid.any()):
        central = torch.cat([change[..., :1, :], 0.5 * (change[..., 1:, :] + change[..., :-1, :]), change[..., -1:, :]], dim=-2)
        backward = torch.where(rigid, central, backward)
    return backward / (time_step * max_contraction_velocity)


def _above_height(muscle: MuscleMechanics, parameters: TendonAndFiber) -> MuscleMechanics:
    """Return the muscles with no fiber shorter than its height, which a pennation above the model's may exceed."""
    least = _LEAST_OVER_HEIGHT * fiber_height(parameters).detach()
    if not bool((least > muscle.minimum_fiber_length).any()):
        return muscle
    return replace(muscle, minimum_fiber_length=torch.maximum(muscle.minimum_fiber_length, least))


def time_first(signal: Tensor) -> Tensor:
    lead = signal.ndim - 3
    return (signal if lead == 0 else signal.movedim(lead, 0)).reshape(signal.shape[lead], -1)


def _as_slice(parameter: Tensor) -> Tensor:
    """View (muscle,) or (set, muscle) so that it broadcasts against (set, trial, muscle)."""
    return parameter if parameter.ndim <= 1 else parameter[..., None, :]
