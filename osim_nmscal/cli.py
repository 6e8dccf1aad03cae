"""The command line: check, run, verify, settings, demo, electrode-study.

Errors of this package are printed as they are, without a traceback. Exit codes: 2 for what the user can mend in configuration or
files, 1 for a tool that failed, 3 when the verdict is "do not use" or OpenSim does not confirm the personalized model, 4 with
--strict when it is "use with care", 130 when interrupted. Progress goes to stderr, results to stdout; when whoever reads stdout
has gone (`| head`), the command ends without a word and with code 1.
What happens before and around it (Ctrl-C during imports, encodings, unforeseen errors) is in start.py.
"""

if __name__ == "__main__":  # `python -m osim_nmscal.cli`: before the imports below, so that Ctrl-C finds its handler in place
    from osim_nmscal.start import main as start

    start()

import os
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
import typer.core
from rich.console import Console
from rich.status import Status
from rich.table import Table

from osim_nmscal import __version__
from osim_nmscal.commands.example import example
from osim_nmscal.commands.init import init
from osim_nmscal.commands.inspect import inspect
from osim_nmscal.commands.report import compare, report
from osim_nmscal.config import describe_settings, load_config
from osim_nmscal.data.findings import Finding, Verdict
from osim_nmscal.data.results import CalibrationResult, MomentMetrics, VerificationMetrics
from osim_nmscal.errors import ConfigError, NmscalError, did_you_mean
from osim_nmscal.settings_text import SettingDescription
from osim_nmscal.start import INTERRUPTED, interruptible
from osim_nmscal.workflow.interruption import exit_code, terminable
from osim_nmscal.workflow.progress import Progress
from osim_nmscal.workflow.stages import STAGES

if TYPE_CHECKING:
    from osim_nmscal.data.electrode_study import ElectrodeStudy
    from osim_nmscal.workflow.demo import DemoResult
    from osim_nmscal.workflow.personalize import PersonalizedResult
    from osim_nmscal.workflow.verification import Verification

_out = Console(highlight=False, soft_wrap=True)
_err = Console(stderr=True, highlight=False, soft_wrap=True)


class _Commands(typer.core.TyperGroup):
    """The commands; Ctrl-C in one that does not answer it itself becomes a word and exit code 130 (click would end with 1)."""

    def invoke(self, ctx: Any) -> Any:
        try:
            with interruptible():
                return super().invoke(ctx)
        except KeyboardInterrupt:
            _err.print("Interrupted.")
            raise typer.Exit(INTERRUPTED) from None


app = typer.Typer(
    name="osim-nmscal",
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Make an OpenSim model's muscles a particular person's, from the person's own recordings.",
)

NOT_CONFIRMED = 3
CARE = 4
ConfigFile = Annotated[Path, typer.Argument(help="The workflow: a config.toml.", show_default=False)]
OutFolder = Annotated[Path | None, typer.Option("--out", help="Results folder; default: output.folder of the configuration.")]


@app.command()
def check(config: ConfigFile, out: OutFolder = None) -> None:
    """Validate a workflow against its real files; nothing is run or written."""
    workflow = load_config(config)  # first, as a slip in it is told before torch is imported
    from osim_nmscal.workflow.check import check_workflow

    report = check_workflow(workflow, out)
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for row in report.summary:
        table.add_row(row.item, _plain(row.text))
    if report.summary:
        _out.print(table, soft_wrap=False)
    _print_judged(report.judged)
    _print_findings(report.findings)
    for error in report.errors:
        _print_error(error)
    if report.errors:
        count = len(report.errors)
        _err.print(f"{config} cannot run yet: {count} problem{'s' if count > 1 else ''}, listed above.", style="bold red", markup=False)
        raise typer.Exit(2)
    where = f" --out {out}" if out else ""
    _out.print(f"{config} is ready: osim-nmscal run {config}{where}", style="bold green", markup=False)


