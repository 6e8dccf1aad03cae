"""Leave-one-trial-out: every calibration trial is predicted once, by muscles that have not seen it."""

from dataclasses import replace

import numpy as np
import pytest

from osim_nmscal.calibration.cross_validation import leave_one_out
from osim_nmscal.calibration.emg_driven import calibrate_emg_driven
from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.calibration.simulated_twin import make_twin
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.results import CalibrationResult
from osim_nmscal.data.trials import TrialSet
from osim_nmscal.errors import CalibrationError


def test_each_trial_is_predicted_by_the_others() -> None:
    twin, seen = make_twin(trials=3, steps=50), []

    def calibrate(trials: TrialSet, muscles: MuscleTable, settings: CalibrationSettings) -> CalibrationResult:
        seen.append(trials.names)
        return calibrate_emg_driven(trials, muscles, settings)

    metrics = leave_one_out(twin.trials, twin.start, CalibrationSettings(), calibrate)
    assert seen == [("trial_1", "trial_2"), ("trial_0", "trial_2"), ("trial_0", "trial_1")]
    assert [(m.trial, m.dof) for m in metrics] == [(t, d) for t in twin.trials.names for d in twin.trials.dofs]
    assert {m.role for m in metrics} == {"held_out"}
    # noise-free and the model is true, so the unseen trial is predicted well
    assert np.median([m.nrmse for m in metrics]) < 0.1


def test_it_comes_with_the_calibration_if_asked_for() -> None:
    twin = make_twin(steps=50)
    result = calibrate_emg_driven(twin.trials, twin.start, CalibrationSettings(cross_validation=True))
    assert [m.trial for m in result.cross_validation] == ["trial_0", "trial_0", "trial_1", "trial_1"]


def test_one_trial_cannot_be_left_out() -> None:
    twin = make_twin(steps=50)
    one = TrialSet(trials=(twin.trials.trials[0], replace(twin.trials.trials[1], role="held_out")))
    with pytest.raises(CalibrationError, match="at least two calibration trials"):
        calibrate_emg_driven(one, twin.start, CalibrationSettings(cross_validation=True))
