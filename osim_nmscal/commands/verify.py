"""`osim-nmscal verify RESULTS`: OpenSim runs a personalized model again."""

from pathlib import Path
from typing import Annotated

import typer

from osim_nmscal.commands.exit_codes import NOT_CONFIRMED
from osim_nmscal.commands.printing_result import print_verification
from osim_nmscal.workflow.interruption import terminable


def verify(
    results: Annotated[Path, typer.Argument(help="A results folder of `run`.", show_default=False)],
    every: Annotated[bool, typer.Option("--all", help="Every trial, not only those the workflow chose.")] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Simulate the whole model, not its muscles alone on paths of OpenSim's lengths; slower.")
    ] = False,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Trials run at the same time.")] = 1,
) -> None:
    """Let OpenSim run a personalized model again and compare its moments with those predicted."""
    from osim_nmscal.workflow.verification import verify_results

    with terminable():
        found = verify_results(results, every=every, full=full, jobs=jobs)
    print_verification(found)
    if not found.confirmed:
        raise typer.Exit(NOT_CONFIRMED)