@app.command()
def run(
    config: ConfigFile,
    out: OutFolder = None,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Recordings worked on at the same time.")] = 1,
    from_stage: Annotated[str | None, typer.Option("--from", metavar="STAGE", help=f"Run again from: {', '.join(STAGES)}.")] = None,
    only_stage: Annotated[str | None, typer.Option("--only", metavar="STAGE", help="Run this stage alone.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help=f"End with code {CARE} where the verdict is 'use with care'.")] = False,
) -> None:
    """Take the recordings through every station and write the personalized model; unchanged stages are not run again."""
    from osim_nmscal.workflow.personalize import personalize

    workflow = load_config(config)
    folder = out or workflow.output.folder
    with _ProgressPrinter() as printer, terminable():
        try:
            result = personalize(workflow, folder, jobs=jobs, from_stage=from_stage, only_stage=only_stage, progress=printer)
        except KeyboardInterrupt as error:
            _err.print(
                f"Interrupted. Finished stages are kept in {folder}/unfinished, earlier results stay as they are; the same command goes on "
                "from there.",
                markup=False,
            )
            raise typer.Exit(exit_code(error)) from None
    if result.calibration is None:
        _print_judged(result.judged)
        _print_findings(_plain_findings(result))
        _out.print(f"Done. The results are in {result.folder}", markup=False)
        return
    _print_personalized(result, strict=strict)


@app.command()
def verify(
    results: Annotated[Path, typer.Argument(help="A results folder of `run`.", show_default=False)],
    every: Annotated[bool, typer.Option("--all", help="Every trial, not only those the workflow chose.")] = False,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Trials run at the same time.")] = 1,
) -> None:
    """Let OpenSim run a personalized model again and compare its moments with those predicted."""
    from osim_nmscal.workflow.verification import verify_results

    with terminable():
        found = verify_results(results, every=every, jobs=jobs)
    _print_verification(found)
    if not found.confirmed:
        raise typer.Exit(NOT_CONFIRMED)


@app.command()
def settings(
    section: Annotated[str, typer.Argument(help="Only settings whose name starts with this, e.g. emg.envelope.")] = "",
) -> None:
    """Print every setting as in config.toml: name, default, unit, meaning, source."""
    shown = [one for one in describe_settings() if one.key.replace("[]", "").startswith(section.strip("[]"))]
    if not shown:
        known = sorted({one.key.replace("[]", "").rpartition(".")[0] for one in describe_settings()})
        raise ConfigError(f"No setting starts with {section!r}.{did_you_mean(section, known)} `osim-nmscal settings` lists all.")
    tables: dict[str, list[SettingDescription]] = defaultdict(list)
    for one in shown:
        tables[_table_of(one)].append(one)
    for i, (table, members) in enumerate(tables.items()):
        _out.print(f"\n{table}" if i else table, style="bold", markup=False)
        for one in members:
            _print_setting(one)


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Folder for the person and the results.")] = Path("results/demo"),
    arm: Annotated[bool, typer.Option("--arm", help="An arm instead of a leg.")] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Another seed is another person.")] = 1,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Recordings worked on at the same time.")] = 2,
) -> None:
    """Make a virtual person whose muscles are known, personalize their model, and compare it with the truth."""
    from osim_nmscal.workflow.demo import run_demo

    with _ProgressPrinter() as printer, terminable():
        try:
            result = run_demo(folder, kind="arm" if arm else "leg", seed=seed, jobs=jobs, progress=printer)
        except KeyboardInterrupt as error:
            _err.print(f"Interrupted. What is finished is kept in {folder}; the same command goes on from there.", markup=False)
            raise typer.Exit(exit_code(error)) from None
    try:
        _print_personalized(result.personalized)
    finally:  # it may end the command with the verdict's exit code
        _print_truth(result)


