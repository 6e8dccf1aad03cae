"""The verdict: what findings amount to, in words."""

import ast
from dataclasses import replace
from pathlib import Path

import numpy as np

import osim_nmscal
from osim_nmscal.data.findings import Finding, Severity, with_allowed
from osim_nmscal.data.results import CalibratedParameter, MomentMetrics, VerificationMetrics
from osim_nmscal.data.trials import Trial, TrialSet
from osim_nmscal.doctor import KINDS
from osim_nmscal.doctor.calibration import _starts, confirmed, fitted_moments, held_out_moments, problem, recordings_agree
from osim_nmscal.doctor.verdict import verdict


def _finding(severity: Severity, kind: str = "time_hole", text: str = "A hole.") -> Finding:
    return Finding(severity=severity, kind=kind, about="x", text=text)


def _metric(trial: str, model: str, r2: float, rmse: float, role: str = "held_out") -> MomentMetrics:
    numbers = {"rmse": rmse, "nrmse": 0.1, "r2": r2, "correlation_squared": 0.5}
    return MomentMetrics(trial=trial, role=role, dof="ankle", model=model, **numbers)  # type: ignore[arg-type]


def test_nothing_found_is_fit_a_doubt_wants_care_and_a_stop_ends_it() -> None:
    assert verdict([_finding("note")]).level == "fit for use"
    assert verdict([_finding("doubt")]).level == "use with care"
    found = verdict([_finding("doubt", text="B."), _finding("stop", text="A.")])
    assert found.level == "do not use"
    assert found.reasons == ("A.", "B.")


def test_an_allowed_stop_becomes_a_doubt_that_says_so() -> None:
    (found,) = with_allowed([_finding("stop")], ["time_hole"])
    assert found.severity == "doubt"
    assert "[checks] allow" in found.text
    assert with_allowed([_finding("stop")], ["sign_flipped"])[0].severity == "stop"


def test_good_recordings_do_not_hide_a_bad_one() -> None:
    # 97 trials pooled to "ankle 0.30" while one recording was at -0.58 and the others at 0.8
    metrics = [_metric(f"walk/{i}", "calibrated", 0.8, 5.0) for i in range(90)] + [_metric("run/1", "calibrated", -0.58, 60.0)]
    (found,) = held_out_moments(metrics)
    assert found.about == "run ankle"
    assert "R2 is -0.58" in found.text


def test_held_out_worse_than_uncalibrated_is_a_doubt() -> None:
    (found,) = held_out_moments([_metric("walk/1", "uncalibrated", 0.7, 10.0), _metric("walk/1", "calibrated", 0.6, 13.0)])
    assert "grew from 10.0 to 13.0" in found.text


def test_a_result_that_misses_most_held_out_moments_is_not_to_be_used() -> None:
    missed = [_finding("doubt", kind="held_out") for _ in range(2)]
    assert verdict(missed, judged=3).level == "do not use"
    assert verdict(missed[:1], judged=3).level == "use with care"


def test_opensim_that_computes_something_else_stops() -> None:
    metric = VerificationMetrics(
        trial="w/1", dof="knee", rmse=5.0, nrmse=0.2, r2_vs_inverse_dynamics=0.5, largest_force_error=0.1, muscle="vasti"
    )
    assert confirmed([metric], 0.02)[0].severity == "stop"
    assert confirmed([metric], 0.3) == ()
    assert confirmed([], 0.02, failure="it crashed.")[0].severity == "stop"


def _trial(driven: int, role: str = "calibration") -> Trial:
    excitation = np.zeros((20, 3))
    excitation[:, :driven] = 0.3
    return Trial(
        name=f"w/{role}",
        time=np.arange(20) * 0.01,
        muscles=("a", "b", "c"),
        dofs=("hip",),
        excitation=excitation,
        mtu_length=np.full((20, 3), 0.3),
        moment_arm=np.full((20, 1, 3), 0.05),
        joint_moment=np.zeros((20, 1)),
        role=role,  # type: ignore[arg-type]
    )


def test_a_joint_with_one_recorded_muscle_and_nothing_held_out_are_doubts() -> None:
    assert {one.kind for one in problem(TrialSet(trials=(_trial(1),)), np.full(3, 1000.0))} == {"one_muscle", "not_validated"}
    assert all(one.severity == "note" for one in problem(TrialSet(trials=(_trial(2), _trial(2, "held_out"))), np.full(3, 1000.0)))


def test_a_minimum_that_one_start_alone_found_is_doubted() -> None:
    assert _starts(()) == _starts((2.0, 2.01, 9.0)) == []
    (found,) = _starts((2.0, 2.6, 9.0))
    assert found.kind == "starts_disagree"
    assert "1.30 to 4.50 times" in found.text


def test_values_that_one_recording_alone_tells_are_doubted() -> None:
    row = CalibratedParameter(
        owner="quadriceps",
        name="strength_coefficient",
        unit="-",
        start=1.0,
        calibrated=1.3,
        lower=0.4,
        upper=2.5,
        at_bound="",
        standard_error=0.1,
        identifiable=True,
        disagreement=3.4,
        left_out="walk45",
        calibrated_without=1.05,
    )
    (found,) = recordings_agree([row, replace(row, disagreement=2.9), replace(row, name="activation_time_constant_1")])
    assert (found.kind, found.about, found.severity) == ("recordings_disagree", "walk45", "doubt")
    assert "strength_coefficient of quadriceps is 1.3 with and 1.05 without it, 3.4 standard errors" in found.text
    assert recordings_agree([replace(row, disagreement=float("nan"))]) == []


def test_a_joint_that_is_not_met_where_it_calibrates_is_doubted() -> None:
    shown = [_metric("run/1", "calibrated", r2, 30.0, role="calibration") for r2 in (-0.6, -0.2)]
    (found,) = fitted_moments(shown)
    assert (found.kind, found.about) == ("not_fitted", "run ankle")
    assert fitted_moments([_metric("run/1", "calibrated", 0.6, 30.0, role="calibration"), _metric("run/2", "calibrated", -1.0, 1.0)]) == ()


def test_trials_of_one_recording_are_a_note() -> None:
    trials = TrialSet(trials=(_trial(2), replace(_trial(2), name="w/2"), _trial(2, "held_out")))
    assert [one.severity for one in problem(trials, np.full(3, 1000.0))] == ["note"]


def test_every_kind_of_finding_has_a_meaning_and_every_meaning_a_finding() -> None:
    used = set()
    package = Path(osim_nmscal.__file__).parent
    for path in [*(package / "doctor").glob("*.py"), package / "initialization" / "relaxed_leg.py"]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "kind" and isinstance(node.value, ast.Constant):
                used.add(node.value.value)
    assert used == set(KINDS)
