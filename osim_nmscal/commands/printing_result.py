"""What a run made, for `run`, `demo` and `verify`: how well moments agree, how the calibration ended, what OpenSim says, the verdict."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from statistics import fmean
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Table

from osim_nmscal.commands.exit_codes import CARE, NOT_CONFIRMED
from osim_nmscal.commands.printing import ERR, OUT, pasteable, print_findings, print_judged, print_verdict
from osim_nmscal.data.results import CalibrationResult, DynamometerMetrics, MomentMetrics, VerificationMetrics
from osim_nmscal.surroundings import INTERRUPTED
from osim_nmscal.workflow.names import REPORT

if TYPE_CHECKING:
    from osim_nmscal.workflow.personalize import PersonalizedResult
    from osim_nmscal.workflow.verification import Verification


def print_personalized(result: "PersonalizedResult", *, strict: bool = False, quiet: bool = False) -> None:
    """Print what a whole run made, and end with another exit code where it is not to be relied on.

    Args:
        result: of the run.
        strict: let "use with care" end with a code of its own.
        quiet: print the model's file and the verdict only.
    """
    if result.calibration is None:
        return
    if not quiet:
        print_judged(result.judged)
        print_findings(unjudged(result))
        _print_moments(result.metrics)
        _print_dynamometer(result.dynamometer)
        _print_calibration(result.calibration)
        if result.verification is not None:
            print_verification(result.verification)
    OUT.print(f"Personalized model: {pasteable(str(result.model))}", style="bold green", markup=False)
    if (result.folder / REPORT).is_file():
        OUT.print(f"Report: {pasteable(result.folder / REPORT)}", markup=False)
    if result.calibration.status == "interrupted":
        ERR.print(
            "Calibration was interrupted: the best so far lies in unfinished/, earlier results stay as they are; the same command "
            "calibrates again.",
            style="yellow",
        )
        raise typer.Exit(INTERRUPTED)
    if result.verdict is not None:
        print_verdict(result.verdict)
        if result.verdict.level == "do not use":
            raise typer.Exit(NOT_CONFIRMED)
        if strict and result.verdict.level == "use with care":
            raise typer.Exit(CARE)


def unjudged(result: "PersonalizedResult") -> Iterable[str]:
    """Return what the stages said and the doctor did not."""
    told = {finding.text for finding in result.judged}
    return (text for text in result.findings if text not in told)


def print_verification(found: "Verification") -> None:
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
    Console(width=max(100, OUT.width), highlight=False).print(table)
    if found.failure:
        ERR.print(f"OpenSim cannot run the personalized model. The files are kept. {found.failure}", style="bold red", markup=False)
    elif found.confirmed:
        OUT.print(
            f"OpenSim confirms the model's numerics: every moment within {100 * found.tolerance:g} % of what was predicted.", style="green"
        )
    else:
        worst = max(found.metrics, key=lambda metric: metric.nrmse)
        ERR.print(
            f"OpenSim does NOT confirm the model: {worst.dof} in {worst.trial} differs by {100 * worst.nrmse:.1f} % of its range (allowed "
            f"{100 * found.tolerance:g} %); most in {worst.muscle}. The files are kept; do not rely on them before you know why.",
            style="bold red",
            markup=False,
        )


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
    Console(width=max(120, OUT.width), highlight=False).print(table)


def _print_dynamometer(metrics: Iterable[DynamometerMetrics]) -> None:
    """Print how well a dynamometer's moments are met, recording by recording, mean over its trials, before and after calibration."""
    groups: dict[tuple[str, str], list[DynamometerMetrics]] = defaultdict(list)
    for metric in metrics:
        groups[metric.trial.split("/")[0], metric.dof].append(metric)
    if not groups:
        return
    table = Table(title="Moments of the dynamometer, mean over trials (uncalibrated -> calibrated)", title_justify="left")
    for name in ("trials", "of recording", "degree of freedom", "largest, N·m", "RMSE, N·m"):
        table.add_column(name, justify="right" if "N·m" in name else "left", no_wrap=True)
    for (recording, dof), found in groups.items():
        kind = f"{len(found)} {found[0].kind}{', held-out' if found[0].role == 'held_out' else ''}"
        largest = max((one.largest for one in found), key=abs)
        error = f"{fmean(one.rmse_uncalibrated for one in found):.1f} -> {fmean(one.rmse_calibrated for one in found):.1f}"
        table.add_row(kind, recording, dof, f"{largest:.1f}", error)
    Console(width=max(120, OUT.width), highlight=False).print(table)


def _print_calibration(result: CalibrationResult) -> None:
    standing = Counter(parameter.standing for parameter in result.parameters)
    ended = f"{result.status} after {result.iterations} iterations, {result.seconds:.1f} s"
    OUT.print(f"Calibration by {result.optimizer}: {ended}. {result.sentence}", markup=False)
    told = ", ".join(f"{standing[name]} {name}" for name in ("known", "assumed", "at bound", "fixed") if standing[name])
    OUT.print(f"{len(result.parameters)} parameters: {told} (calibration/parameters.csv).", markup=False)
    if standing["assumed"] > standing["known"]:
        OUT.print("What is assumed stays what was believed before; `osim-nmscal plan` says which recording would tell it.", markup=False)
