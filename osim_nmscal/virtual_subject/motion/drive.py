"""Excitations that really make the muscles produce given joint moments: few synergies, little effort, small residual.

All recordings of a person are solved at once. Each pool's excitation is a cubic B-spline with non-negative coefficients, so
it is smooth as an EMG envelope is and never negative. The gradient comes through the whole NMS model, elastic tendons and
activation dynamics included; up to the neural activation that model is linear, so what a coefficient does there is worked out
once. A pull towards the best non-negative rank-k factorisation of the coefficients (synergies), renewed as the solution moves,
leaves a small part of every excitation outside the synergies, as in people.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from osim_nmscal.nms.activation import activation as bend
from osim_nmscal.nms.activation import delayed, neural_activation
from osim_nmscal.nms.model import NmsInputs, NmsParameters, simulate
from osim_nmscal.nms.moment_of_activation import MomentOfActivation
from osim_nmscal.nms.muscle_models import MuscleMechanics
from osim_nmscal.nms.threads import one_thread
from osim_nmscal.splines import spline_basis
from osim_nmscal.virtual_subject.motion.one_cycle import OneCycleAdam
from osim_nmscal.virtual_subject.motion.prescribed import Mechanics

FloatArray = NDArray[np.float64]

# Time between spline coefficients, s. Source: choice; a linear envelope at 5-6 Hz keeps what such a spline holds.
KNOT_STEP = 0.05
# No muscle is ever quite silent. Source: choice.
LEAST_EXCITATION = 0.01
# A rigid tendon is five times quicker to solve and leads near; elastic tendons then finish.
RIGID_ITERATIONS, ELASTIC_ITERATIONS = 120, 90
# Weights of the loss beside the squared moment error in units of each moment's spread.
EFFORT_WEIGHT = 4e-2
SYNERGY_WEIGHT = 6e-2
CEILING_WEIGHT = 10.0
LEARNING_RATE = 0.2
FACTORISATION_EVERY = 15
# Seconds at the start of a motion that count for nothing: before it, excitations are held, and nothing can be met.
UNCOUNTED = 0.15


@dataclass(frozen=True, kw_only=True)
class Drive:
    """Excitations of all recordings and what they make of the muscles."""

    excitation: tuple[FloatArray, ...]  # per recording (time, pool)
    moments: tuple[FloatArray, ...]  # per recording (time, dof), N*m
    activation: tuple[FloatArray, ...]  # per recording (time, muscle)
    normalized_fiber_length: tuple[FloatArray, ...]  # per recording (time, muscle)
    synergy_weights: FloatArray  # (synergy, pool)
    synergy_share: float  # part of the excitations' sum of squares that the synergies explain
    loss: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class _Task:
    inputs: Callable[[Tensor], NmsInputs]
    target: Tensor  # (time, trial, dof)
    weight: Tensor  # (time, trial, dof), 1 / spread, 0 in padding
    basis: Tensor  # (time, knot)
    sharing: Tensor  # (pool, muscle)


def solve_drive(
    mechanics: Sequence[Mechanics],
    targets: Sequence[FloatArray],
    *,
    parameters: NmsParameters,
    muscles: MuscleMechanics,
    sharing: FloatArray,
    dof_weights: Sequence[float],
    rate: float,
    synergies: int,
    random: np.random.Generator,
    progress: Callable[[int, float], None] | None = None,
) -> Drive:
    """Find excitations whose joint moments track targets.

    Args:
        mechanics: MTU lengths and moment arms per recording.
        targets: per recording (time, dof), N*m.
        parameters: the true muscles.
        muscles: their constants.
        sharing: (pool, muscle), zeros and ones.
        dof_weights: how much the error of each dof counts.
        rate: Hz.
        synergies: how many.
        random: source of randomness, for the first factorisation.
        progress: called with iteration and loss.

    Returns:
        The excitations and the moments that they make; the targets are met up to a residual, never by definition.
    """
    with one_thread():  # its operations are too small to share
        return _solve(
            _task(mechanics, targets, sharing, dof_weights, rate),
            [len(target) for target in targets],
            parameters,
            muscles,
            synergies,
            random,
            progress,
        )


def _solve(
    task: _Task,
    lengths: list[int],
    parameters: NmsParameters,
    muscles: MuscleMechanics,
    synergies: int,
    random: np.random.Generator,
    progress: Callable[[int, float], None] | None,
) -> Drive:
    knots, trials, pools = task.basis.shape[1], task.target.shape[1], len(task.sharing)
    raw = torch.full((knots, trials, pools), -3.0, dtype=torch.float64, requires_grad=True)
    iterations = RIGID_ITERATIONS + ELASTIC_ITERATIONS
    optimizer = OneCycleAdam(raw, LEARNING_RATE, iterations)
    weights = random.random((synergies, pools))
    primitives = random.random((knots * trials, synergies))
    rigid = replace(muscles, rigid_tendon=torch.ones_like(muscles.rigid_tendon))
    at_first, then = (_muscles(task, parameters, kind) for kind in (rigid, muscles))
    response = _Response(task, parameters)
    losses = []
    for iteration in range(iterations):
        coefficients = torch.nn.functional.softplus(raw)
        if iteration % FACTORISATION_EVERY == 0:
            flat = coefficients.detach().reshape(-1, pools).numpy()
            primitives, weights = factorise(flat, primitives, weights)
            explained = torch.from_numpy(primitives @ weights).reshape(coefficients.shape)
        moments = (at_first if iteration < RIGID_ITERATIONS else then)(response.activation(coefficients))
        loss = _loss(moments, coefficients, explained, task)
        optimizer.step(torch.autograd.grad(loss, raw)[0])
        losses.append(float(loss.detach()))
        if progress is not None:
            progress(iteration, losses[-1])
    return _result(raw.detach(), task, lengths, parameters, muscles, weights, losses)


def _muscles(task: _Task, parameters: NmsParameters, muscles: MuscleMechanics) -> MomentOfActivation:
    given = task.inputs(torch.empty(0, dtype=torch.float64))
    return MomentOfActivation(muscles.to(given.mtu_length), parameters, given.mtu_length, given.moment_arm, given.time_step)


class _Response:
    """What a coefficient of a muscle's excitation does to its neural activation: delay and filter are linear."""

    def __init__(self, task: _Task, parameters: NmsParameters) -> None:
        self._sharing, self._shape_factor = task.sharing, parameters.shape_factor
        step, delay = task.inputs(task.basis).time_step, parameters.electromechanical_delay

        def neural(excitation: Tensor) -> Tensor:
            driven = excitation[:, :, None] * parameters.emg_scale.expand(task.sharing.shape[1])
            return neural_activation(delayed(driven, delay, step), parameters.c1, parameters.c2)

        self._least = neural(torch.full((len(task.basis), 1), LEAST_EXCITATION, dtype=torch.float64)) * task.sharing.sum(dim=0)
        self._of_knots = neural(task.basis).permute(2, 0, 1).contiguous()  # (muscle, time, knot)

    def activation(self, coefficients: Tensor) -> Tensor:
        """Return the activation (time, trial, muscle) of coefficients (knot, trial, pool)."""
        of_muscles = (coefficients @ self._sharing).permute(2, 0, 1)
        return bend(self._least + torch.bmm(self._of_knots, of_muscles).permute(1, 2, 0), self._shape_factor)


