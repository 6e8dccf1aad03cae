"""What muscles with given parameters do in given trials: the forward model without any calibration."""

from dataclasses import replace

import numpy as np
import torch

from osim_nmscal.calibration.ligaments import require_angles
from osim_nmscal.calibration.parameter_space import fixed_parameters
from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.calibration.stacking import stack_trials
from osim_nmscal.calibration.units import require_units
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.passive_joint_moment import PassiveJointMoment
from osim_nmscal.data.results import NeuralParameters, TrialPrediction
from osim_nmscal.data.trials import Trial, TrialSet
from osim_nmscal.nms.model import NmsInputs, NmsOutputs, simulate
from osim_nmscal.nms.muscle_models import muscle_mechanics
from osim_nmscal.nms.passive_joint_moment import joint_moment_of
from osim_nmscal.nms.threads import threads_for


def predict(
    trials: TrialSet,
    muscles: MuscleTable,
    neural: NeuralParameters,
    settings: CalibrationSettings | None = None,
    *,
    ligaments: PassiveJointMoment | None = None,
) -> tuple[TrialPrediction, ...]:
    """Simulate trials with given muscles and activation dynamics.

    Args:
        trials: excitations, MTU lengths, moment arms.
        muscles: at least the trials' muscles; max_isometric_force already holds the strength coefficient.
        neural: C1, C2, shape factor and delay, in the order of the trials' muscles.
        settings: only `tendon` is read.
        ligaments: what they add to the muscles' moments, by the trials' joint angles; None: nothing.

    Returns:
        one prediction per trial, on the trial's own samples.

    Raises:
        CalibrationError: there are ligaments, and a trial without joint angles.

    Example:
        >>> prediction = predict(trials, result.muscles, result.neural)[0]
        >>> prediction.trial, prediction.tendon_force.shape
        ('squat/1', (100, 2))
    """
    given = tuple(trial for trial in trials.trials if trial.driven_by == "assumed")
    if given and len(given) < len(trials.trials):
        heard = TrialSet(trials=tuple(trial for trial in trials.trials if trial.driven_by == "emg"))
        parts = tuple(
            one for some in (TrialSet(trials=given), heard) for one in predict(some, muscles, neural, settings, ligaments=ligaments)
        )
        by_name = {one.trial: one for one in parts}
        return tuple(by_name[name] for name in trials.names)
    if given:
        neural = replace(neural, emg_scale=np.ones(1))  # no electrode saw these excitations
    table = muscles.select(trials.muscles)
    require_units(trials, table)
    stacked = stack_trials(trials)
    mechanics = muscle_mechanics(table, rigid_tendon=(settings or CalibrationSettings()).rigid_tendon)
    inputs = NmsInputs(
        excitation=stacked.excitation, mtu_length=stacked.mtu_length, moment_arm=stacked.moment_arm, time_step=stacked.time_step
    )
    with threads_for(stacked.mtu_length.numel()), torch.no_grad():
        outputs = simulate(inputs, fixed_parameters(table, neural), mechanics)
    predictions = unstack_outputs(trials, outputs)
    if ligaments is None:
        return predictions
    require_angles(trials)
    return tuple(_helped(one, trial, ligaments) for one, trial in zip(predictions, trials, strict=True))


def _helped(prediction: TrialPrediction, trial: Trial, ligaments: PassiveJointMoment) -> TrialPrediction:
    """Return a prediction with the moments of ligaments."""
    more = joint_moment_of(ligaments.select(trial.dofs), np.asarray(trial.joint_angle))
    return replace(prediction, joint_moment=prediction.joint_moment + more, ligament_moment=more)


def unstack_outputs(trials: TrialSet, outputs: NmsOutputs) -> tuple[TrialPrediction, ...]:
    """Cut stacked outputs back into trials, without padding."""
    predictions = []
    for i, trial in enumerate(trials.trials):
        rows = slice(0, len(trial.time))
        predictions.append(
            TrialPrediction(
                trial=trial.name,
                time=trial.time,
                first_counted=trial.first_counted,
                muscles=trial.muscles,
                dofs=trial.dofs,
                excitation=trial.excitation,
                activation=outputs.activation[rows, i].numpy(),
                normalized_fiber_length=outputs.normalized_fiber_length[rows, i].numpy(),
                tendon_strain=outputs.tendon_strain[rows, i].numpy(),
                tendon_force=outputs.tendon_force[rows, i].numpy(),
                joint_moment=outputs.joint_moment[rows, i].numpy(),
            )
        )
    return tuple(predictions)
