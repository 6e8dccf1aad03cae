"""Is a table of text whole? What its last line and its declared number of rows tell.

A file that was cut in copying ends anywhere: inside a row (the readers count its cells), or inside the last number, which then still
is a number. Most programs end the last line with a line end, so its lack alone proves nothing; but every number of a column is
usually printed alike, and a cut one is shorter. What can be told is refused, what cannot is said.
"""

import logging
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.errors import FileFormatError

# A column needs so many other rows before its usual form is known. Source: choice.
FEWEST_ROWS = 3
# A column prints its numbers alike if this part of them is; a few may be damaged otherwise. Source: choice; where trailing zeros are left
# out, nine of ten are alike.
ALIKE = 0.97
# Where a column prints as many digits as each number needs, the last one may have so many digits less than the shortest by chance:
# each further one is ten times less likely. Source: choice.
SPARE_DIGITS = 1
# A time axis is regular if no step differs from the median by more than this part of it (times printed to 1 ms at 200 Hz: 0.2).
REGULAR = 0.25
# So many rows must be there before a missing one more or less counts as a habit of the program that wrote the header. Source: choice.
FEWEST_FOR_HABIT = 10

_NUMBER = re.compile(r"[+-]?[0-9]*(?:[.,]([0-9]*))?([eEdD][+-]?[0-9]*)?")

_Form = tuple[int, int]  # how many decimals a number has, and how long its exponent is

_log = logging.getLogger(__name__)


def require_full_row(cells: Sequence[str], labels: Sequence[str], path: Path, line: int, *, last: bool) -> None:
    """Refuse a row that has more or fewer values than there are columns.

    Args:
        cells: the row.
        labels: of the columns.
        path: file, for the message.
        line: line number, for the message.
        last: whether it is the last row of the file; too short, it was cut there.

    Raises:
        FileFormatError: it has.
    """
    if len(cells) != len(labels):
        hint = "the file is truncated: export it again" if last and len(cells) < len(labels) else "correct the line"
        raise FileFormatError(f"{path}, line {line}: {len(cells)} values for {len(labels)} columns; {hint}.")


def require_whole_last_number(text: str, cells: Sequence[str], path: Path, line: int) -> None:
    """Refuse a file that was cut inside its last number, as far as that can be told; say so where it cannot.

    Args:
        text: the whole text.
        cells: the last cell of every row of data.
        path: file, for the message.
        line: line number of the last row, for the message.

    Raises:
        FileFormatError: no line end, and the last number is shorter than its column is printed.
    """
    if text.endswith("\n") or len(cells) <= FEWEST_ROWS:
        return
    last, others = cells[-1].strip(), [cell.strip() for cell in cells[:-1]]
    usual = Counter(_form(cell) for cell in others)
    form = _form(last)
    if _is_cut(form, usual):
        raise FileFormatError(
            f"{path}, line {line}: the file ends inside a number ({last[:40]!r}; the one above is {others[-1][:40]!r}) without a line end: "
            "it is truncated. Export it again, or end the line if the number is whole."
        )
    if not (set(usual) == {form} and form not in (None, (0, 0))):
        _log.warning("%s does not end with a line end; its last number %s may have been cut.", path, last[:40])


def _is_cut(form: _Form | None, usual: Counter[_Form | None]) -> bool:
    """Tell whether a number is shorter than its column is printed, from how often each form occurs in it."""
    if form in usual:
        return False
    if form is None:  # a blank, or a sign alone
        return None not in usual
    common, count = usual.most_common(1)[0]
    if common is not None and count >= ALIKE * usual.total():
        return form[0] < common[0] or form[1] < common[1]
    forms = [other for other in usual if other is not None]
    return None not in usual and form[0] < min(decimals for decimals, _ in forms) - SPARE_DIGITS


def require_declared_rows(declared: int | None, time: NDArray[np.float64], columns: int, path: Path, word: str) -> None:
    """Compare the number of rows with the header's; refuse a truncated file, and say what is a habit of some programs.

    Habits: one more or one less than there are, rows times columns. More rows than declared are no truncation. The time axis must be
    regular for all of them.

    Args:
        declared: what the header says; None if nothing.
        time: (time,), s.
        columns: of the table, time included.
        path: file, for the message.
        word: what the header calls them, "nRows" or "NumFrames".

    Raises:
        FileFormatError: the file holds fewer rows than declared, or more of an irregular time axis.
    """
    rows = len(time)
    if declared is None or declared == rows:
        return
    habit = rows >= FEWEST_FOR_HABIT and declared in (rows + 1, rows * columns, rows * (columns - 1))
    if _is_regular(time) and (habit or (declared < rows and rows >= FEWEST_FOR_HABIT)):
        _log.warning(
            "%s declares %s = %d and holds %d rows with a regular time axis from %g to %g s; all are used.",
            *(path, word, declared, rows, time[0], time[-1]),
        )
        return
    if rows < declared:
        raise FileFormatError(
            f"{path} declares {declared} {_plural(word)} and holds {rows} (its last time is {time[-1]:g} s): it is truncated. "
            "Export it again."
        )
    raise FileFormatError(
        f"{path} declares {declared} {_plural(word)} and holds {rows}, but OpenSim would read {declared} only; set {word} to {rows}, "
        "or remove what does not belong to it."
    )


def whole_number(text: str) -> int | None:
    """Return a count that a header declares; None if the text is none, or longer than any count."""
    return int(text) if re.fullmatch(r"[0-9]{1,15}", text) else None


def _form(cell: str) -> _Form | None:
    """Return the form of a number; None if it is not a number."""
    match = _NUMBER.fullmatch(cell)
    if match is None or not any(character.isdigit() for character in cell):
        return None
    return len(match[1] or ""), len(match[2] or "")


def _is_regular(time: NDArray[np.float64]) -> bool:
    steps = np.diff(time)
    return bool(len(steps)) and bool(np.abs(steps - np.median(steps)).max() <= REGULAR * np.median(steps))


def _plural(word: str) -> str:
    return "frames" if word == "NumFrames" else "rows"
