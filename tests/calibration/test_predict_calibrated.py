"""What a calibration says of trials: calibrated ones as it left them, others from EMG alone, whichever of them there are."""

import numpy as np
import pytest

from osim_nmscal.calibration.calibrate import calibrate
from osim_nmscal.calibration.optimizer_settings import GaussNewtonSettings
from osim_nmscal.calibration.predict_calibrated import predict_calibrated
from osim_nmscal.calibration.prediction import predict
from osim_nmscal.calibration.settings import CalibrationSettings, without_synergies
from osim_nmscal.calibration.simulated_twin import SynergyTwin, make_synergy_twin
from osim_nmscal.calibration.synergy.prediction import predict_hybrid
from osim_nmscal.calibration.synergy.settings import SynergySettings
from osim_nmscal.data.results import CalibrationResult

SETTINGS = CalibrationSettings(
    method="synergy_hybrid", gauss_newton=GaussNewtonSettings(maximum_iterations=2), synergy=SynergySettings(factorization_starts=1)
)


@pytest.fixture(scope="module")
def person() -> SynergyTwin:
    return make_synergy_twin(muscles=4, trials=2, steps=60, synergies=2)


@pytest.fixture(scope="module")
def hybrid(person: SynergyTwin) -> CalibrationResult:
    return calibrate(person.trials, person.twin.start, SETTINGS, roles={"muscle_3": "withheld"})


def test_a_hybrid_without_held_out_trials_predicts_those_that_calibrated(person: SynergyTwin, hybrid: CalibrationResult) -> None:
    alone = predict_calibrated(person.trials.calibration, hybrid, SETTINGS)
    expected = predict_hybrid(person.trials.calibration, hybrid, SETTINGS, mode="calibrated")
    assert [one.trial for one in alone] == list(person.trials.calibration.names)
    for one, other in zip(alone, expected, strict=True):
        np.testing.assert_array_equal(one.joint_moment, other.joint_moment)


def test_each_trial_is_predicted_by_its_role_and_stands_in_the_order_asked_for(person: SynergyTwin, hybrid: CalibrationResult) -> None:
    both = {one.trial: one for one in predict_calibrated(person.trials, hybrid, SETTINGS)}
    assert list(both) == list(person.trials.names)
    for trials, mode in ((person.trials.calibration, "calibrated"), (person.trials.held_out, "from_emg")):
        for expected in predict_hybrid(trials, hybrid, SETTINGS, mode=mode):
            np.testing.assert_array_equal(both[expected.trial].excitation, expected.excitation)


def test_without_synergies_every_muscle_is_driven_by_its_emg(person: SynergyTwin) -> None:
    driven = without_synergies(SETTINGS)
    result = calibrate(person.trials, person.twin.start, driven)
    expected = predict(person.trials, result.muscles, result.neural, driven)
    for one, other in zip(predict_calibrated(person.trials, result, driven), expected, strict=True):
        np.testing.assert_array_equal(one.joint_moment, other.joint_moment)
