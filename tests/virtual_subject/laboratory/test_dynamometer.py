"""A dynamometer's errors against their size."""

import numpy as np

from osim_nmscal.virtual_subject.laboratory.dynamometer import DynamometerNoise, measured_angles, measured_moment

TIME = np.arange(150) / 100.0
ANGLE = np.linspace(0.0, 1.5, 150)
MOMENT = 60.0 * np.sin(2.0 * ANGLE)
EXACT = DynamometerNoise(angle_offset=0.0, lever=0.0, weight=0.0, wander=0.0, wander_part=0.0)


def test_without_errors_it_reports_what_is() -> None:
    random = np.random.default_rng(0)
    np.testing.assert_array_equal(measured_angles(ANGLE[:, None], EXACT, random), ANGLE[:, None])
    np.testing.assert_allclose(measured_moment(TIME, ANGLE, MOMENT, EXACT, random), MOMENT, atol=1e-12)


def test_angles_are_off_by_a_constant_and_moments_by_a_few_per_cent() -> None:
    noise = DynamometerNoise()
    errors, offsets = [], []
    for seed in range(200):
        random = np.random.default_rng(seed)
        off = measured_angles(ANGLE[:, None], noise, random) - ANGLE[:, None]
        assert np.ptp(off) < 1e-12
        offsets.append(np.degrees(off[0, 0]))
        errors.append(measured_moment(TIME, ANGLE, MOMENT, noise, random) - MOMENT)
    # 200 seeds: standard error of a standard deviation is 5 %; the bounds are three of them
    assert 0.85 * noise.angle_offset < np.std(offsets) < 1.15 * noise.angle_offset
    size = np.sqrt(noise.wander**2 + (0.02 * 60.0) ** 2 + 0.5 * noise.weight**2 + (0.02 * 60.0) ** 2 / 2)
    assert 0.7 * size < np.sqrt(np.mean(np.square(errors))) < 1.2 * size
