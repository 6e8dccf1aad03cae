"""Evaluation: what the muscles predict before and after calibration, and how well that agrees with inverse dynamics."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.results import CalibrationResult, DynamometerMetrics
from osim_nmscal.data.trials import Trial, TrialSet
from osim_nmscal.errors import ConfigError
from osim_nmscal.evaluation import dynamometer_metrics, moment_metrics
from osim_nmscal.formats.text_files import write_text_atomically
from osim_nmscal.workflow.names import (
    CALIBRATION,
    CORRELATION,
    DYNAMOMETER_METRICS,
    HISTORY,
    MOMENT_METRICS,
    PARAMETERS,
    PREDICTION_INDEX,
)
from osim_nmscal.workflow.predictions import read_predictions, read_uncalibrated, relative_files, write_predictions
from osim_nmscal.workflow.results import (
    ResultsFolder,
    dynamometer_document,
    metric_document,
    read_calibration,
    read_dynamometer_metric,
    read_metric,
)
from osim_nmscal.workflow.task import Inputs, Summary, Task

if TYPE_CHECKING:
    from osim_nmscal.config import WorkflowConfig
    from osim_nmscal.workflow.flow import Flow


# Excitation that anybody exceeds who tries. Source: choice.
SUBMAXIMAL = 0.3


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What is predicted, beside the calibration."""

    trials: TrialSet
    dynamometer: tuple[Trial, ...]
    start_muscles: MuscleTable
    settings: CalibrationSettings


def outputs(config: "WorkflowConfig") -> tuple[str, ...]:
    """Return what it writes; the predictions of trials that are not known yet come on top."""
    return (PREDICTION_INDEX, MOMENT_METRICS, *((DYNAMOMETER_METRICS,) if config.dynamometer else ()))


def run(flow: "Flow") -> None:
    """Write predictions/ and read it back."""
    result, trials, start = flow.calibration, flow.trials, flow.start_muscles
    if result is None or trials is None or start is None:
        raise ConfigError("There is no calibration to evaluate; run the workflow from its beginning.")
    files = [path for trial in trials.names for path in relative_files(trial)]
    place = flow.place
    flow.runner.run(
        Task(
            stage="evaluation",
            settings=Evaluation(trials=trials, dynamometer=flow.dynamometer, start_muscles=start, settings=flow.config.calibration),
            inputs={
                "calibration": place.path(CALIBRATION),
                "parameters": place.path(PARAMETERS),
                "history": place.path(HISTORY),
                "correlation": place.path(CORRELATION),
            },
            outputs=(*outputs(flow.config), *files),
            work=work,
        )
    )
    flow.trials = of_calibrated(trials, result.muscles.names)
    flow.predictions = read_predictions(place.path(PREDICTION_INDEX).parent, flow.trials)
    flow.uncalibrated = read_uncalibrated(place.path(PREDICTION_INDEX).parent, flow.trials)
    stored = json.loads(place.path(MOMENT_METRICS).read_text(encoding="utf-8"))
    flow.metrics = tuple(read_metric(one) for one in stored)
    if flow.dynamometer:
        judged = json.loads(place.path(DYNAMOMETER_METRICS).read_text(encoding="utf-8"))
        flow.dynamometer_metrics = tuple(read_dynamometer_metric(one) for one in judged)


def of_calibrated(trials: TrialSet, muscles: tuple[str, ...]) -> TrialSet:
    """Return the trials with the muscles that took part in the calibration, in its order."""
    return trials.with_muscles(muscles)


def work(inputs: Inputs, task: Evaluation, out: Path) -> Summary:
    """Predict every trial before and after calibration, and compare."""
    from osim_nmscal.calibration.predict_calibrated import predict_calibrated
    from osim_nmscal.calibration.prediction import predict  # with it comes torch, which an up-to-date run can do without

    result = read_calibration(ResultsFolder(root=inputs.file("calibration").parent.parent), task.start_muscles)
    trials = of_calibrated(task.trials, result.muscles.names)
    before = predict(trials, result.start_muscles, result.start_neural, task.settings, ligaments=result.start_ligaments)
    after = predict_calibrated(trials, result, task.settings)
    write_predictions(ResultsFolder(root=out), trials, after, before=before)
    metrics = (*moment_metrics(trials, before, model="uncalibrated"), *moment_metrics(trials, after, model="calibrated"))
    write_text_atomically(out / MOMENT_METRICS, json.dumps([metric_document(metric) for metric in metrics], indent=1))
    if task.dynamometer:
        found = _of_dynamometer(task, result)
        write_text_atomically(out / DYNAMOMETER_METRICS, json.dumps([dynamometer_document(metric) for metric in found], indent=1))
    return {}


def _of_dynamometer(task: Evaluation, result: CalibrationResult) -> tuple[DynamometerMetrics, ...]:
    """Predict what a dynamometer measured before and after calibration, and what an effort would be at SUBMAXIMAL."""
    from osim_nmscal.calibration.prediction import predict

    trials = of_calibrated(TrialSet(trials=task.dynamometer), result.muscles.names)
    levels = []
    for highest in (1.0, SUBMAXIMAL, 0.0):
        lowered = TrialSet(trials=tuple(replace(trial, excitation=np.minimum(trial.excitation, highest)) for trial in trials.trials))
        levels.append(predict(lowered, result.start_muscles, result.start_neural, task.settings, ligaments=result.start_ligaments))
    before, weak, relaxed = levels
    after = predict(trials, result.muscles, result.neural, task.settings, ligaments=result.ligaments)
    return dynamometer_metrics(trials, before, after, weak, relaxed)
