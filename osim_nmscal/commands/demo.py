"""`osim-nmscal demo [DIR]`: a virtual person whose muscles are known, and how near the calibration comes to them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from osim_nmscal.commands.exit_codes import exit_code
from osim_nmscal.commands.following import LogFile, Quiet, Verbose, following, keep_verdict
from osim_nmscal.commands.printing import ERR, OUT, pasteable
from osim_nmscal.commands.printing_progress import counts_of_run
from osim_nmscal.commands.printing_result import print_personalized
from osim_nmscal.workflow.interruption import terminable

if TYPE_CHECKING:
    from osim_nmscal.virtual_subject.truth import TruthErrors
    from osim_nmscal.workflow.demo import DemoResult

# Of a virtual person; for the progress display.
_RECORDINGS, _EFFORTS = 3, 15


def demo(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Folder for the person and the results.")] = Path("results/demo"),
    arm: Annotated[bool, typer.Option("--arm", help="An arm instead of a leg.")] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Another seed is another person.")] = 1,
    dynamometer: Annotated[bool, typer.Option("--dynamometer", help="The person also sits on a dynamometer (leg only).")] = False,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Recordings worked on at the same time.")] = 2,
    quiet: Quiet = False,
    verbose: Verbose = False,
    log_file: LogFile = None,
) -> None:
    """Make a virtual person whose muscles are known, personalize their model, and compare it with the truth."""
    from osim_nmscal.workflow.demo import run_demo

    counts = counts_of_run(_RECORDINGS, _EFFORTS if dynamometer else 0, before="virtual_subject")
    with following(counts, quiet=quiet, verbose=verbose, log_file=log_file) as progress, terminable():
        try:
            result = run_demo(folder, kind="arm" if arm else "leg", seed=seed, dynamometer=dynamometer, jobs=jobs, progress=progress)
            keep_verdict(result.personalized.verdict)
        except KeyboardInterrupt as error:
            ERR.print(f"Interrupted. What is finished is kept in {folder}; the same command goes on from there.", markup=False)
            raise typer.Exit(exit_code(error)) from None
    try:
        print_personalized(result.personalized, quiet=quiet)
    finally:  # it may end the command with the verdict's exit code
        if not quiet:
            _print_truth(result)


def _print_truth(result: "DemoResult") -> None:
    """Print how near the calibration came to the person's true muscles, and where everything lies."""
    table = Table(
        title=f"Against the truth of virtual {result.kind} {result.seed}: mean error (scaled -> calibrated)", title_justify="left"
    )
    for name in ("parameter", "number", "error, %", "truth in 95 % interval", "told", "error of these, %", "assumed", "of these, %"):
        table.add_column(name, justify="left" if name == "parameter" else "right", no_wrap=True)
    for one in result.comparison:
        inside = f"{one.whole.inside} of {one.whole.count}"
        told, assumed = ((str(part.count), _errors(part)) for part in (one.told, one.assumed))
        table.add_row(one.parameter, str(one.whole.count), _errors(one.whole), inside, *told, *assumed)
    Console(width=max(140, OUT.width), highlight=False).print(table)
    files, results = result.folder, result.personalized.folder
    made_files = " ".join(pasteable(results / name) for name in ("personalized.osim", "calibration/parameters.csv", "metrics.json"))
    made = "the person was there already" if result.reused else f"{result.seconds_person:.0f} s of them to make the person"
    for line in (
        "Told: the data at least halve what was unknown before. Assumed: what was believed before; trust the intervals, not the values.",
        f"Done in {result.seconds:.0f} s ({made}). Everything is in {pasteable(files)}",
        f"  look at      {made_files}",
        f"  the truth    {pasteable(result.truth)}, which the chain never read",
        f"  go on with   {pasteable(result.config)}: change a setting, then osim-nmscal run {pasteable(result.config)}",
    ):
        OUT.print(line, markup=False)


def _errors(part: "TruthErrors") -> str:
    return f"{100 * part.before:.1f} -> {100 * part.after:.1f}" if part.count else "-"
