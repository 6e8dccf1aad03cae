"""The neuromusculoskeletal model: from excitations, MTU lengths and moment arms to joint moments.

`simulate` composes activation dynamics, fiber dynamics and the joint moment (docs/method.md) and is
differentiable in every input and parameter. Parameters may carry a leading axis of parameter sets: (set, muscle).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.noun import Noun
from osim_nmscal.errors import FiberDynamicsError
from osim_nmscal.nms.activation import activation as bend
from osim_nmscal.nms.activation import delayed, neural_activation
from osim_nmscal.nms.forward import FiberDynamicsName, MuscleState, Parts
from osim_nmscal.nms.joint_moment import joint_moment
from osim_nmscal.nms.muscle_models import MuscleMechanics, muscle_mechanics
from osim_nmscal.nms.parameters import NmsParameters, initial_parameters
from osim_nmscal.nms.path_errors import lengths_of_path

__all__ = ["FiberDynamicsName", "NmsInputs", "NmsOutputs", "NmsParameters", "contract", "initial_parameters", "simulate"]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class NmsInputs(Noun):
    """What drives the muscles, the same for every parameter set.

    Example:
        >>> inputs = NmsInputs(
        ...     excitation=torch.full((100, 1, 2), 0.5), mtu_length=torch.full((100, 1, 2), 0.30),
        ...     moment_arm=torch.full((100, 1, 1, 2), 0.04), time_step=0.01)
        >>> inputs.excitation.shape[1]  # trials
        1
    """

    excitation: Tensor  # (time, trial, muscle), 0 to 1, not delayed
    mtu_length: Tensor  # (time, trial, muscle), m
    moment_arm: Tensor  # (time, trial, dof, muscle), m
    time_step: float  # s, one clock for all trials


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class NmsOutputs(Noun):
    """What the muscles do; (..., time, trial, muscle) unless stated, with the parameter sets in front if there are any.

    Example:
        >>> start = initial_parameters(muscles, c1=-0.5, c2=-0.5, shape_factor=-1.0, electromechanical_delay=0.035)
        >>> still = NmsInputs(
        ...     excitation=torch.full((50, 1, 2), 0.5, dtype=torch.float64), mtu_length=torch.full((50, 1, 2), 0.30, dtype=torch.float64),
        ...     moment_arm=torch.tensor([[0.04, -0.04]], dtype=torch.float64).expand(50, 1, 1, 2), time_step=0.01)
        >>> outputs = simulate(still, start, muscles)
        >>> outputs.normalized_fiber_length[-1, 0].numpy().round(2), abs(float(outputs.joint_moment[-1])) < 1e-6
        (array([0.93, 0.93]), True)
    """

    activation: Tensor
    normalized_fiber_length: Tensor
    normalized_fiber_velocity: Tensor  # of the maximum contraction velocity
    pennation_angle: Tensor  # rad
    tendon_strain: Tensor
    tendon_force: Tensor  # N
    active_force: Tensor  # N, along the fiber
    passive_force: Tensor  # N, along the fiber, elastic part
    joint_moment: Tensor  # (..., time, trial, dof), N·m


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

    Example:
        >>> signals = (torch.from_numpy(one)[:, None] for one in (trial.excitation, trial.mtu_length, trial.moment_arm))
        >>> inputs = NmsInputs(**dict(zip(("excitation", "mtu_length", "moment_arm"), signals)), time_step=trial.time_step)
        >>> start = initial_parameters(muscles, c1=-0.5, c2=-0.5, shape_factor=-1.0, electromechanical_delay=0.035)
        >>> outputs = simulate(inputs, start, muscles)
        >>> tuple(outputs.joint_moment.shape), bool((outputs.tendon_force >= 0).all())
        ((100, 1, 1), True)
    """
    mechanics = muscle_mechanics(muscle) if isinstance(muscle, MuscleTable) else muscle
    mechanics = mechanics.to(inputs.mtu_length)
    excitation = delayed(inputs.excitation * _as_sets(parameters.emg_scale), parameters.electromechanical_delay, inputs.time_step)
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
    parts, arms = Parts(muscle), _as_sets(parameters.moment_arm_scale)
    lengths = lengths_of_path(inputs.mtu_length, arms, _as_sets(parameters.reference_mtu_length))
    states = parts.solve(activation, lengths, parameters, inputs.time_step, fiber_dynamics=fiber_dynamics)
    signals = zip(*(_signals(state) for state in states), strict=True)
    length, velocity, pennation, strain, force, active, passive, driven = (parts.merge(pieces) for pieces in signals)
    maximum = _as_sets(parameters.max_isometric_force)
    tendon_force = force * maximum
    return NmsOutputs(
        activation=driven,
        normalized_fiber_length=length,
        normalized_fiber_velocity=velocity,
        pennation_angle=pennation,
        tendon_strain=strain,
        tendon_force=tendon_force,
        active_force=active * maximum,
        passive_force=passive * maximum,
        joint_moment=joint_moment(tendon_force * arms, inputs.moment_arm),
    )


def _signals(state: MuscleState) -> tuple[Tensor, ...]:
    """Return what `NmsOutputs` shows of one part, forces in units of the maximum isometric force; (..., time, trial, muscle) each."""
    at, columns = state.at, state.columns
    pennation = torch.acos(at.cosine.clamp(-1.0, 1.0 - 1e-15))
    active = columns.activation * at.active * at.velocity_multiplier
    shown = (state.length, state.velocity, pennation, state.tendon_strain, state.force, active, at.passive, columns.activation)
    return tuple(columns.restore(signal) for signal in shown)


def require_finite(signal: Tensor, what: str, names: tuple[str, ...], time_step: float) -> None:
    """Refuse a (..., time, trial, muscle) signal that is not finite, naming muscle and time."""
    finite = torch.isfinite(signal)
    if not bool(finite.all()):
        *_, sample, trial, muscle = (int(i) for i in (~finite).nonzero()[0])
        raise FiberDynamicsError(
            f"The {what} of muscle {names[muscle]!r} in trial {trial} is not finite at {sample * time_step:.3f} s; "
            "fill the gap before the simulation."
        )


def _as_sets(parameter: Tensor) -> Tensor:
    """View (muscle,) or (set, muscle) so that it broadcasts against (set, time, trial, muscle)."""
    return parameter if parameter.ndim <= 1 else parameter[..., None, None, :]
