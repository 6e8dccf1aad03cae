"""What a plan expects is what calibrations report; every recording helps, and the order begins with the most."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from osim_nmscal.calibration.calibrate import calibrate
from osim_nmscal.calibration.settings import CalibrationSettings, LossSettings
from osim_nmscal.calibration.simulated_twin import Twin, make_twin
from osim_nmscal.data.starting_values import StartingValues
from osim_nmscal.data.trials import Trial, TrialSet
from osim_nmscal.errors import CalibrationError
from osim_nmscal.planning.foreseen import with_foreseen_moments
from osim_nmscal.planning.information import Candidate, Plan, plan
from osim_nmscal.planning.page import plan_html
from osim_nmscal.planning.tables import write_plan
from osim_nmscal.planning.worth import MORE_MOTION, opening, worth


def _recordings(twin: Twin) -> dict[str, Trial]:
    """A relaxed trial and two efforts, as a protocol would have them."""
    base = twin.trials.trials[0]
    rest, level = np.zeros_like(base.excitation), np.full_like(base.excitation, 0.03)
    level[:, :2] = 0.92
    other = np.where(level > 0.5, 0.03, 0.92)
    effort = replace(base, kind="effort", driven_by="assumed", measured=base.dofs[:1])
    return {
        "relaxed": replace(base, name="relaxed", kind="passive", excitation=rest),
        "first": replace(effort, name="first", excitation=level),
        "second": replace(effort, name="second", excitation=other),
    }


@pytest.fixture(scope="module")
def twin() -> Twin:
    return make_twin(steps=60, noise=0.05, correlation=0.8)


@pytest.fixture(scope="module")
def found(twin: Twin) -> Plan:
    more = [Candidate(name=name, trials=with_foreseen_moments([one], twin.start)) for name, one in _recordings(twin).items()]
    return plan(twin.trials, twin.start, [*more, Candidate(name=MORE_MOTION, repeats_motions=True)])


def test_no_recording_makes_anything_less_certain(found: Plan) -> None:
    for row in found.rows:
        assert row.at_hand <= row.prior * (1 + 1e-9), row
        # a moment arm that is off misleads every recording: more data may cost a parameter a little
        assert max(row.after) <= row.at_hand * 1.1, row


def test_the_order_begins_with_the_greatest_gain_and_each_adds_to_those_before_it(found: Plan) -> None:
    alone = {one.candidate: one.left_alone for one in worth(found)}
    assert min(alone, key=alone.__getitem__) == found.order[0]
    assert sorted(found.order) == sorted(found.candidates)
    assert all(gain < 0.0 for gain in found.gains)


def test_a_plan_expects_what_a_calibration_then_reports(twin: Twin, found: Plan) -> None:
    recorded = with_foreseen_moments([_recordings(twin)["first"]], twin.true)
    trials = TrialSet(trials=(*twin.trials.trials, *recorded))
    result = calibrate(trials, twin.start)
    said = {(row.name, row.owner): 100 * row.standard_error / row.calibrated for row in result.parameters}
    which = found.candidates.index("first")
    ratios = [row.after[which] / said[row.quantity, row.owner] for row in found.rows if (row.quantity, row.owner) in said]
    # the plan believes the stated noise and stands at the start, the calibration sees the errors that are left, at the minimum
    assert 0.6 < np.median(ratios) < 1.6


def test_a_measured_fiber_length_is_believed_from_the_beginning(twin: Twin, found: Plan) -> None:
    start = StartingValues.of(twin.start)
    measured = plan(twin.trials, replace(start, log_fiber_length_sd=np.full(len(twin.start), 0.03)), [])
    fibers = [row for row in measured.rows if row.quantity == "optimal_fiber_length"]
    assert [row.prior for row in fibers] == pytest.approx([3.0] * len(fibers), rel=0.02)  # %; a cap on slack lengths narrows it a little
    assert all(row.at_hand < other.at_hand for row, other in zip(fibers, found.rows, strict=False))


def test_the_sentence_says_what_to_record_and_what_it_buys(found: Plan) -> None:
    text = opening(found)
    assert text.startswith(f"Record next: {found.order[0]}, which ")
    assert "narrows" in text
    assert len(text) < 400  # one sentence, not the table


def test_all_recordings_together_tell_more_than_each(found: Plan) -> None:
    for row in found.rows:
        assert row.with_all <= min(row.after) * 1.1, row  # as above, a moment arm that is off misleads them all


def test_nothing_to_propose_is_said() -> None:
    assert opening(Plan(candidates=(), rows=(), order=(), gains=())).startswith("Nothing could be proposed")


def test_moments_that_are_not_weighed_by_their_noise_are_refused(twin: Twin) -> None:
    settings = CalibrationSettings(loss=LossSettings(moment_scale="sd"))
    with pytest.raises(CalibrationError, match="choose 'noise'"):
        plan(twin.trials, twin.start, [], settings)


def test_the_page_names_every_recording_and_the_tables_hold_every_parameter_with_each(found: Plan, tmp_path: Path) -> None:
    page = plan_html(found, [])
    assert all(name in page for name in found.candidates)
    order = tmp_path / "plan_order.csv"
    files = write_plan(found, [], tmp_path)
    assert order in files
    rows = [path.read_text(encoding="utf-8").splitlines() for path in files]
    assert [len(one) - 1 for one in rows] == [len(found.rows) * len(found.candidates), len(found.candidates)]
