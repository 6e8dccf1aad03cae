"""Marker trajectories in .trc files.

Source: the format of Motion Analysis, as OpenSim 4.6 reads it. Read as well: a time column called "Times", stray tabs and blanks
in every header line, marker names with blanks, no blank line before the data, a byte-order mark, decimal commas, rows whose
trailing blank cells were cut off. Millimetres, centimetres and inches become metres here.
Departures: a blank, NaN or (0, 0, 0) is a marker that was not seen (OpenSim takes the origin for a position); a header whose
unit cannot be right is an error, and so is one whose names cannot belong to the columns below them: markers would shift.
"""

import logging
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.time_series import MarkerTrajectories
from osim_nmscal.errors import FileFormatError
from osim_nmscal.formats.once import once
from osim_nmscal.formats.table_end import require_declared_rows, require_whole_last_number, whole_number
from osim_nmscal.formats.text_files import is_number, numbers, read_text, require_increasing, write_text_atomically

FloatArray = NDArray[np.float64]

METRES: dict[str, float] = {
    "mm": 1e-3,
    "millimeters": 1e-3,
    "millimetres": 1e-3,
    "cm": 1e-2,
    "centimeters": 1e-2,
    "centimetres": 1e-2,
    "m": 1.0,
    "meters": 1.0,
    "metres": 1.0,
    "in": 0.0254,
    "inches": 0.0254,
}
# Markers of one person lie further apart than the first and nearer than the second, m. Source: choice; a head-to-heel
# distance is about 1.7 m, three markers of one forearm 0.1 m, a run through a laboratory 15 m.
PLAUSIBLE_EXTENT = (0.02, 100.0)
# Header and time column may differ by this share of the rate before it is said. Source: choice.
RATE_TOLERANCE = 0.01

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class _Header:
    values: dict[str, str]  # lower-case key of line 2 -> value of line 3
    names: list[str]
    data: int  # index of the first line of data


@once
def read_trc(path: Path | str) -> MarkerTrajectories:
    """Read a .trc file.

    Args:
        path: the file.

    Returns:
        Positions in m, NaN where a marker was not seen.

    Raises:
        FileFormatError: missing, truncated or malformed, or of a unit that cannot be right; names file, line and value.

    Example:
        >>> _ = write_trc("static.trc", MarkerTrajectories(time=time, markers=("heel", "toe"), positions=np.full((len(time), 2, 3), 0.25)))
        >>> seen = read_trc("static.trc")
        >>> seen.markers, seen.positions[0, 0]
        (('heel', 'toe'), array([0.25, 0.25, 0.25]))
    """
    path = Path(path)
    text = read_text(path)
    lines = text.split("\n")
    header = _read_header(lines, path)
    scale = _metres_per_unit(header, path)
    cells, line_numbers = _read_rows(lines, header, path, cut=not text.endswith("\n"))
    require_whole_last_number(text, [row[-1] for row in cells], path, line_numbers[-1])
    labels = _labels(header)
    rows = np.vstack([numbers(row, path, line, labels) for row, line in zip(cells, line_numbers, strict=True)])
    time = rows[:, 1].copy()
    require_increasing(time, line_numbers, path)
    require_declared_rows(_declared(header.values, "NumFrames", path), time, len(labels), path, "NumFrames")
    positions = rows[:, 2:].reshape(len(rows), len(header.names), 3) * scale
    positions[np.isnan(positions).any(axis=2) | (positions == 0).all(axis=2)] = np.nan
    if positions.size and np.isnan(positions).all():
        raise FileFormatError(f"{path}: no marker was seen in any frame (blank, NaN or 0 0 0 throughout); export it again.")
    require_plausible_extent(positions, path, f"its header says Units {header.values['units']}")
    _report_rate(header, time, path)
    return MarkerTrajectories(time=time, markers=tuple(header.names), positions=positions, source=str(path))


