"""Roles: who calibrates, who is held out."""

import pytest

from osim_nmscal.errors import SegmentationError, UnknownNameError
from osim_nmscal.trials.roles import RoleSettings, assign_roles, trial_names
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


def test_zero_held_out_or_zero_calibration_trials_are_refused():
    with pytest.raises(SegmentationError, match="All 12 trials calibrate and none is held out"):
        assign_roles(NAMES, RoleSettings(calibration_count=6))
    with pytest.raises(SegmentationError, match="No trial calibrates"):
        assign_roles(NAMES, RoleSettings(calibration_count=0))


def test_a_trial_is_named_after_recording_and_segment():
    assert trial_names("run", [Segment(name="stance_03", start=0.0, end=1.0)]) == ("run/stance_03",)
