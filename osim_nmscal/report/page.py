"""The report as one HTML file: nothing is fetched, and everything but sorting, copying and saving works without scripts."""

from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, select_autoescape
from markupsafe import Markup

from osim_nmscal import __version__
from osim_nmscal.data.findings import VerdictLevel
from osim_nmscal.report.blocks import Section, sort_key, written
from osim_nmscal.report.clinician import clinician_section
from osim_nmscal.report.data import ReportData
from osim_nmscal.report.early_end import early_end_section, sentence
from osim_nmscal.report.researcher import researcher_section
from osim_nmscal.report.reviewer import reviewer_section
from osim_nmscal.report.student import student_section

# Signs beside the colours, for eyes that do not tell these apart.
SIGNS = {"green": "✔", "amber": "!", "red": "✖", "grey": "?", "info": "i"}
LIGHTS: dict[VerdictLevel, str] = {"fit for use": "green", "use with care": "amber", "do not use": "red"}
# Reasons of the verdict that stand on top; all of them are among the findings.
MOST_REASONS = 6
KINDS = {"stop": "Stops", "doubt": "Doubts", "note": "Notes"}


@dataclass(frozen=True, kw_only=True)
class Head:
    """What stands on top of a page."""

    light: str  # green, amber, red, grey, info
    sentence: str
    reasons: tuple[str, ...] = ()


def report_html(data: ReportData, more: tuple[Section, ...] = ()) -> str:
    """Return the whole report of one run, with more sections behind its own."""
    return page_html(data, _head(data), (*sections(data), *more))


def sections(data: ReportData) -> tuple[Section, ...]:
    """Return the parts of a run's report, in the order of its readers; of a run that ended early, those of which there is anything."""
    parts = clinician_section(data), student_section(data), researcher_section(data), reviewer_section(data)
    if data.early_end is None:
        return parts
    there = tuple(part for part in parts if any(block.kind != "missing" for block in part.blocks))
    ending = early_end_section(data, tuple(part.title for part in parts if part not in there))
    return (ending, *there) if ending is not None else there


def page_html(data: ReportData, head: Head, parts: tuple[Section, ...]) -> str:
    """Return a page: its head, who and what it is about, findings, and these sections."""
    environment = Environment(
        loader=PackageLoader("osim_nmscal.report", "templates"),
        autoescape=select_autoescape(["html"]),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(written=written, sort_key=sort_key, drawing=Markup)
    groups = {name: [one for one in data.findings if one.severity == severity] for severity, name in KINDS.items()}
    return environment.get_template("report.html").render(
        data=data, head=head, sections=parts, signs=SIGNS, findings={k: v for k, v in groups.items() if v}, version=__version__
    )


def write_report(data: ReportData, path: Path, *, more: tuple[Section, ...] = ()) -> Path:
    """Write the report of a run; its folder must be there.

    Args:
        data: of the run.
        path: of the page.
        more: sections behind those of the run, e.g. of its electrode study.

    Returns:
        The path.

    Example:
        >>> metrics = moment_metrics(trials, predictions, model="calibrated")
        >>> data = ReportData(subject="Person 7", model="arm.osim", date="2026-11-21", calibration=result, metrics=metrics)
        >>> write_report(data, Path("report.html")).name
        'report.html'
    """
    path.write_text(report_html(data, more), encoding="utf-8", newline="\n")
    return path


def _head(data: ReportData) -> Head:
    if data.early_end is not None:
        light = "red" if data.early_end.kind == "failed" else "grey"
        return Head(light=light, sentence=sentence(data.early_end), reasons=data.early_end.reasons)
    if data.verdict is None:
        return Head(light="grey", sentence="No verdict: no model was calibrated and evaluated.")
    opening = data.verdict.level[0].upper() + data.verdict.level[1:] + "."
    reasons = data.verdict.reasons or (data.verdict.sentence,)
    if len(reasons) > MOST_REASONS + 1:
        left = len(reasons) - MOST_REASONS
        reasons = (*reasons[:MOST_REASONS], f"And {left} more, see the findings below.")
    return Head(light=LIGHTS[data.verdict.level], sentence=opening, reasons=reasons)
