"""`osim-nmscal report RESULTS` and `osim-nmscal compare A B`: pages made from results folders, at any time."""

from pathlib import Path
from typing import Annotated

import typer

from osim_nmscal.commands.printing import pasteable
from osim_nmscal.errors import ConfigError

_MADE_BY_US = '<meta name="generator" content="osim_nmscal'
Out = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="The page to write; default: beside the results folder.")]


def report(
    results: Annotated[Path, typer.Argument(help="A results folder of `run`.", show_default=False)],
    out: Out = None,
) -> None:
    """Make the report of a results folder again, its electrode study included: one page with the verdict first, to open in any browser."""
    from osim_nmscal.electrodes.page import study_section
    from osim_nmscal.electrodes.tables import FOLDER, read_study
    from osim_nmscal.report.page import write_report
    from osim_nmscal.workflow.report_data import report_of_folder

    path = out or beside(results, "report")
    require_free(path)
    data, study = report_of_folder(results), read_study(results / FOLDER)
    more = () if study is None else (study_section(study, answered=True),)
    typer.echo(f"Report: {pasteable(write_report(data, path, more=more))}")


def compare(
    first: Annotated[Path, typer.Argument(metavar="A", help="A results folder of `run`.", show_default=False)],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another one.", show_default=False)],
    out: Out = None,
) -> None:
    """Make a page that shows two results folders side by side: moments, parameters, settings."""
    from osim_nmscal.report.comparison import write_comparison
    from osim_nmscal.workflow.report_data import report_of_folder

    path = out or beside(second, f"against_{first.resolve().name}")
    require_free(path)
    names = (str(first), str(second))
    written = write_comparison(report_of_folder(first), report_of_folder(second), names, path)
    typer.echo(f"Comparison: {pasteable(written)}")


def beside(results: Path, what: str) -> Path:
    """Return where a page of a results folder goes: not into it, as a run owns what lies there."""
    root = results.resolve()
    return root.with_name(f"{root.name}_{what}.html")


def require_free(path: Path) -> None:
    """Refuse to write over what is no page of ours.

    Raises:
        ConfigError: names the file.
    """
    if path.is_dir():
        raise ConfigError(f"{path} is a folder; name a file (--out).")
    if not path.parent.is_dir():
        raise ConfigError(f"The folder {path.parent} does not exist; make it, or name another file (--out).")
    if path.exists() and _MADE_BY_US not in path.read_text(encoding="utf-8", errors="replace")[:2000]:
        raise ConfigError(f"{path} exists and was not made by osim-nmscal; name another file (--out).")
