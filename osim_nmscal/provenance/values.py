"""A digest of any settings and data, from everything that is in them: no list of fields that could forget one.

Dataclasses and settings are walked field by field with the name of their class, mappings keep their order, arrays count by type,
shape and bytes, functions by name and source. Files count by content; where settings name a file, the role that it has among
the inputs stands for it, and a file without such a role is refused, as its content would not count.
"""

import dataclasses
import hashlib
import inspect
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

from osim_nmscal.errors import FileFormatError


def file_digest(path: Path) -> str:
    """Return the sha256 of a file's contents; a missing file is an error that names it."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise FileFormatError(f"{path} cannot be read ({error.strerror or error}); correct the path or restore the file.") from error


def digest_of(*values: Any, files: Mapping[Path, str] | None = None) -> str:
    """Return the sha256 of values: settings, dataclasses, arrays, plain values and containers of these.

    Args:
        values: what to name.
        files: file -> role, of every file that settings among the values name.

    Raises:
        TypeError: something that cannot be named, or a file without a role.
    """
    text = json.dumps([plain(value, files or {}) for value in values], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def plain(value: Any, files: Mapping[Path, str]) -> Any:
    """Turn a value into JSON that differs wherever the value differs; see `digest_of`."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return repr(value)  # nan and inf are no JSON
        case Path():
            if value not in files:
                raise TypeError(f"The file {value} is in the settings of a stage, but not among its inputs: its content would not count.")
            return {"file": files[value]}
        case np.ndarray():
            return [str(value.dtype), list(value.shape), hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()]
        case np.generic():
            return plain(value.item(), files)
        case BaseModel():
            return _fields(value, type(value).model_fields, files)
        case Mapping():
            return {"mapping": [[plain(key, files), plain(one, files)] for key, one in value.items()]}
        case list() | tuple():
            return [plain(one, files) for one in value]
        case frozenset() | set():
            return {"set": sorted(json.dumps(plain(one, files), sort_keys=True) for one in value)}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _fields(value, (field.name for field in dataclasses.fields(value)), files)
    if inspect.isfunction(value):
        return _function(value)
    raise TypeError(f"{value!r} cannot be named in a record of results; give plain values, dataclasses, arrays or functions.")


def _fields(value: Any, names: Iterable[str], files: Mapping[Path, str]) -> dict[str, Any]:
    kind = type(value)
    return {"class": f"{kind.__module__}.{kind.__qualname__}", "fields": {name: plain(getattr(value, name), files) for name in names}}


def _function(function: Callable[..., Any]) -> list[str]:
    if function.__closure__:
        raise TypeError(f"{function.__qualname__} keeps values of its surroundings, which cannot be named; define it in a module.")
    return [function.__module__, function.__qualname__, inspect.getsource(function)]
