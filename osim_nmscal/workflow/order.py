"""In which order stages are run: one after the other, or with several jobs recordings side by side, and EMG beside OpenSim.

Three stages ask for one recording alone. Where several jobs are allowed, each recording goes through all three on its own, so that none
waits for the longest recording of a stage, and one process of OpenSim has the same recording in all three. What is made is the same.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from osim_nmscal.errors import NmscalError
from osim_nmscal.worker.kept import kept_processes
from osim_nmscal.worker.threads import in_threads
from osim_nmscal.workflow.stages import Stage

if TYPE_CHECKING:
    from osim_nmscal.config import RecordingSettings, WorkflowConfig
    from osim_nmscal.workflow.flow import Flow

# Stages that ask for one recording at a time, in their order.
OF_RECORDINGS = ("inverse_kinematics", "inverse_dynamics", "muscle_analysis")
# The stage that needs nothing of the others before it, and no OpenSim.
BESIDE = "emg"


def run_in_order(flow: "Flow", stages: Sequence[Stage], after: Callable[[Stage], None]) -> None:
    """Run stages.

    Args:
        flow: the run; with one job, or where only one stage is asked for, nothing is done before its turn.
        stages: neighbours in the table, from the first.
        after: called when a stage has ended, stage by stage in their order; it may raise to end the run.

    Raises:
        NmscalError: a stage failed; whatever was begun has ended by then.
    """
    with kept_processes():
        _run(flow, stages, after)


def _run(flow: "Flow", stages: Sequence[Stage], after: Callable[[Stage], None]) -> None:
    if flow.jobs == 1 or flow.runner.only_stage is not None:
        for stage in stages:
            flow.stage = stage.name
            flow.pass_through(stage)
            after(stage)
        return
    of_recordings = [stage for stage in stages if stage.name in OF_RECORDINGS]
    with ThreadPoolExecutor(max_workers=1) as beside:
        early: dict[str, Future[None]] = {stage.name: beside.submit(flow.pass_through, stage) for stage in stages if stage.name == BESIDE}
        for stage in stages:
            flow.stage = stage.name
            if stage.name in early:
                early[stage.name].result()
            elif of_recordings and stage is of_recordings[0]:
                in_threads(lambda recording: _run_recording(flow, recording, of_recordings), flow.config.recordings, flow.jobs)
            elif stage not in of_recordings:
                flow.pass_through(stage)
            after(stage)


def modules_of_calibration(config: "WorkflowConfig") -> tuple[str, ...]:
    """Return what takes long to import of what a calibration needs, so that it can be imported while OpenSim works."""
    synergies = () if config.calibration.method == "emg_driven" else ("sklearn.decomposition",)
    return ("osim_nmscal.calibration.calibrate", *synergies)


def _run_recording(flow: "Flow", recording: "RecordingSettings", stages: Sequence[Stage]) -> None:
    for stage in stages:
        try:
            task = stage.module.task_of(flow, recording)
            if task is not None:
                flow.runner.run(task)
        except NmscalError:
            flow.stage = stage.name  # where it failed
            raise
