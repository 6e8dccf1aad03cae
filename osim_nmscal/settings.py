"""The base of every settings class.

A `*Settings` class stands next to the code that reads it; `config.py` only composes them. Unit, meaning and source are
data of each field, so that a test can demand them and `osim-nmscal settings` can print them.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError


class Settings(BaseModel):
    """Frozen settings that refuse keys nobody reads, and what only looks like a number: true, infinity, not-a-number."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _truth_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse true and false where a number stands: pydantic takes them for 1 and 0."""
        if isinstance(value, bool) and "bool" not in str(cls.model_fields[str(info.field_name)].annotation):
            raise PydanticCustomError("float_type", "Input should be a valid number")
        return value


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
