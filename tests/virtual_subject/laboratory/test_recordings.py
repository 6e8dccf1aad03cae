"""Instruments against what they were given."""

import numpy as np
import pytest

from osim_nmscal.emg.envelope import EnvelopeSettings, linear_envelope
from osim_nmscal.virtual_subject.laboratory.plates import record_plates
from osim_nmscal.virtual_subject.laboratory.recordings import (
    NOISELESS,
    RecordingNoise,
    draw_marker_errors,
    mvc_excitation,
    record_emg,
    record_markers,
)
from osim_nmscal.virtual_subject.motion.ground import PlateForces

TIME = np.arange(501) / 100.0
SLOW = (0.3 + 0.2 * np.sin(2 * np.pi * 1.0 * TIME))[:, None]  # 1 Hz: the low-pass at 5 Hz leaves it as it is


def _envelope(noise: RecordingNoise, excitation: np.ndarray = SLOW) -> np.ndarray:
    raw = record_emg(TIME, excitation, ("SOL",), np.array([1.7]), noise, 1000.0, np.random.default_rng(0))
    return np.interp(TIME, raw.time, linear_envelope(raw, EnvelopeSettings()).values[:, 0]) / 1.7


def test_without_noise_the_envelope_is_the_excitation() -> None:
    inner = slice(50, -50)  # filters settle at the ends
    # the band-pass at 300 Hz takes 0.6 % off the 125 Hz tone, equally for the MVC
    envelope = _envelope(NOISELESS)
    np.testing.assert_allclose(envelope[inner] / envelope[inner].mean(), SLOW[inner, 0] / SLOW[inner, 0].mean(), atol=0.01)


def test_with_noise_the_envelope_scatters_around_the_excitation_as_noise_of_that_band_does() -> None:
    envelope = _envelope(RecordingNoise())[50:-50]
    excitation = SLOW[50:-50, 0]
    assert np.corrcoef(envelope, excitation)[0, 1] > 0.9
    # relative scatter of a smoothed rectified noise is near sqrt(0.57 * 2 * 5 Hz / 180 Hz) = 0.18
    assert 0.03 < ((envelope - excitation) / excitation).std() < 0.3


def test_an_electrode_hears_its_neighbours_by_as_much_as_crosstalk_says() -> None:
    noise = NOISELESS.model_copy(update={"emg_crosstalk": 0.1})
    excitation = np.column_stack([SLOW, np.zeros_like(SLOW), np.zeros_like(SLOW)])
    names, gains = ("TA", "SOL", "PER"), np.ones(3)
    quiet = record_emg(TIME, excitation, names, gains, NOISELESS, 1000.0, np.random.default_rng(0)).values
    heard = record_emg(TIME, excitation, names, gains, noise, 1000.0, np.random.default_rng(0)).values
    np.testing.assert_allclose(heard[:, 0], quiet[:, 0], atol=1e-12)  # its neighbours are silent
    np.testing.assert_allclose(heard[:, 1], 0.05 * quiet[:, 0], atol=1e-12)  # the mean of two, one of them silent
    np.testing.assert_allclose(heard[:, 2], 0.0, atol=1e-12)


def test_maximal_contractions_reach_their_level() -> None:
    time, excitation = mvc_excitation(np.array([1.0, 0.95]), 100.0)
    np.testing.assert_allclose(excitation.max(axis=0), [1.0, 0.95])
    assert len(time) == len(excitation)


def test_without_noise_cameras_see_markers_where_they_are() -> None:
    positions = np.random.default_rng(1).normal(size=(len(TIME), 3, 3))
    angles = np.random.default_rng(2).normal(size=(len(TIME), 2))
    random = np.random.default_rng(0)
    errors = draw_marker_errors(3, 2, NOISELESS, random)
    seen = record_markers(TIME, ("a", "b", "c"), positions, angles, errors, NOISELESS, random)
    np.testing.assert_array_equal(seen.positions, positions)


def test_skin_slides_with_the_joint_angle() -> None:
    noise = NOISELESS.model_copy(update={"skin_sliding": 0.01})
    random = np.random.default_rng(0)
    errors = draw_marker_errors(1, 1, noise, random)
    still = record_markers(TIME, ("a",), np.zeros((len(TIME), 1, 3)), np.ones((len(TIME), 1)), errors, noise, random)
    np.testing.assert_allclose(still.positions[:, 0], np.tile(errors.sliding[0, 0], (len(TIME), 1)))


def test_a_plate_keeps_force_pressure_and_free_moment() -> None:
    forces = PlateForces(
        force=np.tile([10.0, 600.0, -20.0], (len(TIME), 1)),
        point=np.column_stack([0.05 * TIME, np.zeros(len(TIME)), np.full(len(TIME), 0.03)]),
        free_moment=np.full(len(TIME), 4.0),
    )
    plates = record_plates(TIME, {"r": forces}, NOISELESS, np.random.default_rng(0))
    np.testing.assert_allclose(plates.column("ground_force_r_vy"), 600.0)
    np.testing.assert_allclose(plates.column("ground_force_r_px"), 0.05 * plates.time, atol=1e-9)
    np.testing.assert_allclose(plates.column("ground_force_r_pz"), 0.03, atol=1e-9)
    np.testing.assert_allclose(plates.column("ground_torque_r_y"), 4.0, atol=1e-9)


def test_an_unloaded_plate_reports_nothing() -> None:
    forces = PlateForces(force=np.zeros((len(TIME), 3)), point=np.zeros((len(TIME), 3)), free_moment=np.zeros(len(TIME)))
    plates = record_plates(TIME, {"r": forces}, RecordingNoise(), np.random.default_rng(0))
    assert (plates.values == 0.0).all()


@pytest.mark.parametrize("carrier", ["square", ""])
def test_an_unknown_carrier_is_refused(carrier: str) -> None:
    with pytest.raises(ValueError, match="emg_carrier"):
        RecordingNoise(emg_carrier=carrier)
