"""A finished run as objects: everything that its results folder holds, read back without computing anything anew.

Trials are cut again from the folder's own files at the very times of their predictions, which gives the same bits as in the run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.config import RecordingSettings, WorkflowConfig
from osim_nmscal.data.findings import Finding, Verdict
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.results import CalibrationResult, DynamometerMetrics, MomentMetrics, TrialPrediction, VerificationMetrics
from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.data.trials import Trial, TrialSet
from osim_nmscal.errors import ConfigError, FileFormatError
from osim_nmscal.formats.storage import read_storage
from osim_nmscal.osim_model.conversion import convert_muscles
from osim_nmscal.osim_model.reader import read_muscles
from osim_nmscal.trials.assembly import cut_trials
from osim_nmscal.trials.segmentation import Segment
from osim_nmscal.workflow import names
from osim_nmscal.workflow.opened import Results, open_results
from osim_nmscal.workflow.predictions import AGAIN, damaged, prediction_files, read_index, read_json, read_predictions
from osim_nmscal.workflow.recording_files import moments_by_coordinate, recorded_geometry
from osim_nmscal.workflow.results import read_calibration, read_dynamometer_metric, read_metric

if TYPE_CHECKING:
    import pandas

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, repr=False)
class LoadedResults:
    """What a finished run made."""

    folder: Path
    config: WorkflowConfig  # every setting that it was made with
    model: Path  # personalized.osim
    trials: TrialSet
    calibration: CalibrationResult
    predictions: tuple[TrialPrediction, ...]  # of the calibrated muscles, one per trial
    uncalibrated_moments: Mapping[str, FloatArray]  # trial -> (time, dof), N*m, of the muscles before calibration
    metrics: tuple[MomentMetrics, ...]
    dynamometer: tuple[DynamometerMetrics, ...]  # of passive trials and efforts
    verification: tuple[VerificationMetrics, ...]  # empty if OpenSim did not run the model
    verdict: Verdict | None
    findings: tuple[Finding, ...]
    inputs: Mapping[str, str]  # path -> sha256 of every file that the run read
    versions: Mapping[str, str]

    def __repr__(self) -> str:
        return f"LoadedResults({self.folder.name}: {self._sentence()})"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(dof)}</td><td>{escape(role)}</td><td>{before:.2f}</td><td>{after:.2f}</td></tr>"
            for role, dof, before, after in self._agreement()
        )
        verdict = self.verdict.sentence if self.verdict is not None else "No verdict."
        head = "<tr><th>joint</th><th>trials</th><th>R² before</th><th>R² after</th></tr>"
        return f"<b>{escape(self.folder.name)}</b>: {escape(self._sentence())}<br>{escape(verdict)}<table>{head}{rows}</table>"

    def parameters_frame(self) -> "pandas.DataFrame":
        """Return the calibrated parameters as a table, one row each; needs pandas (extra `plots`)."""
        return _frame(self.calibration.parameters)

    def metrics_frame(self) -> "pandas.DataFrame":
        """Return the agreement with inverse dynamics, one row per trial, degree of freedom and model; needs pandas."""
        return _frame(self.metrics)

    def verification_frame(self) -> "pandas.DataFrame":
        """Return OpenSim's own run against the prediction, one row per trial and degree of freedom; needs pandas."""
        return _frame(self.verification)

    def open_model(self) -> Any:
        """Return the personalized model as an `opensim.Model`; this imports OpenSim."""
        from osim_nmscal.opensim_tools.model_access import open_model

        return open_model(self.model)

    def _sentence(self) -> str:
        used = sum(trial.role == "calibration" for trial in self.trials.trials)
        held = len(self.trials.trials) - used
        level = self.verdict.level if self.verdict is not None else "no verdict"
        return (
            f"{self.config.subject.name}, {used} trials calibrate and {held} are held out, {len(self.calibration.muscles)} muscles, "
            f"{len(self.calibration.parameters)} parameters; {level}"
        )

    def _agreement(self) -> list[tuple[str, str, float, float]]:
        rows = []
        for role, dof in dict.fromkeys((metric.role, metric.dof) for metric in self.metrics):
            means = [
                float(np.mean([m.r2 for m in self.metrics if (m.role, m.dof, m.model) == (role, dof, model)] or [np.nan]))
                for model in ("uncalibrated", "calibrated")
            ]
            rows.append((role.replace("_", "-"), dof, means[0], means[1]))
        return rows


def load_results(folder: Path | str) -> LoadedResults:
    """Read a finished run back.

    Args:
        folder: of `personalize` or `osim-nmscal run`.

    Returns:
        Trials, calibration, predictions, metrics, verification, verdict and findings, settings. Nothing is computed anew.

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
        predictions=read_predictions(results.folder.predictions, trials),
        uncalibrated_moments={trial.name: _uncalibrated(results, trial) for trial in trials.trials},
        metrics=tuple(read_metric(one) for one in read_json(root / names.MOMENT_METRICS, AGAIN)),
        dynamometer=tuple(read_dynamometer_metric(one) for one in judged.get("dynamometer", ())),
        verification=tuple(VerificationMetrics(**one) for one in stored),
        verdict=None if verdict is None else Verdict(**{**verdict, "reasons": tuple(verdict["reasons"])}),
        findings=tuple(Finding(**one) for one in judged.get("findings", ())),
        inputs=results.record.inputs,
        versions=results.record.versions,
    )
    results.require_unchanged()
    return loaded


def _start_muscles(results: Results, config: WorkflowConfig) -> MuscleTable:
    table = read_muscles(results.folder.scaled_model, config.model.substitute_muscle_class)
    target = config.output.muscle_class
    return table if target == "keep" else convert_muscles(table, target)


def _uncalibrated(results: Results, trial: Trial) -> FloatArray:
    return read_storage(prediction_files(results.folder.predictions, trial.name).uncalibrated_moment).select(trial.dofs).values


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
    )
    for trial, row in zip(trials, rows, strict=True):
        if trial.first_counted != row["first_counted"]:
            raise FileFormatError(f"The files of trial {trial.name!r} in {root} do not fit its prediction; {AGAIN}.")
    return trials


def _segment(root: Path, row: Mapping[str, Any]) -> Segment:
    time = read_storage(prediction_files(root / names.PREDICTIONS, row["trial"]).activation).time
    return Segment(name=row["trial"].rpartition("/")[2], start=float(time[row["first_counted"]]), end=float(time[-1]))


def _frame(rows: Sequence[Any]) -> "pandas.DataFrame":
    try:
        import pandas
    except ImportError as error:
        raise ConfigError('Tables need pandas, which is not installed; install it with: pip install "osim-nmscal[plots]"') from error
    return pandas.DataFrame([{field.name: getattr(row, field.name) for field in fields(row)} for row in rows])
