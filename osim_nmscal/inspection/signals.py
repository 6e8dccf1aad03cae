"""Facts about labelled columns and markers: clock, gaps, ranges, and a guess of what they are and in which unit.

Guesses are made from labels first, then from rate and values; a guess is said to be one wherever it is shown.
"""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.time_series import MarkerTrajectories, TimeSeries
from osim_nmscal.inspection.axes import guess_axes
from osim_nmscal.inspection.facts import Clock, ColumnFacts, Content, MarkerFacts, MarkerSetFacts, TableFacts
from osim_nmscal.inspection.plates import plate_columns

FloatArray = NDArray[np.float64]

# Raw EMG is sampled faster, Hz. Source: choice; De Luca (1997) asks for 1000 Hz.
RAW_EMG_RATE = 400.0
# Raw EMG crosses its median more often per second than any envelope, whose cut-off is 3 to 10 Hz. Source: choice.
CROSSINGS = 40.0
_PLATE_CHANNEL = re.compile(r"^(force|moment|cop|f[xyz]|m[xyz]|fp\d|plate)", re.IGNORECASE)
_UNUSED_CHANNEL = re.compile(r"pin \d|not.?used|sync|trigger|footswitch", re.IGNORECASE)
_EMG_WORD = re.compile(r"emg|voltage|soleus|gastr|vast|rect|bicep|tricep|tibialis|delt|semi|glut|hamstr", re.IGNORECASE)


def clock_of(time: FloatArray) -> Clock:
    """Describe a time axis, (time,), s."""
    span = float(time[-1] - time[0])
    return Clock(
        samples=len(time),
        start=float(time[0]),
        end=float(time[-1]),
        rate=1.0 / float(np.median(np.diff(time))) if len(time) > 1 and span > 0 else 0.0,
        longest_step=float(np.diff(time).max()) if len(time) > 1 else 0.0,
    )


def table_facts(series: TimeSeries) -> TableFacts:
    """Describe labelled columns."""
    clock = clock_of(series.time)
    content = guess_content(series, clock)
    columns = tuple(_column(label, series.values[:, i]) for i, label in enumerate(series.labels))
    return TableFacts(content=content, unit=_unit(content, series), clock=clock, columns=columns)


def emg_channels(labels: Sequence[str]) -> tuple[str, ...]:
    """Return the labels that may be EMG: no force plate's channel, and nothing that calls itself unused."""
    possible = [label for label in labels if not _PLATE_CHANNEL.match(label) and not _UNUSED_CHANNEL.search(label)]
    called = [label for label in possible if re.search(r"emg|voltage", label, re.IGNORECASE)]
    return tuple(called or possible)


def guess_content(series: TimeSeries, clock: Clock) -> Content:
    """Guess what the columns are, from labels, rate and values."""
    if plate_columns(series.labels):
        return "ground reaction forces"
    if any(label.endswith(("_moment", "_force")) for label in series.labels):
        return "joint moments"
    whole = np.asarray(np.isfinite(series.values).all(axis=1))
    values = series.values[whole]
    coordinates = any(re.search(r"(flexion|angle|rotation|adduction|tilt|_tx|_ty|_elv|deviation)", label) for label in series.labels)
    if coordinates or series.in_degrees:
        return "joint angles"
    if not values.size:
        return "columns"
    above = np.asarray(values > np.median(values, axis=0))
    crossings = np.median((above[1:] != above[:-1]).sum(axis=0)) / max(clock.end - clock.start, 1e-9)
    if clock.rate >= RAW_EMG_RATE and crossings > CROSSINGS:
        return "raw EMG"
    if float((values < 0).mean()) < 0.01 and (values.max() <= 1.5 or any(_EMG_WORD.search(label) for label in series.labels)):
        return "EMG envelopes"
    return "columns"


def marker_facts(markers: MarkerTrajectories, force: FloatArray | None = None) -> MarkerSetFacts:
    """Describe marker trajectories in the laboratory's axes.

    Args:
        markers: as recorded, not turned.
        force: (3,), N, mean force on the person while plates were loaded, in the same axes; None if there is none.
    """
    clock = clock_of(markers.time)
    seen = np.asarray(~np.isnan(markers.positions).any(axis=2))
    axes = guess_axes(markers.positions, markers.markers, force)
    height = travel = float("nan")
    if axes is not None:
        up = "xyz".index(axes.axes.split()[1][-1])
        height = float(np.ptp(markers.positions[..., up][seen]))
        centre = np.nanmedian(markers.positions[seen.any(axis=1)], axis=1)
        travel = float(np.linalg.norm(np.delete(centre[-1] - centre[0], up)))
    return MarkerSetFacts(
        clock=clock,
        markers=tuple(_marker(name, seen[:, i], clock) for i, name in enumerate(markers.markers)),
        height=height,
        travel=travel,
        axes=axes,
    )


def _marker(name: str, seen: NDArray[np.bool_], clock: Clock) -> MarkerFacts:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], ~seen, [False]]).astype(int)))
    lengths = edges[1::2] - edges[::2]
    longest = float(lengths.max()) / clock.rate if len(lengths) and clock.rate else 0.0
    return MarkerFacts(name=name, seen=float(seen.mean()), gaps=len(lengths), longest_gap=longest)


def _column(label: str, values: FloatArray) -> ColumnFacts:
    known = values[np.isfinite(values)]
    lowest, highest = (float(known.min()), float(known.max())) if len(known) else (float("nan"), float("nan"))
    return ColumnFacts(label=label, lowest=lowest, highest=highest, missing=int(len(values) - len(known)))


def _unit(content: Content, series: TimeSeries) -> str:
    known = np.abs(series.values[np.isfinite(series.values)]) if series.values.size else np.zeros(0)
    largest = float(known.max()) if len(known) else 0.0
    match content:
        case "ground reaction forces":
            return "N, m and N·m"
        case "joint moments":
            return "N·m" if largest > 5 else "N·m, or N·m per kg by their size"
        case "joint angles":
            return "degrees (header)" if series.in_degrees else "radians (header)"
        case "raw EMG":
            return f"{'V' if largest < 0.05 else 'V or mV' if largest < 20 else 'µV or counts'} (peak {largest:.3g})"
        case "EMG envelopes":
            return f"{'share of the maximum' if largest <= 1.5 else 'percent or not normalized'} (peak {largest:.3g})"
    return f"not told (largest value {largest:.3g})"
