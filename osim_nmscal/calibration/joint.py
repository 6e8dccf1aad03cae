"""One loss over recordings of several kinds: motions, and what a dynamometer measured, with the same muscles.

The first part is a whole loss of its own (EMG-driven or synergy-hybrid: moments, penalties, prior); each further part adds the moment
errors of trials on a clock and with excitations of their own. They share the muscles' parameters, which stand first in the vector.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from osim_nmscal.calibration.evaluated import Evaluation, Linearization
from osim_nmscal.calibration.hessians import Hessian
from osim_nmscal.calibration.ligaments import require_angles
from osim_nmscal.calibration.likelihood import MotionNoise, moment_weight
from osim_nmscal.calibration.objective import Objective
from osim_nmscal.calibration.optimizers import Loss
from osim_nmscal.calibration.parameter_space import ParameterSpace
from osim_nmscal.calibration.settings import CalibrationSettings, LossSettings
from osim_nmscal.calibration.stacking import stack_trials
from osim_nmscal.data.trials import Trial, TrialSet
from osim_nmscal.nms.muscle_models import MuscleMechanics

# Penalties and the prior belong to the first part: maximal efforts may leave the range of a motion's fibers.
NO_PENALTIES = {"fiber_length_weight": 0.0, "tendon_strain_weight": 0.0, "passive_force_weight": 0.0, "similarity_weight": 0.0}


@dataclass(frozen=True)
class JointEvaluation:
    """Every part at one vector."""

    z: Tensor
    loss: float
    terms: dict[str, float]
    first: Any  # the first part's evaluation
    others: tuple[Evaluation, ...]


@dataclass(frozen=True)
class JointLinearization:
    """Gradient and Gauss-Newton Hessian of the sum / 2, and those of the parts."""

    gradient: Tensor
    hessian: Hessian
    first: Any
    others: tuple[Linearization, ...]


@dataclass(frozen=True)
class _Warm:
    """What every part starts from."""

    parts: tuple[Any, ...]


class JointObjective:
    """The sum of a whole loss and the moment errors of further trials."""

    def __init__(self, first: Loss, others: Sequence[Objective], parameters: int) -> None:
        """Add up parts.

        Args:
            first: a whole loss.
            others: moment errors of further trials, by the first entries of the vector.
            parameters: how many those are.
        """
        self.first, self.others, self.parameters = first, tuple(others), parameters

    @property
    def evaluations(self) -> int:
        """How often the muscles of the first part were solved."""
        count: int = getattr(self.first, "evaluations", 0)
        return count

    def evaluate(self, z: Tensor, warm: Any = None) -> JointEvaluation:
        """Solve all parts at z; warm as of `warm_start`."""
        starts = warm.parts if isinstance(warm, _Warm) else (None,) * (1 + len(self.others))
        first = self.first.evaluate(z, starts[0])
        others = tuple(one.evaluate(z[: self.parameters], start) for one, start in zip(self.others, starts[1:], strict=True))
        terms = dict(first.terms)
        for name, one in zip(("dynamometer", "dynamometer_emg"), others, strict=False):
            terms[name] = one.loss
        return JointEvaluation(z, first.loss + sum(one.loss for one in others), terms, first, others)

    def linearize(self, at: JointEvaluation) -> JointLinearization:
        """Differentiate the sum / 2."""
        first = self.first.linearize(at.first)
        others = tuple(one.linearize(part) for one, part in zip(self.others, at.others, strict=True))
        gradient, hessian = first.gradient, first.hessian
        for one in others:
            gradient = gradient.clone()
            gradient[: self.parameters] += one.gradient
            hessian = hessian.plus_leading(one.hessian.matrix)
        return JointLinearization(gradient, hessian, first, others)

    def gradient(self, at: JointEvaluation) -> Tensor:
        """Return the gradient of half the sum."""
        return self.linearize(at).gradient

    def warm_start(self, at: JointEvaluation, linear: JointLinearization | None = None, step: Tensor | None = None) -> Any:
        """Return what every part starts from near an evaluation, or after a step from it."""
        if linear is None or step is None:
            others = (one.warm_start(part) for one, part in zip(self.others, at.others, strict=True))
            return _Warm((self.first.warm_start(at.first), *others))
        first = self.first.warm_start(at.first, linear.first, step)
        parts = zip(self.others, at.others, linear.others, strict=True)
        return _Warm((first, *(one.warm_start(part, lin, step[: self.parameters]) for one, part, lin in parts)))


def dynamometer_objectives(
    trials: Sequence[Trial], mechanics: MuscleMechanics, space: ParameterSpace, settings: CalibrationSettings
) -> list[Objective]:
    """Return the moment errors of passive trials and efforts: those of assumed excitations, and those of recorded ones.

    Args:
        trials: passive ones and efforts, of the space's muscles.
        mechanics: constants of the muscles.
        space: the parameters.
        settings: loss and noise.
    """
    loss: LossSettings = settings.loss.model_copy(update=NO_PENALTIES)
    parts = []
    for driven_by in ("assumed", "emg"):
        own = [trial for trial in trials if _driven(trial) == driven_by]
        if own:
            if space.ligaments is not None:
                require_angles(own)
            stacked = stack_trials(TrialSet(trials=tuple(replace(trial, role="calibration") for trial in own)))
            of_part = space.without_gain(stacked.time_step) if driven_by == "assumed" else space.with_clock(stacked.time_step)
            weight = moment_weight(stacked, loss, settings.noise)
            parts.append(Objective(stacked, mechanics, of_part, loss, dofs=own[0].dofs, moment_weight=weight))
    return parts


def _driven(trial: Trial) -> str:
    return "assumed" if trial.kind == "passive" else trial.driven_by


def reweigh(objective: Objective, settings: CalibrationSettings, motion: MotionNoise) -> None:
    """Let an objective weigh the moments of motions by a noise that a fit has shown."""
    objective.reweigh(moment_weight(objective.trials, settings.loss, settings.noise, motion))
