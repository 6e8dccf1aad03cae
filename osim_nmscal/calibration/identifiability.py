"""What the data can tell about each parameter: a Laplace posterior from the Jacobian and the priors.

The moment errors are taken as one stationary noise per DOF, scaled to the errors that are left; neighbouring samples
of smooth signals repeat each other, so the noise is inflated by the errors' integrated autocorrelation time (1 for
white noise). Each parameter's prior is a normal distribution around its start (by default as wide as a flat prior
between its bounds). Source: Gelman et al., Bayesian Data Analysis, ch. 4; Sokal (1997) for the autocorrelation time.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from osim_nmscal.calibration.objective import Evaluation, Linearization, Objective

# A parameter counts as identifiable if the data at least halve its prior standard deviation.
IDENTIFIABLE_BELOW = 0.5
# Parameters correlated more than this (posterior) cannot be told apart.
CORRELATED_ABOVE = 0.9
# Sokal's window: the autocorrelation sum is cut at this many autocorrelation times.
_WINDOW = 5.0


@dataclass(frozen=True)
class Posterior:
    """Laplace approximation at the calibrated parameters, in units of z."""

    covariance: Tensor  # (parameter, parameter)
    prior_width: Tensor  # (parameter,)
    autocorrelation_time: float  # samples; 1 for white noise
    noise: float  # standard deviation of the scaled moment errors

    @property
    def standard_error(self) -> Tensor:
        """Posterior standard deviation, (parameter,)."""
        return self.covariance.diagonal().sqrt()

    @property
    def identifiable(self) -> Tensor:
        """Whether the data narrow each parameter clearly, (parameter,), bool."""
        return self.standard_error < IDENTIFIABLE_BELOW * self.prior_width

    def correlation(self) -> Tensor:
        """Posterior correlation matrix, (parameter, parameter)."""
        scale = self.standard_error.clamp_min(1e-300)
        return self.covariance / scale[:, None] / scale[None, :]


def laplace_posterior(objective: Objective, at: Evaluation, linear: Linearization) -> Posterior:
    """Return the posterior at a minimum.

    Args:
        objective: the loss that was minimised.
        at: the minimum.
        linear: its linearization.
    """
    trials, settings = objective.trials, objective.settings
    dofs = trials.joint_moment.shape[-1]
    scaled = (at.outputs.joint_moment - trials.joint_moment) / objective.moment_scale  # (time, trial, dof)
    counted = trials.counted
    # undo the loss weights: every counted moment error then has the same noise
    weight = (counted / counted.sum(dim=0)).sqrt()[counted] * (settings.moment_weight / dofs) ** 0.5
    plain = linear.moment_jacobian / weight.repeat_interleave(dofs)[:, None].clamp_min(1e-300)
    information = plain.T @ plain
    prior = objective.space.prior_width()
    errors = scaled[counted]
    count = errors.numel()
    # effective number of fitted parameters: how much of each direction the data, not the prior, decides
    variance = float(errors.square().mean())
    shrunk = torch.linalg.solve(information + max(variance, 1e-300) * torch.diag(1.0 / prior**2), information)
    used = min(float(shrunk.diagonal().sum()), 0.9 * count)
    variance = float(errors.square().sum()) / (count - used)
    time = autocorrelation_time(scaled, counted)
    precision = information / max(variance * time, 1e-300) + torch.diag(1.0 / prior**2)
    return Posterior(torch.linalg.inv(precision), prior, time, variance**0.5)


def autocorrelation_time(errors: Tensor, counted: Tensor) -> float:
    """Return the integrated autocorrelation time of the errors, averaged over DOFs, in samples and at least 1.

    Args:
        errors: (time, trial, dof).
        counted: (time, trial), bool.
    """
    weight = counted.to(errors.dtype)[..., None]
    centred = errors * weight
    energy = centred.square().sum(dim=(0, 1)).clamp_min(1e-300)
    time = torch.ones_like(energy)
    for lag in range(1, len(errors)):
        rho = (centred[lag:] * centred[:-lag]).sum(dim=(0, 1)) / energy
        time = time + 2.0 * rho.clamp_min(0.0)
        if lag >= _WINDOW * float(time.mean()) or float(rho.max()) <= 0.0:
            break
    return max(1.0, float((time * energy).sum() / energy.sum()))


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
