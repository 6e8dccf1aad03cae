"""Predictions: what of the parameters they read."""

from dataclasses import replace

import numpy as np
import pytest

from osim_nmscal.calibration.prediction import predict
from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.calibration.simulated_twin import Twin, make_twin
from osim_nmscal.data.trials import TrialSet


@pytest.fixture(scope="module")
def twin() -> Twin:
    return make_twin(steps=50, rigid=(2,))


def scaled(trials: TrialSet, factor: np.ndarray) -> TrialSet:
    return TrialSet(trials=tuple(replace(trial, excitation=trial.excitation * factor) for trial in trials.trials))


@pytest.mark.parametrize("factor", [np.array([0.5]), np.array([0.4, 1.0, 0.7, 1.2])])
def test_the_emg_scale_multiplies_what_drives_a_muscle(twin: Twin, factor: np.ndarray) -> None:
    told = predict(twin.trials, twin.true, replace(twin.neural, emg_scale=factor))
    done = predict(scaled(twin.trials, factor), twin.true, twin.neural)
    for one, other in zip(told, done, strict=True):
        np.testing.assert_allclose(one.joint_moment, other.joint_moment, rtol=1e-9, atol=1e-9)


def test_a_tendon_is_rigid_where_the_settings_say_so(twin: Twin) -> None:
    as_stated, rigid, elastic = (
        predict(twin.trials, twin.true, twin.neural, CalibrationSettings(tendon=t)) for t in ("model", "rigid", "elastic")
    )
    still = [[bool((p.tendon_strain[:, i] == 0.0).all()) for i in range(4)] for p in (as_stated[0], rigid[0], elastic[0])]
    assert still == [[False, False, True, False], [True] * 4, [False] * 4]


def test_each_prediction_is_on_its_trials_own_samples(twin: Twin) -> None:
    short = twin.trials.trials[1]
    cut = {name: getattr(short, name)[:30] for name in ("time", "excitation", "mtu_length", "moment_arm", "joint_moment")}
    both = TrialSet(trials=(twin.trials.trials[0], replace(short, **cut)))
    first, second = predict(both, twin.true, twin.neural)
    assert (len(first.joint_moment), len(second.joint_moment)) == (50, 30)
    # the padding of the shorter one is not seen: it does the same alone; a rigid tendon takes its velocity from both neighbours,
    # and padding goes on at the speed of the last two samples (fiber and MTU differ in speed by the pennation alone)
    alone = predict(TrialSet(trials=(both.trials[1],)), twin.true, twin.neural)[0]
    np.testing.assert_allclose(second.joint_moment[:-1], alone.joint_moment[:-1], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(second.joint_moment[-1], alone.joint_moment[-1], rtol=1e-3)
