"""What settings classes say of themselves: every key with unit, default, allowed values and source, and a sentence for each mistake.

Both walk the fields of a settings class (`settings.py`) and know nothing of any particular one.
"""

import typing
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticUndefined

from osim_nmscal.errors import did_you_mean, listed

# pydantic's kinds of error -> what was expected
_EXPECTED = {
    "path_type": "a path in quotes",
    "string_type": "text in quotes",
    "string_too_long": "a shorter text",
    "string_pattern_mismatch": "letters, digits, - and _ only",
    "float_type": "a number",
    "float_parsing": "a number",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "tuple_type": "a list in square brackets",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "too_short": "at least one entry in the list",
    "finite_number": "a finite number",
    "int_parsing_size": "a whole number of a sensible size",
}
_KINDS = {float: "a number", int: "a whole number", Path: "a path", str: "text", bool: "true or false"}
# Names the file that spells a key, from where it stands.
Where = Callable[[Sequence[int | str]], str]
_MOST_SHOWN = 60  # characters of a wrong value
_MOST_NAMES = 12  # of a table's keys


@dataclass(frozen=True, kw_only=True)
class SettingDescription:
    """One setting as `osim-nmscal settings` prints it."""

    key: str  # as in config.toml, e.g. "emg.envelope.lowpass_cutoff"; [] marks a list of tables
    unit: str
    default: str  # as TOML; or "required", "none"
    meaning: str
    source: str
    absent: bool = False  # its table is not there by default
    allowed: str = ""  # e.g. '"raw" or "envelope"', 'a number or "model"'; empty where no word is a choice


def described(
    model: type[BaseModel], prefix: str = "", defaults: BaseModel | None = None, *, absent: bool = False
) -> Iterator[SettingDescription]:
    """Yield every setting of a settings class and of the classes inside it, in the order of their declaration.

    Args:
        model: the settings class.
        prefix: of the keys, "" or ending with a dot.
        defaults: an object whose values stand for the class's own defaults.
        absent: the class's table is not there by default.
    """
    for name, info in model.model_fields.items():
        if info.exclude:
            continue
        key, default = f"{prefix}{name}", getattr(defaults, name, info.get_default(call_default_factory=True))
        inner = _inner_models(info.annotation)
        marker = "[]" if typing.get_origin(info.annotation) is tuple else ""
        for nested in inner:
            own = default if isinstance(default, nested) else None
            yield from described(nested, f"{key}{marker}.", own, absent=absent or default is None or default == ())
        if not inner:
            yield SettingDescription(
                key=key,
                unit=_extra(info, "unit"),
                default=_default_text(default),
                meaning=info.description or "",
                source=_extra(info, "source"),
                absent=absent,
                allowed=_allowed(info),
            )


def sentences(where: Where, details: list[ErrorDetails], root: type[BaseModel]) -> list[str]:
    """Turn pydantic's findings into sentences about a configuration, one for each key.

    Args:
        where: names the file that spells a key.
        details: what pydantic refuses.
        root: the settings class of the whole file.
    """
    found: dict[str, list[ErrorDetails]] = {}
    for detail in details:
        found.setdefault(_key_text(_field_at(list(detail["loc"]), root)[0]), []).append(detail)
    if len(found) > 1 and "recordings" in found and found["recordings"][0]["type"] == "too_short":
        del found["recordings"]  # pydantic counts the good recordings only, and the bad ones have their own sentence
    return [_sentence(where, key, details, root) for key, details in found.items()]


