"""Cost of a posture against recorded markers, its gradient and its curvature, without a marker Jacobian.

Cost = sum over markers of w |p - y|^2 + sum over coordinate tasks of u (q - v)^2. Markers of a body and of all bodies beyond it
are summed to a force and a 9 x 6 matrix: what moves by a twist (velocity v of a point near the markers, angular velocity o) has

    momentum  W v + o x S,  S x v + J o   (weights as masses: the composite-rigid-body algorithm), and
    turning   v x F + (K - tr K) o        (what a turn nearer to ground changes in the markers' pull by that motion).

A coordinate's gradient is its twist times force and moment. The curvature of coordinates a (nearer to ground) and b is a's twist
times b's momentum, which is Gauss-Newton's, plus a's angular velocity times b's turning, which makes it Newton's but for the
curvature of the joints' own functions. Frames are the last axis.
Source: Featherstone (2008), Rigid Body Dynamics Algorithms, 6.2; the second part from differentiating a twist by one nearer to ground.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.kinematics.forward import Link, Mechanism, Placement, Posture, cross

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Targets:
    """What frames are to come near to, with weights; a marker that was not seen has weight 0."""

    markers: FloatArray  # (3, marker, frame), m, finite, in the mechanism's order
    marker_weights: FloatArray  # (marker, frame)
    task_coordinates: NDArray[np.int64]  # (task,)
    task_values: FloatArray  # (task, frame), rad or m
    task_weights: FloatArray  # (task, frame)

    def at(self, frames: NDArray[np.int64]) -> "Targets":
        """Return those of some frames."""
        return Targets(
            markers=self.markers[:, :, frames],
            marker_weights=self.marker_weights[:, frames],
            task_coordinates=self.task_coordinates,
            task_values=self.task_values[:, frames],
            task_weights=self.task_weights[:, frames],
        )


@dataclass(frozen=True, kw_only=True)
class NormalEquations:
    """Half of the cost's derivatives by the free coordinates."""

    cost: FloatArray  # (frame,), m^2
    gradient: FloatArray  # (frame, free)
    curvature: FloatArray  # (frame, free, free)


@dataclass(frozen=True, kw_only=True)
class _Sums:
    """Over the markers of one body, or of all beyond a joint."""

    force: FloatArray  # (6, frame): force and moment
    momentum: FloatArray  # (9, 6, frame): momentum (6) and turning (3) of a twist

    def __add__(self, other: "_Sums") -> "_Sums":
        return _Sums(force=self.force + other.force, momentum=self.momentum + other.momentum)


def normal_equations(mechanism: Mechanism, values: FloatArray, targets: Targets, *, newton: bool) -> NormalEquations:
    """Evaluate a posture per frame.

    Args:
        mechanism: of the followed markers.
        values: (free, frame), rad and m.
        targets: as many frames.
        newton: curvature as Newton has it, which may be indefinite, instead of Gauss and Newton.
    """
    posture = mechanism.posture(values)
    placement = mechanism.place(posture)
    located = mechanism.positions(placement)
    centre = located.mean(axis=1)  # sums about a point nearby: those about a far origin lose digits
    error = located - targets.markers
    pull = targets.marker_weights * error
    cost = (pull * error).sum(axis=(0, 1))
    sums = _sums(mechanism, located - centre[:, None], pull, targets.marker_weights)
    twists = _about(centre, placement)
    rows = 9 if newton else 6
    free, frames = values.shape
    gradient, curvature = np.zeros((free, frames)), np.zeros((free, free, frames))
    coordinates = np.array(mechanism.column_coordinates, dtype=np.int64)
    for link in reversed(mechanism.links):
        total = sums[link.child]
        if link.columns:
            _add_link(link, twists, total, coordinates, rows, gradient, curvature)
        sums[link.parent] = sums[link.parent] + total if link.parent in sums else total
    cost += _add_tasks(posture, targets, gradient, curvature)
    return NormalEquations(cost=cost, gradient=gradient.T, curvature=np.ascontiguousarray(curvature.transpose(2, 0, 1)))


