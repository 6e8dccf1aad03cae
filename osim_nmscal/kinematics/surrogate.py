"""Muscle geometry as polynomials: lengths and moment arms of muscle-tendon units (MTUs) in torch, batched and differentiable.

Each MTU's length is a sum of products of Chebyshev polynomials of the coordinates it crosses; moment arms are -dL/dq of that sum, so
that the two always agree (OpenSim's do not where a path wraps over two objects). Source: Menegaldo, de Toledo Fleury & Weber
(2004), "Moment arms and musculotendon lengths estimation for a three-dimensional lower-limb model"; Chebyshev products instead of plain
powers, which keeps the fit well conditioned.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from osim_nmscal.data.noun import Noun
from osim_nmscal.errors import SignalError, listed

# How far outside the fitted ranges a posture may be, in parts of the range. Source: rounding.
OUTSIDE = 1e-9


@dataclass(frozen=True, kw_only=True)
class PolynomialGroup:
    """MTUs that cross the same coordinates and have polynomials of the same degree."""

    muscles: Tensor  # (own muscle,), places among the surrogate's muscles
    coordinates: Tensor  # (own coordinate,), places among the surrogate's coordinates
    powers: Tensor  # (term, own coordinate), orders of the Chebyshev polynomials
    coefficients: Tensor  # (term, own muscle), m


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SurrogateValues(Noun):
    """Geometry in some postures."""

    mtu_length: Tensor  # (..., muscle), m
    moment_arm: Tensor  # (..., coordinate, muscle), m, with OpenSim's sign; 0 where an MTU does not cross a coordinate


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SurrogateGeometry(Noun):
    """Lengths and moment arms as functions of coordinates.

    Example:
        >>> from osim_nmscal.kinematics.surrogate import PolynomialGroup
        >>> line = PolynomialGroup(  # 0.3 m in the middle of the range, 0.02 m longer at its end
        ...     muscles=torch.tensor([0]), coordinates=torch.tensor([0]), powers=torch.tensor([[0], [1]]),
        ...     coefficients=torch.tensor([[0.3], [0.02]]))
        >>> ends = {"lower": torch.tensor([0.0]), "upper": torch.tensor([2.0])}
        >>> geometry = SurrogateGeometry(muscles=("vasti",), coordinates=("knee",), groups=(line,), **ends)
        >>> found = geometry(torch.tensor([[1.5]]))
        >>> [round(float(value), 4) for value in (found.mtu_length, found.moment_arm)]
        [0.31, -0.02]
    """

    muscles: tuple[str, ...]
    coordinates: tuple[str, ...]
    lower: Tensor  # (coordinate,), rad or m, of what was fitted
    upper: Tensor  # (coordinate,)
    groups: tuple[PolynomialGroup, ...]

    def __call__(self, postures: Tensor) -> SurrogateValues:
        """Evaluate; every result can be differentiated by the postures, more than once.

        Args:
            postures: (..., coordinate), rad or m.

        Raises:
            SignalError: a coordinate is outside the range fitted, where a polynomial is worth nothing.
        """
        self.require_inside(postures)
        values = self._chebyshev(postures)
        lengths = postures.new_zeros((*postures.shape[:-1], len(self.muscles)))
        arms = postures.new_zeros((*postures.shape, len(self.muscles)))
        per_unit = 2.0 / (self.upper - self.lower)
        for group in self.groups:
            products = term_products(values, group)
            lengths = lengths.index_add(-1, group.muscles, products[0] @ group.coefficients)
            if not len(group.coordinates):
                continue
            slopes = torch.stack([part @ group.coefficients for part in products[1:]], dim=-2)  # (..., own coordinate, own muscle)
            slopes = -slopes * per_unit[group.coordinates][:, None]
            own = postures.new_zeros((*postures.shape, len(group.muscles))).index_add(-2, group.coordinates, slopes)
            arms = arms.index_add(-1, group.muscles, own)
        return SurrogateValues(mtu_length=lengths, moment_arm=arms)

    def require_inside(self, postures: Tensor) -> None:
        """Refuse postures outside the range fitted.

        Raises:
            SignalError: names coordinate, value and range.
        """
        if postures.shape[-1] != len(self.coordinates):
            raise SignalError(
                f"Postures have {postures.shape[-1]} coordinates, expected {len(self.coordinates)}: {listed(self.coordinates)}."
            )
        flat = postures.detach().reshape(-1, len(self.coordinates))
        beyond = torch.maximum(self.lower - flat, flat - self.upper) / (self.upper - self.lower)
        if len(flat) and float(beyond.max()) > OUTSIDE:
            row, column = divmod(int(beyond.argmax()), len(self.coordinates))
            raise SignalError(
                f"Coordinate {self.coordinates[column]!r} is {float(flat[row, column]):.4g}, but the surrogate geometry was fitted from "
                f"{float(self.lower[column]):.4g} to {float(self.upper[column]):.4g}; fit it over a wider range."
            )

    def _chebyshev(self, postures: Tensor) -> Tensor:
        degree = max((int(group.powers.max()) for group in self.groups if group.powers.numel()), default=0)
        return chebyshev(2.0 * (postures - self.lower) / (self.upper - self.lower) - 1.0, degree)


def chebyshev(x: Tensor, degree: int) -> Tensor:
    """Return Chebyshev polynomials and their slopes.

    Args:
        x: (..., coordinate), in [-1, 1].
        degree: highest order.

    Returns:
        (2, ..., coordinate, order): T and dT/dx.
    """
    values, slopes = [torch.ones_like(x), x], [torch.zeros_like(x), torch.ones_like(x)]
    for _ in range(2, degree + 1):
        values.append(2.0 * x * values[-1] - values[-2])
        slopes.append(2.0 * values[-2] + 2.0 * x * slopes[-1] - slopes[-2])
    return torch.stack([torch.stack(part[: degree + 1], dim=-1) for part in (values, slopes)])


def term_products(polynomials: Tensor, group: PolynomialGroup) -> Tensor:
    """Return the products of a group and their slopes by each of its coordinates.

    Args:
        polynomials: (2, ..., coordinate, order), from `chebyshev`.
        group: of MTUs.

    Returns:
        (1 + own coordinate, ..., term); slopes by the coordinate scaled to [-1, 1].
    """
    if not len(group.coordinates):  # an MTU that nothing moves
        return polynomials.new_ones((1, *polynomials.shape[1:-2], len(group.powers)))
    own = torch.stack([polynomials[..., int(c), :][..., group.powers[:, j]] for j, c in enumerate(group.coordinates)])
    factors, slopes = own[:, 0], own[:, 1]  # (own coordinate, ..., term)
    parts = [factors.prod(dim=0)]
    for j in range(len(factors)):
        parts.append(torch.cat([factors[:j], slopes[j : j + 1], factors[j + 1 :]]).prod(dim=0))
    return torch.stack(parts)


def powers_up_to(degree: int, coordinates: int) -> Tensor:
    """Return the orders of all products up to a total degree, (term, coordinate), lower degrees first."""
    rows: list[tuple[int, ...]] = [()]
    for _ in range(coordinates):
        rows = [(*row, power) for row in rows for power in range(degree + 1 - sum(row))]
    return torch.tensor(sorted(rows, key=lambda row: (sum(row), row)), dtype=torch.int64).reshape(len(rows), coordinates)
