"""What the nouns share: they say in one line what they are, are equal where their values are, and show as tables in a notebook.

A dataclass with arrays prints every number and cannot be compared (`==` of arrays is an array). `Noun` mends both; `Rows` is a tuple
of nouns with a table's manners.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from html import escape
from typing import TYPE_CHECKING, Any, SupportsIndex, TypeVar, overload

import numpy as np

from osim_nmscal.errors import ConfigError, UnknownNameError, did_you_mean

if TYPE_CHECKING:
    import pandas

T = TypeVar("T")

# Rows of a table that a notebook shows, and names that a line lists.
SHOWN_ROWS = 12
SHOWN_NAMES = 4
# Fields and letters of a noun that has nothing better to say.
SHOWN_FIELDS = 6
_LETTERS = 40

Facts = Sequence[tuple[str, str]]


class Noun:
    """A dataclass whose equality is that of its values, and whose text is short.

    Children are dataclasses with `eq=False, repr=False`; those with something better to say than their fields override `_facts`.
    """

    def _facts(self) -> Facts:
        """Return what a reader wants to know, (name, text) each; the first needs no name."""
        found = [(field.name, getattr(self, field.name)) for field in fields(self)]  # type: ignore[arg-type]  # children are dataclasses
        shown = [("", f"{name.replace('_', ' ')} {_short(value)}") for name, value in found[:SHOWN_FIELDS]]
        more = len(found) - len(shown)
        return [*shown, ("", f"and {more} more")] if more > 0 else shown

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return same(self, other)

    __hash__ = None  # type: ignore[assignment]  # arrays can change

    def __repr__(self) -> str:
        (_, first), *rest = self._facts()
        return f"{type(self).__name__}({'; '.join([first, *(f'{text} {name}'.strip() for name, text in rest)])})"

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in self._facts())
        return f"<b>{type(self).__name__}</b><table>{rows}</table>"


class Rows(tuple[T, ...]):
    """A tuple of dataclasses that are the rows of a table.

    Example:
        >>> result.parameters
        Rows of ... CalibratedParameter (owner, name, unit, start, calibrated, ...)
        >>> predictions["squat/2"].joint_moment.shape
        (100, 1)
        >>> result.parameters.to_frame().query("name == 'tendon_slack_length'")["owner"].tolist()
        ['extensor', 'flexor']
    """

    __slots__ = ()
    __hash__ = tuple.__hash__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, tuple) and same(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    @overload
    def __getitem__(self, key: SupportsIndex) -> T: ...
    @overload
    def __getitem__(self, key: str) -> T: ...
    @overload
    def __getitem__(self, key: slice) -> "Rows[T]": ...
    def __getitem__(self, key: Any) -> Any:
        """Return a row by its position, or by its name (its first column) where only one row has it; rows by a slice."""
        if isinstance(key, str):
            return self._named(key)
        found = tuple.__getitem__(self, key)
        return Rows(found) if isinstance(key, slice) else found

    def __repr__(self) -> str:
        if not self:
            return "Rows of nothing"
        columns = _columns(self[0])
        more = ", ..." if len(columns) > SHOWN_NAMES + 1 else ""
        return f"Rows of {len(self)} {type(self[0]).__name__} ({', '.join(columns[: SHOWN_NAMES + 1])}{more})"

    def _repr_html_(self) -> str:
        if not self:
            return "<p>no rows</p>"
        columns = _columns(self[0])
        return table_html(columns, [[getattr(row, name) for name in columns] for row in self])

    def to_frame(self) -> "pandas.DataFrame":
        """Return a table of one row each; needs pandas (extra `plots`).

        Raises:
            ConfigError: pandas is not installed.
        """
        columns = _columns(self[0]) if self else ()
        return frame([{name: getattr(row, name) for name in columns} for row in self])

    def _named(self, name: str) -> T:
        column = _columns(self[0])[0] if self else "name"
        names = [str(getattr(row, column)) for row in self]
        if names.count(name) > 1:
            raise UnknownNameError(f"{names.count(name)} rows have {column} {name!r}; take one by its position, or use to_frame().")
        if name not in names:
            raise UnknownNameError(f"No row has {column} {name!r}.{did_you_mean(name, names)}")
        return tuple.__getitem__(self, names.index(name))


def same(one: Any, other: Any) -> bool:
    """Tell whether two values are equal: arrays by shape and elements, what is no number equal to itself, dataclasses field by field."""
    if _is_array(one) or _is_array(other):
        return _same_arrays(_array(one), _array(other))
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return list(one) == list(other) and all(same(value, other[key]) for key, value in one.items())
    if is_dataclass(one) and not isinstance(one, type):
        return type(one) is type(other) and all(same(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))
    if isinstance(one, tuple | list):
        return isinstance(other, tuple | list) and len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (one != one and other != other)
    return bool(one == other)


def listed_short(names: Sequence[str]) -> str:
    """Return the first few names, and how many more there are."""
    shown = ", ".join(names[:SHOWN_NAMES])
    return shown if len(names) <= SHOWN_NAMES else f"{shown} and {len(names) - SHOWN_NAMES} more"


def table_html(columns: Sequence[str], lines: Sequence[Sequence[Any]]) -> str:
    """Return a table for a notebook, its first rows if it is long."""
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    body = "".join("<tr>" + "".join(f"<td>{escape(_cell(value))}</td>" for value in line) + "</tr>" for line in lines[:SHOWN_ROWS])
    more = f"<p>{len(lines)} rows, the first {SHOWN_ROWS} shown</p>" if len(lines) > SHOWN_ROWS else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def frame(lines: Any, **how: Any) -> "pandas.DataFrame":
    """Return a pandas table.

    Raises:
        ConfigError: pandas is not installed.
    """
    return _pandas().DataFrame(lines, **how)


def by_time(noun: object, time: Any, columns: Mapping[str, Sequence[str]]) -> "pandas.DataFrame":
    """Return quantities of a noun as one table, (time, (quantity, name)).

    Args:
        noun: has an array (time, name) for each quantity.
        time: (time,), s.
        columns: quantity -> names of its columns.

    Raises:
        ConfigError: pandas is not installed.
    """
    pandas = _pandas()
    values = np.hstack([getattr(noun, quantity) for quantity in columns])
    names = [(quantity, name) for quantity, members in columns.items() for name in members]
    return pandas.DataFrame(values, index=pandas.Index(time, name="time"), columns=pandas.MultiIndex.from_tuples(names))


def _pandas() -> Any:
    try:
        import pandas
    except ImportError as error:
        raise ConfigError('Tables need pandas, which is not installed; install it with: pip install "osim-nmscal[plots]"') from error
    return pandas


def _is_array(value: Any) -> bool:
    """Tell an array, of numpy or of torch, without loading torch."""
    return hasattr(value, "shape") and hasattr(value, "dtype") and hasattr(value, "ndim")


def _array(value: Any) -> Any:
    return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)


def _short(value: Any) -> str:
    if _is_array(value):
        return " × ".join(map(str, value.shape)) or f"{float(value):.4g}"
    if isinstance(value, Mapping) or (isinstance(value, tuple | list) and not isinstance(value, str)):
        return f"({len(value)})"
    if isinstance(value, Noun) or is_dataclass(value):
        return type(value).__name__
    text = _cell(value)
    return text if len(text) <= _LETTERS else f"{text[:_LETTERS]}..."


def _same_arrays(one: Any, other: Any) -> bool:
    if one.shape != other.shape:
        return False
    numbers = np.issubdtype(one.dtype, np.floating) and np.issubdtype(other.dtype, np.floating)
    return bool(np.array_equal(one, other, equal_nan=numbers))


def _columns(row: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(row))


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, np.ndarray):
        return " × ".join(map(str, value.shape))
    if isinstance(value, tuple):
        return listed_short([str(one) for one in value])
    return str(value)
