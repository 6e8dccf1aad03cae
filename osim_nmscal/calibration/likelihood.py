"""What a moment error weighs: one over its variance, per sample, trial and degree of freedom.

Two ways. A *scale*: errors are divided by one number per DOF (its standard deviation or range over the calibration trials, or 1), or per
DOF and trial (its standard deviation there; CEINMS), and the mean is taken over samples and DOFs (Eq. 4 of Hambly 2025). A *noise*:
every trial and DOF has its own standard deviation, and as many independent samples as its errors' autocorrelation leaves (Sokal 1997);
then data and prior are in the same unit, and no weight has to balance them. One refit takes the noise from the errors of the first fit.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from osim_nmscal.calibration.noise_settings import NoiseSettings
from osim_nmscal.calibration.settings import LossSettings
from osim_nmscal.calibration.stacking import StackedTrials

# The loss counts minus twice the log-likelihood times this, so that the weights of penalties keep their meaning whichever way
# moments are weighed.
LIKELIHOOD_UNIT = 2e-3
# Sokal's window: the autocorrelation sum is cut at this many autocorrelation times.
_WINDOW = 5.0
# What a fit has absorbed of the noise, which its errors no longer show. Source: virtual people, share of independent samples per
# fitted direction.
_KEPT = 0.75
_LONGER = 1.3  # of the autocorrelation time, since slow errors are absorbed first
_LEAST_RELATIVE = 0.05  # nobody measures joint moments better than this
_SHORTEST = 0.03  # s


@dataclass(frozen=True)
class MotionNoise:
    """Noise of the moments of motions: a share of each trial's own spread per DOF, and how long errors repeat themselves."""

    relative: Tensor  # (dof,)
    correlation_time: float  # s


def stated_noise(settings: NoiseSettings, dofs: int) -> MotionNoise:
    """Return the noise that the settings state."""
    return MotionNoise(torch.full((dofs,), settings.relative, dtype=torch.float64), settings.correlation_time)


def noise_of_errors(errors: Tensor, trials: StackedTrials, settings: NoiseSettings) -> MotionNoise:
    """Return the noise that the errors of a fit show.

    Args:
        errors: predicted - measured moments, (time, trial, dof), N·m.
        trials: motions.
        settings: floor, and what is taken for a DOF that no trial measured.
    """
    counts = (trials.counted[..., None] & trials.measured).to(errors.dtype)
    scale = _spread(trials, settings.floor / max(settings.relative, _LEAST_RELATIVE))
    shares = errors / scale * counts
    total = counts.sum(dim=(0, 1))
    rms = (shares.square().sum(dim=(0, 1)) / total.clamp_min(1.0)).sqrt()
    relative = torch.where(total > 0, (rms / _KEPT**0.5).clamp_min(_LEAST_RELATIVE), torch.full_like(rms, settings.relative))
    time = autocorrelation_time(shares, trials.counted) * trials.time_step
    return MotionNoise(relative, max(time * _LONGER, _SHORTEST))


def noise_ratio(shown: MotionNoise, stated: MotionNoise, time_step: float) -> float:
    """Return how much less motions tell than their weights say: variance times autocorrelation time, shown over stated."""
    variance = float((shown.relative / stated.relative).square().mean())
    return variance * max(shown.correlation_time, time_step) / max(stated.correlation_time, time_step)


def moment_weight(trials: StackedTrials, loss: LossSettings, noise: NoiseSettings, motion: MotionNoise | None = None) -> Tensor:
    """Return what each moment error is multiplied by before it is squared and summed, (time, trial, dof), 1/(N·m); 0 where none counts.

    Args:
        trials: whose moments are weighed.
        loss: weight and scale of the moments.
        noise: of `moment_scale = "noise"`.
        motion: noise of motions; default: what the settings state.
    """
    counts = (trials.counted[..., None] & trials.measured).to(trials.joint_moment.dtype)
    if loss.moment_scale != "noise":
        per_sample = 1.0 / trials.counted.sum(dim=0).to(counts.dtype)[:, None]
        scale = moment_scale(loss, trials)
        return counts * (per_sample * loss.moment_weight / counts.shape[-1]).sqrt() / scale
    motion = motion or stated_noise(noise, counts.shape[-1])
    deviation = torch.ones_like(trials.joint_moment)
    independent = torch.ones_like(counts[0])  # (trial, dof), samples that count as one
    spread = _spread(trials, noise.floor / max(noise.relative, _LEAST_RELATIVE))
    size = trials.joint_moment.abs()
    still = _still(trials)
    for i, kind in enumerate(trials.kinds):
        samples = float(trials.counted[:, i].sum())
        match kind:
            case "motion":
                deviation[:, i] = motion.relative * spread[i]
                independent[i] = max(1.0, motion.correlation_time / trials.time_step)
            case "passive":
                deviation[:, i] = ((noise.passive_relative * size[:, i]).square() + noise.passive_floor**2).sqrt()
                independent[i] = samples if still[i] else max(1.0, samples / noise.passive_samples)
            case "effort":
                largest = (size[:, i] * counts[:, i]).amax(dim=0)
                deviation[:, i] = ((noise.effort_relative * largest).square() + noise.effort_floor**2).sqrt()
                independent[i] = samples if still[i] else max(1.0, samples / noise.effort_samples)
    return counts * (LIKELIHOOD_UNIT * loss.moment_weight / independent).sqrt() / deviation


def _still(trials: StackedTrials) -> list[bool]:
    """Tell of each trial whether its muscles keep their lengths while it counts: a pose that is held is one measurement."""
    still = []
    for i, counted in enumerate(trials.counted.T):
        lengths = trials.mtu_length[counted, i]
        still.append(bool((lengths == lengths[:1]).all()))
    return still


def prior_unit(loss: LossSettings) -> float:
    """Return what the squared deviations of the prior, in standard deviations, weigh in the loss."""
    return loss.prior_weight * (LIKELIHOOD_UNIT if loss.moment_scale == "noise" else 1.0)


def moment_scale(loss: LossSettings, trials: StackedTrials) -> Tensor:
    """Return what moment errors are divided by, (dof,) or for "trial_sd" (trial, dof), N·m; 1 N·m where a moment is constant or unseen."""
    one = torch.ones((), dtype=trials.joint_moment.dtype)
    if loss.moment_scale == "trial_sd":
        spread = _spread(trials, 0.0)
        return torch.where(trials.measured & (spread > 1e-6), spread, one)
    scales = []
    for dof, measured in enumerate(trials.measured.T):
        values = trials.joint_moment[:, measured, dof][trials.counted[:, measured]]
        if loss.moment_scale == "raw" or len(values) < 2:
            scales.append(one)
            continue
        spread = values.amax() - values.amin() if loss.moment_scale == "range" else values.std()
        scales.append(torch.where(spread > 1e-6, spread, one))
    return torch.stack(scales)


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


def _spread(trials: StackedTrials, floor: float) -> Tensor:
    """Return the standard deviation of each trial's moments with a floor, (trial, dof), N·m."""
    weight = trials.counted.to(trials.joint_moment.dtype)[..., None]
    count = weight.sum(dim=0).clamp_min(2.0)
    mean = (trials.joint_moment * weight).sum(dim=0) / count
    variance = ((trials.joint_moment - mean).square() * weight).sum(dim=0) / (count - 1.0)
    return (variance + floor**2).sqrt()
