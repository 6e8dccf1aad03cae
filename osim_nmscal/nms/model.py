"""The neuromusculoskeletal model: from excitations, MTU lengths and moment arms to joint moments.

`simulate` composes activation dynamics, fiber dynamics and the joint moment (method page, steps 1 to 5) and is
differentiable in every input and parameter. Parameters may carry a leading axis of parameter sets: (set, muscle).
"""

from dataclasses import dataclass, fields, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.errors import FiberDynamicsError
from osim_nmscal.nms.activation import activation as bend
from osim_nmscal.nms.activation import delayed, neural_activation
from osim_nmscal.nms.contraction import TendonAndFiber, balance
from osim_nmscal.nms.fiber_dynamics import FiberSolution, WholeTrajectory, solve_trajectory
from osim_nmscal.nms.joint_moment import joint_moment
from osim_nmscal.nms.muscle_models import MuscleMechanics, muscle_curves, muscle_mechanics
from osim_nmscal.nms.rosenbrock import rosenbrock_trajectory

FiberDynamicsName = Literal["whole_trajectory", "rosenbrock"]


@dataclass(frozen=True, kw_only=True)
class NmsInputs:
    """What drives the muscles, the same for every parameter set."""

    excitation: Tensor  # (time, trial, muscle), 0 to 1, not delayed
    mtu_length: Tensor  # (time, trial, muscle), m
    moment_arm: Tensor  # (time, trial, dof, muscle), m
    time_step: float  # s, one clock for all trials


@dataclass(frozen=True, kw_only=True)
class NmsParameters:
    """The parameters of the model; (muscle,) or (set, muscle) each."""

    c1: Tensor  # (-1, 1), belongs to the time step
    c2: Tensor  # (-1, 1), belongs to the time step
    shape_factor: Tensor  # (-3, 0)
    optimal_fiber_length: Tensor  # m
    tendon_slack_length: Tensor  # m
    max_isometric_force: Tensor  # N
    max_contraction_velocity: Tensor  # optimal fiber lengths / s
    tendon_strain_at_one_norm_force: Tensor  # -
    electromechanical_delay: Tensor  # s, a scalar or (muscle,)

    def to(self, like: Tensor) -> "NmsParameters":
        """Return the parameters with the dtype and device of a tensor."""
        return replace(self, **{field.name: getattr(self, field.name).to(like) for field in fields(self)})


@dataclass(frozen=True, kw_only=True)
class NmsOutputs:
    """What the muscles do; (..., time, trial, muscle) unless stated, with the parameter sets in front if there are any."""

    activation: Tensor
    normalized_fiber_length: Tensor
    normalized_fiber_velocity: Tensor  # of the maximum contraction velocity
    pennation_angle: Tensor  # rad
    tendon_strain: Tensor
    tendon_force: Tensor  # N
    active_force: Tensor  # N, along the fiber
    passive_force: Tensor  # N, along the fiber, elastic part
    joint_moment: Tensor  # (..., time, trial, dof), N·m


def initial_parameters(
    muscles: MuscleTable, *, c1: float, c2: float, shape_factor: float, electromechanical_delay: float | NDArray[np.float64]
) -> NmsParameters:
    """Return the parameters of the .osim with the same activation dynamics for all muscles, float64; the delay may be (muscle,)."""

    def like_names(value: float) -> Tensor:
        return torch.full((len(muscles),), value, dtype=torch.float64)

    return NmsParameters(
        c1=like_names(c1),
        c2=like_names(c2),
        shape_factor=like_names(shape_factor),
        optimal_fiber_length=torch.from_numpy(muscles.values("optimal_fiber_length")),
        tendon_slack_length=torch.from_numpy(muscles.values("tendon_slack_length")),
        max_isometric_force=torch.from_numpy(muscles.values("max_isometric_force")),
        max_contraction_velocity=torch.from_numpy(muscles.values("max_contraction_velocity")),
        tendon_strain_at_one_norm_force=torch.tensor(
            [muscle_curves(muscle).tendon_strain_at_one_norm_force for muscle in muscles.muscles], dtype=torch.float64
        ),
        electromechanical_delay=torch.as_tensor(electromechanical_delay, dtype=torch.float64),
    )


def simulate(
    inputs: NmsInputs,
    parameters: NmsParameters,
    muscle: MuscleMechanics | MuscleTable,
    *,
    fiber_dynamics: FiberDynamicsName = "whole_trajectory",
) -> NmsOutputs:
    """Simulate all muscles over all trials.

    Args:
        inputs: excitations, MTU lengths (m), moment arms (m) and the time step (s).
        parameters: (muscle,) or (set, muscle) each.
        muscle: the muscles' constants, or a table to take them from.
        fiber_dynamics: how muscles with an elastic tendon are integrated.

    Returns:
        activations, fiber states, forces (N) and joint moments (N·m).

    Raises:
        FiberDynamicsError: an input is not finite, or a fiber has no equilibrium; names muscle, trial index and time.
    """
    mechanics = muscle_mechanics(muscle) if isinstance(muscle, MuscleTable) else muscle
    mechanics = mechanics.to(inputs.mtu_length)
    excitation = delayed(inputs.excitation, parameters.electromechanical_delay, inputs.time_step)
    active = bend(neural_activation(excitation, parameters.c1, parameters.c2), parameters.shape_factor)
    return contract(active, inputs, parameters, mechanics, fiber_dynamics=fiber_dynamics)


