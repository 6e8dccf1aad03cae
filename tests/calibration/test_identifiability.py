"""How sure a calibration is of its parameters: closed forms, the autocorrelation time, and coverage of the 95 % intervals."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from calibration_twin import make_objective

from osim_nmscal.calibration.emg_driven import calibrate_emg_driven
from osim_nmscal.calibration.identifiability import Posterior, laplace_posterior, unclear_pairs
from osim_nmscal.calibration.optimizer_settings import GaussNewtonSettings
from osim_nmscal.calibration.optimizers.gauss_newton import gauss_newton
from osim_nmscal.calibration.parameter_kinds import KINDS
from osim_nmscal.calibration.prediction import predict
from osim_nmscal.calibration.settings import CalibrationSettings, LossSettings
from osim_nmscal.calibration.simulated_twin import LEAD_IN, Twin, make_twin
from osim_nmscal.data.trials import TrialSet

SEEDS = 6
# moments divided by their spread, no prior, and nothing moves but strengths
STRENGTHS_ALONE = CalibrationSettings.model_validate(
    {
        "preset": "weak_prior",
        "loss": {"prior_weight": 0.0},
        "parameters": {name: {"free": name == "strength_coefficient"} for name in KINDS},
    }
)


def covered(twin: Twin) -> list[bool]:
    """Whether each identifiable parameter's 95 % interval holds the truth."""
    rows = calibrate_emg_driven(twin.trials, twin.start, CalibrationSettings(preset="weak_prior")).parameters
    return [
        bool(abs(row.calibrated - twin.truth(row.name)[twin.start.index(row.owner)]) < 1.96 * row.standard_error)
        for row in rows
        if row.identifiable and not row.at_bound
    ]


def test_intervals_of_identifiable_parameters_cover_the_truth() -> None:
    # few seeds for the suite; workflows/benchmarks/coverage.py takes 100. 95 % +- 3 binomial deviations of about 90 intervals
    hits = [hit for seed in range(SEEDS) for hit in covered(make_twin(noise=0.05, seed=seed))]
    assert len(hits) > 50
    assert 0.88 <= np.mean(hits) <= 1.0


def test_error_is_that_of_least_squares_where_the_data_decide() -> None:
    # one strength per muscle alone: the moments are linear in it, and the textbook variance is sigma^2 (J'J)^-1
    twin = make_twin(noise=0.05, steps=200, dofs=1, muscles=2, trials=1, offset=0.0)
    twin = replace(twin, trials=_as_if_made_by(twin))
    objective = make_objective(twin, STRENGTHS_ALONE)
    best = gauss_newton(objective, objective.space.start(), GaussNewtonSettings(tolerance=1e-10)).best
    posterior = laplace_posterior(objective, best, objective.linearize(best))
    # J by hand: the moment of each muscle at unit strength, in N m
    forces = best.outputs.tendon_force[LEAD_IN:, 0] / objective.space.muscle_values(best.z, "strength_coefficient")
    jacobian = (forces * objective.trials.moment_arm[LEAD_IN:, 0, 0]).numpy()
    errors = (best.outputs.joint_moment - objective.trials.joint_moment)[LEAD_IN:, 0, 0].numpy()
    time = posterior.autocorrelation_time
    variance = (errors**2).mean() * time / (1.0 - 2.0 * time / len(errors)) ** 2
    expected = np.sqrt(np.diag(np.linalg.inv(jacobian.T @ jacobian)) * variance)
    slope = objective.space.blocks["strength_coefficient"].slope(best.z)
    # the least pull of the prior is 1 % of the noise of one sample
    np.testing.assert_allclose((posterior.standard_error * slope).numpy(), expected, rtol=0.02)


