"""What muscles with given parameters do in given trials: the forward model without any calibration."""

from dataclasses import replace

import numpy as np
import torch

from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.calibration.stacking import stack_trials
from osim_nmscal.calibration.threads import threads_for
from osim_nmscal.calibration.units import require_units
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.results import NeuralParameters, TrialPrediction
from osim_nmscal.data.trials import TrialSet
from osim_nmscal.nms.model import NmsInputs, NmsOutputs, initial_parameters, simulate
from osim_nmscal.nms.muscle_models import muscle_mechanics

_RIGID = {"model": None, "elastic": False, "rigid": True}


def predict(
    trials: TrialSet, muscles: MuscleTable, neural: NeuralParameters, settings: CalibrationSettings | None = None
) -> tuple[TrialPrediction, ...]:
    """Simulate trials with given muscles and activation dynamics.

    Args:
        trials: excitations, MTU lengths, moment arms.
        muscles: at least the trials' muscles; max_isometric_force already holds the strength coefficient.
        neural: C1, C2, shape factor and delay, in the order of the trials' muscles.
        settings: only `tendon` is read.

    Returns:
        one prediction per trial, on the trial's own samples.
    """
    tendon = (settings or CalibrationSettings()).tendon
    table = muscles.select(trials.muscles)
    require_units(trials, table)
    stacked = stack_trials(trials)
    values = {name: torch.from_numpy(np.asarray(getattr(neural, name))) for name in ("c1", "c2", "shape_factor", "emg_scale")}
    parameters = replace(
        initial_parameters(table, c1=0.0, c2=0.0, shape_factor=0.0, electromechanical_delay=neural.electromechanical_delay), **values
    )
    inputs = NmsInputs(
        excitation=stacked.excitation, mtu_length=stacked.mtu_length, moment_arm=stacked.moment_arm, time_step=stacked.time_step
    )
    with threads_for(stacked.mtu_length.numel()), torch.no_grad():
        outputs = simulate(inputs, parameters, muscle_mechanics(table, rigid_tendon=_RIGID[tendon]))
    return unstack_outputs(trials, outputs)


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
