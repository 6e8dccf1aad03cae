"""Heads and sides go together as stated, in a matrix that is a correlation, and a prior that follows it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from osim_nmscal.calibration.parameter_space import parameter_space
from osim_nmscal.calibration.prior import Prior, WorkingPoints, mean_mtu_length
from osim_nmscal.calibration.prior_correlation import muscle_correlation
from osim_nmscal.calibration.prior_settings import PriorSettings
from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.calibration.simulated_twin import Twin, make_twin
from osim_nmscal.calibration.stacking import stack_trials
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.starting_values import StartingValues

NAMES = ("vasmed_r", "vaslat_r", "vasmed_l", "vaslat_l", "soleus_r", "vasmed")


def test_two_heads_two_sides_and_their_product() -> None:
    found = muscle_correlation(NAMES, PriorSettings(head_correlation=0.5, side_correlation=0.8)).numpy()
    expected = np.eye(6)
    expected[:4, :4] = [[1.0, 0.5, 0.8, 0.4], [0.5, 1.0, 0.4, 0.8], [0.8, 0.4, 1.0, 0.5], [0.4, 0.8, 0.5, 1.0]]
    np.testing.assert_allclose(found, expected, rtol=1e-12)  # soleus is no vastus, and a name without side has no twin


@pytest.mark.parametrize(("head", "side"), [(0.99, 0.99), (0.99, 0.0), (0.3, 0.9)])
def test_any_two_correlations_make_a_correlation_matrix(head: float, side: float) -> None:
    found = muscle_correlation(NAMES, PriorSettings(head_correlation=head, side_correlation=side))
    assert float(torch.linalg.eigvalsh(found).min()) > 0.0


@pytest.fixture(scope="module")
def twin() -> Twin:
    return make_twin(steps=50)


def _prior(twin: Twin, start: StartingValues | None = None, **settings: object) -> Prior:
    """Return a prior in which the first two muscles are heads of one."""
    calibration = CalibrationSettings.model_validate(settings)
    known = start or StartingValues.of(twin.start)
    space = parameter_space(known, calibration, time_step=0.01)
    points = WorkingPoints.of_start(space, mean_mtu_length(stack_trials(twin.trials)), calibration.prior)
    names = ("vasmed_r", "vaslat_r", *known.muscles.names[2:])
    return Prior(space, 0.7, points, correlation=muscle_correlation(names, calibration.prior))


def _lengths(prior: Prior, name: str) -> torch.Tensor:
    return prior.space.blocks[name].column


def test_what_is_believed_of_heads_has_their_correlation(twin: Twin) -> None:
    prior = _prior(twin, prior={"head_correlation": 0.6, "working_point_width": 50.0}, parameters={"tendon_slack_length": {"free": False}})
    covariance = torch.linalg.inv(prior.precision(prior.space.start()))
    column = _lengths(prior, "optimal_fiber_length")
    deviation = covariance.diagonal().sqrt()
    correlation = covariance / (deviation[:, None] * deviation)
    assert float(correlation[column[0], column[1]]) == pytest.approx(0.6, abs=1e-3)  # working points of SD 50 say next to nothing
    assert float(correlation[column[0], column[2]]) == pytest.approx(0.0, abs=1e-3)
    torch.testing.assert_close(deviation[column], prior.space.believed_width()[column], rtol=1e-3, atol=0.0)


def test_heads_that_move_together_are_pulled_less_than_heads_that_part(twin: Twin) -> None:
    prior = _prior(twin, prior={"head_correlation": 0.6})
    plain = _prior(twin)
    column, start = _lengths(prior, "optimal_fiber_length"), prior.space.start()
    together, apart = start.clone(), start.clone()
    together[column[:2]] += torch.tensor([0.02, 0.02], dtype=start.dtype)
    apart[column[:2]] += torch.tensor([0.02, -0.02], dtype=start.dtype)
    assert prior.value(together) < plain.value(together)
    assert prior.value(apart) > plain.value(apart)


def test_gradient_and_hessian_are_those_of_the_value(twin: Twin) -> None:
    prior = _prior(twin, prior={"head_correlation": 0.6})
    start = prior.space.start()
    z = start + 0.05 * torch.randn(start.shape, generator=torch.Generator().manual_seed(3), dtype=start.dtype)
    gradient, hessian, step = torch.zeros_like(z), torch.zeros((len(z), len(z)), dtype=z.dtype), 1e-6
    prior.add(z, gradient, hessian)
    moves = step * torch.eye(len(z), dtype=z.dtype)
    slopes = torch.tensor([(prior.value(z + move) - prior.value(z - move)) / (4.0 * step) for move in moves], dtype=z.dtype)
    torch.testing.assert_close(gradient, slopes, rtol=1e-6, atol=1e-7 * float(slopes.abs().max()))
    torch.testing.assert_close(hessian, 0.7 * prior.pull(z), rtol=1e-10, atol=1e-10 * float(hessian.abs().max()))


def test_a_muscle_that_was_measured_goes_alone(twin: Twin) -> None:
    known = StartingValues.of(twin.start)
    measured = known.log_fiber_length_sd.copy()
    measured[0] = 0.05
    start = replace(known, log_fiber_length_sd=measured)
    with_heads, without = _prior(twin, start, prior={"head_correlation": 0.6}), _prior(twin, start)
    z = with_heads.space.start() + 0.03
    assert with_heads.value(z) == pytest.approx(without.value(z), rel=1e-12)


def test_lengths_that_several_share_go_alone(twin: Twin) -> None:
    shared = {
        "groups": {"vasti": ("muscle_0", "muscle_1")},
        "parameters": {name: {"scope": "group"} for name in ("optimal_fiber_length", "tendon_slack_length")},
    }
    with_heads, without = _prior(twin, prior={"head_correlation": 0.6}, **shared), _prior(twin, **shared)
    z = with_heads.space.start() + 0.03
    assert with_heads.value(z) == pytest.approx(without.value(z), rel=1e-12)


def test_by_default_heads_are_independent(twin: Twin) -> None:
    muscles = MuscleTable(muscles=tuple(replace(m, name=n) for m, n in zip(twin.start.muscles[:2], ("vasmed_r", "vaslat_l"), strict=True)))
    assert torch.equal(muscle_correlation(muscles.names, PriorSettings()), torch.eye(2, dtype=torch.float64))
