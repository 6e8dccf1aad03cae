"""What a figure was given: a whole run (`personalize`, `load_results`), or the parts of one."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.results import CalibrationResult, SynergyResult, TrialPrediction
from osim_nmscal.data.trials import TrialSet
from osim_nmscal.errors import ConfigError

FloatArray = NDArray[np.float64]
# Predictions, or their moments by trial, (time, dof) in N*m.
Moments = Sequence[TrialPrediction] | Mapping[str, FloatArray]


class Run(Protocol):
    """A run to its end: `PersonalizedResult` or `LoadedResults`."""

    @property
    def trials(self) -> Any:
        """TrialSet."""
        ...

    @property
    def calibration(self) -> Any:
        """CalibrationResult."""
        ...

    @property
    def predictions(self) -> Sequence[TrialPrediction]:
        """Of the calibrated muscles."""
        ...

    @property
    def uncalibrated(self) -> Sequence[TrialPrediction]:
        """Of the muscles before calibration."""
        ...


def run_of(given: Any) -> Run | None:
    """Return a run, None where parts of one are given.

    Raises:
        ConfigError: the run ended before calibration.
    """
    if isinstance(given, TrialSet | CalibrationResult | SynergyResult) or not hasattr(given, "calibration"):
        return None
    run: Run = given
    if run.calibration is None or run.trials is None:
        raise ConfigError("This run ended before calibration, so there is nothing to draw of it; give one that has come to its end.")
    return run


def calibration_of(given: CalibrationResult | Run) -> CalibrationResult:
    """Return the calibration of a run, or the calibration given."""
    run = run_of(given)
    found: CalibrationResult = given if run is None else run.calibration  # type: ignore[assignment]
    return found


def trials_of(given: TrialSet | Run) -> TrialSet:
    """Return the trials of a run, or the trials given."""
    run = run_of(given)
    found: TrialSet = given if run is None else run.trials  # type: ignore[assignment]
    return found
