"""How far calibrated parameters can be from the truth, where data and prior are in the same unit: a linearised analysis.

C = H^-1 (r D + P B P) H^-1 + K K'. H is the precision of data and prior at the minimum, everything that is not a muscle's parameter
eliminated; P the prior's part of it, D = H - P the data's; B is what is believed of the parameters beforehand. Where the prior pulls as
hard as it believes (P = B^-1) the first term is H^-1, the Laplace approximation; where it pulls harder, since nothing measures a
parameter, the term holds the bias of that pull, over truths spread as believed (Theobald 1974). K = H^-1 J'X is how parameters follow
what the model only believes (X: what one standard deviation of each moment arm and tendon strain does to the moments, see
`unestimated`). Parameters are identifiable where the data halve what was believed before.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from osim_nmscal.calibration.evaluated import Evaluation, Linearization
from osim_nmscal.calibration.hessians import Hessian
from osim_nmscal.calibration.identifiability import Posterior
from osim_nmscal.calibration.likelihood import LIKELIHOOD_UNIT, MotionNoise, noise_of_errors, noise_ratio
from osim_nmscal.calibration.objective import Objective
from osim_nmscal.calibration.prior import Prior
from osim_nmscal.calibration.prior_settings import PriorSettings
from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.calibration.unestimated import hidden_in_slack_lengths, unestimated_moments

# Relative ridge that makes blocks invertible where the loss does not see them.
RIDGE = 1e-9

# One part of a loss: its objective, evaluation and linearization.
Part = tuple[Objective, Evaluation, Linearization]


def posterior(
    prior: Prior,
    z: Tensor,
    motion: Hessian,
    moved: Tensor,
    others: Sequence[Part],
    *,
    noise_ratio: float,
    time: float,
) -> Posterior:
    """Return the expected error of the calibrated parameters.

    Args:
        prior: what is believed before.
        z: (parameter,), the minimum.
        motion: Hessian of half the loss of motions, prior included, whose first entries are the parameters.
        moved: J'X of all trials, (parameter, error), see `moved_by_errors`.
        others: passive trials and efforts.
        noise_ratio: r, of the motions.
        time: autocorrelation time of the moment errors, samples; handed on.
    """
    size = len(z)
    of_motion = motion.of_leading(size, RIDGE) / LIKELIHOOD_UNIT
    more = z.new_zeros((size, size))
    for part in others:
        more = more + part[2].hessian.matrix / LIKELIHOOD_UNIT
    pull, believed = pull_and_belief(prior, z)
    data = of_motion - pull
    covariance = spread(noise_ratio * data + more, data + more, pull, believed, moved)
    return Posterior(covariance, believed.diagonal().sqrt(), time, 1.0)


def pull_and_belief(prior: Prior, z: Tensor) -> tuple[Tensor, Tensor]:
    """Return P, how hard the prior pulls, and B, the covariance believed beforehand, at z; (parameter, parameter) each."""
    return prior.weight / LIKELIHOOD_UNIT * prior.pull(z), inverse_of(prior.precision(z))


def shown_noise(objective: Objective, at: Evaluation, settings: CalibrationSettings, noise: MotionNoise) -> tuple[MotionNoise, float]:
    """Return the noise that the errors of motions show, and how much less motions tell than by the noise that they were weighed by."""
    trials = objective.trials
    shown = noise_of_errors(at.outputs.joint_moment - trials.joint_moment, trials, settings.noise)
    return shown, noise_ratio(shown, noise, trials.time_step) if "motion" in trials.kinds else 1.0


def likelihood_posterior(
    objective: Objective,
    z: Tensor,
    at: Evaluation,
    motion: Hessian,
    moved: Tensor,
    others: Sequence[Part],
    settings: CalibrationSettings,
    noise: MotionNoise,
) -> Posterior:
    """Return the expected error of the parameters by the noise that the errors of motions show.

    Args:
        objective: of the motions.
        z: (parameter,), the minimum.
        at: the muscles in the motions.
        motion: Hessian of half the loss of motions.
        moved: how the gradient follows what is not estimated in the motions, (parameter, error).
        others: passive trials and efforts.
        settings: noise, and what is not estimated.
        noise: by which the motions were weighed.
    """
    shown, ratio = shown_noise(objective, at, settings, noise)
    for part in others:
        moved = moved + moved_by_errors(*part, settings.prior)
    found = posterior(
        objective.prior, z, motion, moved, others, noise_ratio=ratio, time=shown.correlation_time / objective.trials.time_step
    )
    variance, believed = found.covariance.diagonal(), found.prior_width.square()
    return replace(found, indistinct=hidden_in_slack_lengths(objective.space, z, variance, believed, settings.prior))


def spread(noise: Tensor, data: Tensor, pull: Tensor, believed: Tensor, moved: Tensor) -> Tensor:
    """Return the covariance C of the parameters, see the head of this module; all (parameter, parameter) unless stated.

    Args:
        noise: r D, the noise of the moments as the gradient sees it.
        data: D, the data's part of the Hessian, in units of the likelihood.
        pull: P, the prior's.
        believed: B, the covariance believed beforehand.
        moved: J'X, (parameter, error).
    """
    inverse = inverse_of(data + pull)
    follow = inverse @ moved
    covariance = inverse @ (noise + pull @ believed @ pull) @ inverse + follow @ follow.T
    return 0.5 * (covariance + covariance.T)


def moved_by_errors(objective: Objective, at: Evaluation, linear: Linearization, settings: PriorSettings) -> Tensor:
    """Return J'X: how the gradient follows one SD of what is not estimated, (parameter, error), in units of the likelihood."""
    return linear.moment_jacobian.T @ unestimated_moments(objective, at, settings).flatten(0, 1) / LIKELIHOOD_UNIT


def inverse_of(matrix: Tensor) -> Tensor:
    """Return the inverse of a positive matrix, however ill conditioned."""
    ridge = 1e-12 * float(matrix.diagonal().max()) if len(matrix) else 0.0
    return torch.linalg.inv(matrix + ridge * torch.eye(len(matrix), dtype=matrix.dtype))
