"""Metrics: numbers computed by hand, on the counted samples only."""

import numpy as np
import pytest

from osim_nmscal.data.results import TrialPrediction
from osim_nmscal.data.trials import Trial, TrialSet
from osim_nmscal.errors import SignalError, UnknownNameError
from osim_nmscal.evaluation import moment_metrics

MEASURED = np.array([0.0, 10.0, 20.0, 10.0])


def _trial(name="run/a", lead_in=2, role="held_out"):
    moment = np.concatenate([np.full(lead_in, 1e6), MEASURED])[:, None]
    n = len(moment)
    return Trial(
        name=name,
        time=np.arange(n) / 100,
        muscles=("m",),
        dofs=("ankle",),
        excitation=np.zeros((n, 1)),
        mtu_length=np.ones((n, 1)),
        moment_arm=np.ones((n, 1, 1)),
        joint_moment=moment,
        first_counted=lead_in,
        role=role,
    )


def _prediction(trial, counted, start=0.0):
    n = len(trial.time)
    nothing = np.zeros((n, 1))
    moment = np.concatenate([np.zeros(trial.first_counted), counted])[:, None]
    return TrialPrediction(
        trial=trial.name,
        time=trial.time + start,
        first_counted=trial.first_counted,
        muscles=trial.muscles,
        dofs=trial.dofs,
        excitation=nothing,
        activation=nothing,
        normalized_fiber_length=nothing,
        tendon_strain=nothing,
        tendon_force=nothing,
        joint_moment=moment,
    )


def _metrics(counted):
    trial = _trial()
    return moment_metrics(TrialSet(trials=(trial,)), [_prediction(trial, counted)], model="calibrated")[0]


def test_a_perfect_prediction_has_no_error_whatever_the_lead_in_does():
    metrics = _metrics(MEASURED)
    assert (metrics.rmse, metrics.nrmse, metrics.r2, metrics.correlation_squared) == (0.0, 0.0, 1.0, 1.0)
    assert (metrics.trial, metrics.dof, metrics.role, metrics.model) == ("run/a", "ankle", "held_out", "calibrated")


def test_an_offset_lowers_r2_and_not_the_correlation():
    metrics = _metrics(MEASURED + 5)
    assert metrics.rmse == pytest.approx(5)
    assert metrics.nrmse == pytest.approx(0.25)  # of a range of 20
    assert metrics.r2 == pytest.approx(0.5)  # 1 - 4*25/200
    assert metrics.correlation_squared == pytest.approx(1)


def test_r2_is_negative_when_the_mean_would_have_been_better():
    assert _metrics(-MEASURED).r2 == pytest.approx(1 - (0 + 400 + 1600 + 400) / 200)
    assert _metrics(-MEASURED).correlation_squared == pytest.approx(1)


def test_a_constant_prediction_has_no_correlation():
    metrics = _metrics(np.full(4, 10.0))
    assert metrics.r2 == pytest.approx(0)
    assert np.isnan(metrics.correlation_squared)


def test_a_missing_or_foreign_prediction_is_refused():
    trial = _trial()
    trials = TrialSet(trials=(trial,))
    with pytest.raises(UnknownNameError, match="'run/a' has no prediction"):
        moment_metrics(trials, [], model="calibrated")
    with pytest.raises(SignalError, match="starts at 1 s, the trial at 0 s"):
        moment_metrics(trials, [_prediction(trial, MEASURED, start=1.0)], model="calibrated")
    with pytest.raises(SignalError, match=r"not finite at 0.03 s"):
        moment_metrics(trials, [_prediction(trial, np.array([0, np.nan, 0, 0]))], model="calibrated")
