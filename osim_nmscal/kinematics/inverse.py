"""Inverse kinematics of a whole recording at once: the coordinates whose markers lie nearest to the recorded ones.

Minimises what OpenSim 4.6 minimises: the weighted mean of |p - y|^2 over the markers seen (its weights count only against one another)
plus the sum of w (q - v)^2 over coordinate tasks; clamped coordinates stay in their range, couplers hold exactly, locked coordinates
stay where they are. Unlike OpenSim's, the search converges, so that a frame's result does not depend on the frame before. Every
fourth frame comes first, the others start from what lies between.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.noun import Noun
from osim_nmscal.errors import SignalError, UncoveredModelError
from osim_nmscal.kinematics.descent import Bounds, Descent, descend
from osim_nmscal.kinematics.forward import Mechanism
from osim_nmscal.kinematics.functions import Linear
from osim_nmscal.kinematics.normal_equations import Targets
from osim_nmscal.kinematics.tree import KinematicTree

FloatArray = NDArray[np.float64]

# Every so many frames one that the others start from. Source: measured; 2 and 8 cost half as much again on running at 100 Hz.
KEY_FRAMES = 4
# A step shorter than this ends: of the key frames, of all frames, rad and m. Source: what is left then is below 1e-5 degrees.
KEY_TOLERANCE, TOLERANCE = 1e-2, 1e-6
# Steps from far away before Newton's begin. Source: measured; key frames whose markers are right need 4 to 9.
FAR_STEPS = 8
# A recording that is turned as a whole against the default pose by more than this starts from a turned pose, rad. Source: choice.
FACING = np.pi / 3
# Two key frames that differ by more than this angle, rad, or in cost by this factor, may be in different minima. Source: choice.
JUMP, COST_JUMP = 2.0, 3.0
# So may two that differ by more than this angle, rad, where the one fits worse. Source: choice.
SMALL_JUMP = 0.5
# A minimum is a better one if its cost is lower by this part and by this error (RMS, m). Source: choice, above what KEY_TOLERANCE leaves.
BETTER, SAME_ERROR = 1e-3, 1e-3


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class MarkerTasks(Noun):
    """Markers to follow.

    Example:
        >>> MarkerTasks(names=("tip",), positions=np.zeros((50, 1, 3)), weights=np.array([2.0])).weights
        array([2.])
    """

    names: tuple[str, ...]
    positions: FloatArray  # (time, marker, 3), m, in ground; NaN where a marker was not seen
    weights: FloatArray  # (marker,)

    def __post_init__(self) -> None:
        if self.positions.shape[1:] != (len(self.names), 3) or self.weights.shape != (len(self.names),):
            raise SignalError(
                f"Positions {self.positions.shape} and weights {self.weights.shape} do not fit to {len(self.names)} markers; "
                "expected (time, marker, 3) and (marker,)."
            )
        if not (np.isfinite(self.weights).all() and (self.weights >= 0).all()):
            raise SignalError(f"Weights of markers are {self.weights.tolist()}, expected finite numbers of at least 0.")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class CoordinateTasks(Noun):
    """Coordinates to stay near to values, which may change over time; a weight of 1 counts like the weighted mean of all markers.

    Example:
        >>> CoordinateTasks(names=("swing",), values=np.zeros((50, 1)), weights=np.array([0.1])).names
        ('swing',)
    """

    names: tuple[str, ...]
    values: FloatArray  # (time, task), rad or m
    weights: FloatArray  # (task,)

    def __post_init__(self) -> None:
        if self.values.shape[1:] != (len(self.names),) or self.weights.shape != (len(self.names),):
            raise SignalError(
                f"Values {self.values.shape} and weights {self.weights.shape} do not fit to {len(self.names)} tasks; "
                "expected (time, task) and (task,)."
            )


@dataclass(frozen=True, kw_only=True)
class SolvedMotion:
    """Coordinates of a recording."""

    values: FloatArray  # (time, coordinate), rad and m, dependent ones from their couplers
    cost: FloatArray  # (time,), times the sum of the weights of the markers seen, m^2
    marker_errors: FloatArray  # (time, marker), m; NaN where a marker was not seen
    converged: NDArray[np.bool_]  # (time,)


def solve_inverse_kinematics(tree: KinematicTree, markers: MarkerTasks, coordinates: CoordinateTasks) -> SolvedMotion:
    """Find the posture of every frame.

    Args:
        tree: the model.
        markers: what was recorded.
        coordinates: as many frames.

    Returns:
        All coordinates; those that neither a marker nor a task determines keep their default.

    Raises:
        UnknownNameError: the model lacks a marker.
        SignalError: shapes that do not fit together.
        UncoveredModelError: a coordinate that is clamped and depends on others otherwise than linearly leaves its range, which the
            search does not know.

    Example:
        >>> seen = marker_positions(pendulum, ("tip",), np.array([[0.1], [0.4]]))
        >>> markers = MarkerTasks(names=("tip",), positions=seen, weights=np.ones(1))
        >>> none = CoordinateTasks(names=(), values=np.zeros((2, 0)), weights=np.zeros(0))
        >>> solve_inverse_kinematics(pendulum, markers, none).values[:, 0].round(6)
        array([0.1, 0.4])
    """
    places = np.array([tree.coordinates.index(name) for name in coordinates.names], dtype=np.int64)
    mechanism = Mechanism(tree, markers.names, _free(tree, markers.names, places))
    bounds = _bounds(tree, mechanism.free)
    targets = _targets(mechanism, markers, coordinates, places)
    frames = len(markers.positions)
    if mechanism.free and frames:
        keys = np.unique(np.append(np.arange(0, frames, KEY_FRAMES), frames - 1))
        between = _key_frames(mechanism, targets.at(keys), bounds)
        start = _interpolated(keys, between, np.arange(frames))
        found = descend(mechanism, targets, bounds, start, tolerance=TOLERANCE, newton_after=0)
    else:
        found = Descent(values=np.zeros((0, frames)), cost=np.zeros(frames), converged=np.ones(frames, dtype=bool))
    return _motion(mechanism, found, markers)


def _free(tree: KinematicTree, markers: Sequence[str], tasks: NDArray[np.int64]) -> list[int]:
    """Return the coordinates that move a marker or have a task, and may move."""
    parent = {joint.child: joint for joint in tree.joints}
    used = set(tasks.tolist())
    for name in markers:
        body = int(tree.marker_body[tree.marker(name)])
        while body != 0:
            used |= {c for axis in parent[body].axes for c in axis.coordinates}
            body = parent[body].parent
    for coupling in reversed(tree.couplings):
        if coupling.dependent in used:
            used |= set(coupling.independent)
    return sorted(c for c in used if not tree.locked[c] and c not in tree.dependent)


def _bounds(tree: KinematicTree, free: Sequence[int]) -> Bounds:
    """Return the ranges of the free coordinates, cut by those of coordinates that are linear in one of them."""
    lower, upper = tree.lower.copy(), tree.upper.copy()
    for coupling in reversed(tree.couplings):
        slope = _slope(coupling.function) if len(coupling.independent) == 1 else 0.0
        if slope:
            intercept = float(coupling.function.value_and_slopes(np.zeros((1, 1)))[0][0])
            ends = sorted((np.array([lower[coupling.dependent], upper[coupling.dependent]]) - intercept) / slope)
            independent = coupling.independent[0]
            lower[independent], upper[independent] = max(lower[independent], ends[0]), min(upper[independent], ends[1])
    return Bounds(lower=lower[list(free)], upper=upper[list(free)])


def _slope(function: object) -> float:
    return function.slopes[0] if isinstance(function, Linear) and function.slopes else 0.0


def _targets(mechanism: Mechanism, markers: MarkerTasks, coordinates: CoordinateTasks, places: NDArray[np.int64]) -> Targets:
    if len(coordinates.values) != len(markers.positions):
        raise SignalError(f"{len(coordinates.values)} frames of coordinate tasks do not fit to {len(markers.positions)} of markers.")
    positions = markers.positions[:, mechanism.marker_order].transpose(2, 1, 0)
    unseen = np.isnan(positions).any(axis=0)
    weights = np.where(unseen, 0.0, markers.weights[mechanism.marker_order][:, None])
    total = weights.sum(axis=0)  # times the cost, which leaves its minimum where it is
    return Targets(
        markers=np.where(unseen, 0.0, positions),
        marker_weights=weights,
        task_coordinates=places,
        task_values=np.ascontiguousarray(coordinates.values.T),
        task_weights=coordinates.weights[:, None] * np.where(total > 0, total, 1.0),
    )


def _key_frames(mechanism: Mechanism, targets: Targets, bounds: Bounds) -> FloatArray:
    """Return (free, frame): each on its own, then those in doubt again from their neighbours."""
    start = np.repeat(_whole_body_start(mechanism, targets, bounds)[:, None], targets.markers.shape[2], axis=1)
    found = descend(mechanism, targets, bounds, start, tolerance=KEY_TOLERANCE, newton_after=FAR_STEPS)
    values, cost = found.values.copy(), found.cost.copy()
    turning = mechanism.tree.rotational[list(mechanism.free)]
    slack = SAME_ERROR**2 * targets.marker_weights.sum(axis=0)
    for neighbour in (-1, 1):
        tried: set[tuple[int, float]] = set()
        for _ in range(len(cost)):
            doubtful = [(i, float(values[:, i + neighbour].sum())) for i in _doubtful(values[turning], cost, slack, neighbour).tolist()]
            doubtful = [attempt for attempt in doubtful if attempt not in tried]
            if not doubtful:
                break
            tried |= set(doubtful)
            rows = np.array([i for i, _ in doubtful])
            beside = values[:, rows + neighbour]
            again = descend(mechanism, targets.at(rows), bounds, beside, tolerance=KEY_TOLERANCE, newton_after=FAR_STEPS)
            nearer = _distance(again.values[turning], beside[turning]) < _distance(values[:, rows][turning], beside[turning])
            better = again.cost < cost[rows] * (1 - BETTER) - slack[rows]
            take = better | ((again.cost < cost[rows] * (1 + BETTER) + slack[rows]) & nearer)
            values[:, rows[take]], cost[rows[take]] = again.values[:, take], again.cost[take]
    return values


def _interpolated(keys: NDArray[np.int64], values: FloatArray, frames: NDArray[np.int64]) -> FloatArray:
    """Return values (free, key) at other frames (free, frame): cubic, with slopes from the neighbours."""
    if len(keys) < 2:
        return np.repeat(values, len(frames), axis=1)
    slopes = np.gradient(values, keys.astype(np.float64), axis=1)
    after = np.clip(np.searchsorted(keys, frames, side="right"), 1, len(keys) - 1)
    before, step = after - 1, (keys[after] - keys[after - 1]).astype(np.float64)
    x = (frames - keys[before]) / step
    near, far = x * x * (3 - 2 * x), x * (1 - x)
    bend = step * far * ((1 - x) * slopes[:, before] - x * slopes[:, after])
    return np.asarray((1 - near) * values[:, before] + near * values[:, after] + bend)


def _doubtful(angles: FloatArray, cost: FloatArray, slack: FloatArray, neighbour: int) -> NDArray[np.int64]:
    """Return the frames that lie far from their neighbour, or fit much worse than it."""
    jump = np.abs(np.diff(angles, axis=1)).max(axis=0, initial=0.0)
    ratio = (cost[1:] + slack[1:]) / (cost[:-1] + slack[:-1])
    ratio = ratio if neighbour < 0 else 1 / ratio
    doubtful = (jump > JUMP) | (ratio > COST_JUMP) | ((jump > SMALL_JUMP) & (ratio > 1 + BETTER))
    return np.flatnonzero(doubtful) + (1 if neighbour < 0 else 0)


def _distance(a: FloatArray, b: FloatArray) -> FloatArray:
    return np.asarray(np.abs(a - b).max(axis=0, initial=0.0))


def _whole_body_start(mechanism: Mechanism, targets: Targets, bounds: Bounds) -> FloatArray:
    """Return (free,): the default pose, or if the person faces elsewhere the best from that pose turned by quarters as a whole."""
    default = mechanism.tree.defaults[list(mechanism.free)]
    first = targets.at(np.array([0]))
    if _turn_between(mechanism, first, default) < FACING:
        return default
    root = {coordinate for joint in mechanism.tree.joints if joint.parent == 0 for axis in joint.axes for coordinate in axis.coordinates}
    starts = [default]
    for place, coordinate in enumerate(mechanism.free):
        if coordinate in root and mechanism.tree.rotational[coordinate]:
            starts += [np.where(np.arange(len(default)) == place, default + turn, default) for turn in (np.pi / 2, np.pi, -np.pi / 2)]
    same = targets.at(np.zeros(len(starts), dtype=np.int64))
    start = np.stack(starts, axis=1)
    found = descend(mechanism, same, bounds, start, tolerance=KEY_TOLERANCE, newton_after=FAR_STEPS)
    best = found.cost < found.cost.min() * (1 + BETTER) + np.finfo(float).tiny
    return np.asarray(found.values[:, int(np.argmax(best))])  # of equal ones that nearest to the default pose


def _turn_between(mechanism: Mechanism, target: Targets, pose: FloatArray) -> float:
    """Return by what angle (rad) the seen markers are turned as a whole against those of a pose (Kabsch 1976)."""
    seen = target.marker_weights[:, 0] > 0
    if seen.sum() < 3:
        return 0.0
    ours = mechanism.positions(mechanism.place(mechanism.posture(pose[:, None])))[:, seen, 0]
    theirs = target.markers[:, seen, 0]
    u, _, v = np.linalg.svd((theirs - theirs.mean(axis=1, keepdims=True)) @ (ours - ours.mean(axis=1, keepdims=True)).T)
    u[:, 2] *= np.sign(np.linalg.det(u @ v))
    return float(np.arccos(np.clip((np.trace(u @ v) - 1) / 2, -1, 1)))


def _motion(mechanism: Mechanism, found: Descent, markers: MarkerTasks) -> SolvedMotion:
    tree, posture = mechanism.tree, mechanism.posture(found.values)
    located = mechanism.positions(mechanism.place(posture))[:, np.argsort(mechanism.marker_order)].transpose(2, 1, 0)
    for coupling in tree.couplings:
        values, c = posture.values[coupling.dependent], coupling.dependent
        if values.size and (values.min() < tree.lower[c] - TOLERANCE or values.max() > tree.upper[c] + TOLERANCE):
            raise UncoveredModelError(
                f"Coordinate {tree.coordinates[c]!r} is determined by others and reaches {values.min():g} to {values.max():g}, "
                f"but is clamped to {tree.lower[c]:g} to {tree.upper[c]:g}."
            )
    return SolvedMotion(
        values=posture.values.T.copy(),
        cost=found.cost,
        marker_errors=np.linalg.norm(located - markers.positions, axis=2),
        converged=found.converged,
    )
