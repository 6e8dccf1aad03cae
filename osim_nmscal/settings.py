"""The base of every settings class.

A `*Settings` class stands next to the code that reads it; `config.py` only composes them. Unit, meaning and source are
data of each field, so that a test can demand them and `osim-nmscal settings` can print them.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """Frozen settings that refuse keys nobody reads."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def setting(default: Any, *, unit: str, description: str, source: str, **constraints: Any) -> Any:
    """Declare one setting: its default, unit ("-" if none), meaning, and where the default comes from.

    Args:
        default: the default; `...` makes the setting required.
        unit: SI symbol, or "-".
        description: one sentence.
        source: paper, OpenSim, measurement or "choice".
        constraints: passed to pydantic's Field (gt, ge, lt, le, min_length, ...).
    """
    return Field(default, description=description, json_schema_extra={"unit": unit, "source": source}, **constraints)
