"""Filters and clocks, against scipy, sines and OpenSim's own filter."""

import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.signal import butter, filtfilt, sosfiltfilt

from osim_nmscal.data.time_series import MarkerTrajectories, TimeSeries
from osim_nmscal.errors import SignalError, UnknownNameError
from osim_nmscal.signals import bandpass, fill_marker_gaps, is_uniform, resample, uniform_time, zero_lag_lowpass

RATE = 1000.0
TIME = np.arange(4000) / RATE
INNER = slice(1000, 3000)  # away from the ends, where padding shows


def _gain_and_lag(filtered, frequency):
    """Least-squares amplitude of a unit sine and its phase shift, rad."""
    basis = np.column_stack([np.sin(2 * np.pi * frequency * TIME), np.cos(2 * np.pi * frequency * TIME)])[INNER]
    sine, cosine = np.linalg.lstsq(basis, filtered[INNER], rcond=None)[0]
    return np.hypot(sine, cosine), np.arctan2(cosine, sine)


def _sine(frequency):
    return np.sin(2 * np.pi * frequency * TIME)


def _series(values, time=TIME, source="walk.sto"):
    return TimeSeries(time=time, labels=("a",), values=values[:, None], source=source)


@pytest.mark.parametrize(("order", "single_pass"), [(2, 1), (3, 2), (4, 2), (6, 3)])
def test_an_effective_order_is_two_passes_of_half_of_it_rounded_up(order, single_pass):
    expected = 1 / (1 + 2 ** (2 * single_pass))  # both passes of an analogue Butterworth, an octave above the cut-off
    gain, lag = _gain_and_lag(zero_lag_lowpass(_sine(10.0), RATE, 5.0, order), 10.0)
    assert gain == pytest.approx(expected, rel=5e-3)  # the bilinear transform moves 10 Hz by 0.02 %
    assert abs(lag) < 1e-3


def test_the_gain_at_the_cutoff_is_one_half_at_every_order():
    for order in (2, 4, 6):
        assert _gain_and_lag(zero_lag_lowpass(_sine(6.0), RATE, 6.0, order), 6.0)[0] == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize("samples", [3, 11, 238, 4000])
