"""A trial that is scored by some joints only: what the others ask for enters nothing."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from calibration_twin import make_objective

from osim_nmscal.calibration.calibrate import calibrate
from osim_nmscal.calibration.prediction import predict
from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.calibration.simulated_twin import make_twin
from osim_nmscal.data.trials import TrialSet
from osim_nmscal.errors import UnknownNameError
from osim_nmscal.evaluation import moment_metrics


def _scored(trials: TrialSet, index: int, dofs: tuple[str, ...], error: float = 0.0) -> TrialSet:
    """One trial is scored by some joints; the moments of its others may be anything."""
    trial = trials.trials[index]
    moments = trial.joint_moment + error * np.array([dof not in dofs for dof in trial.dofs])
    changed = replace(trial, measured=dofs, joint_moment=moments)
    return replace(trials, trials=(*trials.trials[:index], changed, *trials.trials[index + 1 :]))


def test_moments_that_do_not_count_change_neither_loss_nor_gradient() -> None:
    twin = make_twin(steps=60)
    first = twin.trials.dofs[:1]
    found = []
    for error in (0.0, 500.0):
        objective = make_objective(replace(twin, trials=_scored(twin.trials, 1, first, error)), CalibrationSettings())
        at = objective.evaluate(objective.space.start())
        found.append((at.loss, objective.linearize(at).gradient))
    assert found[0][0] == found[1][0]
    torch.testing.assert_close(found[0][1], found[1][1], rtol=0.0, atol=0.0)


def test_what_is_scored_everywhere_is_the_loss_without_the_setting() -> None:
    twin = make_twin(steps=60)
    named = replace(twin.trials, trials=tuple(replace(trial, measured=trial.dofs) for trial in twin.trials.trials))
    losses = []
    for trials in (twin.trials, named):
        objective = make_objective(replace(twin, trials=trials), CalibrationSettings())
        losses.append(objective.evaluate(objective.space.start()).loss)
    assert losses[0] == losses[1]


def test_right_and_left_trials_calibrate_their_own_joints() -> None:
    twin = make_twin(steps=60)
    one, other = twin.trials.dofs[:1], twin.trials.dofs[1:]
    results = []
    for error in (0.0, 300.0):  # about the other joint, which could never be met
        trials = twin.trials
        for i in range(len(trials.trials)):
            trials = _scored(trials, i, one if i % 2 else other, error=error)
        results.append(calibrate(trials, twin.start))
    assert results[0].loss_final == results[1].loss_final < 0.5 * results[0].loss_initial
    assert all(parameter.standard_error >= 0 for parameter in results[1].parameters)


def test_only_scored_joints_are_evaluated() -> None:
    twin = make_twin(steps=60)
    trials = _scored(twin.trials, 0, twin.trials.dofs[:1])
    result = calibrate(trials, twin.start)
    predictions = predict(trials, result.muscles, result.neural)
    rows = moment_metrics(trials, predictions, model="calibrated")
    first = trials.trials[0].name
    assert [row.dof for row in rows if row.trial == first] == list(twin.trials.dofs[:1])
    assert predictions[0].joint_moment.shape[1] == len(twin.trials.dofs)  # they are predicted all the same


def test_a_trial_cannot_be_scored_by_a_joint_that_it_lacks() -> None:
    with pytest.raises(UnknownNameError, match="elbow"):
        replace(make_twin(steps=60).trials.trials[0], measured=("elbow",))
