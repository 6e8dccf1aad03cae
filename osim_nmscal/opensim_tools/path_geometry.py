"""Lengths and moment arms of muscle paths in one posture after the other, from a model opened in OpenSim.

A moment arm is r = -dL/dq, L the length of the muscle-tendon unit (MTU). Moving one coordinate with unit speed, and those coupled
to it with their coupler's derivative, r is minus the lengthening speed of the path.
Source: Sherman, Seth & Delp (2013), "What is a moment arm?".
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.errors import MuscleModelError, UnknownNameError, did_you_mean, listed
from osim_nmscal.opensim_tools.model_access import Coordinates, constraints_beside_couplers, muscles_of

FloatArray = NDArray[np.float64]
MomentArmMethod = Literal["lengthening_speed", "moment_arm_solver"]

# A coordinate that moves an MTU by less than this does not move it, m. Source: choice; noise of the path solver is 1e-16.
CROSSES = 1e-6


class PathGeometry:
    """Puts one posture after the other into a model and asks for lengths and moment arms."""

    def __init__(self, model: Any, coordinates: Coordinates, dofs: Sequence[str]) -> None:
        self.model = model
        self.state = model.initSystem()
        self.handles = [model.getCoordinateSet().get(name) for name in coordinates.names]
        self.coordinates = coordinates
        self.dofs = tuple(dofs)
        self.muscles = muscles_of(model)

    @property
    def names(self) -> tuple[str, ...]:
        """The MTUs looked at."""
        return tuple(muscle.getName() for muscle in self.muscles)

    def keep(self, names: Sequence[str], model_name: str) -> None:
        """Look only at these MTUs from now on."""
        by_name = {muscle.getName(): muscle for muscle in self.muscles}
        for name in names:
            if name not in by_name:
                raise UnknownNameError(f"{model_name} has no muscle {name!r}.{did_you_mean(name, by_name)} It has: {listed(by_name)}.")
        self.muscles = [by_name[name] for name in names]

    def crossing(self, postures: FloatArray, model_name: str) -> tuple[str, ...]:
        """Return the MTUs that one of the dofs moves in any of these postures."""
        _, arms = self.over(postures, "lengthening_speed")
        moved = np.abs(arms).max(axis=(0, 1)) > CROSSES
        if not moved.any():
            raise UnknownNameError(f"No muscle of {model_name} crosses {listed(self.dofs)}; choose other dofs.")
        return tuple(name for name, moves in zip(self.names, moved, strict=True) if moves)

    def pose(self, posture: Sequence[float]) -> None:
        """Set all coordinates, rad and m."""
        for handle, value in zip(self.handles, posture, strict=True):
            handle.setValue(self.state, value, False)

    def over(self, postures: FloatArray, method: MomentArmMethod) -> tuple[FloatArray, FloatArray]:
        """Return lengths (posture, muscle) and moment arms (posture, dof, muscle), m."""
        lengths = np.empty((len(postures), len(self.muscles)))
        arms = np.empty((len(postures), len(self.dofs), len(self.muscles)))
        for row, posture in enumerate(postures.tolist()):
            self.pose(posture)
            self.model.realizePosition(self.state)
            lengths[row] = [muscle.getLength(self.state) for muscle in self.muscles]
            for j, dof in enumerate(self.dofs):
                arms[row, j] = self._speeds(posture, dof) if method == "lengthening_speed" else self._solved(dof)
        return lengths, arms

    def lengths(self, postures: FloatArray) -> FloatArray:
        """Return lengths alone (posture, muscle), m."""
        lengths = np.empty((len(postures), len(self.muscles)))
        for row, posture in enumerate(postures.tolist()):
            self.pose(posture)
            self.model.realizePosition(self.state)
            lengths[row] = [muscle.getLength(self.state) for muscle in self.muscles]
        return lengths

    def lengths_beside(self, posture: Sequence[float], dof: str, step: float) -> FloatArray:
        """Return lengths (muscle,) with one coordinate moved by `step` and those coupled to it, m."""
        moved = list(posture)
        moved[self.coordinates.names.index(dof)] += step
        for coupler in self.coordinates.couplers:
            inputs = [moved[self.coordinates.names.index(name)] for name in coupler.independent]
            moved[self.coordinates.names.index(coupler.dependent)] = coupler.value(inputs)
        lengths: FloatArray = self.lengths(np.array([moved]))[0]
        return lengths

    def _speeds(self, posture: Sequence[float], dof: str) -> FloatArray:
        speeds = dict.fromkeys(self.coordinates.names, 0.0) | {dof: 1.0}
        for coupler in self.coordinates.couplers:
            inputs = [posture[self.coordinates.names.index(name)] for name in coupler.independent]
            speeds[coupler.dependent] = sum(
                coupler.derivative(inputs, i) * speeds[name] for i, name in enumerate(coupler.independent) if speeds[name]
            )
        for handle, speed in zip(self.handles, speeds.values(), strict=True):
            handle.setSpeedValue(self.state, speed)
        self.model.realizeVelocity(self.state)
        return -np.array([muscle.getLengtheningSpeed(self.state) for muscle in self.muscles])

    def _solved(self, dof: str) -> FloatArray:
        handle = self.handles[self.coordinates.names.index(dof)]
        return np.array([muscle.computeMomentArm(self.state, handle) for muscle in self.muscles])


def require_couplers_only(model: Any, model_name: str) -> None:
    """Refuse constraints whose part in a moment arm a lengthening speed does not see.

    Raises:
        MuscleModelError: names the constraint.
    """
    for name, kind in constraints_beside_couplers(model):
        raise MuscleModelError(
            f"{model_name} has a {kind} ({name!r}), whose coordinates move together in a way that a lengthening speed does not see; "
            "set method = 'moment_arm_solver'."
        )
