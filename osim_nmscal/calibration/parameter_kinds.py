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

if TYPE_CHECKING:
    from torch import Tensor

Scope = Literal["muscle", "group", "global"]


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
    # how it enters the model
    enters: str  # field of nms.parameters.NmsParameters
    entry: Entry = as_it_is
    # where a calibrated value is kept: what an .osim cannot hold goes to the sidecar
    write: Callable[[Muscle, float], Muscle] | None = None  # muscle with the model's value; None: the sidecar

    @property
    def home(self) -> Literal["osim", "sidecar"]:
        """Where the calibrated value is kept."""
        return "sidecar" if self.write is None else "osim"


_TABLE = (
    # C1 and C2 start apart: with C1 = C2 both have the same derivative for ever
    ParameterKind(
        name="c1",
        unit="-",
        description="First recursive coefficient of neural activation.",
        source="CEINMS",
        lower=-0.95,
        upper=-0.05,
        start=-0.55,
        enters="c1",
    ),
    ParameterKind(
        name="c2",
        unit="-",
        description="Second recursive coefficient of neural activation.",
        source="CEINMS",
        lower=-0.95,
        upper=-0.05,
        start=-0.45,
        enters="c2",
    ),
    ParameterKind(
        name="shape_factor",
        unit="-",
        description="Shape factor A of activation.",
        source="CEINMS",
        lower=-2.999,
        upper=-0.001,
        start=-1.0,
        enters="shape_factor",
    ),
    ParameterKind(
        name="optimal_fiber_length",
        unit="m",
        description="Optimal fiber length.",
        source="CEINMS",
        lower=0.85,
        upper=1.15,
        bounds="relative",
        enters="optimal_fiber_length",
        write=_stated("optimal_fiber_length"),
    ),
    ParameterKind(
        name="tendon_slack_length",
        unit="m",
        description="Tendon slack length.",
        source="CEINMS",
        lower=0.85,
        upper=1.15,
        bounds="relative",
        enters="tendon_slack_length",
        write=_stated("tendon_slack_length"),
    ),
    ParameterKind(
        name="strength_coefficient",
        unit="-",
        description="Factor of the maximum isometric force.",
        source="CEINMS",
        lower=0.5,
        upper=2.5,
        start=1.0,
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
        description="Factor of a muscle's excitation.",
        source="NMSM Pipeline",
        lower=0.3,
        upper=3.0,
        start=1.0,
        scope="group",
        free=False,
        enters="emg_scale",
    ),
    ParameterKind(
        name="tendon_strain_at_one_norm_force",
        unit="-",
        description="Tendon strain at the maximum isometric force.",
        source="choice: half to double of what the model states",
        lower=0.5,
        upper=2.0,
        bounds="relative",
        free=False,
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
)

KINDS: dict[str, ParameterKind] = {kind.name: kind for kind in _TABLE}
