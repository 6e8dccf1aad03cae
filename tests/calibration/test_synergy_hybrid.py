"""Synergy-hybrid calibration: recovery of known synergies, predictions of held-out trials, roles of muscles, bad input."""

from dataclasses import replace

import numpy as np
import pytest
from calibration_twin import correlation
from scipy.optimize import linear_sum_assignment

from osim_nmscal.calibration.emg_driven import calibrate_emg_driven
from osim_nmscal.calibration.optimizer_settings import AdamWSettings, GaussNewtonSettings
from osim_nmscal.calibration.predict_calibrated import predict_calibrated
from osim_nmscal.calibration.settings import CalibrationSettings, LossSettings, without_synergies
from osim_nmscal.calibration.simulated_twin import LEAD_IN, SynergyTwin, make_synergy_twin
from osim_nmscal.calibration.synergy.calibration import calibrate_synergy_hybrid
from osim_nmscal.calibration.synergy.prediction import predict_hybrid, primitives_from_emg
from osim_nmscal.calibration.synergy.settings import SynergySettings
from osim_nmscal.data.results import CalibrationResult, SynergyResult
from osim_nmscal.data.trials import TrialSet
from osim_nmscal.errors import CalibrationError, SignalError, UnknownNameError
from osim_nmscal.evaluation import moment_metrics

WITHHELD = ("muscle_6", "muscle_7")
ROLES = dict.fromkeys(WITHHELD, "withheld")
# without noise there is nothing to regularise against
EXACT = CalibrationSettings(
    preset="weak_prior",
    method="synergy_hybrid",
    loss=LossSettings(prior_weight=1e-6),
    synergy=SynergySettings(count=3, excitation_weight=1e-4),
    gauss_newton=GaussNewtonSettings(maximum_iterations=40),
)
SHORT = CalibrationSettings(
    method="synergy_hybrid", gauss_newton=GaussNewtonSettings(maximum_iterations=3), synergy=SynergySettings(factorization_starts=1)
)


@pytest.fixture(scope="module")
def person() -> SynergyTwin:
    return make_synergy_twin()


@pytest.fixture(scope="module")
def calibrated(person) -> CalibrationResult:
    return calibrate_synergy_hybrid(person.trials, person.twin.start, EXACT, roles=ROLES)


def with_excitation(trials: TrialSet, muscle: str, change) -> TrialSet:
    column = trials.muscles.index(muscle)
    changed = []
    for trial in trials.trials:
        excitation = trial.excitation.copy()
        excitation[:, column] = change(excitation[:, column])
        changed.append(replace(trial, excitation=excitation))
    return TrialSet(trials=tuple(changed))


def errors(trials: TrialSet, predictions) -> float:
    return float(np.mean([metric.nrmse for metric in moment_metrics(trials, predictions, model="calibrated")]))


def test_moments_of_known_synergies_are_explained_to_one_percent(person, calibrated):
    predicted = predict_hybrid(person.trials.calibration, calibrated, EXACT, mode="calibrated")
    assert errors(person.trials.calibration, predicted) < 0.01


def test_withheld_excitations_are_recovered(person, calibrated):
    columns = [person.trials.muscles.index(name) for name in WITHHELD]
    recorded = [trial.excitation[:, columns] for trial in person.trials.calibration.trials]
    made = [excitation[:, columns] for excitation in calibrated.synergy.excitations]
    assert correlation(recorded, made).min() > 0.9


def test_weights_are_recovered_up_to_scale_and_order(person, calibrated):
    true, found = (w / np.linalg.norm(w, axis=1, keepdims=True) for w in (person.weights, calibrated.synergy.weights))
    rows, columns = linear_sum_assignment(-true @ found.T)
    assert (true @ found.T)[rows, columns].min() > 0.9


