"""`osim-nmscal check CONFIG`: everything a workflow names against the real files."""

from pathlib import Path

import typer
from rich.table import Table

from osim_nmscal.commands.arguments import Changes, ConfigFile, OutFolder
from osim_nmscal.commands.printing import ERR, OUT, pasteable, plain, print_error, print_findings, print_judged
from osim_nmscal.config import load_config
from osim_nmscal.config_files import files_of
from osim_nmscal.drafting.notes import GUESS, QUESTION, left_to_do


def check(config: ConfigFile, out: OutFolder = None, changes: Changes = None) -> None:
    """Validate a workflow against its real files; nothing is run or written."""
    _print_left_to_do(config)
    workflow = load_config(config, changes or ())
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


def _print_left_to_do(config: Path) -> None:
    """Print the questions of a draft that nobody has answered yet, and where its guesses are."""
    for file in files_of(config):
        try:
            left = left_to_do(file.read_text(encoding="utf-8-sig"))
        except (OSError, ValueError):  # loading it says so
            continue
        for line, question in left.questions:
            ERR.print(f"{file.name}, line {line}: {QUESTION}: {question}", style="bold yellow", markup=False)
        if left.guesses:
            ERR.print(f"{file.name}: {len(left.guesses)} lines are marked {GUESS}; look at them, and take the mark away.", markup=False)
