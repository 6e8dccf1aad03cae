"""Least-squares fit of surrogate geometry to lengths and moment arms sampled elsewhere, with its error on samples it has not seen.

Lengths and moment arms are fitted together: a moment arm is the slope of the length, and tells the fit as much as one more posture.
Each MTU gets the lowest degree that reaches the accuracy aimed at, so that plain paths stay cheap.
"""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from osim_nmscal.errors import MuscleModelError, SignalError, listed
from osim_nmscal.kinematics.surrogate import PolynomialGroup, SurrogateGeometry, chebyshev, powers_up_to, term_products

FloatArray = NDArray[np.float64]

# Total degrees tried; the first that aims well enough is taken. Source: measured on Rajagopal's leg; beyond 7 wrapping paths gain nothing.
DEGREES = (2, 3, 4, 5, 6, 7)
# Accuracy aimed at, RMS, m. Source: choice, a fifth of what calibration notices (1 mm of length, 1 mm of moment arm).
LENGTH_AIM, ARM_AIM = 2e-4, 2e-4
# A coordinate about which the moment arm's RMS is not above this is not crossed: OpenSim's iterated wrapping leaves some hundredths of a
# mm about coordinates that an MTU does not cross. Source: what is neglected is below the accuracy aimed at.
CROSSES = ARM_AIM
# Added to the diagonal of the normal equations, in parts of its mean. Source: rounding.
RIDGE = 1e-12


@dataclass(frozen=True, kw_only=True)
class GeometrySamples:
    """Lengths and moment arms in postures spread over the ranges of coordinates."""

    muscles: tuple[str, ...]
    coordinates: tuple[str, ...]
    lower: FloatArray  # (coordinate,), rad or m
    upper: FloatArray  # (coordinate,)
    postures: FloatArray  # (posture, coordinate)
    mtu_length: FloatArray  # (posture, muscle), m
    moment_arm: FloatArray  # (posture, coordinate, muscle), m

    def __post_init__(self) -> None:
        rows, coordinates, muscles = len(self.postures), len(self.coordinates), len(self.muscles)
        found = (self.postures.shape, self.mtu_length.shape, self.moment_arm.shape)
        if found != ((rows, coordinates), (rows, muscles), (rows, coordinates, muscles)):
            raise SignalError(f"Samples of geometry have shapes {found}, which do not fit to {coordinates} coordinates and {muscles} MTUs.")
        if not (self.upper > self.lower).all():
            empty = self.coordinates[int(np.argmin(self.upper - self.lower))]
            raise SignalError(f"The range of {empty!r} is empty; expected its upper end above its lower one.")

    def part(self, rows: slice) -> "GeometrySamples":
        """Return some of the postures."""
        return GeometrySamples(
            muscles=self.muscles,
            coordinates=self.coordinates,
            lower=self.lower,
            upper=self.upper,
            postures=self.postures[rows],
            mtu_length=self.mtu_length[rows],
            moment_arm=self.moment_arm[rows],
        )


@dataclass(frozen=True, kw_only=True)
class MtuError:
    """How well the polynomial of one MTU meets postures that it was not fitted to."""

    muscle: str
    coordinates: tuple[str, ...]  # that it crosses
    degree: int
    terms: int
    length_rms: float  # m
    length_max: float
    arm_rms: float  # m, of the coordinate that is met worst
    arm_max: float


@dataclass(frozen=True, kw_only=True)
class SurrogateFit:
    """A surrogate geometry with its errors."""

    geometry: SurrogateGeometry
    errors: tuple[MtuError, ...]  # one per MTU

    def require(self, length_tolerance: float, arm_tolerance: float) -> None:
        """Refuse a fit that is not good enough.

        Args:
            length_tolerance: of the RMS, m.
            arm_tolerance: of the RMS, m.

        Raises:
            MuscleModelError: names the MTUs with their errors.
        """
        bad = [error for error in self.errors if error.length_rms > length_tolerance or error.arm_rms > arm_tolerance]
        if bad:
            told = listed(f"{e.muscle} ({1e3 * e.length_rms:.2g} mm of length, {1e3 * e.arm_rms:.2g} mm of moment arm)" for e in bad)
            raise MuscleModelError(
                f"Polynomials do not describe the paths of {told}; allowed are {1e3 * length_tolerance:g} and {1e3 * arm_tolerance:g} mm "
                "(RMS). Fit over narrower ranges of the coordinates, allow more, or use OpenSim's own geometry."
            )


def fit_surrogate(samples: GeometrySamples, check: GeometrySamples) -> SurrogateFit:
    """Fit polynomials to samples and measure them on others.

    Args:
        samples: to fit.
        check: of the same MTUs and ranges, other postures.

    Returns:
        The geometry with the error of each MTU; nothing is refused yet.
    """
    crossed = np.sqrt((samples.moment_arm**2).mean(axis=0)) > CROSSES  # (coordinate, muscle)
    sets: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for muscle in range(len(samples.muscles)):
        sets[tuple(np.flatnonzero(crossed[:, muscle]).tolist())].append(muscle)
    groups: list[PolynomialGroup] = []
    errors: dict[int, MtuError] = {}
    for coordinates, muscles in sets.items():
        for group, found in _fitted(samples, check, coordinates, muscles):
            groups.append(group)
            errors |= found
    geometry = SurrogateGeometry(
        muscles=samples.muscles,
        coordinates=samples.coordinates,
        lower=torch.from_numpy(samples.lower),
        upper=torch.from_numpy(samples.upper),
        groups=tuple(groups),
    )
    return SurrogateFit(geometry=geometry, errors=tuple(errors[muscle] for muscle in range(len(samples.muscles))))


