"""Activation dynamics: from muscle excitation to activation.

Eq. 1 and 2 of Hambly et al. (2025). Both act on each muscle alone, so any leading axes are allowed; axes end in
(time, trial, muscle). Departures: Eq. 1 is written as two first-order filters in series, (1 + C1)/(1 + C1/z) and
(1 + C2)/(1 + C2/z), which is the same filter; it starts settled at the first sample instead of at zero; Eq. 2 is
evaluated with expm1, and as its series near a shape factor of zero, so that its slopes stay exact there, too; the delay
may be any fraction of a sample and be differentiated.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from osim_nmscal.nms.recurrence import constant_recurrence

# Axis of time in (..., time, trial, muscle).
TIME = -3
# Below this size of A four terms of Eq. 2's series are exact to rounding, and its closed form loses digits.
_SERIES_BELOW = 1e-3


def delayed(excitation: Tensor, delay: Tensor | float, time_step: float) -> Tensor:
    """Shift an excitation later by the electromechanical delay, holding its first sample before that.

    Cubic (Catmull-Rom) interpolation between samples: for a 6 Hz envelope at 100 Hz its error is below 1e-4.

    Args:
        excitation: (..., time, trial, muscle), 0 to 1.
        delay: s, one number or any shape that broadcasts against one sample (trial, muscle); may be differentiated.
        time_step: s.

    Returns:
        (..., time, trial, muscle).
    """
    shift = torch.as_tensor(delay, dtype=excitation.dtype, device=excitation.device) / time_step
    if shift.ndim > 0:
        parts = [delayed(excitation[..., i : i + 1], shift[..., i] * time_step, time_step) for i in range(excitation.shape[-1])]
        return torch.cat(parts, dim=-1)
    whole = int(torch.floor(shift.detach()))
    part = shift - whole  # 0 to 1 of a sample earlier than the sample `whole` steps back
    after, here, before, earlier = (_shifted(excitation, whole + k) for k in (-1, 0, 1, 2))
    # Catmull-Rom from `here` (part 0) to `before` (part 1): the weights of the four samples
    rest = 1.0 - part
    of_after, of_earlier = -0.5 * part * rest * rest, -0.5 * part * part * rest
    of_here = 1.0 - part * part * (2.5 - 1.5 * part)
    of_before = part * (0.5 + part * (2.0 - 1.5 * part))
    ends = torch.addcmul(of_after * after, of_earlier, earlier)
    return torch.addcmul(torch.addcmul(ends, of_here, here), of_before, before)


def _shifted(signal: Tensor, samples: int) -> Tensor:
    """Return the signal `samples` later (negative: earlier), holding the end samples."""
    steps = signal.shape[TIME]
    index = (torch.arange(steps, device=signal.device) - samples).clamp(0, steps - 1)
    return signal.index_select(signal.ndim + TIME, index)


def neural_activation(excitation: Tensor, c1: Tensor, c2: Tensor) -> Tensor:
    """Filter an excitation by the critically damped second-order recursion of Eq. 1.

    Args:
        excitation: (..., time, trial, muscle), 0 to 1, already delayed.
        c1, c2: (..., muscle) or broadcastable, in (-1, 1); they belong to the sampling step of the excitation.

    Returns:
        neural activation, (..., time, trial, muscle).
    """
    return first_order(first_order(excitation, _as_sample(c1)), _as_sample(c2))


def activation(neural: Tensor, shape_factor: Tensor) -> Tensor:
    """Bend the neural activation by Eq. 2.

    Args:
        neural: (..., time, trial, muscle).
        shape_factor: (..., muscle), in (-3, 0); 0 is allowed and means a straight line.

    Returns:
        activation, (..., time, trial, muscle).
    """
    a = _as_sample(shape_factor)
    nearly_straight = a.abs() < _SERIES_BELOW
    if not bool(nearly_straight.any()):
        return torch.expm1(a * neural) / torch.expm1(a)
    safe = torch.where(nearly_straight, torch.full_like(a, -1.0), a)
    return torch.where(nearly_straight, _series(neural, a), torch.expm1(safe * neural) / torch.expm1(safe))


class Bend(NamedTuple):
    """Eq. 2 and its slopes at the same neural activation."""

    value: Tensor  # activation
    by_neural: Tensor  # d activation / d neural activation
    by_shape_factor: Tensor  # d activation / d shape factor


def bend(neural: Tensor, shape_factor: Tensor) -> Bend:
    """Bend the neural activation by Eq. 2, with both slopes in closed form; arguments as of `activation`."""
    a = _as_sample(shape_factor)
    nearly_straight = a.abs() < _SERIES_BELOW
    safe = torch.where(nearly_straight, torch.full_like(a, -1.0), a)
    grown, full = torch.expm1(safe * neural), torch.expm1(safe)
    closed = Bend(grown / full, safe * (grown + 1.0) / full, (neural * (grown + 1.0) * full - grown * (full + 1.0)) / full**2)
    if not bool(nearly_straight.any()):
        return closed
    u, b = neural, neural * (neural - 1.0)
    series = Bend(
        _series(u, a),
        1.0 + a * ((2.0 * u - 1.0) / 2.0 + a * ((6.0 * b + 1.0) / 12.0 + a * b * (2.0 * u - 1.0) / 12.0)),
        b * (0.5 + a * ((2.0 * u - 1.0) / 6.0 + a * b / 8.0)),
    )
    return Bend(*(torch.where(nearly_straight, near, far) for near, far in zip(series, closed, strict=True)))


def _series(u: Tensor, a: Tensor) -> Tensor:
    """Eq. 2 near a = 0: the sum over n of (B_n(u) - B_n) a^(n-1) / n!, with B_n the Bernoulli polynomials, up to a^3."""
    b = u * (u - 1.0)
    return u + a * b * (0.5 + a * ((2.0 * u - 1.0) / 12.0 + a * b / 24.0))


def first_order(signal: Tensor, c: Tensor) -> Tensor:
    """Filter by w_i = (1 + c) * e_i - c * w_(i-1), started settled; c (..., 1, 1, muscle) in (-1, 1)."""
    head = signal.narrow(TIME, 0, 1)
    tail = (1.0 + c) * signal.narrow(TIME, 1, signal.shape[TIME] - 1)
    head = torch.broadcast_tensors(head, tail.narrow(TIME, 0, 1))[0]
    return constant_recurrence(-c, torch.cat([head, tail], dim=TIME), time_dim=TIME)


def _as_sample(parameter: Tensor) -> Tensor:
    """View a (..., muscle) parameter as (..., 1, 1, muscle), so that parameter sets stay in front of time."""
    return parameter if parameter.ndim <= 1 else parameter[..., None, None, :]
