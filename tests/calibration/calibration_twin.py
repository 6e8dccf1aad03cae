"""What several tests do with a simulated twin."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.calibration.losses import Term
from osim_nmscal.calibration.objective import Objective
from osim_nmscal.calibration.parameter_space import parameter_space
from osim_nmscal.calibration.prediction import predict
from osim_nmscal.calibration.prior import mean_mtu_length
from osim_nmscal.calibration.problem import muscle_objective
from osim_nmscal.calibration.settings import CalibrationSettings, ParameterSettings, ParametersSettings
from osim_nmscal.calibration.simulated_twin import LEAD_IN, TIME_STEP, Twin
from osim_nmscal.calibration.stacking import stack_trials
from osim_nmscal.data.results import CalibrationResult
from osim_nmscal.data.trials import Trial, TrialSet
from osim_nmscal.nms.muscle_models import muscle_mechanics


def every_kind_free(**changes: ParameterSettings) -> ParametersSettings:
    """Free every kind of parameter."""
    defaults = ParametersSettings()
    freed = {name: getattr(defaults, name).model_copy(update={"free": True}) for name in ParametersSettings.model_fields}
    return ParametersSettings(**(freed | changes))


def make_objective(twin: Twin, settings: CalibrationSettings, terms: Sequence[Term] = ()) -> Objective:
    """Build the loss that a calibration of the twin would minimise."""
    stacked = stack_trials(twin.trials)
    space = parameter_space(twin.start, settings, time_step=TIME_STEP, mtu_length=mean_mtu_length(stacked))
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


def with_dynamometer(twin: Twin, *, steps: int = 25, gain: float = 1.0) -> tuple[Trial, ...]:
    """Measure the twin on a dynamometer, one degree of freedom at a time: a slow passive sweep, an effort each way, one effort with EMG.

    Args:
        twin: whose true muscles make the moments.
        steps: samples of each trial; the first five do not count.
        gain: of the EMG of the last effort.
    """
    true, time = twin.true, np.arange(steps, dtype=np.float64) * TIME_STEP
    optimal, slack = true.values("optimal_fiber_length"), true.values("tendon_slack_length")
    sine = np.sin(true.values("pennation_angle_at_optimal"))
    arm = np.repeat(twin.trials.trials[0].moment_arm[:1], steps, axis=0)
    made = []
    for i, dof in enumerate(twin.trials.dofs):
        for name, fiber, kind, driven_by, agonists, level in (
            ("passive", (0.7, 1.45), "passive", "emg", 0.0, 0.0),
            ("flexion", (0.7, 1.2), "effort", "assumed", arm[0, i] > 0.0, 0.92),
            ("extension", (0.7, 1.2), "effort", "assumed", arm[0, i] < 0.0, 0.92),
            ("recorded", (1.1, 0.8), "effort", "emg", arm[0, i] > 0.0, 0.6),
        ):
            length = np.linspace(*fiber, steps)[:, None]
            trial = Trial(
                name=f"{dof}/{name}",
                time=time,
                muscles=true.names,
                dofs=twin.trials.dofs,
                excitation=np.ones((steps, len(true))) * level * agonists / (gain if driven_by == "emg" else 1.0),
                mtu_length=1.02 * slack + optimal * np.sqrt(length**2 - sine**2),
                moment_arm=arm,
                joint_moment=np.zeros((steps, len(twin.trials.dofs))),
                first_counted=5,
                kind=kind,  # type: ignore[arg-type]
                measured=(dof,),
                driven_by=driven_by,  # type: ignore[arg-type]
            )
            neural = replace(twin.neural, emg_scale=np.full(len(true), gain))
            (prediction,) = predict(TrialSet(trials=(trial,)), true, neural)
            moment = np.full_like(prediction.joint_moment, 1e3)  # what was not measured says nonsense
            moment[:, i] = prediction.joint_moment[:, i]
            made.append(replace(trial, joint_moment=moment))
    return tuple(made)
