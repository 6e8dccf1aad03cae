"""OpenSim's muscles driven by `verify_model`, against simulations that OpenSim's own integrator made, and quick against full."""

import csv
import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.errors import OpenSimToolError, SignalError, UnknownNameError
from osim_nmscal.opensim_tools.run import in_worker
from osim_nmscal.opensim_tools.verification import (
    TrialToVerify,
    VerificationRun,
    VerificationSettings,
    VerifiedTrial,
    verify_model,
    verify_trials,
)
from osim_nmscal.osim_model.reader import read_muscles

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


@pytest.fixture(scope="module", params=[False, True], ids=["muscles alone", "full model"])
def simulated(request, opensim_muscle_reference, tmp_path_factory):
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
    settings = VerificationSettings(lowpass_cutoff=0)
    run = verify_model(model, motion, activation, slides, settings=settings, log=folder / "verify.log", full=request.param)
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


MODELS = Path(__file__).parent.parent.parent / "models"
VIRTUAL = {
    "virtual_leg.osim": ("hip_flexion_r", "knee_flexion_r", "ankle_dorsiflexion_r"),
    "virtual_arm.osim": ("shoulder_elevation_r", "shoulder_rotation_r", "elbow_flexion_r"),
}
SETTINGS = VerificationSettings(missing_coordinates="default")
RUNNING = (
    "soleus_r gasmed_r gaslat_r tibant_r vaslat_r vasmed_r vasint_r recfem_r bflh_r bfsh_r semimem_r semiten_r glmax1_r glmax2_r glmax3_r"
)
TREADMILL = "soleus_r med_gas_r lat_gas_r tib_ant_r semimem_r semiten_r bifemlh_r bifemsh_r vas_lat_r vas_med_r vas_int_r rect_fem_r"


