"""Tables of a dynamometer: coordinates, the moments measured at them, and time if the joint was moved.

A text table (.csv, .txt, .tsv) has its labels in the first line with a `..._moment`; angles in it are degrees. In .sto and .mot files the
header says. Without a column of time each row is a pose that was held.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.errors import FileFormatError, SignalError, listed
from osim_nmscal.formats.emg_table import STORAGE_SUFFIXES, TABLE_SUFFIXES, in_milliseconds, is_time, read_columns
from osim_nmscal.formats.storage import read_storage
from osim_nmscal.formats.text_files import require_increasing

FloatArray = NDArray[np.float64]

MOMENT = "_moment"


@dataclass(frozen=True, kw_only=True)
class MomentTable:
    """What a table holds, in its own units."""

    labels: tuple[str, ...]  # without time
    values: FloatArray  # (row, column), finite
    time: FloatArray | None  # (row,), s; None: every row is a pose that was held
    in_degrees: bool
    source: str

    @property
    def is_text(self) -> bool:
        """Whether it has no header that states the unit of its angles."""
        return Path(self.source).suffix.lower() in TABLE_SUFFIXES


def read_moment_table(path: Path | str) -> MomentTable:
    """Read the table of a dynamometer.

    Args:
        path: .csv, .txt, .tsv, .sto or .mot file.

    Raises:
        FileFormatError: missing, malformed or of an unknown kind; without a column of moments.
        SignalError: a cell is blank or no number; names column and line.

    Example:
        >>> _ = Path("knee.csv").write_text("knee_angle_r,knee_angle_r_moment\\n10,12.5\\n20,9.0\\n")
        >>> table = read_moment_table("knee.csv")
        >>> table.labels, table.time
        (('knee_angle_r', 'knee_angle_r_moment'), None)
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix in STORAGE_SUFFIXES:
        series = read_storage(path)
        _require_moments(series.labels, path)
        where = [f"at {time:g} s" for time in series.time]
        return _sound(
            MomentTable(labels=series.labels, values=series.values, time=series.time, in_degrees=series.in_degrees, source=str(path)), where
        )
    if suffix not in TABLE_SUFFIXES:
        raise FileFormatError(f"{path} is of an unknown kind {suffix!r}; tables are read from .csv, .txt, .tsv, .sto or .mot.")
    found = read_columns(path, lambda label: label.endswith(MOMENT), "column of moments", f"one labelled '<coordinate>{MOMENT}' (N·m)")
    clocks = [i for i, label in enumerate(found.labels) if is_time(label)]
    if len(clocks) > 1:
        raise FileFormatError(f"{path}, line {found.line}: {len(clocks)} columns of time, expected one; keep the right one.")
    if twice := sorted({label for label in found.labels if found.labels.count(label) > 1}):
        raise FileFormatError(f"{path}, line {found.line}: two columns are called {twice[0]!r}; rename or remove one.")
    time = found.values[:, clocks[0]] if clocks else None
    if time is not None:
        time = time * (1e-3 if in_milliseconds(found.labels[clocks[0]]) else 1.0)
        require_increasing(time, found.lines, path)
    others = [i for i in range(len(found.labels)) if i not in clocks]
    labels = tuple(found.labels[i] for i in others)
    table = MomentTable(labels=labels, values=found.values[:, others], time=time, in_degrees=True, source=str(path))
    return _sound(table, [f"in line {line}" for line in found.lines])


def _require_moments(labels: tuple[str, ...], path: Path) -> None:
    if not any(label.endswith(MOMENT) for label in labels):
        raise FileFormatError(
            f"{path} has no column of moments, expected one labelled '<coordinate>{MOMENT}' (N·m); it has {listed(labels)}."
        )


def _sound(table: MomentTable, where: list[str]) -> MomentTable:
    """Return the table if all of its numbers are numbers."""
    wrong = np.argwhere(~np.isfinite(table.values))
    if len(wrong):
        row, column = wrong[0]
        raise SignalError(
            f"{table.source}: column {table.labels[column]!r} has no number {where[row]} ({len(wrong)} such cells); fill it in or "
            "remove the "
            "row."
        )
    return table
