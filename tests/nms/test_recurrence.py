"""First-order recurrences against the loop that defines them."""

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from osim_nmscal.nms.recurrence import constant_recurrence, linear_recurrence, linear_recurrence_backward


def _random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _loop(factor: Tensor, source: Tensor) -> Tensor:
    x = [source[..., 0, :]]
    for i in range(1, source.shape[-2]):
        x.append(factor[i] * x[-1] + source[..., i, :])
    return torch.stack(x, dim=-2)


@pytest.mark.parametrize("steps", [1, 2, 3, 8, 37, 200])
@pytest.mark.parametrize("size", [0.3, 0.99, 1.02])
def test_forward_is_the_loop(steps: int, size: float) -> None:
    factor, source = size * torch.tanh(5.0 * _random(steps, 4)), _random(3, steps, 4, seed=1)
    assert_close(linear_recurrence(factor, source), _loop(factor, source), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("steps", [1, 2, 3, 8, 37, 200])
def test_backward_is_the_transpose_of_forward(steps: int) -> None:
    factor, source, weight = 0.9 * torch.tanh(_random(steps, 4)), _random(steps, 4, seed=1), _random(steps, 4, seed=2)
    forward = (linear_recurrence(factor, source) * weight).sum()
    backward = (linear_recurrence_backward(factor, weight) * source).sum()
    assert_close(forward, backward, rtol=1e-11, atol=1e-11)


def test_factors_that_die_out_early_cost_no_accuracy() -> None:
    # 1e-3 per sample is negligible after six samples, where the scan stops
    factor, source = torch.full((500, 2), 1e-3, dtype=torch.float64), _random(500, 2)
    assert_close(linear_recurrence(factor, source), _loop(factor, source), rtol=1e-14, atol=1e-15)


def test_the_source_is_left_as_it_was() -> None:
    factor, source = torch.full((20, 2), 0.5, dtype=torch.float64), _random(20, 2)
    before = source.clone()
    linear_recurrence(factor, source)
    assert torch.equal(source, before)


@pytest.mark.parametrize("time_dim", [0, 1])
def test_constant_factors_give_the_loop_along_any_dimension(time_dim: int) -> None:
    factor, source = torch.tensor([0.5, -0.9, 0.999], dtype=torch.float64), _random(60, 3)
    expected = _loop(factor.expand(60, 3), source)
    moved = source if time_dim == 0 else source[None]
    found = constant_recurrence(factor, moved, time_dim=time_dim)
    assert_close(found.reshape(60, 3), expected, rtol=1e-12, atol=1e-12)


def test_gradcheck_of_constant_factors() -> None:
    factor = torch.tensor([0.5, -0.9], dtype=torch.float64, requires_grad=True)
    source = _random(11, 2).requires_grad_()
    assert torch.autograd.gradcheck(lambda f, s: constant_recurrence(f, s, time_dim=0), (factor, source))
