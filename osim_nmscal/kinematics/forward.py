"""Forward kinematics of all frames at once, with the twist by which every coordinate moves every body.

A turn about any axis is a fixed rotation, a turn about z, and a fixed rotation back; neighbouring fixed rotations are multiplied
beforehand. So a joint costs a few products of (frame,) vectors per axis. Frames are the last axis of every array in here.
Source: Featherstone (2008), Rigid Body Dynamics Algorithms, chapters 2 and 4 (twists about the ground's origin).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.errors import SignalError
from osim_nmscal.kinematics.tree import Joint, JointAxis, KinematicTree

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Posture:
    """All coordinates and how the free ones move them."""

    values: FloatArray  # (coordinate, frame), rad and m
    slopes: tuple[dict[int, FloatArray], ...]  # per coordinate: free coordinate -> derivative (frame,)


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where the bodies are, and how columns (one free coordinate in one joint) move them."""

    rotations: dict[int, FloatArray]  # body -> (3, 3, frame), its axes in ground
    origins: dict[int, FloatArray]  # body -> (3, frame), m
    twists: FloatArray  # (column, 6, frame): velocity of the point at ground's origin, then angular velocity, per unit of coordinate


@dataclass(frozen=True, kw_only=True)
class Turn:
    """A rotation about z of the frame that a fixed rotation leads to."""

    before: FloatArray  # (3, 3)
    axis: JointAxis


@dataclass(frozen=True, kw_only=True)
class Link:
    """A joint prepared for evaluation."""

    parent: int
    child: int
    offset: FloatArray  # (3,), of the joint in the parent body with everything that stays
    shifts: tuple[tuple[FloatArray, JointAxis], ...]  # directions in the parent body
    turns: tuple[Turn, ...]
    after: FloatArray  # (3, 3), from the last turn to the child body
    child_origin: FloatArray  # (3,), of the joint in the child body
    columns: tuple[int, ...]  # its own, those that only shift first, then in the order of their turns
    path: NDArray[np.int64]  # columns of the joints between ground and this one
    own: slice  # its columns once more
    once: bool  # no coordinate moves two joints of the path and this one