def _as_if_made_by(twin: Twin, noise: float = 0.05) -> TrialSet:
    """Return the trials with moments of the start's neural parameters, and noise of the same size."""
    count = len(twin.start)
    c1, c2 = (np.full(count, -np.exp(-0.01 / tau)) for tau in (0.03, 0.02))
    neural = replace(twin.neural, c1=c1, c2=c2, shape_factor=np.full(count, -1.0))
    (trial,), (prediction,) = twin.trials.trials, predict(twin.trials, twin.start, neural)
    noisy = noise * np.ptp(prediction.joint_moment) * np.random.default_rng(0).standard_normal(trial.joint_moment.shape)
    return TrialSet(trials=(replace(trial, joint_moment=prediction.joint_moment + noisy),))


def test_nothing_is_known_worse_than_the_prior() -> None:
    for weight in (0.0, 1e-3, 1.0):
        settings = CalibrationSettings(preset="weak_prior", loss=LossSettings(prior_weight=weight))
        objective = make_objective(make_twin(noise=0.05), settings)
        at = objective.evaluate(objective.space.start())
        posterior = laplace_posterior(objective, at, objective.linearize(at))
        assert bool((posterior.standard_error <= posterior.prior_width * (1.0 + 1e-9)).all())


def test_a_muscle_without_excitation_or_passive_force_is_not_identifiable() -> None:
    twin = make_twin(noise=0.05)
    objective = make_objective(twin, CalibrationSettings(preset="weak_prior"))
    at = objective.evaluate(objective.space.start())
    linear = objective.linearize(at)
    column = int(objective.space.blocks["shape_factor"].column[0])
    linear.moment_jacobian[:, column] = 0.0
    keep = objective.settings.prior_weight / float(objective.space.prior_width()[column]) ** 2
    linear.hessian.matrix[column], linear.hessian.matrix[:, column] = 0.0, 0.0
    linear.hessian.matrix[column, column] = keep
    posterior = laplace_posterior(objective, at, linear)
    assert not bool(posterior.identifiable[column])
    assert float(posterior.standard_error[column]) == pytest.approx(float(posterior.prior_width[column]), rel=1e-6)


def test_parameters_that_trade_off_are_named_together() -> None:
    covariance = torch.tensor([[1.0, -0.98, 0.0], [-0.98, 1.0, 0.1], [0.0, 0.1, 1.0]], dtype=torch.float64)
    posterior = Posterior(covariance, torch.ones(3, dtype=torch.float64), 1.0, 1.0)
    (sentence,) = unclear_pairs(posterior, ["soleus tendon_slack_length", "soleus optimal_fiber_length", "other c1"])
    assert "soleus tendon_slack_length and soleus optimal_fiber_length move against each other" in sentence
    assert "-0.98" in sentence


def test_what_a_fit_absorbs_of_few_samples_is_added_back() -> None:
    # 3 strengths from 9 samples: the fit absorbs a good part of the noise, of its variance and of its autocorrelation time
    twin = make_twin(steps=LEAD_IN + 9, dofs=1, muscles=3, trials=1, offset=0.0, seed=4)
    twin = replace(twin, trials=_as_if_made_by(twin, noise=0.002))
    objective = make_objective(twin, STRENGTHS_ALONE)
    best = gauss_newton(objective, objective.space.start(), GaussNewtonSettings(tolerance=1e-10)).best
    linear = objective.linearize(best)
    posterior = laplace_posterior(objective, best, linear)
    time = posterior.autocorrelation_time
    kept = 1.0 - 3.0 * time / 9.0
    assert 0.2 < kept < 0.8  # else the test could not tell
    jacobian = linear.moment_jacobian.numpy()
    squared = float(objective.moment_residual(best).square().mean())
    # noise of each sample: the errors' mean square / kept, correlated over a time / kept^2
    expected = np.sqrt(np.diag(np.linalg.inv(jacobian.T @ jacobian)) * squared / kept * time / kept**2)
    # nothing is known worse than the prior
    width = objective.space.prior_width().numpy()
    told = expected < 0.3 * width
    assert told.sum() >= 2
    np.testing.assert_allclose(posterior.standard_error.numpy()[told], expected[told], rtol=0.1)
