"""The stages of a run, in order: THE TABLE that drives the run, its progress, `--from`, `--only`, metrics.json and `check`.

A stage is one module with `outputs(config)`, the names of the files that it is known to write before anything runs; `run(flow)`,
which does it by tasks; and, if something can be wrong with it, `problems(config, sound=...)`, which `check` calls before anything
runs and the work calls again with the files that it really gets. To add a stage, write its module and name it here.
"""

import importlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING

from osim_nmscal.errors import NmscalError

if TYPE_CHECKING:
    from osim_nmscal.config import WorkflowConfig


@dataclass(frozen=True)
class Stage:
    """One station of a run."""

    name: str
    calibrates: bool = False  # part of what stands on a calibration; without it nothing complete can be published

    @property
    def module(self) -> ModuleType:
        """Its module; imported when first used, as some need torch."""
        return importlib.import_module(f"{__name__}.{self.name}")

    def outputs(self, config: "WorkflowConfig") -> Iterable[str]:
        """Return the files that it is known to write, relative to the results folder."""
        found: Iterable[str] = self.module.outputs(config)
        return found

    def problems(self, config: "WorkflowConfig", *, sound: bool) -> Iterable[NmscalError]:
        """Yield what is wrong with what it needs; `sound` tells that nothing was found wrong before."""
        check = getattr(self.module, "problems", None)
        return () if check is None else check(config, sound=sound)


TABLE = (
    Stage("scaling"),
    Stage("initialization"),
    Stage("inverse_kinematics"),
    Stage("inverse_dynamics"),
    Stage("muscle_analysis"),
    Stage("emg"),
    Stage("trials"),
    Stage("dynamometer"),
    Stage("calibration", calibrates=True),
    Stage("write_back", calibrates=True),
    Stage("evaluation", calibrates=True),
    Stage("verification", calibrates=True),
)
STAGES = tuple(stage.name for stage in TABLE)


def declared_outputs(config: "WorkflowConfig") -> tuple[str, ...]:
    """Return every file that a run is known to write before it begins, relative to the results folder."""
    from osim_nmscal.workflow.names import METRICS, REPORT, SIDECAR

    return tuple(dict.fromkeys([*(path for stage in TABLE for path in stage.outputs(config)), SIDECAR, METRICS, REPORT]))


def preparing() -> Iterator[Stage]:
    """Yield the stages up to the trials, which any calibration starts from."""
    return (stage for stage in TABLE if not stage.calibrates)
