"""Sampled signals: labelled columns, and marker trajectories."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.errors import SignalError, UnknownNameError, did_you_mean, listed_in

FloatArray = NDArray[np.float64]


def _require_increasing(time: FloatArray, source: str) -> None:
    if time.ndim != 1 or len(time) == 0:
        raise SignalError(f"{source}: it has no time samples; expected at least one row.")
    if not np.isfinite(time).all():
        raise SignalError(f"{source}: the time column holds a non-finite value in row {int(np.flatnonzero(~np.isfinite(time))[0])}.")
    steps = np.diff(time)
    if (steps <= 0).any():
        row = int(np.flatnonzero(steps <= 0)[0])
        raise SignalError(
            f"{source}: time does not increase from row {row} ({time[row]:g} s) to row {row + 1} ({time[row + 1]:g} s); "
            "remove repeated or reordered rows."
        )


@dataclass(frozen=True, kw_only=True)
class TimeSeries:
    """Labelled columns over one time axis.

    Example:
        >>> angles = TimeSeries(time=time, labels=("hip", "knee"), values=np.stack([swing, -swing], axis=1), source="ik.mot")
        >>> float(angles.rate), angles.between(0.2, 0.4).column("knee").shape
        (100.0, (21,))
        >>> angles.column("kne")
        Traceback (most recent call last):
            ...
        osim_nmscal.errors.UnknownNameError: ik.mot has no column 'kne'. Did you mean 'knee'? It has: hip, knee.
    """

    time: FloatArray  # (time,), s, strictly increasing
    labels: tuple[str, ...]
    values: FloatArray  # (time, label), SI units unless in_degrees
    source: str = "signal"  # file or station it came from, for messages
    in_degrees: bool = False  # header flag inDegrees=yes: rotational columns still are in degrees

    def __post_init__(self) -> None:
        _require_increasing(self.time, self.source)
        if self.values.shape != (len(self.time), len(self.labels)):
            raise SignalError(
                f"{self.source}: values have shape {self.values.shape}, expected (time, label) = ({len(self.time)}, {len(self.labels)})."
            )
        if len(set(self.labels)) != len(self.labels):
            twice = sorted({label for label in self.labels if self.labels.count(label) > 1})
            raise SignalError(f"{self.source}: column {twice[0]!r} occurs more than once; rename or remove one.")

    @property
    def rate(self) -> float:
        """Mean sampling rate, Hz."""
        return (len(self.time) - 1) / (self.time[-1] - self.time[0]) if len(self.time) > 1 else 0.0

    def index(self, label: str) -> int:
        """Return the position of a column; an unknown label is an error that offers the nearest one."""
        try:
            return self.labels.index(label)
        except ValueError:
            raise UnknownNameError(
                f"{self.source} has no column {label!r}.{did_you_mean(label, self.labels)} It has: {listed_in(self.labels, self.source)}."
            ) from None

    def column(self, label: str) -> FloatArray:
        """Return one column, (time,)."""
        return self.values[:, self.index(label)]

    def select(self, labels: Sequence[str]) -> "TimeSeries":
        """Return the named columns, in that order."""
        return replace(self, labels=tuple(labels), values=self.values[:, [self.index(label) for label in labels]])

    def between(self, start: float, end: float) -> "TimeSeries":
        """Return the rows with start <= time <= end, s; none is an error."""
        inside = (self.time >= start - 1e-9) & (self.time <= end + 1e-9)
        if not inside.any():
            raise SignalError(
                f"{self.source} has no sample between {start:g} and {end:g} s; it runs {self.time[0]:g} to {self.time[-1]:g} s."
            )
        return replace(self, time=self.time[inside], values=self.values[inside])


@dataclass(frozen=True, kw_only=True)
class MarkerTrajectories:
    """Marker positions of one recording in the laboratory frame.

    Example:
        >>> MarkerTrajectories(time=time, markers=("heel",), positions=np.zeros((len(time), 1, 3))).markers
        ('heel',)
    """

    time: FloatArray  # (time,), s
    markers: tuple[str, ...]
    positions: FloatArray  # (time, marker, 3), m; NaN where a marker was not seen
    source: str = "markers"

    def __post_init__(self) -> None:
        _require_increasing(self.time, self.source)
        if self.positions.shape != (len(self.time), len(self.markers), 3):
            raise SignalError(
                f"{self.source}: positions have shape {self.positions.shape}, expected (time, marker, 3) = "
                f"({len(self.time)}, {len(self.markers)}, 3)."
            )


@dataclass(frozen=True, kw_only=True)
class ForcePlateData:
    """Ground reaction forces of one recording, in the columns that an OpenSim ExternalLoads file names."""

    forces: TimeSeries  # columns <prefix>_v{x,y,z} (N), <prefix>_p{x,y,z} (m), <prefix>_m{x,y,z} (N*m)
    plates: tuple[str, ...] = field(default=())  # the prefixes, one per plate
