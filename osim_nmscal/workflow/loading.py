"""A finished run as objects: everything that its results folder holds, read back without computing anything anew.

Trials are cut again from the folder's own files at the very times of their predictions, which gives the same bits as in the run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.config import RecordingSettings, WorkflowConfig
from osim_nmscal.data.findings import Finding, Verdict
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.noun import Rows
from osim_nmscal.data.results import CalibrationResult, DynamometerMetrics, MomentMetrics, TrialPrediction, VerificationMetrics
from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.data.trials import Trial, TrialSet
from osim_nmscal.errors import FileFormatError
from osim_nmscal.formats.storage import read_storage
from osim_nmscal.initialization.files import read_starting_values
from osim_nmscal.osim_model.reader import read_muscles
from osim_nmscal.trials.assembly import cut_trials
from osim_nmscal.trials.segmentation import Segment
from osim_nmscal.workflow import names
from osim_nmscal.workflow.opened import Results, open_results
from osim_nmscal.workflow.predictions import AGAIN, damaged, prediction_files, read_index, read_json, read_predictions, read_uncalibrated
from osim_nmscal.workflow.recording_files import coordinates_of, has_motion, moments_by_coordinate, recorded_geometry
from osim_nmscal.workflow.results import read_calibration, read_dynamometer_metric, read_metric
from osim_nmscal.workflow.showing import opened_model, run_html, run_sentence

if TYPE_CHECKING:
    pass

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, repr=False)
class LoadedResults:
    """What a finished run made."""

    folder: Path
    config: WorkflowConfig  # every setting that it was made with
    model: Path  # personalized.osim
    trials: TrialSet
    calibration: CalibrationResult
    dynamometer: Rows[DynamometerMetrics]  # of passive trials and efforts
    predictions: Rows[TrialPrediction]  # of the calibrated muscles, one per trial
    uncalibrated: Rows[TrialPrediction]  # of the muscles before calibration, one per trial
    metrics: Rows[MomentMetrics]
    verification: Rows[VerificationMetrics]  # empty if OpenSim did not run the model
    verdict: Verdict | None
    findings: Rows[Finding]
    inputs: Mapping[str, str]  # path -> sha256 of every file that the run read
    versions: Mapping[str, str]

    def __repr__(self) -> str:
        return f"LoadedResults({self.folder.name}: {self.config.subject.name}, {self._sentence()})"

    def _repr_html_(self) -> str:
        title = f"{self.folder.name}, {self.config.subject.name}"
        return run_html(title, self._sentence(), self.verdict, self.metrics)

    def open_model(self) -> Any:
        """Return the personalized model as an `opensim.Model`; this imports OpenSim."""
        return opened_model(self.model, self.folder)

    def _sentence(self) -> str:
        return run_sentence(self.trials, self.calibration, self.verdict)


def load_results(folder: Path | str) -> LoadedResults:
    """Read a finished run back.

    Args:
        folder: of `personalize` or `osim-nmscal run`.

    Returns:
        Trials, calibration, predictions before and after it, metrics, verification, verdict and findings, settings. Nothing is
        computed anew. `metrics`, `verification`, `findings` and `calibration.parameters` have `to_frame()`.

    Raises:
        FileFormatError: the folder holds no finished results, or they were edited or damaged since; says which file.

    Example:
        >>> load_results("models")
        Traceback (most recent call last):
            ...
        osim_nmscal.errors.FileFormatError: ...models has no finished results (no results.json); give the folder of a run.
    """
    results = open_results(folder)
    config = WorkflowConfig.model_validate(results.record.configuration)
    root = results.folder.root
    rows = read_index(results.folder.predictions)
    calibration = read_calibration(results.folder, _start_muscles(results, config))
    trials = _trials(config, root, rows, calibration.muscles)
    judged = read_json(root / names.METRICS, AGAIN)
    stored = read_json(root / names.VERIFICATION, AGAIN) if (root / names.VERIFICATION).is_file() else []
    verdict = judged.get("verdict")
    loaded = LoadedResults(
        folder=root,
        config=config,
        model=root / names.PERSONALIZED_MODEL,
        trials=trials,
        calibration=calibration,
        dynamometer=Rows(read_dynamometer_metric(one) for one in judged.get("dynamometer", ())),
        predictions=Rows(read_predictions(results.folder.predictions, trials)),
        uncalibrated=Rows(read_uncalibrated(results.folder.predictions, trials)),
        metrics=Rows(read_metric(one) for one in read_json(root / names.MOMENT_METRICS, AGAIN)),
        verification=Rows(VerificationMetrics(**one) for one in stored),
        verdict=None if verdict is None else Verdict(**{**verdict, "reasons": tuple(verdict["reasons"])}),
        findings=Rows(Finding(**one) for one in judged.get("findings", ())),
        inputs=results.record.inputs,
        versions=results.record.versions,
    )
    results.require_unchanged()
    return loaded


def _start_muscles(results: Results, config: WorkflowConfig) -> MuscleTable:
    kept = results.folder.root / names.STARTING_VALUES
    if config.initialization.changes_anything and kept.is_file():
        return read_starting_values(kept).muscles
    return read_muscles(results.folder.scaled_model, config.model.substitute_muscle_class)


def _trials(config: WorkflowConfig, root: Path, rows: Sequence[Mapping[str, Any]], muscles: MuscleTable) -> TrialSet:
    """Cut the trials of all recordings at the times of their predictions."""
    recordings = {recording.name: recording for recording in config.recordings}
    found: dict[str, Trial] = {}
    for name in dict.fromkeys(row["trial"].rpartition("/")[0] for row in rows):
        if name not in recordings:
            raise damaged(root / names.PREDICTION_INDEX, KeyError(name), AGAIN)
        mine = [row for row in rows if row["trial"].rpartition("/")[0] == name]
        found |= {trial.name: trial for trial in _trials_of(config, recordings[name], root, mine, muscles)}
    return TrialSet(trials=tuple(found[row["trial"]] for row in rows))


def _trials_of(
    config: WorkflowConfig, recording: RecordingSettings, root: Path, rows: Sequence[Mapping[str, Any]], muscles: MuscleTable
) -> tuple[Trial, ...]:
    dofs = config.muscle_analysis.dofs
    geometry = recorded_geometry(recording, recording.muscle_analysis or root / recording.name, dofs)
    moments = moments_by_coordinate(read_storage(root / names.moments(recording.name)), dofs, recording.dofs)
    motion = root / names.motion(recording.name)
    angles = coordinates_of(motion, root / names.SCALED_MODEL, dofs) if has_motion(recording) and motion.is_file() else None
    driven = read_storage(root / names.excitations(recording.name))
    values = np.zeros((len(driven.time), len(muscles)))
    for column, muscle in enumerate(muscles.names):
        if muscle in driven.labels:
            values[:, column] = driven.column(muscle)
    excitations = TimeSeries(time=driven.time, labels=muscles.names, values=values, source=str(recording.emg))
    segments = tuple(_segment(root, row) for row in rows)
    roles = {row["trial"]: row["role"] for row in rows}
    trials = cut_trials(
        recording.name,
        segments,
        geometry.select(muscles.names, dofs),
        moments,
        excitations,
        settings=config.trials,
        roles=roles,
        measured=recording.dofs,
        angles=angles,
    )
    for trial, row in zip(trials, rows, strict=True):
        if trial.first_counted != row["first_counted"]:
            raise FileFormatError(f"The files of trial {trial.name!r} in {root} do not fit its prediction; {AGAIN}.")
    return trials


def _segment(root: Path, row: Mapping[str, Any]) -> Segment:
    time = read_storage(prediction_files(root / names.PREDICTIONS, row["trial"]).activation).time
    return Segment(name=row["trial"].rpartition("/")[2], start=float(time[row["first_counted"]]), end=float(time[-1]))
