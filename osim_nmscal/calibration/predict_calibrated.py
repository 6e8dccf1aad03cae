"""What a calibration says of trials: those that calibrated as it left them, all others from their EMG alone."""

from osim_nmscal.calibration.prediction import predict
from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.calibration.synergy.prediction import PredictionMode, predict_hybrid
from osim_nmscal.data.results import CalibrationResult, TrialPrediction
from osim_nmscal.data.trials import TrialSet

# role of a trial -> where its primitives come from
_MODES: dict[str, PredictionMode] = {"calibration": "calibrated", "held_out": "from_emg"}


def predict_calibrated(trials: TrialSet, result: CalibrationResult, settings: CalibrationSettings) -> tuple[TrialPrediction, ...]:
    """Predict trials by the result of any method: whether it holds synergies decides how muscles are driven.

    Args:
        trials: with the muscles that took part in the calibration.
        result: of `calibrate`.
        settings: those of the calibration.

    Returns:
        one prediction per trial, in the order of the trials.
    """
    if result.synergy is None:
        return predict(trials, result.muscles, result.neural, settings, ligaments=result.ligaments)
    by_name: dict[str, TrialPrediction] = {}
    for role, mode in _MODES.items():
        of_role = tuple(trial for trial in trials.trials if trial.role == role)
        if of_role:
            by_name |= {made.trial: made for made in predict_hybrid(TrialSet(trials=of_role), result, settings, mode=mode)}
    return tuple(by_name[name] for name in trials.names)
