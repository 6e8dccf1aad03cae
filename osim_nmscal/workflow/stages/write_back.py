"""Write-back: the scaled model with the calibrated muscles, and the starting values of the others, loaded by OpenSim before it counts."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.initialization.files import read_starting_values
from osim_nmscal.opensim_tools.model_check import load_model_check
from osim_nmscal.osim_model.muscle_edits import CALIBRATED
from osim_nmscal.osim_model.reader import read_muscles
from osim_nmscal.osim_model.writer import MuscleClass, write_personalized
from osim_nmscal.workflow.muscle_classes import class_to_write
from osim_nmscal.workflow.names import CALIBRATION, PERSONALIZED_MODEL, SCALED_MODEL, STARTING_VALUES
from osim_nmscal.workflow.results import read_calibrated_muscles
from osim_nmscal.workflow.task import Inputs, Summary, Task

if TYPE_CHECKING:
    from osim_nmscal.config import WorkflowConfig
    from osim_nmscal.workflow.flow import Flow


@dataclass(frozen=True, kw_only=True)
class WriteBack:
    """How calibrated muscles are written."""

    muscle_class: MuscleClass | Literal["auto"]
    substitute_muscle_class: str | None


def outputs(config: "WorkflowConfig") -> tuple[str, ...]:
    """Return what it writes."""
    return (PERSONALIZED_MODEL,)


def run(flow: "Flow") -> None:
    """Write personalized.osim."""
    config, place = flow.config, flow.place
    inputs = {"model": place.path(SCALED_MODEL), "calibration": place.path(CALIBRATION)}
    if flow.starting_values is not None:
        inputs["start"] = place.path(STARTING_VALUES)
    flow.runner.run(
        Task(
            stage="write_back",
            settings=WriteBack(muscle_class=config.output.muscle_class, substitute_muscle_class=config.model.substitute_muscle_class),
            inputs=inputs,
            outputs=outputs(flow.config),
            work=work,
        )
    )


def work(inputs: Inputs, task: WriteBack, out: Path) -> Summary:
    """Write the model and let OpenSim load it."""

    def check(path: Path) -> None:
        load_model_check(path, log=out / "personalized.log")

    muscles = read_calibrated_muscles(inputs.file("calibration"))
    target = class_to_write(task.muscle_class, muscles)
    if (start := inputs.optional("start")) is not None:
        muscles = with_started(muscles, start, read_muscles(inputs.file("model"), task.substitute_muscle_class))
    write_personalized(inputs.file("model"), out / PERSONALIZED_MODEL, muscles, muscle_class=target, check=check)
    return {}


def with_started(calibrated: MuscleTable, start: Path, scaled: MuscleTable) -> MuscleTable:
    """Return the calibrated muscles, and those that did not take part but start elsewhere than the scaled model has them."""
    values = {name: scaled.values(name) for name in CALIBRATED}
    started = []
    for muscle in read_starting_values(start).muscles.muscles:
        at = scaled.index(muscle.name)
        if muscle.name not in calibrated.names and any(getattr(muscle, name) != values[name][at] for name in CALIBRATED):
            started.append(muscle)
    return MuscleTable(muscles=(*calibrated.muscles, *started))
