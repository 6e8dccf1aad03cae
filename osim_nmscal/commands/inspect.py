"""`osim-nmscal inspect FILE...`: what files hold, before anything is configured."""

from pathlib import Path
from typing import Annotated

import typer

from osim_nmscal.errors import ConfigError


def inspect(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="c3d, trc, mot, sto, csv or osim; or a folder of them.", show_default=False)
    ],
) -> None:
    """Say what files hold: labels, rates, events, plates and their load, gaps, axes, muscles, markers, coordinates."""
    from osim_nmscal.inspection.files import KINDS, files_below, inspect_file
    from osim_nmscal.inspection.text import inspection_text

    found: list[Path] = []
    for path in files:
        inside = files_below(path) if path.is_dir() else (path,)
        if not inside:
            raise ConfigError(f"The folder {path} holds nothing that can be inspected ({', '.join(KINDS)}); name another, or a file.")
        found += inside
    unreadable = False
    for i, path in enumerate(found):
        facts = inspect_file(path)
        unreadable |= bool(facts.problem)
        typer.echo(("\n" if i else "") + inspection_text(facts))
    if unreadable:
        raise typer.Exit(2)
