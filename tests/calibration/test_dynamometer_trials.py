"""Passive trials and efforts calibrate with motions: what they add to the truth of parameters, and that every kind is predicted."""

from dataclasses import replace

import numpy as np
import pytest
from calibration_twin import with_dynamometer

from osim_nmscal.calibration.calibrate import calibrate
from osim_nmscal.calibration.emg_driven import calibrate_emg_driven
from osim_nmscal.calibration.optimizer_settings import GaussNewtonSettings
from osim_nmscal.calibration.prediction import predict
from osim_nmscal.calibration.prior_settings import PriorSettings
from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.calibration.simulated_twin import Twin, make_synergy_twin, make_twin
from osim_nmscal.calibration.synergy.calibration import calibrate_synergy_hybrid
from osim_nmscal.calibration.synergy.prediction import predict_hybrid
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.results import CalibrationResult
from osim_nmscal.data.trials import Trial, TrialSet
from osim_nmscal.errors import CalibrationError
from osim_nmscal.evaluation import moment_metrics

GAIN = 0.8
AS_BELIEVED = CalibrationSettings(prior=PriorSettings(length_caution=1.0))  # which is how far these twins start from the truth
LENGTHS = ("optimal_fiber_length", "tendon_slack_length", "strength_coefficient")


def person(seed: int) -> Twin:
    """A twin that starts as far from the truth as is believed; its electrodes have a gain that nobody knows, its moments are noisy."""
    twin, rng = make_twin(steps=60, noise=0.03, correlation=0.8, seed=seed), np.random.default_rng(100 + seed)
    trials = tuple(replace(trial, excitation=np.minimum(trial.excitation / GAIN, 1.0)) for trial in twin.trials.trials)
    optimal, slack = twin.true.values("optimal_fiber_length"), twin.true.values("tendon_slack_length")
    mean = np.concatenate([trial.mtu_length[trial.first_counted :] for trial in trials]).mean(axis=0)
    sine = np.sin(twin.true.values("pennation_angle_at_optimal"))
    point = np.hypot((mean - slack) / optimal, sine) + 0.08 * rng.standard_normal(4)
    fiber = optimal * np.exp(0.12 * rng.standard_normal(4))
    tendon, strength = mean - fiber * np.sqrt(point**2 - sine**2), np.exp(0.27 * rng.standard_normal(4))
    start = tuple(
        replace(m, optimal_fiber_length=fiber[i], tendon_slack_length=tendon[i], max_isometric_force=m.max_isometric_force * strength[i])
        for i, m in enumerate(twin.true.muscles)
    )
    return replace(twin, trials=TrialSet(trials=trials), start=MuscleTable(muscles=start))


def together(twin: Twin) -> TrialSet:
    return TrialSet(trials=(*twin.trials.trials, *with_dynamometer(twin, gain=GAIN)))


def error(twin: Twin, result: CalibrationResult, name: str) -> float:
    return float(np.mean(np.abs(np.log(result.muscles.values(name) / twin.true.values(name)))))


@pytest.fixture(scope="module")
def found() -> list[tuple[Twin, CalibrationResult, CalibrationResult]]:
    """Twins calibrated on motions alone, and with a dynamometer."""
    made = []
    for seed in (0, 1, 2):
        twin = person(seed)
        made.append((twin, calibrate(twin.trials, twin.start, AS_BELIEVED), calibrate(together(twin), twin.start, AS_BELIEVED)))
    return made


@pytest.mark.parametrize(
    ("name", "of_motions", "of_start"),
    [("optimal_fiber_length", 0.9, 0.9), ("tendon_slack_length", 0.9, 0.75), ("max_isometric_force", 0.5, 0.25)],
)
def test_a_dynamometer_makes_parameters_truer_than_motions_alone(
    found: list[tuple[Twin, CalibrationResult, CalibrationResult]], name: str, of_motions: float, of_start: float
) -> None:
    # shares of 12 muscles' mean errors; twins that were looked at first (seeds 0 to 4) had .77, .70 and .33 of motions' errors
    motions, both, start = (
        np.mean([error(case[0], case[i], name) if i else error(case[0], replace(case[1], muscles=case[0].start), name) for case in found])
        for i in (1, 2, 0)
    )
    assert both < of_motions * motions
    assert both < of_start * start


def standings(twin: Twin, result: CalibrationResult) -> list[bool]:
    """Whether each 95 % interval of lengths, strengths and gains holds the truth."""
    held = []
    for row in (row for row in result.parameters if row.name in (*LENGTHS, "emg_scale") and row.at_bound != "fixed"):
        muscle = twin.start.index(row.owner)
        strength = twin.true.values("max_isometric_force") / twin.start.values("max_isometric_force")
        truths = {"strength_coefficient": strength, "emg_scale": np.full(4, GAIN)}
        truth = truths[row.name] if row.name in truths else twin.true.values(row.name)
        held.append(abs(row.calibrated - float(truth[muscle])) < 1.96 * row.standard_error)
    return held


