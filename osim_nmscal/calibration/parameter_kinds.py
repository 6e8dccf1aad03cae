"""The kinds of parameters that a calibration can move: one table, from which every other list follows.

Settings, the vector of the optimisers, the model's parameters and their derivatives, the rows of results and what is
written to the .osim or the sidecar are all derived from `KINDS`; a new kind is one entry here, and, where the model does
not know the quantity yet, its derivative in `nms` (contraction.parameter_partials, or sensitivity.activation_tangents).
This module loads neither torch nor OpenSim: the functions take tensors and use their methods alone.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

from osim_nmscal.data.muscles import Muscle
from osim_nmscal.data.starting_values import FIBER_LENGTH_SD, SLACK_LENGTH_SD

if TYPE_CHECKING:
    from torch import Tensor

Scope = Literal["muscle", "group", "channel", "global"]


class Transform(Protocol):
    """How the optimisers' scale, 0 to 1, runs from the lower to the upper bound."""

    def value(self, z: "Tensor", lower: "Tensor", upper: "Tensor") -> "Tensor":
        """Return the value at z."""
        ...

    def place(self, value: "Tensor", lower: "Tensor", upper: "Tensor") -> "Tensor":
        """Return the z of a value."""
        ...

    def slope(self, value: "Tensor", lower: "Tensor", upper: "Tensor") -> "Tensor":
        """Return d value / dz at a value."""
        ...

    def span(self, lower: "Tensor", upper: "Tensor") -> "Tensor":
        """Return the distance of the bounds, in the unit of the prior's width."""
        ...


class Linear:
    """Evenly; a prior's width is in the unit of the bounds."""

    def value(self, z: "Tensor", lower: "Tensor", upper: "Tensor") -> "Tensor":
        """Return the value at z."""
        return lower + (upper - lower) * z

    def place(self, value: "Tensor", lower: "Tensor", upper: "Tensor") -> "Tensor":
        """Return the z of a value."""
        return (value - lower) / (upper - lower)

    def slope(self, value: "Tensor", lower: "Tensor", upper: "Tensor") -> "Tensor":
        """Return d value / dz."""
        return (upper - lower) + 0.0 * value

    def span(self, lower: "Tensor", upper: "Tensor") -> "Tensor":
        """Return the distance of the bounds."""
        return upper - lower


class Logarithmic:
    """By equal factors, for what is positive and known to a factor; a prior's width is that of the natural logarithm."""

    def value(self, z: "Tensor", lower: "Tensor", upper: "Tensor") -> "Tensor":
        """Return the value at z."""
        return lower * (z * (upper / lower).log()).exp()

    def place(self, value: "Tensor", lower: "Tensor", upper: "Tensor") -> "Tensor":
        """Return the z of a value."""
        return (value / lower).log() / (upper / lower).log()

    def slope(self, value: "Tensor", lower: "Tensor", upper: "Tensor") -> "Tensor":
        """Return d value / dz."""
        return value * (upper / lower).log()

    def span(self, lower: "Tensor", upper: "Tensor") -> "Tensor":
        """Return the logarithm of the bounds' ratio."""
        return (upper / lower).log()


# (value of each muscle, the model's own before, time step in s) -> the model's, and its derivative by the value.
Entry = Callable[["Tensor", "Tensor", float], tuple["Tensor", "Tensor"]]


def as_it_is(value: "Tensor", before: "Tensor", time_step: float) -> tuple["Tensor", "Tensor"]:
    """Take the place of the model's own."""
    return value, 1.0 + 0.0 * value


def as_a_factor(value: "Tensor", before: "Tensor", time_step: float) -> tuple["Tensor", "Tensor"]:
    """Multiply the model's own."""
    return before * value, before


def as_a_time_constant(value: "Tensor", before: "Tensor", time_step: float) -> tuple["Tensor", "Tensor"]:
    """Become the coefficient C = -exp(-time step / time constant) of Eq. 1, the same filter whatever the clock."""
    coefficient = -(-time_step / value).exp()
    return coefficient, coefficient * time_step / value**2


