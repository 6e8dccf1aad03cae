"""OpenSim's functions of coordinates as plain ones.

Splines are read from their values, piece by piece: OpenSim's classes do not show their coefficients, and what it evaluates is what
counts. A class that is not known is refused by name.
"""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from osim_nmscal.errors import UncoveredModelError
from osim_nmscal.kinematics.functions import (
    CoordinateFunction,
    Linear,
    Multiple,
    MultivariatePolynomial,
    Polynomial,
    Sine,
    piecewise,
)


def plain_function(function: Any, arguments: int, where: str) -> CoordinateFunction:
    """Return an OpenSim function as data.

    Args:
        function: opensim.Function.
        arguments: how many coordinates it is given.
        where: whose it is, for the message.

    Raises:
        UncoveredModelError: its class is not covered; names it.
    """
    kind = function.getConcreteClassName()
    if kind not in READERS:
        raise UncoveredModelError(f"A function of {where} is a {kind}.")
    return READERS[kind](_cast(function, kind), arguments, where)


def plain_multiple(factor: float, function: CoordinateFunction) -> CoordinateFunction:
    """Return a function times a factor, without a wrapper where none is needed."""
    if isinstance(function, Linear):
        return Linear(intercept=factor * function.intercept, slopes=tuple(factor * slope for slope in function.slopes))
    return function if factor == 1.0 else Multiple(factor=factor, function=function)


def _cast(function: Any, kind: str) -> Any:
    import opensim

    return getattr(opensim, kind).safeDownCast(function)


def _constant(function: Any, arguments: int, where: str) -> CoordinateFunction:
    return Linear(intercept=float(function.getValue()))


def _linear(function: Any, arguments: int, where: str) -> CoordinateFunction:
    coefficients = function.getCoefficients()
    numbers = [float(coefficients.get(i)) for i in range(coefficients.getSize())]
    return Linear(intercept=numbers[-1], slopes=tuple(numbers[:-1]))


def _polynomial(function: Any, arguments: int, where: str) -> CoordinateFunction:
    coefficients = function.getCoefficients()
    return Polynomial(coefficients=tuple(float(coefficients.get(i)) for i in range(coefficients.size())))


def _multivariate(function: Any, arguments: int, where: str) -> CoordinateFunction:
    """Exponents in SimTK's order: those of later arguments run faster, their sum is at most the order."""
    dimension, order = int(function.getDimension()), int(function.getOrder())
    exponents = [powers for powers in itertools.product(range(order + 1), repeat=dimension) if sum(powers) <= order]
    coefficients = function.getCoefficients()
    numbers = [float(coefficients.get(i)) for i in range(coefficients.size())]
    return MultivariatePolynomial(exponents=np.array(exponents), coefficients=np.array(numbers))


def _sine(function: Any, arguments: int, where: str) -> CoordinateFunction:
    """OpenSim's class shows nothing but its properties."""
    import opensim

    read = {
        name: opensim.PropertyHelper.getValueDouble(function.getPropertyByName(name)) for name in ("amplitude", "omega", "phase", "offset")
    }
    return Sine(amplitude=read["amplitude"], frequency=read["omega"], phase=read["phase"], offset=read["offset"])


def _multiplied(function: Any, arguments: int, where: str) -> CoordinateFunction:
    return plain_multiple(float(function.getScale()), plain_function(function.getFunction(), arguments, where))


def _spline(function: Any, arguments: int, where: str) -> CoordinateFunction:
    """SimmSpline and PiecewiseLinearFunction go on straight beyond their ends, GCVSpline as a polynomial of half its order."""
    import opensim

    kind = function.getConcreteClassName()
    if kind == "GCVSpline":
        degree = int(function.getDegree())
        beyond = (degree - 1) // 2
    else:
        degree, beyond = (3 if kind == "SimmSpline" else 1), 1
    count = function.getSize()
    knots = np.array([function.getX(i) for i in range(count)], dtype=np.float64)
    if count < 2 or not (np.diff(knots) > 0).all():
        raise UncoveredModelError(f"A {kind} of {where} has knots that do not increase: {knots.tolist()}.")
    return piecewise(knots, degree, beyond, lambda x: float(function.calcValue(opensim.Vector([x]))))


READERS: dict[str, Callable[[Any, int, str], CoordinateFunction]] = {
    "Constant": _constant,
    "LinearFunction": _linear,
    "PolynomialFunction": _polynomial,
    "MultivariatePolynomialFunction": _multivariate,
    "Sine": _sine,
    "MultiplierFunction": _multiplied,
    "SimmSpline": _spline,
    "GCVSpline": _spline,
    "PiecewiseLinearFunction": _spline,
}
