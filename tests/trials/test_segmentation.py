"""Segmentation: of forces and angles we made, and of real running and walking whose strikes are known."""

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.testing import assert_allclose

from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.errors import SegmentationError, UnknownNameError
from osim_nmscal.formats.c3d import read_c3d
from osim_nmscal.formats.storage import read_storage
from osim_nmscal.trials.segmentation import Segment, SegmentationSettings, cut_times, segment_recording, segments_within

RATE = 1000.0


def _force(contacts, duration=5.0, peak=800.0):
    """Half-sine contacts (start, end), N."""
    time = np.arange(round(duration * RATE) + 1) / RATE
    force = np.zeros_like(time)
    for start, end in contacts:
        inside = (time >= start) & (time <= end)
        force[inside] = np.maximum(force[inside], peak * np.sin(np.pi * (time[inside] - start) / (end - start)))
    return TimeSeries(time=time, labels=("vy",), values=force[:, None], source="grf.mot")


def _settings(method="stance", **changes):
    return SegmentationSettings(method=method, force_column="vy", **changes)


CONTACTS = ((0.5, 1.1), (1.6, 2.2), (2.7, 3.3), (3.8, 4.4))


def test_a_stance_starts_and_ends_where_the_force_crosses_the_threshold():
    segments = cut_times(_settings(threshold=50.0), forces=_force(CONTACTS))
    crossing = 0.6 * np.arcsin(50 / 800) / np.pi  # after the start of the half sine
    assert [segment.name for segment in segments] == ["stance_01", "stance_02", "stance_03", "stance_04"]
    assert_allclose([segment.start for segment in segments], np.array(CONTACTS)[:, 0] + crossing, atol=1e-5)
    assert_allclose([segment.end for segment in segments], np.array(CONTACTS)[:, 1] - crossing, atol=1e-5)


def test_a_stride_lasts_from_strike_to_strike():
    segments = cut_times(_settings("stride"), forces=_force(CONTACTS))
    assert_allclose([segment.end - segment.start for segment in segments], [1.1, 1.1, 1.1], atol=1e-6)


def test_a_short_interruption_of_a_contact_is_closed():
    forces = _force(CONTACTS)
    forces.values[700:715] = 0.0
    assert len(cut_times(_settings(), forces=forces)) == 4
    assert len(cut_times(_settings(debounce=0.0, duration_tolerance=1.0), forces=forces)) == 5


def test_cross_talk_and_short_contacts_are_left_out_and_said():
    forces = _force(CONTACTS)
    forces.values[1300:1500] = 60.0
    forces.values[2400:2450] = 500.0
    result = segment_recording(_settings(), forces=forces)
    assert len(result.segments) == 4
    assert "grf.mot: the contact of vy from 1.299 to 1.500 s reaches only 60 N, cross-talk" in result.findings[0]
    assert "from 2.399 to 2.450 s lasts 0.051 s, less than 0.1 s" in result.findings[1]


def test_a_contact_cut_off_by_an_end_of_the_recording_is_left_out_and_said():
    result = segment_recording(_settings(), forces=_force([(-0.2, 0.3), *CONTACTS, (4.8, 5.4)]))
    assert len(result.segments) == 4
    assert sum("cut off by an end of the recording" in finding for finding in result.findings) == 2


def test_a_stance_unlike_the_others_is_left_out_and_said():
    odd = [(0.2, 0.8), (1.0, 1.6), (1.8, 2.8), (3.0, 3.6), (3.8, 4.4), (4.5, 4.9)]  # the third has the other foot on the plate too
    result = segment_recording(_settings(duration_tolerance=0.4), forces=_force(odd))
    assert [round(segment.start, 1) for segment in result.segments] == [0.2, 1.0, 3.0, 3.8, 4.5]
    assert "from 1.808 to 2.792 s lasts 0.984 s, the median 0.590 s: the other foot on the plate" in result.findings[0]


