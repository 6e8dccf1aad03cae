"""An electrode makes its muscle's strength known and takes nothing from the others; a maximal effort tells strengths without electrode."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from osim_nmscal.calibration.calibrate import calibrate
from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.calibration.simulated_twin import Twin, make_synergy_twin
from osim_nmscal.calibration.synergy.calibration import hybrid_problem, start_of
from osim_nmscal.calibration.synergy.roles import driven_trials
from osim_nmscal.data.starting_values import StartingValues
from osim_nmscal.data.trials import Trial, TrialSet
from osim_nmscal.planning.candidates import electrode_candidates
from osim_nmscal.planning.electrodes import ElectrodeStudy, placements
from osim_nmscal.planning.foreseen import with_foreseen_moments
from osim_nmscal.planning.information import Candidate, Expected, Plan, plan

SILENT = ("muscle_1", "muscle_2")
SETTINGS = CalibrationSettings(method="synergy_hybrid")


def _held(settings: CalibrationSettings) -> CalibrationSettings:
    return settings.model_copy(update={"prior": settings.prior.model_copy(update={"unrecorded_strength": "held"})})


@pytest.fixture(scope="module")
def twin() -> Twin:
    made = make_synergy_twin(muscles=6, trials=2, steps=70, synergies=2).twin
    unheard = np.isin(made.true.names, SILENT)
    trials = [replace(one, excitation=np.where(unheard, 0.0, one.excitation)) for one in made.trials.calibration.trials]
    return replace(made, trials=TrialSet(trials=tuple(trials)))


@pytest.fixture(scope="module")
def effort(twin: Twin) -> Trial:
    """The first silent muscle tries its hardest, with one that has an electrode."""
    base = twin.trials.trials[0]
    level = np.where(np.isin(base.muscles, ("muscle_1", "muscle_5")), 0.92, 0.03) * np.ones_like(base.excitation)
    trial = replace(base, name="effort", kind="effort", driven_by="assumed", excitation=level)
    return with_foreseen_moments([trial], twin.true)[0]


@pytest.fixture(scope="module")
def found(twin: Twin, effort: Trial) -> Plan:
    more = electrode_candidates(twin.trials, SETTINGS)
    return plan(twin.trials, twin.start, [*more, Candidate(name="an effort", trials=(effort,))], SETTINGS)


def _strength(of: Plan, owner: str) -> Expected:
    return next(row for row in of.rows if (row.quantity, row.owner) == ("strength_coefficient", owner))


def test_what_one_electrode_hears_is_a_group_or_the_heads_of_a_muscle_on_one_side() -> None:
    names = ("iliacus_r", "glut_med1_r", "psoas_r", "glut_med2_r", "glut_med1_l", "sar_r")
    groups = {"iliopsoas": ("iliacus_r", "psoas_r")}
    assert placements(names, groups) == (("iliacus_r", "psoas_r"), ("glut_med1_r", "glut_med2_r"), ("glut_med1_l",), ("sar_r",))


def test_an_electrode_is_proposed_for_each_muscle_that_synergies_drive_and_what_is_not_known_is_said(twin: Twin) -> None:
    proposed = electrode_candidates(twin.trials, SETTINGS)
    assert [one.electrode for one in proposed] == [("muscle_1",), ("muscle_2",)]
    assert all("fine wire if deep" in one.name and one.electrode[0] in one.name for one in proposed)
    withheld = SETTINGS.model_copy(update={"synergy": SETTINGS.synergy.model_copy(update={"muscles": {"muscle_0": "withheld"}})})
    assert len(electrode_candidates(twin.trials, withheld)) == 2  # who is withheld has an electrode
    assert electrode_candidates(twin.trials, CalibrationSettings(method="emg_driven")) == ()


def test_an_electrode_tells_the_strength_of_its_muscle_most(found: Plan) -> None:
    for i, owner in enumerate(SILENT):
        row = _strength(found, owner)
        assert row.at_hand > 0.99 * row.prior  # held
        assert row.after[i] < 0.8 * row.at_hand
        assert row.after[i] < row.after[1 - i]


def test_with_an_electrode_every_muscle_does_what_it_did_and_other_excitations_weigh_what_they_weighed(twin: Twin) -> None:
    driven, muscles = driven_trials(twin.trials, {}), StartingValues.of(twin.start)
    problem = hybrid_problem(driven, (), muscles, SETTINGS)
    study = ElectrodeStudy(problem, start_of(problem, np.random.default_rng(0)), (), muscles, SETTINGS)
    found = []
    for electrode in (SILENT[:1], SILENT[1:]):
        again, z = study.with_electrode(electrode)
        others = torch.from_numpy(~np.isin(twin.true.names, electrode))
        assert torch.equal(again.objective.excitation_weight[others], problem.objective.excitation_weight[others])
        assert set(again.driven.recorded) == {*driven.recorded, *electrode}
        found.append(again.objective.evaluate(z).muscles.outputs.joint_moment)
    # whoever gets the electrode, the moments are those of the same foreseen excitations, but for the tolerance of fiber equilibria, N·m
    torch.testing.assert_close(found[0], found[1], rtol=0.0, atol=1e-4)


def test_a_maximal_effort_is_credited_with_strengths_without_electrode_as_a_calibration_reports_them(
    twin: Twin, effort: Trial, found: Plan
) -> None:
    tried, still = _strength(found, "muscle_1"), _strength(found, "muscle_2")
    assert tried.after[-1] < 0.7 * tried.at_hand
    assert still.after[-1] > 0.99 * still.at_hand  # it does not try
    result = calibrate(TrialSet(trials=(*twin.trials.trials, effort)), twin.start, SETTINGS)
    row = next(one for one in result.parameters if (one.name, one.owner) == ("strength_coefficient", "muscle_1"))
    assert tried.after[-1] == pytest.approx(100 * row.standard_error / row.calibrated, rel=0.3)  # the place is another


def test_strengths_that_are_held_whatever_is_measured_are_told_by_no_effort(twin: Twin, effort: Trial) -> None:
    row = _strength(plan(twin.trials, twin.start, [Candidate(name="an effort", trials=(effort,))], _held(SETTINGS)), "muscle_1")
    assert row.after[0] > 0.95 * row.at_hand  # held to 2 %, not infinitely hard
