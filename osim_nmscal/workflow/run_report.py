"""The report of a run, made as its last step and published with everything else."""

from pathlib import Path

from osim_nmscal.data.findings import Verdict, note
from osim_nmscal.report.page import write_report
from osim_nmscal.workflow.flow import Flow
from osim_nmscal.workflow.report_data import ReportSource, report_data
from osim_nmscal.workflow.user_files import input_digests


def write_run_report(flow: Flow, verdict: Verdict, path: Path) -> Path:
    """Write the report of a run from the files that it is about to publish.

    Returns:
        The path.
    """
    source = ReportSource(
        path=flow.place.path,
        config=flow.config,
        stages=flow.runner.times,
        findings=(*flow.runner.judged, *(note(text) for text in flow.runner.findings)),
        verdict=verdict,
        inputs=input_digests(flow.config, missing="leave out"),
    )
    return write_report(report_data(source), path)
