"""Sampled signals: labelled columns, and marker trajectories."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.noun import Facts, Noun, frame, listed_short
from osim_nmscal.errors import SignalError, UnknownNameError, did_you_mean, listed_in
from osim_nmscal.opensim_objects import (
    labelled_columns,
    labelled_points,
    table_of_columns,
    table_of_points,
)

if TYPE_CHECKING:
    import pandas

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


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class TimeSeries(Noun):
    """Labelled columns over one time axis.

    Example:
        >>> angles = TimeSeries(time=time, labels=("hip", "knee"), values=np.stack([swing, -swing], axis=1), source="ik.mot")
        >>> float(angles.rate), angles.between(0.2, 0.4).column("knee").shape
        (100.0, (21,))
        >>> angles
        TimeSeries(ik.mot: 100 samples, 0 to 0.99 s at 100 Hz; 2 columns: hip, knee)
        >>> list(angles), "hip" in angles, float(angles["knee"][25])
        (['hip', 'knee'], True, -1.0)
        >>> angles == TimeSeries.from_table(angles.to_table(), source="ik.mot")  # by way of an opensim.TimeSeriesTable
        True
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

    @classmethod
    def from_table(cls, table: Any, *, source: str = "") -> "TimeSeries":
        """Return what an `opensim.TimeSeriesTable` or `opensim.Storage` holds.

        Args:
            table: its metadata `inDegrees` is kept.
            source: what messages call it; default: its own name, or "table".

        Raises:
            SignalError: it is no such table, or it has no rows.
        """
        found = labelled_columns(table)
        return cls(
            time=found.time, labels=found.labels, values=found.values, source=source or found.name or "table", in_degrees=found.in_degrees
        )

    def to_table(self) -> Any:
        """Return an `opensim.TimeSeriesTable` with the same columns; this imports OpenSim."""
        return table_of_columns(self.time, self.labels, self.values, in_degrees=self.in_degrees)

    def to_frame(self) -> "pandas.DataFrame":
        """Return the columns as a table by time; needs pandas (extra `plots`)."""
        made: pandas.DataFrame = frame(self.values, index=self.time, columns=list(self.labels))
        made.index.name = "time"
        return made

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.time)

    def __iter__(self) -> Iterator[str]:
        """Yield the labels, as a table of pandas does."""
        return iter(self.labels)

    def __contains__(self, label: object) -> bool:
        return label in self.labels

    def __getitem__(self, label: str) -> FloatArray:
        return self.column(label)

    def _facts(self) -> Facts:
        degrees = ", rotations in degrees" if self.in_degrees else ""
        return (
            ("", f"{self.source}: {len(self.time)} samples, {_span(self.time)} at {self.rate:.4g} Hz{degrees}"),
            ("", f"{len(self.labels)} columns: {listed_short(self.labels)}"),
        )

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


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class MarkerTrajectories(Noun):
    """Marker positions of one recording in the laboratory frame.

    Example:
        >>> MarkerTrajectories(time=time, markers=("heel",), positions=np.zeros((len(time), 1, 3))).markers
        ('heel',)
        >>> MarkerTrajectories(time=time, markers=("heel",), positions=np.ones((len(time), 1, 3)))["heel"].shape
        (100, 3)
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

    @classmethod
    def from_table(cls, table: Any, *, source: str = "") -> "MarkerTrajectories":
        """Return what an `opensim.TimeSeriesTableVec3` of markers holds; its metadata `Units` (m, mm, cm) is heeded.

        Args:
            table: of markers.
            source: what messages call it; default "markers".

        Raises:
            SignalError: it is no such table, has no rows, or a unit of length that is not known.
        """
        found = labelled_points(table)
        return cls(time=found.time, markers=found.labels, positions=found.values, source=source or "markers")

    def to_table(self) -> Any:
        """Return an `opensim.TimeSeriesTableVec3` in m; this imports OpenSim."""
        return table_of_points(self.time, self.markers, self.positions)

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.time)

    def __iter__(self) -> Iterator[str]:
        """Yield the markers' names."""
        return iter(self.markers)

    def __contains__(self, marker: object) -> bool:
        return marker in self.markers

    def __getitem__(self, marker: str) -> FloatArray:
        """Return one marker, (time, 3), m; an unknown one is an error that offers the nearest one."""
        if marker not in self.markers:
            raise UnknownNameError(f"{self.source} has no marker {marker!r}.{did_you_mean(marker, self.markers)}")
        return self.positions[:, self.markers.index(marker)]

    def _facts(self) -> Facts:
        return (
            ("", f"{self.source}: {len(self.time)} frames, {_span(self.time)}"),
            ("", f"{len(self.markers)} markers: {listed_short(self.markers)}"),
        )


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ForcePlateData(Noun):
    """Ground reaction forces of one recording, in the columns that an OpenSim ExternalLoads file names."""

    forces: TimeSeries  # columns <prefix>_v{x,y,z} (N), <prefix>_p{x,y,z} (m), <prefix>_m{x,y,z} (N*m)
    plates: tuple[str, ...] = field(default=())  # the prefixes, one per plate

    def _facts(self) -> Facts:
        return (("", f"{len(self.plates)} plates: {listed_short(self.plates)}"), ("", f"{len(self.forces)} samples"))


def _span(time: FloatArray) -> str:
    return f"{time[0]:.4g} to {time[-1]:.4g} s"
