"""Inverse kinematics of all frames at once, with OpenSim as judge of some of them.

Runs inside the worker process. Tasks, weights and the values they ask for are those that OpenSim itself makes of the setup. Then
OpenSim solves a few frames at an accuracy of 1e-9, the first from the default pose, the others from the pose of frames nearby. Where
it arrives elsewhere it goes on from our solution: what it leaves there, and fits no worse than its own, is a minimum for OpenSim too.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.time_series import MarkerTrajectories, TimeSeries
from osim_nmscal.errors import UncoveredModelError
from osim_nmscal.kinematics.inverse import CoordinateTasks, MarkerTasks, SolvedMotion, solve_inverse_kinematics
from osim_nmscal.opensim_tools.kinematic_tree import kinematic_tree
from osim_nmscal.opensim_tools.model_access import Coordinates

FloatArray = NDArray[np.float64]

# How exactly OpenSim solves the frames it judges. Source: measured; it is then 0.001 degrees from the minimum.
JUDGE_ACCURACY = 1e-9
# Where in the recording OpenSim solves a frame, in parts of it; the one that fits worst comes on top. Source: choice.
JUDGED = (1 / 3, 2 / 3)
# From how many frames earlier a judged frame starts. Source: choice, some tens of ms.
STARTS_BEFORE = 5
# A solution of ours that is farther than this from OpenSim's is another one, rad and m. Source: choice, 0.01 degrees.
SAME_ANGLE, SAME_LENGTH = np.deg2rad(0.01), 1e-5
# A cost that is higher by no more than this part is not higher. Source: rounding.
SAME_COST = 1e-9


@dataclass(frozen=True, kw_only=True)
class BatchedMotion:
    """A recording's motion as OpenSim's tool would write it."""

    table: TimeSeries  # angles in degrees, dependent coordinates in radians
    marker_errors: TimeSeries  # total_squared_error (m^2), marker_error_RMS, marker_error_max (m)
    doubt: str  # a sentence where OpenSim does not confirm it, else empty


@dataclass(frozen=True, kw_only=True)
class _Problem:
    """What OpenSim made of the setup."""

    marker_reference: Any  # opensim.MarkersReference
    coordinate_references: Any  # opensim.SimTKArrayCoordinateReference
    markers: MarkerTasks
    coordinates: CoordinateTasks


def solve_batched(tool: Any, model: Any, coordinates: Coordinates, seen: MarkerTrajectories, constraint_weight: float) -> BatchedMotion:
    """Solve a recording and have OpenSim check some frames.

    Args:
        tool: opensim.InverseKinematicsTool with its model.
        model: opensim.Model, its system initialised.
        coordinates: of that model.
        seen: what the tool's marker file holds; NaN where a marker was not seen.
        constraint_weight: of the setup.

    Raises:
        UncoveredModelError: names what only OpenSim computes.
    """
    if coordinates.couplers and np.isfinite(constraint_weight):
        raise UncoveredModelError(f"The setup has a finite constraint_weight ({constraint_weight:g}), so couplers need not hold.")
    tree = kinematic_tree(model, coordinates)
    state = model.initSystem()
    problem = _problem(tool, model, state, coordinates, seen)
    motion = solve_inverse_kinematics(tree, problem.markers, problem.coordinates)
    in_file = np.where(tree.rotational, np.rad2deg(motion.values), motion.values)
    return BatchedMotion(
        table=TimeSeries(time=seen.time, labels=coordinates.names, values=in_file, source=seen.source, in_degrees=True),
        marker_errors=_error_table(motion, seen),
        doubt=_doubt(model, state, coordinates, problem, seen.time, motion),
    )


def _problem(tool: Any, model: Any, state: Any, coordinates: Coordinates, seen: MarkerTrajectories) -> _Problem:
    import opensim

    markers, references = opensim.MarkersReference(), opensim.SimTKArrayCoordinateReference()
    tool.populateReferences(markers, references)
    weights = markers.get_marker_weights()
    by_name = {weights.get(i).getName(): float(weights.get(i).getWeight()) for i in range(weights.getSize())}
    tasks = [references.at(i) for i in range(references.size())]
    followed = [task for task in tasks if _is_followed(task.getName(), model, coordinates)]
    moments = seen.time if tool.get_coordinate_file() not in ("", "Unassigned") else seen.time[:1]
    values = np.empty((len(moments), len(followed)))
    for row, moment in enumerate(moments.tolist()):
        state.setTime(moment)
        values[row] = [task.getValue(state) for task in followed]
    return _Problem(
        marker_reference=markers,
        coordinate_references=references,
        markers=MarkerTasks(names=seen.markers, positions=seen.positions, weights=np.array([by_name[name] for name in seen.markers])),
        coordinates=CoordinateTasks(
            names=tuple(task.getName() for task in followed),
            values=np.broadcast_to(values, (len(seen.time), len(followed))).copy(),
            weights=np.array([task.getWeight(state) for task in followed], dtype=np.float64),
        ),
    )


def _is_followed(name: str, model: Any, coordinates: Coordinates) -> bool:
    """OpenSim drops the tasks of coordinates that are locked or left to constraints."""
    return name not in coordinates.locked and not model.getCoordinateSet().get(name).get_is_free_to_satisfy_constraints()


def _error_table(motion: SolvedMotion, seen: MarkerTrajectories) -> TimeSeries:
    squared = motion.marker_errors**2
    count = np.maximum(np.isfinite(squared).sum(axis=1), 1)
    total = np.nansum(squared, axis=1)
    largest = np.nanmax(np.where(np.isfinite(motion.marker_errors), motion.marker_errors, 0.0), axis=1)
    return TimeSeries(
        time=seen.time,
        labels=("total_squared_error", "marker_error_RMS", "marker_error_max"),
        values=np.column_stack([total, np.sqrt(total / count), largest]),
        source=seen.source,
    )


def _doubt(model: Any, state: Any, coordinates: Coordinates, problem: _Problem, time: FloatArray, motion: SolvedMotion) -> str:
    """Return in a sentence why OpenSim does not confirm the motion; empty if it does."""
    import opensim

    if not motion.converged.all():
        worst = time[~motion.converged]
        return f"The batched solution did not converge in {len(worst)} of {len(time)} frames, the first at {worst[0]:g} s."
    solver = opensim.InverseKinematicsSolver(model, problem.marker_reference, problem.coordinate_references)
    solver.setAccuracy(JUDGE_ACCURACY)
    judge = _Judge(model, state, solver, coordinates, problem)
    judged = [*(int(part * (len(time) - 1)) for part in JUDGED), int(np.argmax(motion.cost))]
    for n, frame in enumerate(dict.fromkeys(judged)):
        start = motion.values[max(frame - STARTS_BEFORE, 0)] if n else np.array(coordinates.defaults)
        if difference := judge.difference(time, frame, start, motion.values[frame]):
            return difference
    return ""


class _Judge:
    """OpenSim's solver on single frames."""

    def __init__(self, model: Any, state: Any, solver: Any, coordinates: Coordinates, problem: _Problem) -> None:
        self.model, self.state, self.solver = model, state, solver
        self.coordinates, self.problem = coordinates, problem
        self.handles = [model.getCoordinateSet().get(name) for name in coordinates.names]
        self.markers = [model.getMarkerSet().get(name) for name in problem.markers.names]
        self.same = np.array([SAME_LENGTH if name in coordinates.translational else SAME_ANGLE for name in coordinates.names])

    def difference(self, time: FloatArray, frame: int, start: FloatArray, ours: FloatArray) -> str:
        """Return in a sentence how OpenSim's solution of a frame, from a start, differs from ours; empty if it does not."""
        self.state.setTime(float(time[frame]))
        try:
            alone = self._solved(start)
            if self._near(alone, ours):
                return ""
            beside = self._solved(ours)
        except RuntimeError as error:  # OpenSim's own exceptions
            return f"OpenSim cannot solve the frame at {time[frame]:g} s: {str(error).strip().splitlines()[0]}"
        if self._near(beside, ours) and self._cost(ours, frame) <= self._cost(alone, frame) * (1 + SAME_COST):
            return ""
        other = alone if self._cost(alone, frame) < self._cost(beside, frame) else beside
        off = np.abs(other - ours) / self.same
        worst = int(np.argmax(off))
        unit, size = ("m", 1.0) if self.coordinates.names[worst] in self.coordinates.translational else ("degrees", np.rad2deg(1.0))
        return (
            f"At {time[frame]:g} s OpenSim's solution at accuracy {JUDGE_ACCURACY:g} differs from the batched one by "
            f"{size * abs(other - ours)[worst]:.3g} {unit} in {self.coordinates.names[worst]!r}."
        )

    def _near(self, one: FloatArray, other: FloatArray) -> bool:
        return bool((np.abs(one - other) <= self.same).all())

    def _solved(self, start: FloatArray) -> FloatArray:
        self._pose(start)
        self.solver.assemble(self.state)
        return np.array([handle.getValue(self.state) for handle in self.handles])

    def _pose(self, posture: FloatArray) -> None:
        for name, handle, value in zip(self.coordinates.names, self.handles, posture.tolist(), strict=True):
            if name not in self.coordinates.locked:
                handle.setValue(self.state, value, False)

    def _cost(self, posture: FloatArray, frame: int) -> float:
        self._pose(posture)
        self.model.realizePosition(self.state)
        places = [marker.getLocationInGround(self.state) for marker in self.markers]
        off = np.array([[place.get(i) for i in range(3)] for place in places]) - self.problem.markers.positions[frame]
        rows = [self.coordinates.names.index(name) for name in self.problem.coordinates.names]
        beside = posture[rows] - self.problem.coordinates.values[frame]
        weights = np.where(np.isnan(off).any(axis=1), 0.0, self.problem.markers.weights)
        markers = (weights * np.nan_to_num((off**2).sum(axis=1))).sum() / max(float(weights.sum()), np.finfo(float).tiny)
        return float(markers + (self.problem.coordinates.weights * beside**2).sum())
