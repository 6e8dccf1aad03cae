"""Forces through the low-pass of the coordinates: the wrench is filtered, and its centre of pressure stays a place under the foot."""

import numpy as np
from numpy.testing import assert_allclose

from osim_nmscal.opensim_tools.filtered_forces import filtered_wrench
from osim_nmscal.signals import zero_lag_lowpass

RATE, CUTOFF, ORDER = 1000.0, 6.0, 6
TIME = np.arange(0.0, 3.0, 1 / RATE)


def _step() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A stance from 1 to 1.7 s, with an impact of 20 ms."""
    on = (TIME >= 1.0) & (TIME < 1.7)
    phase = np.where(on, (TIME - 1.0) / 0.7, 0.0)
    up = np.where(on, 900 * np.sin(np.pi * phase) + 700 * np.exp(-(((TIME - 1.02) / 0.006) ** 2)), 0.0)
    force = np.column_stack([-0.2 * up * np.cos(np.pi * phase), up, 0.03 * up])
    point = np.where(on[:, None], np.column_stack([0.3 + 0.2 * phase, 0 * phase, 0.1 + 0.01 * phase]), 0.0)
    torque = np.column_stack([0 * up, 0.01 * up, 0 * up])
    return force, point, torque


def test_the_wrench_is_the_filtered_one() -> None:
    force, point, torque = _step()
    soft = filtered_wrench(force, point, torque, RATE, CUTOFF, ORDER)
    moment = zero_lag_lowpass(np.cross(point, force) + torque, RATE, CUTOFF, ORDER)
    assert_allclose(soft[0], zero_lag_lowpass(force, RATE, CUTOFF, ORDER), atol=1e-9)
    assert_allclose(np.cross(soft[1], soft[0]) + soft[2], moment, atol=1e-9)


def test_the_impulse_is_kept_and_the_impact_is_gone() -> None:
    force, point, torque = _step()
    soft, _, _ = filtered_wrench(force, point, torque, RATE, CUTOFF, ORDER)
    assert_allclose(soft.sum(axis=0), force.sum(axis=0), rtol=1e-6, atol=1e-6)
    assert np.abs(np.diff(soft[:, 1])).max() < 0.1 * np.abs(np.diff(force[:, 1])).max()


def test_the_centre_of_pressure_stays_under_the_foot() -> None:
    force, point, torque = _step()
    soft, place, free = filtered_wrench(force, point, torque, RATE, CUTOFF, ORDER)
    loaded = soft[:, 1] > 100.0
    assert 0.27 < place[loaded, 0].min() < place[loaded, 0].max() < 0.53
    assert_allclose(free[loaded][:, [0, 2]], 0.0, atol=1e-9)  # only the vertical free torque is left


def test_a_plate_that_nobody_steps_on_stays_zero_and_gaps_count_as_zero() -> None:
    nothing = np.zeros((len(TIME), 3))
    for part in filtered_wrench(nothing, np.full_like(nothing, np.nan), nothing, RATE, CUTOFF, ORDER):
        assert_allclose(part, 0.0)
