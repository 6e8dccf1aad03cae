"""From measurements of single muscles to the mean and width of their prior.

Lengths: each muscle has two unknowns, ln(optimal fiber length) and the working point at the MTU length of the first measurement's pose,
with the prior between people; every measured length is one more row of least squares. A fascicle is the relaxed fiber in the pose, by the
physics of `nms`. Mean, standard deviations and correlation are those of the linearised posterior.
Strength: force, PCSA or volume, by the specific tension; several are averaged by their precision, and replace what was assumed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.muscles import Muscle, MuscleTable
from osim_nmscal.data.pose_grid import PoseGrid
from osim_nmscal.data.starting_values import FIBER_LENGTH_SD, StartingValues
from osim_nmscal.initialization.equilibrium import RestingMuscles
from osim_nmscal.initialization.measurements import Measurement
from osim_nmscal.initialization.natural_lengths import NaturalLengths

FloatArray = NDArray[np.float64]

LENGTHS = ("optimal_fiber_length", "fascicle_length", "tendon_slack_length")
# How well volume and area tell force: specific tension differs between people and muscles, SD of its logarithm. Source: choice; reported
# values for human leg muscles lie between 40 and 60 N/cm2 mostly.
TENSION_SD = 0.15
_LARGEST = 1.0  # change of ln(fiber length) and of the working point


def poses_of(measurements: Sequence[Measurement]) -> tuple[PoseGrid, ...]:
    """Return the postures whose MTU lengths the measurements need, one grid each; those without a pose need the model's default."""
    grids = []
    for one in (m for m in measurements if m.quantity in LENGTHS):
        names = tuple(name for name, _ in one.pose)
        angles = np.array([[angle for _, angle in one.pose]])
        grids.append(PoseGrid(muscles=(one.muscle,), coordinates=names, postures=angles, mtu_length=np.full((1, 1), np.nan)))
    return tuple(grids)


def with_measurements(
    start: StartingValues, measurements: Sequence[Measurement], poses: Sequence[PoseGrid], specific_tension: float
) -> StartingValues:
    """Return starting values that know what was measured.

    Args:
        start: mean and widths before.
        measurements: of its muscles, SI.
        poses: those of `poses_of`, with the scaled model's MTU lengths.
        specific_tension: N/m2.

    Raises:
        UnknownNameError: a muscle is not among the starting values.
        FiberDynamicsError: a fascicle has no equilibrium in its pose.
    """
    lengths = [one for one in measurements if one.quantity in LENGTHS]
    mtu = {id(one): float(grid.mtu_length[0, 0]) for one, grid in zip(lengths, poses, strict=True)}
    for name in dict.fromkeys(one.muscle for one in measurements):
        own = [one for one in measurements if one.muscle == name]
        index = start.muscles.index(name)
        if some := [one for one in own if one.quantity in LENGTHS]:
            start = _with_lengths(start, index, some, mtu)
        if some := [one for one in own if one.quantity not in LENGTHS]:
            start = _with_strength(start, index, some, specific_tension)
    return start


@dataclass(frozen=True)
class _Rows:
    """Least squares of one muscle's lengths."""

    natural: NaturalLengths
    resting: RestingMuscles
    measured: Sequence[Measurement]
    mtu_length: FloatArray  # (measurement,), m

    def residual(self, x: FloatArray) -> FloatArray:
        """Return prior and measurements, in standard deviations, at (change of ln fiber length, of working point)."""
        fiber, point = x[:1], x[1:]
        lengths = self.natural.lengths(fiber, point)
        at = self.resting.at(
            self.mtu_length[:, None], optimal_fiber_length=lengths.optimal_fiber_length, tendon_slack_length=lengths.tendon_slack_length
        )
        rows = []
        for i, one in enumerate(self.measured):
            told = {
                "optimal_fiber_length": lengths.optimal_fiber_length[0],
                "tendon_slack_length": lengths.tendon_slack_length[0],
                "fascicle_length": lengths.optimal_fiber_length[0] * at.normalized_fiber_length[i, 0],
            }[one.quantity]
            rows.append((told - one.value) / one.sd)
        return np.concatenate([self.natural.whitened(fiber, point), rows])


def _with_lengths(start: StartingValues, index: int, own: Sequence[Measurement], mtu: Mapping[int, float]) -> StartingValues:
    from scipy.optimize import least_squares  # 0.3 s that a run without it need not spend

    name = start.muscles.names[index]
    alone = start.select([name])
    posed = [one for one in own if one.pose] or list(own)
    reference = np.array([mtu[id(posed[0])]])
    if not np.isfinite(alone.reference_mtu_length[0]):
        alone = replace(alone, reference_mtu_length=reference)
    problem = _Rows(
        NaturalLengths.of(alone, reference), RestingMuscles(alone.muscles), own, np.array([mtu[id(one)] for one in own], dtype=np.float64)
    )
    found = least_squares(problem.residual, np.zeros(2), bounds=(-_LARGEST, _LARGEST), x_scale=0.1, diff_step=1e-5)
    covariance = np.linalg.inv(found.jac.T @ found.jac)
    deviations = np.sqrt(np.diag(covariance))
    lengths = problem.natural.lengths(found.x[:1], found.x[1:])
    muscle = replace(
        alone.muscles.muscles[0],
        optimal_fiber_length=float(lengths.optimal_fiber_length[0]),
        tendon_slack_length=float(lengths.tendon_slack_length[0]),
    )
    changes = {
        "log_fiber_length_sd": deviations[0],
        "working_point_sd": deviations[1],
        "correlation": float(np.clip(covariance[0, 1] / deviations.prod(), -0.99, 0.99)),
        "reference_mtu_length": alone.reference_mtu_length[0],
    }
    return _put(start, index, muscle, changes, own)


def _with_strength(start: StartingValues, index: int, own: Sequence[Measurement], specific_tension: float) -> StartingValues:
    muscle = start.muscles.muscles[index]
    fiber_sd = start.log_fiber_length_sd[index]
    values, deviations = [], []
    for one in own:
        noise = one.sd / one.value
        if one.quantity == "max_isometric_force":
            force = one.value
        elif one.quantity == "pcsa":
            force, noise = specific_tension * one.value, float(np.hypot(noise, TENSION_SD))
        else:
            force = specific_tension * one.value / muscle.optimal_fiber_length
            noise = float(np.linalg.norm([noise, TENSION_SD, fiber_sd if np.isfinite(fiber_sd) else FIBER_LENGTH_SD]))
        values.append(np.log(force))
        deviations.append(noise)
    weights = 1.0 / np.square(deviations)
    strength = float(np.exp(np.average(values, weights=weights)))
    return _put(start, index, replace(muscle, max_isometric_force=strength), {"log_strength_sd": float(weights.sum() ** -0.5)}, own)


def _put(start: StartingValues, index: int, muscle: Muscle, changes: Mapping[str, float], own: Sequence[Measurement]) -> StartingValues:
    arrays = {}
    for name, value in changes.items():
        arrays[name] = getattr(start, name).copy()
        arrays[name][index] = value
    muscles = list(start.muscles.muscles)
    muscles[index] = muscle
    said = "; ".join(filter(None, (start.sources[index], *(str(one) for one in own))))
    sources = (*start.sources[:index], said, *start.sources[index + 1 :])
    return replace(start, muscles=MuscleTable(muscles=tuple(muscles)), sources=sources, **arrays)
