"""Moment arms as a nuisance of the fit: found where they err, and in no prediction."""

from dataclasses import replace

import numpy as np
import pytest

from osim_nmscal.calibration.emg_driven import calibrate_emg_driven
from osim_nmscal.calibration.prediction import predict
from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.calibration.simulated_twin import Twin, make_twin
from osim_nmscal.data.results import CalibrationResult
from osim_nmscal.data.trials import TrialSet

TRUE = np.array([1.15, 0.88, 1.0])  # true moment arm over the model's


@pytest.fixture(scope="module")
def twin() -> Twin:
    """A twin whose model has other moment arms, and excursions, than the muscles that made its moments."""
    made = make_twin(muscles=3, trials=2, steps=80, dofs=1, offset=0.0)
    middle = np.concatenate([trial.mtu_length[trial.first_counted :] for trial in made.trials.trials]).mean(axis=0)
    believed = tuple(
        replace(trial, moment_arm=trial.moment_arm / TRUE, mtu_length=middle + (trial.mtu_length - middle) / TRUE)
        for trial in made.trials.trials
    )
    return replace(made, trials=TrialSet(trials=believed))


def calibrated(twin: Twin, free: bool) -> CalibrationResult:
    # lengths are right and stay; strengths, which a moment arm looks like, and activation move with next to no prior
    fixed = ("optimal_fiber_length", "tendon_slack_length", "emg_scale", "tendon_strain_at_one_norm_force")
    parameters: dict[str, object] = {name: {"free": False} for name in fixed}
    parameters["moment_arm_scale"] = {"free": free, **({"prior_width": 0.2} if free else {})}
    settings = CalibrationSettings.model_validate({"parameters": parameters, "noise": {"relative": 0.05}, "loss": {"prior_weight": 1e-4}})
    return calibrate_emg_driven(twin.trials, twin.start, settings)


def test_the_fit_finds_errors_of_moment_arms_by_the_excursions_and_spares_strengths(twin: Twin) -> None:
    without, found = calibrated(twin, False), calibrated(twin, True)
    scales = np.array([row.calibrated for row in found.parameters if row.name == "moment_arm_scale"])
    np.testing.assert_allclose(scales, TRUE, atol=0.03)
    errors = [np.abs(result.strength_coefficient - 1.0).max() for result in (without, found)]
    assert errors[1] < 0.5 * errors[0]
    assert any("let moment_arm_scale differ" in finding for finding in found.findings)
    assert not any("moment_arm_scale" in finding for finding in without.findings if "let" in finding)


def test_predictions_are_at_the_models_own_moment_arms(twin: Twin) -> None:
    found = calibrated(twin, True)
    trial = twin.trials.trials[0]
    prediction = predict(twin.trials, found.muscles, found.neural)[0]
    np.testing.assert_allclose(prediction.joint_moment, np.einsum("tm,tdm->td", prediction.tendon_force, trial.moment_arm), rtol=1e-12)