def factorise(values: FloatArray, left: FloatArray, right: FloatArray, iterations: int = 60) -> tuple[FloatArray, FloatArray]:
    """Return non-negative factors of a non-negative matrix, from a start, by multiplicative updates (Lee & Seung 2001).

    Args:
        values: (sample, pool).
        left: (sample, synergy), start.
        right: (synergy, pool), start.
        iterations: updates of both.

    Returns:
        both factors; each synergy's weights have length 1.
    """
    from sklearn.decomposition import non_negative_factorization

    left, right, _ = non_negative_factorization(  # it works in place
        values, W=left.copy(), H=right.copy(), n_components=len(right), init="custom", solver="mu", max_iter=iterations, tol=0.0
    )
    size = np.maximum(np.linalg.norm(right, axis=1), np.finfo(float).tiny)
    return left * size, right / size[:, None]


def _task(
    mechanics: Sequence[Mechanics], targets: Sequence[FloatArray], sharing: FloatArray, dof_weights: Sequence[float], rate: float
) -> _Task:
    length = max(len(target) for target in targets)
    mtu_length = torch.from_numpy(np.stack([_padded(one.mtu_length, length) for one in mechanics], axis=1))
    moment_arm = torch.from_numpy(np.stack([_padded(one.moment_arm, length) for one in mechanics], axis=1))
    target = torch.from_numpy(np.stack([_padded(one, length) for one in targets], axis=1))
    spread = np.concatenate(list(targets)).std(axis=0)
    row = np.arange(length)[:, None]
    counted = [(row >= UNCOUNTED * rate) & (row < len(one)) for one in targets]
    weight = np.stack(counted, axis=1) * (np.array(dof_weights) / spread)
    return _Task(
        inputs=lambda excitation: NmsInputs(excitation=excitation, mtu_length=mtu_length, moment_arm=moment_arm, time_step=1.0 / rate),
        target=target,
        weight=torch.from_numpy(weight),
        basis=torch.from_numpy(spline_basis(length, 1.0 / rate, KNOT_STEP)),
        sharing=torch.from_numpy(sharing),
    )


def _padded(values: FloatArray, length: int) -> FloatArray:
    return np.concatenate([values, np.repeat(values[-1:], length - len(values), axis=0)])


def _loss(moments: Tensor, coefficients: Tensor, explained: Tensor, task: _Task) -> Tensor:
    excitation = (LEAST_EXCITATION + torch.einsum("tk,krp->trp", task.basis, coefficients)) @ task.sharing
    error = ((moments - task.target) * task.weight).square().mean()
    effort = coefficients.square().mean()
    outside = (coefficients - explained).square().mean()
    ceiling = torch.relu(excitation - 0.8).square().mean()
    return error + EFFORT_WEIGHT * effort + SYNERGY_WEIGHT * outside + CEILING_WEIGHT * ceiling


def _result(
    raw: Tensor,
    task: _Task,
    lengths: list[int],
    parameters: NmsParameters,
    muscles: MuscleMechanics,
    weights: FloatArray,
    losses: list[float],
) -> Drive:
    coefficients = torch.nn.functional.softplus(raw)
    flat = coefficients.reshape(-1, coefficients.shape[-1]).numpy()
    primitives, weights = factorise(flat, np.maximum(flat @ np.linalg.pinv(weights), 1e-3), weights, 100)
    pools = (LEAST_EXCITATION + torch.einsum("tk,krp->trp", task.basis, coefficients)).clamp(max=1.0)
    outputs = simulate(task.inputs(pools @ task.sharing), parameters, muscles)

    def cut(signal: Tensor) -> tuple[FloatArray, ...]:
        return tuple(signal[:length, trial].numpy().copy() for trial, length in enumerate(lengths))

    return Drive(
        excitation=cut(pools),
        moments=cut(outputs.joint_moment),
        activation=cut(outputs.activation),
        normalized_fiber_length=cut(outputs.normalized_fiber_length),
        synergy_weights=weights,
        synergy_share=1.0 - float(((flat - primitives @ weights) ** 2).sum() / (flat**2).sum()),
        loss=tuple(losses),
    )
