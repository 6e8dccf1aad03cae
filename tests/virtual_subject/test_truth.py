"""A calibration is measured against the truth: errors, coverage, groups, exchangeable filters, and the truth of somebody else."""

import json
import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from osim_nmscal.data.results import CalibratedParameter, CalibrationResult
from osim_nmscal.errors import FileFormatError
from osim_nmscal.virtual_subject.truth import compare_with_truth, time_constants

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


def _calibration(*parameters: CalibratedParameter, muscles: tuple[str, ...] = ("thick", "thin")) -> CalibrationResult:
    """Return as much of a calibration as a comparison reads."""
    return SimpleNamespace(parameters=parameters, muscles=SimpleNamespace(names=muscles))  # type: ignore[return-value]


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


def _with_time_constants(folder: Path, told: bool) -> Path:
    """Write a truth.json whose filters have 40 and 20 ms at 100 Hz; of one before it told time constants unless `told`."""
    slow, fast = -math.exp(-0.01 / 0.04), -math.exp(-0.01 / 0.02)
    muscles = {"thick": {"c1": fast, "c2": slow}, "thin": {"c1": slow, "c2": fast}}
    if told:
        muscles = {name: {"activation_time_constant_1": 0.04, "activation_time_constant_2": 0.02} for name in muscles}
    path = folder / "truth.json"
    path.write_text(json.dumps({"time_step_of_c1_c2": 0.01, "muscles": muscles}), encoding="utf-8")
    return path


@pytest.mark.parametrize("told", [True, False])
def test_the_slower_filter_is_compared_with_the_slower(tmp_path: Path, told: bool) -> None:
    rows = [
        _parameter(owner, f"activation_time_constant_{number}", start, value, 0.001)
        for owner in ("thick", "thin")
        for number, start, value in ((1, 0.03, 0.044), (2, 0.02, 0.02))
    ]
    slower, faster = compare_with_truth(_with_time_constants(tmp_path, told), _calibration(*rows), {})
    assert [row.parameter for row in (slower, faster)] == ["activation_time_constant_1", "activation_time_constant_2"]
    assert (slower.whole.before, slower.whole.after) == pytest.approx((0.25, 0.1))
    assert (faster.whole.before, faster.whole.after) == pytest.approx((0.0, 0.0), abs=1e-12)
    assert (slower.whole.inside, faster.whole.inside) == (0, 2)


def test_the_interval_of_a_time_constant_is_in_its_logarithm(tmp_path: Path) -> None:
    # 1.96 SE are 0.7 of the value: in the logarithm 0.0201 s is inside and 0.081 s is not, in seconds it were the other way round
    truth = _with_time_constants(tmp_path, told=True)
    reach = 0.7 / 1.96
    for value, inside in ((0.08, 1), (0.0201, 1), (0.019, 0), (0.081, 0)):
        (row,) = compare_with_truth(truth, _calibration(_parameter("thick", "activation_time_constant_1", 0.03, value, reach * value)), {})
        assert row.whole.inside == inside, value


def test_time_constants_are_those_of_the_coefficients() -> None:
    assert time_constants(-math.exp(-0.5), -math.exp(-0.25), 0.005) == pytest.approx((0.02, 0.01))


@pytest.mark.parametrize("owner", ["calf", "SOL", "all"])
def test_a_filter_that_several_muscles_share_has_no_single_truth(truth: Path, owner: str) -> None:
    for name in ("activation_time_constant_1", "c1"):
        shared = _calibration(_parameter(owner, name, 0.03, 0.04, 0.01))
        assert compare_with_truth(truth, shared, {"calf": ("thick", "thin")}) == ()


def test_a_parameter_without_a_standard_error_is_not_counted_as_covered(truth: Path) -> None:
    (row,) = compare_with_truth(truth, _calibration(_parameter("thick", "optimal_fiber_length", 0.1, 0.1, math.nan, False)), {})
    assert row.whole.inside == 0
    assert math.isnan(row.told.after)


def test_the_truth_of_another_person_is_refused(truth: Path) -> None:
    with pytest.raises(FileFormatError, match=r"truth\.json does not tell the true parameters.*'calf'"):
        compare_with_truth(truth, _calibration(_parameter("calf", "optimal_fiber_length", 0.1, 0.1, 0.1), muscles=("calf",)), {})


def test_a_file_that_tells_no_truth_is_refused(tmp_path: Path) -> None:
    (tmp_path / "truth.json").write_text("{}")
    with pytest.raises(FileFormatError, match=r"truth\.json does not tell"):
        compare_with_truth(tmp_path / "truth.json", _calibration(_parameter("thick", "c1", -0.1, -0.2, 0.1)), {})
