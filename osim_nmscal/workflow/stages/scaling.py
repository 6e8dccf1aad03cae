"""Scaling: the generic model becomes the subject's, or its mass is adjusted, or it is taken as it is."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from osim_nmscal.errors import NmscalError
from osim_nmscal.opensim_tools.scaling import ScalingSettings, agreed_mass, scale_model
from osim_nmscal.opensim_tools.setup_file import read_setup
from osim_nmscal.workflow.names import SCALED_MODEL
from osim_nmscal.workflow.setup_needs import scaling_needs
from osim_nmscal.workflow.task import Inputs, Summary, Task, refuse
from osim_nmscal.workflow.user_files import with_named_files

if TYPE_CHECKING:
    from osim_nmscal.config import WorkflowConfig
    from osim_nmscal.workflow.flow import Flow


def outputs(config: "WorkflowConfig") -> tuple[str, ...]:
    """Return what it writes."""
    return (SCALED_MODEL,)


def problems(config: "WorkflowConfig", *, sound: bool) -> Iterator[NmscalError]:
    """Yield what is wrong with the setup file."""
    if config.scaling.setup is not None:
        yield from scaling_needs(config.model.file, config.scaling.setup)
        agreed_mass(read_setup(config.scaling.setup, "ScaleTool"), config.scaling.mass or config.subject.mass)


def run(flow: "Flow") -> None:
    """Write model_scaled.osim."""
    config, settings = flow.config, flow.config.scaling
    if settings.mass is None:
        settings = settings.model_copy(update={"mass": config.subject.mass})
    inputs: dict[str, Path | tuple[Path, ...]] = {"model": config.model.file}
    if settings.setup is not None:
        inputs["setup"] = with_named_files(settings.setup)
    flow.runner.run(Task(stage="scaling", settings=settings, inputs=inputs, outputs=outputs(config), work=work))


def work(inputs: Inputs, settings: ScalingSettings, out: Path) -> Summary:
    """Scale the model; the summary holds its mass, kg, the factor to the generic mass, and those of the bodies along x, y, z."""
    model = inputs.file("model")
    if settings.setup is not None:
        refuse(scaling_needs(model, settings.setup))
    result = scale_model(model, out / SCALED_MODEL, settings=settings)
    factors = {scale.body: list(scale.factors) for scale in result.scales}
    return {"mass": result.mass, "mass_factor": result.mass_factor, "scale_factors": factors}
