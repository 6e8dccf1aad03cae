"""`osim-nmscal settings [SECTION]`: every setting, as text that can be pasted into a config.toml, or as a config.toml to start from."""

import textwrap
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from osim_nmscal.commands.arguments import sections_beginning
from osim_nmscal.commands.printing import OUT
from osim_nmscal.config import describe_settings
from osim_nmscal.errors import ConfigError, did_you_mean
from osim_nmscal.settings_text import SettingDescription

_WIDTH = 118  # of comments


def settings(
    section: Annotated[
        str, typer.Argument(help="Only settings whose name starts with this, e.g. emg.envelope.", autocompletion=sections_beginning)
    ] = "",
    toml: Annotated[bool, typer.Option("--toml", help="As a config.toml: valid TOML, what must be filled in marked REQUIRED.")] = False,
) -> None:
    """Print every setting as in config.toml: name, default, unit, choices, meaning, source."""
    shown = [one for one in describe_settings() if one.key.replace("[]", "").startswith(section.strip("[]"))]
    if not shown:
        known = sorted({one.key.replace("[]", "").rpartition(".")[0] for one in describe_settings()})
        raise ConfigError(f"No setting starts with {section!r}.{did_you_mean(section, known)} `osim-nmscal settings` lists all.")
    tables: dict[str, list[SettingDescription]] = defaultdict(list)
    for one in shown:
        tables[_table_of(one)].append(one)
    for i, (table, members) in enumerate(tables.items()):
        if toml:
            typer.echo("\n".join(_as_toml(table, members)))
            continue
        OUT.print(f"\n{table}" if i else table, style="bold", markup=False)
        for one in members:
            _print_setting(one)


def _table_of(one: SettingDescription) -> str:
    parts = one.key.split(".")[:-1]
    name = ".".join(part.replace("[]", "") for part in parts)
    if not parts:
        return "# at the top"
    return f"[[{name}]]" if parts[-1].endswith("[]") else f"[{name}]"


def _print_setting(one: SettingDescription) -> None:
    name = one.key.rpartition(".")[2]
    given = f"{name} = {one.default}" if one.default not in ("required", "none") else f"{name} = ..."
    note = {"required": "required. ", "none": "not set. "}.get(one.default, "")
    OUT.print(given, end="", markup=False, style="cyan" if not note else "bold cyan")
    OUT.print(f"  # {note}{_told(one)}", markup=False)


def _as_toml(table: str, members: Sequence[SettingDescription]) -> Iterator[str]:
    """Write one table: defaults as they are, the rest commented out."""
    absent = all(one.absent for one in members)
    yield f"{'# ' if absent else ''}{table}{'   # not there by default' if absent else ''}"
    for one in members:
        name = one.key.rpartition(".")[2]
        note = {"required": "REQUIRED. ", "none": "Not set. "}.get(one.default, "")
        yield from textwrap.wrap(f"{note}{_told(one)}", _WIDTH, initial_indent="# ", subsequent_indent="#   ")
        value = "" if note else one.default
        left_out = note or absent or value == "{}"  # a table of the user's own: written below a heading of its own
        yield f"{'# ' if left_out else ''}{name} ={f' {value}' if value else ''}"
    yield ""


def _told(one: SettingDescription) -> str:
    unit = "" if one.unit == "-" else f"{one.unit}. "
    allowed = f"{one.allowed}. " if one.allowed else ""
    return f"{unit}{allowed}{one.meaning.rstrip('.')}. Source: {one.source}."