def test_held_out_moments_are_predicted_from_emg_alone(person, calibrated):
    held_out = person.trials.held_out
    silent = TrialSet(trials=tuple(replace(trial, joint_moment=0.0 * trial.joint_moment) for trial in held_out.trials))
    blind = predict_hybrid(silent, calibrated, EXACT)  # moments unseen
    np.testing.assert_array_equal(blind[0].joint_moment, predict_hybrid(held_out, calibrated, EXACT)[0].joint_moment)
    assert errors(held_out, blind) < 0.06


def test_tracking_the_moments_as_well_lowers_the_error(person, calibrated):
    held_out = person.trials.held_out
    tracking = predict_hybrid(held_out, calibrated, EXACT, mode="emg_hybrid")
    assert errors(held_out, tracking) < errors(held_out, predict_hybrid(held_out, calibrated, EXACT))


def test_recorded_muscles_keep_their_emg_in_every_prediction(person, calibrated):
    for mode in ("from_emg", "emg_hybrid"):
        prediction = predict_hybrid(person.trials.held_out, calibrated, EXACT, mode=mode)[0]
        np.testing.assert_array_equal(prediction.excitation[:, :6], person.trials.held_out.trials[0].excitation[:, :6])
        assert prediction.excitation.min() >= 0.0
        assert prediction.excitation.max() <= 1.0


def test_a_trial_that_did_not_calibrate_has_no_calibrated_primitives(person, calibrated):
    with pytest.raises(UnknownNameError, match="from_emg"):
        predict_hybrid(person.trials.held_out, calibrated, EXACT, mode="calibrated")


def test_a_run_whose_trials_all_calibrate_is_predicted_too(person, calibrated):
    predicted = predict_calibrated(person.trials.calibration, calibrated, EXACT)
    assert tuple(one.trial for one in predicted) == person.trials.calibration.names


def test_same_seed_gives_the_same_bits(person):
    first, second = (calibrate_synergy_hybrid(person.trials, person.twin.start, SHORT, roles=ROLES) for _ in range(2))
    np.testing.assert_array_equal(first.synergy.weights, second.synergy.weights)
    assert first.loss_final == second.loss_final


def test_weights_of_each_trial_explain_the_calibration_trials_better(person):
    shared = calibrate_synergy_hybrid(person.trials, person.twin.start, SHORT, roles=ROLES)
    settings = SHORT.model_copy(update={"synergy": SHORT.synergy.model_copy(update={"weights": "per_trial"})})
    own = calibrate_synergy_hybrid(person.trials, person.twin.start, settings, roles=ROLES)
    assert own.synergy.trial_weights.shape[0] == 3
    assert shared.synergy.trial_weights.shape[0] == 1
    assert own.loss_final < shared.loss_final


def test_adamw_lowers_the_same_loss(person):
    settings = SHORT.model_copy(update={"optimizer": "adamw", "adamw": AdamWSettings(maximum_iterations=20)})
    result = calibrate_synergy_hybrid(person.trials, person.twin.start, settings, roles=ROLES)
    assert result.loss_final < 0.8 * result.loss_initial


def test_simulated_annealing_is_refused(person):
    with pytest.raises(CalibrationError, match="gauss_newton"):
        calibrate_synergy_hybrid(
            person.trials, person.twin.start, SHORT.model_copy(update={"optimizer": "simulated_annealing"}), roles=ROLES
        )


def test_only_recorded_muscles_have_a_gain(person):
    result = calibrate_synergy_hybrid(person.trials, person.twin.start, SHORT, roles=ROLES)
    rows = {row.owner: row for row in result.parameters if row.name == "emg_scale"}
    assert {rows[name].at_bound for name in WITHHELD} == {"fixed"}
    assert [rows[name].calibrated for name in WITHHELD] == [1.0, 1.0]
    assert all(rows[name].at_bound == "" and rows[name].start == 0.93 for name in result.synergy.recorded)
    # the weights of synthesised muscles scale them already
    np.testing.assert_array_equal(result.neural.emg_scale[[6, 7]], 1.0)


