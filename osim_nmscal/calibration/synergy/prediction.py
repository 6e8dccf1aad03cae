"""What a synergy-hybrid calibration makes of trials, in three ways that must never be mixed in one number.

`calibrated`: the calibration trials as the calibration left them; their primitives have seen the moments.
`from_emg`: a trial's primitives are fitted to its recorded excitations alone, with weights and parameters fixed (Eq. 5
without the moments): a real prediction of the moments.
`emg_hybrid`: the primitives track the moments of inverse dynamics as well (EMG-hybrid execution).
"""

from dataclasses import replace
from typing import Literal, assert_never

import numpy as np
import torch

from osim_nmscal.calibration.likelihood import moment_weight
from osim_nmscal.calibration.objective import Objective
from osim_nmscal.calibration.optimizers.gauss_newton import gauss_newton
from osim_nmscal.calibration.parameter_space import ParameterSpace, fixed_parameters
from osim_nmscal.calibration.prediction import predict
from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.calibration.stacking import stack_trials
from osim_nmscal.calibration.synergy.factorization import fit_primitives, splines_seen
from osim_nmscal.calibration.synergy.objective import HybridEvaluation, HybridObjective
from osim_nmscal.calibration.synergy.settings import SynergySettings
from osim_nmscal.calibration.synergy.space import HybridSpace
from osim_nmscal.data.results import CalibrationResult, SynergyResult, TrialPrediction
from osim_nmscal.data.trials import TrialSet
from osim_nmscal.errors import CalibrationError, UnknownNameError, did_you_mean
from osim_nmscal.nms.muscle_models import muscle_mechanics
from osim_nmscal.nms.threads import threads_for
from osim_nmscal.splines import spline_basis

PredictionMode = Literal["calibrated", "from_emg", "emg_hybrid"]


def predict_hybrid(
    trials: TrialSet, result: CalibrationResult, settings: CalibrationSettings | None = None, *, mode: PredictionMode = "from_emg"
) -> tuple[TrialPrediction, ...]:
    """Predict trials by the muscles and synergies of a calibration.

    Args:
        trials: with the recorded excitations; muscles that did not take part are ignored. Only "emg_hybrid" reads moments.
        result: of a synergy-hybrid calibration; without synergies every muscle is driven by its EMG.
        settings: those of the calibration.
        mode: how primitives come about; see the head of this module.

    Returns:
        one prediction per trial, of the muscles that took part; `excitation` is what drove them.

    Raises:
        UnknownNameError: "calibrated" is asked for a trial that did not calibrate.
        CalibrationError: a muscle that was recorded in calibration is silent in all trials.

    Example:
        >>> predict_hybrid(trials, result, mode="from_emg")[0].muscles  # no synergies: every muscle is driven by its EMG
        ('extensor', 'flexor')
    """
    settings = settings or CalibrationSettings()
    chosen = trials.with_muscles(result.muscles.names)
    others = chosen.of_kind("passive", "effort")
    if result.synergy is None or len(others) == len(chosen.trials):
        return predict(chosen, result.muscles, result.neural, settings, ligaments=result.ligaments)
    if others:  # no synergy drives what a dynamometer measured
        motions = TrialSet(trials=chosen.of_kind("motion"))
        parts = (
            *predict(TrialSet(trials=others), result.muscles, result.neural, settings, ligaments=result.ligaments),
            *predict_hybrid(motions, result, settings, mode=mode),
        )
        by_name = {one.trial: one for one in parts}
        return tuple(by_name[name] for name in chosen.names)
    synthesized = np.isin(chosen.muscles, result.synergy.synthesized)
    if not any(trial.excitation[:, ~synthesized].any() for trial in chosen.trials):
        raise CalibrationError("No recorded muscle has an excitation in these trials; check the EMG mapping.")
    with threads_for(sum(trial.excitation.size for trial in chosen.trials)):
        excitations = _excitations(chosen, result, result.synergy, settings, synthesized, mode)
    driven = tuple(
        replace(trial, excitation=np.where(synthesized, np.clip(excitation, 0.0, 1.0), trial.excitation))
        for trial, excitation in zip(chosen.trials, excitations, strict=True)
    )
    return predict(TrialSet(trials=driven), result.muscles, result.neural, settings, ligaments=result.ligaments)


