"""`osim-nmscal electrode-study CONFIG`: which electrodes can be left off."""

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
    from osim_nmscal.electrodes.findings import ElectrodeStudy


def electrode_study(
    config: ConfigFile,
    out: OutFolder = None,
    changes: Changes = None,
    jobs: Annotated[int, typer.Option("--jobs", min=0, help="Calibrations side by side; 0: one per core.")] = 0,
    channels: Annotated[str, typer.Option("--channels", metavar="A,B,...", help="Study only these channels; the others stay.")] = "",
    fewest: Annotated[int, typer.Option("--fewest", min=1, help="Number of studied channels at which to stop.")] = 1,
    quiet: Quiet = False,
    verbose: Verbose = False,
    log_file: LogFile = None,
) -> None:
    """Find out which EMG channels can be left off, and for how much loss; an interrupted study goes on where it stopped."""
    from osim_nmscal.electrodes.of_workflow import study_electrodes

    workflow = load_config(config, changes or ())
    folder = out or workflow.output.folder
    chosen = tuple(name.strip() for name in channels.split(",") if name.strip())
    counts = counts_of_run(len(workflow.recordings), until="trials", after="electrode_study")
    with following(counts, quiet=quiet, verbose=verbose, log_file=log_file) as progress, terminable():
        try:
            result = study_electrodes(workflow, folder, channels=chosen, fewest=fewest, jobs=jobs, progress=progress)
        except KeyboardInterrupt as error:
            ERR.print(f"Interrupted. Finished calibrations are kept in {folder}; the same command goes on from there.", markup=False)
            raise typer.Exit(exit_code(error)) from None
    if not quiet:
        print_findings(result.findings)
        _print_study(result.study)
    OUT.print(f"Figure: {pasteable(result.figure)}", style="bold green", markup=False)
    OUT.print(f"Tables: {', '.join(path.name for path in result.files)} in {pasteable(result.folder)}", markup=False)


def _print_study(study: "ElectrodeStudy") -> None:
    """Print both methods at every number of channels, and the answer in words."""
    from osim_nmscal.electrodes.answer import deciding_data
    from osim_nmscal.electrodes.paired_tests import p_text

    data = deciding_data(study.metrics)
    title = f"Median R² on {data.replace('_', '-')} trials as channels are left off, the least missed first"
    table = Table(title=title, title_justify="left")
    for name in ("channels", "then left off", "degree of freedom", "EMG-driven", "synergy-hybrid", "p adjusted", "better"):
        table.add_column(name, justify="left" if name in ("then left off", "degree of freedom", "better") else "right", no_wrap=True)
    for row in (row for row in study.comparisons if row.data == data and row.measure == "r2"):
        gone = len(study.channels) - row.count
        table.add_row(
            str(row.count),
            study.order[gone - 1] if gone else "-",
            row.dof,
            f"{row.emg_driven:.3f}",
            f"{row.synergy_hybrid:.3f}",
            p_text(row.p_adjusted),
            row.better.replace("_", "-"),
        )
    Console(width=max(100, OUT.width), highlight=False).print(table)
    for sentence in study.sentences:
        OUT.print(sentence, markup=False)
