"""OpenSim's muscles driven by `verify_model`, against simulations that OpenSim's own integrator made (shared/reference)."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.errors import SignalError, UnknownNameError
from osim_nmscal.opensim_tools.model_check import VerificationSettings, verify_model
from osim_nmscal.opensim_tools.run import in_worker

pytestmark = pytest.mark.opensim

CLASSES = {"millard": "Millard2012EquilibriumMuscle", "degroote": "DeGrooteFregly2016Muscle", "thelen": "Thelen2003Muscle"}


def build_model(path: str, muscles: list[dict]) -> None:
    """A model in which each muscle pulls a sliding body, its length the body's coordinate."""
    import opensim

    model = opensim.Model()
    for given in muscles:
        body = opensim.Body(f"body_{given['label']}", 1.0, opensim.Vec3(0), opensim.Inertia(1.0))
        joint = opensim.SliderJoint(f"joint_{given['label']}", model.getGround(), body)
        joint.updCoordinate().setName(f"slide_{given['label']}")
        model.addBody(body)
        model.addJoint(joint)
        muscle = getattr(opensim, CLASSES[given["kind"]])()
        muscle.setName(given["label"])
        for name in ("max_isometric_force", "optimal_fiber_length", "tendon_slack_length", "pennation_angle_at_optimal"):
            getattr(muscle, f"set_{name}")(given[name])
        muscle.set_max_contraction_velocity(given["max_contraction_velocity"])
        muscle.set_ignore_tendon_compliance(given["rigid_tendon"])
        if given["kind"] != "thelen":
            muscle.set_fiber_damping(given["fiber_damping"])
        muscle.set_ignore_activation_dynamics(True)  # what a user's model may say must not matter
        muscle.addNewPathPoint("origin", model.getGround(), opensim.Vec3(0))
        muscle.addNewPathPoint("insertion", body, opensim.Vec3(0))
        model.addForce(muscle)
    model.finalizeConnections()
    model.printToXML(path)


@pytest.fixture(scope="module")
def simulated(opensim_muscle_reference, tmp_path_factory):
    """All reference muscles in one model, run once: what was given, and what came out."""
    names = (
        "millard_soleus_r_elastic_3Hz",
        "millard_gasmed_r_elastic_1Hz",
        "millard_soleus_r_elastic_damp0.01_1Hz",
        "millard_soleus_r_rigid_1Hz",
        "degroote_soleus_r_elastic_1Hz",
        "thelen_soleus_r_elastic_1Hz",
    )
    given, tables = [], []
    for name in names:
        given.append(json.loads((opensim_muscle_reference / f"sim_{name}.json").read_text()) | {"label": name.replace(".", "_")})
        with (opensim_muscle_reference / f"sim_{name}.csv").open() as stream:
            tables.append([{key: float(value) for key, value in row.items()} for row in csv.DictReader(stream)])

    def together(column: str) -> np.ndarray:
        return np.array([[row[column] for row in table] for table in tables]).T[:1001]  # the first second of two

    folder = tmp_path_factory.mktemp("reference")
    model = folder / "muscles.osim"
    in_worker(build_model, str(model), given, log=folder / "build.log")
    time, labels = together("time")[:, 0], tuple(muscle["label"] for muscle in given)
    slides = tuple(f"slide_{label}" for label in labels)
    motion = TimeSeries(time=time, labels=slides, values=together("mtu_length"))
    activation = TimeSeries(time=time, labels=labels, values=together("activation"))
    settings = VerificationSettings(accuracy=1e-7, lowpass_cutoff=0)
    run = verify_model(model, motion, activation, slides, settings=settings, log=folder / "verify.log")
    strength = np.array([muscle["max_isometric_force"] for muscle in given])
    return run, together("tendon_force"), strength, model, motion, activation, folder


def test_tendon_forces_are_those_of_opensims_own_integrator(simulated):
    run, expected, strength, *_ = simulated
    for i, label in enumerate(run.tendon_force.labels):
        difference = np.abs(run.tendon_force.values[:, i] - expected[:, i]) / strength[i]
        # the excitation jumps at 0.2 and 0.8 s: there the activation between two samples is not known
        between = np.r_[300:800, 900:1001]
        assert difference[between].max() < 1e-4, f"{label}: {difference[between].max():.2e}"
        assert difference[200:].max() < 1e-3, f"{label}: {difference[200:].max():.2e}"
        if "millard" in label:  # starts from static equilibrium, as we do; the others from one in motion, forgotten by 0.2 s
            assert difference[:200].max() < 5e-5, f"{label}: {difference[:200].max():.2e}"


def test_the_moment_of_a_sliding_body_is_minus_its_muscles_force(simulated):
    run, *_ = simulated
    assert_allclose(run.joint_moment.values, -run.tendon_force.values, rtol=1e-9)  # moment arm -dL/dq = -1


