"""The relaxed limb as part of the prior: its passive moments stay near those of the starting values, as people's are alike.

Sum over postures of ((moment at z - moment at the start) / deviation)^2, by the physics of `nms` at rest, with exact derivatives: passive
forces grow like exponentials, and a muscle that is slack at the start has no slope there at all. As a Gaussian of the parameters (posterior
and plan) it is linearised where the calibration ends. Where ligaments are part of the calibration, they take their part of what the muscles
alone do at the start, which is the whole leg's.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from osim_nmscal.calibration.evaluated import Evaluation
from osim_nmscal.calibration.joint import NO_PENALTIES
from osim_nmscal.calibration.objective import Objective
from osim_nmscal.calibration.parameter_space import ParameterSpace
from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.calibration.stacking import StackedTrials
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.relaxed_postures import RelaxedPostures
from osim_nmscal.nms.joint_moment import joint_moment
from osim_nmscal.nms.muscle_models import MuscleMechanics

_STILL = 1.0  # s between the two samples of a posture in which nothing moves


def relaxed_prior(space: ParameterSpace, mechanics: MuscleMechanics, settings: CalibrationSettings) -> "RelaxedPrior | None":
    """Return what the starting values know of the relaxed limb, or None where they know nothing or it is to be forgotten.

    Args:
        space: the parameters.
        mechanics: constants of the muscles.
        settings: of the calibration.

    Raises:
        FiberDynamicsError: a muscle has no equilibrium in a posture at the start.
    """
    if space.known is None or not space.known.relaxed or settings.prior.relaxed_leg == "free":
        return None
    limbs = space.known.relaxed
    still = _at_rest(space, limbs)
    dofs = tuple(dict.fromkeys(_joints(limbs))) if still.ligaments is None else still.ligaments.dofs
    postures = _stacked(limbs, space.known.muscles, dofs)
    weight = torch.zeros_like(postures.joint_moment)
    weight[-1] = postures.measured / torch.from_numpy(np.concatenate([limb.deviation for limb in limbs]))[:, None]
    loss = settings.loss.model_copy(update=NO_PENALTIES)
    return RelaxedPrior(Objective(postures, mechanics, still, loss, dofs=dofs, moment_weight=weight))


class RelaxedPrior:
    """Squared deviations of passive moments, and their derivatives; the last vector's are kept, as a step asks for both."""

    def __init__(self, objective: Objective) -> None:
        """Hold the moments of relaxed muscles in postures; what muscles alone do at the start of its parameters is expected.

        Args:
            objective: postures as trials that stand still, weighed by one over their deviation.
        """
        self._objective = objective
        at = objective.evaluate(objective.space.start())
        objective.trials.joint_moment.copy_(joint_moment(at.outputs.tendon_force, objective.trials.moment_arm))
        self._last = objective.evaluate(at.z)

    def value(self, z: Tensor) -> float:
        """Return the sum of squared deviations."""
        return self._at(z).loss

    def derivatives(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return gradient (parameter,) and Gauss-Newton Hessian (parameter, parameter) of half of it."""
        linear = self._objective.linearize(self._at(z))
        return linear.gradient, linear.hessian.matrix

    def _at(self, z: Tensor) -> Evaluation:
        if not torch.equal(z, self._last.z):
            # a cold start: from where they were last, slack muscles take two to three times the iterations
            self._last = self._objective.evaluate(z.clone())
        return self._last


def _at_rest(space: ParameterSpace, limbs: Sequence[RelaxedPostures]) -> ParameterSpace:
    """Return the same parameters for muscles without electrodes, with ligaments about every joint that was moved if it has any."""
    still = space.without_gain(_STILL)
    if still.ligaments is None:
        return still
    ligaments = still.ligaments.with_none_about(_joints(limbs))
    return ParameterSpace(list(still.blocks.values()), still.base, _STILL, size=still.size, known=still.known, ligaments=ligaments)


def _joints(limbs: Sequence[RelaxedPostures]) -> list[str]:
    return [name for limb in limbs for name in limb.joint]


def _stacked(limbs: Sequence[RelaxedPostures], muscles: MuscleTable, dofs: tuple[str, ...]) -> StackedTrials:
    """Return every posture as a trial of two samples, of which only the moment about the joint that was moved is measured.

    Args:
        limbs: the postures.
        muscles: one that a limb lacks is at its optimal length, without a moment arm.
        dofs: degrees of freedom, every joint among them.
    """
    lengths, arms = [], []
    for limb in limbs:
        own = [muscles.index(name) for name in limb.muscles]
        lengths.append(np.tile(muscles.values("tendon_slack_length") + muscles.values("optimal_fiber_length"), (len(limb.deviation), 1)))
        arms.append(np.zeros_like(lengths[-1]))
        lengths[-1][:, own], arms[-1][:, own] = limb.mtu_length, limb.moment_arm
    moved = torch.tensor([dofs.index(name) for name in _joints(limbs)])
    measured = torch.nn.functional.one_hot(moved, len(dofs)).bool()  # (posture, dof)
    length, arm, angle = (torch.from_numpy(np.concatenate(one)) for one in (lengths, arms, [limb.angle for limb in limbs]))
    counted = torch.tensor([[False], [True]]).expand(2, len(moved))

    def twice(posture: Tensor) -> Tensor:
        return posture.expand(2, *posture.shape)

    return StackedTrials(
        excitation=torch.zeros_like(twice(length)),
        mtu_length=twice(length),
        moment_arm=twice(arm[:, None, :] * measured[:, :, None]),
        joint_moment=torch.zeros((2, *measured.shape), dtype=torch.float64),
        counted=counted,
        measured=measured,
        kinds=tuple("passive" for _ in moved),
        names=tuple(f"posture {i}" for i in range(len(moved))),
        time_step=_STILL,
        joint_angle=twice(angle[:, None] * measured),
    )
