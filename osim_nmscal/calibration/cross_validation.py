"""Leave-one-trial-out cross-validation: how well a calibration predicts a trial it has not seen."""

from collections.abc import Callable
from dataclasses import replace

from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.calibration.synergy.prediction import predict_hybrid
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.results import CalibrationResult, MomentMetrics
from osim_nmscal.data.starting_values import StartingValues
from osim_nmscal.data.trials import TrialSet
from osim_nmscal.errors import CalibrationError
from osim_nmscal.evaluation import moment_metrics

Calibrate = Callable[[TrialSet, MuscleTable | StartingValues, CalibrationSettings], CalibrationResult]


def leave_one_out(
    trials: TrialSet, muscles: MuscleTable | StartingValues, settings: CalibrationSettings, calibrate: Calibrate
) -> tuple[MomentMetrics, ...]:
    """Calibrate without each calibration trial in turn and predict it from its EMG alone, synthesised muscles by their synergies.

    Args:
        trials: at least two motions with the role "calibration"; passive trials and efforts take part in every calibration.
        muscles: starting values.
        settings: of the calibration; its own `cross_validation` is not followed again.
        calibrate: the calibration.

    Returns:
        metrics of each left-out trial, role "held_out".

    Raises:
        CalibrationError: there is only one calibration trial.

    Example:
        >>> quick = CalibrationSettings(gauss_newton={"maximum_iterations": 5})
        >>> [(one.trial, one.role, one.r2 > 0.8) for one in leave_one_out(trials, muscles, quick, calibrate)]
        [('squat/1', 'held_out', True), ('squat/2', 'held_out', True)]
    """
    calibration = trials.calibration.trials
    # what a dynamometer measured is no task to predict: it stays
    left = trials.calibration.of_kind("motion") or calibration
    if len(left) < 2:
        raise CalibrationError(
            "Cross-validation needs at least two calibration trials (motions); there is one. Set [calibration] cross_validation = false."
        )
    once = settings.model_copy(update={"cross_validation": False, "subsets": "none"})
    metrics: list[MomentMetrics] = []
    for left_out in left:
        kept = TrialSet(trials=tuple(trial for trial in calibration if trial.name != left_out.name))
        result = calibrate(kept, muscles, once)
        unseen = TrialSet(trials=(replace(left_out, role="held_out"),))
        metrics.extend(moment_metrics(unseen, predict_hybrid(unseen, result, once), model="calibrated"))
    return tuple(metrics)
