"""OpenSim's storage files, .sto and .mot: labelled columns over time.

Source: the format that OpenSim 4.6 reads and writes (Storage.cpp), checked against `opensim.Storage`. Read as well: SIMM motion
headers (`datacolumns`, `datarows`; degrees unless they say otherwise, as in OpenSim), headers without row counts, byte-order
marks, decimal commas, labels with leading or inner blanks, trailing tabs, a column written twice.
Departures: what OpenSim takes without a word is an error here: fewer or more rows than declared (OpenSim reads the
declared number only) unless that is a known habit (see `table_end`), a time that does not increase, a file that ends inside a
number. And NaN is read as NaN, where OpenSim's Storage stops reading.
"""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.errors import FileFormatError, SignalError
from osim_nmscal.formats.once import once
from osim_nmscal.formats.table_end import require_declared_rows, require_full_row, require_whole_last_number, whole_number
from osim_nmscal.formats.text_files import numbers, read_text, require_finite, require_increasing, write_text_atomically

FloatArray = NDArray[np.float64]

# An angle beyond this many radians (six turns) is one in degrees; a moving person's angles that all stay within
# pi "degrees" while moving by more than 0.2 of them are radians. Source: choice.
LARGEST_RADIANS = 12 * np.pi
SMALLEST_DEGREES = np.pi
SMALLEST_MOTION = 0.2

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class _Header:
    rows: int | None
    columns: int | None
    in_degrees: bool
    end: int  # index of the line after `endheader`


@once
def read_storage(path: Path | str) -> TimeSeries:
    """Read a .sto or .mot file.

    Args:
        path: the file.

    Returns:
        Its columns; rotational ones are still in degrees where `in_degrees` says so (see `in_radians`).

    Raises:
        FileFormatError: missing, truncated or malformed; names file, line, value and what to change.

    Example:
        >>> _ = write_storage("id.sto", TimeSeries(time=time, labels=("knee_moment",), values=trial.joint_moment), header_name="Moments")
        >>> moments = read_storage("id.sto")
        >>> moments.labels, float(moments.rate), moments.in_degrees
        (('knee_moment',), 100.0, False)
    """
    path = Path(path)
    text = read_text(path)
    lines = text.split("\n")
    header = _read_header(lines, path)
    first = next((i for i in range(header.end, len(lines)) if lines[i].strip()), None)
    if first is None:
        raise FileFormatError(f"{path} ends after its header; expected a line of column labels. Export it again.")
    labels = split_cells(lines[first])
    if labels[0].lower() != "time":
        raise FileFormatError(f"{path}, line {first + 1}: the first column is {labels[0][:40]!r}, expected 'time'; rename or add it.")
    rows, line_numbers = _read_rows(lines, first + 1, labels, path)
    require_whole_last_number(text, [cells[-1] for cells in rows], path, line_numbers[-1])
    values = np.vstack([numbers(cells, path, line, labels) for cells, line in zip(rows, line_numbers, strict=True)])
    require_increasing(values[:, 0], line_numbers, path)
    _require_declared(header, values, path)
    labels, values = drop_repeated_columns(labels, values, path, first + 1)
    return TimeSeries(
        time=values[:, 0].copy(), labels=tuple(labels[1:]), values=values[:, 1:].copy(), source=str(path), in_degrees=header.in_degrees
    )


def write_storage(path: Path | str, series: TimeSeries, *, header_name: str) -> Path:
    """Write a .sto or .mot file with every digit, all of it or nothing of it.

    Args:
        path: the file; its folder is made.
        series: what to write; `in_degrees` goes into the header as it is.
        header_name: the first line, e.g. "Coordinates" or "Inverse Dynamics Generalized Forces".

    Returns:
        The path.

    Raises:
        SignalError: a value is not finite (OpenSim would silently read only the rows before it).

    Example:
        >>> series = TimeSeries(time=time, labels=("knee",), values=trial.joint_moment)
        >>> write_storage("moments/id.sto", series, header_name="Moments").read_text().splitlines()[0]
        'Moments'
    """
    path = Path(path)
    require_finite(series.values, series.time, series.labels, path)
    header = [
        header_name,
        "version=1",
        f"nRows={len(series.time)}",
        f"nColumns={len(series.labels) + 1}",
        f"inDegrees={'yes' if series.in_degrees else 'no'}",
        "endheader",
        "\t".join(("time", *series.labels)),
    ]
    table = np.column_stack([series.time, series.values])
    rows = ["\t".join(map(repr, row)) for row in table.tolist()]
    return write_text_atomically(path, "\n".join(header + rows) + "\n")


def in_radians(series: TimeSeries, rotational: Sequence[str]) -> TimeSeries:
    """Return the series with its rotational columns in radians.

    Args:
        series: coordinates as read; unchanged if its header says radians.
        rotational: the columns that are angles; those the series lacks are skipped. Coupled coordinates that OpenSim
            leaves in radians in a file of degrees (`knee_angle_*_beta`) do not belong here.

    Raises:
        SignalError: the angles cannot be in the unit that the header says.
    """
    columns = [i for i, label in enumerate(series.labels) if label in set(rotational)]
    angles = series.values[:, columns]
    if angles.size:
        _require_plausible_unit(series, columns, angles)
    if not series.in_degrees:
        return series
    values = series.values.copy()
    values[:, columns] = np.deg2rad(angles)
    return replace(series, values=values, in_degrees=False)


