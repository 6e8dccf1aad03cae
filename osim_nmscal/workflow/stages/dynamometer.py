"""Dynamometer: passive trials and efforts from tables of angles and moments, with MTU lengths and moment arms of the scaled model.

Kept of each recording: the postures (`coordinates.sto`) and the geometry at them, one row per posture, in the order of its runs.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.data.trials import Trial
from osim_nmscal.errors import CalibrationError, NmscalError
from osim_nmscal.formats.storage import write_storage
from osim_nmscal.opensim_tools.muscle_analysis import (
    LENGTH_FILE,
    MOMENT_ARM_FILE,
    MuscleAnalysisSettings,
    read_muscle_analysis,
    run_muscle_analysis,
)
from osim_nmscal.trials.sweeps import frames_of, trials_of
from osim_nmscal.workflow.dynamometer_files import dynamometer_problems, dynamometer_runs
from osim_nmscal.workflow.names import SCALED_MODEL, postures
from osim_nmscal.workflow.task import Inputs, Summary, Task

if TYPE_CHECKING:
    from osim_nmscal.config import WorkflowConfig
    from osim_nmscal.trials.dynamometer_settings import DynamometerSettings
    from osim_nmscal.workflow.flow import Flow


@dataclass(frozen=True, kw_only=True)
class Postures:
    """The postures of one recording."""

    recording: str
    frames: TimeSeries  # coordinates, rad and m; one row per posture
    settings: MuscleAnalysisSettings


def outputs(config: "WorkflowConfig") -> tuple[str, ...]:
    """Return what it writes."""
    return tuple(path for recording in config.dynamometer for path in _outputs_of(recording.name, config.muscle_analysis.dofs))


def problems(config: "WorkflowConfig", *, sound: bool) -> Iterator[NmscalError]:
    """Yield what is wrong with the tables."""
    for recording in config.dynamometer:
        yield from dynamometer_problems(config, recording)


def run(flow: "Flow") -> None:
    """Write the geometry of every recording, and make its trials."""
    config, trials = flow.config, flow.trials
    if not config.dynamometer:
        return
    if trials is None:
        raise CalibrationError("There are no trials beside which those of a dynamometer could stand; run the workflow from its beginning.")
    runs = {recording.name: dynamometer_runs(config, recording) for recording in config.dynamometer}
    found = {name: frames_of(mine, config.trials.time_step) for name, mine in runs.items()}
    tasks = [_task(flow, recording, found[recording.name][0], trials.muscles) for recording in config.dynamometer]
    flow.runner.run_each(tasks, flow.jobs)
    made: list[Trial] = []
    for recording in config.dynamometer:
        folder = flow.place.path(f"{recording.name}/{LENGTH_FILE}").parent
        geometry = read_muscle_analysis(folder, trials.dofs, trials.muscles)
        made += trials_of(runs[recording.name], found[recording.name][1], geometry, recording)
    flow.dynamometer = tuple(made)


def _outputs_of(recording: str, dofs: tuple[str, ...]) -> tuple[str, ...]:
    files = (LENGTH_FILE, *(MOMENT_ARM_FILE.format(dof=dof) for dof in dofs))
    return (postures(recording), *(f"{recording}/{name}" for name in files))


def _task(flow: "Flow", recording: "DynamometerSettings", frames: TimeSeries, muscles: tuple[str, ...]) -> Task[Postures]:
    # every coordinate that a table or pose leaves out stays where the model has it; those of the dofs are never left out
    settings = flow.config.muscle_analysis.model_copy(update={"muscles": muscles, "missing_coordinates": "default", "lowpass_cutoff": 0.0})
    return Task(
        stage="dynamometer",
        recording=recording.name,
        settings=Postures(recording=recording.name, frames=frames, settings=settings),
        inputs={"model": flow.place.path(SCALED_MODEL)},
        outputs=_outputs_of(recording.name, settings.dofs),
        work=work,
    )


def work(inputs: Inputs, task: Postures, out: Path) -> Summary:
    """Let OpenSim find lengths and moment arms at the postures."""
    write_storage(out / postures(task.recording), replace(task.frames, in_degrees=False), header_name="Coordinates")
    geometry = run_muscle_analysis(inputs.file("model"), task.frames, out / task.recording, settings=task.settings)
    return {"postures": len(geometry.time), "muscles": len(geometry.muscles)}