def _stated(name: str) -> Callable[[Muscle, float], Muscle]:
    def write(muscle: Muscle, value: float) -> Muscle:
        change: dict[str, Any] = {name: value}
        return replace(muscle, **change)

    return write


LINEAR, LOGARITHMIC = Linear(), Logarithmic()


@dataclass(frozen=True, kw_only=True)
class ParameterKind:
    """One kind of parameter: what it is, where it starts and may go, how it enters the model, and where it is kept."""

    name: str
    unit: str
    description: str
    source: str  # of the bounds
    # defaults of [calibration.parameters.<name>]
    lower: float
    upper: float
    bounds: Literal["absolute", "relative"] = "absolute"
    start: float | Literal["model"] = "model"
    scope: Scope = "muscle"
    free: bool = True
    prior_width: float = 0.0  # 0: that of a flat prior between the bounds
    transform: Transform = LINEAR
    instead_of: str = ""  # another kind that says the same otherwise: this one counts only if it is free, and then that one does not
    needs_electrode: bool = False  # muscles without EMG have none: theirs is 1
    # how it enters the model
    enters: str  # field of nms.parameters.NmsParameters; "": no muscle, see `ligaments`
    entry: Entry = as_it_is
    # where a calibrated value is kept: what an .osim cannot hold goes to the sidecar
    write: Callable[[Muscle, float], Muscle] | None = None  # muscle with the model's value; None: the sidecar
    nuisance: bool = False  # an error of what the model holds otherwise: the fit allows for it, results and predictions do not have it

    @property
    def home(self) -> Literal["osim", "sidecar", "fit"]:
        """Where the calibrated value is kept; one of the fit alone is reported and enters no prediction."""
        return "fit" if self.nuisance else "sidecar" if self.write is None else "osim"