def split_cells(line: str) -> list[str]:
    """Split a line of labels: at tabs if there are any (labels may hold blanks), else at blanks; trailing tabs are dropped."""
    cells = [cell.strip().strip('"') for cell in line.rstrip("\n").split("\t")] if "\t" in line.strip() else line.split()
    while cells and not cells[-1]:
        cells.pop()
    return cells


def drop_repeated_columns(labels: list[str], values: FloatArray, path: Path, line: int) -> tuple[list[str], FloatArray]:
    """Drop a column that repeats another under the same label; two different ones of one label are an error.

    Raises:
        FileFormatError: names file, line and label.
    """
    kept: dict[str, int] = {}
    for column, label in enumerate(labels):
        if not label:
            raise FileFormatError(f"{path}, line {line}: column {column + 1} has no label; give it one.")
        if label not in kept:
            kept[label] = column
        elif np.array_equal(values[:, kept[label]], values[:, column], equal_nan=True):
            _log.warning("%s holds column %r twice with the same values; one is kept.", path, label)
        else:
            raise FileFormatError(f"{path}, line {line}: column {label[:40]!r} occurs twice with different values; rename or remove one.")
    if len(kept) == len(labels):
        return labels, values
    return list(kept), values[:, list(kept.values())]


def _read_header(lines: list[str], path: Path) -> _Header:
    end = next((i for i, line in enumerate(lines) if line.strip().lower() == "endheader"), None)
    if end is None:
        raise FileFormatError(
            f"{path} has no line 'endheader', expected at the end of the header of a {path.suffix} file; export it again."
        )
    found: dict[str, str] = {}
    simm = False
    in_degrees: bool | None = None
    for number, line in enumerate(lines[:end], start=1):
        text = line.strip()
        if match := re.match(r"angles are in (degrees|radians)", text, re.IGNORECASE):
            in_degrees = match[1].lower() == "degrees" if in_degrees is None else in_degrees
        match = re.match(r"(nrows|ncolumns|datarows|datacolumns|indegrees)\s*[=\s]\s*(\S+)", text, re.IGNORECASE)
        if match is None:
            continue
        key, value = match[1].lower(), match[2].lower()
        if key == "indegrees":
            in_degrees = _yes_or_no(value, path, number)
            continue
        simm |= key.startswith("data")
        if whole_number(value) is None:
            raise FileFormatError(
                f"{path}, line {number}: {match[1]} is {match[2][:40]!r}, expected a whole number; correct or remove the line."
            )
        found[key.removeprefix("n").removeprefix("data")] = value
    rows, columns = found.get("rows"), found.get("columns")
    return _Header(
        rows=int(rows) if rows else None,
        columns=int(columns) if columns else None,
        in_degrees=simm if in_degrees is None else in_degrees,  # OpenSim 4.6: "assuming rotations in Degrees" for SIMM headers only
        end=end + 1,
    )


def _yes_or_no(value: str, path: Path, line: int) -> bool:
    if value not in ("yes", "no", "true", "false", "1", "0"):
        raise FileFormatError(f"{path}, line {line}: inDegrees is {value[:40]!r}, expected yes or no.")
    return value in ("yes", "true", "1")


def _read_rows(lines: list[str], start: int, labels: list[str], path: Path) -> tuple[list[list[str]], list[int]]:
    last = max((i for i in range(start, len(lines)) if lines[i].strip()), default=start - 1)
    rows: list[list[str]] = []
    line_numbers: list[int] = []
    for index in range(start, last + 1):
        if not lines[index].strip():
            continue
        cells = lines[index].split()
        if len(cells) != len(labels):
            cells = _cells_with_blanks(lines[index], len(labels))
        require_full_row(cells, labels, path, index + 1, last=index == last)
        rows.append(cells)
        line_numbers.append(index + 1)
    if not rows:
        raise FileFormatError(f"{path} has no row of data after line {start}; export it again.")
    return rows, line_numbers


def _cells_with_blanks(line: str, expected: int) -> list[str]:
    cells = line.split("\t")
    while len(cells) > expected and not cells[-1].strip():
        cells.pop()
    return cells if "\t" in line else line.split()


def _require_declared(header: _Header, values: FloatArray, path: Path) -> None:
    columns = values.shape[1]
    require_declared_rows(header.rows, values[:, 0], columns, path, "nRows")
    if header.columns is not None and columns != header.columns:
        _log.warning("%s declares %d columns and has %d; the labels are believed.", path, header.columns, columns)


def _require_plausible_unit(series: TimeSeries, columns: list[int], angles: FloatArray) -> None:
    seen = [i for i, values in enumerate(angles.T) if np.isfinite(values).any()]  # a column of gaps is for others to refuse
    if not seen:
        return
    columns, angles = [columns[i] for i in seen], angles[:, seen]
    largest = np.nanmax(np.abs(angles), axis=0)
    worst = int(largest.argmax())
    name = series.labels[columns[worst]]
    if not series.in_degrees and largest[worst] > LARGEST_RADIANS:
        raise SignalError(
            f"{series.source}: {name!r} reaches {largest[worst]:.4g}, too much for radians, but its header does not say inDegrees=yes; "
            "correct the header."
        )
    moves = float(np.nanmax(np.nanmax(angles, axis=0) - np.nanmin(angles, axis=0)))
    if series.in_degrees and largest[worst] < SMALLEST_DEGREES and moves > SMALLEST_MOTION:
        raise SignalError(
            f"{series.source}: no angle exceeds {largest[worst]:.4g} ({name!r}) although its header says degrees; these look like radians: "
            "set inDegrees=no in the header."
        )
