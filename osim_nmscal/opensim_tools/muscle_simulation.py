"""OpenSim's own muscles, driven by prescribed motion and activation: fiber dynamics integrated, tendon forces returned.

Runs inside the worker process. The model is the user's file, in memory only: every coordinate is prescribed (a cubic spline of the
samples, its derivative the speed), activation is set directly (activation dynamics are bypassed), other forces are switched off.
The rate of each fiber state comes from OpenSim (`getStateVariableDerivativeValue`: fiber length for Millard2012Equilibrium and
Thelen2003, normalized tendon force for DeGrooteFregly2016; none for a rigid tendon).
Departure: scipy's LSODA integrates these rates, not OpenSim's Manager: fibers do not act on each other when the motion is
prescribed, so the Jacobian is diagonal and an implicit step costs one more evaluation. Measured: shared/reference re-integrated to
5e-5 of the maximum isometric force; a running leg against the Manager (accuracy 1e-7) to 0.5 N; 3 s per second of 40 MTUs.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.errors import MuscleModelError, OpenSimToolError
from osim_nmscal.opensim_tools.model_access import muscles_of

FloatArray = NDArray[np.float64]

# Names that OpenSim gives the state of an elastic tendon's fiber.
FIBER_STATES = ("fiber_length", "normalized_tendon_force")
# A step by which a coordinate is moved to find its place in the state, rad or m.
PROBE = 0.125


def prepare_muscles(model: Any, names: Sequence[str]) -> None:
    """Let activation be a state of every muscle, and only the named muscles act; call before `initSystem`.

    Args:
        model: opensim.Model, changed in memory.
        names: MTUs to simulate.
    """
    import opensim

    for muscle in muscles_of(model):
        muscle.set_ignore_activation_dynamics(False)
        if muscle.getConcreteClassName() == "DeGrooteFregly2016Muscle":
            mode = muscle.updPropertyByName("tendon_compliance_dynamics_mode")
            opensim.PropertyHelper.setValueString("explicit", mode)
    for component in model.getComponentsList():
        force = opensim.Force.safeDownCast(component)
        if force is not None:
            force.set_appliesForce(force.getName() in names)


class DrivenMuscles:
    """Muscles of one model under a prescribed motion."""

    def __init__(self, model: Any, motion: TimeSeries, activation: TimeSeries) -> None:
        """Connect a model with what drives it.

        Args:
            model: after `prepare_muscles` and `free_coordinates`; it is initialised here.
            motion: every coordinate, rad and m.
            activation: (time, muscle), 0 to 1; its labels are the MTUs.
        """
        from scipy.interpolate import CubicSpline, PchipInterpolator

        self.model = model
        self.state = model.initSystem()
        self.time = activation.time
        self.posture = CubicSpline(motion.time, motion.values, axis=0)
        self.speed = self.posture.derivative()
        self.activation = PchipInterpolator(activation.time, activation.values, axis=0)  # never overshoots 0 or 1
        by_name = {muscle.getName(): muscle for muscle in muscles_of(model)}
        self.muscles = [by_name[name] for name in activation.labels]
        self._q, self._u = self._places(motion.labels)
        self._z = self.state.getZ().to_numpy().copy()
        self._activation_places = [self._place_of(muscle, "activation") for muscle in self.muscles]
        self._fibers = [(muscle, name) for muscle in self.muscles if (name := _fiber_state(muscle))]
        self._fiber_places = [self._place_of(muscle, name) for muscle, name in self._fibers]

    def tendon_forces(self, accuracy: float) -> FloatArray:
        """Simulate from static equilibrium at the first sample.

        Args:
            accuracy: relative tolerance of the integration.

        Returns:
            (time, muscle), N, at the samples of the activation.

        Raises:
            OpenSimToolError: a muscle has no equilibrium, or the integration stops.
        """
        from scipy.integrate import solve_ivp

        fibers = np.empty((len(self.time), 0))
        if self._fibers:
            start = self._equilibrium()
            solution = solve_ivp(
                self._rates,
                (self.time[0], self.time[-1]),
                start,
                method="LSODA",
                t_eval=self.time,
                rtol=accuracy,
                atol=accuracy * np.abs(start).clip(1e-2),
                lband=0,
                uband=0,
            )
            if not solution.success or len(solution.t) != len(self.time):
                raise OpenSimToolError(f"The muscles could not be simulated beyond {solution.t[-1]:g} s: {solution.message}")
            fibers = solution.y.T
        forces = np.empty((len(self.time), len(self.muscles)))
        for row, time in enumerate(self.time):
            self._set(time, fibers[row])
            self.model.realizeDynamics(self.state)
            forces[row] = [muscle.getTendonForce(self.state) for muscle in self.muscles]
        return forces

    def _rates(self, time: float, fibers: FloatArray) -> list[float]:
        self._set(time, fibers)
        self.model.realizeDynamics(self.state)
        return [muscle.getStateVariableDerivativeValue(self.state, name) for muscle, name in self._fibers]

    def _equilibrium(self) -> FloatArray:
        """Return the fiber states at the first sample with everything at rest."""
        self._set(self.time[0], self._z[self._fiber_places])
        self.state.setU(_vector(np.zeros(self.state.getNU())))
        self.model.realizeVelocity(self.state)
        for muscle, _ in self._fibers:
            try:
                muscle.computeEquilibrium(self.state)
            except RuntimeError as error:
                raise OpenSimToolError(
                    f"Muscle {muscle.getName()!r} has no static equilibrium at {self.time[0]:g} s (activation "
                    f"{muscle.getActivation(self.state):.3g}, length {muscle.getLength(self.state):.4g} m): {error}"
                ) from error
        return np.array([muscle.getStateVariableValue(self.state, name) for muscle, name in self._fibers])

    def _set(self, time: float, fibers: FloatArray) -> None:
        q = np.zeros(self.state.getNQ())
        u = np.zeros(self.state.getNU())
        q[self._q], u[self._u] = self.posture(time), self.speed(time)
        self._z[self._activation_places] = self.activation(time)
        self._z[self._fiber_places] = fibers
        self.state.setTime(time)
        self.state.setQ(_vector(q))
        self.state.setU(_vector(u))
        self.state.setZ(_vector(self._z))

    def _places(self, coordinates: Sequence[str]) -> tuple[list[int], list[int]]:
        """Find each coordinate among the state's generalized coordinates and speeds."""
        if not len(coordinates) == self.state.getNQ() == self.state.getNU():
            raise MuscleModelError(
                f"The model has {len(coordinates)} coordinates but {self.state.getNQ()} generalized coordinates and {self.state.getNU()} "
                "speeds (a ball joint with quaternions?), which cannot be prescribed; use a CustomJoint."
            )
        places: tuple[list[int], list[int]] = ([], [])
        for name in coordinates:
            coordinate = self.model.getCoordinateSet().get(name)
            before = self.state.getQ().to_numpy().copy(), self.state.getU().to_numpy().copy()
            coordinate.setValue(self.state, coordinate.getValue(self.state) + PROBE, False)
            coordinate.setSpeedValue(self.state, coordinate.getSpeedValue(self.state) + PROBE)
            after = self.state.getQ().to_numpy(), self.state.getU().to_numpy()
            for found, old, new in zip(places, before, after, strict=True):
                found.append(int(np.abs(new - old).argmax()))
        return places

    def _place_of(self, muscle: Any, name: str) -> int:
        """Find a state variable of a muscle among the state's auxiliary variables."""
        before = self.state.getZ().to_numpy().copy()
        value = muscle.getStateVariableValue(self.state, name)
        muscle.setStateVariableValue(self.state, name, value + PROBE)
        place = int(np.abs(self.state.getZ().to_numpy() - before).argmax())
        muscle.setStateVariableValue(self.state, name, value)
        return place


def _fiber_state(muscle: Any) -> str:
    names = muscle.getStateVariableNames()
    own = {names.get(i).rpartition("/")[2] for i in range(names.getSize())}
    return next((name for name in FIBER_STATES if name in own), "")


def _vector(values: FloatArray) -> Any:
    import opensim

    return opensim.Vector.createFromMat(values)