def contract(
    activation: Tensor,
    inputs: NmsInputs,
    parameters: NmsParameters,
    muscle: MuscleMechanics,
    *,
    fiber_dynamics: FiberDynamicsName = "whole_trajectory",
) -> NmsOutputs:
    """Simulate all muscles from their activation, (..., time, trial, muscle); otherwise as `simulate`."""
    require_finite(activation, "activation", muscle.names, inputs.time_step)
    require_finite(inputs.mtu_length, "MTU length", muscle.names, inputs.time_step)
    columns = Columns(activation, inputs.mtu_length, parameters, muscle)
    length = torch.empty_like(columns.activation)
    parts = []
    for rigid in (False, True):
        index = (columns.muscle.rigid_tendon == rigid).nonzero().squeeze(-1)
        if len(index) == 0:
            continue
        part = columns if len(index) == length.shape[1] else columns.select(index)
        parts.append((index, rigid_fiber_length(part) if rigid else _elastic_fiber_length(part, inputs.time_step, fiber_dynamics)))
    if len(parts) == 1:
        length = parts[0][1]
    else:
        order = torch.argsort(torch.cat([index for index, _ in parts]))
        length = torch.cat([part for _, part in parts], dim=1)[:, order]
    return _outputs(columns, length, inputs, parameters)


class Columns:
    """Muscles, trials and parameter sets flattened to columns, (time, column) and (column,)."""

    def __init__(self, activation: Tensor, mtu_length: Tensor, parameters: NmsParameters, muscle: MuscleMechanics) -> None:
        # not torch.broadcast_shapes: it imports sympy, two seconds
        lead = torch.broadcast_tensors(activation[..., 0, 0, 0], parameters.optimal_fiber_length[..., 0])[0].shape
        steps, trials, muscles = mtu_length.shape[-3:]
        self.shape = (*lead, steps, trials, muscles)
        # time first, then sets, trials, muscles
        self.activation = _time_first(activation.expand(self.shape))
        self.mtu_length = _time_first(mtu_length.expand(self.shape))
        slice_shape = (*lead, trials, muscles)
        self.parameters = TendonAndFiber(
            *(
                _as_slice(p, lead).expand(slice_shape).reshape(-1)
                for p in (
                    parameters.optimal_fiber_length,
                    parameters.tendon_slack_length,
                    parameters.max_contraction_velocity,
                    parameters.tendon_strain_at_one_norm_force,
                )
            )
        )
        index = torch.arange(muscles, device=mtu_length.device).expand(slice_shape).reshape(-1)
        self.muscle = muscle if len(index) == muscles else muscle.select(index)
        # which column of the whole problem each one is
        self.origin = torch.arange(len(index), device=mtu_length.device)

    def select(self, index: Tensor) -> "Columns":
        """Return some of the columns."""
        part = object.__new__(Columns)
        part.shape = self.shape
        part.activation = self.activation[:, index]
        part.mtu_length = self.mtu_length[:, index]
        part.parameters = TendonAndFiber(*(p[index] for p in self.parameters))
        part.muscle = self.muscle.select(index)
        part.origin = self.origin[index]
        return part

    def first_sample(self) -> "Columns":
        """Return the columns at their first sample alone, whose solution is the static equilibrium."""
        part = object.__new__(Columns)
        part.shape, part.origin, part.parameters, part.muscle = self.shape, self.origin, self.parameters, self.muscle
        part.activation, part.mtu_length = self.activation[:1], self.mtu_length[:1]
        return part

    def describe(self, column: int) -> str:
        """Name the muscle and the trial of a column, for messages."""
        trials, muscles = self.shape[-2:]
        return f"muscle {self.muscle.names[column]!r} in trial {int(self.origin[column]) // muscles % trials}"

    def restore(self, columns: Tensor) -> Tensor:
        """Return (time, column) as (..., time, trial, muscle)."""
        *lead, steps, trials, muscles = self.shape
        return columns.reshape(steps, *lead, trials, muscles).movedim(0, len(lead))


