"""What is known of muscles before any trial is seen is where the prior's mean and widths are."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from osim_nmscal.calibration.calibrate import calibrate
from osim_nmscal.calibration.parameter_space import parameter_space
from osim_nmscal.calibration.prior import Prior, WorkingPoints, mean_mtu_length
from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.calibration.simulated_twin import Twin, make_twin
from osim_nmscal.calibration.stacking import stack_trials
from osim_nmscal.data.starting_values import StartingValues
from osim_nmscal.initialization.natural_lengths import NaturalLengths

SETTINGS = CalibrationSettings()


@pytest.fixture(scope="module")
def twin() -> Twin:
    return make_twin(steps=50)


def _known(twin: Twin, **first: float) -> StartingValues:
    """Return the twin's start, of whose first muscle something is known."""
    start = StartingValues.of(twin.start)
    arrays = {name: getattr(start, name).copy() for name in first}
    for name, value in first.items():
        arrays[name][0] = value
    return replace(start, **arrays)


def _prior(twin: Twin, known: StartingValues) -> Prior:
    stacked = stack_trials(twin.trials)
    space = parameter_space(known, SETTINGS, time_step=stacked.time_step)
    return Prior(space, 1.0, WorkingPoints.of_start(space, mean_mtu_length(stacked), SETTINGS.prior))


def test_nothing_known_is_the_prior_of_the_muscles_alone(twin: Twin) -> None:
    stacked = stack_trials(twin.trials)
    alone = parameter_space(twin.start, SETTINGS, time_step=stacked.time_step)
    told = parameter_space(StartingValues.of(twin.start), SETTINGS, time_step=stacked.time_step)
    torch.testing.assert_close(alone.prior_width(), told.prior_width(), rtol=0.0, atol=0.0)


def test_a_known_fiber_length_narrows_its_own_width_alone(twin: Twin) -> None:
    none, known = (_prior(twin, start).space for start in (StartingValues.of(twin.start), _known(twin, log_fiber_length_sd=0.03)))
    ratio = known.believed_width() / none.believed_width()
    column = int(known.blocks["optimal_fiber_length"].column[0])
    assert float(ratio[column]) == pytest.approx(0.03 / SETTINGS.parameters.optimal_fiber_length.prior_width)
    assert bool((ratio.index_select(0, torch.tensor([i for i in range(len(ratio)) if i != column])) == 1.0).all())
    assert float(known.prior_width()[column]) == float(known.believed_width()[column])  # no caution beyond what was measured


def test_a_known_working_point_is_at_its_own_mtu_length(twin: Twin) -> None:
    points = _prior(twin, _known(twin, reference_mtu_length=0.33, working_point_sd=0.02)).points
    assert points is not None
    assert (float(points.mtu_length[0]), float(points.width[0])) == (0.33, 0.02)
    assert float(points.width[1]) >= SETTINGS.prior.working_point_width


def test_a_correlated_prior_is_that_of_the_natural_lengths(twin: Twin) -> None:
    known = _known(twin, log_fiber_length_sd=0.08, reference_mtu_length=0.31, working_point_sd=0.1, correlation=-0.9)
    prior, column = _prior(twin, known), 0
    z = prior.space.start()
    fiber, slack = (int(prior.space.blocks[name].column[column]) for name in ("optimal_fiber_length", "tendon_slack_length"))
    z[fiber], z[slack] = z[fiber] + 0.05, z[slack] - 0.02
    moved = prior.space.model_parameters(z)
    natural = NaturalLengths.of(known.select(known.muscles.names[:1]), np.array([0.31]))
    log_fiber = np.log(moved.optimal_fiber_length[:1].numpy() / natural.optimal_fiber_length)
    along = (0.31 - moved.tendon_slack_length[:1].numpy()) / moved.optimal_fiber_length[:1].numpy()
    point = np.hypot(along, natural.height) - natural.working_point
    wanted = float((natural.whitened(log_fiber, point) ** 2).sum())
    cap = float(((z[slack] - prior.space.start()[slack]) / prior.space.prior_width()[slack]) ** 2)  # on slack alone
    assert prior.value(z) == pytest.approx(wanted + cap, rel=1e-9)


def test_gradient_and_hessian_of_a_correlated_prior_are_those_of_its_value(twin: Twin) -> None:
    prior = _prior(twin, _known(twin, log_fiber_length_sd=0.08, reference_mtu_length=0.31, working_point_sd=0.1, correlation=-0.9))
    z = prior.space.start() + 0.02 * torch.sin(torch.arange(prior.space.size, dtype=torch.float64))
    gradient, hessian = torch.zeros_like(z), torch.zeros((len(z), len(z)), dtype=torch.float64)
    prior.add(z, gradient, hessian)
    step = 1e-6
    for i in range(len(z)):
        shift = step * torch.eye(len(z), dtype=torch.float64)[i]
        slope = (prior.value(z + shift) - prior.value(z - shift)) / (4 * step)  # of half the value
        assert float(gradient[i]) == pytest.approx(slope, rel=1e-5, abs=1e-6)  # central differences of a curve of order one
    assert bool((torch.linalg.eigvalsh(hessian) >= -1e-9).all())


def test_a_measured_fiber_stays_where_it_was_measured(twin: Twin) -> None:
    free = calibrate(twin.trials, twin.start, SETTINGS)
    held = calibrate(twin.trials, _known(twin, log_fiber_length_sd=1e-3), SETTINGS)
    start = twin.start.muscles[0].optimal_fiber_length
    moved = [abs(result.muscles.muscles[0].optimal_fiber_length / start - 1.0) for result in (free, held)]
    assert moved[1] < min(0.005, moved[0])
