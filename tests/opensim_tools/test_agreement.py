"""What an error of OpenSim's run is a share of, and whom it is blamed on."""

from dataclasses import replace

import numpy as np
import pytest

from osim_nmscal.errors import SignalError
from osim_nmscal.opensim_tools.agreement import ComparedTrial, moment_ranges, verification_metrics

TIME = np.linspace(0, 1, 101)
DOFS = ("hip_flexion_r", "ankle_angle_r")
MUSCLES = ("psoas_r", "soleus_r", "tibant_r")
# psoas moves the hip alone, the others the ankle
ARMS = np.broadcast_to(np.array([[0.05, 0.0, 0.0], [0.0, -0.05, 0.04]]), (101, 2, 3))


def trial(name: str = "walk/stance_1", *, moment_error=(0.0, 0.0), force_error=(0.0, 0.0, 0.0), size=(100.0, 2.5)) -> ComparedTrial:
    target = np.stack([0.5 * amount * np.cos(2 * np.pi * TIME) for amount in size], axis=1)
    force = np.full((101, 3), 500.0)
    return ComparedTrial(
        name=name,
        dofs=DOFS,
        muscles=MUSCLES,
        moment=target + np.array(moment_error),
        predicted_moment=target,
        inverse_dynamics=target,
        force=force + np.array(force_error),
        predicted_force=force,
        max_isometric_force=np.array([1000.0, 5000.0, 1500.0]),
        moment_arm=ARMS,
    )


def by_dof(one: ComparedTrial) -> dict[str, np.ndarray]:
    return dict(zip(one.dofs, one.inverse_dynamics.T, strict=True))


def test_half_a_newton_metre_in_a_quiet_trial_is_not_a_fifth_of_the_moment():
    quiet, others = trial(moment_error=(0.0, 0.53)), [trial("run/stance_1", size=(200.0, 120.0))]
    ranges = moment_ranges([by_dof(one) for one in (quiet, *others)], mass=70.0)
    assert ranges == pytest.approx({"hip_flexion_r": 200.0, "ankle_angle_r": 120.0}, rel=1e-12)
    ankle = verification_metrics([quiet], ranges)[1]
    assert (ankle.rmse, ankle.nrmse) == (pytest.approx(0.53), pytest.approx(0.53 / 120))


def test_a_joint_that_is_quiet_in_all_trials_is_measured_by_the_others_or_by_the_person():
    assert moment_ranges([by_dof(trial(size=(200.0, 2.5)))], mass=70.0)["ankle_angle_r"] == pytest.approx(20.0)  # 10 % of the hip
    assert moment_ranges([by_dof(trial(size=(30.0, 2.5)))], mass=70.0)["ankle_angle_r"] == pytest.approx(7.0)  # 0.1 N·m per kg
    rat = moment_ranges([by_dof(trial(size=(0.05, 0.04)))], mass=0.3)
    assert rat == pytest.approx({"hip_flexion_r": 0.05, "ankle_angle_r": 0.04})  # no floor made for people


def test_trials_may_have_other_degrees_of_freedom():
    left = {"hip_flexion_l": np.array([0.0, 50.0])}
    assert moment_ranges([by_dof(trial()), left], mass=1.0) == pytest.approx(
        {"hip_flexion_r": 100.0, "ankle_angle_r": 10.0, "hip_flexion_l": 50.0}
    )


def test_the_muscle_named_crosses_the_joint_that_fails():
    # psoas errs most, by half its strength; the ankle's error is tibialis anterior's, whose arm is shorter but whose error is larger
    off = trial(moment_error=(25.0, 2.4), force_error=(500.0, 10.0, 60.0))
    hip, ankle = verification_metrics([off], {"hip_flexion_r": 100.0, "ankle_angle_r": 100.0})
    assert (hip.muscle, hip.largest_force_error) == ("psoas_r", pytest.approx(0.5))
    assert (ankle.muscle, ankle.largest_force_error) == ("tibant_r", pytest.approx(60 / 1500))
    arms_alone = trial(moment_error=(0.0, 2.4))  # every force is right; still no muscle of the hip is named for the ankle
    assert verification_metrics([arms_alone], {"hip_flexion_r": 100.0, "ankle_angle_r": 100.0})[1].muscle == "soleus_r"


def test_r2_is_that_of_opensims_moment_against_inverse_dynamics():
    off = trial(moment_error=(5.0, 0.0))
    hip, ankle = verification_metrics([off], {"hip_flexion_r": 100.0, "ankle_angle_r": 100.0})
    assert hip.r2_vs_inverse_dynamics == pytest.approx(1 - 25 / off.inverse_dynamics[:, 0].var())
    assert ankle.r2_vs_inverse_dynamics == 1.0
    assert ankle.rmse == 0.0


def test_arrays_that_do_not_belong_together_are_refused():
    with pytest.raises(SignalError, match=r"walk/stance_1: force has shape \(50, 3\), expected \(101, 3\)"):
        replace(trial(), force=np.zeros((50, 3)))
