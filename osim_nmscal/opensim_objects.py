"""What an OpenSim user holds in memory (`opensim.Model`, `TimeSeriesTable`, `Storage`), as files and arrays, and back.

Whoever passes paths never loads OpenSim: an object of OpenSim's can only be there if its owner has imported it, so it is looked for
among the modules that are. A model is written to a temporary file, because OpenSim's work is done in a process of its own
(opensim_tools/run.py), to which no object of OpenSim's can be handed.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.errors import FileFormatError, SignalError
from osim_nmscal.worker.folder import job_folder

FloatArray = NDArray[np.float64]

F = TypeVar("F", bound=Callable[..., Any])

# A path of an .osim file, or an `opensim.Model`.
ModelSource = Any
# A path of a .mot or .sto file, an `opensim.TimeSeriesTable` or `opensim.Storage`, or a `TimeSeries`.
TableSource = Any
# Metres per unit of length that a table of markers states.
_LENGTHS = {"m": 1.0, "cm": 0.01, "mm": 0.001}


@dataclass(frozen=True, kw_only=True)
class Columns:
    """What a table holds."""

    time: FloatArray  # (time,), s
    labels: tuple[str, ...]
    values: FloatArray  # (time, label), or (time, label, 3)
    in_degrees: bool = False
    name: str = ""


def takes_model(function: F) -> F:
    """Let a function whose first argument is the path of a model take an `opensim.Model` as well.

    Args:
        function: needs the file only until it returns.
    """

    first = next(iter(signature(function).parameters))

    @wraps(function)
    def on_file(*args: Any, **options: Any) -> Any:
        model = args[0] if args else options.get(first)
        if model is None or isinstance(model, str | Path):
            return function(*args, **options)
        with model_file(model) as path:
            return function(path, *args[1:], **{name: value for name, value in options.items() if name != first})

    return on_file  # type: ignore[return-value]  # the same but for what it takes


@contextmanager
def model_file(model: ModelSource) -> Iterator[Path]:
    """Give a model as a file for as long as it is needed; the caller's object stays as it is.

    Args:
        model: path of an .osim file, which is given back, or an `opensim.Model`, which is written to a temporary file.

    Raises:
        FileFormatError: it is neither; OpenSim could not write it.
    """
    if isinstance(model, str | Path):
        yield Path(model).absolute()
        return
    if not _is(model, "Model"):
        raise FileFormatError(f"A model is the path of an .osim file or an opensim.Model, but here it is {_kind(model)}.")
    with job_folder() as folder:
        path = folder / f"{_file_name(model.getName())}.osim"
        copy = model.clone()  # an object in use keeps its state
        try:
            copy.finalizeConnections()
            written = copy.printToXML(str(path))
        except RuntimeError as error:
            raise FileFormatError(f"OpenSim could not write the model {model.getName()!r}: {error}") from error
        if not written or not path.is_file():
            raise FileFormatError(f"OpenSim could not write the model {model.getName()!r}; call its finalizeConnections().")
        yield path


def is_table(source: object) -> bool:
    """Tell whether something is an `opensim.TimeSeriesTable` or an `opensim.Storage`."""
    return _is(source, "TimeSeriesTable") or _is(source, "Storage")


def is_point_table(source: object) -> bool:
    """Tell whether something is an `opensim.TimeSeriesTableVec3`."""
    return _is(source, "TimeSeriesTableVec3")


def labelled_columns(table: Any) -> Columns:
    """Read an `opensim.TimeSeriesTable` or `opensim.Storage`.

    Raises:
        SignalError: it is none, or has no rows.
    """
    if _is(table, "Storage"):
        return _of_storage(table)
    if not _is(table, "TimeSeriesTable"):
        raise SignalError(f"A table is an opensim.TimeSeriesTable or an opensim.Storage, but here it is {_kind(table)}.")
    in_degrees = _metadata(table, "inDegrees").lower() in ("yes", "true", "1")
    return Columns(time=_times(table), labels=tuple(table.getColumnLabels()), values=_values(table), in_degrees=in_degrees)


def labelled_points(table: Any) -> Columns:
    """Read an `opensim.TimeSeriesTableVec3` of markers; its values become metres.

    Raises:
        SignalError: it is none, has no rows, or a unit of length that is not known.
    """
    if not is_point_table(table):
        raise SignalError(f"Markers are an opensim.TimeSeriesTableVec3, but here they are {_kind(table)}.")
    unit = _metadata(table, "Units") or "m"
    if unit not in _LENGTHS:
        raise SignalError(f"The table of markers has Units = {unit!r}, expected one of {', '.join(_LENGTHS)}; correct its metadata.")
    labels = tuple(table.getColumnLabels())
    columns = table.flatten()  # kept in a variable: OpenSim's objects do not keep their owner alive
    flat = _values(columns)
    return Columns(time=_times(table), labels=labels, values=_LENGTHS[unit] * flat.reshape(len(flat), len(labels), 3))


def table_of_columns(time: FloatArray, labels: Sequence[str], values: FloatArray, *, in_degrees: bool) -> Any:
    """Return an `opensim.TimeSeriesTable`.

    Args:
        time: (time,), s.
        labels: of the columns.
        values: (time, label).
        in_degrees: whether rotational columns are in degrees; written as OpenSim's readers do.
    """
    import opensim

    matrix = opensim.Matrix.createFromMat(np.ascontiguousarray(values, dtype=np.float64))
    # Plain lists: where ezc3d was used in the same process, OpenSim no longer takes its own StdVectorDouble.
    table = opensim.TimeSeriesTable(time.tolist(), matrix, list(labels))
    table.addTableMetaDataString("inDegrees", "yes" if in_degrees else "no")
    return table


def table_of_points(time: FloatArray, labels: Sequence[str], points: FloatArray) -> Any:
    """Return an `opensim.TimeSeriesTableVec3` in metres.

    Args:
        time: (time,), s.
        labels: of the points.
        points: (time, label, 3), m; NaN where a point was not seen.
    """
    import opensim

    table = opensim.TimeSeriesTableVec3()  # not by packVec3, which cuts letters off labels
    table.setColumnLabels(list(labels))
    for moment, row in zip(time.tolist(), points.tolist(), strict=True):
        table.appendRow(moment, opensim.RowVectorVec3([opensim.Vec3(*point) for point in row]))
    table.addTableMetaDataString("Units", "m")
    rate = (len(time) - 1) / (time[-1] - time[0]) if len(time) > 1 else 0.0
    table.addTableMetaDataString("DataRate", f"{rate:.6g}")
    return table


def _is(value: object, name: str) -> bool:
    """Tell whether a value is of a class of OpenSim's, if OpenSim is loaded at all."""
    opensim = sys.modules.get("opensim")
    kind = getattr(opensim, name, None)
    return isinstance(kind, type) and isinstance(value, kind)


