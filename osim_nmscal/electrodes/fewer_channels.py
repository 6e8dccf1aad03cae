"""Trials and roles as they would be with some EMG channels left off, and what a calibration makes of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from osim_nmscal.calibration.calibrate import calibrate
from osim_nmscal.calibration.predict_calibrated import predict_calibrated
from osim_nmscal.calibration.settings import CalibrationSettings, without_synergies
from osim_nmscal.calibration.synergy.prediction import predict_hybrid
from osim_nmscal.calibration.synergy.settings import MuscleRole
from osim_nmscal.data.emg import EmgMapping
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.results import CalibrationResult, TrialPrediction
from osim_nmscal.data.trials import Trial, TrialSet
from osim_nmscal.errors import CalibrationError

# A muscle's excitation must follow from the channels to this part of its range.
_MAPPING_TOLERANCE = 1e-3


@dataclass(frozen=True, kw_only=True)
class FewerChannels:
    """What is left of the recordings."""

    trials: TrialSet  # excitations mixed from the kept channels; those of withheld muscles as they were
    recorded: tuple[str, ...]
    withheld: tuple[str, ...]  # muscles whose every channel was left off


def without_channels(trials: TrialSet, mapping: EmgMapping, removed: Sequence[str]) -> FewerChannels:
    """Leave channels off; a muscle that several channels drive is driven by those of them that are left.

    Args:
        trials: with the excitations of all channels; muscles that the mapping does not name are left as they are.
        mapping: how channels became excitations.
        removed: channels to leave off.

    Raises:
        CalibrationError: a channel drives no muscle alone, so that its envelope cannot be told from the excitations, or the
            excitations do not follow from this mapping.
    """
    keep = np.array([channel not in removed for channel in mapping.channels])
    columns = [trials.muscles.index(muscle) for muscle in mapping.muscles]
    weights = np.where(keep[:, None], mapping.weights, 0.0)
    left, full = weights.sum(axis=0), mapping.weights.sum(axis=0)
    mixed = (left > 0) & ~np.isclose(left, full)
    rescaled = weights * np.divide(full, left, out=np.zeros_like(left), where=left > 0)
    changed = []
    for trial in trials.trials:
        excitation = trial.excitation.copy()
        if mixed.any():
            remixed = _envelopes(trial, mapping, columns) @ rescaled[:, mixed]
            excitation[:, np.array(columns)[mixed]] = np.clip(remixed, 0.0, 1.0)
        changed.append(replace(trial, excitation=excitation))
    return FewerChannels(
        trials=TrialSet(trials=tuple(changed)),
        recorded=tuple(muscle for muscle, weight in zip(mapping.muscles, left, strict=True) if weight > 0),
        withheld=tuple(muscle for muscle, weight in zip(mapping.muscles, left, strict=True) if weight == 0),
    )


def _envelopes(trial: Trial, mapping: EmgMapping, columns: list[int]) -> np.ndarray:
    """Return the channels' envelopes that made the excitations, (time, channel)."""
    if np.linalg.matrix_rank(mapping.weights) < len(mapping.channels):
        raise CalibrationError(
            "The EMG mapping mixes channels so that their envelopes cannot be told from the excitations; give every channel a muscle "
            "of its own."
        )
    excitation = trial.excitation[:, columns]
    envelopes = excitation @ np.linalg.pinv(mapping.weights)
    if np.abs(envelopes @ mapping.weights - excitation).max() > _MAPPING_TOLERANCE:
        raise CalibrationError(
            f"The excitations of trial {trial.name!r} do not follow from the EMG mapping; pass the mapping they were made with."
        )
    return envelopes


def calibrate_without(
    fewer: FewerChannels, muscles: MuscleTable, settings: CalibrationSettings, *, hybrid: bool
) -> tuple[CalibrationResult, TrialSet]:
    """Calibrate with the channels that are left: without the other muscles, or with synergies for them.

    Returns:
        the calibration, and the trials with the muscles it knows.
    """
    if hybrid:
        roles: dict[str, MuscleRole] = {name: "withheld" for name in fewer.withheld}
        count = min(settings.synergy.count, _independent(fewer))
        synergy = settings.synergy.model_copy(update={"count": count})
        settings = settings.model_copy(update={"method": "synergy_hybrid", "synergy": synergy})
        return calibrate(fewer.trials, muscles, settings, roles=roles), fewer.trials
    trials = fewer.trials.with_muscles(fewer.recorded)
    settings = _of_muscles(without_synergies(settings), fewer.recorded)
    return calibrate(trials, muscles, settings), trials


def _of_muscles(settings: CalibrationSettings, muscles: Sequence[str]) -> CalibrationSettings:
    """Return the settings with groups of these muscles alone."""
    left = {name: tuple(member for member in members if member in muscles) for name, members in settings.groups.items()}
    groups = {name: members for name, members in left.items() if members}
    if not any(len(members) > 1 for members in groups.values()):
        settings = settings.model_copy(update={"loss": settings.loss.model_copy(update={"similarity_weight": 0.0})})
    return settings.model_copy(update={"groups": groups})


def _independent(fewer: FewerChannels) -> int:
    columns = [fewer.trials.muscles.index(muscle) for muscle in fewer.recorded]
    excitation = np.concatenate([trial.excitation[:, columns] for trial in fewer.trials.calibration.trials])
    return int(np.linalg.matrix_rank(excitation, tol=1e-6 * np.linalg.norm(excitation)))


def predictions(
    result: CalibrationResult, trials: TrialSet, settings: CalibrationSettings, *, hybrid: bool
) -> dict[str, tuple[TrialPrediction, ...]]:
    """Return what the calibration predicts of calibration trials, held-out trials, and held-out trials whose moments it tracks."""
    chosen = trials.with_muscles(result.muscles.names)
    every = predict_calibrated(chosen, result, settings)
    made = {
        role: tuple(p for p, trial in zip(every, chosen.trials, strict=True) if trial.role == role) for role in ("calibration", "held_out")
    }
    if hybrid and made["held_out"]:
        tracked = result.synergy is not None
        made["held_out_emg_hybrid"] = predict_hybrid(chosen.held_out, result, settings, mode="emg_hybrid") if tracked else made["held_out"]
    return {data: predicted for data, predicted in made.items() if predicted}
