"""The methods of calibration: the one place where EMG-driven and synergy-hybrid part.

A method is imported when it is used: a run in which everything is up to date, and `--help`, need no torch.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.data.results import CalibrationResult, TrialPrediction
from osim_nmscal.data.trials import TrialSet
from osim_nmscal.errors import CalibrationError, did_you_mean


@dataclass(frozen=True)
class Method:
    """How a method calibrates, and how its result predicts trials."""

    calibrate: Callable[..., CalibrationResult]
    predict: Callable[[TrialSet, CalibrationResult, CalibrationSettings], tuple[TrialPrediction, ...]]
    loads: tuple[str, ...]  # modules that take long to import


def method_of(name: str) -> Method:
    """Return a method by its name in [calibration].

    Raises:
        CalibrationError: there is no such method; nothing falls through to another one.
    """
    if name not in METHODS:
        raise CalibrationError(f"There is no calibration method {name!r}.{did_you_mean(name, METHODS)} Choose one of {', '.join(METHODS)}.")
    return METHODS[name]


def _calibrate_driven(*args: Any, **options: Any) -> CalibrationResult:
    from osim_nmscal.calibration.emg_driven import calibrate_emg_driven

    return calibrate_emg_driven(*args, **options)


def _calibrate_hybrid(*args: Any, **options: Any) -> CalibrationResult:
    from osim_nmscal.calibration.synergy.calibration import calibrate_synergy_hybrid

    return calibrate_synergy_hybrid(*args, **options)


def _predict_driven(trials: TrialSet, result: CalibrationResult, settings: CalibrationSettings) -> tuple[TrialPrediction, ...]:
    from osim_nmscal.calibration.prediction import predict

    return predict(trials, result.muscles, result.neural, settings)


def _predict_hybrid(trials: TrialSet, result: CalibrationResult, settings: CalibrationSettings) -> tuple[TrialPrediction, ...]:
    """Predict calibration trials as the calibration left them, and held-out ones from their EMG alone."""
    from osim_nmscal.calibration.synergy.prediction import predict_hybrid

    if result.synergy is None:  # every muscle was recorded
        return _predict_driven(trials, result, settings)
    seen = predict_hybrid(trials.calibration, result, settings, mode="calibrated")
    some_held_out = any(trial.role == "held_out" for trial in trials.trials)
    new = predict_hybrid(trials.held_out, result, settings, mode="from_emg") if some_held_out else ()
    by_name = {prediction.trial: prediction for prediction in (*seen, *new)}
    return tuple(by_name[name] for name in trials.names)


METHODS = {
    "emg_driven": Method(_calibrate_driven, _predict_driven, ("osim_nmscal.calibration.emg_driven",)),
    "synergy_hybrid": Method(
        _calibrate_hybrid, _predict_hybrid, ("osim_nmscal.calibration.synergy.calibration", "sklearn.decomposition", "scipy.interpolate")
    ),
}
