"""Synergies: factorisation, variance accounted for, splines and primitives of new trials."""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from osim_nmscal.calibration.synergy.factorization import (
    different_channels,
    extract_synergies,
    fewest_above,
    fit_primitives,
    splines_seen,
    synergies_by_count,
    variance_accounted_for,
)
from osim_nmscal.errors import CalibrationError, SignalError
from osim_nmscal.splines import spline_basis


def bursts(synergies: int = 3, muscles: int = 7) -> tuple[np.ndarray, np.ndarray]:
    """Primitives that are silent at times, and weights of which each synergy has one of its own: the factorisation is unique."""
    rng = np.random.default_rng(5)
    time = np.arange(200) * 0.01
    primitives = np.exp(-0.5 * ((time[:, None] - np.linspace(0.3, 1.7, synergies)) / 0.12) ** 2)
    weights = rng.uniform(0.2, 0.9, (synergies, muscles))
    weights[:, :synergies] = np.diag(rng.uniform(0.4, 0.9, synergies))
    return primitives, weights


def test_factorisation_recovers_synergies_up_to_scale_and_order():
    primitives, weights = bursts()
    found = extract_synergies(primitives @ weights, 3)
    similarity = (weights / np.linalg.norm(weights, axis=1, keepdims=True)) @ (
        found.weights / np.linalg.norm(found.weights, axis=1, keepdims=True)
    ).T
    rows, columns = linear_sum_assignment(-similarity)
    assert similarity[rows, columns].min() > 0.99  # the solver stops at a relative change of 1e-5
    assert found.vaf > 0.9999
    np.testing.assert_allclose(found.primitives.max(axis=0), 1.0, atol=1e-12)


def test_variance_accounted_for_is_the_share_of_the_sum_of_squares():
    excitation = np.array([[3.0], [4.0]])
    assert variance_accounted_for(excitation, np.array([[3.0], [3.0]])) == pytest.approx(1.0 - 1.0 / 25.0)
    assert variance_accounted_for(np.zeros((2, 1)), np.zeros((2, 1))) == 1.0


def test_number_of_synergies_is_the_smallest_that_rebuilds_every_muscle():
    primitives, weights = bursts()
    candidates = synergies_by_count(primitives @ weights, highest=4)
    assert fewest_above(candidates, 0.85) == 3
    assert fewest_above(candidates[:2], 0.85) == 2  # none is enough: the largest tried
    assert np.all(np.diff([candidate.vaf for candidate in candidates]) > -1e-3)


def test_muscles_on_one_channel_count_once():
    primitives, weights = bursts(3, 3)
    excitation = primitives @ weights
    assert different_channels(np.column_stack([excitation, 0.5 * excitation[:, 0], np.zeros(200)])) == 3


def test_negative_excitations_are_refused():
    with pytest.raises(SignalError, match=r"-0\.2.*cannot be negative"):
        extract_synergies(np.array([[0.1, 0.3], [0.4, -0.2]]), 1)


def test_more_synergies_than_muscles_are_refused():
    with pytest.raises(CalibrationError, match="ask for 1 to 2"):
        extract_synergies(np.ones((5, 2)), 3)


def test_splines_are_local_and_sum_to_one():
    basis = spline_basis(101, 0.01, 0.05)
    np.testing.assert_allclose(basis.sum(axis=1), 1.0, atol=1e-12)
    assert basis.min() >= 0.0
    assert (basis > 0.0).sum(axis=0).max() <= 20  # four intervals of five samples
    assert splines_seen(basis, 51) < splines_seen(basis, 101) == basis.shape[1]


def test_splines_follow_an_envelope_of_5_hz():
    # cubic interpolation error below (2 pi f h)^4 * 5 / 384 of the amplitude, here 8 %; a least squares fit halves it at least
    time = np.arange(201) * 0.01
    basis = spline_basis(201, 0.01, 0.05)
    envelope = 0.5 + 0.5 * np.sin(2 * np.pi * 5.0 * time)
    fitted = basis @ np.linalg.lstsq(basis, envelope, rcond=None)[0]
    assert np.abs(fitted - envelope).max() < 0.04 * 0.5


def test_primitives_of_a_new_trial_are_found_from_known_weights():
    rng = np.random.default_rng(2)
    _, weights = bursts(2, 5)
    basis = spline_basis(120, 0.01, 0.05)
    coefficients = rng.uniform(0.0, 1.0, (2, basis.shape[1]))
    coefficients[:, ::3] = 0.0  # at the bound
    found = fit_primitives(basis @ coefficients.T @ weights, weights, basis)
    np.testing.assert_allclose(found, coefficients, atol=1e-4)  # ridge of 1e-9, splines at the ends barely seen
    assert found.min() >= 0.0


def test_penalty_keeps_a_primitive_small_that_records_barely_show():
    basis = spline_basis(100, 0.01, 0.05)
    weights = np.array([[0.5, 0.4], [0.001, 0.0]])
    excitation = np.full((100, 2), [0.25, 0.2]) + np.array([0.01, 0.0])
    free = fit_primitives(excitation, weights, basis)
    held = fit_primitives(excitation, weights, basis, penalty=np.diag([0.0, 0.01]))
    assert held[1].max() < 0.1 < free[1].max()
