"""One way into every calibration, with a built-in optimiser or one's own."""

from typing import get_args

import pytest
from torch import Tensor

from osim_nmscal.calibration.calibrate import calibrate
from osim_nmscal.calibration.emg_driven import calibrate_emg_driven
from osim_nmscal.calibration.optimizer_settings import AdamWSettings, GaussNewtonSettings
from osim_nmscal.calibration.optimizers import Journal, Loss, Minimum, Progress
from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.calibration.simulated_twin import Twin, make_synergy_twin, make_twin
from osim_nmscal.calibration.synergy.calibration import calibrate_synergy_hybrid
from osim_nmscal.calibration.synergy.settings import SynergySettings
from osim_nmscal.errors import CalibrationError

SHORT = GaussNewtonSettings(maximum_iterations=3)
HYBRID = CalibrationSettings(method="synergy_hybrid", gauss_newton=SHORT, synergy=SynergySettings(factorization_starts=1))
ROLES = {"muscle_7": "withheld"}


@pytest.fixture(scope="module")
def twin() -> Twin:
    return make_twin(steps=50)


def steepest_descent(loss: Loss, start: Tensor, *, progress: Progress | None = None) -> Minimum:
    """A user's own: backtracking along the scaled gradient."""
    journal = Journal(progress, limit=8)
    best = loss.evaluate(start)
    journal.add(0, best)
    for iteration in range(1, 9):
        gradient = loss.gradient(best)
        step = 0.1 / float(gradient.abs().max())
        while (trial := loss.evaluate((best.z - step * gradient).clamp(0.0, 1.0))).loss >= best.loss and step > 1e-12:
            step /= 4.0
        best = trial if trial.loss < best.loss else best
        journal.add(iteration, best)
    return Minimum(best, "iterations", "Took 8 steps.", 8, tuple(journal.rows))


def test_the_method_decides(twin: Twin) -> None:
    settings = CalibrationSettings(gauss_newton=SHORT)
    assert calibrate(twin.trials, twin.start, settings).loss_final == calibrate_emg_driven(twin.trials, twin.start, settings).loss_final
    person = make_synergy_twin(trials=2, steps=60)
    both = (function(person.trials, person.twin.start, HYBRID, roles=ROLES) for function in (calibrate, calibrate_synergy_hybrid))
    first, second = both
    assert first.loss_final == second.loss_final
    assert first.synergy is not None


@pytest.mark.parametrize("method", get_args(CalibrationSettings.model_fields["method"].annotation))
def test_every_method_goes_its_own_way(method: str) -> None:
    person = make_synergy_twin(trials=2, steps=50)
    settings = CalibrationSettings(method=method, gauss_newton=GaussNewtonSettings(maximum_iterations=1))
    assert calibrate(person.trials, person.twin.start, settings).method == ("emg_driven" if method == "auto" else method)


def test_an_optimiser_of_ones_own_joins_an_emg_driven_calibration(twin: Twin) -> None:
    result = calibrate(twin.trials, twin.start, optimizer=steepest_descent)
    assert result.optimizer == "steepest_descent"
    assert result.sentence == "Took 8 steps."
    assert result.loss_final < 0.8 * result.loss_initial
    assert len(result.parameters) == 32  # 8 kinds of 4 muscles


def test_an_optimiser_of_ones_own_joins_a_synergy_hybrid_calibration() -> None:
    person = make_synergy_twin(trials=2, steps=60)
    settings = HYBRID.model_copy(update={"gauss_newton": GaussNewtonSettings()})
    result = calibrate(person.trials, person.twin.start, settings, optimizer=steepest_descent, roles=ROLES)
    assert result.loss_final < result.loss_initial
    assert result.synergy is not None


def test_a_built_in_optimiser_can_be_named(twin: Twin) -> None:
    settings = CalibrationSettings(adamw=AdamWSettings(maximum_iterations=4), optimizer="adamw")
    named = calibrate(twin.trials, twin.start, settings.model_copy(update={"optimizer": "gauss_newton"}), optimizer="adamw")
    assert named.optimizer == "adamw"
    assert named.loss_final == calibrate(twin.trials, twin.start, settings).loss_final
    with pytest.raises(ValueError, match="'gauss_newton', 'adamw' or 'simulated_annealing'"):
        calibrate(twin.trials, twin.start, optimizer="gradient_descent")


def test_settings_of_an_optimiser_that_does_not_run_are_refused(twin: Twin) -> None:
    with pytest.raises(CalibrationError, match=r"gauss_newton\] maximum_iterations .*given an optimizer of its own"):
        calibrate(twin.trials, twin.start, CalibrationSettings(gauss_newton=SHORT), optimizer=steepest_descent)


def test_roles_of_an_emg_driven_calibration_are_refused(twin: Twin) -> None:
    with pytest.raises(CalibrationError, match="roles would change nothing"):
        calibrate(twin.trials, twin.start, CalibrationSettings(method="emg_driven"), roles={"muscle_0": "withheld"})


def test_an_optimisers_best_is_kept_among_several_starts(twin: Twin) -> None:
    ends: list[float] = []

    def stay(loss: Loss, start: Tensor, *, progress: Progress | None = None) -> Minimum:
        at = loss.evaluate(start)
        ends.append(at.loss)
        journal = Journal(progress, limit=1)
        journal.add(0, at)
        return Minimum(at, "converged", "Stayed.", 0, tuple(journal.rows))

    result = calibrate(twin.trials, twin.start, CalibrationSettings(starts=3, seed=2), optimizer=stay)
    assert len(set(ends)) == 3
    assert result.loss_final == pytest.approx(min(ends), rel=1e-6)
