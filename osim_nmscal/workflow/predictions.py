"""The prediction of every trial as ordinary OpenSim storage files, and an index of them.

With them a results folder can be verified again at any time, on any machine, and a user continues downstream (forward simulation,
joint reactions, Moco).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.results import TrialPrediction
from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.data.trials import Trial, TrialSet
from osim_nmscal.errors import FileFormatError
from osim_nmscal.formats.storage import read_storage, write_storage
from osim_nmscal.formats.text_files import write_text_atomically
from osim_nmscal.workflow.names import PREDICTION_INDEX, PREDICTIONS
from osim_nmscal.workflow.results import ResultsFolder

# Column of the inverse-dynamics moment in a joint_moment file.
INVERSE_DYNAMICS = "{dof}_inverse_dynamics"
# Column of the ligaments' part of the predicted moment there, where the calibration has ligaments.
LIGAMENTS = "{dof}_ligaments"
# What is kept of the prediction of a trial, a file each.
_KINDS = ("activation", "tendon_force", "joint_moment", "states", "uncalibrated_moment", "uncalibrated_states")
# Columns of a states file, per muscle; the names of `TrialPrediction`.
STATES = ("excitation", "normalized_fiber_length", "tendon_strain")
# Columns of the states file of the muscles before calibration, per muscle.
UNCALIBRATED_STATES = (*STATES, "activation", "tendon_force")
AGAIN = "run the workflow again"


@dataclass(frozen=True, kw_only=True)
class PredictionFiles:
    """Where the prediction of one trial lies, all OpenSim storage files."""

    trial: str  # recording/segment
    activation: Path  # (time, muscle); columns named by muscle, as OpenSim's controls
    tendon_force: Path  # (time, muscle), N
    joint_moment: Path  # (time, dof), N·m, predicted and from inverse dynamics
    states: Path  # (time, muscle * 3): <muscle>_excitation, <muscle>_normalized_fiber_length, <muscle>_tendon_strain
    uncalibrated_moment: Path  # (time, dof), N·m, predicted by the muscles before calibration
    uncalibrated_states: Path  # (time, muscle * 5): as states, and <muscle>_activation, <muscle>_tendon_force (N), before calibration


def prediction_files(folder: Path, trial: str) -> PredictionFiles:
    """Return where the prediction of a trial lies; the files need not exist yet.

    Args:
        folder: `predictions/` of a results folder.
        trial: recording/segment.
    """
    stem = trial.replace("/", "_")
    return PredictionFiles(trial=trial, **{kind: folder / f"{stem}_{kind}.sto" for kind in _KINDS})


def relative_files(trial: str) -> tuple[str, ...]:
    """Return the files of the prediction of a trial, relative to the results folder."""
    files = prediction_files(Path(PREDICTIONS), trial)
    return tuple(getattr(files, kind).as_posix() for kind in _KINDS)


def write_predictions(
    folder: ResultsFolder, trials: TrialSet, predictions: Sequence[TrialPrediction], *, before: Sequence[TrialPrediction] = ()
) -> tuple[PredictionFiles, ...]:
    """Write the prediction of every trial, lead-in included, and an index of them.

    Args:
        folder: the results folder.
        trials: what was predicted, with the moments of inverse dynamics.
        predictions: in the order of the trials.
        before: those of the muscles before calibration, in the same order; none for none.
    """
    written = []
    for i, (trial, prediction) in enumerate(zip(trials.trials, predictions, strict=True)):
        files = prediction_files(folder.predictions, trial.name)
        moments = np.hstack([prediction.joint_moment, trial.joint_moment])
        labels = (*prediction.dofs, *(INVERSE_DYNAMICS.format(dof=dof) for dof in prediction.dofs))
        if prediction.ligament_moment is not None:
            moments = np.hstack([moments, prediction.ligament_moment])
            labels += tuple(LIGAMENTS.format(dof=dof) for dof in prediction.dofs)
        _write(files.activation, prediction, prediction.muscles, prediction.activation.clip(0.0, 1.0))
        _write(files.tendon_force, prediction, prediction.muscles, prediction.tendon_force)
        _write(files.joint_moment, prediction, labels, moments)
        _write_states(files.states, prediction, STATES)
        if before:
            _write(files.uncalibrated_moment, before[i], before[i].dofs, before[i].joint_moment)
            _write_states(files.uncalibrated_states, before[i], UNCALIBRATED_STATES)
        written.append(files)
    index = [_index_row(trial) for trial in trials.trials]
    write_text_atomically(folder.root / PREDICTION_INDEX, json.dumps(index, indent=1))
    return tuple(written)


def read_predictions(folder: Path, trials: TrialSet) -> tuple[TrialPrediction, ...]:
    """Read the predictions of trials back, as they were written: activations lie between 0 and 1.

    Args:
        folder: `predictions/` of a results folder.
        trials: with the muscles that were predicted.

    Raises:
        FileFormatError: a file is missing or damaged.
    """
    return tuple(_read(prediction_files(folder, trial.name), trial) for trial in trials.trials)


def read_uncalibrated(folder: Path, trials: TrialSet) -> tuple[TrialPrediction, ...]:
    """Read back what the muscles did before calibration; nothing where it was not kept.

    Args:
        folder: `predictions/` of a results folder.
        trials: with the muscles that were predicted.

    Raises:
        FileFormatError: a file is damaged.
    """
    files = [prediction_files(folder, trial.name) for trial in trials.trials]
    if not all(one.uncalibrated_states.is_file() and one.uncalibrated_moment.is_file() for one in files):
        return ()
    return tuple(
        prediction_of(
            trial.name,
            trial.first_counted,
            trial.muscles,
            states=(read_storage(one.uncalibrated_states), UNCALIBRATED_STATES),
            moments=read_storage(one.uncalibrated_moment).select(trial.dofs),
        )
        for trial, one in zip(trials.trials, files, strict=True)
    )


def prediction_of(
    trial: str, first_counted: int, muscles: tuple[str, ...], *, states: tuple[TimeSeries, tuple[str, ...]], moments: TimeSeries
) -> TrialPrediction:
    """Put a prediction together from its files.

    Args:
        trial: its name.
        first_counted: its first counted sample.
        muscles: in the order wanted.
        states: a table with columns <muscle>_<state>, and which states those are.
        moments: (time, dof), N·m.
    """
    table, kinds = states
    values = {kind: table.select([f"{muscle}_{kind}" for muscle in muscles]).values for kind in kinds}
    return TrialPrediction(
        trial=trial,
        time=table.time,
        first_counted=first_counted,
        muscles=muscles,
        dofs=moments.labels,
        joint_moment=moments.values,
        **values,
    )


def read_index(folder: Path) -> list[Mapping[str, Any]]:
    """Read which trials there are: name, role, first counted sample and dofs of each.

    Raises:
        FileFormatError: missing, damaged, or without any trial.
    """
    path = folder / Path(PREDICTION_INDEX).name
    document = read_json(path, AGAIN)
    try:
        rows: list[Mapping[str, Any]] = [{name: row[name] for name in ("trial", "role", "first_counted", "dofs")} for row in document]
    except (KeyError, TypeError) as error:
        raise damaged(path, error, AGAIN) from error
    if not rows:  # nothing to verify must never read as verified
        raise FileFormatError(f"{path} is missing or damaged (it names no trial); {AGAIN}.")
    return rows


def read_json(path: Path, remedy: str) -> Any:
    """Read a JSON file of a results folder; a sentence says how to get another."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise damaged(path, error, remedy) from error


