"""How far calibrated parameters can be from the truth, where data and prior are in the same unit: a linearised analysis.

C = H^-1 (r D + P B P) H^-1 + s^2 K K'. H is the precision of data and prior at the minimum, everything that is not a muscle's parameter
eliminated; P the prior's part of it, D = H - P the data's; B is what is believed of the parameters beforehand. Where the prior pulls as
hard as it believes (P = B^-1) the first term is H^-1, the Laplace approximation; where it pulls harder, since nothing measures a
parameter, the term holds the bias of that pull, over truths spread as believed (Theobald 1974). K = H^-1 J'X is how parameters follow
moment arms that the model only believes (X: each muscle's part of the moments; s: their deviation): what is not estimated still blurs
what is ("consider" analysis, Schmidt 1966). Parameters are identifiable where the data halve what was believed before.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from osim_nmscal.calibration.hessians import Hessian
from osim_nmscal.calibration.identifiability import Posterior
from osim_nmscal.calibration.likelihood import LIKELIHOOD_UNIT
from osim_nmscal.calibration.objective import Evaluation, Linearization, Objective
from osim_nmscal.calibration.prior import Prior

# Relative ridge that makes blocks invertible where the loss does not see them.
_RIDGE = 1e-9

# One part of a loss: its objective, evaluation and linearization.
Part = tuple[Objective, Evaluation, Linearization]


def posterior(
    prior: Prior, z: Tensor, motion: Hessian, parts: Sequence[Part], *, noise_ratio: float, moment_arm_width: float, time: float
) -> Posterior:
    """Return the expected error of the calibrated parameters.

    Args:
        prior: what is believed before.
        z: (parameter,), the minimum.
        motion: Hessian of half the loss of motions, prior included, whose first entries are the parameters.
        parts: everything with moments: motions first.
        noise_ratio: r, of the motions.
        moment_arm_width: standard deviation of one factor per muscle.
        time: autocorrelation time of the moment errors, samples; handed on.
    """
    size = len(z)
    of_motion = motion.of_leading(size, _RIDGE) / LIKELIHOOD_UNIT
    more = z.new_zeros((size, size))
    for _, _, linear in parts[1:]:
        more = more + linear.hessian.matrix / LIKELIHOOD_UNIT
    pull, believed = prior.weight / LIKELIHOOD_UNIT * prior.pull(z), _inverse(prior.precision(z))
    inverse = _inverse(of_motion + more)
    covariance = inverse @ (noise_ratio * (of_motion - pull) + more + pull @ believed @ pull) @ inverse
    if moment_arm_width > 0.0:
        muscles = parts[0][1].outputs.tendon_force.shape[-1]
        moved = z.new_zeros((size, muscles))
        for objective, at, linear in parts:
            force = at.outputs.tendon_force[objective.trials.counted]
            share = (objective.weighted_arm * force[:, None, :]).flatten(0, 1)  # (counted * dof, muscle)
            moved = moved + linear.moment_jacobian.T @ share / LIKELIHOOD_UNIT
        follow = inverse @ moved
        covariance = covariance + moment_arm_width**2 * follow @ follow.T
    return Posterior(0.5 * (covariance + covariance.T), believed.diagonal().sqrt(), time, 1.0)


def _inverse(matrix: Tensor) -> Tensor:
    ridge = 1e-12 * float(matrix.diagonal().max()) if len(matrix) else 0.0
    return torch.linalg.inv(matrix + ridge * torch.eye(len(matrix), dtype=matrix.dtype))
