"""Arguments that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

ConfigFile = Annotated[Path, typer.Argument(help="The workflow: a config.toml.", show_default=False)]
OutFolder = Annotated[Path | None, typer.Option("--out", help="Results folder; default: output.folder of the configuration.")]
