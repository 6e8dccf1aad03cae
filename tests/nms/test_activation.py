"""Activation dynamics against the recursion and the formula of Hambly (2025), Eq. 1 and 2."""

import math

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from osim_nmscal.nms.activation import activation, bend, delayed, neural_activation

C1 = torch.tensor([-0.5, -0.9, 0.3], dtype=torch.float64)
C2 = torch.tensor([-0.3, -0.95, -0.6], dtype=torch.float64)


def _excitation(steps: int = 120, trials: int = 2) -> Tensor:
    seconds = 0.01 * torch.arange(steps, dtype=torch.float64)[:, None, None]
    phase = torch.rand(trials, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    # a 6 Hz envelope
    return 0.4 + 0.2 * torch.sin(2.0 * math.pi * (1.2 * seconds + phase)) + 0.1 * torch.sin(2.0 * math.pi * (6.0 * seconds + phase))


def test_the_filter_is_the_recursion_of_the_paper() -> None:
    excitation = _excitation()
    beta1, beta2 = C1 + C2, C1 * C2
    alpha = 1.0 + beta1 + beta2
    u = [excitation[0], excitation[0]]  # settled before the first sample
    for e in excitation:
        u.append(alpha * e - beta1 * u[-1] - beta2 * u[-2])
    assert_close(neural_activation(excitation, C1, C2), torch.stack(u[2:]), rtol=1e-12, atol=1e-12)


def test_constant_excitation_reaches_the_same_neural_activation() -> None:
    # Eq. 1 has unit static gain because alpha = 1 + beta1 + beta2
    step = torch.cat([torch.zeros(1, 1, 3), torch.full((1200, 1, 3), 0.6)]).double()
    settled = neural_activation(step, C1, C2)[-1]
    assert_close(settled, step[-1], rtol=0.0, atol=1e-12)  # 0.95**1200 has died out


def test_c1_and_c2_may_change_places() -> None:
    excitation = _excitation()
    assert_close(neural_activation(excitation, C1, C2), neural_activation(excitation, C2, C1), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("straight", [False, True])
def test_activation_is_equation_2(straight: bool) -> None:
    neural = torch.linspace(0.0, 1.0, 11, dtype=torch.float64)[:, None, None].expand(-1, 1, 2)
    shape = torch.tensor([-0.7, -2.9], dtype=torch.float64)
    expected = (torch.exp(shape * neural) - 1.0) / (torch.exp(shape) - 1.0)
    if straight:  # beside a muscle that does not bend
        shape, neural = torch.cat([shape, shape.new_zeros(1)]), neural[..., :1].expand(-1, 1, 3)
        expected = torch.cat([expected, neural[..., :1]], dim=-1)
    assert_close(activation(neural, shape), expected, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("shape", [0.0, -1e-12, -1e-8, -1e-5])
def test_a_vanishing_shape_factor_is_a_straight_line(shape: float) -> None:
    neural = torch.linspace(0.0, 1.0, 11, dtype=torch.float64)[:, None, None]
    # the curve bends by shape / 8 at most
    bent = activation(neural, torch.tensor([shape], dtype=torch.float64))
    assert_close(bent, neural, rtol=0.0, atol=abs(shape) / 8.0 + 1e-15)


@pytest.mark.parametrize("shape", [0.0, -1e-9, -1e-4, -1.001e-3, -0.5, -2.9])
def test_slopes_of_the_bend_are_those_of_mpmath_down_to_a_straight_line(shape: float) -> None:
    # d/du and d/da of (e^(a u) - 1) / (e^a - 1), by central differences in 50 digits; their limits at a = 0
    mpmath = pytest.importorskip("mpmath")
    mpmath.mp.dps = 50
    a, neural = mpmath.mpf(shape), torch.tensor([0.0, 0.1, 0.5, 0.9, 1.0], dtype=torch.float64)

    def exact(u: float, a: object) -> object:
        return u if a == 0 else mpmath.expm1(a * u) / mpmath.expm1(a)

    step = mpmath.mpf(10) ** -15
    bent = bend(neural[:, None, None], torch.tensor([shape], dtype=torch.float64))
    for i, u in enumerate(neural.tolist()):
        by_neural = (exact(u + step, a) - exact(u - step, a)) / (2 * step)
        by_shape = (exact(u, a + step) - exact(u, a - step)) / (2 * step)
        assert float(bent.value[i]) == pytest.approx(float(exact(u, a)), abs=1e-15)
        assert float(bent.by_neural[i]) == pytest.approx(float(by_neural), rel=1e-9)
        assert float(bent.by_shape_factor[i]) == pytest.approx(float(by_shape), abs=1e-9)


def test_gradcheck_of_a_straight_line() -> None:
    neural = torch.rand(6, 1, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()
    shape = torch.tensor([0.0, -1e-5], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(activation, (neural, shape))


def test_zero_and_one_stay_zero_and_one() -> None:
    ends = torch.tensor([0.0, 1.0], dtype=torch.float64)[:, None, None].expand(-1, 1, 3)
    assert_close(activation(ends, torch.tensor([-2.999, -0.5, -1e-3], dtype=torch.float64)), ends, rtol=0.0, atol=1e-15)


@pytest.mark.parametrize("delay", [0.0, 0.01, 0.035, 0.0425, 0.1])
def test_a_delay_of_any_fraction_of_a_sample_shifts_a_smooth_signal(delay: float) -> None:
    seconds = 0.01 * torch.arange(200, dtype=torch.float64)

    def wave(time: Tensor) -> Tensor:
        return (0.5 + 0.3 * torch.sin(2.0 * math.pi * 2.0 * time) + 0.1 * torch.sin(2.0 * math.pi * 6.0 * time))[:, None, None]

    late = delayed(wave(seconds), delay, 0.01)
    # cubic interpolation of 6 Hz at 100 Hz: (2 pi 6 / 100)^3 / 24 * 0.1 is 2e-4
    assert_close(late[20:-3], wave(seconds - delay)[20:-3], rtol=0.0, atol=3e-4)


def test_before_the_delay_has_passed_the_first_sample_is_held() -> None:
    excitation = _excitation()
    late = delayed(excitation, 0.05, 0.01)
    assert_close(late[:5], excitation[:1].expand(5, -1, -1), rtol=0.0, atol=1e-15)


def test_each_muscle_may_have_its_own_delay() -> None:
    excitation = _excitation()
    delays = torch.tensor([0.01, 0.034, 0.08], dtype=torch.float64)
    late = delayed(excitation, delays, 0.01)
    for i, delay in enumerate(delays.tolist()):
        assert_close(late[..., i], delayed(excitation[..., i : i + 1], delay, 0.01)[..., 0], rtol=0.0, atol=1e-15)


def test_parameter_sets_in_front_are_independent() -> None:
    excitation = _excitation()
    c1, c2, shape = torch.stack([C1, C2]), torch.stack([C2, C1 * 0.5]), torch.tensor([[-0.5] * 3, [-2.0] * 3], dtype=torch.float64)
    both = activation(neural_activation(excitation, c1, c2), shape)
    assert both.shape == (2, *excitation.shape)
    for i in range(2):
        assert_close(both[i], activation(neural_activation(excitation, c1[i], c2[i]), shape[i]), rtol=0.0, atol=1e-15)


def test_gradcheck_of_the_whole_activation() -> None:
    excitation = _excitation(steps=12, trials=1).requires_grad_()
    delay = torch.tensor(0.0135, dtype=torch.float64, requires_grad=True)
    shape = torch.tensor([-0.4, -1.5, -2.8], dtype=torch.float64, requires_grad=True)

    def whole(e: Tensor, d: Tensor, c1: Tensor, c2: Tensor, a: Tensor) -> Tensor:
        return activation(neural_activation(delayed(e, d, 0.01), c1, c2), a)

    inputs = (excitation, delay, C1.clone().requires_grad_(), C2.clone().requires_grad_(), shape)
    assert torch.autograd.gradcheck(whole, inputs)
    assert torch.autograd.gradgradcheck(whole, inputs)
