"""Who drives which muscle of a synergy-hybrid calibration: its EMG, the synergies, or nobody."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from osim_nmscal.calibration.synergy.settings import MuscleRole
from osim_nmscal.data.trials import NO_MOMENT_ARM, TrialSet, largest_moment_arms
from osim_nmscal.errors import CalibrationError, SignalError, UnknownNameError, did_you_mean, listed


@dataclass(frozen=True, kw_only=True)
class DrivenTrials:
    """Trials of the muscles that take part, and who drives them."""

    trials: TrialSet
    recorded: tuple[str, ...]
    synthesized: tuple[str, ...]  # withheld ones included
    withheld: tuple[str, ...]
    findings: tuple[str, ...]

    @property
    def is_synthesized(self) -> np.ndarray:
        """(muscle,), bool."""
        return np.isin(self.trials.muscles, self.synthesized)


def driven_trials(trials: TrialSet, roles: Mapping[str, MuscleRole], *, reference: TrialSet | None = None) -> DrivenTrials:
    """Settle the role of every muscle and leave out those that have none.

    Args:
        trials: excitations of muscles without a channel are zero.
        roles: muscle -> role; a muscle not named is recorded if it has an excitation, otherwise synthesised.
        reference: the trials that decide (the calibration trials); default: the trials themselves.

    Raises:
        UnknownNameError: a role names an unknown muscle.
        SignalError: a negative excitation.
        CalibrationError: a muscle is to be recorded but silent, or no muscle is recorded.
    """
    judged = reference or trials
    _require_known(trials.muscles, roles)
    _require_positive(judged)
    silent = ~np.any([trial.excitation.any(axis=0) for trial in judged.trials], axis=0)
    unseen = largest_moment_arms(judged.trials) < NO_MOMENT_ARM
    found: dict[str, MuscleRole] = {}
    findings = []
    for name, quiet, invisible in zip(trials.muscles, silent, unseen, strict=True):
        role = roles.get(name, "synthesized" if quiet else "recorded")
        if role == "recorded" and quiet:
            raise CalibrationError(
                f"Muscle {name!r} is said to be recorded, but its excitation is zero in all calibration trials; check its channel, or "
                "make it 'synthesized' in [calibration.synergy.muscles]."
            )
        found[name] = "excluded" if role in ("synthesized", "withheld") and invisible else role
    blind = [name for name, role in found.items() if role == "excluded" and roles.get(name) != "excluded"]
    if blind:
        findings.append(f"Left out because no calibrated DOF sees them and nothing records them: {listed(blind)}.")
    unheard = [name for name, quiet in zip(trials.muscles, silent, strict=True) if quiet and found[name] == "withheld"]
    if unheard:
        findings.append(f"Withheld, but silent, so there is nothing to compare with: {listed(unheard)}.")
    by_role = {role: tuple(n for n, r in found.items() if r == role) for role in ("recorded", "synthesized", "withheld")}
    if not by_role["recorded"]:
        raise CalibrationError(
            f"No muscle is recorded ({len(by_role['withheld'])} withheld, {len(by_role['synthesized'])} synthesised): synergies need at "
            "least one muscle driven by its EMG; change [calibration.synergy.muscles]."
        )
    taking_part = tuple(name for name, role in found.items() if role != "excluded")
    return DrivenTrials(
        trials=trials.with_muscles(taking_part),
        recorded=by_role["recorded"],
        synthesized=tuple(name for name in taking_part if found[name] != "recorded"),
        withheld=by_role["withheld"],
        findings=tuple(findings),
    )


def _require_known(muscles: tuple[str, ...], roles: Mapping[str, MuscleRole]) -> None:
    for name in roles:
        if name not in muscles:
            raise UnknownNameError(
                f"[calibration.synergy.muscles] names {name!r}, which no trial has.{did_you_mean(name, muscles)} "
                f"The trials have: {listed(muscles)}."
            )


def _require_positive(trials: TrialSet) -> None:
    for trial in trials.trials:
        if (trial.excitation < 0).any():
            row, column = np.argwhere(trial.excitation < 0)[0]
            raise SignalError(
                f"The excitation of {trial.muscles[column]!r} is {trial.excitation[row, column]:.4g} at {trial.time[row]:.3f} s of trial "
                f"{trial.name!r}, expected 0 to 1: synergies cannot be negative; rectify the EMG or clip its envelope at 0."
            )
