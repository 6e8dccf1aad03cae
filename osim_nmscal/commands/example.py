"""`osim-nmscal example NAME [DIR]`: public recordings with a configuration that runs."""

from pathlib import Path
from typing import Annotated

import typer

from osim_nmscal.commands.arguments import examples_beginning
from osim_nmscal.commands.printing import pasteable


def example(
    name: Annotated[
        str, typer.Argument(help="Which one; without a name: a list.", show_default=False, autocompletion=examples_beginning)
    ] = "",
    folder: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="Folder for it; default: NAME here.", show_default=False)] = None,
) -> None:
    """Fetch public recordings with a configuration that runs; without a network from a copy (see OSIM_NMSCAL_EXAMPLES)."""
    from osim_nmscal.examples.catalogue import EXAMPLES
    from osim_nmscal.examples.fetch import fetch_example

    if not name:
        for one in EXAMPLES.values():
            typer.echo(f"{one.name}: {one.title} (github.com/{one.repository}, {one.licence})")
        typer.echo("Virtual persons need no recordings: osim-nmscal demo, osim-nmscal demo --arm")
        return
    made = fetch_example(name, folder or Path(name), told=lambda file: typer.echo(f"  {file}", err=True))
    shown = pasteable(made)
    typer.echo(f"Written: {shown}. {EXAMPLES[name].licence}.")
    ready = EXAMPLES[name].configured
    typer.echo(f"Next: osim-nmscal check {shown}, then osim-nmscal run {shown}" if ready else f"Next: osim-nmscal init {shown}")
