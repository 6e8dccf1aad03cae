"""Calibrated parameters as a reader wants them: by kind, as factors of the start, with what is not plausible."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from osim_nmscal.data.results import CalibratedParameter

# Normal 95 % interval.
INTERVAL = 1.96
# Kinds shown as factors of their start; the others (C1, C2, shape factor, delay) have no natural start to relate to.
RELATIVE = ("optimal_fiber_length", "tendon_slack_length", "max_contraction_velocity", "tendon_strain_at_one_norm_force")
# Change beyond which a calibrated value is not plausible, as a factor of the linearly scaled start. Source: choice.
PLAUSIBLE: dict[str, tuple[float, float]] = {
    "optimal_fiber_length": (0.9, 1.1),
    "tendon_slack_length": (0.9, 1.1),
    "strength_coefficient": (0.5, 2.0),
}
TITLES: dict[str, str] = {
    "optimal_fiber_length": "Optimal fiber length",
    "tendon_slack_length": "Tendon slack length",
    "working_point": "Working point",
    "strength_coefficient": "Strength coefficient",
    "activation_time_constant_1": "Slower time constant of activation",
    "activation_time_constant_2": "Faster time constant of activation",
    "shape_factor": "Shape factor A",
    "c1": "C1",
    "c2": "C2",
    "electromechanical_delay": "Electromechanical delay",
    "emg_scale": "EMG scale",
    "tendon_strain_at_one_norm_force": "Tendon strain at Fmax",
    "max_contraction_velocity": "Maximum contraction velocity",
    "pennation_angle_at_optimal": "Pennation angle at optimal fiber length",
    "ligament_moment": "Moment of ligaments at an end of the range",
}

# unit of a parameter -> what it is multiplied by for a reader, and the unit then
_SHOWN = {"m": (1000.0, "mm"), "s": (1000.0, "ms")}


def shown_in(unit: str) -> tuple[float, str]:
    """Return what values in a unit are multiplied by for a reader, and the reader's unit.

    Example:
        >>> shown_in("s"), shown_in("-")
        ((1000.0, 'ms'), (1.0, '-'))
    """
    return _SHOWN.get(unit, (1.0, unit))


@dataclass(frozen=True, kw_only=True)
class ParameterChange:
    """One parameter, as a factor of its start where that means something, else in its own unit."""

    owner: str
    name: str
    value: float
    start: float
    low: float  # of the 95 % interval; nan without a standard error
    high: float
    lower: float  # bound
    upper: float
    relative: bool
    at_bound: str
    identifiable: bool

    @property
    def plausible(self) -> bool:
        """Whether the change is one that a person's muscles are likely to have."""
        low, high = PLAUSIBLE.get(self.name, (-math.inf, math.inf))
        factor = self.value / self.start if self.start else self.value
        return low <= factor <= high and self.at_bound not in ("lower", "upper")


def parameter_changes(parameters: Sequence[CalibratedParameter], name: str) -> tuple[ParameterChange, ...]:
    """Return every parameter of one kind, in order."""
    return tuple(_change(parameter) for parameter in parameters if parameter.name == name)


def parameter_kinds(parameters: Sequence[CalibratedParameter]) -> tuple[str, ...]:
    """Return the kinds of parameters that there are, the muscles' lengths and strengths first."""
    there = {parameter.name for parameter in parameters}
    return tuple(name for name in TITLES if name in there) + tuple(sorted(there - set(TITLES)))


def implausible(parameters: Sequence[CalibratedParameter]) -> tuple[ParameterChange, ...]:
    """Return lengths and strengths that changed more than is plausible or lie at a bound, the largest change first."""
    changes = [_change(parameter) for parameter in parameters if parameter.name in PLAUSIBLE]
    odd = [change for change in changes if not change.plausible]
    return tuple(sorted(odd, key=lambda change: -abs(math.log(max(change.value, 1e-9) / max(change.start, 1e-9)))))


def _change(parameter: CalibratedParameter) -> ParameterChange:
    relative = parameter.name in RELATIVE and parameter.start != 0
    scale = 1.0 / parameter.start if relative else 1.0
    reach = INTERVAL * parameter.standard_error
    return ParameterChange(
        owner=parameter.owner,
        name=parameter.name,
        value=parameter.calibrated * scale,
        start=parameter.start * scale,
        low=(parameter.calibrated - reach) * scale,
        high=(parameter.calibrated + reach) * scale,
        lower=parameter.lower * scale,
        upper=parameter.upper * scale,
        relative=relative,
        at_bound=parameter.at_bound,
        identifiable=parameter.identifiable,
    )
