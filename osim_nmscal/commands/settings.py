"""`osim-nmscal settings [SECTION]`: every setting, as text that can be pasted into a config.toml."""

from collections import defaultdict
from typing import Annotated

import typer

from osim_nmscal.commands.printing import OUT
from osim_nmscal.config import describe_settings
from osim_nmscal.errors import ConfigError, did_you_mean
from osim_nmscal.settings_text import SettingDescription


def settings(
    section: Annotated[str, typer.Argument(help="Only settings whose name starts with this, e.g. emg.envelope.")] = "",
) -> None:
    """Print every setting as in config.toml: name, default, unit, meaning, source."""
    shown = [one for one in describe_settings() if one.key.replace("[]", "").startswith(section.strip("[]"))]
    if not shown:
        known = sorted({one.key.replace("[]", "").rpartition(".")[0] for one in describe_settings()})
        raise ConfigError(f"No setting starts with {section!r}.{did_you_mean(section, known)} `osim-nmscal settings` lists all.")
    tables: dict[str, list[SettingDescription]] = defaultdict(list)
    for one in shown:
        tables[_table_of(one)].append(one)
    for i, (table, members) in enumerate(tables.items()):
        OUT.print(f"\n{table}" if i else table, style="bold", markup=False)
        for one in members:
            _print_setting(one)


def _table_of(one: SettingDescription) -> str:
    parts = one.key.split(".")[:-1]
    name = ".".join(part.replace("[]", "") for part in parts)
    return f"[[{name}]]" if parts and parts[-1].endswith("[]") else f"[{name}]"


def _print_setting(one: SettingDescription) -> None:
    name = one.key.rpartition(".")[2]
    unit = "" if one.unit == "-" else f"{one.unit}. "
    given = f"{name} = {one.default}" if one.default not in ("required", "none") else f"{name} = ..."
    note = {"required": "required. ", "none": "not set. "}.get(one.default, "")
    allowed = f"{one.allowed}. " if one.allowed else ""
    text = f"  # {note}{unit}{allowed}{one.meaning.rstrip('.')}. Source: {one.source}."
    OUT.print(given, end="", markup=False, style="cyan" if not note else "bold cyan")
    OUT.print(text, markup=False)
