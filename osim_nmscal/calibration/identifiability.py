"""What the data can tell about each parameter: the expected error of the calibrated values, linearised at the minimum.

The estimate is a weighted least-squares fit that priors and penalties pull: H its Gauss-Newton Hessian, J the Jacobian of
the weighted moment errors, S their noise, L the prior's weight (in units of prior widths). Its expected squared error is
H^-1 (J'SJ + L^2) H^-1: noise passed through the fit plus the bias of the pull, over truths spread like the prior. With the
weight that fits the noise this is the Laplace posterior H^-1; it stays true for any other weight. Sources: Theobald (1974)
for the error of ridge estimates; Gelman et al., Bayesian Data Analysis, ch. 4; White (1980).

The noise of each DOF is scaled to the errors that are left and inflated by their integrated autocorrelation time (Sokal
1997; 1 for white noise), as neighbouring samples of smooth errors repeat each other. What the fit has absorbed of the noise
is added back, to its variance and to that time: slow errors are absorbed first.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from osim_nmscal.calibration.evaluated import Evaluation, Linearization
from osim_nmscal.calibration.likelihood import autocorrelation_time, moment_scale
from osim_nmscal.calibration.objective import Objective

# A parameter counts as identifiable if the data at least halve its prior standard deviation.
IDENTIFIABLE_BELOW = 0.5
# Parameters correlated more than this (posterior) cannot be told apart.
CORRELATED_ABOVE = 0.9
# Least weight of the prior here, in units of the noise: what neither data nor prior decide has the error of the prior.
_LEAST_PULL = 1e-2
_TINY = 1e-12
# Share of the samples that a fit can at most have absorbed.
_MOST_ABSORBED = 0.9


@dataclass(frozen=True)
class Posterior:
    """Expected error of the calibrated parameters, in units of z."""

    covariance: Tensor  # (parameter, parameter)
    prior_width: Tensor  # (parameter,)
    autocorrelation_time: float  # samples; 1 for white noise
    noise: float  # standard deviation of the scaled moment errors
    indistinct: Tensor | None = None  # (parameter,), variance of what no moment tells from a parameter, on top of the covariance

    @property
    def standard_error(self) -> Tensor:
        """Root of the expected squared error, (parameter,)."""
        variance = self.covariance.diagonal()
        return (variance if self.indistinct is None else variance + self.indistinct).sqrt()

    @property
    def identifiable(self) -> Tensor:
        """Whether the data narrow each parameter clearly, (parameter,), bool."""
        return self.standard_error < IDENTIFIABLE_BELOW * self.prior_width

    def correlation(self) -> Tensor:
        """Posterior correlation matrix, (parameter, parameter)."""
        scale = self.covariance.diagonal().sqrt().clamp_min(1e-300)
        return self.covariance / scale[:, None] / scale[None, :]


def laplace_posterior(objective: Objective, at: Evaluation, linear: Linearization) -> Posterior:
    """Return how far the minimum of a loss can be from the truth.

    Args:
        objective: the loss that was minimised.
        at: the minimum.
        linear: its linearization.
    """
    trials, settings = objective.trials, objective.settings
    counted, dofs = trials.counted, trials.joint_moment.shape[-1]
    prior = objective.space.prior_width()
    errors = (at.outputs.joint_moment - trials.joint_moment) / moment_scale(settings, trials) * trials.measured  # (time, trial, dof)
    time = autocorrelation_time(errors, counted)
    # everything in units of prior widths, where the prior's part of the Hessian is prior_weight * identity
    hessian = prior[:, None] * linear.hessian.matrix * prior
    jacobian = linear.moment_jacobian * prior
    samples = trials.samples()  # (dof,)
    kept = 1.0 - _absorbed(jacobian, hessian, float(samples.sum()) / time)
    variance = (errors[counted].square().sum(dim=0) / samples.clamp_min(1.0) / kept).clamp_min(1e-30)  # (dof,)
    # every row of the Jacobian carries the weight of its sample in the loss
    weight = (counted / counted.sum(dim=0))[counted] * settings.moment_weight / dofs
    row = (weight[:, None] * variance * time / kept**2).reshape(-1)
    error = ridge_error(hessian, (jacobian.T * row) @ jacobian, settings.prior_weight, float(row.mean()))
    return Posterior(prior[:, None] * error * prior, prior, time, float(variance.mean()) ** 0.5)


def ridge_error(hessian: Tensor, noise: Tensor, prior_weight: float, noise_weight: float) -> Tensor:
    """Return H^-1 (J'SJ + L^2) H^-1, the expected squared error of a fit that a prior pulls, in units of prior widths.

    Args:
        hessian: H of the whole loss, prior included, (parameter, parameter).
        noise: J'SJ, the noise of the moment errors as the gradient sees it, (parameter, parameter).
        prior_weight: L, of the prior in the loss.
        noise_weight: mean of S, the weight that the prior would have if it fitted the noise.
    """
    eye = torch.eye(len(hessian), dtype=hessian.dtype)
    pull = max(prior_weight, _LEAST_PULL * noise_weight, _TINY * float(hessian.diagonal().max()))
    inverse = torch.linalg.inv(hessian + (pull - prior_weight) * eye)
    error = inverse @ (noise + pull**2 * eye) @ inverse
    error = 0.5 * (error + error.T)
    # nothing is known worse than before: the bounds hold what the data leave open; a factorisation tells whether anything would be
    _, worse = torch.linalg.cholesky_ex(eye - error)
    if int(worse) == 0:
        return error
    size, direction = torch.linalg.eigh(error)
    return (direction * size.clamp(0.0, 1.0)) @ direction.T


def _absorbed(jacobian: Tensor, hessian: Tensor, samples: float) -> float:
    """Return the share of the noise that the fit has absorbed: effective number of fitted parameters over independent samples.

    Args:
        jacobian: of the weighted moment errors, (row, parameter).
        hessian: of the whole loss, (parameter, parameter).
        samples: number of independent samples.
    """
    ridge = _TINY * float(hessian.diagonal().max()) + 1e-300
    shrunk = torch.linalg.solve(hessian + ridge * torch.eye(len(hessian), dtype=hessian.dtype), jacobian.T @ jacobian)
    return min(float(shrunk.diagonal().sum()) / samples, _MOST_ABSORBED)


def unclear_pairs(posterior: Posterior, names: list[str], most: int = 5) -> list[str]:
    """Say in sentences which parameters can only be told together, worst first."""
    correlation = posterior.correlation()
    rows, columns = torch.triu_indices(len(names), len(names), offset=1)
    value = correlation[rows, columns]
    order = torch.argsort(value.abs(), descending=True)
    sentences = []
    for i in order[:most].tolist():
        if float(value[i].abs()) < CORRELATED_ABOVE:
            break
        sign = "together" if value[i] > 0 else "against each other"
        first, second = names[int(rows[i])], names[int(columns[i])]
        sentences.append(f"{first} and {second} move {sign} without changing the moments (correlation {float(value[i]):+.2f}).")
    return sentences