def _sentence(where: Where, key: str, details: list[ErrorDetails], root: type[BaseModel]) -> str:
    detail = details[0]
    location, model, info = _field_at(list(detail["loc"]), root)
    path = where(location)
    if detail["type"] == "extra_forbidden":
        name, known = str(location[-1]), list(model.model_fields) if model else []
        table = f"[{_key_text(location[:-1])}]" if len(location) > 1 else "the top level"
        hint = did_you_mean(name, known) or _known_elsewhere(name, root)
        command = f"osim-nmscal settings {_key_text([part for part in location[:-1] if isinstance(part, str)])}".strip()
        rest = f"; `{command}` explains them all" if len(known) > _MOST_NAMES else ""
        return f"{path}: key '{_shortened(key)}' is not known.{hint} Known in {table}: {listed(known, _MOST_NAMES)}{rest}."
    unit = _extra(info, "unit") if info is not None else "-"
    meaning = f" ({info.description.rstrip('.')})" if info is not None and info.description else ""
    in_unit = "" if unit == "-" or " " in unit else f" in {unit}"
    if detail["type"] == "missing":
        return f"{path}: key '{key}' is missing; add it{in_unit}{meaning}."
    if detail["type"] in ("value_error", "assertion_error"):
        about = f"key '{key}': " if key else ""
        return f"{path}: {about}{str(detail['msg']).removeprefix('Value error, ').rstrip('.')}."
    shown = _shown(detail["input"])
    expected = " or ".join(dict.fromkeys(_EXPECTED.get(one["type"], one["msg"].removeprefix("Input should be ")) for one in details))
    offer = did_you_mean(str(detail["input"]), _choices(info)) if isinstance(detail["input"], str) else ""
    return f"{path}: key '{key}' is {shown}, expected {expected}{in_unit}{meaning}.{offer}"


def _shown(value: Any) -> str:
    try:
        return _shortened(repr(value))
    except (ValueError, RecursionError):  # Python refuses to print a number of thousands of digits
        return "a number of thousands of digits" if isinstance(value, int) else "a value that cannot be printed"


def _shortened(text: str) -> str:
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 3]}..."


def _key_text(location: list[int | str]) -> str:
    text = ""
    for part in location:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _field_at(location: list[int | str], root: type[BaseModel]) -> tuple[list[int | str], type[BaseModel] | None, FieldInfo | None]:
    """Walk one of pydantic's locations.

    Returns:
        The location without the names of union members that pydantic adds, the settings class that holds its last key, and
        that key's field if it is known.
    """
    models: list[type[BaseModel]] = [root]
    holder: type[BaseModel] | None = root
    info: FieldInfo | None = None
    kept: list[int | str] = []
    for part in location:
        if isinstance(part, int):
            kept.append(part)
            continue
        found = next(((model, model.model_fields[part]) for model in models if part in model.model_fields), None)
        if found is not None:
            holder, info = found
            models = _inner_models(info.annotation)
            kept.append(part)
        elif models:  # a key that nobody knows
            return [*kept, part], models[0], None
        elif info is not None and "dict" in str(info.annotation):  # a key the user chose, e.g. a channel
            kept.append(part)
    return kept, holder, info


def _inner_models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in typing.get_args(annotation) for model in _inner_models(argument)]


def _extra(info: FieldInfo, name: str) -> str:
    extra: Any = info.json_schema_extra
    return str(extra.get(name, "-")) if isinstance(extra, dict) else "-"


def _choices(info: FieldInfo | None) -> list[str]:
    def literals(annotation: Any) -> Iterator[str]:
        if typing.get_origin(annotation) is Literal:
            yield from map(str, typing.get_args(annotation))
        else:
            for argument in typing.get_args(annotation):
                yield from literals(argument)

    return list(literals(info.annotation)) if info is not None else []


def _allowed(info: FieldInfo) -> str:
    words = [f'"{word}"' for word in _choices(info)]
    others = [name for kind, name in _KINDS.items() if kind in typing.get_args(info.annotation)]
    return " or ".join([*others, *words]) if words else ""


def _known_elsewhere(name: str, root: type[BaseModel]) -> str:
    homes = [one.key for one in described(root) if one.key.split(".")[-1] == name]
    return f" A key of that name is {listed(homes)}: move it there." if homes else ""


def _default_text(default: Any) -> str:
    """Write a default as TOML."""
    match default:
        case _ if default is PydanticUndefined:
            return "required"
        case None:
            return "none"
        case bool():
            return str(default).lower()
        case str() | Path():
            return f'"{default}"'
        case tuple():
            return f"[{', '.join(_default_text(item) for item in default)}]"
        case dict():
            return f"{{{', '.join(f'{key} = {_default_text(value)}' for key, value in default.items())}}}"
    return str(default)
