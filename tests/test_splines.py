"""Uniform cubic B-splines are scipy's."""

import numpy as np
import pytest
from scipy.interpolate import BSpline

from osim_nmscal.splines import spline_basis


@pytest.mark.parametrize(("samples", "time_step", "spacing"), [(101, 0.01, 0.05), (120, 0.01, 0.06), (137, 0.005, 0.033), (2, 0.01, 0.05)])
def test_the_basis_is_that_of_scipy(samples: int, time_step: float, spacing: float) -> None:
    basis = spline_basis(samples, time_step, spacing)
    step = spacing / time_step
    knots = step * np.arange(-3, basis.shape[1] + 1)
    expected = BSpline.design_matrix(np.arange(samples, dtype=float), knots, 3).toarray()
    np.testing.assert_allclose(basis, expected, atol=1e-14)  # rounding of cubes below one


def test_a_spacing_below_a_sample_is_one_sample() -> None:
    assert spline_basis(30, 0.01, 0.001).shape == (30, 32)