def _of_storage(storage: Any) -> Columns:
    """Read a storage row by row; what its `exportToTable` returns has no methods in Python."""
    labels = storage.getColumnLabels()
    names = tuple(labels.get(i) for i in range(1, labels.getSize()))  # the first is time
    rows = [storage.getStateVector(i) for i in range(storage.getSize())]  # getDataColumn drops what lies before 0 s
    if not rows:
        raise SignalError(f"The storage {storage.getName()!r} has no rows; give one that holds samples.")
    values = []
    for row in rows:
        data = row.getData()
        values.append([data.get(i) for i in range(min(data.getSize(), len(names)))])
        if len(values[-1]) < len(names):
            missing = names[len(values[-1])]
            raise SignalError(f"The storage {storage.getName()!r} has no {missing!r} at {row.getTime():g} s; fill or remove the column.")
    time = np.array([row.getTime() for row in rows], dtype=np.float64)
    return Columns(
        time=time, labels=names, values=np.array(values, dtype=np.float64), in_degrees=bool(storage.isInDegrees()), name=storage.getName()
    )


def _times(table: Any) -> FloatArray:
    time = np.array(table.getIndependentColumn(), dtype=np.float64)
    if not len(time):
        raise SignalError("The table has no rows; give one that holds samples.")
    return time


def _values(table: Any) -> FloatArray:
    matrix = table.getMatrix()
    return np.array(matrix.to_numpy(), dtype=np.float64)


def _metadata(table: Any, key: str) -> str:
    return str(table.getTableMetaDataAsString(key)) if table.hasTableMetaDataKey(key) else ""


def _kind(value: object) -> str:
    kind = type(value)
    return f"a {kind.__name__} of {kind.__module__.partition('.')[0]}"


def _file_name(name: str) -> str:
    kept = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name)
    return kept.strip(".") or "model"