def test_a_stride_over_a_missing_strike_is_left_out():
    result = segment_recording(_settings("stride", maximum_duration=1.5), forces=_force([CONTACTS[0], CONTACTS[1], CONTACTS[3]]))
    assert len(result.segments) == 1
    assert "lasts 2.200 s, outside 0.1 to 1.5 s" in result.findings[0]


def test_a_foot_on_two_plates_is_one_stance():
    whole = _force(CONTACTS)
    first = np.where(whole.time % 1.1 < 0.8, whole.values[:, 0], 0.0)  # it rolls from one plate onto the next
    plates = TimeSeries(time=whole.time, labels=("a", "b"), values=np.column_stack([first, whole.values[:, 0] - first]), source="grf.mot")
    both = SegmentationSettings(force_column=("a", "b"), threshold=20.0)
    assert_allclose(_spans(cut_times(both, forces=plates)), _spans(cut_times(_settings(), forces=whole)), atol=1e-9)


def _spans(segments):
    return [(segment.start, segment.end) for segment in segments]


def test_no_stance_names_file_column_and_threshold_and_what_was_left_out():
    with pytest.raises(SegmentationError, match=r"No stance was found \(grf.mot, column 'vy', threshold 20 N\)"):
        cut_times(_settings(), forces=_force([]))
    with pytest.raises(SegmentationError, match=r"Left out: .*reaches only 30 N"):
        cut_times(_settings(), forces=_force(CONTACTS, peak=30.0))


def test_what_a_method_needs_is_asked_for():
    with pytest.raises(SegmentationError, match=r"needs ground reaction forces"):
        cut_times(_settings())
    with pytest.raises(SegmentationError, match=r"needs force_column, one of those in grf.mot: vy"):
        cut_times(SegmentationSettings(), forces=_force(CONTACTS))
    with pytest.raises(UnknownNameError, match=r"has no column 'vx'. It has: vy"):
        cut_times(SegmentationSettings(force_column="vx"), forces=_force(CONTACTS))
    with pytest.raises(SegmentationError, match="needs coordinates"):
        cut_times(SegmentationSettings(method="cycle"))
    with pytest.raises(SegmentationError, match="needs coordinate, one of those in"):
        cut_times(SegmentationSettings(method="cycle"), coordinates=_force(CONTACTS))
    with pytest.raises(SegmentationError, match="lists none"):
        cut_times(SegmentationSettings(method="times"))


def _angle():
    time = np.arange(0, 10, 0.01)
    ripple = 0.05 * np.sin(2 * np.pi * 3 * time)  # too small to be a cycle
    return TimeSeries(time=time, labels=("elbow",), values=(np.cos(2 * np.pi * 0.5 * (time - 1)) + ripple)[:, None], source="ik.mot")


def test_cycles_lie_between_the_peaks_of_a_coordinate():
    settings = SegmentationSettings(method="cycle", coordinate="elbow")
    segments = cut_times(settings, coordinates=_angle())
    assert_allclose([segment.start for segment in segments], [1, 3, 5, 7], atol=0.12)  # the ripple moves a peak
    lowest = cut_times(settings.model_copy(update={"peak": "minimum"}), coordinates=_angle())
    assert_allclose([segment.start for segment in lowest], [2, 4, 6], atol=0.12)


def test_a_coordinate_that_does_not_move_has_no_cycle():
    still = TimeSeries(time=np.arange(0, 5, 0.01), labels=("elbow",), values=np.full((500, 1), 0.3), source="ik.mot")
    with pytest.raises(SegmentationError, match=r"No cycle was found \(ik.mot, coordinate 'elbow'"):
        cut_times(SegmentationSettings(method="cycle", coordinate="elbow"), coordinates=still)


@dataclass(frozen=True)
class _Event:
    name: str
    context: str
    time: float


EVENTS = [
    _Event("Foot Strike", "Right", 1.0),
    _Event("Foot Strike", "Left", 1.5),
    _Event("Foot Off", "Right", 1.6),
    _Event("Foot Strike", "Right", 2.1),
    _Event("Foot Strike", "Right", 3.2),
    _Event("Foot Off", "Right", 3.8),
]