@app.command("electrode-study")
def electrode_study(
    config: ConfigFile,
    out: OutFolder = None,
    jobs: Annotated[int, typer.Option("--jobs", min=0, help="Calibrations side by side; 0: one per core.")] = 0,
    channels: Annotated[str, typer.Option("--channels", metavar="A,B,...", help="Study only these channels; the others stay.")] = "",
    fewest: Annotated[int, typer.Option("--fewest", min=1, help="Number of studied channels at which to stop.")] = 1,
) -> None:
    """Find out which EMG channels can be left off, and for how much loss; an interrupted study goes on where it stopped."""
    from osim_nmscal.workflow.electrodes import study_electrodes

    workflow = load_config(config)
    folder = out or workflow.output.folder
    chosen = tuple(name.strip() for name in channels.split(",") if name.strip())
    with _ProgressPrinter() as printer, terminable():
        try:
            result = study_electrodes(workflow, folder, channels=chosen, fewest=fewest, jobs=jobs, progress=printer)
        except KeyboardInterrupt as error:
            _err.print(f"Interrupted. Finished calibrations are kept in {folder}; the same command goes on from there.", markup=False)
            raise typer.Exit(exit_code(error)) from None
    _print_findings(result.findings)
    _print_study(result.study)
    _out.print(f"Figure: {result.figure}", style="bold green", markup=False)
    _out.print(f"Tables: {', '.join(path.name for path in result.files)} in {result.folder}", markup=False)


app.command()(example)
app.command()(init)
app.command()(inspect)
app.command()(report)
app.command()(compare)


