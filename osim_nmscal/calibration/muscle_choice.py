"""Which of several muscle tables, e.g. of one person in different muscle classes, predicts left-out calibration trials best."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from osim_nmscal.calibration.cross_validation import Calibrate, leave_one_out
from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.results import MomentMetrics
from osim_nmscal.data.starting_values import StartingValues
from osim_nmscal.data.trials import TrialSet
from osim_nmscal.errors import CalibrationError, FiberDynamicsError


@dataclass(frozen=True, kw_only=True)
class MuscleChoice:
    """The candidate with the lowest error on trials that it had not seen, and what the others gave.

    Example:
        >>> MuscleChoice(chosen="b", metrics={"a": (), "b": ()}, failed={"c": "no equilibrium."}).chosen
        'b'
    """

    chosen: str
    metrics: Mapping[str, tuple[MomentMetrics, ...]]  # candidate -> of each left-out trial
    failed: Mapping[str, str]  # candidate -> why it could not be calibrated

    @property
    def sentence(self) -> str:
        """All errors in one sentence: RMSE by degree of freedom, and over the range of the moment, means over trials."""
        first = self.metrics[self.chosen]
        dofs = tuple(dict.fromkeys(one.dof for one in first))
        scores = "; ".join(f"{name} {_rmse(rows, dofs)} N·m, {100 * _error(rows):.1f} %" for name, rows in self.metrics.items())
        trials = len({one.trial for one in first})
        lost = "".join(f" {name} could not be tried: {why}" for name, why in self.failed.items())
        return (
            f"Muscle class {self.chosen} was chosen by cross-validation: {trials} calibration trials, each predicted by a calibration "
            f"without it; RMSE at {' / '.join(dofs)} and its mean share of the moment's range: {scores}.{lost}"
        )


def choose_muscles(
    trials: TrialSet, candidates: Mapping[str, MuscleTable | StartingValues], settings: CalibrationSettings, calibrate: Calibrate
) -> MuscleChoice:
    """Cross-validate every candidate; this takes a calibration for each candidate and each trial.

    Args:
        trials: at least two motions with the role "calibration".
        candidates: name -> starting values of the same muscles; on a tie the first is taken.
        settings: of the calibration.
        calibrate: the calibration.

    Returns:
        the candidate with the lowest RMSE over the range of the moment, mean over left-out trials and degrees of freedom.

    Raises:
        CalibrationError: there is only one calibration trial, or no candidate could be calibrated.

    Example:
        >>> quick = CalibrationSettings(gauss_newton={"maximum_iterations": 5})
        >>> choose_muscles(trials, {"as they are": muscles}, quick, calibrate).chosen
        'as they are'
    """
    metrics: dict[str, tuple[MomentMetrics, ...]] = {}
    failed: dict[str, str] = {}
    for name, muscles in candidates.items():
        try:
            metrics[name] = leave_one_out(trials, muscles, settings, calibrate)
        except FiberDynamicsError as error:  # these muscles cannot do this motion; others may
            failed[name] = str(error)
    if not metrics:
        raise CalibrationError("No muscle class could be calibrated: " + " ".join(f"{name}: {why}" for name, why in failed.items()))
    return MuscleChoice(chosen=min(metrics, key=lambda name: _error(metrics[name])), metrics=metrics, failed=failed)


def _error(rows: tuple[MomentMetrics, ...]) -> float:
    return float(np.mean([one.nrmse for one in rows]))


def _rmse(rows: tuple[MomentMetrics, ...], dofs: tuple[str, ...]) -> str:
    return " / ".join(f"{np.mean([one.rmse for one in rows if one.dof == dof]):.1f}" for dof in dofs)