def test_intervals_hold_the_truth(found: list[tuple[Twin, CalibrationResult, CalibrationResult]]) -> None:
    # 48 intervals of each; 95 % less three binomial deviations
    for i in (1, 2):
        held = [one for case in found for one in standings(case[0], case[i])]
        assert len(held) == 48
        assert np.mean(held) > 0.85


def test_more_is_known_with_it(found: list[tuple[Twin, CalibrationResult, CalibrationResult]]) -> None:
    for _, alone, joint in found:
        known = [sum(row.standing == "known" for row in result.parameters) for result in (alone, joint)]
        assert known[1] > known[0]
        assert all(row.prior_deviation > 0.0 for row in joint.parameters)
        points = [np.mean([row.standard_error for row in result.working_points]) for result in (alone, joint)]
        assert points[1] < points[0]


def test_working_points_are_those_of_the_calibrated_lengths(found: list[tuple[Twin, CalibrationResult, CalibrationResult]]) -> None:
    twin, _, joint = found[0]
    mean = np.concatenate([trial.mtu_length[trial.first_counted :] for trial in twin.trials.trials]).mean(axis=0)
    optimal, slack = joint.muscles.values("optimal_fiber_length"), joint.muscles.values("tendon_slack_length")
    expected = np.hypot((mean - slack) / optimal, np.sin(twin.start.values("pennation_angle_at_optimal")))
    np.testing.assert_allclose([row.calibrated for row in joint.working_points], expected, rtol=1e-12)
    assert [row.owner for row in joint.working_points] == list(joint.muscles.names)


def test_every_kind_of_trial_is_predicted_and_only_what_was_measured_is_judged(
    found: list[tuple[Twin, CalibrationResult, CalibrationResult]],
) -> None:
    twin, _, joint = found[0]
    trials = together(twin)
    predictions = predict(trials, joint.muscles, joint.neural)
    assert [one.trial for one in predictions] == list(trials.names)
    metrics = moment_metrics(trials, predictions, model="calibrated")
    assert len(metrics) == 2 * 2 + 8  # both moments of two motions, one of each other trial
    for trial, metric in ((trials.select([one.trial]).trials[0], one) for one in metrics if one.trial.startswith("dof")):
        assert metric.dof in trial.measured
        # within what is stated of efforts and passive trials: 12 % of the largest moment and 5 N·m
        assert metric.rmse < np.hypot(5.0, 0.12 * np.abs(trial.joint_moment[:, trial.is_measured]).max())


def test_assumed_excitations_are_predicted_without_a_gain(found: list[tuple[Twin, CalibrationResult, CalibrationResult]]) -> None:
    twin, _, joint = found[0]
    trials = together(twin)
    ungained = replace(joint.neural, emg_scale=np.ones(4))
    for one in predict(trials, joint.muscles, joint.neural):
        trial = trials.select([one.trial])
        gained = trial.trials[0].driven_by == "emg"
        (alone,) = predict(trial, joint.muscles, joint.neural if gained else ungained)
        # both solve the fibers to 1e-10 of the maximum isometric force
        np.testing.assert_allclose(one.joint_moment, alone.joint_moment, rtol=1e-9, atol=1e-7)
    passive = trials.select(["dof_0/passive"])
    # nobody drives a passive trial, whatever its gain
    (a,), (b,) = (predict(passive, joint.muscles, neural) for neural in (joint.neural, ungained))
    np.testing.assert_array_equal(a.joint_moment, b.joint_moment)
    # while it drives what was recorded
    recorded = trials.select(["dof_0/recorded"])
    (a,), (b,) = (predict(recorded, joint.muscles, neural) for neural in (joint.neural, ungained))
    assert np.abs(a.joint_moment - b.joint_moment).max() > 1.0


def test_a_dynamometer_alone_calibrates_and_gains_stay_with_recorded_efforts() -> None:
    twin = person(0)
    trials = TrialSet(trials=with_dynamometer(twin, gain=GAIN))
    result = calibrate(trials, twin.start)
    assert result.method == "emg_driven"
    assert any("no motions" in finding for finding in result.findings)
    assert error(twin, result, "max_isometric_force") < 0.5 * error(twin, replace(result, muscles=twin.start), "max_isometric_force")
    gains = {row.owner: row for row in result.parameters if row.name == "emg_scale"}
    free = {owner for owner, row in gains.items() if row.at_bound == ""}
    assert free == {"muscle_0", "muscle_1"}  # muscle_2 has the same EMG as muscle_1 throughout, one channel; muscle_3 has none
    assert np.mean(standings(twin, result)) > 0.85