def test_without_muscles_to_synthesise_it_is_the_emg_driven_calibration(person):
    hybrid = calibrate_synergy_hybrid(person.trials, person.twin.start, SHORT)
    driven = calibrate_emg_driven(person.trials, person.twin.start, without_synergies(SHORT))
    assert hybrid.loss_final == driven.loss_final
    assert hybrid.synergy is None
    assert "nothing to synthesise" in hybrid.findings[-1]


def test_a_silent_muscle_is_synthesised(person):
    trials = with_excitation(person.trials, "muscle_2", lambda e: 0.0 * e)
    result = calibrate_synergy_hybrid(trials, person.twin.start, SHORT)
    assert result.synergy.synthesized == ("muscle_2",)
    assert result.synergy.withheld == ()
    assert max(excitation[LEAD_IN:, 2].max() for excitation in result.synergy.excitations) > 0.0


def test_a_silent_muscle_that_should_be_recorded_is_refused(person):
    trials = with_excitation(person.trials, "muscle_2", lambda e: 0.0 * e)
    with pytest.raises(CalibrationError, match=r"'muscle_2'.*zero in all calibration trials"):
        calibrate_synergy_hybrid(trials, person.twin.start, SHORT, roles={"muscle_2": "recorded"})


def test_an_excluded_muscle_takes_no_part(person):
    result = calibrate_synergy_hybrid(person.trials, person.twin.start, SHORT, roles=ROLES | {"muscle_0": "excluded"})
    assert "muscle_0" not in result.muscles.names
    assert len(result.muscles) == 7


def test_a_synthesised_muscle_that_no_dof_sees_is_left_out_and_said(person):
    column = person.trials.muscles.index("muscle_7")
    blind = []
    for trial in person.trials.trials:
        arm = trial.moment_arm.copy()
        arm[..., column] = 0.0
        blind.append(replace(trial, moment_arm=arm))
    result = calibrate_synergy_hybrid(TrialSet(trials=tuple(blind)), person.twin.start, SHORT, roles=ROLES)
    assert "muscle_7" not in result.muscles.names
    assert any("muscle_7" in finding and "no calibrated DOF" in finding for finding in result.findings)


def test_more_synergies_than_channels_are_refused(person):
    settings = SHORT.model_copy(update={"synergy": SynergySettings(count=7, factorization_starts=1)})
    with pytest.raises(CalibrationError, match=r"count = 7.*at most 3"):  # the twin's excitations have rank 3
        calibrate_synergy_hybrid(person.trials, person.twin.start, settings, roles=ROLES)


def test_every_muscle_withheld_is_refused(person):
    with pytest.raises(CalibrationError, match="No muscle is recorded"):
        calibrate_synergy_hybrid(person.trials, person.twin.start, SHORT, roles=dict.fromkeys(person.trials.muscles, "withheld"))


def test_negative_excitations_are_refused_with_muscle_trial_and_time(person):
    trials = with_excitation(person.trials, "muscle_1", lambda e: e - 0.2)
    with pytest.raises(SignalError, match=r"'muscle_1'.*trial 'trial_0'.*rectify"):
        calibrate_synergy_hybrid(trials, person.twin.start, SHORT, roles=ROLES)


def test_an_unknown_muscle_is_refused_with_the_nearest_name(person):
    with pytest.raises(UnknownNameError, match="Did you mean 'muscle_7'"):
        calibrate_synergy_hybrid(person.trials, person.twin.start, SHORT, roles={"muscel_7": "withheld"})


def test_one_calibration_trial_is_said(person):
    trials = TrialSet(trials=(person.trials.trials[0],))
    result = calibrate_synergy_hybrid(trials, person.twin.start, SHORT, roles=ROLES)
    assert any("one calibration trial only" in finding for finding in result.findings)