def test_activation_outside_0_to_1_is_refused(simulated):
    *_, model, motion, activation, folder = simulated
    wrong = TimeSeries(time=activation.time, labels=activation.labels, values=activation.values + 0.9)
    with pytest.raises(SignalError, match="outside 0 to 1"):
        verify_model(model, motion, wrong, motion.labels, settings=VerificationSettings(lowpass_cutoff=0), log=folder / "x.log")


def test_a_motion_that_is_too_short_and_a_muscle_that_is_unknown_are_named(simulated):
    *_, model, motion, activation, folder = simulated
    settings = VerificationSettings(lowpass_cutoff=0)
    with pytest.raises(SignalError, match=r"runs from 0 to 0.5 s, the activations from 0 to 1 s"):
        verify_model(model, motion.between(0, 0.5), activation, motion.labels, settings=settings, log=folder / "x.log")
    renamed = TimeSeries(time=activation.time, labels=("soleus", *activation.labels[1:]), values=activation.values)
    with pytest.raises(UnknownNameError, match="has no muscle 'soleus'"):
        verify_model(model, motion, renamed, motion.labels, settings=settings, log=folder / "x.log")


@pytest.mark.slow
def test_a_leg_in_motion_gives_the_moments_that_opensims_manager_gives(running_scaled: object, running_ik, results: Path, tmp_path):
    # an independent road: the coordinates prescribed as functions, everything integrated by OpenSim's Manager
    muscles = ("soleus_r", "gaslat_r", "tibant_r", "vaslat_r")
    time = np.arange(1.6, 1.7001, 0.005)
    values = 0.1 + 0.4 * np.sin(2 * np.pi * (time[:, None] - 1.6) / 0.4 + np.arange(4)) ** 2
    activation = TimeSeries(time=time, labels=muscles, values=values)
    model = running_scaled.model  # type: ignore[attr-defined]
    run = verify_model(
        model,
        running_ik.coordinates,
        activation,
        ("knee_angle_r", "ankle_angle_r"),
        settings=VerificationSettings(),
        log=tmp_path / "x.log",
    )
    motion = running_ik.coordinates
    own = in_worker(opensims_manager, str(model), motion, activation, log=tmp_path / "y.log")
    assert_allclose(run.tendon_force.values, own, atol=0.5)  # N, of forces up to 2000; Manager's step control leaves 0.2


def opensims_manager(model_file: str, motion: TimeSeries, activation: TimeSeries) -> np.ndarray:
    import opensim
    from scipy.interpolate import CubicSpline, PchipInterpolator

    from osim_nmscal.signals import zero_lag_lowpass

    filtered = zero_lag_lowpass(motion.values, motion.rate, 6.0, 6)
    model = opensim.Model(model_file)
    spline = CubicSpline(motion.time, filtered, axis=0)
    fine = np.arange(activation.time[0] - 0.05, activation.time[-1] + 0.05, 0.001)
    smooth = PchipInterpolator(activation.time, activation.values, axis=0)(fine.clip(activation.time[0], activation.time[-1]))
    for i in range(model.getForceSet().getSize()):
        force = model.updForceSet().get(i)
        force.set_appliesForce(force.getName() in activation.labels)
    controller = opensim.PrescribedController()
    for i, label in enumerate(activation.labels):
        muscle = opensim.Millard2012EquilibriumMuscle.safeDownCast(model.getMuscles().get(label))
        muscle.set_ignore_activation_dynamics(True)
        controller.addActuator(muscle)
        function = opensim.PiecewiseLinearFunction()
        for t, a in zip(fine, smooth[:, i], strict=True):
            function.addPoint(float(t), float(a))
        controller.prescribeControlForActuator(label, function)
    model.addController(controller)
    values = spline(fine)
    dependent = [label for label in motion.labels if label.endswith("_beta")]
    for j, name in enumerate(motion.labels):
        if name in dependent:
            continue
        function = opensim.GCVSpline()
        function.setDegree(5)
        for t, q in zip(fine, values[:, j], strict=True):
            function.addPoint(float(t), float(q))
        coordinate = model.updCoordinateSet().get(name)
        coordinate.setDefaultLocked(False)
        coordinate.setDefaultClamped(False)
        coordinate.setPrescribedFunction(function)
        coordinate.setDefaultIsPrescribed(True)
    state = model.initSystem()
    state.setTime(float(activation.time[0]))
    model.assemble(state)
    state.setU(opensim.Vector(state.getNU(), 0.0))
    model.realizeVelocity(state)
    model.equilibrateMuscles(state)
    manager = opensim.Manager(model)
    manager.setIntegratorAccuracy(1e-7)
    manager.initialize(state)
    forces = []
    for t in activation.time:
        if t > activation.time[0]:
            state = manager.integrate(float(t))
        model.realizeDynamics(state)
        forces.append([model.getMuscles().get(label).getTendonForce(state) for label in activation.labels])
    return np.array(forces)
