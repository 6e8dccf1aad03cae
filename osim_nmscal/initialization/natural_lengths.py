"""Fiber and tendon lengths in natural coordinates: ln(optimal fiber length) and the working point, with their Gaussian prior.

The working point (nms/working_point.py) is looked at where a reference MTU length says; see docs/natural_prior.md.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from osim_nmscal.data.starting_values import FIBER_LENGTH_SD, GEOMETRY_SD, WORKING_POINT_SD, StartingValues
from osim_nmscal.nms.working_point import SHORTEST_ALONG, working_point

FloatArray = NDArray[np.float64]

# Shortest tendon, as a share of where it starts. Source: choice.
LEAST_SLACK = 0.05


@dataclass(frozen=True, kw_only=True)
class Lengths:
    """Lengths of fiber and tendon, (..., muscle), m."""

    optimal_fiber_length: FloatArray
    tendon_slack_length: FloatArray


@dataclass(frozen=True, kw_only=True)
class NaturalLengths:
    """Where the natural coordinates of some muscles start, and their prior; (muscle,) each."""

    optimal_fiber_length: FloatArray  # m
    tendon_slack_length: FloatArray  # m
    height: FloatArray  # sin of pennation at optimal
    reference: FloatArray  # m, MTU length of the working point
    fiber_sd: FloatArray  # of ln(optimal fiber length)
    point_sd: FloatArray
    correlation: FloatArray

    @classmethod
    def of(cls, start: StartingValues, reference: FloatArray) -> "NaturalLengths":
        """Return the coordinates of starting values.

        Args:
            start: its widths where known, else those between people.
            reference: (muscle,), m, for working points that have no reference MTU length of their own.
        """
        fiber = start.muscles.values("optimal_fiber_length")
        at = np.where(np.isfinite(start.reference_mtu_length), start.reference_mtu_length, reference)
        usual = np.hypot(WORKING_POINT_SD, GEOMETRY_SD * at / fiber)
        return cls(
            optimal_fiber_length=fiber,
            tendon_slack_length=start.muscles.values("tendon_slack_length"),
            height=np.sin(start.muscles.values("pennation_angle_at_optimal")),
            reference=at,
            fiber_sd=np.where(np.isfinite(start.log_fiber_length_sd), start.log_fiber_length_sd, FIBER_LENGTH_SD),
            point_sd=np.where(np.isfinite(start.working_point_sd), start.working_point_sd, usual),
            correlation=start.correlation,
        )

    @property
    def working_point(self) -> FloatArray:
        """Working points at the start, (muscle,)."""
        given = (self.reference, self.optimal_fiber_length, self.tendon_slack_length, self.height)
        return np.asarray(working_point(*(torch.from_numpy(np.ascontiguousarray(one)) for one in given)))

    def lengths(self, log_fiber: FloatArray, point: FloatArray) -> Lengths:
        """Return the lengths for changes of ln(optimal fiber length) and of the working point, (..., muscle) each."""
        fiber = self.optimal_fiber_length * np.exp(log_fiber)
        along = np.sqrt(np.maximum((self.working_point + point) ** 2 - self.height**2, SHORTEST_ALONG**2))
        slack = np.maximum(self.reference - fiber * along, LEAST_SLACK * self.tendon_slack_length)
        return Lengths(optimal_fiber_length=fiber, tendon_slack_length=slack)

    def whitened(self, log_fiber: FloatArray, point: FloatArray) -> FloatArray:
        """Return the prior's residuals, standard normal and independent under it, (2 * muscle,)."""
        return np.asarray(self.whitening @ np.concatenate([log_fiber, point]))

    @property
    def whitening(self) -> FloatArray:
        """The matrix that makes changes standard normal, (2 * muscle, 2 * muscle)."""
        across = np.sqrt(1.0 - self.correlation**2)
        fiber, point = 1.0 / self.fiber_sd, 1.0 / (self.point_sd * across)
        coupling = -self.correlation / (across * self.fiber_sd)
        zero = np.zeros((len(fiber), len(fiber)))
        return np.block([[np.diag(fiber), zero], [np.diag(coupling), np.diag(point)]])