def test_order_six_is_the_filter_of_opensims_inverse_dynamics(samples):
    walk = np.cumsum(np.random.default_rng(1).normal(size=(samples, 2)), axis=0)
    opensim = filtfilt(*butter(3, 6 / 50), walk, axis=0, padtype="odd", padlen=samples // 2)  # docs/opensim.md: equal to 5e-9 degrees
    assert_allclose(zero_lag_lowpass(walk, 100.0, 6.0, 6), opensim, rtol=0, atol=1e-10)


def _scipys(values, band, kind, order):
    """What the filters are: sections of scipy, run both ways, half the signal as padding."""
    return sosfiltfilt(butter((order + 1) // 2, band, kind, output="sos"), values, axis=0, padtype="odd", padlen=len(values) // 2)


@pytest.mark.parametrize("samples", [3, 64, 131, 4000])
@pytest.mark.parametrize("order", [1, 2, 3, 4, 6, 8])
def test_both_filters_are_scipys_without_loading_it(samples, order):
    walk = np.cumsum(np.random.default_rng(order).normal(size=(samples, 3)), axis=0)
    size = np.abs(walk).max()
    for rate, cutoff, within in ((100.0, 6.0, 1e-13), (1000.0, 20.0, 1e-13), (2000.0, 5.0, 5e-12)):  # coefficients near 1 are rounded
        expected = _scipys(walk, 2 * cutoff / rate, "lowpass", order)
        assert_allclose(zero_lag_lowpass(walk, rate, cutoff, order), expected, rtol=0, atol=within * size)
    for rate, low, high in ((1000.0, 30.0, 300.0), (2000.0, 20.0, 450.0), (1000.0, 99.0, 101.0), (50.0, 1.0, 24.0)):
        expected = _scipys(walk, (2 * low / rate, 2 * high / rate), "bandpass", order)
        assert_allclose(bandpass(walk, rate, low, high, order), expected, rtol=0, atol=1e-12 * size)


def test_a_band_as_wide_as_the_signal_stays_exact():
    # its slow and its fast poles meet different zeros; paired otherwise, sections of gain 1e3 undo each other and lose 1e-3 of it
    walk = np.cumsum(np.random.default_rng(3).normal(size=(510, 2)), axis=0)
    expected = _scipys(walk, (2e-4, 0.998), "bandpass", 8)
    assert_allclose(bandpass(walk, 100.0, 0.01, 49.9, 8), expected, rtol=0, atol=1e-7)


def test_a_constant_passes_a_slow_lowpass_unchanged():
    assert_allclose(zero_lag_lowpass(np.full((500, 1), 3.0), 2000.0, 0.5, 4), 3.0, rtol=1e-10)


def test_every_column_and_axis_is_filtered_on_its_own():
    walk = np.cumsum(np.random.default_rng(5).normal(size=(300, 4, 3)), axis=0)
    filtered = zero_lag_lowpass(walk, 100.0, 6.0, 4)
    assert filtered.shape == walk.shape
    assert_allclose(filtered[:, 2, 1], zero_lag_lowpass(walk[:, 2, 1], 100.0, 6.0, 4), rtol=0, atol=1e-12)


def test_filtering_does_not_load_scipy():
    # 0.6 s of CPU in every worker process that filters a motion
    code = "import sys, numpy, osim_nmscal.signals as s; s.zero_lag_lowpass(numpy.zeros(9), 100.0, 6.0, 6); print('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"


def test_a_bandpass_keeps_its_middle_and_removes_offset_and_drift():
    assert _gain_and_lag(bandpass(_sine(100.0), RATE, 30, 300, 4), 100.0)[0] == pytest.approx(1.0, abs=0.02)
    assert _gain_and_lag(bandpass(_sine(30.0), RATE, 30, 300, 4), 30.0)[0] == pytest.approx(0.5, abs=0.01)
    assert np.abs(bandpass(5 + 0.3 * TIME, RATE, 30, 300, 4)[INNER]).max() < 1e-6


def test_a_band_edge_above_half_the_sampling_rate_is_a_clear_error():
    with pytest.raises(SignalError, match=r"upper edge of the band-pass is 300 Hz.*500 Hz / 2 = 250 Hz"):
        bandpass(_sine(10.0), 500.0, 30, 300, 4)
    with pytest.raises(SignalError, match=r"low-pass cut-off is 6 Hz"):
        zero_lag_lowpass(_sine(1.0), 10.0, 6.0, 4)
    with pytest.raises(SignalError, match=r"300 to 30 Hz"):
        bandpass(_sine(10.0), RATE, 300, 30, 4)


def test_a_gap_or_a_too_short_signal_is_not_filtered():
    broken = _sine(1.0)
    broken[7] = np.nan
    with pytest.raises(SignalError, match="not finite at sample 7"):
        zero_lag_lowpass(broken, RATE, 6, 4)
    with pytest.raises(SignalError, match="2 samples"):
        zero_lag_lowpass(np.zeros(2), RATE, 6, 4)


def test_resampling_a_smooth_signal_hits_its_true_values():
    slow = np.arange(0, 2.001, 0.01)
    fine = np.linspace(0.1, 1.9, 777)
    resampled = resample(_series(np.sin(2 * np.pi * slow), slow), fine)
    assert_allclose(resampled.values[:, 0], np.sin(2 * np.pi * fine), atol=1e-6)  # spline error h^4 * (2 pi)^4 * 5/384 = 2e-7


def test_resampling_goes_half_a_step_beyond_the_ends_and_no_further():
    series = _series(_sine(1.0))
    held = resample(series, np.array([0.0, TIME[-1] + 0.4e-3]))
    assert held.values[-1, 0] == pytest.approx(series.values[-1, 0])
    with pytest.raises(SignalError, match=r"walk.sto runs from 0 to 3.999 s, but 0 to 4.5 s is needed"):
        resample(series, np.array([0.0, 4.5]))
    with pytest.raises(SignalError, match="correct its clock"):
        resample(series, np.array([100.0, 101.0]))


def test_resampling_over_a_gap_names_its_times():
    values = _sine(1.0)
    values[100:200] = np.nan
    with pytest.raises(SignalError, match=r"column 'a' has no value from 0.1 to 0.199 s \(100 samples"):
        resample(_series(values), TIME[:50])


def test_a_time_axis_printed_to_the_millisecond_becomes_uniform_again():
    printed = np.round(np.arange(151) / 60, 3)  # as in subject01_walk1.trc
    assert not is_uniform(printed)
    assert_allclose(uniform_time(printed), np.arange(151) / 60, atol=1e-12)


def test_missing_samples_are_put_back_into_a_uniform_time_axis():
    assert_allclose(uniform_time(np.delete(np.arange(100) / 100, [40, 41, 42])), np.arange(100) / 100, atol=1e-12)


def test_a_uniform_axis_with_a_given_step_stays_within_the_recording():
    axis = uniform_time(np.array([0.23, 0.5, 1.0]), 0.1)
    assert_allclose(axis, 0.23 + 0.1 * np.arange(8))
    assert is_uniform(axis)


def _markers(gap):
    time = np.arange(101) / 100
    positions = np.stack([np.sin(time), np.cos(time), time], axis=-1)[:, None, :].repeat(2, axis=1)
    positions[gap, 0] = np.nan
    return MarkerTrajectories(time=time, markers=("RASI", "LASI"), positions=positions, source="run.trc")


def test_a_short_marker_gap_is_interpolated_and_reported():
    filled = fill_marker_gaps(_markers(slice(40, 50)), 0.2)
    time = filled.markers.time
    assert_allclose(filled.markers.positions[:, 0, 0], np.sin(time), atol=1e-6)
    assert filled.findings == ("run.trc: marker RASI was interpolated from 0.4 to 0.49 s (10 frames).",)


def test_a_long_marker_gap_is_refused_with_its_times():
    with pytest.raises(SignalError, match=r"run.trc: marker 'RASI' was not seen from 0.4 to 0.69 s, longer than the 0.2 s"):
        fill_marker_gaps(_markers(slice(40, 70)), 0.2)


def test_a_marker_missing_at_an_end_is_refused():
    with pytest.raises(SignalError, match="at an end of the recording"):
        fill_marker_gaps(_markers(slice(0, 3)), 0.2)


def test_only_the_needed_markers_must_be_complete_and_must_exist():
    gappy = _markers(slice(40, 70))
    assert np.isnan(fill_marker_gaps(gappy, 0.2, ["LASI"]).markers.positions[50, 0, 0])
    with pytest.raises(UnknownNameError, match="Did you mean 'LASI'"):
        fill_marker_gaps(gappy, 0.2, ["LASIS"])


def test_a_step_of_a_nanosecond_is_refused_before_anything_is_allocated():
    with pytest.raises(SignalError, match=r"step of 1e-09 s over 5 s has 5e\+09 samples, expected at most 1e\+07; use a larger time_step"):
        uniform_time(np.array([0.0, 5.0]), 1e-9)
    with pytest.raises(SignalError, match=r"or correct the time column"):
        uniform_time(np.array([0.0, 0.001, 0.002, 1e9]))


def test_a_monotone_curve_keeps_an_envelope_between_zero_and_one():
    # 50 Hz, sharp bursts: the spline gives [-0.13, 1.13]
    time = np.arange(50) / 50
    series = TimeSeries(time=time, labels=("SOL",), values=(np.sin(2 * np.pi * 3 * time) > 0).astype(float)[:, None])
    clock = uniform_time(time, 0.001)
    assert resample(series, clock).values.max() > 1.05
    monotone = resample(series, clock, "monotone").values
    assert monotone.min() == 0.0
    assert monotone.max() == 1.0
    assert_allclose(resample(series, time, "monotone").values, series.values)


def test_long_gaps_and_those_at_an_end_can_be_left_open():
    gappy = _markers(slice(0, 3))
    gappy.positions[20:22] = np.nan
    gappy.positions[40:70] = np.nan
    filled = fill_marker_gaps(gappy, 0.2, beyond="leave")
    seen = np.isfinite(filled.markers.positions).all(axis=2)
    assert not seen[:3, 0].any()
    assert seen[20:22, 0].all()
    assert not seen[40:70, 0].any()
    assert [finding.count("no weight there") for finding in filled.findings] == [1, 0, 1, 0, 1]  # RASI at 0, 0.2, 0.4 s; LASI at 0.2, 0.4 s
