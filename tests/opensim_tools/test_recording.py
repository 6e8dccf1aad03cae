"""One worker for a recording against one worker for each step: the same files, the same bits."""

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.errors import UnknownNameError
from osim_nmscal.opensim_tools.inverse_dynamics import InverseDynamicsSettings, run_inverse_dynamics
from osim_nmscal.opensim_tools.inverse_kinematics import InverseKinematicsSettings
from osim_nmscal.opensim_tools.muscle_analysis import MuscleAnalysisSettings, run_muscle_analysis
from osim_nmscal.opensim_tools.recording import DynamicsStep, KinematicsStep, MusclesStep, analyze_recording
from osim_nmscal.opensim_tools.run import in_worker

pytestmark = pytest.mark.opensim

DOFS = ("hip_flexion_r", "knee_angle_r", "ankle_angle_r")
MODELS = Path(__file__).parent.parent.parent / "models"


def processes(times: int, log: str) -> list[int]:
    """Process ids of a worker and of what it runs in workers of its own."""
    import os

    return [os.getpid()] + (in_worker(processes, times - 1, log, log=Path(log)) if times else [])


def test_a_worker_does_at_once_what_it_would_give_to_another_worker(tmp_path):
    assert len(set(processes(0, ""))) == 1
    found = in_worker(processes, 2, str(tmp_path / "inner.log"), log=tmp_path / "x.log")
    assert len(found) == 3
    assert len(set(found)) == 1
    assert not (tmp_path / "inner.log").exists()


def test_all_steps_in_one_worker_give_the_bits_of_each_alone(gait2354_data, gait_scaled, gait_ik, gait_id, results, tmp_path):
    geometry = run_muscle_analysis(gait_scaled.model, gait_ik.path, tmp_path / "alone", settings=MuscleAnalysisSettings(dofs=DOFS))
    found = analyze_recording(
        gait_scaled.model,
        KinematicsStep(
            markers=gait2354_data / "subject01_walk1.trc",
            out=tmp_path / "one" / "ik.mot",
            settings=InverseKinematicsSettings(setup=gait2354_data / "subject01_Setup_IK.xml"),
        ),
        dynamics=DynamicsStep(
            out=tmp_path / "one" / "id.sto",
            settings=InverseDynamicsSettings(external_loads=gait2354_data / "subject01_walk1_grf.xml", lowpass_forces=False),
        ),
        muscles=MusclesStep(out=tmp_path / "one", settings=MuscleAnalysisSettings(dofs=DOFS)),
        log=tmp_path / "one" / "opensim.log",
    )
    assert found.kinematics is not None
    assert found.dynamics is not None
    assert found.muscles is not None
    assert_array_equal(found.kinematics.coordinates.values, gait_ik.coordinates.values)
    assert_array_equal(found.kinematics.marker_error_rms, gait_ik.marker_error_rms)
    assert_array_equal(found.dynamics.moments.values, gait_id.moments.values)
    assert found.dynamics.findings == gait_id.findings
    assert found.muscles.muscles == geometry.muscles
    assert_array_equal(found.muscles.mtu_length, geometry.mtu_length)
    assert_array_equal(found.muscles.moment_arm, geometry.moment_arm)
    for name in ("ik.mot", "id.sto"):
        assert (tmp_path / "one" / name).read_bytes() == (results / "gait" / name).read_bytes()
    for path in (tmp_path / "alone").glob("*.sto"):
        assert (tmp_path / "one" / path.name).read_bytes() == path.read_bytes()
    assert "Inverse" in (tmp_path / "one" / "opensim.log").read_text()


def waves(model: str, rate: float = 100.0) -> tuple[TimeSeries, tuple[str, ...]]:
    """Two seconds of our own leg or arm moving by half a radian."""
    dofs = {
        "virtual_leg.osim": ("hip_flexion_r", "knee_flexion_r", "ankle_dorsiflexion_r"),
        "virtual_arm.osim": ("shoulder_elevation_r", "shoulder_rotation_r", "elbow_flexion_r"),
    }[model]
    time = np.arange(int(2 * rate) + 1) / rate
    angles = 0.5 * np.sin(2 * np.pi * time[:, None] * (0.5 + np.arange(3) / 3) + np.arange(3)) ** 2
    return TimeSeries(time=time, labels=dofs, values=angles, source="waves"), dofs


@pytest.mark.parametrize("model", ["virtual_leg.osim", "virtual_arm.osim"])
def test_joint_angles_may_be_given_and_a_step_left_out(model, tmp_path):
    motion, dofs = waves(model)
    settings = MuscleAnalysisSettings(dofs=dofs, missing_coordinates="default")
    step = DynamicsStep(out=tmp_path / "id.sto", settings=InverseDynamicsSettings(missing_coordinates="default"))
    found = analyze_recording(
        MODELS / model, motion, dynamics=step, muscles=MusclesStep(out=tmp_path, settings=settings), log=tmp_path / "x.log"
    )
    alone = run_inverse_dynamics(MODELS / model, motion, tmp_path / "alone.sto", settings=step.settings)
    assert found.kinematics is None
    assert found.dynamics is not None
    assert_array_equal(found.dynamics.moments.values, alone.moments.values)
    assert found.muscles is not None
    without = analyze_recording(MODELS / model, motion, muscles=MusclesStep(out=tmp_path, settings=settings), log=tmp_path / "x.log")
    assert without.dynamics is None


def test_an_error_of_a_step_comes_back_as_it_is_and_files_of_the_steps_before_are_there(tmp_path):
    motion, _ = waves("virtual_leg.osim")
    settings = MuscleAnalysisSettings(dofs=("knee_angle_r",), missing_coordinates="default")
    with pytest.raises(UnknownNameError, match="has no coordinate 'knee_angle_r'"):
        analyze_recording(MODELS / "virtual_leg.osim", motion, muscles=MusclesStep(out=tmp_path, settings=settings), log=tmp_path / "x.log")


def test_findings_of_a_step_are_said_to_the_user(tmp_path, caplog):
    motion, _ = waves("virtual_leg.osim")
    step = DynamicsStep(out=tmp_path / "id.sto", settings=InverseDynamicsSettings(missing_coordinates="default"))
    analyze_recording(MODELS / "virtual_leg.osim", motion, dynamics=step, log=tmp_path / "x.log")
    assert any("no external loads are given" in record.getMessage() for record in caplog.records)
