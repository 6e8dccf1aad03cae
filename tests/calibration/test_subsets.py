"""Do recordings agree? A recording whose EMG is wrong is found, sound ones are left alone, and distances are measured by their chance."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from calibration_twin import make_objective, with_dynamometer
from hybrid_twin import make_hybrid

from osim_nmscal.calibration.calibrate import calibrate
from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.calibration.simulated_twin import Twin, make_synergy_twin, make_twin
from osim_nmscal.calibration.subsets import left_out_in_turn, variance_of_difference
from osim_nmscal.calibration.told import Told
from osim_nmscal.data.results import CalibrationResult
from osim_nmscal.data.trials import TrialSet
from osim_nmscal.doctor.calibration import APART


def recorded(twin: Twin, recordings: tuple[str, ...]) -> TrialSet:
    """Call the trials after recordings, one after the other."""
    return TrialSet(trials=tuple(replace(t, name=f"{name}/{i}") for i, (t, name) in enumerate(zip(twin.trials, recordings, strict=False))))


def exchanged(trials: TrialSet, recording: str, one: int, other: int) -> TrialSet:
    """Exchange two electrodes in one recording."""
    changed = []
    for trial in trials:
        if trial.name.startswith(recording):
            excitation = trial.excitation.copy()
            excitation[:, [one, other]] = excitation[:, [other, one]]
            trial = replace(trial, excitation=excitation)
        changed.append(trial)
    return TrialSet(trials=tuple(changed))


def worst(result: CalibrationResult) -> tuple[float, str]:
    row = max((*result.parameters, *result.working_points), key=lambda row: np.nan_to_num(row.disagreement))
    return row.disagreement, row.left_out


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_sound_recordings_agree_and_a_wrong_one_is_named(seed: int) -> None:
    twin = make_twin(muscles=4, trials=6, steps=100, noise=0.04, correlation=0.8, seed=seed)
    trials = recorded(twin, ("slow", "slow", "normal", "normal", "fast", "fast"))
    settings = CalibrationSettings(method="emg_driven")
    sound, _ = worst(calibrate(trials, twin.start, settings))
    assert sound < APART
    wrong, without = worst(calibrate(exchanged(trials, "normal", 0, 2), twin.start, settings))
    assert wrong > APART
    assert without == "normal"


def test_synergies_follow_the_trials_that_stay() -> None:
    person = make_synergy_twin(trials=4)
    trials = recorded(replace(person.twin, trials=person.trials.calibration), ("slow", "slow", "fast", "fast"))
    roles = {"muscle_6": "withheld", "muscle_7": "withheld"}
    settings = CalibrationSettings(method="synergy_hybrid")
    sound, _ = worst(calibrate(trials, person.twin.start, settings, roles=roles))
    wrong, _ = worst(calibrate(exchanged(trials, "fast", 0, 2), person.twin.start, settings, roles=roles))
    assert sound < APART < wrong


def test_values_are_those_of_a_calibration_without_the_trials() -> None:
    twin = make_twin(muscles=3, trials=3, steps=80, noise=0.05)
    trials = recorded(twin, ("a", "b", "c"))
    result = calibrate(trials, twin.start, CalibrationSettings(method="emg_driven"))
    told = [row for row in result.parameters if row.name == "strength_coefficient"]
    for row in told:
        some = TrialSet(trials=tuple(trial for trial in trials if not trial.name.startswith(row.left_out)))
        again = calibrate(some, twin.start, CalibrationSettings(method="emg_driven", gauss_newton={"tolerance": 1e-5}))
        twin_row = next(one for one in again.parameters if (one.owner, one.name) == (row.owner, row.name))
        # the prior looks at working points at another mean length there, and both searches end near their minimum
        assert abs(row.calibrated_without - twin_row.calibrated) < 0.3 * row.standard_error


def test_what_a_loss_says_of_trials_adds_up() -> None:
    twin = make_twin(muscles=3, trials=3, steps=50)
    objective = make_objective(twin, CalibrationSettings())
    z = objective.space.start() + 0.01
    whole, one, others = objective.evaluate(z), objective.of_trials([1]).evaluate(z), objective.of_trials([0, 2]).evaluate(z)
    assert one.terms["prior"] == whole.terms["prior"]
    for name in set(whole.terms) - {"prior"}:
        assert one.terms[name] + others.terms[name] == pytest.approx(whole.terms[name], rel=1e-9, abs=1e-12)  # as far as fibers are solved


@pytest.mark.parametrize("per_trial", [False, True])
def test_what_synergies_cost_adds_up(per_trial: bool) -> None:
    hybrid, z = make_hybrid(per_trial=per_trial)
    whole = hybrid.evaluate(z)
    parts = [some.evaluate(start) for some, start in (hybrid.of_trials(z, [i]) for i in (0, 1))]
    for name in ("moment", "tracking", "excitation", "tendon_strain"):
        assert sum(part.terms[name] for part in parts) == pytest.approx(whole.terms[name], rel=1e-9)
    torch.testing.assert_close(parts[1].primitives[:, 0], whole.primitives[:, 1], rtol=0.0, atol=1e-12)


def test_the_variance_is_the_spread_of_simulated_differences() -> None:
    rng, size, muscles, draws = np.random.default_rng(0), 5, 3, 40_000
    noise_ratio, width = 2.5, 0.3
    stayed, missed = rng.normal(size=(12, size)), rng.normal(size=(7, size))
    arms_stayed, arms_missed = rng.normal(size=(12, muscles)), rng.normal(size=(7, muscles))
    believed = np.diag(rng.uniform(0.5, 2.0, size))
    pull = 4.0 * np.linalg.inv(believed)  # harder than believed
    data, both = stayed.T @ stayed, stayed.T @ stayed + missed.T @ missed

    def told(*rows: tuple[np.ndarray, np.ndarray]) -> tuple[Told, Told]:
        hessian, moved = sum(j.T @ j for j, _ in rows), sum(width * j.T @ x for j, x in rows)
        nothing = Told(torch.zeros((size, size), dtype=torch.float64), torch.zeros((size, muscles), dtype=torch.float64))
        return Told(torch.from_numpy(hessian), torch.from_numpy(moved)), nothing

    some, whole = told((stayed, arms_stayed)), told((stayed, arms_stayed), (missed, arms_missed))
    found = variance_of_difference(some, whole, torch.from_numpy(pull), torch.from_numpy(believed), noise_ratio)

    truth = rng.multivariate_normal(np.zeros(size), believed, draws)
    arm = width * rng.normal(size=(draws, muscles))
    noise = [noise_ratio**0.5 * rng.normal(size=(draws, len(rows))) for rows in (stayed, missed)]
    moments = [truth @ stayed.T + arm @ arms_stayed.T + noise[0], truth @ missed.T + arm @ arms_missed.T + noise[1]]
    without = np.linalg.solve(data + pull, (moments[0] @ stayed).T).T
    of_all = np.linalg.solve(both + pull, (moments[0] @ stayed + moments[1] @ missed).T).T
    error = of_all - truth
    # what lies nearer than a quarter of a standard error counts as nothing
    expected = np.var(without - of_all, axis=0) + np.mean(error**2, axis=0) / 16.0
    np.testing.assert_allclose(found.diagonal().numpy(), expected, rtol=0.04)  # 40,000 draws: 0.7 % each, five at once


def test_what_is_left_out() -> None:
    walks = {f"walk_{i}/{k}": "motion" for i in range(6) for k in (1, 2)}
    two = {name: kind for name, kind in walks.items() if name < "walk_2"}
    one = {"run/1": "motion", "run/2": "motion", "run/3": "motion"}
    session = {"chair/1": "passive", "chair/2": "passive", "push/1": "effort"}
    assert left_out_in_turn(two, "none") == {}
    assert set(left_out_in_turn(two, "auto")) == {"walk_0", "walk_1"}
    assert set(left_out_in_turn(two, "trials")) == set(two)
    # the cost does not grow with recordings
    assert [len(names) for names in left_out_in_turn(walks, "auto").values()] == [4, 4, 2, 2]
    assert len(left_out_in_turn(walks, "recordings")) == 6
    assert left_out_in_turn(one, "auto") == {"run/1 to run/2": {"run/1", "run/2"}, "run/3": {"run/3"}}
    assert left_out_in_turn({"run/1": "motion"}, "auto") == {}
    # a dynamometer tells on walking, and the other way round
    assert left_out_in_turn(one | session, "auto") == {"the passive trials": {"chair/1", "chair/2"}, "the efforts": {"push/1"}}


def test_a_dynamometer_is_left_out_by_its_kinds() -> None:
    twin = make_twin(muscles=3, steps=50)
    trials = TrialSet(trials=(*twin.trials.trials, *with_dynamometer(twin)))
    rows = calibrate(trials, twin.start, CalibrationSettings(method="emg_driven")).parameters
    assert {row.left_out for row in rows if row.at_bound != "fixed"} == {"the passive trials", "the efforts"}


def test_nothing_is_said_where_moments_have_no_noise() -> None:
    twin = make_twin(muscles=3, steps=50)
    result = calibrate(twin.trials, twin.start, CalibrationSettings(preset="weak_prior", method="emg_driven"))
    assert all(np.isnan(row.disagreement) and row.left_out == "" for row in result.parameters)
    with pytest.raises(ValueError, match="subsets would change nothing"):
        CalibrationSettings(preset="weak_prior", subsets="trials")
