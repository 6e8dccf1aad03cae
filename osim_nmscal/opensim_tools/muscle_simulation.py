"""OpenSim's own muscles, driven by prescribed motion and activation: fiber dynamics integrated, tendon forces returned.

Runs inside the worker process. The model is the user's file, in memory only: every coordinate is prescribed (a cubic spline of the
samples, its derivative the speed), activation is set directly (activation dynamics are bypassed), other forces are switched off.
The rate of each fiber state comes from OpenSim (`getStateVariableDerivativeValue`: fiber length for Millard2012Equilibrium and
Thelen2003, normalized tendon force for DeGrooteFregly2016; none for a rigid tendon).
Departures: LSODA integrates these rates, not OpenSim's Manager: fibers do not act on each other when the motion is prescribed, so the
Jacobian is diagonal and an implicit step costs one more evaluation. And the state is only realized to the speeds where every rate is
a fiber velocity, which OpenSim knows by then; forces would cost twice the time.
Measured: simulations of OpenSim's own integrator repeated to 5e-5 of the maximum isometric force; a running leg against the Manager
(accuracy 1e-7) to 0.5 N.
"""

from collections.abc import Callable, Sequence
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
# Steps that the integration may take between two samples. Source: choice; it takes 3 to 30.
MOST_STEPS = 100_000


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
    """Muscles of one model, under one prescribed motion after the other."""

    def __init__(self, model: Any, coordinates: Sequence[str], muscles: Sequence[str]) -> None:
        """Find everything that is to be set in the model's state.

        Args:
            model: after `prepare_muscles` and `free_coordinates`; it is initialised here.
            coordinates: every coordinate, in the order in which motions will have them.
            muscles: MTUs, in the order in which activations will have them.
        """
        self.model = model
        self.state = model.initSystem()
        by_name = {muscle.getName(): muscle for muscle in muscles_of(model)}
        self.muscles = [by_name[name] for name in muscles]
        self._q, self._u = self._places(coordinates)
        self._activation_places = [self._place_of(muscle, "activation") for muscle in self.muscles]
        self._fibers = [(muscle, name) for muscle in self.muscles if (name := _fiber_state(muscle))]
        self._fiber_places = [self._place_of(muscle, name) for muscle, name in self._fibers]
        self._rest = self.state.getY().to_numpy().copy()  # where the search for an equilibrium begins

    def tendon_forces(self, posture: Any, activation: TimeSeries, accuracy: float) -> FloatArray:
        """Simulate from static equilibrium at the first sample.

        Args:
            posture: scipy.interpolate.CubicSpline over time, s, of every coordinate, rad and m.
            activation: (time, muscle), 0 to 1.
            accuracy: relative tolerance of the integration.

        Returns:
            (time, muscle), N, at the samples of the activation.

        Raises:
            OpenSimToolError: a muscle has no equilibrium, or the integration stops.
        """
        self._drive = self._driving(posture, activation)
        time = activation.time
        start = self._equilibrium(float(time[0]))
        fibers = self._integrated(time, start, accuracy) if self._fibers else np.empty((len(time), 0))
        forces = np.empty((len(time), len(self.muscles)))
        for row, moment in enumerate(time.tolist()):
            self._set(moment, fibers[row])
            self.model.realizeDynamics(self.state)
            forces[row] = [muscle.getTendonForce(self.state) for muscle in self.muscles]
        return forces

    def _integrated(self, time: FloatArray, start: FloatArray, accuracy: float) -> FloatArray:
        from scipy.integrate import odeint  # LSODA in one call: solve_ivp's steps in Python take longer than OpenSim

        rates = self._velocities if all(name == "fiber_length" for _, name in self._fibers) else self._rates
        tolerances = {"rtol": accuracy, "atol": accuracy * np.abs(start).clip(1e-2)}
        fibers, report = odeint(rates, start, time, tfirst=True, ml=0, mu=0, mxstep=MOST_STEPS, full_output=True, **tolerances)
        if report["message"] != "Integration successful." or not np.isfinite(fibers).all():
            reached = float(max(report["tcur"].max(), time[0]))
            raise OpenSimToolError(f"The muscles could not be simulated beyond {reached:g} s: {report['message']}")
        found: FloatArray = fibers
        return found

    def _velocities(self, time: float, fibers: FloatArray) -> list[float]:
        self._set(time, fibers)
        self.model.realizeVelocity(self.state)
        return [muscle.getFiberVelocity(self.state) for muscle, _ in self._fibers]

    def _rates(self, time: float, fibers: FloatArray) -> list[float]:
        self._set(time, fibers)
        self.model.realizeDynamics(self.state)
        return [muscle.getStateVariableDerivativeValue(self.state, name) for muscle, name in self._fibers]

    def _equilibrium(self, time: float) -> FloatArray:
        """Return the fiber states at a time with everything at rest."""
        self._set(time, self._rest[self._fiber_places])
        self.state.setU(_vector(np.zeros(self.state.getNU())))
        self.model.realizeVelocity(self.state)
        for muscle, _ in self._fibers:
            try:
                muscle.computeEquilibrium(self.state)
            except RuntimeError as error:
                raise OpenSimToolError(
                    f"Muscle {muscle.getName()!r} has no static equilibrium at {time:g} s (activation "
                    f"{muscle.getActivation(self.state):.3g}, length {muscle.getLength(self.state):.4g} m): {error}"
                ) from error
        return np.array([muscle.getStateVariableValue(self.state, name) for muscle, name in self._fibers])

    def _driving(self, posture: Any, activation: TimeSeries) -> tuple[FloatArray, FloatArray]:
        """Return what drives the state as one piecewise cubic: breakpoints, and coefficients (power, piece, place in the state)."""
        from scipy.interpolate import PchipInterpolator

        parts = (
            (posture, self._q),
            (posture.derivative(), self._u),
            (PchipInterpolator(activation.time, activation.values, axis=0), self._activation_places),  # never overshoots 0 or 1
        )
        breaks = np.unique(np.concatenate([curve.x for curve, _ in parts]))
        breaks = breaks[(breaks >= activation.time[0]) & (breaks < activation.time[-1])]
        coefficients = np.zeros((4, len(breaks), self.state.getNY()))
        coefficients[3] = self._rest
        for curve, places in parts:
            for power, factorial in enumerate((1, 1, 2, 6)):
                coefficients[3 - power][:, places] = curve(breaks, power) / factorial  # of the piece behind the breakpoint
        return breaks, coefficients

    def _set(self, time: float, fibers: FloatArray) -> None:
        breaks, coefficients = self._drive
        piece = max(int(breaks.searchsorted(time, side="right")) - 1, 0)
        since = time - breaks[piece]
        third, second, first, value = coefficients[:, piece]
        y = ((third * since + second) * since + first) * since + value
        y[self._fiber_places] = fibers
        self.state.setTime(time)
        self.state.setY(_vector(y))

    def _places(self, coordinates: Sequence[str]) -> tuple[list[int], list[int]]:
        """Find each coordinate and its speed in the state."""
        if not len(coordinates) == self.state.getNQ() == self.state.getNU():
            raise MuscleModelError(
                f"The model has {len(coordinates)} coordinates but {self.state.getNQ()} generalized coordinates and {self.state.getNU()} "
                "speeds (a ball joint with quaternions?), which cannot be prescribed; use a CustomJoint."
            )
        places: tuple[list[int], list[int]] = ([], [])
        for name in coordinates:
            coordinate = self.model.getCoordinateSet().get(name)
            value, speed = coordinate.getValue(self.state), coordinate.getSpeedValue(self.state)
            places[0].append(self._moved(coordinate.setValue, value + PROBE, False))
            places[1].append(self._moved(coordinate.setSpeedValue, speed + PROBE))
        return places

    def _place_of(self, muscle: Any, name: str) -> int:
        """Find a state variable of a muscle in the state."""
        value = muscle.getStateVariableValue(self.state, name)
        return self._moved(muscle.setStateVariableValue, name, value + PROBE)

    def _moved(self, setter: Callable[..., None], *values: Any) -> int:
        """Return the place in the state that a setter moves, and put it back."""
        before = self.state.getY().to_numpy().copy()
        setter(self.state, *values)
        place = int(np.abs(self.state.getY().to_numpy() - before).argmax())
        self.state.setY(_vector(before))
        return place


def _fiber_state(muscle: Any) -> str:
    names = muscle.getStateVariableNames()
    own = {names.get(i).rpartition("/")[2] for i in range(names.getSize())}
    return next((name for name in FIBER_STATES if name in own), "")


def _vector(values: FloatArray) -> Any:
    import opensim

    return opensim.Vector.createFromMat(values)
