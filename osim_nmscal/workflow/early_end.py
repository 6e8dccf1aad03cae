"""What a run leaves that ends before its last stage: where and why it ended, and a report of what is there, in unfinished/."""

from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import numpy as np

from osim_nmscal.data.findings import note
from osim_nmscal.errors import NmscalError
from osim_nmscal.report.data import TrialView
from osim_nmscal.workflow.flow import Flow
from osim_nmscal.workflow.names import REPORT
from osim_nmscal.workflow.records import Ending
from osim_nmscal.workflow.user_files import input_digests

_INTERRUPTED = "It was interrupted by its user (Ctrl-C, or told to end)."


def leave_failed(flow: Flow, error: NmscalError) -> None:
    """Keep why a run failed, and make a report of what is there, which a note of the error names.

    Nothing that goes wrong here hides the failure itself.
    """
    path = _leave(flow, Ending(stage=flow.stage, kind="failed", text=str(error), findings=_judged(flow)))
    if path is not None:
        error.add_note(f"What there is by now: {path}")


def leave_interrupted(flow: Flow) -> None:
    """Make a report of a run whose calibration its user ended: it holds the best so far."""
    _leave(flow, Ending(stage="calibration", kind="interrupted", text=_INTERRUPTED, findings=_judged(flow)))


def note_interrupted(flow: Flow) -> None:
    """Keep where a run was interrupted; its user does not want to wait for a report."""
    with suppress(NmscalError, OSError):
        flow.place.end_early(Ending(stage=flow.stage, kind="interrupted", text=_INTERRUPTED, findings=_judged(flow)))


def _judged(flow: Flow) -> tuple[dict[str, str], ...]:
    said = (*flow.runner.judged, *(note(text) for text in flow.runner.findings))
    return tuple(asdict(finding) for finding in said)


def _leave(flow: Flow, ending: Ending) -> Path | None:
    """Keep how a run ended, and return its report."""
    # A report of odd data must not take the place of the error that says so.
    with suppress(NmscalError, OSError, ValueError, TypeError, LookupError, ArithmeticError):
        flow.place.end_early(ending)
        from osim_nmscal.report.page import write_report  # an up-to-date run can do without its libraries
        from osim_nmscal.workflow.report_data import ReportSource, report_data, said_before_the_end

        source = ReportSource(
            path=flow.place.path,
            config=flow.config,
            stages=flow.runner.times,
            findings=said_before_the_end(ending),
            inputs=input_digests(flow.config, missing="leave out"),
            ending=ending,
            files=_files(flow),
            cut=_cut(flow),
        )
        with flow.place.part("report") as part:
            write_report(report_data(source), part / REPORT)
            flow.place.leave(part, REPORT)
        return flow.place.unfinished / REPORT
    return None


def _files(flow: Flow) -> dict[str, tuple[str, ...]]:
    """Return what the finished tasks of this run have written."""
    return {label: tuple(record.files) for label, record in flow.place.used.items()}


def _cut(flow: Flow) -> tuple[TrialView, ...]:
    """Return the trials that were cut, before any model has seen them."""
    if flow.trials is None or flow.predictions:
        return ()
    return tuple(
        TrialView(
            name=trial.name,
            role=trial.role,
            time=trial.time,
            first_counted=trial.first_counted,
            muscles=trial.muscles,
            dofs=trial.dofs,
            excitation=trial.excitation,
            joint_moment=np.where(trial.is_measured, trial.joint_moment, np.nan),
        )
        for trial in flow.trials
    )