def write_trc(path: Path | str, markers: MarkerTrajectories) -> Path:
    """Write a .trc file in mm, all of it or nothing of it; an unseen marker is NaN.

    A blank would do for most readers, but OpenSim refuses one in the last column (measured with 4.6). A number that came from
    a file in mm is written as it was there: one last bit moves OpenSim's inverse kinematics by 0.1 degrees.

    Args:
        path: the file; its folder is made.
        markers: uniformly sampled trajectories, m.

    Returns:
        The path.

    Example:
        >>> seen = MarkerTrajectories(time=time, markers=("heel",), positions=np.full((len(time), 1, 3), 0.25))
        >>> write_trc("static.trc", seen).name
        'static.trc'
    """
    path = Path(path)
    count = len(markers.time)
    rate = (count - 1) / (markers.time[-1] - markers.time[0]) if count > 1 else 100.0
    rate_text = f"{rate:.6g}"
    names = "\t\t\t".join(markers.markers)
    axes = "\t".join(f"{axis}{i + 1}" for i in range(len(markers.markers)) for axis in "XYZ")
    header = [
        f"PathFileType\t4\t(X/Y/Z)\t{path.name}",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
        f"{rate_text}\t{rate_text}\t{count}\t{len(markers.markers)}\tmm\t{rate_text}\t1\t{count}",
        f"Frame#\tTime\t{names}\t\t",
        f"\t\t{axes}",
        "",
    ]
    millimetres = np.where(np.isnan(markers.positions).any(axis=2, keepdims=True), np.nan, markers.positions * 1e3).reshape(count, -1)
    rows = [
        "\t".join([str(frame), repr(time), *("NaN" if value != value else _as_it_was(value) for value in row)])
        for frame, (time, row) in enumerate(zip(markers.time.tolist(), millimetres.tolist(), strict=True), start=1)
    ]
    return write_text_atomically(path, "\n".join(header + rows) + "\n")


def _as_it_was(millimetres: float) -> str:
    """Print a number without the last bits that mm -> m -> mm has moved, if it then is a decimal of 13 digits."""
    decimal = float(f"{millimetres:.13g}")
    return repr(decimal if abs(decimal - millimetres) <= 6e-16 * abs(millimetres) else millimetres)


def require_plausible_extent(positions: FloatArray, path: Path, unit: str) -> None:
    """Refuse positions that are metres taken for millimetres, or the reverse.

    Args:
        positions: (time, marker, 3), m.
        path: file, for the message.
        unit: what the file says of its unit, a half-sentence for the message.

    Raises:
        FileFormatError: names file, unit and extent.
    """
    seen = positions[~np.isnan(positions).any(axis=2)]
    if len(seen) == 0 or positions.shape[1] < 3:
        return
    extent = float(np.ptp(seen, axis=0).max())
    smallest, largest = PLAUSIBLE_EXTENT
    if not smallest <= extent <= largest:
        raise FileFormatError(
            f"{path}: the markers span {extent:.3g} m, expected {smallest:g} to {largest:g} m, but {unit}; correct the unit (mm or m)."
        )


def _read_header(lines: list[str], path: Path) -> _Header:
    if not lines[0].lstrip().lower().startswith("pathfiletype"):
        raise FileFormatError(f"{path}, line 1: it starts with {lines[0][:30]!r}, expected 'PathFileType' of a .trc file; check the file.")
    names_at = next((i for i, line in enumerate(lines[:12]) if line.lstrip().lower().startswith("frame")), None)
    if names_at is None or names_at < 3:
        raise FileFormatError(f"{path} has no line that starts with 'Frame#' after its header, expected in line 4; export it again.")
    values = dict(zip((key.lower() for key in lines[1].split()), lines[2].split(), strict=False))
    cells = [cell.strip() for cell in lines[names_at].split("\t")]
    if len(cells) < 3 or cells[1].lower() not in ("time", "times"):
        found = cells[1] if len(cells) > 1 else ""
        raise FileFormatError(
            f"{path}, line {names_at + 1}: the second column is {found[:40]!r}, expected 'Time'; correct the line of marker names."
        )
    names = _names(cells, path, names_at + 1)
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice:
        raise FileFormatError(f"{path}, line {names_at + 1}: marker {twice[:40]!r} occurs more than once; rename or remove one.")
    data = next((i for i in range(names_at + 1, len(lines)) if _starts_with_number(lines[i])), None)
    if data is None:
        raise FileFormatError(f"{path} has no frame after line {names_at + 1}; export it again.")
    declared = _declared(values, "NumMarkers", path)
    if declared is not None and declared < len(names):
        raise FileFormatError(
            f"{path}, line {names_at + 1}: {len(names)} markers are named, the last {names[-1][:40]!r}, and {declared} declared; "
            "remove what is no marker, or correct NumMarkers."
        )
    if declared is not None and declared > len(names):
        _log.warning("%s declares %d markers and names %d; the names are believed.", path, declared, len(names))
    return _Header(values=values, names=names, data=data)


