"""Roles: who calibrates, who is held out."""

import pytest

from osim_nmscal.errors import SegmentationError, UnknownNameError
from osim_nmscal.trials.roles import RoleSettings, assign_roles, require_apart, trial_names
from osim_nmscal.trials.segmentation import Segment

NAMES = [f"{recording}/stance_{i:02d}" for recording in ("slow", "fast") for i in range(1, 7)]


def _calibrating(settings):
    return [name for name, role in assign_roles(NAMES, settings).items() if role == "calibration"]


def test_the_first_of_each_recording_calibrate():
    assert _calibrating(RoleSettings(calibration_count=1)) == ["slow/stance_01", "fast/stance_01"]


def test_they_can_be_spread_over_each_recording():
    assert _calibrating(RoleSettings(calibration_count=2, pick="spread")) == [
        *("slow/stance_02", "slow/stance_05", "fast/stance_02", "fast/stance_05"),
    ]


def test_they_can_be_named():
    assert _calibrating(RoleSettings(calibration=("fast/stance_03",))) == ["fast/stance_03"]
    with pytest.raises(UnknownNameError, match="Did you mean 'fast/stance_03'"):
        assign_roles(NAMES, RoleSettings(calibration=("fast/stance_3",)))


def test_one_trial_that_calibrates_is_enough():
    assert assign_roles(["run/stance_01"], RoleSettings()) == {"run/stance_01": "calibration"}


def test_a_recording_is_for_evaluation_only_if_its_user_says_so():
    roles = assign_roles(NAMES, RoleSettings(calibration_count=2), {"slow": "any", "fast": "held_out"})
    assert [name for name, role in roles.items() if role == "calibration"] == ["slow/stance_01", "slow/stance_02"]
    every = assign_roles(NAMES, RoleSettings(calibration_count=0), {"slow": "held_out", "fast": "calibration"})
    assert [name for name, role in every.items() if role == "calibration"] == NAMES[6:]
    with pytest.raises(SegmentationError, match="'fast/stance_03' is to calibrate, but its recording has role"):
        assign_roles(NAMES, RoleSettings(calibration=("fast/stance_03",)), {"fast": "held_out"})


def test_what_shares_samples_with_calibration_is_refused_as_held_out():
    segments = {"run/a": Segment(name="a", start=0.0, end=1.0), "run/b": Segment(name="b", start=0.9, end=1.9)}
    with pytest.raises(SegmentationError, match=r"'run/b' cannot be held out, as it shares the time from 0.900 to 1.000 s with 'run/a'"):
        require_apart(segments, {"run/a": "calibration", "run/b": "held_out"}, 0.01)
    require_apart(segments, {"run/a": "calibration", "run/b": "calibration"}, 0.01)
    strides = {"run/a": Segment(name="a", start=0.0, end=1.0), "run/b": Segment(name="b", start=1.0, end=1.9)}
    require_apart(strides, {"run/a": "calibration", "run/b": "held_out"}, 0.01)


def test_no_calibration_trial_is_refused():
    with pytest.raises(SegmentationError, match="No trial calibrates"):
        assign_roles(NAMES, RoleSettings(calibration_count=0))


def test_a_trial_is_named_after_recording_and_segment():
    assert trial_names("run", [Segment(name="stance_03", start=0.0, end=1.0)]) == ("run/stance_03",)
