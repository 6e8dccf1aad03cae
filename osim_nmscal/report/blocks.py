"""What a section of the report is made of: text, figures and tables; the template knows nothing else."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Cell = str | float | int | bool | None


@dataclass(frozen=True, kw_only=True)
class LegendEntry:
    """One line of a legend."""

    text: str
    colour: str
    dash: str = ""  # SVG's stroke-dasharray
    kind: Literal["line", "bar", "dot", "open"] = "line"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """Panels side by side, as many as fit, with one legend and a caption."""

    caption: str
    panels: tuple[str, ...]  # <svg> elements
    legend: tuple[LegendEntry, ...] = ()
    name: str = "figure"  # of a saved file
    wide: bool = False  # each panel takes the whole width
    folded: bool = False  # shown when asked for
    kind: Literal["figure"] = "figure"


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a table."""

    title: str
    digits: int | None = None  # of a number after the point; None: as it is
    unit: str = ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table; a click on a title sorts it."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    marked: frozenset[int] = frozenset()  # rows to look at
    folded: bool = False  # shown when asked for
    kind: Literal["table"] = "table"


@dataclass(frozen=True, kw_only=True)
class Text:
    """Paragraphs."""

    paragraphs: tuple[str, ...]
    title: str = ""
    copied: bool = False  # with a button that copies it
    kind: Literal["text"] = "text"


@dataclass(frozen=True, kw_only=True)
class Missing:
    """Something that this report would show, and why it does not."""

    what: str
    why: str
    kind: Literal["missing"] = "missing"


Block = Figure | Table | Text | Missing


@dataclass(frozen=True, kw_only=True)
class Section:
    """One part of the report, written for one reader."""

    key: str
    title: str
    reader: str
    lead: str
    blocks: tuple[Block, ...]


def written(value: Cell, column: Column) -> str:
    """Return a cell as text: a number that is none becomes a dash."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        if value != value:
            return "–"
        return f"{value:.{column.digits}f}" if column.digits is not None else f"{value:.4g}"
    return str(value)


def sort_key(value: Cell) -> str:
    """Return what a cell is sorted by."""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float | int):
        return repr(float(value)) if value == value else ""
    return "" if value is None else value


def rows_of(rows: Iterable[Sequence[Cell]]) -> tuple[tuple[Cell, ...], ...]:
    """Return rows as a table keeps them."""
    return tuple(tuple(row) for row in rows)