@app.callback(invoke_without_command=True)
def _version(show: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if show:
        _out.print(f"osim-nmscal {__version__}")
        raise typer.Exit


def main() -> NoReturn:
    """Run the command line; what went wrong becomes a sentence and an exit code."""
    try:
        typer.main.get_command(app)(prog_name="osim-nmscal")  # app() itself would replace sys.excepthook
    except NmscalError as error:
        _print_error(error)
        sys.exit(2 if isinstance(error, ValueError) else 1)
    except OSError as error:  # the one place for what a disk or its permissions refuse and no station has foreseen
        _print_error(_refused_by_the_system(error))
        sys.exit(2)
    sys.exit(0)


def _refused_by_the_system(error: OSError) -> ConfigError:
    why = error.strerror or str(error) or type(error).__name__
    where = error.filename2 or error.filename
    if where is None:
        return ConfigError(f"The operating system refused to read or write: {why}; free the disk or give another folder, then run again.")
    open_elsewhere = " and that no other program has it open" if isinstance(error, PermissionError) else ""
    named = os.fsdecode(where) if isinstance(where, bytes | str | os.PathLike) else str(where)
    return ConfigError(f"{named} cannot be read or written: {why}; check the path, its permissions{open_elsewhere}.")


class _ProgressPrinter:
    """A line for each stage that ends; on a terminal, also what is running now."""

    def __init__(self) -> None:
        dots = "dots" if _err.encoding.lower().startswith("utf") else "line"
        self._status = Status("", console=_err, spinner=dots) if _err.is_terminal else None
        self._running: dict[str, str] = {}

    def __enter__(self) -> "_ProgressPrinter":
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._status is not None:
            self._status.stop()

    def __call__(self, progress: Progress) -> None:
        what = f"{progress.stage} {progress.recording}".strip()
        match progress.state:
            case "started" | "iteration":
                self._running[what] = f"{what} {progress.text}".strip()
            case "done" | "cached":
                self._running.pop(what, None)
                how = "unchanged" if progress.state == "cached" else f"{progress.seconds:.1f} s"
                _err.print(f"{progress.stage:<19}{progress.recording:<16}{how}", markup=False)
        if self._status is not None:
            self._status.update(" | ".join(_plain(text) for text in self._running.values()))


def _print_error(error: NmscalError) -> None:
    for line in str(error).splitlines():
        _err.print(line, style=None if line.startswith("  ") else "red", markup=False)


def _print_findings(findings: Iterable[str]) -> None:
    for finding in findings:
        _err.print(f"Note: {finding}", style="yellow", markup=False)


def _plain_findings(result: "PersonalizedResult") -> Iterable[str]:
    """Return what the stages said and the doctor did not."""
    told = {finding.text for finding in result.judged}
    return (text for text in result.findings if text not in told)


def _print_judged(judged: Iterable[Finding]) -> None:
    """Print what the doctor for the data found, doubts before notes; stops are printed as errors."""
    for severity, opening, style in (("doubt", "Doubt", "bold yellow"), ("note", "Note", "yellow")):
        for finding in judged:
            if finding.severity == severity:
                _err.print(f"{opening}: {finding.text}", style=style, markup=False)


def _print_verdict(verdict: Verdict) -> None:
    """Print the one sentence to act on."""
    style = {"fit for use": "bold green", "use with care": "bold yellow", "do not use": "bold red"}[verdict.level]
    _out.print(f"Verdict: {verdict.sentence}", style=style, markup=False)


def _print_personalized(result: "PersonalizedResult", *, strict: bool = False) -> None:
    """Print what a whole run made, and end with another exit code where it is not to be relied on."""
    if result.calibration is None:
        return
    _print_judged(result.judged)
    _print_findings(_plain_findings(result))
    _print_moments(result.metrics)
    _print_calibration(result.calibration)
    if result.verification is not None:
        _print_verification(result.verification)
    _out.print(f"Personalized model: {result.model}", style="bold green", markup=False)
    if result.calibration.status == "interrupted":
        _err.print(
            "Calibration was interrupted: the best so far lies in unfinished/, earlier results stay as they are; the same command "
            "calibrates again.",
            style="yellow",
        )
        raise typer.Exit(INTERRUPTED)
    if result.verdict is not None:
        _print_verdict(result.verdict)
        if result.verdict.level == "do not use":
            raise typer.Exit(NOT_CONFIRMED)
        if strict and result.verdict.level == "use with care":
            raise typer.Exit(CARE)


def _print_moments(metrics: Iterable[MomentMetrics]) -> None:
    """Print how well moments agree, recording by recording, mean over its trials, before and after calibration."""
    groups: dict[tuple[str, str, str], dict[str, list[MomentMetrics]]] = defaultdict(lambda: defaultdict(list))
    for metric in sorted(metrics, key=lambda metric: metric.role):
        groups[metric.role, metric.trial.split("/")[0], metric.dof][metric.model].append(metric)
    table = Table(title="Joint moments against inverse dynamics, mean over trials (uncalibrated -> calibrated)", title_justify="left")
    for name in ("trials", "of recording", "degree of freedom", "RMSE, N·m", "RMSE / range, %", "R²"):
        table.add_column(name, justify="left" if name in ("trials", "of recording", "degree of freedom") else "right", no_wrap=True)
    for (role, recording, dof), models in groups.items():
        before, after = models["uncalibrated"], models["calibrated"]
        table.add_row(
            f"{len(after)} {'calibration' if role == 'calibration' else 'held-out'}",
            recording,
            dof,
            f"{fmean(m.rmse for m in before):.1f} -> {fmean(m.rmse for m in after):.1f}",
            f"{100 * fmean(m.nrmse for m in before):.1f} -> {100 * fmean(m.nrmse for m in after):.1f}",
            f"{fmean(m.r2 for m in before):.2f} -> {fmean(m.r2 for m in after):.2f}",
        )
    Console(width=max(120, _out.width), highlight=False).print(table)


def _print_verification(found: "Verification") -> None:
    """Print what OpenSim itself computes with the personalized model, mean and worst over trials."""
    groups: dict[str, list[VerificationMetrics]] = defaultdict(list)
    for metric in found.metrics:
        groups[metric.dof].append(metric)
    table = Table(title="OpenSim's own run of the personalized model", title_justify="left")
    for name in ("degree of freedom", "trials", "from prediction, % of range", "worst, %", "R² with ID"):
        table.add_column(name, justify="left" if name == "degree of freedom" else "right", no_wrap=True)
    for dof, metrics in groups.items():
        table.add_row(
            dof,
            str(len(metrics)),
            f"{100 * fmean(m.nrmse for m in metrics):.2f}",
            f"{100 * max(m.nrmse for m in metrics):.2f}",
            f"{fmean(m.r2_vs_inverse_dynamics for m in metrics):.2f}",
        )
    Console(width=max(100, _out.width), highlight=False).print(table)
    if found.failure:
        _err.print(f"OpenSim cannot run the personalized model. The files are kept. {found.failure}", style="bold red", markup=False)
    elif found.confirmed:
        _out.print(
            f"OpenSim confirms the model's numerics: every moment within {100 * found.tolerance:g} % of what was predicted.", style="green"
        )
    else:
        worst = max(found.metrics, key=lambda metric: metric.nrmse)
        _err.print(
            f"OpenSim does NOT confirm the model: {worst.dof} in {worst.trial} differs by {100 * worst.nrmse:.1f} % of its range (allowed "
            f"{100 * found.tolerance:g} %); most in {worst.muscle}. The files are kept; do not rely on them before you know why.",
            style="bold red",
            markup=False,
        )


def _print_calibration(result: CalibrationResult) -> None:
    bound = sum(parameter.at_bound in ("lower", "upper") for parameter in result.parameters)
    clear = sum(parameter.identifiable for parameter in result.parameters)
    ended = f"{result.status} after {result.iterations} iterations, {result.seconds:.1f} s"
    _out.print(f"Calibration by {result.optimizer}: {ended}. {result.sentence}", markup=False)
    told = f"{len(result.parameters)} parameters, {clear} clearly told by the data, {bound} at a bound"
    _out.print(f"{told} (calibration/parameters.csv).", markup=False)


def _print_truth(result: "DemoResult") -> None:
    """Print how near the calibration came to the person's true muscles, and where everything lies."""
    table = Table(
        title=f"Against the truth of virtual {result.kind} {result.seed}: mean error (scaled -> calibrated)", title_justify="left"
    )
    for name in ("parameter", "number", "error, %", "truth in 95 % interval", "identifiable", "error of these, %"):
        table.add_column(name, justify="left" if name == "parameter" else "right", no_wrap=True)
    for one in result.comparison:
        clear = f"{100 * one.identifiable_before:.1f} -> {100 * one.identifiable_after:.1f}" if one.identifiable else "-"
        error = f"{100 * one.before:.1f} -> {100 * one.after:.1f}"
        table.add_row(one.parameter, str(one.count), error, f"{one.inside} of {one.count}", str(one.identifiable), clear)
    Console(width=max(110, _out.width), highlight=False).print(table)
    files, results = result.folder, result.personalized.folder
    made_files = ", ".join(str(results / name) for name in ("personalized.osim", "calibration/parameters.csv", "metrics.json"))
    made = "the person was there already" if result.reused else f"{result.seconds_person:.0f} s of them to make the person"
    for line in (
        "Identifiable: the data at least halve what was unknown before. Trust the intervals, not the values, of the others.",
        f"Done in {result.seconds:.0f} s ({made}). Everything is in {files}",
        f"  look at      {made_files}",
        f"  the truth    {result.truth}, which the chain never read",
        f"  go on with   {result.config}: change a setting, then osim-nmscal run {result.config}",
    ):
        _out.print(line, markup=False)


def _print_study(study: "ElectrodeStudy") -> None:
    """Print both methods at every number of channels, and the answer in words."""
    from osim_nmscal.summaries.electrode_answer import deciding_data
    from osim_nmscal.summaries.paired_tests import p_text

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
    Console(width=max(100, _out.width), highlight=False).print(table)
    for sentence in study.sentences:
        _out.print(sentence, markup=False)


def _table_of(one: SettingDescription) -> str:
    parts = one.key.split(".")[:-1]
    name = ".".join(part.replace("[]", "") for part in parts)
    return f"[[{name}]]" if parts and parts[-1].endswith("[]") else f"[{name}]"


def _print_setting(one: SettingDescription) -> None:
    name = one.key.rpartition(".")[2]
    unit = "" if one.unit == "-" else f"{one.unit}. "
    given = f"{name} = {one.default}" if one.default not in ("required", "none") else f"{name} = ..."
    note = {"required": "required. ", "none": "not set. "}.get(one.default, "")
    allowed = f"{one.allowed}. " if one.allowed else ""
    text = f"  # {note}{unit}{allowed}{one.meaning.rstrip('.')}. Source: {one.source}."
    _out.print(given, end="", markup=False, style="cyan" if not note else "bold cyan")
    _out.print(text, markup=False)


def _plain(text: str) -> str:
    return text.replace("[", "\\[")
