"""Surrogate geometry of a model: OpenSim's lengths and moment arms in postures spread over ranges, and polynomials fitted to them.

Postures fill the ranges evenly (additive recurrence, Roberts 2018), one sequence for all MTUs: each MTU sees only the coordinates that
it crosses. Dependent coordinates follow their couplers, so that the surrogate knows independent ones only. Coordinates without a range
stay where they are; an MTU that crosses one of them is refused, since its length would depend on it unseen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.errors import MuscleModelError, UnknownNameError, listed
from osim_nmscal.kinematics.surrogate_fitting import GeometrySamples, MtuError, SurrogateFit, evaluated, fit_surrogate
from osim_nmscal.opensim_objects import ModelSource, takes_model
from osim_nmscal.opensim_tools.model_access import Coordinates, coordinates_of, free_coordinates, open_model, require_coordinate
from osim_nmscal.opensim_tools.motion import with_dependents
from osim_nmscal.opensim_tools.path_geometry import PathGeometry, require_couplers_only
from osim_nmscal.opensim_tools.run import in_worker

FloatArray = NDArray[np.float64]
Range = tuple[float, float]

# Postures to fit, and others to measure the error. Source: measured; MTUs over 5 coordinates have up to 792 terms and 6 values per posture.
POSTURES, CHECKED = 2000, 400
# Postures that tell which coordinates an MTU crosses.
LOOKED_AT = 30
# A moment arm beyond this about a coordinate without a range is no noise of iterated wrapping, m. Source: choice.
CROSSES = 1e-3
# What is added to the range of a motion at both ends, rad or m. Source: choice, 5 degrees.
MARGIN = float(np.deg2rad(5.0))
# Largest RMS errors allowed, m. Source: choice; OpenSim's own length and moment arm of MTUs that wrap twice differ by more.
LENGTH_TOLERANCE, ARM_TOLERANCE = 1e-3, 2e-3


@dataclass(frozen=True, kw_only=True)
class _Job:
    model: Path
    muscles: tuple[str, ...]
    ranges: dict[str, Range]
    postures: int


@dataclass(frozen=True, kw_only=True)
class SurrogateOverMotion:
    """Surrogate geometry along a motion."""

    mtu_length: FloatArray  # (time, muscle), m
    moment_arm: FloatArray  # (time, dof, muscle), m
    errors: tuple[MtuError, ...]  # one per MTU


@takes_model
def fit_surrogate_geometry(
    model: ModelSource,
    ranges: Mapping[str, Range],
    log: Path | str,
    *,
    muscles: Sequence[str] = (),
    postures: int = POSTURES,
    length_tolerance: float = LENGTH_TOLERANCE,
    arm_tolerance: float = ARM_TOLERANCE,
) -> SurrogateFit:
    """Fit polynomials to the muscle paths of a model.

    Args:
        model: .osim file or `opensim.Model`.
        ranges: coordinate -> lowest and highest value, rad or m; the coordinates of the surrogate, in this order.
        log: file for OpenSim's log.
        muscles: MTUs; default every one that crosses one of the coordinates.
        postures: to fit.
        length_tolerance: largest RMS error of a length, m.
        arm_tolerance: largest RMS error of a moment arm, m.

    Returns:
        The geometry, and the error of each MTU on postures that were not fitted.

    Raises:
        UnknownNameError: a coordinate or muscle is not in the model, locked or dependent.
        MuscleModelError: an MTU crosses a coordinate without a range, or its polynomial is beyond a tolerance.
        OpenSimToolError: OpenSim failed; with its log.

    Example:
        >>> fit = fit_surrogate_geometry(arm, {"elbow_flexion_r": (0.2, 1.5)}, "sampling.log", muscles=("brachialis_r",), postures=40)
        >>> fit.errors[0].coordinates, fit.errors[0].length_rms < 1e-4
        (('elbow_flexion_r',), True)
    """
    job = _Job(model=Path(model).absolute(), muscles=tuple(muscles), ranges=dict(ranges), postures=postures)
    samples = in_worker(_sample, job, log=Path(log), doing=f"sampling the muscle paths of {job.model}")
    fit = fit_surrogate(samples.part(slice(0, postures)), samples.part(slice(postures, None)))
    fit.require(length_tolerance, arm_tolerance)
    return fit


def surrogate_over(
    model: Any, coordinates: Coordinates, dofs: Sequence[str], muscles: Sequence[str], motion: TimeSeries, model_name: str
) -> SurrogateOverMotion:
    """Fit the paths over the range of a motion and evaluate them along it; runs inside the worker process.

    Args:
        model: opensim.Model, its coordinates freed.
        coordinates: of that model.
        dofs: coordinates whose moment arms are asked for.
        muscles: MTUs.
        motion: every coordinate of the model, rad and m.
        model_name: for messages.

    Raises:
        MuscleModelError: the polynomial of an MTU is beyond the tolerance.
    """
    ranges = _crossed(model, coordinates, muscles, motion, model_name)
    ranges |= {dof: (float(motion.column(dof).min()) - MARGIN, float(motion.column(dof).max()) + MARGIN) for dof in dofs}
    samples = sample_geometry(model, coordinates, ranges, muscles, POSTURES + CHECKED, model_name)
    fit = fit_surrogate(samples.part(slice(0, POSTURES)), samples.part(slice(POSTURES, None)))
    fit.require(LENGTH_TOLERANCE, ARM_TOLERANCE)
    found = evaluated(fit.geometry, motion.select(tuple(ranges)).values)
    rows = [list(ranges).index(dof) for dof in dofs]
    return SurrogateOverMotion(mtu_length=found.mtu_length, moment_arm=found.moment_arm[:, rows], errors=fit.errors)


def ranges_of_motion(motion: TimeSeries, coordinates: Coordinates, margin: float = MARGIN) -> dict[str, Range]:
    """Return the range of every independent coordinate of a motion, widened at both ends; what is locked or does not move stays out.

    Args:
        motion: every coordinate of the model, rad and m.
        coordinates: of the model.
        margin: rad or m.
    """
    found = {}
    for name in coordinates.names:
        values = motion.column(name)
        if name not in coordinates.locked and name not in coordinates.dependent and np.ptp(values) > 0:
            found[name] = (float(values.min()) - margin, float(values.max()) + margin)
    return found


def sample_geometry(
    model: Any, coordinates: Coordinates, ranges: Mapping[str, Range], muscles: Sequence[str], postures: int, model_name: str
) -> GeometrySamples:
    """Ask OpenSim for lengths and moment arms over ranges; runs inside the worker process.

    Args:
        model: opensim.Model, its coordinates freed, its system not yet initialised.
        coordinates: of that model.
        ranges: coordinate -> lowest and highest value, rad or m.
        muscles: MTUs; none means every one that crosses one of the coordinates.
        postures: how many.
        model_name: for messages.

    Raises:
        UnknownNameError: a coordinate or muscle is not in the model, locked or dependent.
        MuscleModelError: an MTU crosses a coordinate without a range.
    """
    for name in ranges:
        require_coordinate(name, coordinates, model_name)
    require_couplers_only(model, model_name)
    lower, upper = (np.array([ends[i] for ends in ranges.values()]) for i in range(2))
    spread = lower + (upper - lower) * _evenly(postures, len(ranges))
    full = _full_postures(spread, tuple(ranges), coordinates)
    geometer = PathGeometry(model, coordinates, tuple(ranges))
    geometer.keep(tuple(muscles) or geometer.crossing(full[:LOOKED_AT], model_name), model_name)
    _require_ranges(model, coordinates, geometer, full[:LOOKED_AT], model_name)
    lengths, arms = geometer.over(full, "lengthening_speed")
    return GeometrySamples(
        muscles=geometer.names,
        coordinates=tuple(ranges),
        lower=lower,
        upper=upper,
        postures=spread,
        mtu_length=lengths,
        moment_arm=arms,
    )


def _sample(job: _Job) -> GeometrySamples:
    model = open_model(job.model)
    coordinates = coordinates_of(model)
    free_coordinates(model)
    return sample_geometry(model, coordinates, job.ranges, job.muscles, job.postures + CHECKED, str(job.model))


def _evenly(count: int, dimensions: int) -> FloatArray:
    """Return points in the unit cube that fill it evenly, (count, dimension): multiples of powers of the generalised golden ratio."""
    ratio = 2.0
    for _ in range(60):
        ratio = (1.0 + ratio) ** (1.0 / (dimensions + 1))
    steps = ratio ** -np.arange(1.0, dimensions + 1)
    return np.asarray((0.5 + np.arange(1, count + 1)[:, None] * steps) % 1.0)


def _full_postures(spread: FloatArray, names: tuple[str, ...], coordinates: Coordinates) -> FloatArray:
    moved = TimeSeries(time=np.arange(len(spread), dtype=np.float64), labels=names, values=spread)
    return with_dependents(moved, coordinates).values


def _require_ranges(model: Any, coordinates: Coordinates, geometer: PathGeometry, postures: FloatArray, model_name: str) -> None:
    """Refuse MTUs that cross an independent coordinate without a range."""
    others = [n for n in coordinates.names if n not in geometer.dofs and n not in coordinates.dependent and n not in coordinates.locked]
    if not others:
        return
    beside = PathGeometry(model, coordinates, others)
    beside.keep(geometer.names, model_name)
    _, arms = beside.over(postures, "lengthening_speed")
    crossed = np.abs(arms).max(axis=0) > CROSSES  # (other, muscle)
    if crossed.any():
        row = int(np.argmax(crossed.any(axis=1)))
        names = [name for name, crosses in zip(geometer.names, crossed[row], strict=True) if crosses]
        raise MuscleModelError(
            f"{listed(names)} of {model_name} cross {others[row]!r}, for which no range is given; give one, or leave these MTUs out."
        )


def _crossed(model: Any, coordinates: Coordinates, muscles: Sequence[str], motion: TimeSeries, model_name: str) -> dict[str, Range]:
    """Return the ranges of the coordinates that move in the motion and are crossed by one of the MTUs."""
    ranges = ranges_of_motion(motion, coordinates)
    geometer = PathGeometry(model, coordinates, tuple(ranges))
    geometer.keep(muscles, model_name)
    _, arms = geometer.over(motion.values[:: max(len(motion.time) // LOOKED_AT, 1)], "lengthening_speed")
    crossed = np.abs(arms).max(axis=(0, 2)) > CROSSES
    return {name: ends for (name, ends), crosses in zip(ranges.items(), crossed, strict=True) if crosses}


def muscles_within(model: Path | str, ranges: Mapping[str, Range], log: Path | str) -> tuple[str, ...]:
    """Return the MTUs of a model that cross coordinates of `ranges` and no others.

    Args:
        model: .osim file.
        ranges: as in `fit_surrogate_geometry`.
        log: file for OpenSim's log.

    Raises:
        UnknownNameError: a coordinate is not in the model, locked or dependent.
    """
    names = tuple(in_worker(_within, Path(model).absolute(), dict(ranges), log=Path(log), doing=f"looking at the paths of {model}"))
    if not names:
        raise UnknownNameError(f"No muscle of {model} crosses coordinates of {listed(ranges)} alone; give ranges of more coordinates.")
    return names


def _within(model_path: Path, ranges: dict[str, Range]) -> list[str]:
    model = open_model(model_path)
    coordinates = coordinates_of(model)
    free_coordinates(model)
    lower, upper = (np.array([ends[i] for ends in ranges.values()]) for i in range(2))
    full = _full_postures(lower + (upper - lower) * _evenly(LOOKED_AT, len(ranges)), tuple(ranges), coordinates)
    independent = [name for name in coordinates.names if name not in coordinates.dependent and name not in coordinates.locked]
    geometer = PathGeometry(model, coordinates, independent)
    _, arms = geometer.over(full, "lengthening_speed")
    crossed = np.abs(arms).max(axis=0) > CROSSES
    inside = np.array([name in ranges for name in independent])
    return [name for name, own in zip(geometer.names, crossed.T, strict=True) if own[inside].any() and not own[~inside].any()]
