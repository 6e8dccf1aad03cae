"""Fiber lengths and working points with which relaxed muscles give passive moments, before any trial is seen.

Free are, for each muscle, ln(optimal fiber length) and the working point (the normalized fiber length behind a rigid tendon at a reference
MTU length); the tendon slack length follows. Both keep to a Gaussian prior around their start, and the slack length to a cap.
Least squares by scipy's trust region, on the physics of `nms` at zero activation. As a muscle's force depends on its own parameters only,
one evaluation with all fibers longer and one with all working points higher give the whole Jacobian.

Ligaments and capsule may take their part: a double exponential for each joint (nms/passive_joint_moment.py), fixed, or with free
moments and widths.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.passive_joint_moment import PassiveJointMoment
from osim_nmscal.data.passive_moments import PassiveMoments
from osim_nmscal.data.starting_values import SLACK_LENGTH_SD, StartingValues
from osim_nmscal.data.trials import MuscleGeometry
from osim_nmscal.initialization.equilibrium import RestingMuscles
from osim_nmscal.initialization.natural_lengths import NaturalLengths
from osim_nmscal.initialization.relaxed_leg import arms_about
from osim_nmscal.nms.passive_joint_moment import joint_moment_of

FloatArray = NDArray[np.float64]

# What a sweep of a joint tells, in independent samples, as errors of a passive curve are smooth. Source: measured; with 4, 8, 12 and 20
# curves left out of a fit are missed by about 4.9, 4.3, 4.0 and 3.5 N·m at the hip, but fibers move by .04, .06, .09 and .13 (RMS).
SAMPLES_A_SWEEP = 8.0
# Largest change of ln(fiber length) and of the working point. Source: choice, more than three of the prior's SDs.
LARGEST = 0.4
_STEP = 1e-5  # of the differences
# What of a passive joint moment may be free, and the SDs of their logarithms. Source: choice.
_FREE_NUMBERS = {"low_moment": 1.0, "low_width": 0.4, "high_moment": 1.0, "high_width": 0.4}
# Where free ones start: 2 N·m at both ends of what was measured, falling to 1/e within 15 degrees. Source: choice.
_END_MOMENT, _END_WIDTH = 2.0, 0.26


@dataclass(frozen=True, kw_only=True)
class PassiveFit:
    """What came of a fit."""

    start: StartingValues  # with the new means
    log_fiber_change: FloatArray  # (muscle,) of the geometry
    working_point_change: FloatArray  # (muscle,)
    moment: FloatArray  # (posture,), N·m, of the fitted muscles and ligaments
    ligaments: PassiveJointMoment | None = field(default=None)


def free_ligaments(reference: PassiveMoments) -> PassiveJointMoment:
    """Return where the moments of ligaments start that are to be found from a reference: small, at the ends of what was measured."""
    ends = np.array([[np.min(angles), np.max(angles)] for angles in (_own_angles(reference, i) for i in range(len(reference.coordinates)))])
    alike = np.ones(len(reference.coordinates))
    return PassiveJointMoment(
        dofs=reference.coordinates,
        low_angle=ends[:, 0],
        low_moment=_END_MOMENT * alike,
        low_width=_END_WIDTH * alike,
        high_angle=ends[:, 1],
        high_moment=_END_MOMENT * alike,
        high_width=_END_WIDTH * alike,
    )


def _own_angles(reference: PassiveMoments, joint: int) -> FloatArray:
    rows = reference.about == joint
    return reference.postures[rows if rows.any() else slice(None), joint]


def fit_passive_moments(
    start: StartingValues,
    geometry: MuscleGeometry,
    reference: PassiveMoments,
    *,
    ligaments: PassiveJointMoment | None = None,
    free: bool = False,
) -> PassiveFit:
    """Move fiber lengths and working points within their prior so that the relaxed muscles give the reference's moments.

    Args:
        start: mean and widths of the prior; muscles without geometry stay.
        geometry: MTU lengths and moment arms in the reference's postures.
        reference: moments with their deviations.
        ligaments: what they add, of the reference's coordinates; None for nothing.
        free: whether the moments and widths of the ligaments are found, too.

    Returns:
        Starting values with new lengths; widths and strengths stay, as the mean person is no measurement of this one.

    Raises:
        FiberDynamicsError: a muscle has no equilibrium.
    """
    from scipy.optimize import least_squares  # 0.3 s that a run without it need not spend

    problem = _Problem(start.select(geometry.muscles), geometry, reference, ligaments, free)
    bounds = np.where(np.arange(problem.size) < 2 * len(geometry.muscles), LARGEST, 4.0)
    found = least_squares(
        problem.residual, np.zeros(problem.size), jac=problem.jacobian, bounds=(-bounds, bounds), x_scale=0.1, ftol=1e-4, xtol=1e-4
    )
    fiber, point, _ = problem.parted(found.x)
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
        ligaments=problem.ligaments(found.x),
    )


class _Problem:
    """Residuals over (ln fiber length, working point) of all muscles, and the logarithms of the ligaments' numbers."""

    def __init__(
        self,
        start: StartingValues,
        geometry: MuscleGeometry,
        reference: PassiveMoments,
        ligaments: PassiveJointMoment | None,
        free: bool,
    ) -> None:
        self.start, self.reference = start, reference
        self.natural = NaturalLengths.of(start, np.median(geometry.mtu_length, axis=0))
        self._mtu_length, self._arms = geometry.mtu_length, arms_about(geometry, reference)
        self._resting = RestingMuscles(start.muscles)
        self._ligaments, self._free = ligaments, tuple(_FREE_NUMBERS) if free and ligaments is not None else ()
        counts = np.bincount(reference.curve)[reference.curve]
        self._weight = np.sqrt(np.minimum(SAMPLES_A_SWEEP / counts, 1.0)) / reference.deviation
        self._muscles = len(start.muscles)
        self._deviations = np.repeat([_FREE_NUMBERS[name] for name in self._free], len(reference.coordinates))
        self.size = 2 * self._muscles + len(self._deviations)

    def parted(self, x: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return changes of ln(fiber length) and working point, (muscle,), and of the ligaments' logarithms, (number * coordinate,)."""
        n = self._muscles
        return x[:n], x[n : 2 * n], x[2 * n :]

    def ligaments(self, x: FloatArray) -> PassiveJointMoment | None:
        """Return the ligaments with changed numbers."""
        if self._ligaments is None or not self._free:
            return self._ligaments
        changes = self.parted(x)[2].reshape(len(self._free), -1)
        changed = {name: getattr(self._ligaments, name) * np.exp(one) for name, one in zip(self._free, changes, strict=True)}
        return replace(self._ligaments, **changed)

    def moment(self, x: FloatArray) -> FloatArray:
        """Return the moment of muscles and ligaments about the joint that moves, (posture,), N·m."""
        fiber, point, _ = self.parted(x)
        force = self._forces(fiber[None], point[None])[0]
        return np.asarray((force * self._arms).sum(axis=1) + self._of_ligaments(self.ligaments(x)))

    def residual(self, x: FloatArray) -> FloatArray:
        """Return weighted misfits, the prior of muscles, the cap, and the prior of ligaments."""
        fiber, point, others = self.parted(x)
        cap = np.log(self.natural.lengths(fiber, point).tendon_slack_length / self.natural.tendon_slack_length) / SLACK_LENGTH_SD
        misfit = (self.moment(x) - self.reference.moment) * self._weight
        return np.concatenate([misfit, self.natural.whitened(fiber, point), cap, others / self._deviations])

    def jacobian(self, x: FloatArray) -> FloatArray:
        """Return its derivatives, (residual, parameter)."""
        fiber, point, others = self.parted(x)
        fibers, points = np.stack([fiber, fiber + _STEP, fiber]), np.stack([point, point, point + _STEP])
        forces = self._forces(fibers, points)
        by_moment = [(forces[i] - forces[0]) / _STEP * self._arms for i in (1, 2)]
        slacks = np.log(self.natural.lengths(fibers, points).tendon_slack_length)
        by_cap = [np.diag((slacks[i] - slacks[0]) / _STEP / SLACK_LENGTH_SD) for i in (1, 2)]
        muscles = np.vstack([np.hstack(by_moment) * self._weight[:, None], self.natural.whitening, np.hstack(by_cap)])
        whole = np.zeros((len(muscles) + len(others), self.size))
        whole[: len(muscles), : 2 * self._muscles] = muscles
        whole[: len(self._weight), 2 * self._muscles :] = self._by_ligaments(x) * self._weight[:, None]
        whole[len(muscles) :, 2 * self._muscles :] = np.diag(1.0 / self._deviations)
        return whole

    def _by_ligaments(self, x: FloatArray) -> FloatArray:
        """Return d moment / d logarithm of each free number, (posture, number * coordinate)."""
        now, columns = self._of_ligaments(self.ligaments(x)), []
        for i in range(2 * self._muscles, self.size):
            moved = x.copy()
            moved[i] += _STEP
            columns.append((self._of_ligaments(self.ligaments(moved)) - now) / _STEP)
        return np.stack(columns, axis=1) if columns else np.zeros((len(self._weight), 0))

    def _of_ligaments(self, ligaments: PassiveJointMoment | None) -> FloatArray:
        """Return the ligaments' moment about the joint that moves, (posture,), N·m."""
        if ligaments is None:
            return np.zeros(len(self._weight))
        every = joint_moment_of(ligaments, self.reference.postures)
        return every[np.arange(len(every)), self.reference.about]

    def _forces(self, fiber: FloatArray, point: FloatArray) -> FloatArray:
        """Return tendon forces, (set, posture, muscle), N, of (set, muscle) changes."""
        lengths = self.natural.lengths(fiber, point)
        return self._resting.at(
            self._mtu_length, optimal_fiber_length=lengths.optimal_fiber_length, tendon_slack_length=lengths.tendon_slack_length
        ).tendon_force
