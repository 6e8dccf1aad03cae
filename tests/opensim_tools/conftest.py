"""Real recordings through each OpenSim station, once per session; and what it takes to spoil their inputs."""

import shutil
from pathlib import Path

import pytest

from osim_nmscal.opensim_tools.inverse_dynamics import InverseDynamicsResult, InverseDynamicsSettings, run_inverse_dynamics
from osim_nmscal.opensim_tools.inverse_kinematics import InverseKinematicsResult, InverseKinematicsSettings, run_inverse_kinematics
from osim_nmscal.opensim_tools.scale_setup import ScalingSettings
from osim_nmscal.opensim_tools.scaling import ScalingResult, scale_model


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("results")


@pytest.fixture(scope="session")
def gait_scaled(gait2354_data: Path, results: Path) -> ScalingResult:
    settings = ScalingSettings(setup=gait2354_data / "subject01_Setup_Scale.xml", mass=72.6)
    return scale_model(gait2354_data / "gait2354_simbody.osim", results / "gait" / "model_scaled.osim", settings=settings)


@pytest.fixture(scope="session")
def gait_ik(gait2354_data: Path, gait_scaled: ScalingResult, results: Path) -> InverseKinematicsResult:
    settings = InverseKinematicsSettings(setup=gait2354_data / "subject01_Setup_IK.xml")
    return run_inverse_kinematics(gait_scaled.model, gait2354_data / "subject01_walk1.trc", results / "gait" / "ik.mot", settings=settings)


@pytest.fixture(scope="session")
def gait_id(gait2354_data: Path, gait_ik: InverseKinematicsResult, gait_scaled: ScalingResult, results: Path) -> InverseDynamicsResult:
    settings = InverseDynamicsSettings(external_loads=gait2354_data / "subject01_walk1_grf.xml", lowpass_forces=False)
    return run_inverse_dynamics(gait_scaled.model, gait_ik.path, results / "gait" / "id.sto", settings=settings)


@pytest.fixture(scope="session")
def running_scaled(running_data: Path, results: Path) -> ScalingResult:
    settings = ScalingSettings(setup=running_data / "Scale" / "scale_setup_run.xml", mass=72.84)
    return scale_model(running_data / "generic_unscaled.osim", results / "run" / "model_scaled.osim", settings=settings)


@pytest.fixture(scope="session")
def running_ik(running_data: Path, running_scaled: ScalingResult, results: Path) -> InverseKinematicsResult:
    settings = InverseKinematicsSettings(setup=running_data / "IK" / "ik_setup_run.xml")
    trc = running_data / "ExpData" / "motion_capture_run.trc"
    return run_inverse_kinematics(running_scaled.model, trc, results / "run" / "ik.mot", settings=settings)


@pytest.fixture
def gait_copy(gait2354_data: Path, tmp_path: Path) -> Path:
    """A copy of the gait2354 folder to spoil."""
    return shutil.copytree(gait2354_data, tmp_path / "input")
