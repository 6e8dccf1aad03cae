"""EMG: one fault at a time put into sound channels."""

from dataclasses import replace

import numpy as np
import pytest

from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.doctor.emg import Movement, against_motion, raw_channels, weak_channels, without_mvc

RATE = 1000.0
CLOCK = np.arange(0.0, 6.0, 1 / RATE)


def _sound(seed: int = 0) -> np.ndarray:
    """White noise in 20-450 Hz, in bursts: (time, 2), V."""
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft(rng.normal(size=(len(CLOCK), 2)), axis=0)
    frequency = np.fft.rfftfreq(len(CLOCK), 1 / RATE)
    spectrum[(frequency < 20) | (frequency > 450)] = 0
    bursts = 0.05 + np.maximum(0, np.sin(2 * np.pi * CLOCK))[:, None]
    return 1e-4 * bursts * np.fft.irfft(spectrum, len(CLOCK), axis=0)


def _series(values: np.ndarray) -> TimeSeries:
    return TimeSeries(time=CLOCK, labels=("TA", "SOL"), values=values, source="lab/walk.sto")


def _kinds(values: np.ndarray) -> set[str]:
    return {finding.kind for finding in raw_channels(_series(values))}


def test_sound_channels_are_left_in_peace() -> None:
    for seed in range(5):
        assert _kinds(_sound(seed)) == set()


def test_a_second_of_zeros_is_a_dropout_and_a_third_of_the_recording_stops() -> None:
    values = _sound()
    values[1000:2000, 0] = 0.0
    (found,) = raw_channels(_series(values))
    assert (found.kind, found.severity, found.about) == ("emg_dropout", "doubt", "TA")
    assert "1.00 to 2.00 s" in found.text
    values[1000:3500, 0] = 0.0
    assert raw_channels(_series(values))[0].severity == "stop"


def test_a_dropout_outside_the_used_part_does_not_count() -> None:
    values = _sound()
    values[:1000, 0] = 0.0
    assert raw_channels(_series(values), start=1.5, end=5.0) == ()


def test_clipping_is_found() -> None:
    values = _sound()
    values[:, 1] = values[:, 1].clip(-5e-5, 5e-5)
    assert _kinds(values) == {"emg_clipped"}


@pytest.mark.parametrize("mains", [50, 60])
def test_mains_hum_is_found(mains: int) -> None:
    values = _sound()
    values[:, 0] += values[:, 0].std() * np.sin(2 * np.pi * mains * CLOCK)
    assert _kinds(values) == {"emg_hum"}


def test_a_swinging_cable_is_found() -> None:
    values = _sound()
    values[:, 0] += 4 * values[:, 0].std() * np.sin(2 * np.pi * 3 * CLOCK)
    assert _kinds(values) == {"emg_artefact"}


def test_one_electrode_twice_is_found() -> None:
    values = _sound()
    values[:, 1] = 0.8 * values[:, 0] + 0.2 * values[:, 1]
    assert _kinds(values) == {"emg_crosstalk"}


def test_a_channel_of_noise_is_weak() -> None:
    rng = np.random.default_rng(1)
    envelope = np.stack([0.05 + np.maximum(0, np.sin(6 * CLOCK)), 0.2 + 0.02 * rng.random(len(CLOCK))], axis=1)
    (found,) = weak_channels(_series(envelope))
    assert "SOL" in found.text
    assert "TA" not in found.text


def _movement() -> Movement:
    """Bursts of unequal length and spacing, whose moments come 60 ms after the EMG, at 100 Hz."""
    rng = np.random.default_rng(4)
    clock = np.arange(0.0, 8.0, 0.01)
    pulses = np.zeros((len(clock), 2))
    for muscle in range(2):
        for start in np.cumsum(rng.uniform(0.6, 1.1, 9)):
            pulses[(clock > start) & (clock < start + rng.uniform(0.1, 0.4)), muscle] = 1
    smooth = np.apply_along_axis(lambda v: np.convolve(v, np.hanning(15) / 7, mode="same"), 0, pulses)
    arm = np.tile([[[0.05, -0.04]]], (len(clock), 1, 1))
    strength = np.array([2000.0, 1500.0])
    moment = np.einsum("tm,tdm,m->td", np.roll(smooth, 6, axis=0), arm, strength) + rng.normal(0, 5, (len(clock), 1))
    return Movement(time=clock, excitation=smooth, moment_arm=arm, strength=strength, moment=moment, source="walk")


def test_emg_on_the_clock_of_the_motion_is_sound() -> None:
    assert against_motion(_movement()) == ()


@pytest.mark.parametrize(("shift", "word"), [(50, "later"), (-50, "earlier")])
def test_emg_half_a_second_off_is_found_with_its_direction(shift: int, word: str) -> None:
    (found,) = against_motion(replace(_movement(), excitation=np.roll(_movement().excitation, shift, axis=0)))
    assert found.kind == "emg_late"
    assert word in found.text


def test_no_mvc_is_said() -> None:
    assert without_mvc(["TA"], 0)[0].kind == "no_mvc"
    assert without_mvc(["TA"], 1) == ()
