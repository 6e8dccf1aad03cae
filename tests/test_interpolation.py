"""Piecewise cubics against scipy's, which they stand for."""

import numpy as np
import pytest
from scipy.interpolate import CubicSpline, PchipInterpolator

from osim_nmscal.interpolation import cubic_spline, monotone_cubic


@pytest.mark.parametrize("count", [2, 3, 4, 5, 61, 1500])
@pytest.mark.parametrize(("ours", "theirs"), [(cubic_spline, CubicSpline), (monotone_cubic, PchipInterpolator)])
def test_the_curves_are_those_of_scipy_at_any_number_of_samples_and_on_uneven_axes(count, ours, theirs):
    random = np.random.default_rng(count)
    time = np.cumsum(random.uniform(0.2, 1.8, count)) * 0.01 + 3.0
    values = random.normal(size=(count, 4, 2))
    values[:, 0] = values[0, 0]  # a constant column: no slope is divided by
    values[:, 1] = np.round(values[:, 1])  # equal neighbours
    at = np.sort(np.concatenate([time, random.uniform(time[0] - 0.004, time[-1] + 0.004, 500)]))
    # Rounding of 3 s + 10 ms: the steps themselves are known to 1e-13 of their size.
    np.testing.assert_allclose(ours(time, values, at), theirs(time, values, axis=0)(at), rtol=0, atol=1e-11)


@pytest.mark.parametrize("derivative", [1, 2])
def test_the_derivatives_of_the_spline_are_those_of_scipy(derivative):
    time = np.arange(300) / 100.0
    values = np.column_stack([np.sin(7 * time), time**3])
    at = np.linspace(-0.01, 3.0, 777)
    # Second derivatives of values of order 10 over steps of 10 ms keep 1e-16 * 10 / 1e-4 of their digits.
    np.testing.assert_allclose(
        cubic_spline(time, values, at, derivative), CubicSpline(time, values, axis=0)(at, derivative), rtol=0, atol=1e-9
    )


def test_a_jump_in_the_step_does_not_disturb_the_spline():
    time = np.concatenate([np.arange(20) * 1e-3, 5.0 + np.arange(20) * 1e-3])
    values = np.sin(time)[:, None]
    at = np.linspace(time[0], time[-1], 777)
    # The piece in between is 5,000 times as long as its neighbours, which amplifies their rounding.
    np.testing.assert_allclose(cubic_spline(time, values, at), CubicSpline(time, values, axis=0)(at), rtol=1e-8, atol=1e-8)
