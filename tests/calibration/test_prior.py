"""What is believed beforehand: working points against a formula and central differences, the prior's value and derivatives."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from osim_nmscal.calibration.likelihood import LIKELIHOOD_UNIT, prior_unit
from osim_nmscal.calibration.parameter_space import ParameterSpace, parameter_space
from osim_nmscal.calibration.prior import Prior, WorkingPoints, mean_mtu_length
from osim_nmscal.calibration.settings import CalibrationSettings, LossSettings
from osim_nmscal.calibration.simulated_twin import LEAD_IN, Twin, make_twin
from osim_nmscal.calibration.stacking import stack_trials

# Fixed lengths, shared lengths, and each alone.
CASES = {
    "every length its own": {},
    "lengths of a group shared": {
        "groups": {"front": ("muscle_0", "muscle_2")},
        "parameters": {name: {"scope": "group"} for name in ("optimal_fiber_length", "tendon_slack_length")},
    },
    "slack lengths fixed": {"parameters": {"tendon_slack_length": {"free": False}}},
    "fiber lengths fixed": {"parameters": {"optimal_fiber_length": {"free": False}}},
    "both fixed": {"parameters": {name: {"free": False} for name in ("optimal_fiber_length", "tendon_slack_length")}},
    "one fiber length for all": {"parameters": {"optimal_fiber_length": {"scope": "global"}}},
}


@pytest.fixture(scope="module")
def twin() -> Twin:
    return make_twin(steps=50)


def make_prior(twin: Twin, weight: float = 0.7, **settings: object) -> Prior:
    calibration = CalibrationSettings.model_validate(settings)
    space = parameter_space(twin.start, calibration, time_step=0.01)
    return Prior(space, weight, WorkingPoints.of_start(space, mean_mtu_length(stack_trials(twin.trials)), calibration.prior))


def somewhere(space: ParameterSpace) -> torch.Tensor:
    z = space.start()
    return z + 0.1 * torch.randn(z.shape, generator=torch.Generator().manual_seed(7), dtype=z.dtype)


def working_points(twin: Twin, optimal: np.ndarray, slack: np.ndarray) -> np.ndarray:
    """Return normalized fiber lengths behind rigid tendons at mean MTU lengths, by trigonometry of a constant-width muscle."""
    mean = np.concatenate([trial.mtu_length[LEAD_IN:] for trial in twin.trials.trials]).mean(axis=0)
    width = optimal * np.sin(twin.start.values("pennation_angle_at_optimal"))
    return np.hypot(mean - slack, width) / optimal


def test_a_working_point_is_the_fiber_behind_a_rigid_tendon(twin: Twin) -> None:
    prior = make_prior(twin)
    z = somewhere(prior.space)
    parameters = prior.space.model_parameters(z)
    optimal, slack = parameters.optimal_fiber_length, parameters.tendon_slack_length
    expected = working_points(twin, optimal.numpy(), slack.numpy())
    np.testing.assert_allclose(prior.points.at(optimal, slack).numpy(), expected, rtol=1e-12)  # type: ignore[union-attr]


def test_a_working_point_is_believed_to_its_width_and_that_of_the_geometry(twin: Twin) -> None:
    prior = make_prior(twin, prior={"working_point_width": 0.05, "geometry_width": 0.02})
    mean = np.concatenate([trial.mtu_length[LEAD_IN:] for trial in twin.trials.trials]).mean(axis=0)
    expected = np.hypot(0.05, 0.02 * mean / twin.start.values("optimal_fiber_length"))
    np.testing.assert_allclose(prior.points.width.numpy(), expected, rtol=1e-12)  # type: ignore[union-attr]


@pytest.mark.parametrize("case", CASES)
def test_rows_of_working_points_are_those_of_central_differences(twin: Twin, case: str) -> None:
    prior = make_prior(twin, **CASES[case])
    z, step = somewhere(prior.space), 1e-6
    rows = prior.working_point_rows(z).numpy()

    def points(at: torch.Tensor) -> np.ndarray:
        parameters = prior.space.model_parameters(at)
        return working_points(twin, parameters.optimal_fiber_length.numpy(), parameters.tendon_slack_length.numpy())

    moves = step * torch.eye(len(z), dtype=z.dtype)
    differences = np.stack([(points(z + move) - points(z - move)) / (2.0 * step) for move in moves], axis=1)
    np.testing.assert_allclose(rows, differences, rtol=1e-7, atol=1e-8)


def test_a_slack_muscle_has_no_row(twin: Twin) -> None:
    # an MTU shorter than its tendon: the point stays at its least, whatever the lengths do
    prior = make_prior(twin)
    assert prior.points is not None
    points = replace(prior.points, mtu_length=0.5 * torch.tensor(twin.start.values("tendon_slack_length")))
    rows = Prior(prior.space, 1.0, points).working_point_rows(prior.space.start())
    assert not bool(rows.any())


@pytest.mark.parametrize("case", CASES)
def test_the_prior_is_the_sum_of_squared_deviations(twin: Twin, case: str) -> None:
    prior = make_prior(twin, **CASES[case])
    space, z = prior.space, somewhere(prior.space)
    expected = 0.0
    for block in space.free_blocks:  # in natural units: logarithms but for the shape factor
        value, start = block.internal(z).numpy(), block.start.numpy()
        deviation = value - start if block.name == "shape_factor" else np.log(value / start)
        expected += float(((deviation / block.prior_width.numpy()) ** 2)[block.column.numpy() >= 0].sum())
    parameters = space.model_parameters(z)
    point = working_points(twin, parameters.optimal_fiber_length.numpy(), parameters.tendon_slack_length.numpy())
    start = working_points(twin, twin.start.values("optimal_fiber_length"), twin.start.values("tendon_slack_length"))
    squared = ((point - start) / prior.points.width.numpy()) ** 2  # type: ignore[union-attr]
    if case == "lengths of a group shared":  # of two muscles with the same two lengths the mean counts
        squared[[0, 2]] /= 2.0
    if case == "both fixed":
        squared[:] = 0.0
    assert prior.value(z) == pytest.approx(0.7 * (expected + squared.sum()), rel=1e-10)


@pytest.mark.parametrize("case", CASES)
def test_gradient_and_hessian_are_those_of_the_value(twin: Twin, case: str) -> None:
    prior = make_prior(twin, **CASES[case])
    z, step = somewhere(prior.space), 1e-6
    gradient, hessian = torch.zeros_like(z), torch.zeros((len(z), len(z)), dtype=z.dtype)
    prior.add(z, gradient, hessian)
    moves = step * torch.eye(len(z), dtype=z.dtype)
    slopes = torch.tensor([(prior.value(z + move) - prior.value(z - move)) / (2.0 * step) for move in moves], dtype=z.dtype)
    torch.testing.assert_close(2.0 * gradient, slopes, rtol=1e-6, atol=1e-7 * float(slopes.abs().max()))
    # at the start no residual is left, so that Gauss and Newton agree: the Hessian is the change of the gradient
    start, at_start = prior.space.start(), torch.zeros_like(hessian)
    prior.add(start, torch.zeros_like(z), at_start)
    columns = []
    for move in moves:
        ahead, behind = torch.zeros_like(z), torch.zeros_like(z)
        prior.add(start + move, ahead, torch.zeros_like(hessian))
        prior.add(start - move, behind, torch.zeros_like(hessian))
        columns.append((ahead - behind) / (2.0 * step))
    torch.testing.assert_close(at_start, torch.stack(columns, dim=1), rtol=1e-6, atol=1e-6 * float(at_start.abs().max()))


def test_working_points_hold_long_tendons_tighter_than_their_own_width(twin: Twin) -> None:
    # 9 % of a tendon twice as long as its fiber is a fifth of the fiber: the cap of 0.3 alone would let muscles work anywhere
    prior = make_prior(twin)
    column = prior.space.blocks["tendon_slack_length"].column
    spread = torch.linalg.inv(prior.precision(prior.space.start())).diagonal().sqrt()
    assert bool((spread[column] < 0.7 * prior.space.believed_width()[column]).all())


def test_without_weight_or_working_points_there_is_no_coupling(twin: Twin) -> None:
    prior = make_prior(twin, weight=0.0)
    z = somewhere(prior.space)
    gradient, hessian = torch.zeros_like(z), torch.zeros((len(z), len(z)), dtype=z.dtype)
    prior.add(z, gradient, hessian)
    assert prior.value(z) == 0.0
    assert not bool(gradient.any() | hessian.any())
    alone = Prior(prior.space, 1.0)
    torch.testing.assert_close(alone.pull(z), torch.diag(prior.space.prior_width() ** -2.0))


def test_caution_pulls_fiber_lengths_harder_and_believes_the_same(twin: Twin) -> None:
    plain, cautious = (make_prior(twin, prior={"length_caution": caution}) for caution in (1.0, 2.0))
    z = plain.space.start()
    column = plain.space.blocks["optimal_fiber_length"].column
    growth = (cautious.pull(z) - plain.pull(z)).diagonal()
    np.testing.assert_allclose(growth[column].numpy(), 3.0 / plain.space.prior_width()[column].numpy() ** 2, rtol=1e-9)
    torch.testing.assert_close(cautious.precision(z), plain.precision(z))


def test_the_prior_weighs_one_where_moments_are_weighed_by_their_noise() -> None:
    # in the unit of the loss, half of minus twice a log-likelihood
    assert prior_unit(LossSettings()) == LIKELIHOOD_UNIT
    assert prior_unit(LossSettings(moment_scale="sd", prior_weight=0.3)) == 0.3
