"""Inverse dynamics: joint moments from joint angles and forces, or given joint moments."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from osim_nmscal.errors import ConfigError, FileFormatError, NmscalError, UnknownNameError, did_you_mean, listed
from osim_nmscal.formats.c3d import read_c3d
from osim_nmscal.formats.storage import read_storage, write_storage
from osim_nmscal.opensim_tools.external_loads import FORCES_FILE, LOADS_FILE, write_plate_loads, write_shifted_loads
from osim_nmscal.opensim_tools.inverse_dynamics import InverseDynamicsSettings, run_inverse_dynamics
from osim_nmscal.trials.offsets import shifted
from osim_nmscal.workflow.names import SCALED_MODEL, moments, motion
from osim_nmscal.workflow.recording_files import external_loads, given_dofs, has_motion, moments_by_coordinate
from osim_nmscal.workflow.setup_needs import load_needs
from osim_nmscal.workflow.task import Inputs, Summary, Task, refuse
from osim_nmscal.workflow.user_files import with_named_files

if TYPE_CHECKING:
    from osim_nmscal.config import RecordingSettings, WorkflowConfig
    from osim_nmscal.workflow.flow import Flow


@dataclass(frozen=True, kw_only=True)
class GivenMoments:
    """Which joint moments are taken from a file."""

    recording: str
    dofs: tuple[str, ...]
    measured: tuple[str, ...]  # those that it must have; () for all
    offset: float = 0.0  # s, added to the time of the file


@dataclass(frozen=True, kw_only=True)
class FromForces:
    """How joint moments come from angles and forces."""

    recording: str
    settings: InverseDynamicsSettings
    force_plates: Mapping[str, str]  # plate of a c3d -> body
    axes: str  # of a c3d
    offset: float = 0.0  # s, added to the time of the forces


def outputs(config: "WorkflowConfig") -> tuple[str, ...]:
    """Return what it writes."""
    return tuple(path for recording in config.recordings for path in _outputs_of(recording))


def recording_problems(config: "WorkflowConfig", recording: "RecordingSettings") -> Iterator[NmscalError]:
    """Yield what the external loads of a recording need and the model or the force file lacks."""
    loads = external_loads(recording, config)
    if loads is not None and recording.joint_moments is None:
        yield from load_needs(config.model.file, loads)


def run(flow: "Flow") -> None:
    """Write id.sto of every recording."""
    flow.runner.run_each([task_of(flow, recording) for recording in flow.config.recordings], flow.jobs)


def _outputs_of(recording: "RecordingSettings") -> tuple[str, ...]:
    if recording.joint_moments is None and (recording.force_plates or recording.time_offset.forces):
        return (moments(recording.name), f"{recording.name}/{FORCES_FILE}", f"{recording.name}/{LOADS_FILE}")
    return (moments(recording.name),)


def task_of(flow: "Flow", recording: "RecordingSettings") -> Task[Any]:
    """Return what is to be done for a recording whose inverse kinematics is done."""
    config, name = flow.config, recording.name
    if recording.joint_moments is not None:
        return Task(
            stage="inverse_dynamics",
            recording=name,
            settings=GivenMoments(
                recording=name,
                dofs=config.muscle_analysis.dofs,
                measured=recording.dofs,
                offset=recording.time_offset.joint_moments,
            ),
            inputs={"moments": recording.joint_moments},
            outputs=_outputs_of(recording),
            work=take_moments,
        )
    if not has_motion(recording):
        raise ConfigError(f"Recording {name!r} has neither joint angles nor joint moments; add one of them.")
    if recording.force_plates and recording.forces is None:
        raise ConfigError(f"Recording {name!r} has force_plates but no forces; name its c3d in forces.")
    loads = external_loads(recording, config)
    inputs: dict[str, Path | tuple[Path, ...]] = {"model": flow.place.path(SCALED_MODEL), "motion": flow.place.path(motion(name))}
    if loads is not None:
        inputs["loads"] = with_named_files(loads)
    if recording.force_plates and recording.forces is not None:
        inputs["plates"] = recording.forces
    settings = FromForces(
        recording=name,
        settings=config.inverse_dynamics.model_copy(update={"external_loads": loads}),
        force_plates=recording.force_plates,
        axes=recording.c3d_axes,
        offset=recording.time_offset.forces,
    )
    return Task(
        stage="inverse_dynamics", recording=name, settings=settings, inputs=inputs, outputs=_outputs_of(recording), work=solve_moments
    )


def take_moments(inputs: Inputs, given: GivenMoments, out: Path) -> Summary:
    """Write the given joint moments of the dofs."""
    series = read_storage(inputs.file("moments"))
    dofs = given_dofs(series, given.dofs, given.measured)
    found = shifted(moments_by_coordinate(series, dofs), given.offset)
    named = replace(found, labels=tuple(f"{dof}_moment" for dof in dofs))
    write_storage(out / moments(given.recording), named, header_name="Joint moments as given")
    return {}


def solve_moments(inputs: Inputs, task: FromForces, out: Path) -> Summary:
    """Let OpenSim find the joint moments; the summary holds the share of the weight that the forces carry, and where they act."""
    model, settings = inputs.file("model"), task.settings
    if task.force_plates:
        loads = write_loads(inputs.file("plates"), task, out / task.recording)
        settings = settings.model_copy(update={"external_loads": loads})
    elif settings.external_loads is not None and task.offset:
        loads = write_shifted_loads(settings.external_loads, task.offset, out / task.recording)
        settings = settings.model_copy(update={"external_loads": loads})
    if settings.external_loads is not None:
        refuse(load_needs(model, settings.external_loads))
    result = run_inverse_dynamics(model, inputs.file("motion"), out / moments(task.recording), settings=settings)
    places = [asdict(place) for place in result.places]
    return {"vertical_force_over_weight": float(result.vertical_force_over_weight), "force_places": places}


def write_loads(plates_file: Path, task: FromForces, folder: Path) -> Path:
    """Write `forces.mot` and `external_loads.xml` from the force plates of a c3d.

    Raises:
        FileFormatError: the file has no force plates.
        UnknownNameError: a plate is mapped that the file does not have.
    """
    plates = read_c3d(plates_file, axes=task.axes).forces
    names = plates.plates if plates is not None else ()
    for plate in task.force_plates:
        if plate not in names:
            raise UnknownNameError(
                f"Recording {task.recording!r} puts force plate {plate!r} on a body, but {plates_file} has: {listed(names) or 'none'}."
                f"{did_you_mean(plate, names)} Change force_plates."
            )
    if plates is None:
        raise FileFormatError(f"{plates_file} holds no force plates; name another file in forces of recording {task.recording!r}.")
    return write_plate_loads(replace(shifted(plates.forces, task.offset), in_degrees=False), task.force_plates, folder)
