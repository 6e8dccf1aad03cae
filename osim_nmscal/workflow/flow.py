"""What a run carries from stage to stage: files lie in the results folder, the rest is here."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from osim_nmscal.config import WorkflowConfig
from osim_nmscal.data.emg import EmgMapping
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.results import CalibrationResult, MomentMetrics, TrialPrediction
from osim_nmscal.data.starting_values import StartingValues
from osim_nmscal.data.trials import TrialSet
from osim_nmscal.errors import CalibrationError
from osim_nmscal.workflow.folder import ResultsPlace
from osim_nmscal.workflow.runner import StageRunner

if TYPE_CHECKING:
    from osim_nmscal.workflow.stages.trials import RecordingData
    from osim_nmscal.workflow.verification import Verification

T = TypeVar("T")


@dataclass(kw_only=True)
class Flow:
    """One run on its way through the stages; each stage fills in what it makes."""

    config: WorkflowConfig
    place: ResultsPlace
    runner: StageRunner
    jobs: int = 1  # recordings, or trials, worked on at the same time
    mapping: EmgMapping | None = None
    recorded: dict[str, "RecordingData"] = field(default_factory=dict)  # signals of each whole recording
    trials: TrialSet | None = None
    starting_values: StartingValues | None = None  # of all muscles; None where plain scaling is where the calibration starts
    start_muscles: MuscleTable | None = None  # those that take part, as the calibration starts with them, in the class to be written
    calibration: CalibrationResult | None = None
    metrics: tuple[MomentMetrics, ...] = ()
    predictions: tuple[TrialPrediction, ...] = ()
    verification: "Verification | None" = field(default=None)

    @property
    def interrupted(self) -> bool:
        """Whether the calibration was stopped by its user and holds the best so far."""
        return self.calibration is not None and self.calibration.status == "interrupted"


def made(value: T | None, what: str) -> T:
    """Return what an earlier stage made.

    Raises:
        CalibrationError: it has not run.
    """
    if value is None:
        raise CalibrationError(f"The stage that makes the {what} has not run; run the workflow from its beginning.")
    return value
