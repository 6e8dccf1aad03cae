"""Feet on the ground: are forces and motion on one clock, and do the forces carry the person stride by stride."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.findings import Finding
from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.doctor.forces import LOADED, AppliedForce, per_body

FloatArray = NDArray[np.float64]

GRAVITY = 9.80665  # m/s^2
# Contacts shorter than this are none, s; strides whose durations differ by more than this share are no steady gait. Source: choice.
SHORTEST = 0.08
STEADY = 0.25
# Share of the weight that may be missing or too much in steady gait, with forces under one foot (times two) and under both.
# Source: choice: with sound forces 0.97 to 1.03, pounds for kilograms 0.45, half the gain 0.5.
ONE_FOOT, BOTH_FEET = 0.25, 0.15
# Lags looked at, less than half a stride of running, which would be the other foot, and the one that is too much, s. Source: choice: both
# measures below find sound forces within 0.02 s.
LARGEST_LAG, LAG_STEP = 0.34, 0.02
LATE = 0.08
# A foot on the ground, or on a belt, keeps its velocity, and is low. How much steadier (as a factor, and in m/s) or lower (m) the loaded
# foot must be at another lag. Source: choice; 0.1 s off doubles the one in walking, and gives 2 to 5 cm of the other in running.
STEADIER, STEADIER_BY = 1.4, 0.2
LOWER = 0.015
# Feet this far from where forces act, and above the middle of the body, stand on its head, m. Source: choice: half a leg.
HEAD_OVER_FEET = 0.5
# A foot rises at least so far in swing, m, and no further counts.
SWING, RISE = 0.06, 0.15


def upside_down(forces: Sequence[AppliedForce], feet: Mapping[str, TimeSeries], middle: float, source: str) -> tuple[Finding, ...]:
    """Judge whether both feet stand above the person, far from where the ground pushes on them.

    Args:
        forces: of one recording.
        feet: body -> where it is over time (column y, m).
        middle: median height of all markers, m.
        source: of the markers, for the text.
    """
    heights = []
    for force in forces:
        loaded = force.force[:, 1] > LOADED
        if force.body in feet and loaded.any():
            height = float(np.median(feet[force.body].column("y")))
            if height < middle or abs(height - float(np.median(force.point[loaded, 1]))) < HEAD_OVER_FEET:
                return ()
            heights.append(height)
    if len(heights) < 2:
        return ()
    text = (
        f"The feet lie {min(heights) - middle:.2f} m above the middle of the markers of {source}, and the forces act elsewhere: up is down "
        "there. Turn the recording half round about a horizontal axis (for a c3d see c3d_axes)."
    )
    return (Finding(severity="stop", kind="vertical_axis", about=source, text=text),)


def forces_on_the_clock(forces: Sequence[AppliedForce], feet: Mapping[str, TimeSeries]) -> tuple[Finding, ...]:
    """Judge whether forces act while their foot is on the ground: moved in time, they would act on a foot that swings.

    Args:
        forces: of one recording.
        feet: body -> mean place of its markers (columns x, y, z, m) and height of the lowest (column lowest, m) over time.
    """
    lags = np.arange(-LARGEST_LAG, LARGEST_LAG + LAG_STEP / 2, LAG_STEP)
    findings = []
    for force in forces:
        times = force.time[force.force[:, 1] > LOADED]
        if force.body not in feet or len(times) < 3:
            continue
        unrest, height = _unrest(feet[force.body], times, lags), _height(feet[force.body], times, lags)
        lag = _better(lags, unrest, max((STEADIER - 1) * float(unrest.min()), STEADIER_BY)) or _better(lags, height, LOWER)
        if lag:
            text = (
                f"{force.name} acts on {force.body} while it swings: the forces come about {abs(lag):.2f} s "
                f"{'late' if lag > 0 else 'early'} "
                "against the markers. Bring both to one clock."
            )
            findings.append(Finding(severity="stop", kind="forces_late", about=force.name, text=text))
    return tuple(findings)


def _unrest(foot: TimeSeries, times: FloatArray, lags: FloatArray) -> FloatArray:
    """Return how much the velocity of a foot varies under load, (lag,), m/s."""
    velocity = np.gradient(foot.select(("x", "y", "z")).values, foot.time, axis=0)
    return _at_lags(times, lags, foot, lambda on: float(np.sqrt(sum(np.interp(on, foot.time, v).var() for v in velocity.T))))


def _height(foot: TimeSeries, times: FloatArray, lags: FloatArray) -> FloatArray:
    """Return how high the lowest marker of a foot is under load, (lag,), m; zeros where it never rises."""
    lowest = foot.column("lowest")
    above = np.clip(lowest - np.percentile(lowest, 2), 0.0, RISE)
    if above.max() < SWING:
        return np.zeros(len(lags))
    return _at_lags(times, lags, foot, lambda on: float(np.interp(on, foot.time, above).mean()))


def _at_lags(times: FloatArray, lags: FloatArray, foot: TimeSeries, cost: Callable[[FloatArray], float]) -> FloatArray:
    """Return a cost of the loaded times at each lag; infinite where the foot was hardly recorded, as it would seem still."""
    found = np.full(len(lags), np.inf)
    for i, lag in enumerate(lags):
        moved = times - lag
        inside = moved[(moved >= foot.time[0]) & (moved <= foot.time[-1])]
        if len(inside) > len(times) / 2:
            found[i] = cost(inside)
    return found


def _better(lags: FloatArray, cost: FloatArray, by: float) -> float:
    """Return the lag that is better than none by so much; 0.0 if there is none, or only beyond those looked at."""
    best = int(cost.argmin())
    inside, better = 0 < best < len(lags) - 1, cost[np.abs(lags).argmin()] > cost[best] + by
    return float(lags[best]) if inside and better and abs(lags[best]) > LATE else 0.0


def weight_in_strides(forces: Sequence[AppliedForce], mass: float, source: str) -> tuple[Finding, ...]:
    """Judge the forces of steady gait: over whole strides both feet carry the weight, and one foot half of it.

    Args:
        forces: of one recording, those on other bodies than feet as well.
        mass: kg.
        source: recording, for the text.
    """
    shares = [share for force in per_body(forces) if (share := _share(force, mass)) > 0]
    if not shares:
        return ()
    both = len(shares) > 1
    carried, tolerance = (sum(shares), BOTH_FEET) if both else (2 * shares[0], ONE_FOOT)
    if abs(carried - 1.0) <= tolerance:
        return ()
    text = (
        f"The forces of {source} carry {carried:.2f} of the weight of {mass:g} kg over whole "
        f"strides{'' if both else ' (twice one foot)'}: check "
        "the mass (kg, not pounds), the unit and gain of the forces, and which plate is which foot."
    )
    return (Finding(severity="doubt", kind="weight_not_carried", about=source, text=text),)


def _share(force: AppliedForce, mass: float) -> float:
    """Return the mean vertical force over whole strides as a share of the weight; 0 where there is no steady gait."""
    on = force.force[:, 1] > LOADED
    edges = np.flatnonzero(np.diff(on.astype(np.int8)))
    starts = [i + 1 for i in edges if on[i + 1]]
    ends = [next((j for j in edges if j > i), len(on) - 1) for i in starts]
    starts = [i for i, j in zip(starts, ends, strict=True) if force.time[j] - force.time[i] > SHORTEST]
    strides = np.diff(force.time[starts])
    if len(strides) < 2 or np.ptp(strides) > STEADY * float(np.median(strides)):
        return 0.0
    whole = slice(starts[0], starts[-1])
    time, up = force.time[whole], force.force[whole, 1]
    return float(np.trapezoid(up, time) / (time[-1] - time[0]) / (mass * GRAVITY))
