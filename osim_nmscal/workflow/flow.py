"""What a run carries from stage to stage: files lie in the results folder, the rest is here."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from osim_nmscal.config import RecordingSettings, WorkflowConfig
from osim_nmscal.data.emg import EmgMapping
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.results import CalibrationResult, DynamometerMetrics, MomentMetrics, TrialPrediction
from osim_nmscal.data.starting_values import StartingValues
from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.data.trials import MuscleGeometry, Trial, TrialSet
from osim_nmscal.errors import CalibrationError
from osim_nmscal.workflow.folder import ResultsPlace
from osim_nmscal.workflow.runner import StageRunner
from osim_nmscal.workflow.stages import Stage

if TYPE_CHECKING:
    from osim_nmscal.calibration.losses import Term
    from osim_nmscal.workflow.verification import Verification

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class RecordingData:
    """What the trials of one recording are cut from."""

    recording: RecordingSettings
    geometry: MuscleGeometry
    moments: TimeSeries  # columns named by dof
    excitations: TimeSeries  # columns named by muscle
    motion: Path | None  # its joint angles
    angles: TimeSeries | None = None  # rad and m, columns named by dof; None where they are not known


@dataclass(kw_only=True)
class Flow:
    """One run on its way through the stages; each stage fills in what it makes."""

    config: WorkflowConfig
    place: ResultsPlace
    runner: StageRunner
    terms: "tuple[Term, ...]" = ()  # further loss terms, of a caller in Python
    stage: str = ""  # at work
    jobs: int = 1  # recordings, or trials, worked on at the same time
    mapping: EmgMapping | None = None
    recorded: dict[str, RecordingData] = field(default_factory=dict)  # signals of each whole recording
    trials: TrialSet | None = None
    dynamometer: tuple[Trial, ...] = ()  # passive trials and efforts, of the same muscles on the same clock
    starting_values: StartingValues | None = None  # of all muscles; None where plain scaling is where the calibration starts
    start_muscles: MuscleTable | None = (
        None  # those that take part, as the calibration starts with them, in the class to be written unless it is "auto"
    )
    calibration: CalibrationResult | None = None
    metrics: tuple[MomentMetrics, ...] = ()
    dynamometer_metrics: tuple[DynamometerMetrics, ...] = ()
    predictions: tuple[TrialPrediction, ...] = ()
    uncalibrated: tuple[TrialPrediction, ...] = ()  # of the muscles before calibration
    verification: "Verification | None" = field(default=None)

    def pass_through(self, stage: Stage) -> None:
        """Let a stage do its work; what it makes stands in this run from then on."""
        stage.module.run(self)

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