def test_a_start_event_is_paired_with_the_end_event_before_the_next_start():
    segments = cut_times(SegmentationSettings(method="events"), events=EVENTS)
    assert [(segment.start, segment.end) for segment in segments] == [(1.0, 1.6), (3.2, 3.8)]


def test_events_of_one_name_bound_strides():
    segments = cut_times(SegmentationSettings(method="events", end_event="Foot Strike"), events=EVENTS)
    assert [(segment.start, segment.end) for segment in segments] == [(1.0, 2.1), (2.1, 3.2)]


def test_a_missing_event_lists_those_there_are():
    with pytest.raises(
        SegmentationError, match=r"no event Right 'Foot strikes'. Did you mean 'Foot Strike'\? It has: Left Foot Strike, Right"
    ):
        cut_times(SegmentationSettings(method="events", start_event="Foot strikes"), events=EVENTS)
    with pytest.raises(SegmentationError, match="It has: none"):
        cut_times(SegmentationSettings(method="events"))


def test_listed_times_are_taken_as_they_are_if_they_can_be():
    segments = cut_times(SegmentationSettings(method="times", times=((0.5, 1.0), (2.0, 2.5))))
    assert segments[1] == Segment(name="segment_02", start=2.0, end=2.5)
    with pytest.raises(SegmentationError, match="lists the time 2 to 1 s, expected start < end"):
        cut_times(SegmentationSettings(method="times", times=((2.0, 1.0),)))


def test_segments_outside_the_motion_are_left_out_with_their_names_kept():
    segments = cut_times(SegmentationSettings(method="times", times=((0.5, 1.0), (2.0, 2.5))))
    kept = segments_within(segments, 1.5, 3.0)
    assert [segment.name for segment in kept.segments] == ["segment_02"]
    assert "segment_01 (0.500 to 1.000 s) is not within 1.5 to 3 s" in kept.findings[0]
    with pytest.raises(SegmentationError, match="None of the 2 segments lies between 5 and 6 s"):
        segments_within(segments, 5, 6)


def test_the_seven_right_strikes_of_running_are_found(running_data):
    forces = read_storage(running_data / "ExpData" / "grf_run.mot")
    segments = cut_times(SegmentationSettings(force_column="R_ground_force_vy"), forces=forces)
    strikes = [0.868, 1.552, 2.230, 2.916, 3.619, 4.297, 4.988]  # README
    assert_allclose([segment.start for segment in segments], strikes, atol=1.5e-3)  # README gives samples, we interpolate


def test_both_right_stances_of_walking_are_found(running_data):
    forces = read_storage(running_data / "ExpData" / "grf_walk.mot")
    segments = cut_times(SegmentationSettings(force_column="ground_force_r_vy"), forces=forces)
    assert_allclose([(segment.start, segment.end) for segment in segments], [(0.268, 1.023), (1.412, 2.167)], atol=1e-3)  # README


@pytest.mark.parametrize(("speed", "stride"), [("walk36", 1.15), ("walk45", 1.05)])
def test_treadmill_strides_have_the_period_of_the_readme(treadmill_data, speed, stride):
    forces = read_storage(treadmill_data / speed / "XLD.mot")
    segments = cut_times(SegmentationSettings(method="stride", force_column="ground_force_vy"), forces=forces)
    assert np.median([segment.end - segment.start for segment in segments]) == pytest.approx(stride, abs=0.02)


def test_the_two_stances_with_the_left_foot_on_the_right_belt_are_left_out(treadmill_data):
    forces = read_storage(treadmill_data / "walk36" / "XLD.mot")
    result = segment_recording(SegmentationSettings(force_column="ground_force_vy"), forces=forces)
    assert len(result.segments) == 31
    assert sum("the other foot on the plate" in finding for finding in result.findings) == 2


def test_the_events_of_a_c3d_file_give_two_stances(c3d_data):
    segments = cut_times(SegmentationSettings(method="events"), events=read_c3d(c3d_data / "sprint_1.c3d").events)
    assert_allclose([(segment.start, segment.end) for segment in segments], [(3.605, 3.755), (4.138, 4.326)], atol=1e-6)