def test_passive_trials_alone_calibrate() -> None:
    twin = person(0)
    passive = TrialSet(trials=tuple(trial for trial in with_dynamometer(twin) if trial.kind == "passive"))
    result = calibrate(passive, twin.start)
    start, end = (
        np.mean([metric.rmse for metric in moment_metrics(passive, predict(passive, muscles, result.neural), model="calibrated")])
        for muscles in (twin.start, result.muscles)
    )
    assert end < 0.3 * start
    assert {row.at_bound for row in result.parameters if row.name == "emg_scale"} <= {"fixed"}


@pytest.fixture(scope="module")
def mixed() -> tuple[TrialSet, Twin]:
    """Motions of synergies with a dynamometer, and a muscle without electrode."""
    made = make_synergy_twin(muscles=6, trials=2, steps=50)
    trials: list[Trial] = []
    for trial in made.trials.trials:
        excitation = trial.excitation.copy()
        excitation[:, 5] = 0.0
        trials.append(replace(trial, excitation=excitation))
    return TrialSet(trials=(*trials, *with_dynamometer(made.twin)[:4])), made.twin


def test_a_hybrid_calibration_takes_a_dynamometer_and_predicts_all_kinds(mixed: tuple[TrialSet, Twin]) -> None:
    trials, twin = mixed
    settings = CalibrationSettings(gauss_newton=GaussNewtonSettings(maximum_iterations=2))
    result = calibrate(trials, twin.start, settings)
    assert result.method == "synergy_hybrid"
    assert result.synergy is not None
    assert result.synergy.synthesized == ("muscle_5",)
    assert result.synergy.trials == ("trial_0", "trial_1")  # a dynamometer has no synergies
    assert {"dynamometer", "dynamometer_emg", "tracking"} <= set(result.history[-1].term_names)
    assert result.loss_final < result.loss_initial
    for mode in ("from_emg", "calibrated"):
        chosen = trials.calibration if mode == "calibrated" else trials
        predictions = predict_hybrid(chosen, result, settings, mode=mode)  # type: ignore[arg-type]
        assert [one.trial for one in predictions] == list(chosen.names)
        effort = next(one for one in predictions if one.trial == "dof_0/flexion")
        np.testing.assert_array_equal(effort.excitation, trials.select(["dof_0/flexion"]).trials[0].excitation)


def test_auto_says_who_has_no_electrode(mixed: tuple[TrialSet, Twin]) -> None:
    trials, twin = mixed
    quick = CalibrationSettings(gauss_newton=GaussNewtonSettings(maximum_iterations=1))
    result = calibrate(trials, twin.start, quick)
    assert "Synergy-hybrid (method 'auto'): 1 of 6 muscles" in result.findings[0]
    assert "muscle_5" in result.findings[0]
    # nobody is missing: no synergies, and a silent muscle that no DOF sees does not change that
    full = TrialSet(trials=tuple(trial.with_muscles(trials.muscles[:5]) for trial in trials.trials))
    assert calibrate(full, twin.start, quick).method == "emg_driven"
    blind = []
    for trial in trials.trials:
        arm = trial.moment_arm.copy()
        arm[..., 5] = 0.0
        blind.append(replace(trial, moment_arm=arm))
    assert calibrate(TrialSet(trials=tuple(blind)), twin.start, quick).method == "emg_driven"


def test_auto_leaves_out_whom_it_is_told_to(mixed: tuple[TrialSet, Twin]) -> None:
    trials, twin = mixed
    quick = CalibrationSettings(gauss_newton=GaussNewtonSettings(maximum_iterations=1))
    result = calibrate(trials, twin.start, quick, roles={"muscle_5": "excluded"})
    assert "muscle_5" not in result.muscles.names
    assert result.synergy is None
    withheld = calibrate(trials, twin.start, quick, roles={"muscle_5": "excluded", "muscle_4": "withheld"})
    assert withheld.synergy is not None
    assert withheld.synergy.withheld == ("muscle_4",)


def test_synergies_need_motions(mixed: tuple[TrialSet, Twin]) -> None:
    trials, twin = mixed
    still = TrialSet(trials=trials.of_kind("passive", "effort"))
    with pytest.raises(CalibrationError, match=r"needs motions.*Choose method = 'emg_driven'"):
        calibrate_synergy_hybrid(still, twin.start)


def test_cross_validation_leaves_out_motions_alone() -> None:
    twin = make_twin(muscles=3, steps=50)
    trials = TrialSet(trials=(*twin.trials.trials, *with_dynamometer(twin)[:3]))
    settings = CalibrationSettings(cross_validation=True, gauss_newton=GaussNewtonSettings(maximum_iterations=2))
    result = calibrate_emg_driven(trials, twin.start, settings)
    assert [metric.trial for metric in result.cross_validation] == ["trial_0", "trial_0", "trial_1", "trial_1"]
