"""The loss as named terms, each a weighted mean of squared residuals over the counted samples of every trial.

Eq. 4 of Hambly et al. (2025): sum over trials of the mean over time steps of the mean squared moment error over DOFs
plus the penalties summed over MTUs. Departure: by default moment errors are divided by each DOF's standard deviation,
as CEINMS does, so that a small joint counts as much as a large one (`moment_scale = "raw"` is Eq. 4 to the letter).

A user's own term is a `Term`: a name, a weight and a function of the outputs that returns residuals.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

from osim_nmscal.calibration.settings import LossSettings
from osim_nmscal.nms.curves import CurveTable
from osim_nmscal.nms.muscle_models import MuscleMechanics


@dataclass(frozen=True, kw_only=True)
class TermInputs:
    """What a loss term may look at; (time, trial, muscle) unless stated. Padding and lead-in included, but not counted.

    Example:
        >>> def slack(outputs: TermInputs):
        ...     return torch.relu(-outputs.tendon_strain)  # (time, trial, muscle)
        ...
        >>> calibrate(trials, muscles, terms=[Term("slack", 0.1, slack, axis="muscle")]).status
        'converged'
    """

    activation: Tensor
    normalized_fiber_length: Tensor
    normalized_fiber_velocity: Tensor  # of the maximum contraction velocity; shortening is negative
    tendon_strain: Tensor
    tendon_force: Tensor  # N
    joint_moment: Tensor  # (time, trial, dof), N·m
    target_moment: Tensor  # (time, trial, dof), N·m, from inverse dynamics
    muscles: tuple[str, ...]  # names, in the order of the last axis
    dofs: tuple[str, ...]
    max_isometric_force: Tensor  # (muscle,), N, as the calibration starts: a constant to divide forces by
    time_step: float  # s


@dataclass(frozen=True, kw_only=True)
class SignalTangents:
    """Derivatives of the muscles' signals along some directions, (direction, time, trial, muscle) each."""

    activation: Tensor
    normalized_fiber_length: Tensor
    normalized_fiber_velocity: Tensor
    tendon_strain: Tensor
    tendon_force: Tensor  # N


# What one residual of a term depends on: its own muscle's signals, its own joint moment at that sample, or anything of its trial.
TermAxis = Literal["muscle", "dof", "coupled"]
# Fields of TermInputs that the parameters move.
MUSCLE_SIGNALS = tuple(field.name for field in fields(SignalTangents))
MOVING_SIGNALS = (*MUSCLE_SIGNALS, "joint_moment")


class MuscleTerm(Protocol):
    """Residuals of one signal of each muscle by itself, with their derivatives along any number of directions."""

    @property
    def name(self) -> str:
        """Shown in history and progress."""
        ...

    @property
    def axis(self) -> TermAxis:
        """Always "muscle"."""
        ...

    @property
    def signal(self) -> str:
        """The field of TermInputs that the residual is a function of, sample by sample."""
        ...

    def slope(self, outputs: TermInputs) -> Tensor:
        """Return d residual / d signal, (time, trial, muscle)."""
        ...

    def residual(self, outputs: TermInputs) -> Tensor:
        """Return (time, trial, muscle) residuals, already multiplied by the square root of the weight."""
        ...

    def derivative(self, outputs: TermInputs, tangents: SignalTangents) -> Tensor:
        """Return the derivative along each direction, (direction, time, trial, muscle)."""
        ...


@dataclass(frozen=True)
class RangePenalty:
    """P(x) of Eq. 4: weight * (distance outside a range)^2 of one muscle signal."""

    name: str
    weight: float
    signal: str  # field of TermInputs
    lower: float
    upper: float
    axis: TermAxis = "muscle"

    def _outside(self, outputs: TermInputs) -> Tensor:
        x = getattr(outputs, self.signal)
        return x - x.clamp(self.lower, self.upper)

    def residual(self, outputs: TermInputs) -> Tensor:
        """Return the weighted distance outside the range, (time, trial, muscle)."""
        return self.weight**0.5 * self._outside(outputs)

    def slope(self, outputs: TermInputs) -> Tensor:
        """Return d residual / d signal, (time, trial, muscle); zero inside the range."""
        return self.weight**0.5 * (self._outside(outputs) != 0.0).to(torch.float64)

    def derivative(self, outputs: TermInputs, tangents: SignalTangents) -> Tensor:
        """Return the derivative along each direction."""
        return self.slope(outputs) * getattr(tangents, self.signal)


