"""Muscle analysis: MTU lengths and moment arms over each motion, or the folder of an earlier analysis as it is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from osim_nmscal.errors import ConfigError, NmscalError, UnknownNameError, did_you_mean, listed
from osim_nmscal.opensim_tools.muscle_analysis import LENGTH_FILE, MOMENT_ARM_FILE, MuscleAnalysisSettings, run_muscle_analysis
from osim_nmscal.osim_model.reader import read_coordinates
from osim_nmscal.workflow.names import SCALED_MODEL, motion
from osim_nmscal.workflow.recording_files import has_motion
from osim_nmscal.workflow.task import Inputs, Summary, Task, refuse

if TYPE_CHECKING:
    from osim_nmscal.config import RecordingSettings, WorkflowConfig
    from osim_nmscal.workflow.flow import Flow


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """Which lengths and moment arms are found for which recording."""

    recording: str
    settings: MuscleAnalysisSettings
    driven: tuple[str, ...] = ()  # the muscles that take part; () for all


def outputs(config: "WorkflowConfig") -> tuple[str, ...]:
    """Return what it writes."""
    return tuple(path for recording in config.recordings for path in _outputs_of(recording, config.muscle_analysis))


def problems(config: "WorkflowConfig", *, sound: bool) -> Iterator[NmscalError]:
    """Yield the dofs that the model does not have or does not let move."""
    where = f"{config.where('muscle_analysis.dofs')}: key 'muscle_analysis.dofs'"
    yield from dof_problems(config.model.file, config.muscle_analysis.dofs, where)


def dof_problems(model: Path, dofs: Sequence[str], key: str) -> Iterator[NmscalError]:
    """Yield the dofs that a model does not have, locks or derives from others."""
    known = {coordinate.name: coordinate for coordinate in read_coordinates(model)}
    for dof in dofs if known else ():
        if dof not in known:
            yield UnknownNameError(f"{key} names {dof!r}, a coordinate that {model} does not have.{did_you_mean(dof, known)}")
        elif known[dof].locked:
            yield UnknownNameError(f"{key} names {dof!r}, which is locked in {model}; unlock it there, or leave it out.")
        elif known[dof].coupled:
            yield UnknownNameError(f"{key} names {dof!r}, which follows {listed(known[dof].coupled_to)} in {model}; name that one instead.")


def folder_of(flow: "Flow", recording: "RecordingSettings") -> Path:
    """Return the folder with the lengths and moment arms of a recording."""
    return recording.muscle_analysis or flow.place.path(f"{recording.name}/{LENGTH_FILE}").parent


def run(flow: "Flow") -> None:
    """Write mtu_length.sto and moment_arm_<dof>.sto of every recording that brings none."""
    flow.runner.run_each([task for recording in flow.config.recordings if (task := task_of(flow, recording))], flow.jobs)


def _outputs_of(recording: "RecordingSettings", settings: MuscleAnalysisSettings) -> tuple[str, ...]:
    if recording.muscle_analysis is not None:
        return ()
    return tuple(f"{recording.name}/{name}" for name in (LENGTH_FILE, *(MOMENT_ARM_FILE.format(dof=dof) for dof in settings.dofs)))


def task_of(flow: "Flow", recording: "RecordingSettings") -> Task[Analysis] | None:
    """Return what is to be done for a recording whose inverse kinematics is done; nothing where the user brings the results."""
    if recording.muscle_analysis is not None:
        return None
    name, settings = recording.name, flow.config.muscle_analysis
    if not has_motion(recording):
        raise ConfigError(f"Recording {name!r} has neither joint angles nor a folder of muscle_analysis; add one of them.")
    return Task(
        stage="muscle_analysis",
        recording=name,
        settings=Analysis(recording=name, settings=settings, driven=_driven(flow.config)),
        inputs={"model": flow.place.path(SCALED_MODEL), "motion": flow.place.path(motion(name))},
        outputs=_outputs_of(recording, settings),
        work=work,
    )


def _driven(config: "WorkflowConfig") -> tuple[str, ...]:
    """Return the muscles that EMG drives; () where the calibration drives the others, too, or a dynamometer tells of them."""
    if config.calibration.method != "emg_driven" or config.dynamometer:
        return ()
    mapping = config.emg.mapping
    return tuple(sorted({*mapping.mixes, *(muscle for muscles in mapping.channels.values() for muscle in muscles)}))


def work(inputs: Inputs, task: Analysis, out: Path) -> Summary:
    """Let OpenSim find lengths and moment arms."""
    model = inputs.file("model")
    refuse(dof_problems(model, task.settings.dofs, "Key 'muscle_analysis.dofs'"))
    geometry = run_muscle_analysis(model, inputs.file("motion"), out / task.recording, settings=task.settings, among=task.driven)
    return {"frames": len(geometry.time), "muscles": len(geometry.muscles)}
