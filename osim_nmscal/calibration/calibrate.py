"""One way into every calibration: the settings' method decides which."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from osim_nmscal.calibration.emg_driven import calibrate_emg_driven
from osim_nmscal.calibration.losses import Term
from osim_nmscal.calibration.optimizers import Optimizer, Progress
from osim_nmscal.calibration.settings import CalibrationSettings, without_synergies
from osim_nmscal.calibration.synergy.calibration import calibrate_synergy_hybrid
from osim_nmscal.calibration.synergy.settings import MuscleRole
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.results import CalibrationResult
from osim_nmscal.data.starting_values import StartingValues
from osim_nmscal.data.trials import NO_MOMENT_ARM, TrialSet, largest_moment_arms
from osim_nmscal.errors import CalibrationError, listed


def calibrate(
    trials: TrialSet,
    muscles: MuscleTable | StartingValues,
    settings: CalibrationSettings | None = None,
    *,
    optimizer: Optimizer | str | None = None,
    roles: Mapping[str, MuscleRole] | None = None,
    terms: Sequence[Term] = (),
    progress: Progress | None = None,
) -> CalibrationResult:
    """Calibrate muscles on the trials whose role is "calibration", by the method of the settings.

    Args:
        trials: excitations of muscles without a channel are zero; held-out trials are ignored.
        muscles: at least the trials' muscles, with their starting values; `StartingValues` say what is known of them, too.
        settings: method, parameters, loss, optimiser.
        optimizer: name of a built-in one, or one of your own, instead of that of the settings.
        roles: of a synergy-hybrid calibration: muscle -> role, over `settings.synergy.muscles`.
        terms: further loss terms.
        progress: called with a HistoryRow after every iteration; Ctrl-C returns the best so far.

    Returns:
        calibrated muscles, activation dynamics, parameters with standard errors, history; synergies if there are any.

    Raises:
        CalibrationError, SignalError, UnknownNameError: the problem is ill-posed as stated, or a setting would change nothing.
        FiberDynamicsError: a muscle has no equilibrium at the starting values.

    Example:
        >>> settings = CalibrationSettings(optimizer="adamw", adamw={"maximum_iterations": 20})
        >>> found = calibrate(trials, muscles, settings)
        >>> found.optimizer, found.loss_final < found.loss_initial
        ('adamw', True)
    """
    settings = settings or CalibrationSettings()
    if isinstance(optimizer, str):
        settings, optimizer = CalibrationSettings.model_validate({**settings.model_dump(), "optimizer": optimizer}), None
    settings, why = settled(settings, trials, roles)
    match settings.method:
        case "emg_driven":
            if roles:
                raise CalibrationError("roles would change nothing, as method is 'emg_driven'; choose method = 'synergy_hybrid'.")
            result = calibrate_emg_driven(trials, muscles, settings, progress=progress, terms=terms, optimizer=optimizer)
        case "synergy_hybrid":
            result = calibrate_synergy_hybrid(trials, muscles, settings, roles=roles, progress=progress, terms=terms, optimizer=optimizer)
        case other:  # pydantic's `model_copy` lets it through; no other method stands in for it
            raise CalibrationError(f"There is no calibration method {other!r}; choose 'auto', 'emg_driven' or 'synergy_hybrid'.")
    return replace(result, findings=(*why, *result.findings))


def settled(
    settings: CalibrationSettings, trials: TrialSet, roles: Mapping[str, MuscleRole] | None = None
) -> tuple[CalibrationSettings, tuple[str, ...]]:
    """Return settings whose method is not "auto", and a sentence about the choice if there was one.

    Args:
        settings: of the calibration.
        trials: excitations of muscles without a channel are zero.
        roles: muscle -> role, over `settings.synergy.muscles`.
    """
    if settings.method != "auto":
        return settings, ()
    stated = {**settings.synergy.muscles, **(roles or {})}
    motions = trials.calibration.of_kind("motion")
    if not motions:
        return without_synergies(settings), ("Calibrated without synergies (method 'auto'): there are no motions.",)
    silent = ~np.any([trial.excitation.any(axis=0) for trial in motions], axis=0)
    reach = largest_moment_arms(motions)
    found = [
        name
        for name, quiet, arm in zip(trials.muscles, silent, reach, strict=True)
        if (quiet or stated.get(name) in ("synthesized", "withheld")) and arm > NO_MOMENT_ARM and stated.get(name) != "excluded"
    ]
    if any(role == "excluded" for role in stated.values()) and not found:
        return settings.model_copy(update={"method": "synergy_hybrid"}), ()  # which leaves muscles out
    if found and not silent.all():
        sentence = (
            f"Synergy-hybrid (method 'auto'): {len(found)} of {len(trials.muscles)} muscles that cross the calibrated joints have no "
            f"electrode: {listed(tuple(found))}."
        )
        return settings.model_copy(update={"method": "synergy_hybrid"}), (sentence,)
    return without_synergies(settings), ()
