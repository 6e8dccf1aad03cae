"""What an electrode study finds: how both ways to calibrate fare as EMG channels are left off."""

from dataclasses import dataclass
from typing import Literal

from osim_nmscal.data.noun import Noun

StudyMethod = Literal["emg_driven", "synergy_hybrid"]
# Which trials, and how they were predicted: held-out trials from EMG alone, or by synergies that also tracked the moments.
StudyData = Literal["calibration", "held_out", "held_out_emg_hybrid"]


@dataclass(frozen=True, kw_only=True)
class StudyMetric:
    """Agreement of one model with inverse dynamics in one trial about one degree of freedom."""

    method: StudyMethod
    count: int  # channels left
    removed: tuple[str, ...]
    data: StudyData
    trial: str
    dof: str
    rmse: float  # N*m
    nrmse: float  # of the range
    r2: float


@dataclass(frozen=True, kw_only=True)
class StudyModel:
    """One calibration of the study."""

    method: StudyMethod
    count: int  # channels left
    kept: tuple[str, ...]
    removed: tuple[str, ...]
    synergies: int  # 0 if none
    seconds: float
    sentence: str  # how it ended
    failed: bool
    parameter_distance: float  # mean over shared parameters, in units of their allowed range; nan without a reference
    parameters_compared: int


@dataclass(frozen=True, kw_only=True)
class StudyExcitation:
    """How a synthesised excitation resembles the recorded one that was withheld, over all trials of a kind."""

    count: int
    removed: tuple[str, ...]
    muscle: str
    data: StudyData
    correlation: float  # nan where the EMG or what was synthesised does not change
    rmse: float


@dataclass(frozen=True, kw_only=True)
class StudyComparison:
    """Whether the two methods differ at one number of channels about one degree of freedom, over the trials that both predicted."""

    count: int  # channels left
    data: StudyData
    dof: str
    measure: Literal["rmse", "r2"]
    trials: int  # pairs
    emg_driven: float  # median over trials
    synergy_hybrid: float  # median over trials
    difference: float  # median of synergy-hybrid - EMG-driven
    effect: float  # matched-pairs rank-biserial correlation, -1 to 1, positive where synergy-hybrid is higher; nan if no pair differs
    p_value: float  # of the Wilcoxon signed-rank test, two-sided; nan with too few pairs
    p_adjusted: float  # by Holm over all comparisons of the same data and measure
    better: Literal["emg_driven", "synergy_hybrid", "neither"]  # neither unless p_adjusted < 0.05


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ElectrodeStudy(Noun):
    """Results of a whole study.

    Example:
        >>> study = ElectrodeStudy(
        ...     channels=("TA", "SOL"), order=("TA",), order_errors=(4.0, 9.0), models=(), metrics=(), excitations=(), comparisons=(),
        ...     sentences=("Without TA the error stays.",))
        >>> f"Left off first: {study.order[0]}. {study.sentences[0]}"
        'Left off first: TA. Without TA the error stays.'
    """

    channels: tuple[str, ...]
    order: tuple[str, ...]  # in which channels were left off: the least missed first
    order_errors: tuple[float, ...]  # mean calibration RMSE of the EMG-driven model without that channel alone, N*m
    models: tuple[StudyModel, ...]
    metrics: tuple[StudyMetric, ...]
    excitations: tuple[StudyExcitation, ...]
    comparisons: tuple[StudyComparison, ...]
    sentences: tuple[str, ...]  # the answer in words