def solve_columns(columns: Columns, time_step: float, start: Tensor | FiberSolution | None = None) -> FiberSolution:
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
        finite = torch.isfinite(signal)
        if not bool(finite.all()):
            sample, column = (int(i) for i in (~finite).nonzero()[0])
            raise FiberDynamicsError(
                f"The {what} of {columns.describe(column)} is not finite at {sample * time_step:.3f} s; fill the gap before the simulation."
            )
    for name, values in columns.parameters._asdict().items():
        usable = torch.isfinite(values) & (values > 0.0)
        if not bool(usable.all()):
            column = int((~usable).nonzero()[0])
            raise FiberDynamicsError(
                f"The {name.replace('_', ' ')} of {columns.describe(column)} is {float(values[column]):g}; it must be positive."
            )


def _elastic_fiber_length(columns: Columns, time_step: float, method: FiberDynamicsName) -> Tensor:
    if method == "whole_trajectory":
        solution = solve_columns(columns, time_step)
        return WholeTrajectory.apply(columns.activation, columns.mtu_length, *columns.parameters, solution)
    first = columns.first_sample()
    static = solve_columns(first, time_step)
    start = WholeTrajectory.apply(first.activation, first.mtu_length, *columns.parameters, static)[0]
    return rosenbrock_trajectory(columns.activation, columns.mtu_length, columns.parameters, columns.muscle, time_step, start)


def rigid_fiber_length(columns: Columns) -> Tensor:
    """Return the normalized fiber length that a tendon of constant slack length leaves, (time, column)."""
    sine, minimum = columns.muscle.sine_pennation_at_optimal, columns.muscle.minimum_fiber_length
    along = (columns.mtu_length - columns.parameters.tendon_slack_length) / columns.parameters.optimal_fiber_length
    along = torch.maximum(along, torch.sqrt(minimum * minimum - sine * sine))
    return torch.sqrt(along * along + sine * sine)


def fiber_velocity(length: Tensor, rigid: Tensor, time_step: float, max_contraction_velocity: Tensor) -> Tensor:
    """Return the normalized fiber velocity of (time, column) lengths.

    An elastic fiber has the backward difference that its solver used (zero at the first, static sample); a rigid one
    follows the MTU, so the central difference is the better estimate.
    """
    change = length[1:] - length[:-1]
    backward = torch.cat([torch.zeros_like(length[:1]), change])
    if bool(rigid.any()):
        central = torch.cat([change[:1], 0.5 * (change[1:] + change[:-1]), change[-1:]])
        backward = torch.where(rigid, central, backward)
    return backward / (time_step * max_contraction_velocity)


def _outputs(columns: Columns, length: Tensor, inputs: NmsInputs, parameters: NmsParameters) -> NmsOutputs:
    rigid = columns.muscle.rigid_tendon
    velocity = fiber_velocity(length, rigid, inputs.time_step, columns.parameters.max_contraction_velocity)
    at = balance(length, velocity, columns.activation, columns.mtu_length, columns.parameters, columns.muscle)
    # residual = tendon - fiber along the tendon, so a rigid tendon carries tendon - residual
    force = torch.where(rigid, at.tendon_force - at.residual, at.tendon_force)
    strain = torch.where(rigid, torch.zeros_like(at.tendon_strain), at.tendon_strain)
    maximum = _as_sets(parameters.max_isometric_force)
    tendon_force = columns.restore(force) * maximum
    return NmsOutputs(
        activation=columns.restore(columns.activation),
        normalized_fiber_length=columns.restore(length),
        normalized_fiber_velocity=columns.restore(velocity),
        pennation_angle=columns.restore(torch.acos(at.cosine.clamp(-1.0, 1.0 - 1e-15))),
        tendon_strain=columns.restore(strain),
        tendon_force=tendon_force,
        active_force=columns.restore(columns.activation * at.active * at.velocity_multiplier) * maximum,
        passive_force=columns.restore(at.passive) * maximum,
        joint_moment=joint_moment(tendon_force, inputs.moment_arm),
    )


def require_finite(signal: Tensor, what: str, names: tuple[str, ...], time_step: float) -> None:
    """Refuse a (..., time, trial, muscle) signal that is not finite, naming muscle and time."""
    finite = torch.isfinite(signal)
    if not bool(finite.all()):
        *_, sample, trial, muscle = (int(i) for i in (~finite).nonzero()[0])
        raise FiberDynamicsError(
            f"The {what} of muscle {names[muscle]!r} in trial {trial} is not finite at {sample * time_step:.3f} s; "
            "fill the gap before the simulation."
        )


def _time_first(signal: Tensor) -> Tensor:
    lead = signal.ndim - 3
    return (signal if lead == 0 else signal.movedim(lead, 0)).reshape(signal.shape[lead], -1)


def _as_slice(parameter: Tensor, lead: torch.Size) -> Tensor:
    """View (muscle,) or (set, muscle) so that it broadcasts against (set, trial, muscle)."""
    return parameter if parameter.ndim <= 1 else parameter[..., None, :]


def _as_sets(parameter: Tensor) -> Tensor:
    """View (muscle,) or (set, muscle) so that it broadcasts against (set, time, trial, muscle)."""
    return parameter if parameter.ndim <= 1 else parameter[..., None, None, :]
