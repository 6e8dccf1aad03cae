"""Functions of coordinates, as joints and couplers use them: value and slopes for all frames at once.

The classes of OpenSim 4.6 that plain models use. Splines of every kind (SimmSpline, GCVSpline, PiecewiseLinearFunction) are one
class here, since each is a polynomial between two of its knots and another one beyond its ends.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


class CoordinateFunction(ABC):
    """A function of some coordinates."""

    @abstractmethod
    def value_and_slopes(self, inputs: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Evaluate it.

        Args:
            inputs: (argument, frame), rad or m.

        Returns:
            Values (frame,) and their derivatives by each argument (argument, frame).
        """


@dataclass(frozen=True, kw_only=True)
class Linear(CoordinateFunction):
    """A weighted sum and a constant; without slopes it is a constant."""

    intercept: float
    slopes: tuple[float, ...] = ()

    def value_and_slopes(self, inputs: FloatArray) -> tuple[FloatArray, FloatArray]:
        value = np.full(inputs.shape[-1], self.intercept)
        for slope, column in zip(self.slopes, inputs, strict=False):
            value += slope * column
        return value, np.repeat(np.array(self.slopes)[:, None], inputs.shape[-1], axis=1)


@dataclass(frozen=True, kw_only=True)
class Polynomial(CoordinateFunction):
    """A polynomial of one coordinate."""

    coefficients: tuple[float, ...]  # highest power first, as in OpenSim

    def value_and_slopes(self, inputs: FloatArray) -> tuple[FloatArray, FloatArray]:
        return np.polyval(self.coefficients, inputs[0]), np.polyval(np.polyder(self.coefficients), inputs[0])[None]


@dataclass(frozen=True, kw_only=True, eq=False)
class MultivariatePolynomial(CoordinateFunction):
    """A sum of products of powers of several coordinates."""

    exponents: NDArray[np.int64]  # (term, argument)
    coefficients: FloatArray  # (term,)

    def value_and_slopes(self, inputs: FloatArray) -> tuple[FloatArray, FloatArray]:
        slopes = np.empty((self.exponents.shape[1], inputs.shape[-1]))
        for argument in range(len(slopes)):
            lowered = self.exponents.copy()
            lowered[:, argument] = np.maximum(lowered[:, argument] - 1, 0)
            slopes[argument] = (self.coefficients * self.exponents[:, argument]) @ self._products(inputs, lowered)
        return self.coefficients @ self._products(inputs, self.exponents), slopes

    @staticmethod
    def _products(inputs: FloatArray, exponents: NDArray[np.int64]) -> FloatArray:
        return np.prod(inputs[None] ** exponents[:, :, None], axis=1)


@dataclass(frozen=True, kw_only=True)
class Sine(CoordinateFunction):
    """amplitude * sin(frequency * q + phase) + offset."""

    amplitude: float
    frequency: float  # rad per unit of q
    phase: float  # rad
    offset: float

    def value_and_slopes(self, inputs: FloatArray) -> tuple[FloatArray, FloatArray]:
        angle = self.frequency * inputs[0] + self.phase
        return self.amplitude * np.sin(angle) + self.offset, (self.amplitude * self.frequency * np.cos(angle))[None]


@dataclass(frozen=True, kw_only=True, eq=False)
class PiecewisePolynomial(CoordinateFunction):
    """A polynomial of one coordinate between each two knots, and one beyond each end."""

    knots: FloatArray  # (knot,), increasing
    origins: FloatArray  # (knot + 1,), where each piece's power series starts; the first piece lies before the first knot
    coefficients: FloatArray  # (knot + 1, power), lowest power first
    _slopes: FloatArray = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        powers = np.arange(1, self.coefficients.shape[1])
        object.__setattr__(self, "_slopes", self.coefficients[:, 1:] * powers)

    def value_and_slopes(self, inputs: FloatArray) -> tuple[FloatArray, FloatArray]:
        piece = np.searchsorted(self.knots, inputs[0], side="right")
        offset = inputs[0] - self.origins[piece]
        return _series(self.coefficients[piece], offset), _series(self._slopes[piece], offset)[None]


@dataclass(frozen=True, kw_only=True)
class Multiple(CoordinateFunction):
    """Another function times a factor."""

    factor: float
    function: CoordinateFunction

    def value_and_slopes(self, inputs: FloatArray) -> tuple[FloatArray, FloatArray]:
        value, slopes = self.function.value_and_slopes(inputs)
        return self.factor * value, self.factor * slopes


def piecewise(knots: FloatArray, degree: int, degree_beyond: int, value: Callable[[float], float]) -> PiecewisePolynomial:
    """Find the pieces of a spline whose knots and degrees are known from its values alone, exactly up to rounding.

    Args:
        knots: (knot,), increasing, at least 2.
        degree: of the polynomials between knots.
        degree_beyond: of the polynomials before the first and beyond the last knot.
        value: the spline.

    Returns:
        The same spline as data.
    """
    span = knots[-1] - knots[0]
    edges = np.concatenate([[knots[0] - span], knots, [knots[-1] + span]])
    degrees = [degree_beyond] + [degree] * (len(knots) - 1) + [degree_beyond]
    coefficients = np.zeros((len(degrees), max(degree, degree_beyond, 1) + 1))
    for row, (first, last, power) in enumerate(zip(edges[:-1], edges[1:], degrees, strict=True)):
        middle, half = 0.5 * (first + last), 0.5 * (last - first)
        nodes = np.cos(np.pi * (np.arange(power + 1) + 0.5) / (power + 1))  # Chebyshev's: inside the piece, well conditioned
        sampled = [value(float(middle + half * node)) for node in nodes]
        series = np.linalg.solve(np.vander(nodes, increasing=True), sampled)
        coefficients[row, : power + 1] = series / half ** np.arange(power + 1)
    return PiecewisePolynomial(knots=knots, origins=0.5 * (edges[:-1] + edges[1:]), coefficients=coefficients)


def _series(coefficients: FloatArray, offset: FloatArray) -> FloatArray:
    total = np.zeros_like(offset)
    for column in coefficients.T[::-1]:
        total = total * offset + column
    return total