class Mechanism:
    """The part of a tree that chosen coordinates and markers need."""

    def __init__(self, tree: KinematicTree, markers: Sequence[str], free: Sequence[int], *, coupled: bool = True) -> None:
        """Prepare the joints that lead to markers.

        Args:
            tree: the model.
            markers: names.
            free: coordinates that move; the others keep their defaults.
            coupled: dependent coordinates follow their couplings; otherwise all are taken as they are.
        """
        self.tree, self.free = tree, tuple(free)
        self.couplings = tree.couplings if coupled else ()
        followed = np.array([tree.marker(name) for name in markers], dtype=np.int64)
        self.marker_order = np.argsort(tree.marker_body[followed], kind="stable")  # markers of one body side by side
        ordered = followed[self.marker_order]
        self.marker_bodies = tree.marker_body[ordered]
        self.marker_locations = tree.marker_location[ordered]
        self.links: list[Link] = []
        self.column_coordinates: list[int] = []  # place among the free ones
        needed = self._needed_bodies()
        moved_by = self._influences()
        resting = self.posture(tree.defaults[list(self.free), None]).values
        paths: dict[int, list[int]] = {0: []}
        for joint in (joint for joint in tree.joints if joint.child in needed):
            ranks = _ranks(joint, moved_by)
            moving = sorted(ranks, key=lambda place: (ranks[place], place))  # what comes later is carried along by what comes before
            columns = range(len(self.column_coordinates), len(self.column_coordinates) + len(moving))
            self.column_coordinates += moving
            fixed = {c for axis in joint.axes for c in axis.coordinates if not moved_by[c]}
            path = paths[joint.child] = paths[joint.parent] + list(columns)
            once = len({self.column_coordinates[column] for column in path}) == len(path)
            self.links.append(_link(joint, columns, paths[joint.parent], once, fixed, resting))
        self.paths = {body: np.array(columns, dtype=np.int64) for body, columns in paths.items()}

    def posture(self, values: FloatArray) -> Posture:
        """Complete free coordinates (free, frame) by the fixed and the dependent ones."""
        frames = values.shape[1]
        full = np.repeat(self.tree.defaults[:, None], frames, axis=1)
        full[list(self.free)] = values
        slopes: list[dict[int, FloatArray]] = [{} for _ in self.tree.coordinates]
        for place, coordinate in enumerate(self.free):
            slopes[coordinate] = {place: np.ones(frames)}
        for coupling in self.couplings:
            inputs = list(coupling.independent)
            full[coupling.dependent], by_input = coupling.function.value_and_slopes(full[inputs])
            slopes[coupling.dependent] = _chained(by_input, [slopes[c] for c in inputs])
        return Posture(values=full, slopes=tuple(slopes))

    def place(self, posture: Posture) -> Placement:
        """Put the bodies where a posture has them."""
        frames = posture.values.shape[1]
        rotations: dict[int, FloatArray] = {0: np.repeat(np.eye(3)[:, :, None], frames, axis=2)}
        origins: dict[int, FloatArray] = {0: np.zeros((3, frames))}
        twists = np.zeros((len(self.column_coordinates), 6, frames))
        for link in self.links:
            column_of = {self.column_coordinates[column]: column for column in link.columns}
            rotation, origin = rotations[link.parent], origins[link.parent]
            local = np.repeat(link.offset[:, None], frames, axis=1)
            for direction, axis in link.shifts:
                length, slopes = _evaluated(axis, posture)
                local += direction[:, None] * length
                for place, slope in slopes.items():
                    twists[column_of[place], :3] += (direction @ rotation) * slope
            centre = origin + (rotation * local[None]).sum(axis=1)
            for turn in link.turns:
                rotation = turn.before.T @ rotation
                angle, slopes = _evaluated(turn.axis, posture)
                axis_in_ground = rotation[:, 2]
                for place, slope in slopes.items():
                    twists[column_of[place], 3:] += axis_in_ground * slope
                cosine, sine = np.cos(angle), np.sin(angle)
                first, second = rotation[:, 0].copy(), rotation[:, 1]
                rotation[:, 0] = first * cosine + second * sine  # `rotation` is this turn's own array
                rotation[:, 1] = second * cosine - first * sine
            if link.turns:
                own = twists[link.own]
                own[:, :3] += cross(centre[:, None], own[:, 3:].transpose(1, 0, 2)).transpose(1, 0, 2)
            rotations[link.child] = rotation = link.after.T @ rotation
            origins[link.child] = centre - link.child_origin @ rotation
        return Placement(rotations=rotations, origins=origins, twists=twists)

    def positions(self, placement: Placement) -> FloatArray:
        """Return where markers are, (3, marker, frame), in this mechanism's order of markers."""
        frames = placement.origins[0].shape[-1]
        located = np.empty((3, len(self.marker_bodies), frames))
        for body, rows in self.markers_by_body():
            located[:, rows] = placement.origins[body][:, None] + self.marker_locations[rows] @ placement.rotations[body]
        return located

    def markers_by_body(self) -> list[tuple[int, slice]]:
        """Return each body that carries markers and which these are."""
        bodies, first = np.unique(self.marker_bodies, return_index=True)
        last = [*first[1:].tolist(), len(self.marker_bodies)]
        return [(int(body), slice(int(a), int(b))) for body, a, b in zip(bodies, first, last, strict=True)]

    def _needed_bodies(self) -> set[int]:
        parent = {joint.child: joint.parent for joint in self.tree.joints}
        needed: set[int] = set()
        for body in set(self.marker_bodies.tolist()) - {0}:
            while body != 0 and body not in needed:
                needed.add(body)
                body = parent[body]
        return needed

    def _influences(self) -> list[set[int]]:
        moved_by: list[set[int]] = [set() for _ in self.tree.coordinates]
        for place, coordinate in enumerate(self.free):
            moved_by[coordinate] = {place}
        for coupling in self.couplings:
            moved_by[coupling.dependent] = set().union(*(moved_by[c] for c in coupling.independent))
        return moved_by


def marker_positions(tree: KinematicTree, markers: Sequence[str], values: FloatArray) -> FloatArray:
    """Return where markers are in given postures.

    Args:
        tree: the model.
        markers: names.
        values: (time, coordinate), rad and m; every coordinate is taken as it is, dependent ones too.

    Returns:
        (time, marker, 3), m, in ground.

    Raises:
        UnknownNameError: the model lacks a marker.
        SignalError: wrong number of coordinates.

    Example:
        >>> marker_positions(pendulum, ("tip",), np.array([[0.0], [np.pi / 2]])).round(3)[:, 0]
        array([[ 0., -1.,  0.],
               [ 1., -0.,  0.]])
    """
    mechanism = Mechanism(tree, markers, _all_of(tree, values), coupled=False)
    located = mechanism.positions(mechanism.place(mechanism.posture(values.T)))
    return located[:, np.argsort(mechanism.marker_order)].transpose(2, 1, 0)


