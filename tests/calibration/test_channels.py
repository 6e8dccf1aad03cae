"""Electrodes told from excitations: muscles of one channel have the same, muscles without one have none."""

from dataclasses import replace

import numpy as np
import pytest

from osim_nmscal.calibration.electrodes import electrodes_of
from osim_nmscal.calibration.emg_driven import calibrate_emg_driven
from osim_nmscal.calibration.optimizer_settings import GaussNewtonSettings
from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.calibration.simulated_twin import Twin, make_twin
from osim_nmscal.data.trials import Trial, TrialSet


@pytest.fixture(scope="module")
def twin() -> Twin:
    """muscle_3 shares the electrode of muscle_1, muscle_2 has none."""
    twin = make_twin(steps=50)
    trials = []
    for trial in twin.trials.trials:
        excitation = trial.excitation.copy()
        excitation[:, 3], excitation[:, 2] = excitation[:, 1], 0.0
        trials.append(replace(trial, excitation=excitation))
    return replace(twin, trials=TrialSet(trials=tuple(trials)))


def test_equal_excitations_are_one_channel_and_silence_is_none(twin: Twin) -> None:
    found = electrodes_of(twin.trials.trials)
    assert found.recorded == {"muscle_0", "muscle_1", "muscle_3"}
    assert found.channels == {"muscle_0": "muscle_0", "muscle_1": "muscle_1", "muscle_3": "muscle_1"}


def test_excitations_that_differ_in_one_trial_are_two_channels(twin: Twin) -> None:
    first, second = twin.trials.trials
    excitation = second.excitation.copy()
    excitation[7, 3] += 1e-6
    assert electrodes_of((first, replace(second, excitation=excitation))).channels["muscle_3"] == "muscle_3"


def test_emg_that_is_not_used_is_no_electrode(twin: Twin) -> None:
    assert electrodes_of(twin.trials.trials, silenced=("muscle_1",)).recorded == {"muscle_0", "muscle_3"}
    assert electrodes_of(twin.trials.trials, silenced=("muscle_1",)).channels["muscle_3"] == "muscle_3"


def test_assumed_excitations_are_no_recording(twin: Twin) -> None:
    first: Trial = twin.trials.trials[0]
    effort = replace(first, kind="effort", driven_by="assumed", excitation=np.ones_like(first.excitation))
    passive = replace(first, kind="passive", excitation=np.zeros_like(first.excitation))
    assert electrodes_of((effort, passive)).recorded == frozenset()
    assert electrodes_of((first, effort, passive)) == electrodes_of((first,))


def test_a_calibration_finds_one_gain_per_channel(twin: Twin) -> None:
    result = calibrate_emg_driven(twin.trials, twin.start, CalibrationSettings(gauss_newton=GaussNewtonSettings(maximum_iterations=2)))
    gains = {row.owner: row for row in result.parameters if row.name == "emg_scale"}
    assert set(gains) == {"muscle_0", "muscle_1", "muscle_2"}
    assert gains["muscle_2"].at_bound == "fixed"
    assert result.neural.emg_scale[1] == result.neural.emg_scale[3] != result.neural.emg_scale[0]
    assert gains["muscle_0"].start == 0.93
