"""EMG-driven calibration of a simulated person: it finds the moments and parameters back, and tells what it did."""

from dataclasses import replace

import numpy as np
import pytest
from calibration_twin import moment_errors

from osim_nmscal.calibration.emg_driven import calibrate_emg_driven
from osim_nmscal.calibration.optimizer_settings import AdamWSettings, GaussNewtonSettings
from osim_nmscal.calibration.prediction import predict
from osim_nmscal.calibration.settings import CalibrationSettings, LossSettings, ParameterSettings, ParametersSettings
from osim_nmscal.calibration.simulated_twin import Twin, make_twin
from osim_nmscal.data.results import CalibrationResult, HistoryRow
from osim_nmscal.data.trials import TrialSet

# noise-free data leave nothing for a prior to decide
EXACT = CalibrationSettings(
    preset="weak_prior", loss=LossSettings(prior_weight=0.0), gauss_newton=GaussNewtonSettings(tolerance=1e-6, maximum_iterations=200)
)


@pytest.fixture(scope="module")
def twin() -> Twin:
    return make_twin()


@pytest.fixture(scope="module")
def calibrated(twin: Twin) -> CalibrationResult:
    return calibrate_emg_driven(twin.trials, twin.start)


@pytest.mark.parametrize(("seed", "rigid"), [(0, ()), (2, ()), (5, ()), (3, (1, 2))])
def test_moments_of_a_known_person_are_recovered(seed: int, rigid: tuple[int, ...]) -> None:
    # lengths and forces start up to 10 % off, C1, C2 and A at their defaults
    twin = make_twin(seed=seed, rigid=rigid)
    assert moment_errors(twin, calibrate_emg_driven(twin.trials, twin.start, EXACT)).max() < 1e-3


def test_parameters_of_a_known_person_are_recovered() -> None:
    twin = make_twin(seed=0)
    result = calibrate_emg_driven(twin.trials, twin.start, EXACT)
    np.testing.assert_allclose(result.muscles.values("tendon_slack_length"), twin.true.values("tendon_slack_length"), rtol=1e-3)
    np.testing.assert_allclose(result.muscles.values("optimal_fiber_length"), twin.true.values("optimal_fiber_length"), rtol=1e-2)
    np.testing.assert_allclose(result.muscles.values("max_isometric_force"), twin.true.values("max_isometric_force"), rtol=1e-2)


def test_c1_is_the_slower_of_the_two_filters(calibrated: CalibrationResult) -> None:
    assert (calibrated.neural.c1 <= calibrated.neural.c2).all()


def test_strength_is_in_the_maximum_isometric_force(twin: Twin, calibrated: CalibrationResult) -> None:
    expected = twin.start.values("max_isometric_force") * calibrated.strength_coefficient
    np.testing.assert_allclose(calibrated.muscles.values("max_isometric_force"), expected, rtol=1e-12)


def test_the_same_input_gives_the_same_bits(twin: Twin, calibrated: CalibrationResult) -> None:
    again = calibrate_emg_driven(twin.trials, twin.start)
    assert [p.calibrated for p in again.parameters] == [p.calibrated for p in calibrated.parameters]
    assert [p.standard_error for p in again.parameters] == [p.standard_error for p in calibrated.parameters]
    assert [row.loss for row in again.history] == [row.loss for row in calibrated.history]


def test_random_starts_are_seeded_and_never_worse_than_one(twin: Twin, calibrated: CalibrationResult) -> None:
    several = CalibrationSettings(starts=3, seed=4)
    first, second = (calibrate_emg_driven(twin.trials, twin.start, several) for _ in range(2))
    assert first.loss_final == second.loss_final
    assert first.loss_final <= calibrated.loss_final


def test_terms_add_up_to_the_loss_in_every_row(calibrated: CalibrationResult) -> None:
    for row in calibrated.history:
        assert sum(row.term_values) == pytest.approx(row.loss, rel=1e-12)
        assert "moment" in row.term_names


def test_control_c_returns_the_best_so_far(twin: Twin) -> None:
    seen: list[HistoryRow] = []

    def interrupt(row: HistoryRow) -> None:
        seen.append(row)
        if row.iteration == 2:
            raise KeyboardInterrupt

    result = calibrate_emg_driven(twin.trials, twin.start, progress=interrupt)
    assert result.status == "interrupted"
    # evaluated once more, with the fibers solved to 1e-10 again
    assert result.loss_final == pytest.approx(seen[-1].loss, rel=1e-6)
    assert result.loss_final < seen[0].loss
    assert "best so far" in result.sentence


def test_silent_and_unseen_muscles_are_held_fixed_and_named(twin: Twin) -> None:
    trials = []
    for trial in twin.trials.trials:
        excitation, arm = trial.excitation.copy(), trial.moment_arm.copy()
        excitation[:, 1], arm[:, :, 2] = 0.0, 0.0
        trials.append(replace(trial, excitation=excitation, moment_arm=arm))
    result = calibrate_emg_driven(TrialSet(trials=tuple(trials)), twin.start)
    assert any("excitation is zero throughout: muscle_1" in finding for finding in result.findings)
    assert any("no calibrated DOF sees them: muscle_2" in finding for finding in result.findings)
    assert {row.at_bound for row in result.parameters if row.owner in ("muscle_1", "muscle_2")} == {"fixed"}
    assert result.muscles.muscles[1] == twin.start.muscles[1]


