"""One calibration of a study as plain numbers and texts, so that a file can hold it."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.data.emg import EmgMapping
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.results import CalibrationResult, TrialPrediction
from osim_nmscal.data.trials import TrialSet
from osim_nmscal.electrodes.fewer_channels import calibrate_without, predictions, without_channels
from osim_nmscal.electrodes.findings import StudyMethod
from osim_nmscal.errors import NmscalError
from osim_nmscal.evaluation import moment_metrics


@dataclass(frozen=True)
class Inputs:
    """What every calibration of a study starts from."""

    trials: TrialSet
    muscles: MuscleTable
    mapping: EmgMapping
    settings: CalibrationSettings


@dataclass(frozen=True)
class Job:
    """One calibration: by this method, without these channels."""

    method: StudyMethod
    removed: tuple[str, ...]

    @property
    def name(self) -> str:
        """What progress calls it."""
        return f"{self.method} without {', '.join(self.removed)}" if self.removed else f"{self.method} with all channels"


def make_record(inputs: Inputs, job: Job) -> dict[str, Any]:
    """Calibrate, and return what the study needs of it; a calibration that is refused or fails is a record, too."""
    hybrid = job.method == "synergy_hybrid"
    try:
        fewer = without_channels(inputs.trials, inputs.mapping, job.removed)
        result, trials = calibrate_without(fewer, inputs.muscles, inputs.settings, hybrid=hybrid)
        made = predictions(result, trials, inputs.settings, hybrid=hybrid)
    except NmscalError as error:
        return {"failed": True, "sentence": str(error), "seconds": 0.0, "synergies": 0, "metrics": [], "excitations": [], "parameters": []}
    metrics, resemblance = [], []
    for data, predicted in made.items():
        chosen = inputs.trials.calibration if data == "calibration" else inputs.trials.held_out
        for row in moment_metrics(chosen, predicted, model="calibrated"):
            metrics.append({"data": data, "trial": row.trial, "dof": row.dof, "rmse": row.rmse, "nrmse": row.nrmse, "r2": row.r2})
        if result.synergy is not None:
            resemblance += _resemblance(chosen, predicted, result, data)
    return {
        "failed": False,
        "sentence": result.sentence,
        "seconds": result.seconds,
        "synergies": 0 if result.synergy is None else len(result.synergy.weights),
        "metrics": metrics,
        "excitations": resemblance,
        "parameters": [[p.owner, p.name, p.calibrated, p.upper - p.lower] for p in result.parameters if p.at_bound != "fixed"],
    }


def _resemblance(trials: TrialSet, predicted: tuple[TrialPrediction, ...], result: CalibrationResult, data: str) -> list[dict[str, Any]]:
    """Compare what drove each withheld muscle with its EMG over the counted samples of all trials."""
    rows = []
    for muscle in result.synergy.withheld if result.synergy is not None else ():
        pairs = [
            (trial.excitation[trial.first_counted :, trial.muscles.index(muscle)], p.excitation[p.first_counted :, p.muscles.index(muscle)])
            for trial, p in zip(trials.trials, predicted, strict=True)
        ]
        recorded, made = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
        spread = float(recorded.std() * made.std())
        covariance = float(np.mean((recorded - recorded.mean()) * (made - made.mean())))
        rows.append(
            {
                "data": data,
                "muscle": muscle,
                "correlation": covariance / spread if spread > 0 else None,
                "rmse": float(np.sqrt(np.mean((recorded - made) ** 2))),
            }
        )
    return rows
