"""`osim-nmscal check CONFIG`: everything a workflow names against the real files."""

import typer
from rich.table import Table

from osim_nmscal.commands.arguments import Changes, ConfigFile, OutFolder
from osim_nmscal.commands.printing import ERR, OUT, pasteable, plain, print_error, print_findings, print_judged
from osim_nmscal.config import load_config


def check(config: ConfigFile, out: OutFolder = None, changes: Changes = None) -> None:
    """Validate a workflow against its real files; nothing is run or written."""
    workflow = load_config(config, changes or ())  # first, as a slip in it is told before torch is imported
    from osim_nmscal.workflow.check import check_workflow

    report = check_workflow(workflow, out)
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for row in report.summary:
        table.add_row(row.item, plain(row.text))
    if report.summary:
        OUT.print(table, soft_wrap=False)
    print_judged(report.judged)
    print_findings(report.findings)
    for error in report.errors:
        print_error(error)
    if report.errors:
        count = len(report.errors)
        ERR.print(f"{config} cannot run yet: {count} problem{'s' if count > 1 else ''}, listed above.", style="bold red", markup=False)
        raise typer.Exit(2)
    words = [config, *(("--out", out) if out else ()), *(word for change in changes or () for word in ("--set", change))]
    OUT.print(f"{config} is ready: osim-nmscal run {' '.join(map(pasteable, words))}", style="bold green", markup=False)
