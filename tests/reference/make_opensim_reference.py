"""Let OpenSim compute the known answers of tests/nms: curves, and forward simulations of single muscles.

Run by hand with OpenSim 4.6: python tests/reference/make_opensim_reference.py. It writes, beside itself,
`opensim_curves.csv` (curve, property set, argument, value, slope) and `opensim_simulations.csv` (one row per ms).
"""

import csv
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import opensim

HERE = Path(__file__).parent
CURVE_DIGITS, SIMULATION_DIGITS = 15, 10
# Properties of the muscles of Rajagopal2016.osim, all given in that file; and some that no published model has.
RAJAGOPAL = {
    "min_norm_active_fiber_length": 0.25,
    "transition_norm_fiber_length": 0.77,
    "max_norm_active_fiber_length": 1.9,
    "shallow_ascending_slope": 0.75,
    "minimum_value": 0.0,
}


def points(low: float, high: float, count: int) -> list[float]:
    """Evenly spaced arguments that miss the round numbers where curves are joined."""
    return [low + (high - low) * (i + 0.37) / count for i in range(count)]


def curve_rows(name: str, case: str, curve: object, arguments: Iterable[float]) -> list[tuple[object, ...]]:
    """Value and slope of an OpenSim curve object."""
    curve.ensureCurveUpToDate()  # without it the curve of the previous properties is evaluated
    return [(name, case, x, curve.calcValue(x), curve.calcDerivative(x, 1)) for x in arguments]


def millard_curves() -> list[tuple[object, ...]]:
    """Curves of the bare classes with properties as given or fitted by OpenSim."""
    rows: list[tuple[object, ...]] = []
    length, velocity = points(0.2, 2.0, 90), points(-1.2, 1.2, 80)
    for strain in (0.5, 0.6, 0.7, 0.8):
        curve = opensim.FiberForceLengthCurve()
        curve.set_strain_at_one_norm_force(strain)
        rows += curve_rows("passive_force_length", f"strain={strain}", curve, length)
    curve = opensim.FiberForceLengthCurve(-0.1, 0.55, 0.35, 4.1, 0.6)
    rows += curve_rows("passive_force_length", "given", curve, length)
    for case, p in (("rajagopal", RAJAGOPAL), ("default", {})):
        curve = opensim.ActiveForceLengthCurve()
        for name, value in p.items():
            getattr(curve, f"set_{name}")(value)
        rows += curve_rows("active_force_length", case, curve, length)
    rows += curve_rows("force_velocity", "default", opensim.ForceVelocityCurve(), velocity)
    rows += curve_rows("force_velocity", "given", opensim.ForceVelocityCurve(0.05, 0.3, 4.0, 0.02, 0.2, 1.6, 0.5, 0.7), velocity)
    for strain in (0.033, 0.049, 0.1):
        curve = opensim.TendonForceLengthCurve()
        curve.set_strain_at_one_norm_force(strain)
        rows += curve_rows("tendon_force", f"strain={strain}", curve, [1.0 + x * strain for x in points(0.0, 1.4, 60)])
    curve = opensim.TendonForceLengthCurve(0.05, 32.0, 0.5, 0.4)
    rows += curve_rows("tendon_force", "given", curve, [1.0 + x * 0.05 for x in points(0.0, 1.4, 60)])
    return rows


def in_muscle_curves() -> list[tuple[object, ...]]:
    """What a muscle makes of its curves, which depends on damping and tendon."""
    rows: list[tuple[object, ...]] = []
    for damping in (0.0, 0.01, 0.1):
        for rigid in (False, True):
            subject = Subject(kind="millard", damping=damping, rigid=rigid)
            model, muscle = subject.build()
            model.initSystem()
            case = f"damping={damping},{'rigid' if rigid else 'elastic'}"
            rows += curve_rows("active_force_length", case, muscle.get_ActiveForceLengthCurve(), points(0.3, 1.95, 50))
            rows += curve_rows("force_velocity", case, muscle.get_ForceVelocityCurve(), points(-1.2, 1.2, 60))
    return rows


def degroote_curves() -> list[tuple[object, ...]]:
    """Curves of DeGrooteFregly2016Muscle, whose class evaluates them without a state."""
    muscle = opensim.DeGrooteFregly2016Muscle()
    muscle.set_active_force_width_scale(1.3)
    muscle.set_passive_fiber_strain_at_one_norm_force(0.5)
    muscle.set_tendon_strain_at_one_norm_force(0.06)
    muscle.finalizeFromProperties()
    curves: list[tuple[str, Callable[[float], float], Callable[[float], float], list[float]]] = [
        (
            "active_force_length",
            muscle.calcActiveForceLengthMultiplier,
            muscle.calcActiveForceLengthMultiplierDerivative,
            points(0.3, 1.7, 60),
        ),
        ("passive_force_length", muscle.calcPassiveForceMultiplier, muscle.calcPassiveForceMultiplierDerivative, points(0.3, 1.7, 60)),
        ("force_velocity", muscle.calcForceVelocityMultiplier, None, points(-1.0, 1.0, 60)),
        (
            "tendon_force",
            muscle.calcTendonForceMultiplier,
            muscle.calcTendonForceMultiplierDerivative,
            [1.0 + x * 0.06 for x in points(-0.5, 1.4, 60)],
        ),
    ]
    return [(name, "degroote", x, value(x), slope(x) if slope else math.nan) for name, value, slope, arguments in curves for x in arguments]