def waves(start: float, end: float, step: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Columns from 0 to 1, each with its own rhythm."""
    time = np.arange(start, end + step / 2, step)
    return time, np.sin(2 * np.pi * time[:, None] * (0.5 + np.arange(count) / count) + np.arange(count)) ** 2


def virtual_trial(model: str, start: float = 0.2, end: float = 0.8) -> TrialToVerify:
    """All muscles of one of our own models, driven by waves while its joints move by half a radian."""
    dofs = VIRTUAL[model]
    time, angles = waves(0.0, 1.0, 0.01, len(dofs))
    motion = TimeSeries(time=time, labels=dofs, values=0.5 * angles, source="waves")
    muscles = tuple(muscle.name for muscle in read_muscles(MODELS / model).muscles)
    time, values = waves(start, end, 0.01, len(muscles))
    activation = TimeSeries(time=time, labels=muscles, values=0.05 + 0.6 * values, source="waves")
    return TrialToVerify(name=f"{model} from {start:g} s", coordinates=motion, activation=activation, dofs=dofs)


def run_of(trial: VerifiedTrial) -> VerificationRun:
    assert trial.run is not None, str(trial.failure)
    return trial.run


def require_agreement(model: Path, trial: TrialToVerify, folder: Path) -> None:
    runs = [run_of(verify_trials(model, [trial], settings=SETTINGS, log=folder / "x.log", full=full)[0]) for full in (False, True)]
    quick, full = (run.joint_moment.values[20:] for run in runs)  # the first 0.2 s or less are lead-in
    ranges = np.ptp(full, axis=0)
    assert (ranges > 1.0).all()
    assert (np.sqrt(np.mean((quick - full) ** 2, axis=0)) <= 2e-4 * ranges).all()


@pytest.mark.parametrize("model", VIRTUAL)
def test_muscles_alone_give_the_moments_of_the_whole_virtual_model(model, tmp_path):
    require_agreement(MODELS / model, virtual_trial(model), tmp_path)


@pytest.mark.slow
def test_muscles_alone_give_the_moments_of_the_whole_running_model(running_scaled, running_ik, tmp_path):
    muscles = tuple(RUNNING.split())
    time, values = waves(1.0, 2.0, 0.005, len(muscles))
    activation = TimeSeries(time=time, labels=muscles, values=0.05 + 0.6 * values)
    dofs = ("hip_flexion_r", "knee_angle_r", "ankle_angle_r")
    trial = TrialToVerify(name="run", coordinates=running_ik.coordinates, activation=activation, dofs=dofs)
    require_agreement(running_scaled.model, trial, tmp_path)


@pytest.mark.slow
def test_muscles_alone_give_the_moments_of_the_whole_walking_model(treadmill_data, tmp_path):
    muscles = tuple(TREADMILL.split())
    time, values = waves(2.0, 3.2, 0.01, len(muscles))
    activation = TimeSeries(time=time, labels=muscles, values=0.05 + 0.6 * values)
    dofs = ("hip_flexion_r", "knee_angle_r", "ankle_angle_r")
    trial = TrialToVerify(name="walk", coordinates=treadmill_data / "walk36" / "ik.sto", activation=activation, dofs=dofs)
    require_agreement(treadmill_data / "model" / "gait2392.osim", trial, tmp_path)


class Fatal(tuple[str, ...]):
    """Degrees of freedom that end the process which looks at them."""

    def __iter__(self) -> Iterator[str]:
        os.kill(os.getpid(), signal.SIGKILL)
        return super().__iter__()


def test_trials_share_a_worker_and_a_crash_or_a_failure_costs_its_own_trial_only(tmp_path):
    trials = [virtual_trial("virtual_arm.osim", start, start + 0.3) for start in (0.1, 0.3, 0.5, 0.6)]
    sound = verify_trials(MODELS / "virtual_arm.osim", trials, settings=SETTINGS, log=tmp_path / "sound.log")
    assert [path.name for path in tmp_path.iterdir()] == ["sound.log"]  # one worker
    trials[1] = replace(trials[1], dofs=Fatal(trials[1].dofs))
    found = verify_trials(MODELS / "virtual_arm.osim", trials, settings=SETTINGS, log=tmp_path / "x.log")
    assert [trial.name for trial in found] == [trial.name for trial in trials]
    assert [trial.run is None for trial in found] == [False, True, False, False]
    assert "crashed (SIGKILL)" in str(found[1].failure)
    for i in (0, 2, 3):
        assert_array_equal(run_of(sound[i]).tendon_force.values, run_of(found[i]).tendon_force.values)


def test_a_muscle_without_equilibrium_costs_its_own_trial_only(simulated):
    *_, model, motion, activation, folder = simulated
    slack = ["degroote" in label for label in motion.labels]  # its tendon would push: OpenSim finds no equilibrium
    slackened = replace(motion, values=np.where(slack, 0.1, motion.values))
    trials = [
        TrialToVerify(name=name, coordinates=given, activation=activation, dofs=motion.labels)
        for name, given in (("slack", slackened), ("whole", motion))
    ]
    settings = VerificationSettings(lowpass_cutoff=0)
    found = verify_trials(model, trials, settings=settings, log=folder / "slack.log")
    assert found[0].run is None
    assert "no static equilibrium at 0 s" in str(found[0].failure)
    assert found[1].run is not None


def test_workers_can_share_the_trials(tmp_path):
    trials = [virtual_trial("virtual_arm.osim", start, start + 0.2) for start in (0.1, 0.4, 0.6)]
    alone, shared = (
        verify_trials(MODELS / "virtual_arm.osim", trials, settings=SETTINGS, log=tmp_path / f"{jobs}.log", jobs=jobs) for jobs in (1, 2)
    )
    for one, other in zip(alone, shared, strict=True):
        assert_array_equal(run_of(one).joint_moment.values, run_of(other).joint_moment.values)
    assert (tmp_path / "2_worker_2.log").is_file()


def test_a_model_that_opensim_cannot_open_is_no_failure_of_a_trial(tmp_path):
    model = tmp_path / "m.osim"
    model.write_text((MODELS / "virtual_arm.osim").read_text().replace("/bodyset/upper_arm_r<", "/bodyset/nowhere<"))
    with pytest.raises(OpenSimToolError, match="nowhere"):
        verify_trials(model, [virtual_trial("virtual_arm.osim")], settings=SETTINGS, log=tmp_path / "x.log")


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
        full=True,
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
