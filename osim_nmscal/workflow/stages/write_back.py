"""Write-back: the scaled model with the calibrated muscles, loaded by OpenSim before it counts."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from osim_nmscal.opensim_tools.model_check import load_model_check
from osim_nmscal.osim_model.writer import MuscleClass, write_personalized
from osim_nmscal.workflow.names import CALIBRATION, PERSONALIZED_MODEL, SCALED_MODEL
from osim_nmscal.workflow.results import read_calibrated_muscles
from osim_nmscal.workflow.task import Inputs, Summary, Task

if TYPE_CHECKING:
    from osim_nmscal.config import WorkflowConfig
    from osim_nmscal.workflow.flow import Flow


@dataclass(frozen=True, kw_only=True)
class WriteBack:
    """How calibrated muscles are written."""

    muscle_class: MuscleClass


def outputs(config: "WorkflowConfig") -> tuple[str, ...]:
    """Return what it writes."""
    return (PERSONALIZED_MODEL,)


def run(flow: "Flow") -> None:
    """Write personalized.osim."""
    flow.runner.run(
        Task(
            stage="write_back",
            settings=WriteBack(muscle_class=flow.config.output.muscle_class),
            inputs={"model": flow.place.path(SCALED_MODEL), "calibration": flow.place.path(CALIBRATION)},
            outputs=outputs(flow.config),
            work=work,
        )
    )


def work(inputs: Inputs, task: WriteBack, out: Path) -> Summary:
    """Write the model and let OpenSim load it."""

    def check(path: Path) -> None:
        load_model_check(path, log=out / "personalized.log")

    muscles = read_calibrated_muscles(inputs.file("calibration"))
    write_personalized(inputs.file("model"), out / PERSONALIZED_MODEL, muscles, muscle_class=task.muscle_class, check=check)
    return {}
