"""Scaling: the generic model becomes the subject's, or its mass is adjusted, or it is taken as it is."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from osim_nmscal.errors import NmscalError
from osim_nmscal.opensim_tools.scale_setup import ScalingSettings, agreed_mass, read_scale_setup
from osim_nmscal.opensim_tools.scaling import scale_model
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
    if config.scaling.setup is not None or config.scaling.static_trial is not None or config.scaling.static_range is not None:
        yield from scaling_needs(config.model.file, config.scaling)
        agreed_mass(read_scale_setup(config.scaling), config.scaling.mass or config.subject.mass)


def run(flow: "Flow") -> None:
    """Write model_scaled.osim."""
    config, settings = flow.config, flow.config.scaling
    if settings.mass is None:
        settings = settings.model_copy(update={"mass": config.subject.mass})
    inputs: dict[str, Path | tuple[Path, ...]] = {"model": config.model.file}
    if settings.setup is not None:
        inputs["setup"] = with_named_files(settings.setup)
    if settings.static_trial is not None:
        inputs["static"] = settings.static_trial
    flow.runner.run(Task(stage="scaling", settings=settings, inputs=inputs, outputs=outputs(config), work=work))


def work(inputs: Inputs, settings: ScalingSettings, out: Path) -> Summary:
    """Scale the model; the summary holds its mass, kg, the factor to the generic mass, and those of the bodies along x, y, z."""
    model = inputs.file("model")
    if settings.setup is not None:
        refuse(scaling_needs(model, settings))
    result = scale_model(model, out / SCALED_MODEL, settings=settings)
    factors = {scale.body: list(scale.factors) for scale in result.scales}
    placed = {} if result.placed is None else {"static_markers": asdict(result.placed)}
    return {"mass": result.mass, "mass_factor": result.mass_factor, "scale_factors": factors, **placed}
