"""What several tests do with a simulated twin."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.calibration.emg_driven import muscle_objective
from osim_nmscal.calibration.losses import Term
from osim_nmscal.calibration.objective import Objective
from osim_nmscal.calibration.parameter_space import parameter_space
from osim_nmscal.calibration.prediction import predict
from osim_nmscal.calibration.settings import CalibrationSettings, ParameterSettings, ParametersSettings
from osim_nmscal.calibration.simulated_twin import LEAD_IN, TIME_STEP, Twin
from osim_nmscal.calibration.stacking import stack_trials
from osim_nmscal.data.results import CalibrationResult
from osim_nmscal.nms.muscle_models import muscle_mechanics


def every_kind_free(**changes: ParameterSettings) -> ParametersSettings:
    """Free every kind of parameter."""
    defaults = ParametersSettings()
    freed = {name: getattr(defaults, name).model_copy(update={"free": True}) for name in ParametersSettings.model_fields}
    return ParametersSettings(**(freed | changes))


def make_objective(twin: Twin, settings: CalibrationSettings, terms: Sequence[Term] = ()) -> Objective:
    """Build the loss that a calibration of the twin would minimise."""
    space = parameter_space(twin.start, settings, time_step=TIME_STEP)
    stacked = stack_trials(twin.trials)
    return muscle_objective(stacked, muscle_mechanics(twin.start), space, settings, twin.start, terms, twin.trials.dofs)


def moment_errors(twin: Twin, result: CalibrationResult) -> NDArray[np.float64]:
    """Root mean square moment error of each trial and DOF over the range of its moment, (trial, dof)."""
    errors = []
    for trial, prediction in zip(twin.trials.trials, predict(twin.trials, result.muscles, result.neural), strict=True):
        counted = slice(trial.first_counted, None)
        error = (prediction.joint_moment - trial.joint_moment)[counted]
        errors.append(np.sqrt((error**2).mean(axis=0)) / np.ptp(trial.joint_moment[counted], axis=0))
    return np.array(errors)


def correlation(recorded: list[NDArray[np.float64]], made: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Correlate excitations (time, muscle) of several trials, lead-in left out, (muscle,)."""
    a, b = (np.concatenate([signal[LEAD_IN:] for signal in signals]) for signals in (recorded, made))
    return np.array([np.corrcoef(x, y)[0, 1] for x, y in zip(a.T, b.T, strict=True)])
