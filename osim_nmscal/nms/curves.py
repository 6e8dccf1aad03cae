"""Muscle curves: OpenSim's quintic Bezier curves exactly, and any curve tabulated for fast batched evaluation.

`BezierCurve` evaluates the curves of Millard et al. (2013), ASME J. Biomech. Eng. 135(2):021005, as OpenSim's
SmoothSegmentedFunction defines them: C2-continuous quintic Bezier corners, continued by straight lines.
`CurveTable` holds one cubic Hermite polynomial per interval of a uniform grid, for one curve per muscle. It reproduces
value and slope of the exact curve at every node; between nodes the error of the value stays below 1e-8 and that of the
slope below 1e-5, but for 3e-4 in the two intervals where Thelen's curvature jumps (tests/nms/test_curves.py). A
quintic would need half the nodes but half as much time again.
Departure: outside its grid a table continues as a straight line, also where the exact curve is an exponential.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

# OpenSim maps a curviness of 0 to 1 onto this range of control-point positions.
CURVINESS_RANGE = (0.1, 0.9)
# How far inside an interval its ends are evaluated, in interval widths: one-sided, yet below every error we report.
_ONE_SIDED = 1e-9
# Change of a Bezier parameter, 0 to 1, below which it is found.
_PARAMETER_TOLERANCE = 1e-15


class CurveValue(NamedTuple):
    """A curve and its slope at the same arguments."""

    value: Tensor
    slope: Tensor


class CurveJet(NamedTuple):
    """A curve with its first and second derivative at the same arguments."""

    value: Tensor
    slope: Tensor
    curvature: Tensor


# An exact curve: arguments (any,) -> value, slope, curvature of the same shape.
ExactCurve = Callable[[Tensor], CurveJet]


@dataclass(frozen=True, kw_only=True)
class Corner:
    """One C2 quintic Bezier segment: from a point with a slope to a point with a slope."""

    x0: float
    y0: float
    slope0: float
    x1: float
    y1: float
    slope1: float
    curviness: float  # 0 to 1

    def control_points(self) -> tuple[Tensor, Tensor]:
        """Return the six control points in x and in y, (6,) each."""
        low, high = CURVINESS_RANGE
        c = low + (high - low) * self.curviness
        if abs(self.slope0 - self.slope1) > 1e-12:
            x_corner = (self.y1 - self.y0 - self.x1 * self.slope1 + self.x0 * self.slope0) / (self.slope0 - self.slope1)
        else:
            x_corner = 0.5 * (self.x0 + self.x1)
        y_corner = (x_corner - self.x1) * self.slope1 + self.y1
        x_left, y_left = self.x0 + c * (x_corner - self.x0), self.y0 + c * (y_corner - self.y0)
        x_right, y_right = self.x1 + c * (x_corner - self.x1), self.y1 + c * (y_corner - self.y1)
        x = torch.tensor([self.x0, x_left, x_left, x_right, x_right, self.x1], dtype=torch.float64)
        y = torch.tensor([self.y0, y_left, y_left, y_right, y_right, self.y1], dtype=torch.float64)
        return x, y


class BezierCurve:
    """A chain of corners, continued on both sides by straight lines with the end slopes."""

    def __init__(self, corners: Sequence[Corner], *, end_slopes: tuple[float, float]) -> None:
        points = [corner.control_points() for corner in corners]
        self._x = torch.stack([x for x, _ in points])  # (corner, 6)
        self._y = torch.stack([y for _, y in points])
        self._end_slopes = end_slopes

    def __call__(self, argument: Tensor) -> CurveJet:
        """Evaluate exactly (parameter found to 1e-14 by Newton iterations inside a bracket).

        Args:
            argument: (any,), float64.

        Returns:
            value, first and second derivative, (any,) each.
        """
        x_start, x_end = self._x[0, 0], self._x[-1, -1]
        inside = argument.clamp(x_start, x_end)
        segment = torch.bucketize(inside, self._x[1:, 0].contiguous(), right=True)
        px, py = self._x[segment], self._y[segment]  # (any, 6)
        u = _bezier_parameter(inside, px)
        x1, x2 = _bezier(px, u, 1), _bezier(px, u, 2)
        y1, y2 = _bezier(py, u, 1), _bezier(py, u, 2)
        value, slope = _bezier(py, u, 0), y1 / x1
        curvature = (y2 * x1 - y1 * x2) / x1**3
        below, above = argument < x_start, argument > x_end
        first, last = self._end_slopes
        value = torch.where(below, self._y[0, 0] + first * (argument - x_start), value)
        value = torch.where(above, self._y[-1, -1] + last * (argument - x_end), value)
        slope = torch.where(below, torch.full_like(slope, first), slope)
        slope = torch.where(above, torch.full_like(slope, last), slope)
        return CurveJet(value, slope, torch.where(below | above, torch.zeros_like(curvature), curvature))


def _bezier(points: Tensor, u: Tensor, order: int) -> Tensor:
    """Evaluate a quintic Bezier polynomial or its derivative of the given order; points (any, 6), u (any,)."""
    degree = 5
    for _ in range(order):
        points = degree * (points[..., 1:] - points[..., :-1])
        degree -= 1
    # de Casteljau: repeated linear interpolation, stable for u in [0, 1]
    while degree > 0:
        points = points[..., :-1] + u[..., None] * (points[..., 1:] - points[..., :-1])
        degree -= 1
    return points[..., 0]


def _bezier_parameter(x: Tensor, points: Tensor) -> Tensor:
    """Solve x(u) = x for u in [0, 1]; x(u) increases. Newton, falling back to bisection outside the bracket."""
    low, high = torch.zeros_like(x), torch.ones_like(x)
    u = (x - points[..., 0]) / (points[..., 5] - points[..., 0])
    for _ in range(40):
        error = _bezier(points, u, 0) - x
        low = torch.where(error < 0, u, low)
        high = torch.where(error > 0, u, high)
        newton = u - error / _bezier(points, u, 1)
        before, u = u, torch.where((newton > low) & (newton < high), newton, torch.where(error == 0, u, 0.5 * (low + high)))
        if bool(((u - before).abs() <= _PARAMETER_TOLERANCE).all()):
            break
    return u


@dataclass(frozen=True)
class CurveTable:
    """One tabulated curve per muscle, evaluated for (..., muscle) arguments at once.

    Attributes:
        coefficients: four tensors (curve * interval,): polynomial coefficients in the local coordinate 0 to 1.
        row: (muscle,), int32, first interval of each muscle's curve.
        start, inverse_width: the shared grid, in units of the argument.
        intervals: number of intervals of each curve.
        single: whether all muscles share one curve, so that rows need not be looked up.
    """

    coefficients: tuple[Tensor, ...]
    row: Tensor
    start: float
    inverse_width: float
    intervals: int
    single: bool

    def __call__(self, argument: Tensor) -> CurveValue:
        """Return value and slope, each shaped as the argument (..., muscle)."""
        return self.evaluate(*self.locate(argument))

    def locate(self, argument: Tensor) -> tuple[Tensor, Tensor]:
        """Return the local coordinate in the interval and the interval, to share between tables on one grid."""
        scaled = (argument - self.start) * self.inverse_width
        interval = scaled.detach().clamp(0.0, self.intervals - 1.0).to(torch.int32)
        return scaled - interval, interval

    def evaluate(self, local: Tensor, interval: Tensor) -> CurveValue:
        """Evaluate at what `locate` returned."""
        index = interval if self.single else interval + self.row
        if local.requires_grad and torch.is_grad_enabled():
            value, slope = _Hermite.apply(local, index.reshape(-1), *self.coefficients)
        else:
            value, slope, _, _ = _hermite(local, index.reshape(-1), *self.coefficients)
        return CurveValue(value, slope * self.inverse_width)

    def to(self, like: Tensor) -> "CurveTable":
        """Return the table with the dtype and device of a tensor."""
        return replace(self, coefficients=tuple(c.to(like) for c in self.coefficients), row=self.row.to(like.device))

    def select(self, index: Tensor) -> "CurveTable":
        """Return the table for some of the muscles; index (muscle,), int64."""
        return replace(self, row=self.row[index])


def tabulate(curves: Sequence[ExactCurve], domain: tuple[float, float], intervals: int) -> CurveTable:
    """Tabulate one curve per muscle; a curve object given several times is tabulated once.

    Args:
        curves: the exact curve of each muscle.
        domain: first and last grid point, shared by all curves.
        intervals: number of intervals.

    Returns:
        a table for arguments (..., muscle).
    """
    blocks: dict[int, int] = {}
    coefficients: list[Tensor] = []
    for curve in curves:
        if id(curve) not in blocks:
            blocks[id(curve)] = len(coefficients)
            coefficients.append(_tabulated(curve, domain, intervals))
    stacked = torch.cat(coefficients, dim=1)  # (4, curve * interval)
    row = torch.tensor([blocks[id(curve)] * intervals for curve in curves], dtype=torch.int32)
    return CurveTable(
        coefficients=tuple(c.contiguous() for c in stacked),
        row=row,
        start=domain[0],
        inverse_width=intervals / (domain[1] - domain[0]),
        intervals=intervals,
        single=len(blocks) == 1,
    )


# Models have few distinct curves, and the same model is tabulated often.
@functools.lru_cache(maxsize=64)
def _tabulated(curve: ExactCurve, domain: tuple[float, float], intervals: int) -> Tensor:
    """Coefficients (4, interval) of one curve."""
    start, end = domain
    width = (end - start) / intervals
    nodes = start + width * torch.arange(intervals + 1, dtype=torch.float64)
    # One-sided: a curve may have a kink at a node (Thelen's at zero velocity), never inside an interval.
    left, right = nodes[:-1] + _ONE_SIDED * width, nodes[1:] - _ONE_SIDED * width
    return _hermite_coefficients(curve(left), curve(right), width)


def _hermite_coefficients(left: CurveJet, right: CurveJet, width: float) -> Tensor:
    """Coefficients (4, interval) of the cubic that meets value and slope at both ends of each interval.

    The outermost intervals are straight, so that their polynomial continues as a line.
    """
    f0, g0, f1, g1 = left.value, left.slope * width, right.value, right.slope * width
    coefficients = torch.stack([f0, g0, 3.0 * (f1 - f0) - 2.0 * g0 - g1, 2.0 * (f0 - f1) + g0 + g1])
    zero = torch.zeros((), dtype=f0.dtype)
    coefficients[:, 0] = torch.stack([f1[0] - g1[0], g1[0], zero, zero])
    coefficients[:, -1] = torch.stack([f0[-1], g0[-1], zero, zero])
    return coefficients


def _hermite(local: Tensor, index: Tensor, c0: Tensor, c1: Tensor, c2: Tensor, c3: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return value and slope of the interval polynomials, and the two highest coefficients, each shaped as local."""
    c0, c1, c2, c3 = (c.index_select(0, index).view(local.shape) for c in (c0, c1, c2, c3))
    # Horner's scheme, whose partial results give the slope by the same scheme once more
    b2 = torch.addcmul(c2, c3, local)
    b1 = torch.addcmul(c1, b2, local)
    return torch.addcmul(c0, b1, local), torch.addcmul(b1, torch.addcmul(b2, c3, local), local), c2, c3


class _Hermite(torch.autograd.Function):
    """Value and slope of the interval polynomials; both differentiable in the local coordinate."""

    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx, local: Tensor, index: Tensor, c0: Tensor, c1: Tensor, c2: Tensor, c3: Tensor
    ) -> tuple[Tensor, Tensor]:
        value, slope, c2, c3 = _hermite(local, index, c0, c1, c2, c3)
        ctx.save_for_backward(local, slope, c2, c3)
        return value, slope

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, grad_value: Tensor, grad_slope: Tensor) -> tuple[Tensor | None, ...]:
        local, slope, c2, c3 = ctx.saved_tensors  # type: ignore[attr-defined]
        return grad_value * slope + grad_slope * (2.0 * c2 + 6.0 * c3 * local), None, None, None, None, None
