"""`osim-nmscal init FOLDER`: a first configuration from what a laboratory's folder holds."""

from pathlib import Path
from typing import Annotated

import typer

from osim_nmscal.commands.printing import pasteable
from osim_nmscal.errors import ConfigError


def init(
    folder: Annotated[Path, typer.Argument(help="The folder with your model, recordings and setups.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="The configuration to write; default: FOLDER/config.toml.")
    ] = None,
) -> None:
    """Look through a folder and write a commented config.toml: guesses where the files tell something, questions where they do not."""
    from osim_nmscal.drafting.draft import draft_config, write_draft
    from osim_nmscal.drafting.folder import look_through

    path = (out or folder / "config.toml").resolve()
    if path.exists():
        raise ConfigError(f"{path} exists; name another file (--out), or move it away.")
    if not path.parent.is_dir():
        raise ConfigError(f"The folder {path.parent} does not exist; make it first.")
    draft = draft_config(look_through(folder.resolve()), path.parent)
    for written in write_draft(draft, path):
        typer.echo(f"Written: {pasteable(written)}")
    for question in draft.questions:
        typer.echo(f"Question: {question}")
    typer.echo(
        f"Next: answer what is marked QUESTION, look at every GUESS, then osim-nmscal check {pasteable(out or folder / 'config.toml')}"
    )
