"""Muscle synergies of recorded excitations: e(t, m) = sum over s of primitive(t, s) * weight(s, m), nothing negative.

Non-negative matrix factorisation (Lee and Seung 1999) by scikit-learn; the number of synergies follows from the
variance accounted for, VAF = 1 - SSE / sum of squares, not centred (Torres-Oviedo et al. 2006). Primitives of a new
trial with known weights are a non-negative least squares problem. Axes: (time, muscle), all trials one after another.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.errors import CalibrationError, SignalError

FloatArray = NDArray[np.float64]

_MAXIMUM_ITERATIONS = 400
_TOLERANCE = 1e-5
# Ridge of the spline fit, relative to the largest entry of the normal equations: coefficients that no sample sees stay at zero.
_RIDGE = 1e-9


@dataclass(frozen=True, kw_only=True)
class Synergies:
    """A factorisation of recorded excitations; each primitive's highest value is 1."""

    primitives: FloatArray  # (time, synergy)
    weights: FloatArray  # (synergy, muscle)
    vaf: float
    vaf_per_muscle: FloatArray  # (muscle,)


def extract_synergies(excitation: FloatArray, count: int, *, starts: int = 10, seed: int = 0) -> Synergies:
    """Factorise excitations into a given number of synergies, keeping the best of several seeded starts.

    Args:
        excitation: (time, muscle), >= 0.
        count: number of synergies, at most the number of muscles.
        starts: of the factorisation; the first is deterministic (NNDSVDa), the others random.
        seed: of the random starts.

    Raises:
        SignalError: a negative excitation.
        CalibrationError: more synergies than muscles.

    Example:
        >>> both = np.stack([1 + swing, 1 - swing], axis=1)  # two muscles take turns
        >>> extract_synergies(both @ np.array([[0.5, 0.2, 0.1], [0.1, 0.3, 0.4]]), 2).vaf > 0.999
        True
    """
    from sklearn.decomposition import non_negative_factorization  # 1.4 s of CPU that a calibration without synergies need not spend
    from sklearn.exceptions import ConvergenceWarning

    _require_factorizable(excitation, count)
    least, primitives, weights = np.inf, excitation[:, :0], excitation[:0]
    with warnings.catch_warnings():
        # a start that needs more iterations is judged by its error like any other
        warnings.simplefilter("ignore", ConvergenceWarning)
        for i in range(starts):
            found, mixed, _ = non_negative_factorization(
                excitation,
                n_components=count,
                init="nndsvda" if i == 0 else "random",
                random_state=seed + i,
                max_iter=_MAXIMUM_ITERATIONS,
                tol=_TOLERANCE,
            )
            error = float(np.sum((excitation - found @ mixed) ** 2))
            if error < least:
                least, primitives, weights = error, found, mixed
            if error <= _TOLERANCE * float(np.sum(excitation**2)):
                break
    top = np.maximum(primitives.max(axis=0), np.finfo(float).tiny)
    primitives, weights = primitives / top, weights * top[:, None]
    rebuilt = primitives @ weights
    return Synergies(
        primitives=primitives,
        weights=weights,
        vaf=variance_accounted_for(excitation, rebuilt),
        vaf_per_muscle=np.array([variance_accounted_for(e, r) for e, r in zip(excitation.T, rebuilt.T, strict=True)]),
    )


def variance_accounted_for(excitation: FloatArray, rebuilt: FloatArray) -> float:
    """Return 1 - SSE / sum of squares; 1 for a silent excitation that is rebuilt as silent."""
    total = float(np.sum(excitation**2))
    error = float(np.sum((excitation - rebuilt) ** 2))
    return 1.0 - error / total if total > 0 else float(error == 0.0)


def synergies_by_count(excitation: FloatArray, *, highest: int) -> tuple[Synergies, ...]:
    """Return the factorisations into 1, 2, ... synergies from their deterministic starts alone, to choose from.

    Args:
        excitation: (time, muscle), >= 0.
        highest: largest number of synergies; no more than there are different muscles.
    """
    return tuple(extract_synergies(excitation, count, starts=1) for count in range(1, highest + 1))


def fewest_above(candidates: Sequence[Synergies], threshold: float) -> int:
    """Return the smallest number of synergies whose VAF is at least a threshold for every muscle; the largest tried if none is.

    The total is then above it as well. It alone is a lax rule: it is not centred and the strongest muscles decide it.
    """
    for synergies in candidates:
        if float(synergies.vaf_per_muscle.min()) >= threshold:
            return len(synergies.weights)
    return len(candidates[-1].weights)


def different_channels(excitation: FloatArray) -> int:
    """Return how many independent excitations there are: muscles on one channel count once."""
    return int(np.linalg.matrix_rank(excitation, tol=1e-6 * np.linalg.norm(excitation)))


def splines_seen(basis: FloatArray, samples: int) -> int:
    """Return how many of the first splines reach into the first samples."""
    return int(np.flatnonzero(basis[:samples].any(axis=0))[-1]) + 1


def fit_primitives(excitation: FloatArray, weights: FloatArray, basis: FloatArray, penalty: FloatArray | None = None) -> FloatArray:
    """Find the non-negative primitives of one trial that best rebuild excitations with given weights.

    Args:
        excitation: recorded, (time, muscle).
        weights: of the recorded muscles, (synergy, muscle).
        basis: splines, (time, spline).
        penalty: symmetric, (synergy, synergy): adds p' penalty p at every time, e.g. for what unrecorded muscles would do.

    Returns:
        spline coefficients, (synergy, spline), >= 0; the primitives are basis @ coefficients.T.
    """
    from scipy.optimize import nnls

    mixing = weights @ weights.T + (0.0 if penalty is None else penalty)
    gram = np.kron(mixing, basis.T @ basis)
    gram[np.diag_indices_from(gram)] += _RIDGE * gram.max()
    right = (weights @ excitation.T @ basis).ravel()
    factor = np.linalg.cholesky(gram)
    solution, _ = nnls(factor.T, np.linalg.solve(factor, right), maxiter=30 * len(right))
    return np.asarray(solution.reshape(len(weights), basis.shape[1]))


def _require_factorizable(excitation: FloatArray, count: int) -> None:
    if (excitation < 0).any():
        row, muscle = np.argwhere(excitation < 0)[0]
        raise SignalError(
            f"The excitation of muscle {muscle} is {excitation[row, muscle]:.4g} in sample {row}, but a synergy cannot be negative; "
            "rectify the EMG or clip its envelope at 0."
        )
    if not 1 <= count <= excitation.shape[1]:
        raise CalibrationError(
            f"{count} synergies were asked for, but {excitation.shape[1]} muscles are recorded; ask for 1 to {excitation.shape[1]} "
            "([calibration.synergy] count)."
        )
