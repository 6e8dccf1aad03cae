"""A stretched EMG clock is found, on made bursts and on the very fault of a published recording."""

from dataclasses import replace

import numpy as np
import pytest

from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.emg.envelope import linear_envelope
from osim_nmscal.formats.emg_table import read_emg
from osim_nmscal.formats.storage import read_storage
from osim_nmscal.trials.clock import clock_stretch, emg_clock_findings
from osim_nmscal.trials.segmentation import Segment, SegmentationSettings, cut_times


def _bursts(stretch):
    """Bursts once per second, the time axis stretched by 1 + stretch."""
    time = np.arange(0, 10, 0.01)
    envelopes = np.column_stack([np.exp(6 * np.cos(2 * np.pi * (time - shift)) - 6) for shift in (0.1, 0.6)])
    return TimeSeries(time=time * (1 + stretch), labels=("SOL", "TA"), values=envelopes, source="emg.sto")


STARTS = [0.5 + i for i in range(9)]
SEGMENTS = [Segment(name=f"s{i}", start=start, end=start + 0.6) for i, start in enumerate(STARTS)]


@pytest.mark.parametrize("stretch", [-0.05, -0.02, 0.0, 0.03, 0.08])
def test_the_stretch_of_a_clock_is_measured(stretch):
    assert np.median(clock_stretch(_bursts(stretch), STARTS)) == pytest.approx(stretch, abs=1e-3)


def test_a_right_clock_has_no_finding_and_a_wrong_one_names_the_probable_rate():
    assert emg_clock_findings(_bursts(0.0), SEGMENTS) == ()
    (finding,) = emg_clock_findings(_bursts(0.04), SEGMENTS)
    assert "the EMG runs 4.0 % too slowly; its rate of 96.1" in finding
    assert "is probably 100" in finding


def test_too_few_periods_say_nothing():
    assert emg_clock_findings(_bursts(0.04), SEGMENTS[:4]) == ()
    assert emg_clock_findings(_bursts(0.04), SEGMENTS[:1]) == ()


def test_a_missing_start_in_between_is_skipped():
    assert np.median(clock_stretch(_bursts(0.03), STARTS[:4] + STARTS[5:])) == pytest.approx(0.03, abs=1e-3)


def test_the_wrong_960_hz_of_the_published_running_emg_is_found(running_data):
    forces = read_storage(running_data / "ExpData" / "grf_run.mot")
    segments = cut_times(SegmentationSettings(force_column="R_ground_force_vy"), forces=forces)
    raw = read_emg(running_data / "ExpData" / "emg_run_raw.sto")
    assert emg_clock_findings(linear_envelope(raw), segments) == ()
    wrong = linear_envelope(replace(raw, time=np.arange(len(raw.time)) / 960))
    (finding,) = emg_clock_findings(wrong, segments)
    assert "its rate of 960 Hz is probably 99" in finding


@pytest.mark.parametrize("speed", ["walk36", "walk45"])
def test_the_treadmill_envelopes_are_on_the_clock_of_the_forces(treadmill_data, speed):
    forces = read_storage(treadmill_data / speed / "XLD.mot")
    segments = cut_times(SegmentationSettings(force_column="ground_force_vy"), forces=forces)
    assert emg_clock_findings(read_emg(treadmill_data / speed / "emgFilt.sto"), segments) == ()
