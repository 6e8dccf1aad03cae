"""Cost of a posture against recorded markers, its gradient and its Gauss-Newton curvature, without a marker Jacobian.

Cost = sum over markers of w |p - y|^2 + sum over coordinate tasks of w (q - v)^2. Markers of a body and of all bodies beyond it
are summed to a force, a moment and a mass matrix of points; a coordinate's gradient is its twist times these, the curvature of two
coordinates is the twist of one times the momentum of the other (the composite-rigid-body algorithm, with weights for masses).
Source: Featherstone (2008), Rigid Body Dynamics Algorithms, 6.2. Frames are the last axis.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.kinematics.forward import Mechanism, cross

FloatArray = NDArray[np.float64]

# Places of xx, xy, xz, yy, yz, zz in a symmetric 3 x 3 matrix.
SYMMETRIC = np.array([[0, 1, 2], [1, 3, 4], [2, 4, 5]])
FIRST, SECOND = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 1, 2, 1, 2, 2])


@dataclass(frozen=True, kw_only=True)
class Targets:
    """What frames are to come near to, with weights; a marker that was not seen has weight 0."""

    markers: FloatArray  # (3, marker, frame), m, finite, in the mechanism's order
    marker_weights: FloatArray  # (marker, frame)
    task_coordinates: NDArray[np.int64]  # (task,)
    task_values: FloatArray  # (task, frame), rad or m
    task_weights: FloatArray  # (task,)

    def at(self, frames: NDArray[np.int64]) -> "Targets":
        """Return those of some frames."""
        return Targets(
            markers=self.markers[:, :, frames],
            marker_weights=self.marker_weights[:, frames],
            task_coordinates=self.task_coordinates,
            task_values=self.task_values[:, frames],
            task_weights=self.task_weights,
        )


@dataclass(frozen=True, kw_only=True)
class NormalEquations:
    """Half of the cost's derivatives by the free coordinates."""

    cost: FloatArray  # (frame,), m^2
    gradient: FloatArray  # (frame, free)
    curvature: FloatArray  # (frame, free, free), Gauss-Newton


def normal_equations(mechanism: Mechanism, values: FloatArray, targets: Targets) -> NormalEquations:
    """Evaluate a posture per frame.

    Args:
        mechanism: of the followed markers.
        values: (free, frame), rad and m.
        targets: as many frames.
    """
    posture = mechanism.posture(values)
    placement = mechanism.place(posture)
    frames, free = values.shape[1], len(mechanism.free)
    located = mechanism.positions(placement)
    centre = located.mean(axis=1)  # sums about a point nearby: those about a far origin lose digits
    error = located - targets.markers
    pull = targets.marker_weights * error
    cost = (pull * error).sum(axis=(0, 1))
    sums = _sums(mechanism, located - centre[:, None], pull, targets.marker_weights)
    gradient, curvature = np.zeros((free, frames)), np.zeros((free, free, frames))
    twists = placement.twists.copy()
    twists[:, :3] -= cross(centre[:, None], twists[:, 3:].transpose(1, 0, 2)).transpose(1, 0, 2)
    coordinates = np.array(mechanism.column_coordinates, dtype=np.int64)
    for link in reversed(mechanism.links):
        total = sums[link.child]
        if link.columns:
            own = slice(link.columns[0], link.columns[-1] + 1)
            gradient[coordinates[own]] += (twists[own] * total[:6]).sum(axis=1)
            momentum = _momentum(twists[own], total[6:])
            inside = np.einsum("aif,bif->abf", twists[own], momentum)
            curvature[np.ix_(coordinates[own], coordinates[own])] += inside
            if len(link.path):
                across = np.einsum("aif,bif->abf", twists[link.path], momentum)
                for row, coordinate in enumerate(coordinates[link.path].tolist()):  # one coordinate may occur twice on the way
                    curvature[coordinate, coordinates[own]] += across[row]
                    curvature[coordinates[own], coordinate] += across[row]
        if link.parent in sums:
            sums[link.parent] = sums[link.parent] + total
        else:
            sums[link.parent] = total
    for coordinate, wanted, weight in zip(targets.task_coordinates.tolist(), targets.task_values, targets.task_weights, strict=True):
        off = posture.values[coordinate] - wanted
        cost = cost + weight * off**2
        moving = posture.slopes[coordinate]
        for place, slope in moving.items():
            gradient[place] += weight * off * slope
            for other, other_slope in moving.items():
                curvature[place, other] += weight * slope * other_slope
    return NormalEquations(cost=cost, gradient=gradient.T, curvature=np.ascontiguousarray(curvature.transpose(2, 0, 1)))


def _sums(mechanism: Mechanism, located: FloatArray, pull: FloatArray, weights: FloatArray) -> dict[int, FloatArray]:
    """Return per body (16, frame): force, moment, weight, weighted position, weighted products of positions."""
    sums = {}
    moment = cross(located, pull)
    weighted = weights * located
    for body, rows in mechanism.markers_by_body():
        total = np.empty((16, located.shape[-1]))
        total[0:3] = pull[:, rows].sum(axis=1)
        total[3:6] = moment[:, rows].sum(axis=1)
        total[6] = weights[rows].sum(axis=0)
        total[7:10] = weighted[:, rows].sum(axis=1)
        total[10:16] = np.einsum("imf,imf->if", weighted[FIRST, rows], located[SECOND, rows])
        sums[body] = total
    return sums


def _momentum(twists: FloatArray, sums: FloatArray) -> FloatArray:
    """Return what points that move by twists (column, 6, frame) have in weight times velocity: its sum and its moment."""
    weight, first, second = sums[0], sums[1:4], sums[4:10]
    linear, angular = twists[:, :3].transpose(1, 0, 2), twists[:, 3:].transpose(1, 0, 2)
    shifted = np.broadcast_to(first[:, None], linear.shape)
    trace = second[0] + second[3] + second[5]
    products = np.stack([(second[SYMMETRIC[i]][:, None] * angular).sum(axis=0) for i in range(3)])
    momentum = np.concatenate([weight * linear + cross(angular, shifted), cross(shifted, linear) + trace * angular - products])
    return momentum.transpose(1, 0, 2)
