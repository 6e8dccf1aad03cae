"""What a calibration hands on: the calibrated muscles, how sure we are of them, and what they predict."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.noun import Facts, Noun, Rows, by_time, frame, listed_short
from osim_nmscal.data.passive_joint_moment import PassiveJointMoment

if TYPE_CHECKING:
    import pandas

FloatArray = NDArray[np.float64]

CalibrationStatus = Literal["converged", "patience", "iterations", "interrupted", "failed"]

# What each muscle does in a prediction, (time, muscle) each.
PREDICTED = ("excitation", "activation", "normalized_fiber_length", "tendon_strain", "tendon_force")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class NeuralParameters(Noun):
    """What turns excitation into activation; it has no home in an .osim and goes to the sidecar.

    Example:
        >>> quick = replace(result.neural, electromechanical_delay=0.02)
        >>> moved = predict(trials, result.muscles, quick)
        >>> len(moved)
        2
    """

    c1: FloatArray  # (muscle,), in (-1, 1); belongs to time_step
    c2: FloatArray  # (muscle,), in (-1, 1); belongs to time_step
    shape_factor: FloatArray  # (muscle,), in (-3, 0)
    electromechanical_delay: float | FloatArray  # s; one number, or (muscle,) where muscles differ
    time_step: float  # s, the sampling step that c1 and c2 belong to
    emg_scale: FloatArray = field(default_factory=lambda: np.ones(1))  # (muscle,) or (1,) for all: factor of the excitation

    def _facts(self) -> Facts:
        delays = 1000 * np.atleast_1d(self.electromechanical_delay)
        delay = f"{delays[0]:.3g}" if np.ptp(delays) == 0 else f"{delays.min():.3g} to {delays.max():.3g}"
        return (("", f"{len(np.atleast_1d(self.c1))} muscles"), ("ms of delay", delay), ("ms of time step", f"{1000 * self.time_step:.3g}"))


@dataclass(frozen=True, kw_only=True)
class CalibratedParameter:
    """One free or fixed parameter of one owner, and what the data say of it.

    Example:
        >>> slack = next(one for one in result.parameters if one.name == "tendon_slack_length")
        >>> slack.owner, slack.unit, slack.lower < slack.calibrated < slack.upper
        ('extensor', 'm', True)
    """

    owner: str  # muscle, group, channel, or "all"
    name: str  # e.g. "tendon_slack_length"
    unit: str
    start: float
    calibrated: float
    lower: float
    upper: float
    at_bound: Literal["", "lower", "upper", "fixed"]
    standard_error: float  # same unit; nan where the optimiser gives none
    identifiable: bool  # the data narrow it to clearly less than its prior or range
    prior_deviation: float = float("nan")  # same unit; how far the truth was believed to lie from the start (SD)
    # how far the value moves without the trials that move it most, in standard errors of that difference; nan if not asked
    disagreement: float = float("nan")
    left_out: str = ""  # those trials: a recording, some of its trials, or all of a dynamometer's kind
    calibrated_without: float = float("nan")  # same unit; the value without them

    @property
    def standing(self) -> Literal["known", "assumed", "at bound", "fixed"]:
        """What the value rests on: the data, what was assumed before, a bound, or nothing that moved."""
        if self.at_bound == "fixed":
            return "fixed"
        if self.at_bound:
            return "at bound"
        return "known" if self.identifiable else "assumed"


@dataclass(frozen=True, kw_only=True)
class HistoryRow:
    """One iteration of an optimiser."""

    iteration: int
    seconds: float
    loss: float
    term_names: tuple[str, ...]
    term_values: tuple[float, ...]
    rate: float = 0.0  # learning rate of AdamW, damping of Gauss-Newton; 0 where the optimiser has none
    limit: int = 0  # iterations at most (of annealing: evaluations); 0 if not known


@dataclass(frozen=True, kw_only=True)
class StartRow:
    """One search of a calibration that was started from several places."""

    start: int  # 1 is the start of the settings, the others are drawn between the bounds
    status: CalibrationStatus
    iterations: int
    loss_initial: float
    loss_final: float
    best: bool  # the calibration is this one


@dataclass(frozen=True, kw_only=True)
class MomentMetrics:
    """Agreement of a predicted joint moment with inverse dynamics over the counted samples of one trial.

    Example:
        >>> metric = MomentMetrics(
        ...     trial="walk/stance_01", role="held_out", dof="knee", model="calibrated",
        ...     rmse=6.0, nrmse=0.08, r2=0.9, correlation_squared=0.92)
        >>> f"{metric.dof}: {100 * metric.nrmse:.0f} % of the range"
        'knee: 8 % of the range'
    """

    trial: str
    role: Literal["calibration", "held_out"]
    dof: str
    model: Literal["uncalibrated", "calibrated"]
    rmse: float  # N*m
    nrmse: float  # rmse / range of the inverse-dynamics moment
    r2: float  # 1 - SSE/SST
    correlation_squared: float


@dataclass(frozen=True, kw_only=True)
class DynamometerMetrics:
    """How well the muscles give the moment that a dynamometer measured about one joint in one trial, over its counted samples.

    Example:
        >>> metric = DynamometerMetrics(
        ...     trial="knee_sitting/sweep_01", kind="passive", role="calibration", dof="knee", largest=-14.0, rmse_uncalibrated=9.0,
        ...     rmse_calibrated=2.5)
        >>> metric.rmse_calibrated < metric.rmse_uncalibrated
        True
    """

    trial: str
    kind: Literal["passive", "effort"]
    role: Literal["calibration", "held_out"]
    dof: str
    largest: float  # N*m, the measured moment that is farthest from zero
    rmse_uncalibrated: float  # N*m
    rmse_calibrated: float  # N*m
    # N*m, what the scaled model's agonists give at an excitation of 0.3, less what resists them; nan for passive trials
    submaximal: float = float("nan")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SynergyResult(Noun):
    """The synergies of a synergy-hybrid calibration and what they made the muscles do in the calibration trials.

    Example:
        >>> synergy = SynergyResult(
        ...     muscles=("soleus", "psoas"), recorded=("soleus",), synthesized=("psoas",), withheld=(),
        ...     vaf=np.ones(1), vaf_per_muscle=np.ones((1, 1)), weights=np.ones((1, 2)), trial_weights=np.ones((1, 1, 2)),
        ...     trials=("walk/1",), primitives=(np.ones((100, 1)),), excitations=(np.full((100, 2), 0.4),))
        >>> dict(zip(synergy.muscles, synergy.excitations[0].max(axis=0).tolist()))
        {'soleus': 0.4, 'psoas': 0.4}
    """

    muscles: tuple[str, ...]
    recorded: tuple[str, ...]  # driven by their EMG
    synthesized: tuple[str, ...]  # driven by synergies, withheld ones included
    withheld: tuple[str, ...]  # synthesised although they have EMG
    vaf: FloatArray  # (number of synergies tried,), of the factorisation into 1, 2, ... synergies
    vaf_per_muscle: FloatArray  # (number of synergies tried, recorded muscle)
    weights: FloatArray  # (synergy, muscle); mean over trials if each has its own
    trial_weights: FloatArray  # (trial or 1, synergy, muscle)
    trials: tuple[str, ...]
    primitives: tuple[FloatArray, ...]  # (time, synergy) of each trial
    excitations: tuple[FloatArray, ...]  # (time, muscle) of each trial, by the synergies, recorded muscles as well

    def _facts(self) -> Facts:
        count = len(self.weights)
        explained = f", {100 * self.vaf[count - 1]:.1f} % of variance" if len(self.vaf) >= count else ""
        return (
            ("", f"{count} synergies of {len(self.recorded)} recorded muscles{explained}"),
            ("synthesised", listed_short(self.synthesized) or "none"),
            ("trials", str(len(self.trials))),
        )

    def to_frame(self) -> "pandas.DataFrame":
        """Return the weights as a table, (muscle, synergy); needs pandas (extra `plots`)."""
        names = [f"synergy {i + 1}" for i in range(len(self.weights))]
        made: pandas.DataFrame = frame(self.weights.T, index=list(self.muscles), columns=names)
        return made


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class CalibrationResult(Noun):
    """A finished (or interrupted) calibration; `sentence` says in words how it ended.

    Example:
        >>> result.status, result.muscles.names
        ('converged', ('extensor', 'flexor'))
        >>> result.neural.c1.shape
        (2,)
        >>> result
        CalibrationResult(emg_driven by gauss_newton: converged after ... iterations; ... parameters, 2 muscles)
        >>> result == calibrate(trials, muscles)  # the same but for how long it took
        False
        >>> result.muscles == calibrate(trials, muscles).muscles
        True
    """

    method: Literal["emg_driven", "synergy_hybrid"]
    optimizer: str
    status: CalibrationStatus
    sentence: str
    seconds: float
    iterations: int
    evaluations: int
    loss_initial: float
    loss_final: float
    start_muscles: MuscleTable
    muscles: MuscleTable  # calibrated lengths; max_isometric_force already multiplied by the strength coefficient
    strength_coefficient: FloatArray  # (muscle,)
    start_neural: NeuralParameters
    neural: NeuralParameters
    parameters: Rows[CalibratedParameter]
    history: Rows[HistoryRow]
    findings: tuple[str, ...] = ()  # decisions and warnings a user must see, one sentence each
    synergy: SynergyResult | None = None  # of a synergy-hybrid calibration
    working_points: Rows[CalibratedParameter] = field(default_factory=Rows)  # fibers at the mean MTU length; empty without such a prior
    cross_validation: tuple[MomentMetrics, ...] = ()  # each calibration trial predicted from the others, if asked for
    # of the free parameters, in the order of `parameters`, (parameter, parameter); nan where one was held fixed; None if not kept
    correlation: FloatArray | None = None
    starts: tuple[StartRow, ...] = ()  # every search that was made, the best one among them; empty if not kept
    start_ligaments: PassiveJointMoment | None = None
    ligaments: PassiveJointMoment | None = None  # what the calibrated muscles were helped by; no part of the .osim; None: nothing

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", Rows(self.parameters))
        object.__setattr__(self, "history", Rows(self.history))

    def _facts(self) -> Facts:
        ended = f"{self.method} by {self.optimizer}: {self.status} after {self.iterations} iterations"
        return (("", ended), ("", f"{len(self.parameters)} parameters, {len(self.muscles)} muscles"))

    def to_frame(self) -> "pandas.DataFrame":
        """Return the parameters as a table, one row each; needs pandas (extra `plots`)."""
        return self.parameters.to_frame()


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class TrialPrediction(Noun):
    """What a set of muscles does in one trial.

    Example:
        >>> prediction = predictions[0]
        >>> counted = slice(prediction.first_counted, None)
        >>> prediction.joint_moment[counted].shape, bool(prediction.activation.max() <= 1.0)
        ((90, 1), True)
    """

    trial: str
    time: FloatArray  # (time,), s, lead-in included
    first_counted: int
    muscles: tuple[str, ...]
    dofs: tuple[str, ...]
    excitation: FloatArray  # (time, muscle), as driven: recorded or synthesised
    activation: FloatArray  # (time, muscle)
    normalized_fiber_length: FloatArray  # (time, muscle)
    tendon_strain: FloatArray  # (time, muscle)
    tendon_force: FloatArray  # (time, muscle), N
    joint_moment: FloatArray  # (time, dof), N*m, of muscles and ligaments
    ligament_moment: FloatArray | None = None  # (time, dof), N*m, the ligaments' part of it; None: there are none

    def _facts(self) -> Facts:
        counted = self.time[self.first_counted :]
        return (
            ("", f"{self.trial}: {len(counted)} samples, {counted[0]:.4g} to {counted[-1]:.4g} s"),
            ("", f"{len(self.muscles)} muscles about {listed_short(self.dofs)}"),
        )

    def to_frame(self) -> "pandas.DataFrame":
        """Return every quantity by time as a table, columns (quantity, muscle or dof), lead-in included; needs pandas (extra `plots`)."""
        return by_time(self, self.time, dict.fromkeys(PREDICTED, self.muscles) | {"joint_moment": self.dofs})


@dataclass(frozen=True, kw_only=True)
class VerificationMetrics:
    """Agreement of OpenSim's own run of the personalized model with what calibration predicted, over the counted samples of one trial.

    Example:
        >>> VerificationMetrics(
        ...     trial="walk/stance_01", dof="knee", rmse=0.6, nrmse=0.012, r2_vs_inverse_dynamics=0.9,
        ...     largest_force_error=0.01, muscle="soleus").nrmse
        0.012
    """

    trial: str
    dof: str
    rmse: float  # N*m, OpenSim - predicted
    nrmse: float  # rmse / range of the inverse-dynamics moment
    r2_vs_inverse_dynamics: float  # of OpenSim's moment
    largest_force_error: float  # RMS over time of OpenSim - predicted tendon force / maximum isometric force, worst muscle
    muscle: str  # that muscle
