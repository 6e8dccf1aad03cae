"""From tables to trials: sweeps and poses on the clock of all trials, and who is excited in them."""

from dataclasses import replace

import numpy as np
import pytest

from osim_nmscal.data.trials import MuscleGeometry
from osim_nmscal.errors import SignalError
from osim_nmscal.trials.dynamometer_settings import DynamometerSettings
from osim_nmscal.trials.sweeps import HELD, LEAD_IN, SWEEP_SPEED, DynamometerRun, MeasuredPostures, frames_of, runs_of, trials_of

STEP = 0.01
BEFORE = round(LEAD_IN / STEP)
PASSIVE = DynamometerSettings(name="relaxed", kind="passive", table="relaxed.csv")
EFFORT = DynamometerSettings(name="push", kind="effort", table="push.csv", agonists=("extensor",), effort_level=0.9, rest_level=0.05)


def _postures(knee: list[float], hip: list[float], time: list[float] | None = None) -> MeasuredPostures:
    """Return postures in degrees, with a moment that is minus the knee's angle in degrees."""
    values = np.radians(np.column_stack([knee, hip]))
    clock = None if time is None else np.array(time)
    return MeasuredPostures(
        coordinates=("knee", "hip"), values=values, measured=("knee",), moments=-np.array(knee)[:, None], time=clock, source="t.csv"
    )


def _degrees(run: DynamometerRun) -> np.ndarray:
    return np.degrees(run.values[run.first_counted :, 0])


def test_rows_of_a_relaxed_joint_are_swept_in_order_of_angle_at_a_constant_speed() -> None:
    (run,) = runs_of("relaxed", _postures([60, 0, 30], [10, 10, 10]), PASSIVE, STEP)
    angles = _degrees(run)
    assert (run.name, run.first_counted) == ("relaxed/sweep_01", BEFORE)
    assert np.allclose(np.diff(angles), np.degrees(SWEEP_SPEED) * STEP)
    assert (round(angles[0], 9), round(angles[-1], 9)) == (0.0, 60.0)
    assert np.allclose(run.moments[run.first_counted :, 0], -angles)  # the moment goes with its angle
    assert (run.values[:BEFORE] == run.values[BEFORE]).all()  # the first sample is held before it counts


def test_each_posture_of_the_other_joints_is_a_sweep_of_its_own_and_angles_measured_twice_are_averaged() -> None:
    runs = runs_of("relaxed", _postures([0, 30, 0, 30, 30], [10, 10, 60, 60, 60]), PASSIVE, STEP)
    assert [run.name for run in runs] == ["relaxed/sweep_01", "relaxed/sweep_02"]
    assert [round(float(np.degrees(run.values[0, 1]))) for run in runs] == [10, 60]
    assert [round(float(_degrees(run)[-1])) for run in runs] == [30, 30]


def test_a_single_angle_of_a_relaxed_joint_is_a_pose() -> None:
    (run,) = runs_of("relaxed", _postures([30, 30], [10, 10]), PASSIVE, STEP)
    assert run.name == "relaxed/pose_01"
    assert len(run.time) == BEFORE + round(HELD / STEP)


def test_each_row_of_an_effort_is_a_pose_that_was_held() -> None:
    runs = runs_of("push", _postures([30, 60], [10, 10]), EFFORT, STEP)
    assert [run.name for run in runs] == ["push/pose_01", "push/pose_02"]
    for run, angle in zip(runs, (30.0, 60.0), strict=True):
        assert np.allclose(np.degrees(run.values[:, 0]), angle)
        assert np.allclose(run.moments, -angle)
        assert len(run.time) - run.first_counted == round(HELD / STEP)


def test_a_table_with_time_is_the_sweep_that_it_was_within_start_and_end() -> None:
    postures = _postures([0, 10, 20, 30], [0, 0, 0, 0], [0.0, 0.1, 0.2, 0.3])
    settings = PASSIVE.model_copy(update={"start": 0.05, "end": 0.25})
    (run,) = runs_of("relaxed", postures, settings, STEP)
    assert np.allclose([run.time[run.first_counted], run.time[-1]], [0.05, 0.25])
    assert np.allclose(_degrees(run), np.arange(5, 26))
    with pytest.raises(SignalError, match=r"lasts from 0 to 0\.3 s in t\.csv, of which start and end leave 0 s"):
        runs_of("relaxed", postures, PASSIVE.model_copy(update={"start": 2.0}), STEP)


def test_a_posture_is_analysed_once_however_long_it_was_held() -> None:
    runs = runs_of("push", _postures([30, 60, 60], [10, 10, 10]), EFFORT, STEP)
    frames, rows = frames_of(runs, STEP)
    assert np.allclose(np.degrees(frames.values[:, 0]), [30, 60])
    assert [set(row.tolist()) for row in rows] == [{0}, {1}, {1}]
    assert [len(row) for row in rows] == [len(run.time) for run in runs]


def _geometry(postures: int) -> MuscleGeometry:
    return MuscleGeometry(
        time=np.arange(postures) / 100,
        muscles=("extensor", "flexor"),
        dofs=("hip", "knee"),
        mtu_length=np.linspace(0.3, 0.4, 2 * postures).reshape(postures, 2),
        moment_arm=np.tile([[[0.0, 0.0], [-0.04, 0.04]]], (postures, 1, 1)),
    )


def test_in_an_effort_agonists_try_and_the_others_rest_and_only_the_measured_moment_counts() -> None:
    runs = runs_of("push", _postures([30, 60], [10, 10]), EFFORT, STEP)
    frames, rows = frames_of(runs, STEP)
    trials = trials_of(runs, rows, _geometry(len(frames.time)), EFFORT)
    for trial, moment in zip(trials, (-30.0, -60.0), strict=True):
        assert (trial.kind, trial.measured, trial.driven_by, trial.role) == ("effort", ("knee",), "assumed", "calibration")
        assert trial.excitation[0].tolist() == [0.9, 0.05]
        assert np.allclose(trial.joint_moment, [0.0, moment])
    assert np.ptp(trials[0].mtu_length, axis=0).max() == 0.0
    assert not np.allclose(trials[0].mtu_length, trials[1].mtu_length)


def test_nobody_is_excited_in_a_passive_trial() -> None:
    runs = runs_of("relaxed", _postures([0, 30], [10, 10]), PASSIVE, STEP)
    frames, rows = frames_of(runs, STEP)
    held_out = PASSIVE.model_copy(update={"role": "held_out"})
    (trial,) = trials_of(runs, rows, _geometry(len(frames.time)), held_out)
    assert (trial.kind, trial.role, trial.excitation.any()) == ("passive", "held_out", np.False_)


def test_a_trial_has_the_joint_angles_of_its_table_where_it_says_all_of_them() -> None:
    (run,) = runs_of("relaxed", _postures([0, 30], [10, 10]), PASSIVE, STEP)
    frames, rows = frames_of([run], STEP)
    geometry = _geometry(len(frames.time))
    (trial,) = trials_of([run], rows, geometry, PASSIVE)
    assert np.array_equal(trial.joint_angle, run.values[:, [1, 0]])  # in the order of the geometry: hip, knee
    (blind,) = trials_of([run], rows, replace(geometry, dofs=("ankle", "knee")), PASSIVE)
    assert blind.joint_angle is None
