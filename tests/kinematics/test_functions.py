"""Functions of coordinates: slopes are those of the values, splines are found from their values."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.interpolate import CubicSpline

from osim_nmscal.kinematics.functions import Linear, Multiple, MultivariatePolynomial, Polynomial, Sine, piecewise

KNOTS = np.array([-1.0, -0.4, 0.3, 1.2])
SPLINE = CubicSpline(KNOTS, [0.2, -0.3, 0.5, 0.1])


def _straight_beyond(x: float) -> float:
    inside = np.clip(x, KNOTS[0], KNOTS[-1])
    return float(SPLINE(inside) + SPLINE(inside, 1) * (x - inside))


FUNCTIONS = [
    Linear(intercept=0.3, slopes=(0.5, -2.0)),
    Polynomial(coefficients=(0.2, -0.1, 0.7, 0.05)),
    MultivariatePolynomial(exponents=np.array([[0, 0], [1, 0], [0, 2], [2, 1]]), coefficients=np.array([0.1, -0.4, 0.3, 0.8])),
    Sine(amplitude=0.4, frequency=1.3, phase=0.2, offset=-0.1),
    piecewise(KNOTS, 3, 1, _straight_beyond),
    Multiple(factor=-1.5, function=Polynomial(coefficients=(0.2, -0.1, 0.7))),
]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: type(function).__name__)
def test_slopes_are_those_of_the_values(function):
    inputs = np.random.default_rng(0).uniform(-1.5, 1.5, (2, 30))
    value, slopes = function.value_and_slopes(inputs)
    assert value.shape == (30,)
    for i, slope in enumerate(slopes):
        step = 1e-6 * np.eye(2)[:, [i]]
        beside = function.value_and_slopes(inputs + step)[0] - function.value_and_slopes(inputs - step)[0]
        assert_allclose(slope, beside / 2e-6, rtol=0, atol=1e-8)  # central differences: 1e-16 / 1e-6


def test_a_spline_is_found_from_its_values():
    x = np.linspace(-2, 2, 400)
    value, _ = piecewise(KNOTS, 3, 1, _straight_beyond).value_and_slopes(x[None])
    assert_allclose(value, [_straight_beyond(one) for one in x], rtol=0, atol=1e-14)