def test_cross_validation_predicts_each_calibration_trial_by_the_others(person):
    settings = SHORT.model_copy(update={"cross_validation": True})
    result = calibrate_synergy_hybrid(person.trials, person.twin.start, settings, roles=ROLES)
    names = person.trials.calibration.names
    assert [(m.trial, m.dof) for m in result.cross_validation] == [(t, d) for t in names for d in person.trials.dofs]
    # the first trial, by hand
    kept = TrialSet(trials=person.trials.calibration.trials[1:])
    others = calibrate_synergy_hybrid(kept, person.twin.start, SHORT, roles=ROLES)
    unseen = TrialSet(trials=person.trials.calibration.trials[:1])
    expected = moment_metrics(unseen, predict_hybrid(unseen, others, SHORT), model="calibrated")
    assert [m.rmse for m in result.cross_validation[:2]] == [m.rmse for m in expected]


def test_several_starts_try_other_parameters_and_keep_the_best(person):
    losses = []
    several = SHORT.model_copy(update={"starts": 3, "seed": 4})
    result = calibrate_synergy_hybrid(
        person.trials,
        person.twin.start,
        several,
        roles=ROLES,
        progress=lambda row: losses.append(row.loss) if row.iteration == 0 else None,
    )
    assert len(set(losses)) == 3
    again = calibrate_synergy_hybrid(person.trials, person.twin.start, several, roles=ROLES)
    assert result.loss_final == again.loss_final
    assert (
        result.loss_final
        <= calibrate_synergy_hybrid(person.trials, person.twin.start, SHORT.model_copy(update={"seed": 4}), roles=ROLES).loss_final
    )


def test_primitives_from_emg_minimise_equation_5_without_its_moments(person):
    # weights of tracking and smallness of the same order, so that neither can be left out unnoticed
    settings = SynergySettings(count=3, tracking_weight=1.0, excitation_weight=0.5)
    synthesized = np.isin(person.trials.muscles, WITHHELD)
    synergy = SynergyResult(
        muscles=person.trials.muscles,
        recorded=tuple(np.array(person.trials.muscles)[~synthesized]),
        synthesized=WITHHELD,
        withheld=WITHHELD,
        vaf=np.ones(1),
        vaf_per_muscle=np.ones((1, 6)),
        weights=person.weights,
        trial_weights=person.weights[None],
        trials=(),
        primitives=(),
        excitations=(),
    )
    trial = person.trials.trials[0]
    (found,), basis = primitives_from_emg(TrialSet(trials=(trial,)), synergy, settings, synthesized)

    def loss(coefficients):
        made = basis[:, : coefficients.shape[1]] @ coefficients.T @ person.weights
        tracking = ((made - trial.excitation)[:, ~synthesized] ** 2).mean(axis=1).sum()
        return settings.tracking_weight * tracking + settings.excitation_weight * (made[:, synthesized] ** 2).mean(axis=1).sum()

    rng = np.random.default_rng(0)
    best = loss(found)
    for _ in range(200):
        other = np.maximum(found + 1e-3 * rng.standard_normal(found.shape), 0.0)
        assert loss(other) >= best - 1e-9
    # and scaling everything, which is what another weight of the two terms would do
    assert loss(1.001 * found) > best
    assert loss(0.999 * found) > best


def test_synthesised_excitations_are_never_above_one(person, calibrated):
    strong = replace(calibrated, synergy=replace(calibrated.synergy, weights=5.0 * calibrated.synergy.weights))
    columns = [person.trials.muscles.index(name) for name in WITHHELD]
    for excitation in calibrated.synergy.excitations:
        assert excitation[:, columns].max() > 0.2  # five times that must be cut
    synergy = replace(strong.synergy, excitations=tuple(5.0 * e for e in calibrated.synergy.excitations))
    prediction = predict_hybrid(person.trials.calibration, replace(strong, synergy=synergy), EXACT, mode="calibrated")[0]
    assert prediction.excitation.max() == 1.0