@dataclass(frozen=True)
class PassiveForcePenalty:
    """Passive elastic fiber force in units of the maximum isometric force, kept small."""

    name: str
    weight: float
    curve: CurveTable  # passive force-length curve of all muscles
    signal: str = "normalized_fiber_length"  # field of TermInputs
    axis: TermAxis = "muscle"

    def residual(self, outputs: TermInputs) -> Tensor:
        """Return the weighted passive force, (time, trial, muscle)."""
        return self.weight**0.5 * self.curve(outputs.normalized_fiber_length).value

    def slope(self, outputs: TermInputs) -> Tensor:
        """Return d residual / d normalized fiber length, (time, trial, muscle)."""
        return self.weight**0.5 * self.curve(outputs.normalized_fiber_length).slope

    def derivative(self, outputs: TermInputs, tangents: SignalTangents) -> Tensor:
        """Return the derivative along each direction."""
        return self.slope(outputs) * tangents.normalized_fiber_length


@dataclass(frozen=True)
class Term:
    """A user's own loss term.

    Attributes:
        name: shown in history and progress.
        weight: multiplies the squared residuals.
        function: of TermInputs, in torch operations; returns residuals (time, trial, any number), of which those of the
            counted samples count.
        axis: what a residual depends on. "muscle": residuals are (time, trial, muscle) and each depends on its own muscle's
            signals alone. "dof": residuals are (time, trial, dof) and each depends on its own joint moment at its own sample
            alone. "coupled": anything of its own trial; always right, and slower (one differentiation per parameter instead
            of one per kind). What is declared is checked once, by finite differences (term_check.py).

    Example:
        >>> rest = Term("rest", 0.01, lambda outputs: outputs.tendon_force / outputs.max_isometric_force, axis="muscle")
        >>> calibrate(trials, muscles, terms=[rest]).history[-1].term_names
        ('moment', 'fiber_length', 'tendon_strain', 'rest', 'prior')
    """

    name: str
    weight: float
    function: Callable[[TermInputs], Tensor]
    axis: TermAxis = "coupled"

    def residual(self, outputs: TermInputs) -> Tensor:
        """Return the weighted residuals."""
        return self.weight**0.5 * self.function(outputs)

    def along(self, outputs: TermInputs, change: TermInputs) -> Tensor:
        """Return the derivative of the weighted residuals along a change of the moving signals, by forward-mode differentiation."""

        def of_signals(*signals: Tensor) -> Tensor:
            moved: dict[str, Any] = dict(zip(MOVING_SIGNALS, signals, strict=True))
            return self.function(replace(outputs, **moved))

        primal, direction = (tuple(getattr(inputs, field) for field in MOVING_SIGNALS) for inputs in (outputs, change))
        return self.weight**0.5 * torch.func.jvp(of_signals, primal, direction)[1]

    def derivative(self, outputs: TermInputs, tangents: SignalTangents) -> Tensor:
        """Return the derivative of a term over muscles along each direction; as of `MuscleTerm`."""
        still = replace(outputs, joint_moment=torch.zeros_like(outputs.joint_moment))
        rows = []
        for i in range(len(tangents.activation)):
            change: dict[str, Any] = {field: getattr(tangents, field)[i] for field in MUSCLE_SIGNALS}
            rows.append(self.along(outputs, replace(still, **change)))
        return torch.stack(rows) if rows else outputs.activation.new_zeros((0, *outputs.activation.shape))

    def moment_derivative(self, outputs: TermInputs) -> Tensor:
        """Return d residual / d joint moment, (time, trial, dof), of a term over DOFs."""
        still: dict[str, Any] = {field: torch.zeros_like(getattr(outputs, field)) for field in MUSCLE_SIGNALS}
        return self.along(outputs, replace(outputs, **still, joint_moment=torch.ones_like(outputs.joint_moment)))


def built_in_terms(settings: LossSettings, muscle: MuscleMechanics) -> tuple[MuscleTerm, ...]:
    """Return the penalties whose weight is not zero."""
    terms = (
        PassiveForcePenalty("passive_force", settings.passive_force_weight, muscle.passive_force_length),
        RangePenalty("fiber_length", settings.fiber_length_weight, "normalized_fiber_length", *settings.fiber_length_range),
        RangePenalty("tendon_strain", settings.tendon_strain_weight, "tendon_strain", *settings.tendon_strain_range),
    )
    return tuple(term for term in terms if term.weight > 0.0)
