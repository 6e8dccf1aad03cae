"""The report as one HTML file: nothing is fetched, and everything but sorting, copying and saving works without scripts."""

from pathlib import Path

from jinja2 import Environment, PackageLoader, select_autoescape
from markupsafe import Markup

from osim_nmscal import __version__
from osim_nmscal.report.blocks import Section, sort_key, written
from osim_nmscal.report.clinician import clinician_section
from osim_nmscal.report.data import ReportData
from osim_nmscal.report.researcher import researcher_section
from osim_nmscal.report.reviewer import reviewer_section
from osim_nmscal.report.student import student_section

SIGNS = {"green": "✔", "amber": "!", "red": "✖", "grey": "?", "info": "i"}
KINDS = {"stop": "Stops", "doubt": "Doubts", "note": "Notes"}


def report_html(data: ReportData) -> str:
    """Return the whole report of one run."""
    return page_html(data, sections(data))


def sections(data: ReportData) -> tuple[Section, ...]:
    """Return the parts of a run's report, in the order of its readers."""
    return clinician_section(data), student_section(data), researcher_section(data), reviewer_section(data)


def page_html(data: ReportData, parts: tuple[Section, ...]) -> str:
    """Return a page with the verdict of `data` on top and these sections below."""
    environment = Environment(
        loader=PackageLoader("osim_nmscal.report", "templates"),
        autoescape=select_autoescape(["html"]),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(written=written, sort_key=sort_key, drawing=Markup)
    groups = {name: [one for one in data.findings if one.kind == kind] for kind, name in KINDS.items()}
    return environment.get_template("report.html").render(
        data=data, sections=parts, signs=SIGNS, findings={k: v for k, v in groups.items() if v}, version=__version__
    )


def write_report(data: ReportData, path: Path) -> Path:
    """Write the report of a run; its folder must be there.

    Returns:
        The path.
    """
    path.write_text(report_html(data), encoding="utf-8", newline="\n")
    return path
