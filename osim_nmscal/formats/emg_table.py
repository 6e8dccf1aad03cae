"""EMG recordings, raw or envelopes, from .sto, .mot, .csv, .txt, .tsv or .c3d.

In a text table one column is the time ("time", "Time (s)", "t [ms]", ...); lines before the labels and a line of units after them
are skipped, but numbers above the labels are an error: they would be lost. The separator is found in the line of labels: tab,
semicolon, comma, or blanks; decimal commas are read where the comma is not the separator. Volts, millivolts or counts stay as they
are: normalization removes the unit.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.errors import FileFormatError
from osim_nmscal.formats.c3d import read_c3d
from osim_nmscal.formats.once import once
from osim_nmscal.formats.storage import drop_repeated_columns, read_storage
from osim_nmscal.formats.table_end import require_full_row, require_whole_last_number
from osim_nmscal.formats.text_files import is_number, numbers, read_text, require_increasing

FloatArray = NDArray[np.float64]

STORAGE_SUFFIXES = (".sto", ".mot")
TABLE_SUFFIXES = (".csv", ".txt", ".tsv")
# "time", "Time (s)", "t[ms]", "time_s", "X[s]" (Delsys), with the unit as second group.
TIME_LABEL = re.compile(r"^(?:time|zeit|temps|tempo|t|x)[\s_]*(?:[\[(]?\s*(s|sec|seconds|ms|milliseconds)\s*[\])]?)?$", re.IGNORECASE)
# Labels are looked for in this many lines at the top of a table.
HEADER_LINES = 60


def read_emg(path: Path | str, channels: Sequence[str] | None = None) -> TimeSeries:
    """Read the EMG channels of one recording.

    Args:
        path: a .sto, .mot, .csv, .txt, .tsv or .c3d file.
        channels: the columns to keep, in this order; default all (in a c3d: every analog channel).

    Returns:
        The channels at their own rate, unit as recorded.

    Raises:
        FileFormatError: missing, truncated, malformed, or of an unknown kind; names file, line and value.
        UnknownNameError: a channel is not in the file; offers the nearest name.

    Example:
        >>> _ = Path("emg.csv").write_text("time,TA,SOL\\n0.000,0.1,0.3\\n0.001,0.2,0.2\\n0.002,0.1,0.1\\n")
        >>> read_emg("emg.csv", ["SOL"]).values.ravel()
        array([0.3, 0.2, 0.1])
        >>> read_emg("emg.csv", ["SOLE"])
        Traceback (most recent call last):
            ...
        osim_nmscal.errors.UnknownNameError: emg.csv has no column 'SOLE'. Did you mean 'SOL'? It has: TA, SOL.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix in STORAGE_SUFFIXES:
        series = read_storage(path)
    elif suffix in TABLE_SUFFIXES:
        series = read_table(path)
    elif suffix == ".c3d":
        series = read_c3d(path, plates=False).analog
    else:
        known = ", ".join((*STORAGE_SUFFIXES, *TABLE_SUFFIXES, ".c3d"))
        raise FileFormatError(f"{path} is of an unknown kind {path.suffix!r}; EMG is read from {known}.")
    return series if channels is None else series.select(channels)


