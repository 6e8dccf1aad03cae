"""Everything a report shows, in one plain object: the nouns of the chain, arrays and texts. What is not known is left empty, and said."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.findings import Finding, Verdict
from osim_nmscal.data.noun import Noun
from osim_nmscal.data.results import CalibrationResult, DynamometerMetrics, MomentMetrics, TrialPrediction, VerificationMetrics

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Station:
    """One station of the chain."""

    name: str
    seconds: float
    cached: bool  # nothing of it had to run


@dataclass(frozen=True, kw_only=True)
class Span:
    """One trial's counted part of a recording."""

    trial: str
    start: float  # s
    end: float  # s
    role: Literal["calibration", "held_out"]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class RecordingView(Noun):
    """What is shown of one recording; empty arrays where it is not known."""

    name: str
    trials: tuple[Span, ...] = ()
    marker_time: FloatArray = field(default_factory=lambda: np.empty(0))  # s
    marker_rms: FloatArray = field(default_factory=lambda: np.empty(0))  # m, over markers
    marker_max: FloatArray = field(default_factory=lambda: np.empty(0))  # m
    force_time: FloatArray = field(default_factory=lambda: np.empty(0))  # s
    force: FloatArray = field(default_factory=lambda: np.empty(0))  # N, what the trials are cut by
    force_label: str = ""
    residuals: tuple[tuple[str, float, float], ...] = ()  # name, RMS and peak over the trials; N or N·m


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ChannelView(Noun):
    """One EMG channel of one recording."""

    recording: str
    name: str
    time: FloatArray  # s
    low: FloatArray  # of the raw signal, per piece of time, its own unit; empty for envelopes
    high: FloatArray
    envelope: FloatArray  # same unit
    muscles: tuple[str, ...]
    reference: float  # what the envelope is divided by; nan if not known
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class TrialView(Noun):
    """One trial: what was measured, and what the muscles make of it."""

    name: str  # recording/segment
    role: Literal["calibration", "held_out"]
    time: FloatArray  # (time,), s, lead-in included
    first_counted: int
    muscles: tuple[str, ...]
    dofs: tuple[str, ...]
    excitation: FloatArray  # (time, muscle), from EMG; 0 where a muscle has none
    joint_moment: FloatArray  # (time, dof), N*m, from inverse dynamics; NaN where it was not measured
    calibrated: TrialPrediction | None = None
    uncalibrated_moment: FloatArray | None = None  # (time, dof), N*m
    uncalibrated: TrialPrediction | None = None  # None where only the moment was kept

    def is_measured(self, dof: str) -> bool:
        """Tell whether the moment of a degree of freedom was measured in this trial."""
        return dof in self.dofs and bool(np.isfinite(self.joint_moment[:, self.dofs.index(dof)]).all())

    @property
    def recording(self) -> str:
        """The recording it was cut from."""
        return self.name.rpartition("/")[0] or self.name


@dataclass(frozen=True, kw_only=True)
class SettingRow:
    """One setting of the run."""

    key: str
    value: str
    default: str
    unit: str
    meaning: str

    @property
    def changed(self) -> bool:
        """Whether it is not the default."""
        return self.value != self.default


@dataclass(frozen=True, kw_only=True)
class EarlyEnd:
    """Where and why a run ended before its last station, and what it has left."""

    station: str
    kind: Literal["failed", "interrupted", "killed", "partial"]
    reasons: tuple[str, ...]  # sentences: why, and what to change
    waiting: tuple[str, ...]  # stations that have not run
    files: tuple[tuple[str, str], ...] = ()  # station, file: what the finished ones have written


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ReportData(Noun):
    """One run.

    Example:
        >>> data = ReportData(subject="Person 7", model="arm.osim", date="2026-11-21", calibration=result)
        >>> data.calibration.optimizer, data.dofs
        ('gauss_newton', ())
    """

    subject: str
    model: str  # file name
    date: str
    facts: tuple[tuple[str, str], ...] = ()  # mass, height, recordings, ...
    verdict: Verdict | None = None  # None if the run did not come so far
    findings: tuple[Finding, ...] = ()
    early_end: EarlyEnd | None = None  # of a run that did not come to its last station
    stations: tuple[Station, ...] = ()
    recordings: tuple[RecordingView, ...] = ()
    channels: tuple[ChannelView, ...] = ()
    trials: tuple[TrialView, ...] = ()
    calibration: CalibrationResult | None = None
    prior_widths: dict[str, float] = field(default_factory=dict)  # kind -> share of the start, or the kind's own unit; 0: from the bounds
    metrics: tuple[MomentMetrics, ...] = ()
    dynamometer: tuple[DynamometerMetrics, ...] = ()  # of passive trials and efforts
    verification: tuple[VerificationMetrics, ...] = ()
    verification_tolerance: float = 0.05
    verification_failure: str = ""
    settings: tuple[SettingRow, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)  # file name, no folder -> sha256
    mass: float = float("nan")  # kg

    @property
    def dofs(self) -> tuple[str, ...]:
        """Degrees of freedom of all trials."""
        return tuple(dict.fromkeys(dof for trial in self.trials for dof in trial.dofs))

    @property
    def muscles(self) -> tuple[str, ...]:
        """Muscles of all trials."""
        return tuple(dict.fromkeys(muscle for trial in self.trials for muscle in trial.muscles))

    def why(self, otherwise: str) -> str:
        """Say why something is not there: the run ended before it, or as given."""
        if self.early_end is None:
            return otherwise
        return f"the run ended before it, in {self.early_end.station.replace('_', ' ')}."

    @property
    def predictions(self) -> tuple[TrialPrediction, ...]:
        """What the calibrated muscles make of the trials, as far as they were evaluated."""
        return tuple(trial.calibrated for trial in self.trials if trial.calibrated is not None)

    @property
    def uncalibrated(self) -> tuple[TrialPrediction, ...]:
        """What the muscles before calibration make of the trials; none where it was not kept."""
        return tuple(trial.uncalibrated for trial in self.trials if trial.uncalibrated is not None)

    @property
    def validated(self) -> bool:
        """Whether trials were held out."""
        return any(metric.role == "held_out" for metric in self.metrics)
