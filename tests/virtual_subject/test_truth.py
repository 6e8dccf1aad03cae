"""A calibration is measured against the truth: errors, coverage, groups, exchangeable filters, and the truth of somebody else."""

import json
import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from osim_nmscal.data.results import CalibratedParameter, CalibrationResult
from osim_nmscal.errors import FileFormatError
from osim_nmscal.virtual_subject.truth import compare_with_truth

TRUTH = {
    "thick": {"optimal_fiber_length": 0.10, "tendon_slack_length": 0.20, "strength_coefficient": 1.25, "c1": -0.3, "c2": -0.6},
    "thin": {"optimal_fiber_length": 0.05, "tendon_slack_length": 0.30, "strength_coefficient": 1.25, "c1": -0.5, "c2": -0.4},
}


def _parameter(owner: str, name: str, start: float, calibrated: float, error: float, identifiable: bool = True) -> CalibratedParameter:
    return CalibratedParameter(
        owner=owner,
        name=name,
        unit="-",
        start=start,
        calibrated=calibrated,
        lower=-10.0,
        upper=10.0,
        at_bound="",
        standard_error=error,
        identifiable=identifiable,
    )


def _calibration(*parameters: CalibratedParameter) -> CalibrationResult:
    """Return as much of a calibration as a comparison reads."""
    return SimpleNamespace(parameters=parameters, muscles=SimpleNamespace(names=("thick", "thin")))  # type: ignore[return-value]


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    path = tmp_path / "truth.json"
    path.write_text(json.dumps({"muscles": TRUTH}), encoding="utf-8")
    return path


def test_errors_are_means_over_muscles_of_the_true_value(truth: Path) -> None:
    result = _calibration(
        _parameter("thick", "optimal_fiber_length", 0.11, 0.102, 0.002),
        _parameter("thin", "optimal_fiber_length", 0.05, 0.06, 0.002, False),
    )
    (row,) = compare_with_truth(truth, result, {})
    assert row.whole.before == pytest.approx(0.5 * (0.1 + 0.0))
    assert row.whole.after == pytest.approx(0.5 * (0.02 + 0.2))
    assert (row.whole.count, row.whole.inside, row.told.count, row.told.inside) == (2, 1, 1, 1)


def test_what_the_data_tell_what_is_assumed_and_what_hits_a_bound_are_apart(truth: Path) -> None:
    told = _parameter("thick", "optimal_fiber_length", 0.11, 0.102, 0.002)
    assumed = _parameter("thin", "optimal_fiber_length", 0.05, 0.06, 0.002, False)
    (row,) = compare_with_truth(truth, _calibration(told, assumed), {})
    assert row.told.after == pytest.approx(0.02)
    assert row.assumed.after == pytest.approx(0.2)
    assert math.isnan(row.at_bound.after)
    (row,) = compare_with_truth(truth, _calibration(told, replace(assumed, at_bound="upper")), {})
    assert (row.assumed.count, row.at_bound.count) == (0, 1)


def test_a_group_is_compared_with_the_strength_of_its_members(truth: Path) -> None:
    (row,) = compare_with_truth(truth, _calibration(_parameter("calf", "strength_coefficient", 1.0, 1.5, 0.1)), {"calf": ("thick", "thin")})
    assert row.whole.before == pytest.approx(0.2)
    assert row.whole.after == pytest.approx(0.2)
    assert row.whole.inside == 0  # 0.25 away, more than 1.96 * 0.1


def test_the_two_filter_coefficients_may_be_exchanged(truth: Path) -> None:
    result = _calibration(_parameter("thick", "c1", -0.55, -0.6, 0.01), _parameter("thick", "c2", -0.45, -0.3, 0.01))
    assert [row.whole.after for row in compare_with_truth(truth, result, {})] == pytest.approx([0.0, 0.0])


def test_a_parameter_without_a_standard_error_is_not_counted_as_covered(truth: Path) -> None:
    (row,) = compare_with_truth(truth, _calibration(_parameter("thick", "optimal_fiber_length", 0.1, 0.1, math.nan, False)), {})
    assert row.whole.inside == 0
    assert math.isnan(row.told.after)


def test_the_truth_of_another_person_is_refused(truth: Path) -> None:
    with pytest.raises(FileFormatError, match=r"truth\.json does not tell the true parameters.*'calf'"):
        compare_with_truth(truth, _calibration(_parameter("calf", "optimal_fiber_length", 0.1, 0.1, 0.1)), {})


def test_a_file_that_tells_no_truth_is_refused(tmp_path: Path) -> None:
    (tmp_path / "truth.json").write_text("{}")
    with pytest.raises(FileFormatError, match=r"truth\.json does not tell"):
        compare_with_truth(tmp_path / "truth.json", _calibration(_parameter("thick", "c1", -0.1, -0.2, 0.1)), {})
