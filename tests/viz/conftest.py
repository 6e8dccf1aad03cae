"""Results made by hand, see made_results."""

import pytest
from made_results import made_calibration, made_predictions, made_trials


@pytest.fixture
def trials():
    return made_trials()


@pytest.fixture
def calibrated(trials):
    return made_predictions(trials, 0.95)


@pytest.fixture
def uncalibrated(trials):
    return made_predictions(trials, 0.3)


@pytest.fixture
def result():
    return made_calibration()
