"""`osim-nmscal inspect FILE...`: what files hold, before anything is configured."""

from pathlib import Path
from typing import Annotated

import typer


def inspect(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="c3d, trc, mot, sto, csv or osim.", show_default=False)],
) -> None:
    """Say what files hold: labels, rates, events, plates and their load, gaps, axes, muscles, markers, coordinates."""
    from osim_nmscal.inspection.files import inspect_file
    from osim_nmscal.inspection.text import inspection_text

    unreadable = False
    for i, path in enumerate(files):
        facts = inspect_file(path)
        unreadable |= bool(facts.problem)
        typer.echo(("\n" if i else "") + inspection_text(facts))
    if unreadable:
        raise typer.Exit(2)
