"""What is known of a person's muscles before anything is measured, as squared deviations that a loss can add.

A Gaussian in natural coordinates. Every kind of parameter has a width in its own transform (most of them as factors); optimal fiber
and tendon slack length are coupled by the *working point*: the normalized fiber length behind a rigid tendon at the muscle's mean MTU
length, w = sqrt(a^2 + sin^2 pennation) with a = (mean MTU length - slack) / optimal fiber length. People differ little in it, while 9 %
of a long tendon's slack length is half a fiber: a prior on slack lengths alone lets muscles work where no muscle works.

Deviations of heads of one muscle, and of both sides, may go together (prior_correlation.py), and what relaxed limbs are like may
be part of it (relaxed_prior.py).
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from osim_nmscal.calibration.parameter_space import ParameterSpace
from osim_nmscal.calibration.prior_correlation import among, own_muscles
from osim_nmscal.calibration.prior_settings import PriorSettings
from osim_nmscal.calibration.stacking import StackedTrials
from osim_nmscal.nms.working_point import SHORTEST_ALONG, working_point

_LENGTHS = ("optimal_fiber_length", "tendon_slack_length")


@dataclass(frozen=True)
class WorkingPoints:
    """Working points of muscles, as functions of their lengths."""

    mtu_length: Tensor  # (muscle,), m, where they are looked at
    height: Tensor  # (muscle,), sine of the pennation at the optimal fiber length
    start: Tensor  # (muscle,), optimal fiber lengths
    width: Tensor  # (muscle,), standard deviation around the start
    correlation: Tensor  # (muscle,), with ln(optimal fiber length)

    @staticmethod
    def of_start(space: ParameterSpace, mtu_length: Tensor, settings: PriorSettings) -> "WorkingPoints":
        """Return the working points that parameters start from, and how far the truth may lie from them.

        Args:
            space: lengths at the start, and what is known of the muscles.
            mtu_length: (muscle,), m, where muscles are looked at, unless they are known elsewhere.
            settings: widths.
        """
        optimal, slack = space.base.optimal_fiber_length, space.base.tendon_slack_length
        height = torch.sin(space.base.pennation_angle_at_optimal)
        known = space.known
        if known is not None:
            mtu_length = _where_known(known.reference_mtu_length, mtu_length)
        start = working_point(mtu_length, optimal, slack, height)
        width = (settings.working_point_width**2 + (settings.geometry_width * mtu_length / optimal) ** 2).sqrt()
        correlation = torch.zeros_like(width)
        if known is not None:
            width, correlation = _where_known(known.working_point_sd, width), torch.from_numpy(known.correlation)
        return WorkingPoints(mtu_length, height, start, width, correlation)

    def at(self, optimal: Tensor, slack: Tensor) -> Tensor:
        """Return the working points of lengths in m, (muscle,), optimal fiber lengths."""
        return working_point(self.mtu_length, optimal, slack, self.height)

    def slopes(self, optimal: Tensor, slack: Tensor) -> tuple[Tensor, Tensor]:
        """Return d working point / d optimal fiber length and / d tendon slack length, (muscle,) each, 1/m."""
        along = (self.mtu_length - slack) / optimal
        point = self.at(optimal, slack)
        moving = (along > SHORTEST_ALONG).to(point.dtype)
        return -moving * along.square() / (point * optimal), -moving * along / (point * optimal)


def _where_known(values: NDArray[np.float64], usual: Tensor) -> Tensor:
    known = torch.from_numpy(values)
    return torch.where(known.isfinite(), known, usual)


def mean_mtu_length(trials: StackedTrials) -> Tensor:
    """Return each muscle's mean MTU length over the counted samples, (muscle,), m."""
    return trials.mtu_length[trials.counted].mean(dim=0)


