"""Signals in another unit than ours, told by their size: no muscle is excited to 40, or as long as a street.

Files carry their units; arrays do not. A calibration would converge on them all the same.
"""

import numpy as np

from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.trials import Trial, TrialSet
from osim_nmscal.errors import SignalError

# Highest excitation, and rounding. Source: excitations are shares of the maximum voluntary contraction.
_HIGHEST_EXCITATION = 1.0 + 1e-6
# From here on it is rather a percentage than a maximum that was not one.
_PERCENT_FROM = 2.0
# An MTU is as long as its tendon and fiber, give or take this factor; between m and mm lies 1000, between m and cm 100.
_LENGTH_FACTOR = 5.0
# No moment arm is longer, m.
_LONGEST_ARM = 1.0


def require_units(trials: TrialSet, muscles: MuscleTable) -> None:
    """Refuse excitations, MTU lengths and moment arms that are not in our units.

    Args:
        trials: on the muscles of the table.
        muscles: in the trials' order.

    Raises:
        SignalError: names trial, muscle, value and the unit to use.
    """
    for trial in trials.trials:
        _require_excitation(trial)
        _require_length(trial, muscles)
        _require_moment_arm(trial)


def _require_excitation(trial: Trial) -> None:
    peak = trial.excitation.max(axis=0)
    i = int(peak.argmax())
    if peak[i] <= _HIGHEST_EXCITATION:
        return
    percent = "it seems to be in percent: divide excitations by 100"
    remedy = percent if peak[i] > _PERCENT_FROM else "divide by a higher maximum (MVC), or clip it at 1"
    raise SignalError(f"The excitation of {trial.muscles[i]!r} reaches {peak[i]:.4g} in trial {trial.name!r}, expected 0 to 1; {remedy}.")


def _require_length(trial: Trial, muscles: MuscleTable) -> None:
    natural = muscles.values("tendon_slack_length") + muscles.values("optimal_fiber_length")
    length = np.median(trial.mtu_length, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = length / natural
    wrong = np.flatnonzero((ratio > _LENGTH_FACTOR) | (ratio < 1.0 / _LENGTH_FACTOR))
    if len(wrong):
        i = int(wrong[0])
        raise SignalError(
            f"The MTU length of {trial.muscles[i]!r} is about {length[i]:.4g} in trial {trial.name!r}, while its optimal fiber and "
            f"tendon slack length add up to {natural[i]:.4g} m; give MTU lengths and the muscles' lengths in m{_factor(ratio[i])}."
        )


def _require_moment_arm(trial: Trial) -> None:
    arm = np.abs(trial.moment_arm).max(axis=(0, 1))
    i = int(arm.argmax())
    if arm[i] > _LONGEST_ARM:
        raise SignalError(
            f"A moment arm of {trial.muscles[i]!r} reaches {arm[i]:.4g} in trial {trial.name!r}, expected less than "
            f"{_LONGEST_ARM:g} m; give moment arms in m."
        )


def _factor(ratio: float) -> str:
    """Name the unit that a ratio near 100 or 1000 betrays."""
    for factor, unit in ((1000.0, "mm"), (100.0, "cm")):
        if 0.5 * factor < ratio < 2.0 * factor:
            return f" (they seem to be in {unit}: divide them by {factor:g})"
    return ""
