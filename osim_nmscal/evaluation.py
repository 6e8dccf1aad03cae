"""Agreement of predicted joint moments with inverse dynamics.

Over the counted samples of a trial, per degree of freedom: root mean square error; that error as a share of the range of the
inverse-dynamics moment; R2 = 1 - SSE/SST, which offset and scale errors lower and which can be negative; and the squared correlation,
which they do not touch. Hambly et al. (2025) report RMSE and R2.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.results import DynamometerMetrics, MomentMetrics, TrialPrediction
from osim_nmscal.data.trials import Trial, TrialSet
from osim_nmscal.errors import SignalError, UnknownNameError, did_you_mean

FloatArray = NDArray[np.float64]


def moment_metrics(
    trials: TrialSet, predictions: Sequence[TrialPrediction], *, model: Literal["uncalibrated", "calibrated"]
) -> tuple[MomentMetrics, ...]:
    """Compare predicted with measured joint moments.

    Args:
        trials: with the moments of inverse dynamics, N*m.
        predictions: one per trial, in any order, on the trials' clocks.
        model: what made the predictions.

    Returns:
        One per trial and degree of freedom whose moment was measured, in the trials' order.

    Raises:
        UnknownNameError: a trial has no prediction.
        SignalError: a prediction is on another clock, has other degrees of freedom, or is not finite.

    Example:
        >>> first = moment_metrics(trials, predictions, model="calibrated")[0]
        >>> first.trial, first.dof, first.r2 > 0.9
        ('squat/1', 'knee', True)
    """
    by_name = {prediction.trial: prediction for prediction in predictions}
    metrics: list[MomentMetrics] = []
    for trial in trials.trials:
        if trial.name not in by_name:
            raise UnknownNameError(f"Trial {trial.name!r} has no prediction.{did_you_mean(trial.name, by_name)} Predict it first.")
        prediction = by_name[trial.name]
        _require_same_clock(trial, prediction)
        counted = slice(trial.first_counted, None)
        for column, dof in enumerate(trial.dofs):
            if not trial.is_measured[column]:
                continue
            measured, predicted = trial.joint_moment[counted, column], prediction.joint_moment[counted, column]
            metrics.append(
                MomentMetrics(
                    trial=trial.name,
                    role=trial.role,
                    dof=dof,
                    model=model,
                    rmse=root_mean_square_error(measured, predicted),
                    nrmse=normalized_error(measured, predicted),
                    r2=coefficient_of_determination(measured, predicted),
                    correlation_squared=correlation_squared(measured, predicted),
                )
            )
    return tuple(metrics)


def dynamometer_metrics(
    trials: TrialSet,
    before: Sequence[TrialPrediction],
    after: Sequence[TrialPrediction],
    submaximal: Sequence[TrialPrediction],
    relaxed: Sequence[TrialPrediction],
) -> tuple[DynamometerMetrics, ...]:
    """Compare predicted moments with those that a dynamometer measured.

    Args:
        trials: passive trials and efforts.
        before: predictions of the muscles before calibration, one per trial, in their order.
        after: of the calibrated muscles.
        submaximal: of the muscles before calibration at a low excitation.
        relaxed: of the muscles before calibration at none.

    Returns:
        One per trial and measured degree of freedom.

    Raises:
        SignalError: a prediction is on another clock, has other degrees of freedom, or is not finite.
    """
    found = []
    for trial, first, last, weak, none in zip(trials.trials, before, after, submaximal, relaxed, strict=True):
        for prediction in (first, last, weak, none):
            _require_same_clock(trial, prediction)
        counted = slice(trial.first_counted, None)
        for column, dof in enumerate(trial.dofs):
            if not trial.is_measured[column] or trial.kind == "motion":
                continue
            measured = trial.joint_moment[counted, column]
            passive = none.joint_moment[counted, column]
            active = weak.joint_moment[counted, column] - passive
            found.append(
                DynamometerMetrics(
                    trial=trial.name,
                    kind=trial.kind,
                    role=trial.role,
                    dof=dof,
                    largest=float(measured[np.abs(measured).argmax()]),
                    rmse_uncalibrated=root_mean_square_error(measured, first.joint_moment[counted, column]),
                    rmse_calibrated=root_mean_square_error(measured, last.joint_moment[counted, column]),
                    submaximal=_surely_exceeded(active, passive) if trial.kind == "effort" else float("nan"),
                )
            )
    return tuple(found)


def _surely_exceeded(active: FloatArray, passive: FloatArray) -> float:
    """Return the largest active moment less what resists it passively, N*m; passive help, which models exaggerate, does not count."""
    direction = float(np.sign(active.sum()))
    return direction * max(0.0, float((direction * active + np.minimum(direction * passive, 0.0)).max()))


def root_mean_square_error(measured: FloatArray, predicted: FloatArray) -> float:
    """Return the root mean square of the difference, (time,) each, in their unit."""
    return float(np.sqrt(np.mean((predicted - measured) ** 2)))


def normalized_error(measured: FloatArray, predicted: FloatArray) -> float:
    """Return the root mean square error / range of the measured values; nan where they are constant."""
    width = float(np.ptp(measured))
    return root_mean_square_error(measured, predicted) / width if width > 0 else float("nan")


def coefficient_of_determination(measured: FloatArray, predicted: FloatArray) -> float:
    """Return R2 = 1 - SSE/SST, at most 1; nan where the measured values are constant."""
    total = float(np.sum((measured - measured.mean()) ** 2))
    return 1.0 - float(np.sum((predicted - measured) ** 2)) / total if total > 0 else float("nan")


def correlation_squared(measured: FloatArray, predicted: FloatArray) -> float:
    """Return the square of Pearson's correlation; nan where either is constant."""
    a, b = measured - measured.mean(), predicted - predicted.mean()
    norm = float(np.sum(a * a) * np.sum(b * b))
    return float(np.sum(a * b)) ** 2 / norm if norm > 0 else float("nan")


def _require_same_clock(trial: Trial, prediction: TrialPrediction) -> None:
    if prediction.dofs != trial.dofs or prediction.joint_moment.shape != trial.joint_moment.shape:
        raise SignalError(
            f"The prediction of trial {trial.name!r} has moments {prediction.joint_moment.shape} of {prediction.dofs}, expected "
            f"{trial.joint_moment.shape} of {trial.dofs}."
        )
    if not np.allclose(prediction.time, trial.time, rtol=0.0, atol=0.1 * trial.time_step):
        raise SignalError(
            f"The prediction of trial {trial.name!r} starts at {prediction.time[0]:g} s, the trial at {trial.time[0]:g} s; use one clock."
        )
    if not np.isfinite(prediction.joint_moment).all():
        row, column = np.argwhere(~np.isfinite(prediction.joint_moment))[0]
        raise SignalError(f"The predicted {trial.dofs[column]} moment of trial {trial.name!r} is not finite at {trial.time[row]:g} s.")