class RelaxedLimb(Protocol):
    """Squared deviations of what a relaxed limb does, in standard deviations."""

    def value(self, z: Tensor) -> float:
        """Return their sum at z."""
        ...

    def derivatives(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return gradient (parameter,) and Gauss-Newton Hessian (parameter, parameter) of half of it."""
        ...


class Prior:
    """Squared deviations from what is known beforehand: loss, gradient, Hessian, and the same in natural coordinates."""

    def __init__(
        self,
        space: ParameterSpace,
        weight: float,
        points: WorkingPoints | None = None,
        correlation: Tensor | None = None,
        relaxed: RelaxedLimb | None = None,
    ) -> None:
        """Hold the prior.

        Args:
            space: starts and widths.
            weight: of a squared deviation of one standard deviation in the loss.
            points: couple fiber and slack lengths; None: each has its own width alone.
            correlation: of muscles' deviations, (muscle, muscle), for fiber lengths and for working points; None for none.
            relaxed: squared deviations of what the relaxed limb does; None for none.
        """
        self.space, self.weight, self.points, self._relaxed = space, weight, points, relaxed
        self._start, self._width = space.start(), space.prior_width()
        if points is not None:
            self._columns = torch.stack([space.blocks[name].muscle_columns() for name in _LENGTHS])  # (2, muscle), -1 if fixed
            # muscles that share both lengths are one observation
            members = torch.stack([(self._columns == pair[:, None]).all(dim=0).sum() for pair in self._columns.T])
            self._share = (self._columns >= 0).any(dim=0) / members.to(points.width.dtype).sqrt()
            # a fascicle length tells the product of fiber length and working point: one is expected of the other
            self._expected = points.correlation * (self._columns[0] >= 0)
            self._across = (1.0 - self._expected.square()).sqrt()
            self._correlate(torch.eye(len(self._share), dtype=self._width.dtype) if correlation is None else correlation)

    def _correlate(self, correlation: Tensor) -> None:
        measured = torch.zeros_like(self._share, dtype=torch.bool)
        if self.space.known is not None:  # what was measured of a muscle says nothing of its neighbours yet
            known = self.space.known
            measured = torch.from_numpy(np.isfinite(known.log_fiber_length_sd) | np.isfinite(known.working_point_sd))
        fibers = own_muscles(self._columns[:1], measured)
        self._fibers = self._columns[0][fibers]
        # what correlation adds to the precision of fiber lengths, in standard deviations of each
        self._coupling = torch.linalg.inv(correlation[fibers][:, fibers]) - torch.eye(len(self._fibers), dtype=correlation.dtype)
        together = among(correlation, own_muscles(self._columns, measured))
        self._whitening = torch.linalg.inv(torch.linalg.cholesky(together))  # of working points

    def value(self, z: Tensor) -> float:
        """Return the prior's part of the loss."""
        if self.weight == 0.0:
            return 0.0
        squared = ((z - self._start) / self._width).square().sum()
        if self.points is not None:
            fibers = self._fiber_deviation(z)
            squared = squared + self._deviation(z).square().sum() + fibers @ self._coupling @ fibers
        if self._relaxed is not None:
            squared = squared + self._relaxed.value(z)
        return self.weight * float(squared)

    def add(self, z: Tensor, gradient: Tensor, hessian: Tensor) -> None:
        """Add the derivatives of half its value to a gradient (parameter,) and a Hessian (parameter, parameter), in place."""
        if self.weight == 0.0:
            return
        precision = self.weight / self._width**2
        gradient += precision * (z - self._start)
        hessian.diagonal().add_(precision)
        if self.points is not None:
            rows = self._rows(z)
            gradient += self.weight * (rows.T @ self._deviation(z))
            hessian += self.weight * (rows.T @ rows)
            width = self._width[self._fibers]
            gradient.index_add_(0, self._fibers, self.weight * (self._coupling @ self._fiber_deviation(z)) / width)
            hessian[self._fibers[:, None], self._fibers] += self.weight * self._coupling / (width[:, None] * width)
        if self._relaxed is not None:
            slope, curvature = self._relaxed.derivatives(z)
            gradient += self.weight * slope
            hessian += self.weight * curvature

    def pull(self, z: Tensor) -> Tensor:
        """Return the Hessian of half the squared deviations, (parameter, parameter)."""
        return self._precision(z, self._width)

    def precision(self, z: Tensor) -> Tensor:
        """Return the inverse covariance of what is believed of z before any data, (parameter, parameter)."""
        return self._precision(z, self.space.believed_width())

    def _precision(self, z: Tensor, width: Tensor) -> Tensor:
        precision = torch.diag(width**-2.0)
        if self.points is not None:
            rows = self._rows(z)
            precision = precision + rows.T @ rows
            own = width[self._fibers]
            precision[self._fibers[:, None], self._fibers] += self._coupling / (own[:, None] * own)
        if self._relaxed is not None:
            precision = precision + self._relaxed.derivatives(z)[1]
        return precision

    def working_point_rows(self, z: Tensor) -> Tensor:
        """Return d working point / dz, (muscle, parameter), optimal fiber lengths."""
        if self.points is None:
            return z.new_zeros((0, len(z)))
        return self._point_rows(z)

    def working_points(self, z: Tensor) -> Tensor:
        """Return the working points at z, (muscle,), optimal fiber lengths; none where it looks at none."""
        return self.points.at(*self._lengths(z)) if self.points is not None else z.new_zeros(0)

    def _lengths(self, z: Tensor) -> tuple[Tensor, Tensor]:
        return self.space.model_parameter(z, "optimal_fiber_length"), self.space.model_parameter(z, "tendon_slack_length")

    def _fiber_deviation(self, z: Tensor) -> Tensor:
        """Return the deviations of fiber lengths that may go together, in standard deviations."""
        return ((z - self._start) / self._width)[self._fibers]

    def _deviation(self, z: Tensor) -> Tensor:
        """Return working points' deviations from where fiber lengths and the others let them be expected, (muscle,), each of SD one."""
        assert self.points is not None
        away = (self.points.at(*self._lengths(z)) - self.points.start) / self.points.width
        fibers = self._fiber_columns()
        away = away - self._expected * ((z - self._start) / self._width)[fibers]
        return self._whitening @ (self._share * away / self._across)

    def _rows(self, z: Tensor) -> Tensor:
        """Return the Jacobian of the deviations, (muscle, parameter)."""
        assert self.points is not None
        rows = self._point_rows(z) / self.points.width[:, None]
        fibers = self._fiber_columns()
        rows[torch.arange(len(fibers)), fibers] -= self._expected / self._width[fibers]
        return self._whitening @ ((self._share / self._across)[:, None] * rows)

    def _fiber_columns(self) -> Tensor:
        """Return the positions in z of fiber lengths, (muscle,); any, where they are fixed and nothing is expected of them."""
        return self._columns[0].clamp_min(0)

    def _point_rows(self, z: Tensor) -> Tensor:
        """Return d working point / dz, (muscle, parameter)."""
        assert self.points is not None
        slopes = self.points.slopes(*self._lengths(z))
        jacobian = z.new_zeros((len(self.points.start), len(z) + 1))
        for columns, slope, name in zip(self._columns, slopes, _LENGTHS, strict=True):
            where = torch.where(columns >= 0, columns, len(z))
            jacobian[torch.arange(len(where)), where] += slope * self.space.model_slope(z, name) * (columns >= 0)
        return jacobian[:, :-1]
