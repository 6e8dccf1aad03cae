"""Surrogate geometry of paths whose lengths are known in closed form."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from osim_nmscal.errors import MuscleModelError, SignalError
from osim_nmscal.kinematics.surrogate import chebyshev, powers_up_to
from osim_nmscal.kinematics.surrogate_fitting import GeometrySamples, fit_surrogate

LOWER, UPPER = np.array([-0.5, 0.0, -0.3]), np.array([1.0, 1.5, 0.3])
MUSCLES = ("polynomial", "one_joint", "two_points", "nothing", "edgy")


def _lengths(q: np.ndarray) -> np.ndarray:
    """A polynomial, one joint's cosine, the distance of points on two links, a constant, and a path with an edge."""
    a, b, c = q.T
    ends = np.stack([0.4 * np.cos(a) + 0.3 * np.cos(a + b) - 0.05, 0.4 * np.sin(a) + 0.3 * np.sin(a + b) - 0.1, 0.1 + 0.05 * np.sin(c)])
    edgy = 0.3 + 0.03 * np.abs(a - 0.2)
    return np.stack(
        [0.2 + 0.03 * a - 0.02 * a * b + 0.01 * c**2, 0.3 + 0.05 * np.cos(b), np.linalg.norm(ends, axis=0), 0 * a + 0.1, edgy], axis=1
    )


def _samples(count: int, seed: int, muscles: int = len(MUSCLES)) -> GeometrySamples:
    q = LOWER + (UPPER - LOWER) * np.random.default_rng(seed).random((count, 3))
    arms = np.stack([-(_lengths(q + step) - _lengths(q - step)) / 2e-6 for step in 1e-6 * np.eye(3)], axis=1)
    return GeometrySamples(
        muscles=MUSCLES[:muscles],
        coordinates=("hip", "knee", "ankle"),
        lower=LOWER,
        upper=UPPER,
        postures=q,
        mtu_length=_lengths(q)[:, :muscles],
        moment_arm=arms[:, :, :muscles],
    )


@pytest.fixture(scope="module")
def fit():
    return fit_surrogate(_samples(800, 1), _samples(200, 2))


def test_lengths_and_moment_arms_are_met_where_nothing_was_fitted(fit):
    truth = _samples(300, 3, 4)
    found = fit.geometry(torch.from_numpy(truth.postures))
    assert found.mtu_length.shape == (300, 5)
    assert found.moment_arm.shape == (300, 3, 5)
    assert_allclose(found.mtu_length[:, :4], truth.mtu_length, rtol=0, atol=5e-4)  # the aim is 0.2 mm RMS
    assert_allclose(found.moment_arm[..., :4], truth.moment_arm, rtol=0, atol=2e-3)


def test_a_polynomial_is_found_exactly_and_with_its_own_degree(fit):
    truth = _samples(50, 4)
    found = fit.geometry(torch.from_numpy(truth.postures))
    assert_allclose(found.mtu_length[:, 0], truth.mtu_length[:, 0], rtol=0, atol=1e-8)  # ridge of 1e-12
    assert fit.errors[0].degree == 2


def test_each_mtu_has_the_coordinates_that_it_crosses(fit):
    assert [error.coordinates for error in fit.errors] == [
        ("hip", "knee", "ankle"),
        ("knee",),
        ("hip", "knee", "ankle"),
        (),
        ("hip",),
    ]


def test_moment_arms_are_minus_the_slope_of_the_length_to_the_last_bit(fit):
    postures = torch.from_numpy(_samples(20, 5).postures).requires_grad_()
    found = fit.geometry(postures)
    for muscle in range(5):
        (slope,) = torch.autograd.grad(found.mtu_length[:, muscle].sum(), postures, retain_graph=True, allow_unused=True)
        slope = torch.zeros_like(postures) if slope is None else slope
        torch.testing.assert_close(found.moment_arm[..., muscle], -slope, rtol=0, atol=1e-12)


def test_everything_can_be_differentiated_again(fit):
    inner = torch.from_numpy(
        0.5 * (LOWER + UPPER) + 0.2 * (UPPER - LOWER) * np.random.default_rng(6).uniform(-1, 1, (3, 3))
    ).requires_grad_()
    assert torch.autograd.gradcheck(lambda q: (fit.geometry(q).mtu_length, fit.geometry(q).moment_arm), inner)
    assert torch.autograd.gradgradcheck(lambda q: fit.geometry(q).mtu_length, inner)


def test_leading_axes_are_free(fit):
    postures = torch.from_numpy(_samples(24, 7).postures)
    flat, shaped = fit.geometry(postures), fit.geometry(postures.reshape(2, 3, 4, 3))
    torch.testing.assert_close(shaped.moment_arm.reshape(24, 3, 5), flat.moment_arm)


def test_the_error_of_each_mtu_is_that_on_other_samples(fit):
    check = _samples(200, 2)
    off = fit.geometry(torch.from_numpy(check.postures)).mtu_length.numpy() - check.mtu_length
    assert_allclose([error.length_rms for error in fit.errors], np.sqrt((off**2).mean(axis=0)), rtol=1e-6, atol=1e-12)
    assert_allclose([error.length_max for error in fit.errors], np.abs(off).max(axis=0), rtol=1e-6, atol=1e-12)


def test_a_path_that_polynomials_do_not_describe_is_refused_by_name(fit):
    fit.require(1.0, 1.0)
    with pytest.raises(
        MuscleModelError, match=r"paths of edgy \(0\.\d+ mm of length, \d+\.?\d* mm of moment arm\); allowed are 1 and 2 mm"
    ):
        fit.require(1e-3, 2e-3)


def test_a_posture_outside_the_range_is_refused(fit):
    with pytest.raises(SignalError, match=r"'knee' is 1.6, but the surrogate geometry was fitted from 0 to 1.5"):
        fit.geometry(torch.tensor([[0.0, 1.6, 0.0]], dtype=torch.float64))
    with pytest.raises(SignalError, match="2 coordinates, expected 3"):
        fit.geometry(torch.zeros((4, 2), dtype=torch.float64))


def test_shapes_that_do_not_fit_are_refused():
    good = _samples(5, 1)
    with pytest.raises(SignalError, match="do not fit to 3 coordinates and 5 MTUs"):
        GeometrySamples(**{**vars(good), "mtu_length": good.mtu_length[:, :2]})
    with pytest.raises(SignalError, match="The range of 'hip' is empty"):
        GeometrySamples(**{**vars(good), "upper": LOWER})


def test_chebyshev_polynomials_are_cosines_of_multiples():
    x = torch.linspace(-1, 1, 21, dtype=torch.float64)[:, None]
    values = chebyshev(x, 6)[0][:, 0]
    expected = torch.cos(torch.arange(7) * torch.arccos(x))
    torch.testing.assert_close(values, expected, rtol=0, atol=1e-12)


def test_products_are_counted_by_total_degree():
    powers = powers_up_to(3, 2)
    assert len(powers) == 10  # (3 + 2)! / (3! 2!)
    assert powers.sum(dim=1).tolist() == sorted(powers.sum(dim=1).tolist())
