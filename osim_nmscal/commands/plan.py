"""`osim-nmscal plan CONFIG`: what to record next."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from osim_nmscal.commands.arguments import Changes, ConfigFile, OutFolder
from osim_nmscal.commands.exit_codes import exit_code
from osim_nmscal.commands.following import LogFile, Quiet, Verbose, following
from osim_nmscal.commands.printing import ERR, OUT, pasteable, print_findings
from osim_nmscal.commands.printing_progress import counts_of_run
from osim_nmscal.config import load_config
from osim_nmscal.workflow.interruption import terminable

if TYPE_CHECKING:
    from osim_nmscal.planning.information import Plan
    from osim_nmscal.planning.worth import Worth

# Recordings that the console shows; the files have all of them.
_SHOWN = 12


def plan(
    config: ConfigFile,
    out: OutFolder = None,
    changes: Changes = None,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Recordings worked on at the same time.")] = 1,
    quiet: Quiet = False,
    verbose: Verbose = False,
    log_file: LogFile = None,
) -> None:
    """Say which further recording would tell most of this person's muscles; nothing is calibrated."""
    from osim_nmscal.workflow.planning import plan_recordings

    workflow = load_config(config, changes or ())
    folder = out or workflow.output.folder
    counts = counts_of_run(len(workflow.recordings), until="dynamometer", after="plan")
    with following(counts, quiet=quiet, verbose=verbose, log_file=log_file) as progress, terminable():
        try:
            result = plan_recordings(workflow, folder, jobs=jobs, progress=progress)
        except KeyboardInterrupt as error:
            ERR.print(f"Interrupted. Finished stages are kept in {folder}; the same command goes on from there.", markup=False)
            raise typer.Exit(exit_code(error)) from None
    OUT.print(result.sentence, style="bold", markup=False)
    if not quiet:
        print_findings(result.findings)
        _print_plan(result.plan)
    OUT.print(f"Figure: {pasteable(result.figure)}", style="bold green", markup=False)
    OUT.print(f"Tables: {', '.join(path.name for path in result.files)} in {pasteable(result.folder)}", markup=False)


def _print_plan(plan: "Plan") -> None:
    """Print the best order with what each recording buys."""
    from osim_nmscal.planning.worth import how_many_known, worth

    title = "The best order, each given those above it; mean standard deviations and what it tells are of each alone"
    table = Table(title=title, title_justify="left")
    for name in ("", "recording", "less, %", "fibers, %", "working points", "strengths, %", "tells"):
        table.add_column(name, justify="left" if name in ("recording", "tells") else "right")
    found = worth(plan)
    for one in found[:_SHOWN]:
        cells = (_pair(one, "optimal_fiber_length", 1), _pair(one, "working_point", 3), _pair(one, "strength_coefficient", 1))
        table.add_row(str(one.place), one.candidate, f"{100 * (1 - one.left_in_order):.1f}", *cells, _tells(one))
    Console(width=max(150, OUT.width), highlight=False).print(table)
    if len(found) > _SHOWN:
        OUT.print(f"{len(found) - _SHOWN} more are in the figure and the tables.", markup=False)
    OUT.print(how_many_known(plan), markup=False)


def _tells(one: "Worth") -> str:
    from osim_nmscal.planning.worth import named, narrowings

    known = f"known: {named(one.newly_known)}; " if one.newly_known else ""
    return f"{known}{narrowings(one).replace('→', '->')}" or "-"


def _pair(one: "Worth", quantity: str, digits: int) -> str:
    if quantity not in one.means:
        return "-"
    before, after = one.means[quantity]
    return f"{before:.{digits}f} -> {after:.{digits}f}"