_TABLE = (
    # the two start apart: with equal ones both have the same derivative for ever
    ParameterKind(
        name="activation_time_constant_1",
        unit="s",
        description="Slower time constant of neural activation (Eq. 1); C1 = -exp(-time step / time constant).",
        source="real recordings ask for 15-60 ms; shorter than 4 ms no envelope has anything, longer than 0.25 s no muscle is",
        lower=0.004,
        upper=0.25,
        start=0.03,
        prior_width=1.0,
        transform=LOGARITHMIC,
        enters="c1",
        entry=as_a_time_constant,
    ),
    ParameterKind(
        name="activation_time_constant_2",
        unit="s",
        description="Faster time constant of neural activation (Eq. 1); C2 = -exp(-time step / time constant).",
        source="as activation_time_constant_1",
        lower=0.004,
        upper=0.25,
        start=0.02,
        prior_width=1.0,
        transform=LOGARITHMIC,
        enters="c2",
        entry=as_a_time_constant,
    ),
    ParameterKind(
        name="c1",
        unit="-",
        description="First recursive coefficient of neural activation, instead of activation_time_constant_1; belongs to the time step.",
        source="CEINMS",
        lower=-0.95,
        upper=-0.05,
        start=-0.55,
        free=False,
        enters="c1",
        instead_of="activation_time_constant_1",
    ),
    ParameterKind(
        name="c2",
        unit="-",
        description="Second recursive coefficient of neural activation, instead of activation_time_constant_2; belongs to the time step.",
        source="CEINMS",
        lower=-0.95,
        upper=-0.05,
        start=-0.45,
        free=False,
        enters="c2",
        instead_of="activation_time_constant_2",
    ),
    ParameterKind(
        name="shape_factor",
        unit="-",
        description="Shape factor A of activation.",
        source="CEINMS",
        lower=-2.999,
        upper=-0.001,
        start=-1.0,
        prior_width=0.6,
        enters="shape_factor",
    ),
    ParameterKind(
        name="optimal_fiber_length",
        unit="m",
        description="Optimal fiber length.",
        source="Ward et al. (2009): SD / mean 0.11-0.27 with body size in it, 0.10-0.15 remain; bounds at 3 SD",
        lower=0.7,
        upper=1.35,
        bounds="relative",
        prior_width=FIBER_LENGTH_SD,
        transform=LOGARITHMIC,
        enters="optimal_fiber_length",
        write=_stated("optimal_fiber_length"),
    ),
    ParameterKind(
        name="tendon_slack_length",
        unit="m",
        description="Tendon slack length.",
        source="a cap: [calibration.prior] working_point_width says more of most muscles",
        lower=0.7,
        upper=1.3,
        bounds="relative",
        prior_width=SLACK_LENGTH_SD,
        transform=LOGARITHMIC,
        enters="tendon_slack_length",
        write=_stated("tendon_slack_length"),
    ),
    ParameterKind(
        name="strength_coefficient",
        unit="-",
        description="Factor of the maximum isometric force.",
        source="Handsfield et al. (2014): 15-20 % around volume by mass and height; specific tension and effort add; bounds at 3.5 SD",
        lower=0.35,
        upper=2.6,
        start=1.0,
        prior_width=0.27,
        transform=LOGARITHMIC,
        scope="group",
        enters="max_isometric_force",
        entry=as_a_factor,
        write=_stated("max_isometric_force"),
    ),
    ParameterKind(
        name="electromechanical_delay",
        unit="s",
        description="Delay between EMG and force, s.",
        source="Hambly 2025",
        lower=0.0,
        upper=0.125,
        start=0.035,
        scope="global",
        free=False,
        enters="electromechanical_delay",
    ),
    ParameterKind(
        name="emg_scale",
        unit="-",
        description="Factor of a muscle's excitation: the gain of its EMG channel. Muscles without EMG have none.",
        source="best 1 s of a maximal contraction: 0.92-1.0 of the true maximum, and EMG of other electrodes drifts by 10-20 %",
        lower=0.4,
        upper=2.2,
        start=0.93,
        scope="channel",
        prior_width=0.15,
        transform=LOGARITHMIC,
        needs_electrode=True,
        enters="emg_scale",
    ),
    ParameterKind(
        name="tendon_strain_at_one_norm_force",
        unit="-",
        description="Tendon strain at the maximum isometric force.",
        source="people: 3 to 7 %, models: 3.3 to 4.9 %; bounds at half and double of what the model states",
        lower=0.5,
        upper=2.0,
        bounds="relative",
        prior_width=0.25,
        transform=LOGARITHMIC,
        enters="tendon_strain_at_one_norm_force",
        write=Muscle.with_tendon_strain,
    ),
    ParameterKind(
        name="max_contraction_velocity",
        unit="1/s",
        description="Maximum contraction velocity.",
        source="choice: half to double of what the model states",
        lower=0.5,
        upper=2.0,
        bounds="relative",
        free=False,
        transform=LOGARITHMIC,
        enters="max_contraction_velocity",
        write=_stated("max_contraction_velocity"),
    ),
    ParameterKind(
        name="pennation_angle_at_optimal",
        unit="rad",
        description="Pennation angle at the optimal fiber length.",
        source="choice: half more or less than the model states",
        lower=0.5,
        upper=1.5,
        bounds="relative",
        free=False,
        enters="pennation_angle_at_optimal",
        write=_stated("pennation_angle_at_optimal"),
    ),
    ParameterKind(
        name="moment_arm_scale",
        unit="-",
        description="Factor of a muscle's moment arms at all joints, and of its length's excursion with them: an error of the path that "
        "the fit allows for. Results and predictions are at 1.",
        source="generic moment arms miss personal ones by 5-10 %; bounds at 4 SD",
        lower=0.75,
        upper=1.33,
        start=1.0,
        free=False,
        prior_width=0.07,
        transform=LOGARITHMIC,
        enters="moment_arm_scale",
        nuisance=True,
    ),
)

KINDS: dict[str, ParameterKind] = {kind.name: kind for kind in _TABLE}
