"""Damped Gauss-Newton or Newton steps within bounds, for many frames that have nothing to do with one another.

Levenberg-Marquardt per frame: a step is kept if the cost does not rise, and damping falls; else damping rises. Coordinates at a
bound that the gradient pushes outwards stay there (active set), the rest of a step is cut at the bounds. Frames that have arrived
leave the batch. Source: Nocedal & Wright (2006), Numerical Optimization, 10.3 and 16.7.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.kinematics.forward import Mechanism
from osim_nmscal.kinematics.normal_equations import NormalEquations, Targets, normal_equations

FloatArray = NDArray[np.float64]

# Damping, in parts of the curvature's diagonal: at first, least, and where a frame is given up. Source: measured; a least damping
# of 1e-7 keeps directions still that no marker determines and slows none that one does.
FIRST_DAMPING, LEAST_DAMPING, HOPELESS_DAMPING = 1e-4, 1e-7, 1e9
# A coordinate's damping is at least this part of that of the stiffest one. Source: measured, as above.
LEAST_SHARE = 1e-3
# Most steps. Source: choice; frames with wrong markers need some dozens.
MOST_STEPS = 300
# Longest turn in one step, rad. Source: choice; the linearisation is worth nothing beyond.
LONGEST_TURN = 0.7
# A cost that differs by less than this part is the same cost. Source: rounding of some hundred terms.
SAME_COST = 1e-13
# Frames that are worked on together: their arrays stay in the cache. Source: measured; less has more overhead.
BATCH = 512


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """Where free coordinates must stay."""

    lower: FloatArray  # (free,)
    upper: FloatArray  # (free,)


@dataclass(frozen=True, kw_only=True)
class Descent:
    """Where frames arrived."""

    values: FloatArray  # (free, frame), rad and m
    cost: FloatArray  # (frame,), at most this
    converged: NDArray[np.bool_]  # (frame,), the last step was shorter than asked for


def descend(mechanism: Mechanism, targets: Targets, bounds: Bounds, start: FloatArray, *, tolerance: float, newton_after: int) -> Descent:
    """Go down from a start to the next minimum of every frame.

    Args:
        mechanism: of the followed markers.
        targets: per frame.
        bounds: of the free coordinates.
        start: (free, frame), rad and m; what lies outside the bounds is put on them.
        tolerance: a step with no coordinate longer than this ends, rad and m.
        newton_after: steps with the curvature of Gauss and Newton, which point downwards from everywhere; then with Newton's, which are
            quicker near a minimum and where errors are large.
    """
    frames = np.arange(start.shape[1])
    parts = [frames[i : i + BATCH] for i in range(0, len(frames), BATCH)]
    found = [_descend(mechanism, targets.at(part), bounds, start[:, part], tolerance, newton_after) for part in parts]
    return Descent(
        values=np.concatenate([part.values for part in found], axis=1),
        cost=np.concatenate([part.cost for part in found]),
        converged=np.concatenate([part.converged for part in found]),
    )


def _descend(mechanism: Mechanism, targets: Targets, bounds: Bounds, start: FloatArray, tolerance: float, newton_after: int) -> Descent:
    turning = mechanism.tree.rotational[list(mechanism.free)]
    lower, upper = bounds.lower[:, None], bounds.upper[:, None]
    here = np.clip(start, lower, upper)
    values, cost = here.copy(), np.empty(here.shape[1])
    converged = np.zeros(here.shape[1], dtype=bool)
    active = np.arange(here.shape[1])
    damping = np.full(len(active), FIRST_DAMPING)
    local = normal_equations(mechanism, here, targets, newton=newton_after == 0)
    cost[:] = local.cost
    for number in range(MOST_STEPS):
        step = _step(local, here, bounds, damping, turning)
        there = np.clip(here + step, lower, upper)
        small = np.abs(there - here).max(axis=0, initial=0.0) < tolerance
        values[:, active[small]] = there[:, small]  # so near that another evaluation would tell nothing
        converged[active[small]] = damping[small] < 1.0
        going = ~small & (damping < HOPELESS_DAMPING)
        if not going.all():
            active, damping, here, there = active[going], damping[going], here[:, going], there[:, going]
            local, targets = _of(local, going), targets.at(np.flatnonzero(going))
        if not len(active):
            break
        beyond = normal_equations(mechanism, there, targets, newton=number >= newton_after)
        better = beyond.cost <= local.cost * (1 + SAME_COST)
        damping = np.where(better, np.maximum(damping / 10, LEAST_DAMPING), damping * 10)
        here = np.where(better, there, here)
        local = beyond if better.all() else _chosen(better, beyond, local)
        values[:, active], cost[active] = here, local.cost
    return Descent(values=values, cost=cost, converged=converged)


def _step(local: NormalEquations, here: FloatArray, bounds: Bounds, damping: FloatArray, turning: NDArray[np.bool_]) -> FloatArray:
    """Return the damped step (free, frame); coordinates pushed against their bound do not move."""
    at_lower, at_upper = bounds.lower - here.T >= 0, here.T - bounds.upper >= 0
    held = (at_lower & (local.gradient > 0)) | (at_upper & (local.gradient < 0))
    curvature, gradient = local.curvature.copy(), np.where(held, 0.0, local.gradient)
    diagonal = np.einsum("fii->fi", curvature)  # a view
    stiffest = np.maximum(diagonal.max(axis=1, keepdims=True), np.finfo(float).tiny)
    diagonal += damping[:, None] * np.maximum(diagonal, LEAST_SHARE * stiffest)
    if held.any():
        curvature *= ~held[:, :, None] & ~held[:, None, :]
        diagonal += held * stiffest
    step = -np.linalg.solve(curvature, gradient[:, :, None])[:, :, 0].T
    turn = np.abs(step[turning]).max(axis=0, initial=0.0)
    return np.asarray(step * np.minimum(1.0, LONGEST_TURN / np.maximum(turn, LONGEST_TURN)))


def _of(local: NormalEquations, frames: NDArray[np.bool_]) -> NormalEquations:
    return NormalEquations(cost=local.cost[frames], gradient=local.gradient[frames], curvature=local.curvature[frames])


def _chosen(first: NDArray[np.bool_], a: NormalEquations, b: NormalEquations) -> NormalEquations:
    return NormalEquations(
        cost=np.where(first, a.cost, b.cost),
        gradient=np.where(first[:, None], a.gradient, b.gradient),
        curvature=np.where(first[:, None, None], a.curvature, b.curvature),
    )