def evaluated(geometry: SurrogateGeometry, postures: FloatArray) -> GeometrySamples:
    """Return what a surrogate gives in postures, for those who work without torch.

    Args:
        geometry: fitted.
        postures: (posture, coordinate), rad or m.

    Raises:
        SignalError: a coordinate is outside the range fitted.
    """
    found = geometry(torch.from_numpy(postures))
    return GeometrySamples(
        muscles=geometry.muscles,
        coordinates=geometry.coordinates,
        lower=geometry.lower.numpy(),
        upper=geometry.upper.numpy(),
        postures=postures,
        mtu_length=found.mtu_length.numpy(),
        moment_arm=found.moment_arm.numpy(),
    )


def _fitted(
    samples: GeometrySamples, check: GeometrySamples, coordinates: tuple[int, ...], muscles: list[int]
) -> list[tuple[PolynomialGroup, dict[int, MtuError]]]:
    """Return the groups, one per degree, of MTUs that cross the same coordinates."""
    powers = powers_up_to(DEGREES[-1], len(coordinates))
    design, wanted = _design(samples, coordinates, powers), _wanted(samples, coordinates, muscles)
    gram, right = design.T @ design, design.T @ wanted
    tested, truth = _design(check, coordinates, powers), _wanted(check, coordinates, muscles)
    waiting = list(range(len(muscles)))
    found = []
    for degree in DEGREES:
        terms = int((powers.sum(dim=1) <= degree).sum())  # lower degrees stand first
        ridge = RIDGE * float(gram.diagonal()[:terms].mean()) * torch.eye(terms, dtype=torch.float64)
        coefficients = torch.linalg.solve(gram[:terms, :terms] + ridge, right[:terms, waiting])
        off = (tested[:, :terms] @ coefficients - truth[:, waiting]).reshape(1 + len(coordinates), len(check.postures), len(waiting))
        off[1:] *= (2.0 / torch.from_numpy(samples.upper - samples.lower)[list(coordinates)])[:, None, None]  # as moment arms
        rms, most = off.square().mean(dim=1).sqrt(), off.abs().amax(dim=1)
        good = (rms[0] <= LENGTH_AIM) & (rms[1:] <= ARM_AIM).all(dim=0) | (degree == DEGREES[-1]) | (len(coordinates) == 0)
        taken = torch.nonzero(good)[:, 0].tolist()
        if not taken:
            continue
        group = PolynomialGroup(
            muscles=torch.tensor([muscles[waiting[i]] for i in taken]),
            coordinates=torch.tensor(coordinates, dtype=torch.int64),
            powers=powers[:terms],
            coefficients=coefficients[:, taken],
        )
        errors = {
            muscles[waiting[i]]: MtuError(
                muscle=samples.muscles[muscles[waiting[i]]],
                coordinates=tuple(samples.coordinates[c] for c in coordinates),
                degree=degree,
                terms=terms,
                length_rms=float(rms[0, i]),
                length_max=float(most[0, i]),
                arm_rms=float(rms[1:, i].max()) if coordinates else 0.0,
                arm_max=float(most[1:, i].max()) if coordinates else 0.0,
            )
            for i in taken
        }
        found.append((group, errors))
        waiting = [place for i, place in enumerate(waiting) if i not in taken]
        if not waiting:
            break
    return found


def _design(samples: GeometrySamples, coordinates: tuple[int, ...], powers: Tensor) -> Tensor:
    """Return rows of products for lengths, then for slopes by each scaled coordinate."""
    x = torch.from_numpy(2.0 * (samples.postures - samples.lower) / (samples.upper - samples.lower) - 1.0)[:, list(coordinates)]
    own = PolynomialGroup(
        muscles=torch.empty(0, dtype=torch.int64),
        coordinates=torch.arange(len(coordinates)),
        powers=powers,
        coefficients=torch.empty((len(powers), 0), dtype=torch.float64),
    )
    return term_products(chebyshev(x, DEGREES[-1]), own).reshape(-1, len(powers))


def _wanted(samples: GeometrySamples, coordinates: tuple[int, ...], muscles: list[int]) -> Tensor:
    """Return what these rows are to give: lengths, and slopes, which are minus moment arms, by scaled coordinates."""
    half = 0.5 * (samples.upper - samples.lower)[list(coordinates)]
    slopes = -samples.moment_arm[:, list(coordinates)][:, :, muscles] * half[:, None]
    stacked = np.concatenate([samples.mtu_length[:, muscles], *slopes.transpose(1, 0, 2)])
    return torch.from_numpy(stacked)