def damaged(path: Path, error: Exception, remedy: str) -> FileFormatError:
    """Return the error for a file of a results folder that cannot be used."""
    return FileFormatError(f"{path} is missing or damaged ({type(error).__name__}); {remedy}.")


def _write(path: Path, prediction: TrialPrediction, labels: Iterable[str], values: NDArray[np.float64]) -> None:
    series = TimeSeries(time=prediction.time, labels=tuple(labels), values=values, source=prediction.trial)
    write_storage(path, series, header_name=path.stem)


def _write_states(path: Path, prediction: TrialPrediction, states: tuple[str, ...]) -> None:
    labels = [f"{muscle}_{state}" for state in states for muscle in prediction.muscles]
    _write(path, prediction, labels, np.hstack([getattr(prediction, state) for state in states]))


def _read(files: PredictionFiles, trial: Trial) -> TrialPrediction:
    activation, force, moment, states = (
        read_storage(path) for path in (files.activation, files.tendon_force, files.joint_moment, files.states)
    )
    values = np.split(states.select(_state_labels(trial.muscles)).values, len(STATES), axis=1)
    return TrialPrediction(
        trial=trial.name,
        time=trial.time,
        first_counted=trial.first_counted,
        muscles=trial.muscles,
        dofs=trial.dofs,
        activation=activation.select(trial.muscles).values,
        tendon_force=force.select(trial.muscles).values,
        joint_moment=moment.select(trial.dofs).values,
        ligament_moment=ligaments_in(moment, trial.dofs),
        **dict(zip(STATES, values, strict=True)),
    )


def ligaments_in(moment: TimeSeries, dofs: Sequence[str]) -> NDArray[np.float64] | None:
    """Return the ligaments' part of the predicted moments of a joint_moment file, (time, dof), N·m; None where there are none."""
    labels = [LIGAMENTS.format(dof=dof) for dof in dofs]
    return moment.select(labels).values if all(label in moment.labels for label in labels) else None


def _state_labels(muscles: Iterable[str]) -> tuple[str, ...]:
    muscles = tuple(muscles)
    return tuple(f"{muscle}_{state}" for state in STATES for muscle in muscles)


def _index_row(trial: Trial) -> dict[str, Any]:
    return {"trial": trial.name, "role": trial.role, "first_counted": trial.first_counted, "dofs": list(trial.dofs)}