def _declared(values: dict[str, str], key: str, path: Path) -> int | None:
    """Return what line 3 declares; None where that is no count."""
    text = values.get(key.lower(), "")
    if not text.isdigit():
        return None
    count = whole_number(text)
    if count is None:
        raise FileFormatError(f"{path}, line 3: {key} is {text[:40]!r}, expected a whole number; correct the header.")
    return count


def _names(cells: list[str], path: Path, line: int) -> list[str]:
    """Return the markers' names: one per three cells; a nameless marker would shift all behind it."""
    found = [i for i, cell in enumerate(cells) if cell and i >= 2]
    if all((i - 2) % 3 == 0 for i in found) and found != list(range(2, 2 + 3 * len(found), 3)):
        empty = next(i for i in range(2, found[-1], 3) if not cells[i])
        raise FileFormatError(f"{path}, line {line}: marker {(empty - 2) // 3 + 1} has no name; give it one.")
    return [cells[i] for i in found]


def _labels(header: _Header) -> list[str]:
    return ["Frame#", "Time", *(f"{name} {axis}" for name in header.names for axis in "XYZ")]


def _starts_with_number(line: str) -> bool:
    cells = line.split()
    return bool(cells) and is_number(cells[0])


def _metres_per_unit(header: _Header, path: Path) -> float:
    unit = header.values.get("units", "").lower()
    if unit not in METRES:
        raise FileFormatError(f"{path}, line 3: Units is {unit[:40]!r}, expected mm, cm, m or in; correct the header.")
    return METRES[unit]


def _read_rows(lines: list[str], header: _Header, path: Path, *, cut: bool) -> tuple[list[list[str]], list[int]]:
    labels = _labels(header)
    last = max(i for i in range(header.data, len(lines)) if lines[i].strip())
    rows: list[list[str]] = []
    line_numbers: list[int] = []
    for index in range(header.data, last + 1):
        if not lines[index].strip():
            continue
        cells = lines[index].split("\t") if "\t" in lines[index] else lines[index].split()
        while len(cells) > len(labels) and not cells[-1].strip():
            cells.pop()
        missing = len(labels) - len(cells)
        if missing < 0 or missing % 3 or len(cells) < 2 or (missing and index == last and cut):
            hint = "the file is truncated: export it again" if index == last and missing > 0 else "correct the line"
            raise FileFormatError(
                f"{path}, line {index + 1}: {len(cells)} values for {len(header.names)} markers (expected {len(labels)}); {hint}."
            )
        rows.append([*cells, *[""] * missing])
        line_numbers.append(index + 1)
    return rows, line_numbers


def _report_rate(header: _Header, time: FloatArray, path: Path) -> None:
    declared = header.values.get("datarate", "").replace(",", ".")
    if len(time) < 2 or not re.fullmatch(r"[0-9.]*[0-9][0-9.]*", declared) or declared.count(".") > 1:
        return
    rate = (len(time) - 1) / (time[-1] - time[0])
    if abs(rate - float(declared)) > RATE_TOLERANCE * rate:
        _log.warning("%s declares %s Hz, but its time column has %.6g Hz; the time column is believed.", path, declared, rate)
