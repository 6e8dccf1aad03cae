"""Walking against what textbooks say of it."""

import numpy as np
import pytest

from osim_nmscal.virtual_subject.motion.gait import GRAVITY, START_PHASE, Walker, walk
from osim_nmscal.virtual_subject.motion.gait_curves import speed_steps, stance_part, stride_time
from osim_nmscal.virtual_subject.motion.prescribed import PREROLL, Motion

WALKER = Walker(mass=70.0, pelvis_scale=(1.0, 1.0, 1.0), thigh_scale=1.0, shank_scale=1.0, foot_scale=1.0)


def _walk(speed: float, variation: float = 0.0, seed: int = 0) -> Motion:
    return walk(WALKER, speed, name="walk", strides=4, rate=100.0, variation=variation, random=np.random.default_rng(seed))


def _degrees(motion: Motion, coordinate: str) -> np.ndarray:
    return np.degrees(motion.values[:, motion.coordinates.index(coordinate)])


@pytest.mark.parametrize("speed", [0.9, 1.2, 1.5])
def test_over_a_stride_both_feet_carry_the_weight_and_nobody_speeds_up(speed: float) -> None:
    motion = _walk(speed)
    stride = round(stride_time(speed) * 100)
    total = (motion.contact.right_force + motion.contact.left_force)[:stride]
    assert total[:, 1].mean() == pytest.approx(70.0 * GRAVITY, rel=0.02)  # a stride is no whole number of samples
    assert abs(total[:, 0].mean()) < 0.01 * 70.0 * GRAVITY


def test_the_normal_knee_bends_to_sixty_degrees_in_swing_and_twenty_in_stance() -> None:
    motion = _walk(1.25)  # Perry & Burnfield 2010: 60 degrees at 70-75 %, 18-20 at 12-15 % of the stride
    phase = np.mod(START_PHASE + motion.time / stride_time(1.25), 1.0)
    knee = _degrees(motion, "knee_flexion_r")
    assert 57.0 < knee.max() < 65.0
    assert 0.68 < phase[knee.argmax()] < 0.77
    assert 15.0 < knee[(phase > 0.08) & (phase < 0.25)].max() < 22.0


def test_forces_peak_higher_the_faster_one_walks() -> None:
    peaks = [_walk(speed).contact.right_load.max() for speed in (0.9, 1.2, 1.5)]
    assert peaks[0] < peaks[1] < peaks[2]
    assert 1.0 < peaks[1] < 1.25  # body weights; Winter 2009


def test_there_are_as_many_whole_stances_as_asked_for_each_with_a_lead_in() -> None:
    motion = _walk(1.2, variation=1.0)
    load = motion.contact.right_load[motion.time > -1e-9]
    strikes = np.flatnonzero((load[1:] > 0.02) & (load[:-1] <= 0.02))
    offs = np.flatnonzero((load[1:] <= 0.02) & (load[:-1] > 0.02))
    assert len(strikes) == 4
    assert offs[offs > strikes[-1]].size == 1
    assert strikes[0] / 100.0 > 0.25
    assert motion.time[0] == pytest.approx(-PREROLL)


def test_strides_differ_and_the_same_seed_gives_the_same_strides() -> None:
    one, again, other = _walk(1.2, 1.0, seed=3), _walk(1.2, 1.0, seed=3), _walk(1.2, 1.0, seed=4)
    np.testing.assert_array_equal(one.values, again.values)
    assert np.abs(one.values - other.values).max() > np.radians(1.0)


def test_no_joint_moves_faster_than_a_filter_at_six_hertz_lets_pass() -> None:
    motion = _walk(1.5)
    spectrum = np.abs(np.fft.rfft(motion.values * np.hanning(len(motion.time))[:, None], axis=0)) ** 2
    frequency = np.fft.rfftfreq(len(motion.time), 0.01)
    moving = [i for i, name in enumerate(motion.coordinates) if not name.startswith("pelvis_t")]
    assert (spectrum[frequency > 6.0][:, moving].sum(axis=0) < 1e-4 * spectrum[1:][:, moving].sum(axis=0)).all()


def test_speed_is_counted_in_steps_of_a_third_of_a_metre_per_second() -> None:
    assert speed_steps(1.25) == 0.0
    assert speed_steps(1.6) == pytest.approx(1.0)
    assert stance_part(0.9) > stance_part(1.6)
