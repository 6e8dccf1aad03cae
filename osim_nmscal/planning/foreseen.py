"""Moments that trials not yet recorded are likely to have: those of the muscles that a calibration would start from.

Only their size counts: the noise of a passive sweep or an effort grows with the moment.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from osim_nmscal.calibration.prediction import predict
from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.results import NeuralParameters
from osim_nmscal.data.trials import Trial, TrialSet

# Shape factor of the excitation-activation curve; at rest and at full effort it hardly matters. Source: the middle of its range.
SHAPE_FACTOR = -1.0


def with_foreseen_moments(trials: Sequence[Trial], muscles: MuscleTable, settings: CalibrationSettings | None = None) -> tuple[Trial, ...]:
    """Give passive trials and efforts the moments that these muscles would have in them.

    Args:
        trials: passive trials and efforts of the same muscles; their moments are replaced.
        muscles: at least the trials' muscles, as a calibration starts.
        settings: only `tendon` is read.

    Returns:
        The trials, in order.

    Raises:
        FiberDynamicsError: a muscle has no equilibrium in a posture.

    Example:
        >>> effort = replace(trials.trials[0], name="dynamometer", kind="effort", driven_by="assumed")
        >>> foreseen = with_foreseen_moments([effort], muscles)
        >>> foreseen[0].joint_moment.shape
        (100, 1)
    """
    count = len(trials[0].muscles)
    neural = NeuralParameters(  # excitation becomes activation at once: efforts are held before they count
        c1=np.zeros(count),
        c2=np.zeros(count),
        shape_factor=np.full(count, SHAPE_FACTOR),
        electromechanical_delay=0.0,
        time_step=trials[0].time_step,
    )
    found = predict(TrialSet(trials=tuple(trials)), muscles, neural, settings)
    return tuple(replace(trial, joint_moment=one.joint_moment) for trial, one in zip(trials, found, strict=True))