def marker_jacobian(tree: KinematicTree, markers: Sequence[str], values: FloatArray) -> FloatArray:
    """Return how coordinates move markers in given postures, each on its own (couplings are not followed).

    Args:
        tree: the model.
        markers: names.
        values: (time, coordinate), rad and m.

    Returns:
        (time, marker, 3, coordinate), m per rad or m per m.

    Raises:
        UnknownNameError: the model lacks a marker.
        SignalError: wrong number of coordinates.
    """
    mechanism = Mechanism(tree, markers, _all_of(tree, values), coupled=False)
    placement = mechanism.place(mechanism.posture(values.T))
    located = mechanism.positions(placement)
    jacobian = np.zeros((len(values), len(located[0]), 3, len(tree.coordinates)))
    for body, rows in mechanism.markers_by_body():
        for column in mechanism.paths[body].tolist():
            linear, angular = placement.twists[column, :3], placement.twists[column, 3:]
            velocity = linear[:, None] + cross(angular[:, None], located[:, rows])
            jacobian[:, rows, :, mechanism.column_coordinates[column]] += velocity.transpose(2, 1, 0)
    return jacobian[:, np.argsort(mechanism.marker_order)]


def cross(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return a x b, (3, ...), of the shape of b."""
    product = np.empty(b.shape)
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        product[i] = a[j] * b[k] - a[k] * b[j]
    return product


def _all_of(tree: KinematicTree, values: FloatArray) -> range:
    if values.ndim != 2 or values.shape[1] != len(tree.coordinates):
        raise SignalError(f"Postures have shape {values.shape}, expected (time, coordinate) = (any, {len(tree.coordinates)}).")
    return range(len(tree.coordinates))


def _ranks(joint: Joint, moved_by: Sequence[set[int]]) -> dict[int, int]:
    """Return the free coordinates of a joint with their first turn; 0 for those that only shift."""
    ranks: dict[int, int] = {}
    for number, axis in enumerate(joint.axes, start=1):
        for place in set().union(*(moved_by[c] for c in axis.coordinates)):
            known = ranks.get(place, 0)
            ranks[place] = (min(known, number) if known else number) if axis.is_rotation else known
    return ranks


def _link(joint: Joint, columns: range, path: list[int], once: bool, fixed: set[int], resting: FloatArray) -> Link:
    """Fold everything that stays into fixed rotations and offsets; `resting` holds the fixed coordinates, (coordinate, 1)."""
    offset = joint.parent_frame.origin.copy()
    shifts: list[tuple[FloatArray, JointAxis]] = []
    turns: list[Turn] = []
    pending = joint.parent_frame.rotation
    for axis in joint.axes:
        stays = set(axis.coordinates) <= fixed
        constant = float(axis.function.value_and_slopes(resting[list(axis.coordinates)])[0][0]) if stays else None
        direction = joint.parent_frame.rotation @ axis.direction
        if not axis.is_rotation and constant is not None:
            offset = offset + constant * direction
        elif not axis.is_rotation:
            shifts.append((direction, axis))
        elif constant is not None:
            pending = pending @ _rotation(axis.direction, constant)
        else:
            to_z = _frame_with_z(axis.direction)
            turns.append(Turn(before=pending @ to_z, axis=axis))
            pending = to_z.T
    return Link(
        parent=joint.parent,
        child=joint.child,
        offset=offset,
        shifts=tuple(shifts),
        turns=tuple(turns),
        after=pending @ joint.child_frame.rotation.T,
        child_origin=joint.child_frame.origin,
        columns=tuple(columns),
        path=np.array(path, dtype=np.int64),
        own=slice(columns.start, columns.stop),
        once=once,
    )


def _frame_with_z(direction: FloatArray) -> FloatArray:
    aside = np.eye(3)[int(np.argmin(np.abs(direction)))]
    x = np.cross(aside, direction)
    x /= np.linalg.norm(x)
    return np.column_stack([x, np.cross(direction, x), direction])


def _rotation(direction: FloatArray, angle: float) -> FloatArray:
    frame = _frame_with_z(direction)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0.0], [np.sin(angle), np.cos(angle), 0.0], [0.0, 0.0, 1.0]])
    return np.asarray(frame @ turn @ frame.T)


def _evaluated(axis: JointAxis, posture: Posture) -> tuple[FloatArray, dict[int, FloatArray]]:
    if axis.is_coordinate:
        return posture.values[axis.coordinates[0]], posture.slopes[axis.coordinates[0]]
    value, by_input = axis.function.value_and_slopes(posture.values[list(axis.coordinates)])
    return value, _chained(by_input, [posture.slopes[c] for c in axis.coordinates])


def _chained(by_input: FloatArray, inputs: Sequence[dict[int, FloatArray]]) -> dict[int, FloatArray]:
    total: dict[int, FloatArray] = {}
    for outer, inner in zip(by_input, inputs, strict=True):
        for place, slope in inner.items():
            total[place] = total[place] + outer * slope if place in total else outer * slope
    return total
