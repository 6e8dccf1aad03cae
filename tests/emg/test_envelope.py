"""Linear envelopes: of noise whose amplitude we know, of real running, and what cannot be EMG."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from pydantic import ValidationError

from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.emg.envelope import EnvelopeSettings, linear_envelope
from osim_nmscal.errors import SignalError
from osim_nmscal.formats.emg_table import read_emg
from osim_nmscal.signals import resample

RATE = 1000.0
TIME = np.arange(8000) / RATE


def _series(values, labels=("SOL",), time=TIME, source="run.sto"):
    return TimeSeries(time=time, labels=labels, values=np.asarray(values, dtype=float).reshape(len(time), -1), source=source)


def _amplitude():
    return 0.6 + 0.4 * np.sin(2 * np.pi * 0.5 * TIME)


def test_the_envelope_of_a_modulated_carrier_is_its_mean_rectified_amplitude():
    # 97.3 Hz lies mid-band and is no divisor of the rate; the mean of |sin| is 2/pi; 0.5 Hz passes the low-pass (gain 1/(1 + 0.1^4)).
    carrier = _amplitude() * np.sin(2 * np.pi * 97.3 * TIME) + 0.7 + 0.2 * np.sin(2 * np.pi * 1.0 * TIME)  # offset and artefact
    envelope = linear_envelope(_series(carrier))
    inner = slice(1000, -1000)
    assert_allclose(
        envelope.values[inner, 0], _amplitude()[inner] * 2 / np.pi, rtol=0.01
    )  # 30-300 Hz: gain 0.9995 at 97.3 Hz; rest is ripple


@pytest.mark.parametrize(("order", "single_pass"), [(2, 1), (4, 2), (6, 3)])
def test_the_order_of_the_bandpass_decides_how_much_of_an_artefact_is_left(order, single_pass):
    # 15 Hz, an octave below the band; both passes of an analogue Butterworth on the warped frequencies of the bilinear transform
    low, high, frequency = np.tan(np.pi * np.array([30.0, 300.0, 15.0]) / RATE)
    expected = 1 / (1 + ((low * high - frequency**2) / (frequency * (high - low))) ** (2 * single_pass))
    envelope = linear_envelope(_series(np.sin(2 * np.pi * 15.0 * TIME)), EnvelopeSettings(bandpass_order=order))
    assert envelope.values[2000:-2000, 0].mean() == pytest.approx(expected * 2 / np.pi, rel=0.01)


def test_the_envelope_does_not_lag():
    noise = np.random.default_rng(0).normal(size=len(TIME))
    envelope = linear_envelope(_series(_amplitude() * noise)).values[:, 0]
    lags = np.arange(-300, 301)
    best = lags[np.argmax([np.corrcoef(envelope[1000:-1000], np.roll(_amplitude(), lag)[1000:-1000])[0, 1] for lag in lags])]
    assert abs(best) < 50  # a causal 5 Hz low-pass of order 4 would lag by 80 ms; noise blurs the optimum


def test_the_scale_of_the_recording_scales_the_envelope_and_its_offset_does_not_matter():
    noise = np.random.default_rng(1).normal(size=len(TIME))
    volts, counts = linear_envelope(_series(noise)), linear_envelope(_series(2048 + 1000 * noise))
    assert_allclose(counts.values, 1000 * volts.values, rtol=1e-6, atol=1e-6)


def test_an_envelope_is_never_negative():
    burst = np.where((TIME > 3) & (TIME < 3.2), 1.0, 1e-3) * np.random.default_rng(2).normal(size=len(TIME))
    assert linear_envelope(_series(burst)).values.min() >= 0


def test_the_clock_can_be_shifted_and_rounded_times_become_uniform():
    printed = np.round(np.arange(4000) / 1926, 4)  # Delsys' rate, printed to 0.1 ms
    envelope = linear_envelope(_series(np.random.default_rng(3).normal(size=4000), time=printed), EnvelopeSettings(time_offset=0.5))
    assert envelope.time[0] == pytest.approx(0.5)
    assert np.ptp(np.diff(envelope.time)) < 1e-12


def test_a_band_edge_above_half_the_sampling_rate_names_the_file():
    with pytest.raises(SignalError, match=r"run.sto: The upper edge of the band-pass is 300 Hz.*half the sampling rate \(500 Hz"):
        linear_envelope(_series(np.random.default_rng(0).normal(size=1000), time=np.arange(1000) / 500))


@pytest.mark.parametrize(("value", "words"), [(0.0, "is zero"), (3.5, "is 3.5")])
def test_a_constant_channel_is_refused_by_name(value, words):
    values = np.column_stack([np.random.default_rng(0).normal(size=len(TIME)), np.full(len(TIME), value)])
    with pytest.raises(SignalError, match=rf"run.sto: EMG channel 'TA' {words} from 0 to 7.999 s"):
        linear_envelope(_series(values, ("SOL", "TA")))


def test_a_gap_is_refused_with_its_times():
    values = np.random.default_rng(0).normal(size=len(TIME))
    values[2000:2500] = np.nan
    with pytest.raises(SignalError, match=r"column 'SOL' has no value from 2 to 2.499 s"):
        linear_envelope(_series(values))


def test_dropped_samples_are_refused_with_their_time():
    keep = np.delete(np.arange(len(TIME)), np.arange(3000, 3100))
    with pytest.raises(SignalError, match=r"the time steps by 0.101 s at 2.999 s, expected 0.001 s"):
        linear_envelope(_series(np.random.default_rng(0).normal(size=len(keep)), time=TIME[keep]))


def test_raw_emg_declared_an_envelope_is_refused():
    with pytest.raises(SignalError, match=r"EMG channel 'SOL' is negative in .* but an envelope is not negative.*kind = 'raw'"):
        linear_envelope(_series(np.random.default_rng(0).normal(size=len(TIME))), EnvelopeSettings(kind="envelope"))


def test_an_envelope_declared_raw_is_refused():
    with pytest.raises(SignalError, match=r"'SOL' has .* % of its deviation between 30 and 300 Hz.*kind = 'envelope'"):
        linear_envelope(_series(_amplitude()))


def test_an_envelope_passes_unchanged_but_for_the_ringing_below_zero():
    values = _amplitude() - 0.21  # dips to -0.01
    passed = linear_envelope(_series(values), EnvelopeSettings(kind="envelope")).values[:, 0]
    assert_allclose(passed, np.maximum(values, 0))


def _envelope_settings():
    return EnvelopeSettings(kind="envelope")


def test_ringing_below_zero_is_clipped_and_said(caplog):
    linear_envelope(_series(_amplitude() - 0.21), _envelope_settings())
    # 0.6 + 0.4 sin < 0.21 in 1/2 - asin(0.39 / 0.4) / pi = 7.1 % of the time
    assert "run.sto: EMG envelopes dip below zero and count as zero there: SOL (1.3 % of its peak, in 7.1 % of the samples)." in caplog.text


def test_an_envelope_is_judged_inside_the_part_that_is_used():
    values = _amplitude()
    values[:500] = -0.9
    with pytest.raises(SignalError, match=r"negative in 6.2 % of its samples, down to -0.9 at 0 s"):
        linear_envelope(_series(values), _envelope_settings())
    assert linear_envelope(_series(values), _envelope_settings(), start=0.5).values.min() == 0.0


def test_raw_is_never_advised_where_the_rate_rules_it_out():
    time = np.arange(400) / 50
    with pytest.raises(SignalError, match=r"at 50 Hz it is no raw EMG either: rectify and low-pass") as caught:
        linear_envelope(_series(np.random.default_rng(0).normal(size=400), time=time), _envelope_settings())
    assert "kind = 'raw'" not in str(caught.value)
    with pytest.raises(SignalError, match=r"half the sampling rate .* may hold envelopes: then set kind = 'envelope'"):
        linear_envelope(_series(np.random.default_rng(0).normal(size=400), time=time))


def test_many_small_negative_values_are_raw_emg_beside_a_spike():
    values = np.random.default_rng(0).normal(size=len(TIME)) * 0.01
    values[100] = 5.0
    with pytest.raises(SignalError, match=r"negative in 51 % of its samples.*set kind = 'raw'"):
        linear_envelope(_series(values), _envelope_settings())


def test_settings_refuse_unknown_keys_and_orders_below_one():
    with pytest.raises(ValidationError):
        EnvelopeSettings(cutoff=5.0)
    with pytest.raises(ValidationError):
        EnvelopeSettings(lowpass_order=0)


STRIKES = (0.868, 1.552, 2.230, 2.916, 3.619, 4.297, 4.988)


def test_running_emg_peaks_where_its_readme_says(running_data):
    # README: SOL 10, GASMED 14, VL 9, VM 8, RF 9, TA 96, MEDHAM 88 % of the right stride, with its own (unstated) filter: 4 % allowed.
    envelope = linear_envelope(read_emg(running_data / "ExpData" / "emg_run_raw.sto"))
    strides = [resample(envelope, np.linspace(a, b, 101)).values for a, b in zip(STRIDES_FROM, STRIDES_TO, strict=True)]
    peak = dict(zip(envelope.labels, np.mean(strides, axis=0).argmax(axis=0), strict=True))
    for channel, expected in {"SOL": 10, "GASMED": 14, "VL": 9, "VM": 8, "RF": 9, "TA": 96, "MEDHAM": 88}.items():
        assert abs(peak[channel] - expected) <= 4, (channel, peak[channel])


STRIDES_FROM, STRIDES_TO = STRIKES[:-1], STRIKES[1:]


def test_strides_of_running_resemble_each_other(running_data):
    # README: inter-stride correlation 0.91-0.99.
    envelope = linear_envelope(read_emg(running_data / "ExpData" / "emg_run_raw.sto", ["SOL", "GASMED", "VL", "TA"]))
    strides = np.array([resample(envelope, np.linspace(a, b, 101)).values for a, b in zip(STRIDES_FROM, STRIDES_TO, strict=True)])
    for channel in range(4):
        correlation = np.corrcoef(strides[:, :, channel])
        assert correlation[np.triu_indices(6, 1)].mean() > 0.9