def _excitations(
    trials: TrialSet,
    result: CalibrationResult,
    synergy: SynergyResult,
    settings: CalibrationSettings,
    synthesized: np.ndarray,
    mode: PredictionMode,
) -> list[np.ndarray]:
    """Return what the synergies make of every muscle, (time, muscle) of each trial."""
    if mode == "calibrated":
        return [_calibrated(trial.name, synergy) for trial in trials.trials]
    coefficients, basis = primitives_from_emg(trials, synergy, settings.synergy, synthesized)
    match mode:
        case "from_emg":
            rebuilt = [basis[: len(t.time), : c.shape[1]] @ c.T for t, c in zip(trials.trials, coefficients, strict=True)]
            return [primitives @ synergy.weights for primitives in rebuilt]
        case "emg_hybrid":
            return _with_moments(trials, result, synergy, settings, coefficients, basis, synthesized)
        case other:
            assert_never(other)


def _calibrated(name: str, synergy: SynergyResult) -> np.ndarray:
    if name not in synergy.trials:
        raise UnknownNameError(
            f"Trial {name!r} did not calibrate, so it has no primitives.{did_you_mean(name, synergy.trials)} Predict it with "
            "mode = 'from_emg'."
        )
    return synergy.excitations[synergy.trials.index(name)]


def primitives_from_emg(
    trials: TrialSet, synergy: SynergyResult, settings: SynergySettings, synthesized: np.ndarray
) -> tuple[list[np.ndarray], np.ndarray]:
    """Return the spline coefficients (synergy, spline) of each trial that rebuild its recorded excitations, and the splines."""
    basis = spline_basis(max(len(trial.time) for trial in trials.trials), trials.time_step, settings.knot_spacing)
    recorded, others = synergy.weights[:, ~synthesized], synergy.weights[:, synthesized]
    # Eq. 5 without the moments: both terms are means over their muscles
    small = settings.excitation_weight / others.shape[1] * others @ others.T
    penalty = small * recorded.shape[1] / max(settings.tracking_weight, np.finfo(float).tiny)
    coefficients = []
    for trial in trials.trials:
        own = basis[: len(trial.time), : splines_seen(basis, len(trial.time))]
        coefficients.append(fit_primitives(trial.excitation[:, ~synthesized], recorded, own, penalty))
    return coefficients, basis


def _with_moments(
    trials: TrialSet,
    result: CalibrationResult,
    synergy: SynergyResult,
    settings: CalibrationSettings,
    coefficients: list[np.ndarray],
    basis: np.ndarray,
    synthesized: np.ndarray,
) -> list[np.ndarray]:
    """Return excitations (time, muscle) of each trial whose primitives also follow the moments."""
    weights = torch.from_numpy(synergy.weights)[None]
    base = fixed_parameters(result.muscles, result.neural)
    ligaments = None if result.ligaments is None else result.ligaments.select(trials.dofs)
    parameters = ParameterSpace((), base, trials.time_step, ligaments=ligaments)
    mechanics = muscle_mechanics(result.muscles, rigid_tendon=settings.rigid_tendon)
    loss = settings.loss.model_copy(update={"prior_weight": 0.0, "similarity_weight": 0.0})
    stacked = stack_trials(trials)
    objective = Objective(stacked, mechanics, parameters, loss, moment_weight=moment_weight(stacked, loss, settings.noise))
    space = HybridSpace(
        parameters, weights.shape[1], len(synthesized), tuple(c.shape[1] for c in coefficients), per_trial=False, fixed_weights=weights
    )
    lengths = [len(trial.time) for trial in trials.trials]
    hybrid = HybridObjective(objective, space, settings.synergy, torch.from_numpy(basis), lengths, torch.from_numpy(synthesized))
    start = space.join(parameters.start(), weights, [torch.from_numpy(c) for c in coefficients])
    best: HybridEvaluation = gauss_newton(hybrid, start, settings.gauss_newton).best
    return [best.synthesized[:length, i].numpy() for i, length in enumerate(lengths)]
