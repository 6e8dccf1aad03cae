"""The second fit with the noise that the first one shows: told as one search, interrupted anywhere, left out where it means nothing."""

import numpy as np
import pytest
import torch
from torch import Tensor

from osim_nmscal.calibration.calibrate import calibrate
from osim_nmscal.calibration.emg_driven import calibrate_emg_driven
from osim_nmscal.calibration.likelihood import noise_of_errors
from osim_nmscal.calibration.noise_settings import NoiseSettings
from osim_nmscal.calibration.optimizer_settings import AnnealingSettings, GaussNewtonSettings
from osim_nmscal.calibration.optimizers import Journal, Loss, Minimum, Progress
from osim_nmscal.calibration.prediction import predict
from osim_nmscal.calibration.prior_settings import PriorSettings
from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.calibration.simulated_twin import Twin, make_twin
from osim_nmscal.calibration.stacking import stack_trials
from osim_nmscal.data.results import HistoryRow

ONCE = CalibrationSettings(gauss_newton=GaussNewtonSettings(maximum_iterations=3))
SHORT = ONCE.model_copy(update={"noise": NoiseSettings(refit=True)})


@pytest.fixture(scope="module")
def twin() -> Twin:
    return make_twin(steps=50, noise=0.05)


def test_two_fits_are_told_as_one_search(twin: Twin) -> None:
    told: list[HistoryRow] = []
    result = calibrate_emg_driven(twin.trials, twin.start, SHORT, progress=told.append)
    assert [row.iteration for row in result.history] == list(range(result.iterations + 1))
    assert [row.iteration for row in told] == [row.iteration for row in result.history]
    assert [row.seconds for row in result.history] == sorted(row.seconds for row in result.history)
    # both ends in the unit of the second
    assert result.loss_final == pytest.approx(result.history[-1].loss, rel=1e-3)
    assert result.loss_final < result.loss_initial


def test_the_second_fit_weighs_by_the_noise_of_the_first(twin: Twin) -> None:
    # noise of 5 % of the range is far below what is stated: errors weigh more, and the fit comes closer
    first, both = (calibrate_emg_driven(twin.trials, twin.start, settings) for settings in (ONCE, SHORT))
    assert first.iterations <= 3 < both.iterations
    moment = [result.history[3].term_values[result.history[3].term_names.index("moment")] for result in (first, both)]
    assert moment[0] == moment[1]  # up to here they are the same
    assert both.history[-1].loss != pytest.approx(first.history[-1].loss, rel=0.01)


@pytest.mark.parametrize("at", [1, 5], ids=["in the first fit", "in the second"])
def test_control_c_stops_either_fit_with_the_best_so_far(twin: Twin, at: int) -> None:
    seen: list[HistoryRow] = []

    def interrupt(row: HistoryRow) -> None:
        seen.append(row)
        if row.iteration == at:
            raise KeyboardInterrupt

    result = calibrate_emg_driven(twin.trials, twin.start, SHORT, progress=interrupt)
    assert result.status == "interrupted"
    assert len(seen) == at + 1  # nothing went on
    assert result.loss_final < result.loss_initial
    assert "best so far" in result.sentence
    assert len(result.parameters) == 32


def test_an_optimiser_of_ones_own_meets_the_second_fit_where_the_first_ended(twin: Twin) -> None:
    starts: list[Tensor] = []

    def step_once(loss: Loss, start: Tensor, *, progress: Progress | None = None) -> Minimum:
        starts.append(start)
        journal = Journal(progress, limit=1)
        before = loss.evaluate(start)
        journal.add(0, before)
        gradient = loss.gradient(before)
        after = loss.evaluate((start - 0.01 * gradient / gradient.abs().max()).clamp(0.0, 1.0))
        journal.add(1, after)
        return Minimum(after, "converged", "Stepped.", 1, tuple(journal.rows))

    result = calibrate(twin.trials, twin.start, CalibrationSettings(noise=NoiseSettings(refit=True)), optimizer=step_once)
    assert len(starts) == 2
    assert float((starts[1] - starts[0]).abs().max()) == pytest.approx(0.01)
    assert result.iterations == 2
    assert [row.limit for row in result.history] == [1, 1, 2]


@pytest.mark.parametrize(
    "settings",
    [
        CalibrationSettings(preset="weak_prior", gauss_newton=GaussNewtonSettings(maximum_iterations=2)),
        CalibrationSettings(
            optimizer="simulated_annealing",
            simulated_annealing=AnnealingSettings(maximum_evaluations=10),
            noise=NoiseSettings(refit=True),
        ),
        CalibrationSettings(gauss_newton=GaussNewtonSettings(maximum_iterations=2)),
    ],
    ids=["moments divided by their spread", "annealing", "the defaults"],
)
def test_where_noise_is_not_learned_there_is_one_fit(twin: Twin, settings: CalibrationSettings) -> None:
    rows: list[HistoryRow] = []
    result = calibrate(twin.trials, twin.start, settings, progress=rows.append)
    assert [row.iteration for row in rows].count(0) == 1
    assert len({row.limit for row in result.history}) == 1
    assert result.loss_initial == result.history[0].loss


def test_the_loss_of_the_start_is_that_of_the_first_start(twin: Twin) -> None:
    # the best of several starts is another point; what a calibration gained is told from the model's own values
    one, several = (calibrate(twin.trials, twin.start, SHORT.model_copy(update={"starts": n, "seed": n - 1})) for n in (1, 2))
    assert torch.isfinite(torch.tensor(several.loss_initial))
    assert one.loss_initial > one.loss_final
    assert several.loss_initial > several.loss_final


def test_intervals_count_the_noise_that_was_learned_once() -> None:
    # learned in a second fit, or stated from the start: the same weights in the end, so the same intervals
    twin = make_twin(muscles=2, trials=1, dofs=1, noise=0.2)  # far above what is stated
    exact = PriorSettings(moment_arm_width=0.0)
    settings = CalibrationSettings(noise=NoiseSettings(refit=True, floor=1e-6), prior=exact)
    learned = calibrate_emg_driven(twin.trials, twin.start, settings)
    errors = predict(twin.trials, learned.muscles, learned.neural)[0].joint_moment - twin.trials.trials[0].joint_moment
    shown = noise_of_errors(torch.from_numpy(errors)[:, None], stack_trials(twin.trials), settings.noise)
    stated = NoiseSettings(relative=float(shown.relative[0]), correlation_time=shown.correlation_time, floor=1e-6)
    told = calibrate_emg_driven(twin.trials, twin.start, CalibrationSettings(noise=stated, prior=exact))
    ratios = [a.standard_error / b.standard_error for a, b in zip(learned.parameters, told.parameters, strict=True)]
    np.testing.assert_allclose(ratios, 1.0, rtol=0.1)
