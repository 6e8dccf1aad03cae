"""A recorded motion as the coordinates of a model: SI units, one exact clock, every coordinate consistent with its couplers.

Runs inside the worker process. Traps of OpenSim 4.6 it settles: a coordinate that the file lacks silently takes its default;
coordinates that depend on others by a coupler (`knee_angle_*_beta`) are in radians in a file of degrees, or the reverse, so
they are recomputed and never read; labels may be state paths (`/jointset/hip_r/hip_flexion_r/value`).
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.errors import SignalError, UnknownNameError, listed
from osim_nmscal.formats.storage import in_radians, read_storage
from osim_nmscal.opensim_tools.model_access import Coordinates
from osim_nmscal.signals import require_gapless, resample, uniform_time, zero_lag_lowpass

FloatArray = NDArray[np.float64]

# OpenSim's filter for kinematics has effective order 6. Source: InverseDynamicsTool (LowpassIIR of order 3, forwards and back).
OPENSIM_ORDER = 6
# A body's translation beyond this is in mm, not m. Source: choice; ten times a long walkway.
LARGEST_TRANSLATION = 100.0
# Times that lie this near to a uniform grid, in steps, are that grid printed with few digits. Source: ms at 240 Hz are 0.12.
ROUNDED_TIME = 0.15


def read_motion(
    source: Path | TimeSeries, coordinates: Coordinates, *, model_name: str, lowpass_cutoff: float, missing: Literal["refuse", "default"]
) -> TimeSeries:
    """Read a motion and make it one of the model: every coordinate, SI, exactly uniform time, filtered if asked for.

    Args:
        source: .mot or .sto file, or what it holds.
        coordinates: of the model.
        model_name: for messages.
        lowpass_cutoff: Hz; 0 for no filter.
        missing: what to do with a coordinate that the motion lacks.

    Returns:
        (time, coordinate), rad and m, columns in the model's order.

    Raises:
        UnknownNameError: an independent, unlocked coordinate is absent.
        SignalError: implausible unit; a gap; a cut-off above half the sampling rate.
    """
    series = read_storage(source) if isinstance(source, Path) else source
    series = in_radians(_known_columns(series, coordinates.names), coordinates.rotational)
    _require_all(series, coordinates, model_name, missing)
    _require_plausible_translations(series, coordinates)
    require_gapless(series)
    series = on_exact_clock(series)
    if lowpass_cutoff > 0:
        series = replace(series, values=zero_lag_lowpass(series.values, series.rate, lowpass_cutoff, OPENSIM_ORDER))
    return with_dependents(series, coordinates)


def on_exact_clock(series: TimeSeries) -> TimeSeries:
    """Put a series on exactly uniform times: times that were rounded are corrected, others resampled by a cubic spline."""
    if len(series.time) < 2:
        return series
    time = uniform_time(series.time)
    if len(time) == len(series.time) and np.abs(time - series.time).max() <= ROUNDED_TIME * (time[1] - time[0]):
        return replace(series, time=time)
    return resample(series, time)


def with_dependents(series: TimeSeries, coordinates: Coordinates) -> TimeSeries:
    """Return all coordinates in the model's order: those absent at their default, dependent ones from their couplers.

    Args:
        series: coordinates, rad and m.
        coordinates: of the model.
    """
    columns = {name: series.values[:, i] for i, name in enumerate(series.labels)}
    for name in coordinates.names:
        columns.setdefault(name, np.full(len(series.time), coordinates.default(name)))
    for coupler in coordinates.couplers:
        inputs = np.column_stack([columns[name] for name in coupler.independent])
        columns[coupler.dependent] = np.array([coupler.value(row) for row in inputs.tolist()])
    return replace(series, labels=coordinates.names, values=np.column_stack([columns[name] for name in coordinates.names]))


def _known_columns(series: TimeSeries, names: Sequence[str]) -> TimeSeries:
    columns: dict[str, int] = {}
    for i, label in enumerate(series.labels):
        parts = label.split("/")
        name = parts[-2] if label.startswith("/") and parts[-1] == "value" else label
        if name in names:
            columns[name] = i
    return replace(series, labels=tuple(columns), values=series.values[:, list(columns.values())])


def _require_all(series: TimeSeries, coordinates: Coordinates, model_name: str, missing: str) -> None:
    needed = [name for name in coordinates.names if name not in coordinates.dependent and name not in coordinates.locked]
    absent = [name for name in needed if name not in series.labels]
    if absent == needed:
        raise UnknownNameError(
            f"{series.source} has no column that is a coordinate of {model_name}, e.g. {needed[0]!r}; name another file."
        )
    if absent and missing == "refuse":
        raise UnknownNameError(
            f"{series.source} lacks the coordinate {listed(absent)} of {model_name}, which OpenSim would silently keep at its default; "
            "add the column, or set missing_coordinates = 'default'."
        )


def _require_plausible_translations(series: TimeSeries, coordinates: Coordinates) -> None:
    for name in set(series.labels) & set(coordinates.translational):
        largest = float(np.nanmax(np.abs(series.column(name))))
        if largest > LARGEST_TRANSLATION:
            raise SignalError(f"{series.source}: {name!r} reaches {largest:.4g} m; it looks like mm: divide the column by 1000.")