def _about(centre: FloatArray, placement: Placement) -> FloatArray:
    """Return twists about a point, (column, 9, frame): velocity, and the angular velocity twice."""
    angular = placement.twists[:, 3:]
    moved = np.concatenate([placement.twists, angular], axis=1)
    moved[:, :3] -= cross(centre[:, None], angular.transpose(1, 0, 2)).transpose(1, 0, 2)
    return moved


def _add_link(
    link: Link, twists: FloatArray, total: _Sums, coordinates: NDArray[np.int64], rows: int, gradient: FloatArray, curvature: FloatArray
) -> None:
    own, mine = twists[link.own], coordinates[link.own]
    gradient[mine] += (own[:, :6] * total.force).sum(axis=1)
    momentum = np.einsum("ijf,bjf->bif", total.momentum[:rows], own[:, :6])
    inside = np.einsum("aif,bif->abf", own[:, :rows], momentum)
    for b in range(len(mine)):  # a before b: b is carried along by a
        inside[b, :b] = inside[:b, b]
    curvature[mine[:, None], mine] += inside
    if len(link.path):
        across = np.einsum("aif,bif->abf", twists[link.path, :rows], momentum)
        if link.once:
            before = coordinates[link.path]
            curvature[before[:, None], mine] += across
            curvature[mine[:, None], before] += across.transpose(1, 0, 2)
            return
        for coordinate, row in zip(coordinates[link.path].tolist(), across, strict=True):
            curvature[coordinate, mine] += row
            curvature[mine, coordinate] += row


def _add_tasks(posture: Posture, targets: Targets, gradient: FloatArray, curvature: FloatArray) -> FloatArray:
    """Add the coordinate tasks; returns their cost."""
    cost = np.zeros(gradient.shape[1])
    for coordinate, wanted, weight in zip(targets.task_coordinates.tolist(), targets.task_values, targets.task_weights, strict=True):
        off = posture.values[coordinate] - wanted
        cost += weight * off**2
        moving = posture.slopes[coordinate]
        for place, slope in moving.items():
            gradient[place] += weight * off * slope
            for other, other_slope in moving.items():
                curvature[place, other] += weight * slope * other_slope
    return cost


def _sums(mechanism: Mechanism, located: FloatArray, pull: FloatArray, weights: FloatArray) -> dict[int, _Sums]:
    """Sum over the markers of each body; the matrices of all bodies are filled together."""
    bodies = mechanism.markers_by_body()
    first = [rows.start for _, rows in bodies]
    force = np.add.reduceat(pull, first, axis=1)  # (3, body, frame)
    weight = np.add.reduceat(weights, first, axis=0)
    weighted = weights * located
    moment = np.add.reduceat(weighted, first, axis=1)
    square = {(i, j): np.add.reduceat(weighted[i] * located[j], first, axis=0) for i in range(3) for j in range(i, 3)}
    lever = [[np.add.reduceat(located[i] * pull[j], first, axis=0) for j in range(3)] for i in range(3)]
    forces = np.empty((6, *weight.shape))
    matrix = np.zeros((9, 6, *weight.shape))
    forces[:3] = force
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        forces[3 + i] = lever[j][k] - lever[k][j]
        matrix[i, i] = weight
        matrix[i, 3 + j], matrix[i, 3 + k] = moment[k], -moment[j]
        matrix[3 + i, j], matrix[3 + i, k] = -moment[k], moment[j]
        matrix[3 + i, 3 + i] = square[j, j] + square[k, k]
        matrix[3 + j, 3 + k] = matrix[3 + k, 3 + j] = -square[min(j, k), max(j, k)]
        matrix[6 + i, j], matrix[6 + i, k] = force[k], -force[j]
        matrix[6 + i, 3 + i] = -(lever[j][j] + lever[k][k])
        matrix[6 + i, 3 + j], matrix[6 + i, 3 + k] = lever[i][j], lever[i][k]
    return {body: _Sums(force=forces[:, n], momentum=matrix[:, :, n]) for n, (body, _) in enumerate(bodies)}
