"""First-order linear recurrences over time, solved in log2(time) batched steps instead of a Python loop.

x_i = A_i x_(i-1) + b_i is combined pairwise (Hillis and Steele's scan): after step k every x_i has absorbed the 2^k
samples before it. Time is dimension -2; the last dimension is muscles or columns (muscle and trial flattened).
"""

import torch
from torch import Tensor

# A factor this small no longer reaches a result of order one in float64.
_NEGLIGIBLE = 1e-18
# Reach from which on it pays to look whether all factors have died out.
_CHECK_FROM = 32


def linear_recurrence(factor: Tensor, source: Tensor) -> Tensor:
    """Solve x_i = factor_i * x_(i-1) + source_i, x_(-1) = 0, forward in time.

    Args:
        factor: (time, column).
        source: (..., time, column).

    Returns:
        x, (..., time, column).
    """
    steps = factor.shape[-2]
    reach = 1
    factor = factor[1:]  # always of the samples from `reach` on; those before it no longer look back
    while reach < steps:
        tail = torch.addcmul(source[..., reach:, :], factor, source[..., :-reach, :])
        source = torch.cat([source[..., :reach, :], tail], dim=-2)
        if 2 * reach < steps:
            factor = factor[reach:] * factor[:-reach]
            if reach >= _CHECK_FROM and float(factor.abs().amax()) <= _NEGLIGIBLE:
                break
        reach *= 2
    return source


def linear_recurrence_backward(factor: Tensor, source: Tensor) -> Tensor:
    """Solve x_i = factor_(i+1) * x_(i+1) + source_i, nothing after the end: the transpose of `linear_recurrence`.

    Args:
        factor: (time, column), as given to the forward recurrence.
        source: (..., time, column).

    Returns:
        x, (..., time, column).
    """
    shifted = torch.cat([factor[1:], torch.zeros_like(factor[:1])])
    return linear_recurrence(shifted.flip(-2), source.flip(-2)).flip(-2)


def constant_recurrence(factor: Tensor, source: Tensor, *, time_dim: int) -> Tensor:
    """Solve x_i = factor * x_(i-1) + source_i with a factor constant in time; differentiable by autograd.

    Args:
        factor: broadcasts against one time slice of source, e.g. (muscle,).
        source: any shape with time at `time_dim`; the first sample starts the recurrence.
        time_dim: dimension of time.

    Returns:
        x, shaped as source.
    """
    steps = source.shape[time_dim]
    reach = 1
    while reach < steps:
        head = source.narrow(time_dim, 0, reach)
        tail = torch.addcmul(source.narrow(time_dim, reach, steps - reach), factor, source.narrow(time_dim, 0, steps - reach))
        source = torch.cat([head, tail], dim=time_dim)
        factor = factor * factor
        if reach >= _CHECK_FROM and float(factor.detach().abs().amax()) <= _NEGLIGIBLE:
            break
        reach *= 2
    return source
