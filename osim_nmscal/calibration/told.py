"""What trials tell of the parameters: the data's part of the loss, linearised at one place, whatever synergies there are.

The Hessians of trials add up, and so does how their gradient follows what is not estimated: what a further recording would tell, or
what is left without one, is a sum. Synergies, which belong to the trials, are eliminated.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from torch import Tensor

from osim_nmscal.calibration.evaluated import Evaluation, Linearization
from osim_nmscal.calibration.joint import JointEvaluation, JointLinearization, JointObjective
from osim_nmscal.calibration.likelihood import LIKELIHOOD_UNIT
from osim_nmscal.calibration.objective import Objective
from osim_nmscal.calibration.posterior import RIDGE, moved_by_errors
from osim_nmscal.calibration.prior_settings import PriorSettings
from osim_nmscal.calibration.synergy.objective import HybridObjective
from osim_nmscal.calibration.unestimated import unestimated_moments


@dataclass(frozen=True)
class Told:
    """What some trials tell, in units of the likelihood."""

    data: Tensor  # (parameter, parameter), Hessian without the prior
    moved: Tensor  # (parameter, error), how the gradient follows one SD of what is not estimated

    def __add__(self, other: "Told") -> "Told":
        return Told(self.data + other.data, self.moved + other.moved)


def told_by(
    loss: JointObjective, at: JointEvaluation, linear: JointLinearization, pull: Tensor, settings: PriorSettings
) -> tuple[Told, Told]:
    """Return what the first part of a loss tells, motions where there are any, and what the others tell.

    Args:
        loss: whose moments are weighed by their noise.
        at: where.
        linear: its linearization.
        pull: the prior's part of the Hessian, (parameter, parameter), in units of the likelihood.
        settings: what is not estimated.
    """
    if isinstance(loss.first, HybridObjective):
        errors = unestimated_moments(muscles_of_first(loss), at.first.muscles, settings)
        moved = loss.first.moved_by_errors(errors, at.first, linear.first, RIDGE) / LIKELIHOOD_UNIT
    else:
        moved = moved_by_errors(muscles_of_first(loss), at.first, linear.first, settings)
    motions = Told(linear.first.hessian.of_leading(loss.parameters, RIDGE) / LIKELIHOOD_UNIT - pull, moved)
    others = [told_by_part(one, part, lin, settings) for one, part, lin in zip(loss.others, at.others, linear.others, strict=True)]
    return motions, together(others, loss.parameters, moved)


def muscles_of_first(loss: JointObjective) -> Objective:
    """Return the muscles' loss in the first part, whatever drives them."""
    found: Any = loss.first.objective if isinstance(loss.first, HybridObjective) else loss.first
    return cast(Objective, found)


def told_by_part(objective: Objective, at: Evaluation, linear: Linearization, settings: PriorSettings) -> Told:
    """Return what passive trials or efforts tell."""
    return Told(linear.hessian.matrix / LIKELIHOOD_UNIT, moved_by_errors(objective, at, linear, settings))


def together(parts: Sequence[Told], parameters: int, like: Tensor) -> Told:
    """Return the sum of what parts tell.

    Args:
        parts: any number.
        parameters: how many there are.
        like: (parameter, error), whose shape and type count where there is no part.
    """
    total = Told(like.new_zeros((parameters, parameters)), like.new_zeros((parameters, like.shape[1])))
    for part in parts:
        total = total + part
    return total
