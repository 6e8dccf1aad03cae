"""Initialization: where the calibration starts, and how the scaled model's relaxed leg compares with the mean person's.

In this order: lengths that keep the operating range, strength from mass and height, measured values, and the passive fit, which keeps to
what was measured. Nothing is written where plain scaling is asked for and the model has no leg that we know.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from osim_nmscal.errors import ConfigError, NmscalError
from osim_nmscal.initialization.files import read_starting_values
from osim_nmscal.initialization.mean_person import LegCoordinates, legs_of
from osim_nmscal.initialization.measurements import measurement_problems
from osim_nmscal.opensim_tools.muscle_analysis import LENGTH_FILE, MOMENT_ARM_FILE
from osim_nmscal.osim_model.reader import read_coordinates, read_muscles
from osim_nmscal.workflow.leg_geometry import write_leg_geometry
from osim_nmscal.workflow.names import RELAXED_LEG, SCALED_MODEL, STARTING_TABLE, STARTING_VALUES
from osim_nmscal.workflow.starting_request import Initialization
from osim_nmscal.workflow.task import Inputs, Summary, Task

if TYPE_CHECKING:
    from osim_nmscal.config import WorkflowConfig
    from osim_nmscal.workflow.flow import Flow


def outputs(config: "WorkflowConfig") -> tuple[str, ...]:
    """Return what it writes: starting values other than the scaled ones, and the geometry of legs that can be compared."""
    made = (STARTING_VALUES, STARTING_TABLE) if config.initialization.changes_anything else ()
    legs = _legs(config.model.file, config.muscle_analysis.dofs) if config.model.file.is_file() else {}
    return (*made, *(f"{RELAXED_LEG.format(side=side)}/{name}" for side, leg in legs.items() for name in geometry_files(leg)))


def problems(config: "WorkflowConfig", *, sound: bool) -> Iterator[NmscalError]:
    """Yield settings that lack what they need, and what is wrong with the table of measurements."""
    settings = config.initialization
    if settings.strength == "mass_height" and config.subject.height is None:
        yield ConfigError(
            f"{config.source}: [initialization] strength = 'mass_height' needs the person's height; add height (m) to [subject]."
        )
    if settings.passive == "normative" and not _legs(config.model.file, config.muscle_analysis.dofs):
        yield ConfigError(
            f"{config.source}: [initialization] passive = 'normative' needs hip flexion, knee and ankle among the coordinates of "
            f"{config.model.file.name}, and one of them in [muscle_analysis] dofs; set passive = 'none'."
        )
    if settings.measurements is not None and settings.measurements.is_file():
        muscles = read_muscles(config.model.file, config.model.substitute_muscle_class)
        yield from measurement_problems(settings.measurements, muscles, [one.name for one in read_coordinates(config.model.file)])


def run(flow: "Flow") -> None:
    """Write initialization/ and read the starting values back."""
    config = flow.config
    settings = config.initialization
    if not outputs(config):
        return
    inputs: dict[str, Path | tuple[Path, ...]] = {"scaled": flow.place.path(SCALED_MODEL)}
    if settings.lengths == "operating_range":
        inputs["generic"] = config.model.file
    if settings.measurements is not None:
        inputs["measurements"] = settings.measurements
    flow.runner.run(
        Task(
            stage="initialization",
            settings=Initialization(
                settings=settings,
                mass=config.subject.mass,
                height=config.subject.height,
                dofs=config.muscle_analysis.dofs,
                moment_arms="moment_arm_solver" if config.muscle_analysis.method == "moment_arm_solver" else "lengthening_speed",
                is_scaled=config.scaling.setup is not None,
                substitute_muscle_class=config.model.substitute_muscle_class,
                muscle_class=config.output.muscle_class,
                ligaments=config.calibration.ligaments.moments,
            ),
            inputs=inputs,
            outputs=outputs(config),
            work=work,
        )
    )
    if settings.changes_anything:
        flow.starting_values = read_starting_values(flow.place.path(STARTING_VALUES))


def work(inputs: Inputs, task: Initialization, out: Path) -> Summary:
    """Find the starting values; the summary says how far the relaxed leg is from the mean person's, N·m RMS, before and after."""
    if not task.settings.changes_anything:
        write_leg_geometry(inputs.file("scaled"), task, out)
        return {}
    from osim_nmscal.workflow.starting_values import Starting  # with it comes torch, which an up-to-date run can do without

    return Starting(inputs, task, out).make()


def geometry_files(leg: LegCoordinates) -> tuple[str, ...]:
    """Return the files with a leg's MTU lengths and moment arms in the mean person's postures."""
    return (LENGTH_FILE, *(MOMENT_ARM_FILE.format(dof=name) for name in leg.names))


def _legs(model: Path, dofs: tuple[str, ...]) -> dict[str, LegCoordinates]:
    """Return the legs that can be compared with the mean person's, by side: one of their joints is calibrated."""
    return {side: leg for side, leg in legs_of(read_coordinates(model)).items() if set(leg.names) & set(dofs)}
