"""Fiber lengths and working points with which relaxed muscles give passive moments, before any trial is seen.

Free are, for each muscle, ln(optimal fiber length) and the working point (the normalized fiber length behind a rigid tendon at a reference
MTU length); the tendon slack length follows. Both keep to a Gaussian prior around their start, and the slack length to a cap.
Least squares by scipy's trust region, on the physics of `nms` at zero activation. As a muscle's force depends on its own parameters only,
one evaluation with all fibers longer and one with all working points higher give the whole Jacobian.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.passive_moments import PassiveMoments
from osim_nmscal.data.starting_values import StartingValues
from osim_nmscal.data.trials import MuscleGeometry
from osim_nmscal.initialization.equilibrium import RestingMuscles
from osim_nmscal.initialization.natural_lengths import NaturalLengths
from osim_nmscal.initialization.relaxed_leg import arms_about

FloatArray = NDArray[np.float64]

# SD of ln(tendon slack length) alone: a cap for short tendons. Source: the natural prior (docs/natural_prior.md).
SLACK_CAP = 0.3
# What a sweep of a joint tells, in independent samples. Source: the same; errors of a passive curve are smooth.
SAMPLES_A_SWEEP = 4.0
# Largest change of ln(fiber length) and of the working point. Source: choice, more than three of the prior's SDs.
LARGEST = 0.4
_STEP = 1e-5  # of the differences, in ln(fiber length) and working point


@dataclass(frozen=True, kw_only=True)
class PassiveFit:
    """What came of a fit."""

    start: StartingValues  # with the new means
    log_fiber_change: FloatArray  # (muscle,) of the geometry
    working_point_change: FloatArray  # (muscle,)
    moment: FloatArray  # (posture,), N·m, of the fitted muscles


def fit_passive_moments(start: StartingValues, geometry: MuscleGeometry, reference: PassiveMoments) -> PassiveFit:
    """Move fiber lengths and working points within their prior so that the relaxed muscles give the reference's moments.

    Args:
        start: mean and widths of the prior; muscles without geometry stay.
        geometry: MTU lengths and moment arms in the reference's postures.
        reference: moments with their deviations.

    Returns:
        Starting values with new lengths; widths and strengths stay, as the mean person is no measurement of this one.

    Raises:
        FiberDynamicsError: a muscle has no equilibrium.
    """
    problem = _Problem(start.select(geometry.muscles), geometry, reference)
    found = least_squares(problem.residual, np.zeros(problem.size), jac=problem.jacobian, bounds=(-LARGEST, LARGEST), x_scale=0.1, xtol=1e-6)
    fiber, point = problem.parted(found.x)
    lengths = problem.natural.lengths(fiber, point)
    changed = {
        muscle.name: replace(muscle, optimal_fiber_length=float(own), tendon_slack_length=float(slack))
        for muscle, own, slack in zip(problem.start.muscles.muscles, lengths.optimal_fiber_length, lengths.tendon_slack_length, strict=True)
    }
    muscles = MuscleTable(muscles=tuple(changed.get(muscle.name, muscle) for muscle in start.muscles.muscles))
    note = f"fitted to the passive moments of {reference.source}"
    sources = tuple(
        "; ".join(filter(None, (source, note))) if name in changed else source
        for name, source in zip(start.muscles.names, start.sources, strict=True)
    )
    return PassiveFit(
        start=replace(start, muscles=muscles, sources=sources),
        log_fiber_change=fiber,
        working_point_change=point,
        moment=problem.moment(found.x),
    )


class _Problem:
    """Residuals over (ln fiber length, working point) of all muscles."""

    def __init__(self, start: StartingValues, geometry: MuscleGeometry, reference: PassiveMoments) -> None:
        self.start, self.reference = start, reference
        self.natural = NaturalLengths.of(start, np.median(geometry.mtu_length, axis=0))
        self._mtu_length, self._arms = geometry.mtu_length, arms_about(geometry, reference)
        self._resting = RestingMuscles(start.muscles)
        counts = np.bincount(reference.curve)[reference.curve]
        self._weight = np.sqrt(np.minimum(SAMPLES_A_SWEEP / counts, 1.0)) / reference.deviation
        self.size = 2 * len(start.muscles)

    def parted(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return change of ln(fiber length) and of the working point, (muscle,) each."""
        return x[: self.size // 2], x[self.size // 2 :]

    def moment(self, x: FloatArray) -> FloatArray:
        """Return the muscles' moment about the joint that moves, (posture,), N·m."""
        force = self._forces(*(one[None] for one in self.parted(x)))[0]
        return np.einsum("tm,tm->t", force, self._arms)

    def residual(self, x: FloatArray) -> FloatArray:
        """Return weighted misfits, prior and cap."""
        fiber, point = self.parted(x)
        cap = np.log(self.natural.lengths(fiber, point).tendon_slack_length / self.natural.tendon_slack_length) / SLACK_CAP
        return np.concatenate([(self.moment(x) - self.reference.moment) * self._weight, self.natural.whitened(fiber, point), cap])

    def jacobian(self, x: FloatArray) -> FloatArray:
        """Return its derivatives, (residual, parameter)."""
        fiber, point = self.parted(x)
        fibers, points = np.stack([fiber, fiber + _STEP, fiber]), np.stack([point, point, point + _STEP])
        forces = self._forces(fibers, points)
        by_force = [(forces[i] - forces[0]) / _STEP * self._arms * self._weight[:, None] for i in (1, 2)]
        slacks = np.log(self.natural.lengths(fibers, points).tendon_slack_length)
        by_cap = [np.diag((slacks[i] - slacks[0]) / _STEP / SLACK_CAP) for i in (1, 2)]
        return np.vstack([np.hstack(by_force), self.natural.whitening, np.hstack(by_cap)])

    def _forces(self, fiber: FloatArray, point: FloatArray) -> FloatArray:
        """Return tendon forces, (set, posture, muscle), N, of (set, muscle) changes."""
        lengths = self.natural.lengths(fiber, point)
        return self._resting.at(
            self._mtu_length, optimal_fiber_length=lengths.optimal_fiber_length, tendon_slack_length=lengths.tendon_slack_length
        ).tendon_force
