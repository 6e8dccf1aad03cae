"""Text in and out of a file, for every text format: decoding, number cells, atomic writing.

Recordings come from many programs: with a byte-order mark, in Latin-1, with decimal commas, with Windows' words for
"not a number". All of that is settled here once, so that the readers only know their own format.
"""

import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.errors import FileFormatError, SignalError

FloatArray = NDArray[np.float64]

BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
# How C libraries (Windows' among them) print what is not a number, after removing sign and `1.`.
NOT_A_NUMBER = {"nan", "#nan", "#qnan", "#snan", "#ind", "nan(ind)", "nan(snan)", "n/a", "na", "-", "--"}


def read_bytes(path: Path) -> bytes:
    """Return the bytes of a file.

    Raises:
        FileFormatError: the file is missing, a folder, empty, or may not be read.
    """
    try:
        raw = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise FileFormatError(f"{path} does not exist; check the path.") from None
    except IsADirectoryError:
        raise FileFormatError(f"{path} is a folder; name a file in it.") from None
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        if os.path.isdir(path):  # Windows says "permission denied" to reading a folder
            raise FileFormatError(f"{path} is a folder; name a file in it.") from None
        reason = error.strerror if isinstance(error, OSError) else error
        raise FileFormatError(f"{path} cannot be opened: {reason}. Check who may read it, and whether another program holds it.") from None
    if not raw.strip():
        raise FileFormatError(f"{path} is empty; export it again.")
    return raw


def read_text(path: Path) -> str:
    """Return the text of a file, whatever its byte-order mark and line ends.

    Raises:
        FileFormatError: the file is missing, a folder, empty, binary, or may not be read.
    """
    raw = read_bytes(path)
    encoding = next((name for mark, name in BYTE_ORDER_MARKS.items() if raw.startswith(mark)), None)
    if encoding is None and b"\x00" in raw[:4096]:
        raise FileFormatError(f"{path} is a binary file, expected text; check that it is what its suffix {path.suffix!r} says.")
    try:
        text = raw.decode(encoding or "utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")  # never fails: names with accents from older programs
    return text.replace("\r\n", "\n").replace("\r", "\n")


def write_text_atomically(path: Path, text: str) -> Path:
    """Write a file so that either all of it or nothing of it is there; its folder is made.

    Returns:
        The path.
    """
    return write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8", newline="\n"))


def write_atomically(path: Path, write: Callable[[Path], object]) -> Path:
    """Let `write` fill a temporary file beside `path`, then put it in place; a failure leaves nothing behind.

    Returns:
        The path.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{secrets.token_hex(4)}.{path.name}")
    try:
        write(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def is_number(cell: str) -> bool:
    """Tell whether a cell holds a number (decimal comma allowed) or a word for "not a number"."""
    try:
        _number(cell)
    except ValueError:
        return False
    return True


def numbers(cells: Sequence[str], path: Path, line: int, labels: Sequence[str]) -> FloatArray:
    """Turn the cells of one line into floats; a blank is NaN.

    Args:
        cells: text of the cells.
        path: file, for the message.
        line: line number counted from 1, for the message.
        labels: column names, as many as cells, for the message.

    Raises:
        FileFormatError: a cell is not a number; names file, line, column and text.
    """
    try:
        return np.array(cells, dtype=np.float64)  # fast, and enough for nearly every line
    except ValueError:
        pass
    values = np.empty(len(cells))
    for column, cell in enumerate(cells):
        try:
            values[column] = _number(cell)
        except ValueError:
            raise FileFormatError(
                f"{path}, line {line}: column {labels[column]!r} holds {cell.strip()[:40]!r}, expected a number; correct or remove it."
            ) from None
    return values


def require_increasing(time: FloatArray, lines: Sequence[int], path: Path) -> None:
    """Refuse a time column that does not increase strictly.

    Args:
        time: (time,), s.
        lines: line number of each sample, counted from 1.
        path: file, for the message.

    Raises:
        FileFormatError: names file, line and both times.
    """
    if not np.isfinite(time).all():
        row = int(np.flatnonzero(~np.isfinite(time))[0])
        raise FileFormatError(f"{path}, line {lines[row]}: the time is not a number; fill it in or remove the line.")
    steps = np.diff(time)
    if (steps <= 0).any():
        row = int(np.flatnonzero(steps <= 0)[0])
        raise FileFormatError(
            f"{path}, line {lines[row + 1]}: the time goes from {time[row]:.10g} to {time[row + 1]:.10g} s, expected to increase; "
            "remove repeated or reordered lines, or export the time with more digits."
        )


def require_finite(values: FloatArray, time: FloatArray, labels: Sequence[str], path: Path) -> None:
    """Refuse to write what OpenSim cannot read: its Storage stops silently at the first NaN.

    Raises:
        SignalError: names file, column and time.
    """
    if not np.isfinite(values).all():
        row, column = np.argwhere(~np.isfinite(values))[0]
        raise SignalError(
            f"{path.name} is not written: column {labels[column]!r} is {values[row, column]} at {time[row]:g} s, and OpenSim stops reading "
            "there without a word; fill or cut the gap first."
        )


def _number(cell: str) -> float:
    text = cell.strip()
    if not text:
        return float("nan")
    try:
        return float(text)
    except ValueError:
        word = text.lower().lstrip("+-").removeprefix("1.")
        if word in NOT_A_NUMBER or text in NOT_A_NUMBER:
            return float("nan")
        if text.count(",") == 1 and "." not in text:
            return float(text.replace(",", "."))
        raise
