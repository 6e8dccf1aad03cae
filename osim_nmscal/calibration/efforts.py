"""What maximal efforts alone tell of muscles without electrodes, before synergies may use it.

Driven by synergies in a motion, an unrecorded muscle would rather be strong than excited, since excitations are penalised: its strength
grows. A maximal effort measures it, as its excitation is assumed there. So these strengths are first calibrated on the dynamometer's
trials alone, and held there in the calibration with motions: information flows from efforts to motions, not back (a "cut", Plummer 2015,
Statistics and Computing 25:37).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from osim_nmscal.calibration.electrodes import electrodes_of
from osim_nmscal.calibration.emg_driven import calibrate_emg_driven
from osim_nmscal.calibration.settings import CalibrationSettings, without_synergies
from osim_nmscal.calibration.synergy.roles import DrivenTrials
from osim_nmscal.data.noun import Rows
from osim_nmscal.data.results import CalibratedParameter, CalibrationResult
from osim_nmscal.data.starting_values import StartingValues
from osim_nmscal.data.trials import Trial, TrialSet

_STRENGTH = "strength_coefficient"


def strengths_by_efforts(
    driven: DrivenTrials, others: Sequence[Trial], muscles: StartingValues, settings: CalibrationSettings
) -> dict[str, CalibratedParameter]:
    """Return the strengths of which electrodes tell nothing and maximal efforts do, by owner.

    Args:
        driven: the motions, and who drives which muscle.
        others: passive trials and efforts; those with assumed excitations count.
        muscles: those of the motions.
        settings: of the calibration; nothing is told unless `unrecorded_strength` is "by_efforts".
    """
    trials = tuple(replace(trial, role="calibration") for trial in others if trial.kind == "passive" or trial.driven_by == "assumed")
    trying = electrodes_of((), efforts=trials).trying - set(driven.recorded)
    if settings.prior.unrecorded_strength != "by_efforts" or not trying:
        return {}
    alone = without_synergies(settings).model_copy(update={"subsets": "none", "cross_validation": False})
    result = calibrate_emg_driven(TrialSet(trials=trials), muscles, alone)
    if result.status == "interrupted":
        raise KeyboardInterrupt
    recorded = {owner for name, owner in _owners(settings, muscles.muscles.names) if name in driven.recorded}
    owners = {owner for name, owner in _owners(settings, muscles.muscles.names) if name in trying} - recorded
    return {row.owner: row for row in result.parameters if row.name == _STRENGTH and row.owner in owners and row.at_bound != "fixed"}


def with_efforts(result: CalibrationResult, efforts: Mapping[str, CalibratedParameter]) -> CalibrationResult:
    """Return a result whose strengths by efforts say where they came from: start, prior and standing are of that calibration."""

    def told(row: CalibratedParameter) -> CalibratedParameter:
        first = efforts.get(row.owner) if row.name == _STRENGTH else None
        if first is None:
            return row
        return replace(row, start=first.start, identifiable=first.identifiable, prior_deviation=first.prior_deviation)

    return replace(result, parameters=Rows(told(row) for row in result.parameters)) if efforts else result


def _owners(settings: CalibrationSettings, muscles: Sequence[str]) -> list[tuple[str, str]]:
    """Return each muscle and who owns its strength."""
    grouped = {name: group for group, members in settings.groups.items() for name in members}
    scope = settings.parameters.of(_STRENGTH).scope
    return [(name, grouped.get(name, name) if scope == "group" else "all" if scope == "global" else name) for name in muscles]
