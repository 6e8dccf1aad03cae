"""Assembly: closed-form signals on three clocks become trials on one."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.data.trials import MuscleGeometry, TrialSet
from osim_nmscal.errors import SegmentationError, SignalError, UnknownNameError
from osim_nmscal.trials.assembly import TrialSettings, cut_trials, lead_in_findings
from osim_nmscal.trials.segmentation import Segment

MUSCLES, DOFS = ("soleus_r", "tibant_r"), ("ankle", "knee")
SEGMENTS = (Segment(name="stance_01", start=1.0037, end=1.6), Segment(name="stance_02", start=2.1, end=2.75))


def _wave(time, shift):
    return np.sin(2 * np.pi * (time + shift))


def _geometry(start=0.0, end=4.0):
    time = np.arange(round((end - start) * 100) + 1) / 100 + start
    length = np.column_stack([0.3 + 0.01 * _wave(time, 0.1), 0.25 + 0.01 * _wave(time, 0.2), np.full_like(time, 0.4)])
    arm = 0.04 + 0.005 * np.stack([_wave(time, shift) for shift in (0.3, 0.4, 0.0, 0.5, 0.6, 0.0)], axis=-1).reshape(-1, 2, 3)
    return MuscleGeometry(time=time, muscles=(*MUSCLES, "unmapped_r"), dofs=DOFS, mtu_length=length, moment_arm=arm)


def _series(labels, values, time, source):
    return TimeSeries(time=time, labels=labels, values=values, source=source)


def _moments(start=0.0, end=4.0):
    time = np.arange(round((end - start) * 200) + 1) / 200 + start
    return _series(("knee", "hip", "ankle"), 50 * np.column_stack([_wave(time, 0.7), _wave(time, 0.0), _wave(time, 0.8)]), time, "id.sto")


def _excitations(start=0.0, end=4.0):
    time = np.arange(round((end - start) * 1000) + 1) / 1000 + start
    return _series(MUSCLES, 0.5 + 0.4 * np.column_stack([_wave(time, 0.15), _wave(time, 0.25)]), time, "emg.sto")


def _cut(segments=SEGMENTS, geometry=None, moments=None, emg=None, **more):
    return cut_trials("run", segments, geometry or _geometry(), moments or _moments(), emg or _excitations(), **more)


def test_every_signal_is_brought_to_the_clock_of_the_trial():
    trial = _cut()[0]
    assert trial.name == "run/stance_01"
    assert trial.time[trial.first_counted] == pytest.approx(1.0037)
    assert trial.time[-1] == pytest.approx(1.5937)  # the last step within the segment
    # Spline error at 100 Hz: (2 pi 0.01)^4 5/384 = 2e-7 of the amplitude.
    assert_allclose(trial.mtu_length[:, 0], 0.3 + 0.01 * _wave(trial.time, 0.1), atol=1e-8)
    assert_allclose(trial.moment_arm[:, 1, 0], 0.04 + 0.005 * _wave(trial.time, 0.5), atol=1e-8)
    assert_allclose(trial.moment_arm[:, 0, 1], 0.04 + 0.005 * _wave(trial.time, 0.4), atol=1e-8)
    assert_allclose(trial.joint_moment[:, 0], 50 * _wave(trial.time, 0.8), atol=1e-5)
    assert_allclose(trial.excitation[:, 1], 0.5 + 0.4 * _wave(trial.time, 0.25), atol=1e-7)


def test_joint_angles_come_along_where_they_cover_a_trial():
    time = np.arange(251) / 100
    angles = _series(("knee", "hip", "ankle"), np.column_stack([_wave(time, 0.7), _wave(time, 0.0), _wave(time, 0.8)]), time, "ik.mot")
    first, second = _cut(angles=angles)
    assert_allclose(first.joint_angle, np.column_stack([_wave(first.time, 0.8), _wave(first.time, 0.7)]), atol=1e-6)
    assert second.joint_angle is None  # they end at 2.5 s, within it
    gap = angles.values.copy()
    gap[120] = np.nan
    assert _cut(angles=replace(angles, values=gap))[0].joint_angle is None
    assert _cut()[0].joint_angle is None
    with pytest.raises(SignalError, match=r"joint_angle has shape \(3, 2\)"):
        replace(first, joint_angle=np.zeros((3, 2)))


def test_only_the_excited_muscles_enter_and_dofs_keep_the_geometrys_order():
    trials = TrialSet(trials=_cut())
    assert trials.muscles == MUSCLES
    assert trials.dofs == DOFS


def test_the_lead_in_comes_before_the_segment_and_does_not_count():
    trial = _cut(settings=TrialSettings(lead_in=0.2, time_step=0.005))[1]
    assert trial.first_counted == 40
    assert trial.time[0] == pytest.approx(1.9)
    assert trial.time_step == pytest.approx(0.005)
    assert lead_in_findings([trial], TrialSettings(time_step=0.005)) == ()


@pytest.mark.parametrize(
    ("lead_in", "step", "expected"),
    [(0.1, 0.03, 4), (0.2, 0.03, 7), (0.2, 0.01, 20), (0.28, 0.01, 28), (0.3, 0.1, 3), (0.0, 0.01, 0)],  # 0.28 / 0.01 is 28.000000000000004
)
def test_a_lead_in_is_at_least_as_long_as_asked_for_and_no_step_longer(lead_in, step, expected):
    trial = _cut(settings=TrialSettings(lead_in=lead_in, time_step=step))[1]
    assert trial.first_counted == expected
    assert trial.time[0] == pytest.approx(2.1 - expected * step)


def test_a_lead_in_is_shortened_to_the_recording_and_said():
    trials = _cut(emg=_excitations(start=0.95), geometry=_geometry(start=0.5))
    assert trials[0].first_counted == 5  # 0.0537 s
    assert trials[1].first_counted == 20
    finding = lead_in_findings(trials)
    assert len(finding) == 1
    assert "run/stance_01 has a lead-in of 0.050 s instead of 0.2 s" in finding[0]


def test_no_lead_in_at_all_is_said():
    trials = _cut(segments=(Segment(name="s", start=0.0, end=1.0),))
    assert trials[0].first_counted == 0
    assert "has no lead-in instead of 0.2 s" in lead_in_findings(trials)[0]


def test_moments_missing_in_the_lead_in_only_are_held():
    trial = _cut(moments=_moments(start=1.0))[0]
    assert trial.first_counted == 20
    assert_allclose(trial.joint_moment[:20, 0], 50 * _wave(1.0037, 0.8), atol=1e-5)


def test_emg_shorter_than_the_motion_is_refused_with_the_times():
    with pytest.raises(
        SignalError, match=r"'run/stance_02' lasts from 2.100 to 2.750 s, but the EMG \(emg.sto\) covers 0.000 to 2.500 s only"
    ):
        _cut(emg=_excitations(end=2.5))


def test_emg_on_another_clock_is_refused_and_points_to_the_offset():
    with pytest.raises(SignalError, match=r"covers 100.000 to 104.000 s only; they do not overlap, so their clocks differ.*time_offset"):
        _cut(emg=_excitations(start=100.0, end=104.0))


def test_motion_or_moments_that_do_not_cover_a_segment_are_refused():
    with pytest.raises(SignalError, match=r"the motion \(MTU lengths\) covers 0.000 to 1.500 s"):
        _cut(geometry=_geometry(end=1.5))
    with pytest.raises(SignalError, match=r"the joint moments \(id.sto\) covers 0.000 to 2.700 s"):
        _cut(moments=_moments(end=2.7))


def test_a_gap_inside_a_segment_is_refused_and_one_outside_is_not():
    emg = _excitations()
    emg.values[3500:3600] = np.nan
    assert len(_cut(emg=emg)) == 2
    emg.values[1200:1210, 1] = np.nan
    with pytest.raises(SignalError, match=r"emg.sto: column 'tibant_r' has no value from 1.2 to 1.209 s"):
        _cut(emg=emg)


def test_roles_are_given_by_name_and_default_to_held_out():
    trials = _cut(roles={"run/stance_02": "calibration", "walk/stance_01": "calibration"})
    assert [trial.role for trial in trials] == ["held_out", "calibration"]
    with pytest.raises(UnknownNameError, match=r"'run/stance_2' has a role, but does not exist. Did you mean 'run/stance_02'"):
        _cut(roles={"run/stance_2": "calibration"})


def test_only_the_measured_dofs_of_a_recording_count_in_its_trials():
    every, one = (_cut(measured=measured)[0] for measured in ((), ("knee",)))
    assert every.is_measured.all()
    assert one.measured == ("knee",)
    assert [dof for dof, counts in zip(one.dofs, one.is_measured, strict=True) if counts] == ["knee"]


def test_no_segment_is_an_error():
    with pytest.raises(SegmentationError, match="'run' has no segment"):
        _cut(segments=())


def test_a_muscle_without_geometry_or_a_dof_without_moment_is_named():
    emg = _excitations()
    with pytest.raises(UnknownNameError, match=r"no muscle 'soleus_l'\.$"):
        _cut(emg=replace(emg, labels=("soleus_l", "tibant_r")))
    with pytest.raises(UnknownNameError, match=r"id.sto has no column 'ankle'"):
        _cut(moments=_moments().select(["knee", "hip"]))


def test_implausible_magnitudes_are_refused_with_the_likely_unit():
    geometry = _geometry()
    with pytest.raises(SignalError, match=r"length of MTU 'soleus_r' goes from 290 to 310 m.*is it in mm"):
        _cut(geometry=replace(geometry, mtu_length=geometry.mtu_length * 1e3))
    with pytest.raises(SignalError, match=r"moment arm of 'soleus_r' is 45 m, expected at most 0.5 m; is it in mm"):
        _cut(geometry=replace(geometry, moment_arm=geometry.moment_arm * 1e3))
    moments = _moments()
    with pytest.raises(SignalError, match=r"moment about 'ankle' reaches 5e\+04 N\*m.*N\*mm"):
        _cut(moments=replace(moments, values=moments.values * 1e3))
    emg = _excitations()
    with pytest.raises(SignalError, match=r"excitation of 'soleus_r' goes from 10 to 90, expected 0 to 1"):
        _cut(emg=replace(emg, values=emg.values * 100))