@dataclass(frozen=True)
class Subject:
    """One muscle between ground and a body on a slider, stretched by a sine and excited in steps."""

    kind: str
    damping: float = 0.1
    rigid: bool = False
    optimal_fiber_length: float = 0.055
    tendon_slack_length: float = 0.25
    pennation: float = 0.3
    max_isometric_force: float = 2000.0
    curves: dict[str, float] = field(default_factory=dict)

    @property
    def rest(self) -> float:
        """MTU length at which the fiber is optimal and the tendon slightly strained, m."""
        return 1.02 * self.tendon_slack_length + self.optimal_fiber_length * math.cos(self.pennation)

    def build(self) -> tuple[opensim.Model, opensim.Muscle]:
        """Return the model and its muscle, which the model owns."""
        model = opensim.Model()
        body = opensim.Body("body", 1.0, opensim.Vec3(0), opensim.Inertia(1))
        model.addBody(body)
        joint = opensim.SliderJoint("slider", model.getGround(), body)
        coordinate = joint.updCoordinate(opensim.SliderJoint.Coord_TranslationX)
        coordinate.setName("x")
        model.addJoint(joint)
        muscle = self._muscle()
        model.addForce(muscle)
        muscle.addNewPathPoint("origin", model.updGround(), opensim.Vec3(0))
        muscle.addNewPathPoint("insertion", body, opensim.Vec3(0))
        coordinate.setPrescribedFunction(opensim.Sine(0.15 * self.optimal_fiber_length, 2.0 * math.pi * 2.0, 0.0, self.rest))
        coordinate.setDefaultIsPrescribed(True)
        coordinate.setDefaultValue(self.rest)
        controller = opensim.PrescribedController()
        controller.setName("controller")
        model.addController(controller)
        controller.addActuator(muscle)
        steps = opensim.PiecewiseConstantFunction()
        for time, excitation in ((0.0, 0.05), (0.05, 0.8), (0.25, 0.1), (0.4, 1.0)):
            steps.addPoint(time, excitation)
        controller.prescribeControlForActuator("muscle", steps)
        model.finalizeConnections()
        return model, muscle

    def _muscle(self) -> opensim.Muscle:
        kinds = {
            "millard": opensim.Millard2012EquilibriumMuscle,
            "degroote": opensim.DeGrooteFregly2016Muscle,
            "thelen": opensim.Thelen2003Muscle,
        }
        muscle = kinds[self.kind]()
        muscle.setName("muscle")
        muscle.setMaxIsometricForce(self.max_isometric_force)
        muscle.setOptimalFiberLength(self.optimal_fiber_length)
        muscle.setTendonSlackLength(self.tendon_slack_length)
        muscle.setPennationAngleAtOptimalFiberLength(self.pennation)
        muscle.set_ignore_tendon_compliance(self.rigid)
        if self.kind == "millard":
            muscle.setFiberDamping(self.damping)
            curve = opensim.ActiveForceLengthCurve()
            for name, value in self.curves.items():
                getattr(curve, f"set_{name}")(value)
            muscle.set_ActiveForceLengthCurve(curve)
        if self.kind == "degroote":
            muscle.set_tendon_compliance_dynamics_mode("explicit")
        return muscle


SIMULATIONS = {
    "millard_elastic": Subject(kind="millard", damping=0.1),
    "millard_rajagopal": Subject(kind="millard", damping=0.1, curves=RAJAGOPAL, tendon_slack_length=0.1, pennation=0.1),
    "millard_lightly_damped": Subject(kind="millard", damping=0.01),
    "millard_undamped": Subject(kind="millard", damping=0.0),
    "millard_rigid": Subject(kind="millard", damping=0.1, rigid=True),
    "degroote_elastic": Subject(kind="degroote"),
    "thelen_elastic": Subject(kind="thelen"),
}
SECONDS = 0.6
STEP = 0.001


def simulate(subject: Subject) -> list[tuple[float, ...]]:
    """Integrate one muscle; returns time, activation, MTU length, fiber length, tendon force."""
    model, muscle = subject.build()
    state = model.initSystem()
    muscle.setActivation(state, 0.05)
    model.realizePosition(state)
    model.equilibrateMuscles(state)
    manager = opensim.Manager(model)
    manager.setIntegratorAccuracy(1e-9)
    manager.initialize(state)
    rows = []
    for i in range(round(SECONDS / STEP) + 1):
        state = manager.integrate(i * STEP) if i else state
        model.realizeDynamics(state)
        rows.append(
            (
                i * STEP,
                muscle.getActivation(state),
                muscle.getLength(state),
                muscle.getFiberLength(state),
                muscle.getTendonForce(state),
            )
        )
    return rows


def write(path: Path, origin: str, header: tuple[str, ...], rows: Iterable[tuple[object, ...]], digits: int) -> None:
    """Write one table below a line that says where it comes from."""
    with path.open("w", newline="", encoding="utf-8") as file:
        file.write(f"# {origin}\n")
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows([f"{x:.{digits}g}" if isinstance(x, float) else x for x in row] for row in rows)


if __name__ == "__main__":
    opensim.Logger.setLevelString("Error")
    origin = f"OpenSim {opensim.GetVersion()}, by tests/reference/make_opensim_reference.py; "
    curves = millard_curves() + in_muscle_curves() + degroote_curves()
    write(HERE / "opensim_curves.csv", origin + "lengths normalized", ("curve", "case", "argument", "value", "slope"), curves, CURVE_DIGITS)
    simulations = [(name, *row) for name, subject in SIMULATIONS.items() for row in simulate(subject)]
    header = ("simulation", "time", "activation", "mtu_length", "fiber_length", "tendon_force")
    write(HERE / "opensim_simulations.csv", origin + "SI units, parameters in that script", header, simulations, SIMULATION_DIGITS)