def test_a_value_at_its_bound_is_reported(twin: Twin) -> None:
    # a bound between the start and the truth
    truth = float(twin.truth("strength_coefficient").min())
    narrow = ParameterSettings(lower=(1.0 + truth) / 2.0, upper=2.0, start=1.0)
    assert truth < 0.99
    result = calibrate_emg_driven(
        twin.trials, twin.start, EXACT.model_copy(update={"parameters": ParametersSettings(strength_coefficient=narrow)})
    )
    assert "lower" in {row.at_bound for row in result.parameters if row.name == "strength_coefficient"}


def test_held_out_trials_do_not_take_part(twin: Twin) -> None:
    first, second = twin.trials.trials
    alone = calibrate_emg_driven(TrialSet(trials=(first,)), twin.start)
    beside = calibrate_emg_driven(TrialSet(trials=(first, replace(second, role="held_out"))), twin.start)
    assert beside.loss_final == alone.loss_final


@pytest.mark.parametrize("optimizer", ["gauss_newton", "adamw"])
def test_progress_says_rate_and_limit(twin: Twin, optimizer: str) -> None:
    short = {"gauss_newton": GaussNewtonSettings(maximum_iterations=3), "adamw": AdamWSettings(maximum_iterations=3)}
    settings = CalibrationSettings(optimizer=optimizer, **{optimizer: short[optimizer]})
    rows: list[HistoryRow] = []
    calibrate_emg_driven(twin.trials, twin.start, settings, progress=rows.append)
    assert [row.iteration for row in rows] == [0, 1, 2, 3]
    assert all(row.rate > 0.0 and row.limit == 3 for row in rows)
    if optimizer == "adamw":
        # exponential decay to the final rate
        assert rows[-1].rate == pytest.approx(AdamWSettings().final_learning_rate)


def test_a_delay_of_each_muscle_reaches_the_result_and_its_prediction(twin: Twin) -> None:
    # found delays differ by muscle, and predicting with them repeats the moments that the optimiser saw
    delays = ParameterSettings(lower=0.0, upper=0.1, start=0.035, scope="muscle")
    settings = CalibrationSettings(preset="weak_prior", parameters={"electromechanical_delay": delays})  # type: ignore[arg-type]
    result = calibrate_emg_driven(twin.trials, twin.start, settings)
    found = [row.calibrated for row in result.parameters if row.name == "electromechanical_delay"]
    assert np.ptp(found) > 1e-3
    np.testing.assert_allclose(result.neural.electromechanical_delay, found, rtol=1e-12)
    errors = []
    for trial, prediction in zip(twin.trials.trials, predict(twin.trials, result.muscles, result.neural, settings), strict=True):
        counted = slice(trial.first_counted, None)
        scale = np.concatenate([t.joint_moment[counted] for t in twin.trials.trials]).std(axis=0, ddof=1)
        errors.append((((prediction.joint_moment - trial.joint_moment)[counted] / scale) ** 2).mean())
    moment = dict(zip(result.history[-1].term_names, result.history[-1].term_values, strict=True))["moment"]
    # the last row of the history is before C1 and C2 are ordered, which changes nothing
    assert sum(errors) == pytest.approx(moment, rel=1e-6)


def test_bounds_are_reported_in_the_unit_of_the_value(twin: Twin, calibrated: CalibrationResult) -> None:
    # lengths are bounded relative to their start, strengths absolutely
    bounds = {"optimal_fiber_length": (0.7, 1.35), "tendon_slack_length": (0.7, 1.3)}
    for row in calibrated.parameters:
        muscle = twin.start.muscles[twin.start.index(row.owner)]
        if row.name in ("optimal_fiber_length", "tendon_slack_length"):
            start = getattr(muscle, row.name)
            assert (row.unit, row.start) == ("m", pytest.approx(start, rel=1e-12))
            assert (row.lower, row.upper) == pytest.approx([factor * start for factor in bounds[row.name]], rel=1e-12)
        if row.name == "strength_coefficient":
            assert (row.unit, row.lower, row.start, row.upper) == ("-", 0.35, 1.0, 2.6)
        assert row.lower <= row.calibrated <= row.upper


def test_a_value_at_its_upper_bound_is_reported(twin: Twin) -> None:
    truth = float(twin.truth("strength_coefficient").max())
    narrow = ParameterSettings(lower=0.5, upper=(1.0 + truth) / 2.0, start=1.0)
    assert truth > 1.01
    result = calibrate_emg_driven(
        twin.trials, twin.start, EXACT.model_copy(update={"parameters": ParametersSettings(strength_coefficient=narrow)})
    )
    at_upper = [row for row in result.parameters if row.at_bound == "upper"]
    assert "strength_coefficient" in {row.name for row in at_upper}
    assert all(row.calibrated == pytest.approx(row.upper, rel=1e-3) for row in at_upper)
    inside = [row for row in result.parameters if row.at_bound == ""]
    assert all(row.lower < row.calibrated < row.upper for row in inside)
