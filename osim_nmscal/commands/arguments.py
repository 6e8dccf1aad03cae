"""Arguments that several commands have, and what a shell may complete them with."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer


def sections_beginning(incomplete: str) -> Iterator[str]:
    """Yield the tables of a configuration that begin so."""
    from osim_nmscal.config import describe_settings

    tables = (one.key.replace("[]", "").rpartition(".")[0] for one in describe_settings())
    yield from dict.fromkeys(table for table in tables if table.startswith(incomplete))


def settings_beginning(incomplete: str) -> Iterator[str]:
    """Yield the keys of a configuration that begin so, with the sign that a value follows."""
    from osim_nmscal.config import describe_settings

    keys = (f"{one.key.replace('[]', '[1]')}=" for one in describe_settings())
    yield from (key for key in keys if key.startswith(incomplete))


def stages_beginning(incomplete: str) -> Iterator[str]:
    """Yield the stages that begin so."""
    from osim_nmscal.workflow.stages import STAGES

    yield from (stage for stage in STAGES if stage.startswith(incomplete))


def examples_beginning(incomplete: str) -> Iterator[str]:
    """Yield the examples that begin so."""
    from osim_nmscal.examples.catalogue import EXAMPLES

    yield from (name for name in EXAMPLES if name.startswith(incomplete))


ConfigFile = Annotated[Path, typer.Argument(help="The workflow: a config.toml.", show_default=False)]
OutFolder = Annotated[Path | None, typer.Option("--out", help="Results folder; default: output.folder of the configuration.")]
Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Set a key for this time, e.g. emg.envelope.lowpass_cutoff=6 or recordings[1].role=held_out; may be given again.",
        autocompletion=settings_beginning,
        show_default=False,
    ),
]