@once
def read_table(path: Path) -> TimeSeries:
    """Read a table of text: a time column and one column per channel.

    Args:
        path: the file.

    Raises:
        FileFormatError: missing or malformed; names file, line and value.
    """
    found = read_columns(path, is_time, "column of time", "one labelled 'time' (s)")
    labels, values = list(found.labels), found.values
    time_column = _time_column(labels, path, found.line)
    time = values[:, time_column] * (1e-3 if in_milliseconds(labels[time_column]) else 1.0)
    require_increasing(time, found.lines, path)
    others = [i for i in range(len(labels)) if i != time_column]
    names, kept = drop_repeated_columns([labels[i] for i in others], values[:, others], path, found.line)
    return TimeSeries(time=time, labels=tuple(names), values=np.ascontiguousarray(kept), source=str(path))


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The numbers of a table of text."""

    labels: tuple[str, ...]
    values: FloatArray  # (row, column); nan where a cell is blank or says so
    line: int  # of the labels, counted from 1
    lines: tuple[int, ...]  # of each row


def is_time(label: str) -> bool:
    """Tell whether a label means time."""
    return TIME_LABEL.match(label) is not None


def in_milliseconds(label: str) -> bool:
    """Tell whether a label of time says that it counts milliseconds."""
    found = TIME_LABEL.match(label)
    return found is not None and (found[1] or "").lower().startswith("m")


def read_columns(path: Path, wanted: Callable[[str], bool], what: str, example: str) -> Columns:
    """Read a table of text whose line of labels is the first with a wanted label in it.

    Args:
        path: the file.
        wanted: tells such a label.
        what: it is, and an example, for the message.
        example: of such a label.

    Raises:
        FileFormatError: missing or malformed; names file, line and value.
    """
    text = read_text(path)
    lines = text.split("\n")
    at, separator = _find_labels(lines, path, wanted, what, example)
    labels = [_bare(cell) for cell in _split(lines[at], separator)]
    while labels and not labels[-1]:
        labels.pop()
    _require_nothing_above(lines[:at], separator, labels, path)
    rows, line_numbers = _read_rows(lines, at + 1, separator, labels, path)
    require_whole_last_number(text, [cells[-1] for cells in rows], path, line_numbers[-1])
    values = np.vstack([numbers(cells, path, line, labels) for cells, line in zip(rows, line_numbers, strict=True)])
    return Columns(labels=tuple(labels), values=values, line=at + 1, lines=tuple(line_numbers))


def _bare(cell: str) -> str:
    return cell.strip().strip('"')


def _find_labels(lines: list[str], path: Path, wanted: Callable[[str], bool], what: str, example: str) -> tuple[int, str]:
    """Return the index of the line of labels, and the separator: it is the first line with a wanted label in it."""
    for index, line in enumerate(lines[:HEADER_LINES]):
        for separator in ("\t", ";", ",", ""):
            cells = _split(line, separator)
            if len(cells) > 1 and any(wanted(_bare(cell)) for cell in cells) and not all(map(is_number, cells)):
                return index, separator
    raise FileFormatError(f"{path} has no {what} in its first {min(HEADER_LINES, len(lines))} lines, expected {example}; add it.")


def _require_nothing_above(lines: list[str], separator: str, labels: list[str], path: Path) -> None:
    """Refuse a row of data above the labels: one number per label."""
    for number, line in enumerate(lines, start=1):
        cells = _split(line.rstrip(" \t,;"), separator)
        if len(cells) == len(labels) > 1 and all(cell.strip() and is_number(cell) for cell in cells):
            raise FileFormatError(
                f"{path}, line {number}: a row of {len(cells)} numbers lies above the labels (line {len(lines) + 1}), where it would be "
                "lost; put the labels first, or remove the row."
            )


def _split(line: str, separator: str) -> list[str]:
    return line.split(separator) if separator else line.split()


def _time_column(labels: list[str], path: Path, line: int) -> int:
    found = [i for i, label in enumerate(labels) if is_time(label)]
    if len(found) > 1:
        raise FileFormatError(
            f"{path}, line {line}: {len(found)} columns of time ({labels[found[0]]!r}, {labels[found[1]]!r}, ...), expected one; "
            "export all channels on one clock."
        )
    return found[0]


def _read_rows(lines: list[str], start: int, separator: str, labels: list[str], path: Path) -> tuple[list[list[str]], list[int]]:
    last = max((i for i in range(start, len(lines)) if lines[i].strip(" \t,;")), default=start - 1)
    rows: list[list[str]] = []
    line_numbers: list[int] = []
    for index in range(start, last + 1):
        if not lines[index].strip():
            continue
        cells = _split(lines[index], separator)
        while len(cells) > len(labels) and not cells[-1].strip():
            cells.pop()
        if not rows and not any(is_number(cell) and cell.strip() for cell in cells):
            continue  # a line of units
        require_full_row(cells, labels, path, index + 1, last=index == last)
        rows.append(cells)
        line_numbers.append(index + 1)
    if not rows:
        raise FileFormatError(f"{path} has no row of data after line {start}; export it again.")
    return rows, line_numbers
