"""From what a dynamometer measured to trials: sweeps of a joint, and poses that were held, on the clock of all trials.

A table with time is a sweep as it was. Without time, passive rows are swept in order of angle, one sweep for each posture of the other
joints; rows of an effort are poses that were held. Before what counts, the first sample is held: activation and fibers settle.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.data.trials import MuscleGeometry, Trial
from osim_nmscal.errors import SignalError
from osim_nmscal.signals import resample
from osim_nmscal.trials.dynamometer_settings import DynamometerSettings

FloatArray = NDArray[np.float64]

# The first sample is held this long: activation with a time constant of 60 ms settles to 1 %. Source: natural_prior.md, 15 to 60 ms.
LEAD_IN = 0.3  # s
# A pose that is held counts for this long; it is one measurement, whatever its length. Source: choice.
HELD = 0.1  # s
# Speed at which passive rows without time are swept, rad/s. Source: choice, a slow passive test, in which muscles hardly damp.
SWEEP_SPEED = np.radians(60.0)
# Rows are of one posture if the other coordinates differ less (rad or m), and one row if the swept one does, rad.
SAME_POSTURE, SAME_ANGLE = np.radians(1.0), np.radians(0.1)
# A sweep over less is a pose, rad.
SHORTEST_SWEEP = np.radians(2.0)


@dataclass(frozen=True, kw_only=True)
class MeasuredPostures:
    """What a table says: postures of a model, and the moments measured at them."""

    coordinates: tuple[str, ...]
    values: FloatArray  # (row, coordinate), rad and m
    measured: tuple[str, ...]  # coordinates whose moment was measured
    moments: FloatArray  # (row, measured), N*m, with OpenSim's sign: about the coordinate
    time: FloatArray | None  # (row,), s; None: every row is a pose that was held
    source: str

    def angle(self, dof: str) -> FloatArray:
        """Return the values of a coordinate, (row,)."""
        return self.values[:, self.coordinates.index(dof)]


@dataclass(frozen=True, kw_only=True)
class DynamometerRun:
    """One sweep or pose on the clock of trials."""

    name: str  # recording/sweep_01
    time: FloatArray  # (time,), s, uniform
    coordinates: tuple[str, ...]
    values: FloatArray  # (time, coordinate), rad and m
    measured: tuple[str, ...]
    moments: FloatArray  # (time, measured), N*m
    first_counted: int

    def angles(self, dofs: Sequence[str]) -> FloatArray | None:
        """Return the values of some coordinates, (time, dof), rad and m; None where one of them is not known."""
        if any(dof not in self.coordinates for dof in dofs):
            return None
        return self.values[:, [self.coordinates.index(dof) for dof in dofs]]


def runs_of(name: str, postures: MeasuredPostures, settings: DynamometerSettings, time_step: float) -> tuple[DynamometerRun, ...]:
    """Return the runs of one recording.

    Args:
        name: of the recording.
        postures: what its table says.
        settings: kind, start and end.
        time_step: of all trials, s.

    Raises:
        SignalError: no sample lies between start and end.
    """
    if postures.time is not None:
        return (_timed(name, postures, settings, time_step),)
    if settings.kind == "effort":
        rows = range(len(postures.values))
        return tuple(_held(f"{name}/pose_{i + 1:02d}", postures, postures.values[i], postures.moments[i], time_step) for i in rows)
    runs = []
    for i, (values, moments) in enumerate(_sweeps(postures), start=1):
        swept = postures.coordinates.index(_swept(postures))
        if len(values) < 2 or np.ptp(values[:, swept]) < SHORTEST_SWEEP:
            runs.append(_held(f"{name}/pose_{i:02d}", postures, values.mean(axis=0), moments.mean(axis=0), time_step))
            continue
        clock = (values[:, swept] - values[0, swept]) / SWEEP_SPEED
        time = _clock(0, int(clock[-1] / time_step + 1e-6) + 1, time_step)
        at = np.stack([np.interp(time, clock, column) for column in values.T], axis=1)
        measured = np.stack([np.interp(time, clock, column) for column in moments.T], axis=1)
        runs.append(_run(f"{name}/sweep_{i:02d}", postures, at, measured, time_step))
    return tuple(runs)


def frames_of(runs: Sequence[DynamometerRun], time_step: float) -> tuple[TimeSeries, tuple[NDArray[np.intp], ...]]:
    """Return every posture once, in order, and for each run which of them its samples are.

    Args:
        runs: of one recording.
        time_step: s; postures follow each other at this step.
    """
    values = np.concatenate([run.values for run in runs])
    new = np.concatenate([[True], np.any(np.diff(values, axis=0) != 0.0, axis=1)])
    index = np.cumsum(new) - 1
    kept = values[new] if new.sum() > 1 else np.repeat(values[:1], 2, axis=0)  # files of one row are no motion
    ends = np.cumsum([len(run.time) for run in runs])
    frames = TimeSeries(time=_clock(0, len(kept), time_step), labels=runs[0].coordinates, values=kept, source=runs[0].name.split("/")[0])
    return frames, tuple(index[end - len(run.time) : end] for run, end in zip(runs, ends, strict=True))


def trials_of(
    runs: Sequence[DynamometerRun], frames: Sequence[NDArray[np.intp]], geometry: MuscleGeometry, settings: DynamometerSettings
) -> tuple[Trial, ...]:
    """Make the trials of one recording.

    Args:
        runs: of the recording.
        frames: which postures of the geometry the samples of each run are.
        geometry: of the muscles and degrees of freedom of all trials, one row per posture.
        settings: kind, agonists, role.
    """
    level = np.zeros(len(geometry.muscles))
    if settings.kind == "effort":
        trying = np.isin(geometry.muscles, settings.agonists)
        level = np.where(trying, settings.effort_level, settings.rest_level)
    trials = []
    for run, rows in zip(runs, frames, strict=True):
        moments = np.zeros((len(run.time), len(geometry.dofs)))
        moments[:, [geometry.dofs.index(dof) for dof in run.measured]] = run.moments
        trials.append(
            Trial(
                name=run.name,
                time=run.time,
                muscles=geometry.muscles,
                dofs=geometry.dofs,
                excitation=np.tile(level, (len(run.time), 1)),
                mtu_length=geometry.mtu_length[rows],
                moment_arm=geometry.moment_arm[rows],
                joint_moment=moments,
                first_counted=run.first_counted,
                role=settings.role,
                kind=settings.kind,
                measured=run.measured,
                driven_by="assumed",
                joint_angle=run.angles(geometry.dofs),
            )
        )
    return tuple(trials)


def _timed(name: str, postures: MeasuredPostures, settings: DynamometerSettings, time_step: float) -> DynamometerRun:
    assert postures.time is not None
    start = postures.time[0] if settings.start is None else max(settings.start, float(postures.time[0]))
    end = postures.time[-1] if settings.end is None else min(settings.end, float(postures.time[-1]))
    count = int((end - start) / time_step + 1e-6) + 1
    if len(postures.time) < 2 or end <= start or count < 2:
        raise SignalError(
            f"Recording {name!r} lasts from {postures.time[0]:g} to {postures.time[-1]:g} s in {postures.source}, of which start "
            "and end leave "
            f"{max(0.0, end - start):g} s; at least {time_step:g} s is needed: correct them, or leave the column of time out for "
            "poses that "
            "were held."
        )
    time = start + _clock(0, count, time_step)
    labels = (*postures.coordinates, *(f"{dof}_moment" for dof in postures.measured))
    series = TimeSeries(time=postures.time, labels=labels, values=np.hstack([postures.values, postures.moments]), source=postures.source)
    values, moments = np.split(resample(series, time).values, [len(postures.coordinates)], axis=1)
    return _run(f"{name}/sweep_01", postures, values, moments, time_step, start=float(start))


def _held(name: str, postures: MeasuredPostures, values: FloatArray, moments: FloatArray, time_step: float) -> DynamometerRun:
    count = max(2, round(HELD / time_step))
    return _run(name, postures, np.tile(values, (count, 1)), np.tile(moments, (count, 1)), time_step)


def _run(
    name: str, postures: MeasuredPostures, values: FloatArray, moments: FloatArray, time_step: float, *, start: float = 0.0
) -> DynamometerRun:
    """Put the lead-in before it."""
    before = int(np.ceil(LEAD_IN / time_step - 1e-6))
    return DynamometerRun(
        name=name,
        time=start + _clock(-before, len(values), time_step),
        coordinates=postures.coordinates,
        values=np.concatenate([np.repeat(values[:1], before, axis=0), values]),
        measured=postures.measured,
        moments=np.concatenate([np.repeat(moments[:1], before, axis=0), moments]),
        first_counted=before,
    )


def _clock(first: int, end: int, time_step: float) -> FloatArray:
    return time_step * np.arange(first, end, dtype=np.float64)


def _swept(postures: MeasuredPostures) -> str:
    """Return the measured coordinate that moves most."""
    return max(postures.measured, key=lambda dof: float(np.ptp(postures.angle(dof))))


def _sweeps(postures: MeasuredPostures) -> list[tuple[FloatArray, FloatArray]]:
    """Part the rows by the posture of the other joints, sort them by angle, and take the mean where an angle was measured twice."""
    swept = postures.coordinates.index(_swept(postures))
    others = np.delete(postures.values, swept, axis=1)
    found: list[tuple[FloatArray, list[int]]] = []
    for row, posture in enumerate(others):
        rows = next((rows for first, rows in found if np.all(np.abs(posture - first) < SAME_POSTURE)), None)
        if rows is None:
            found.append((posture, [row]))
        else:
            rows.append(row)
    sweeps = []
    for _, rows in found:
        order = np.array(rows)[np.argsort(postures.values[rows, swept], kind="stable")]
        angles = postures.values[order, swept]
        same = np.concatenate([[0], np.cumsum(np.diff(angles) > SAME_ANGLE)])
        parts = [order[same == i] for i in range(same[-1] + 1)]
        sweeps.append(
            (
                np.stack([postures.values[part].mean(axis=0) for part in parts]),
                np.stack([postures.moments[part].mean(axis=0) for part in parts]),
            )
        )
    return sweeps
