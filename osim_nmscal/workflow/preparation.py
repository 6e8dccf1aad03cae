"""What comes before any calibration of a workflow: everything checked, and every stage up to the trials."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from osim_nmscal.config import RecordingSettings, WorkflowConfig
from osim_nmscal.data.emg import EmgMapping
from osim_nmscal.data.trials import TrialSet
from osim_nmscal.errors import ConfigError
from osim_nmscal.worker.threads import in_threads
from osim_nmscal.workflow import stages
from osim_nmscal.workflow.check import require_sound
from osim_nmscal.workflow.inputs import named_files
from osim_nmscal.workflow.results import ResultsFolder

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What a calibration starts from."""

    trials: TrialSet
    mapping: EmgMapping


def open_folder(config: WorkflowConfig, out: Path | str | None) -> ResultsFolder:
    """Check the whole workflow against its real files, and return its results folder, which exists then.

    Args:
        config: the workflow.
        out: results folder; default `config.output.folder`.

    Raises:
        NmscalError: something cannot work, or the folder holds inputs of the workflow.
    """
    require_sound(config)
    folder = ResultsFolder(root=Path(out or config.output.folder).resolve())
    inputs = [path.resolve() for path in input_files(config)]
    if any(path.parent == folder.root for path in inputs):
        raise ConfigError(f"The results folder {folder.root} holds inputs of the workflow; give it a folder of its own (--out).")
    folder.root.mkdir(parents=True, exist_ok=True)
    return folder


def prepare(place: stages.Workplace, jobs: int) -> Prepared:
    """Run every stage before calibration.

    Args:
        place: configuration, folder and runner.
        jobs: recordings that OpenSim works on at the same time.
    """
    recordings, runner = place.config.recordings, place.runner
    stages.scaling(place)
    runner.finish("scaling")
    motions = _each(recordings, lambda r: stages.inverse_kinematics(place, r), jobs)
    runner.finish("inverse_kinematics")
    moments = _each(recordings, lambda r: stages.inverse_dynamics(place, r, motions[r.name]), jobs)
    runner.finish("inverse_dynamics")
    geometries = _each(recordings, lambda r: stages.muscle_analysis(place, r, motions[r.name]), jobs)
    runner.finish("muscle_analysis")
    mapping = stages.emg(place)
    runner.finish("emg")
    with runner.timed("trials") as findings:
        data = [stages.read_recording(place, r, moments[r.name], geometries[r.name], mapping.muscles) for r in recordings]
        trial_set, said = stages.trials(place, data, motions)
        findings += [*said, *stages.left_out_muscles(mapping, trial_set)]
    runner.finish("trials")
    return Prepared(trials=trial_set, mapping=mapping)


def _each(recordings: tuple[RecordingSettings, ...], work: Callable[[RecordingSettings], T], jobs: int) -> dict[str, T]:
    """Do something for every recording. Threads, as each only waits for an OpenSim process of its own."""
    return dict(zip((recording.name for recording in recordings), in_threads(work, recordings, jobs), strict=True))


def input_files(config: WorkflowConfig) -> list[Path]:
    """Return every file of the user's that a workflow reads, those that setup files name included."""
    setups = [config.scaling.setup, config.inverse_dynamics.external_loads]
    setups += [config.inverse_kinematics.setup] if config.inverse_kinematics else []
    files: list[Path | None] = [config.model.file, *config.emg.mvc]
    for recording in config.recordings:
        loads = recording.external_loads if isinstance(recording.external_loads, Path) else None
        setups.append(loads)
        files += [recording.markers, recording.joint_angles, recording.forces, recording.joint_moments, recording.emg]
        if recording.muscle_analysis is not None:
            files += sorted(recording.muscle_analysis.glob("*.sto"))
    for setup in setups:
        files += [setup, *named_files(setup)] if setup is not None else []
    return list(dict.fromkeys(path for path in files if path is not None))
