"""The paper's Rosenbrock step against the exact backward-Euler trajectory, and against its own equation."""

import pytest
import torch
from nms_cases import EVERY_CLASS, Case, leg_case
from torch import Tensor
from torch.testing import assert_close

from osim_nmscal.data.muscles import Millard2012Properties, MuscleProperties
from osim_nmscal.nms.contraction import TendonAndFiber, balance
from osim_nmscal.nms.rosenbrock import rosenbrock_trajectory


def _march(case: Case, start: Tensor) -> Tensor:
    return rosenbrock_trajectory(case.activation, case.mtu_length, case.parameters, case.muscle, case.time_step, start)


def _worst(case: Case) -> float:
    exact = case.solve()
    return float((_march(case, exact.length[0]) - exact.length).abs().max())


@pytest.mark.parametrize("properties", EVERY_CLASS)
def test_with_shorter_steps_it_converges_to_the_whole_trajectory(properties: MuscleProperties) -> None:
    # same 0.3 s of movement in ever finer steps; both are first-order, so is their difference
    errors = [_worst(leg_case(properties, steps=31 * n, time_step=0.01 / n)) for n in (4, 8, 16)]
    assert errors[2] < 0.65 * errors[1] < 0.65 * 0.65 * errors[0]
    assert errors[2] < 3e-3


def test_one_step_solves_the_linearised_equation_with_all_its_inputs() -> None:
    # f, linearised in length, velocity, activation and MTU length, is zero after the step
    case = leg_case(Millard2012Properties(), steps=2)
    start = case.solve().length[0]
    state = [start, torch.zeros_like(start), case.activation[0], case.mtu_length[0]]
    lengths = _march(case, start)
    change = lengths[1] - start
    moved = [
        change,
        change / (case.time_step * case.parameters.max_contraction_velocity),
        case.activation[1] - case.activation[0],
        case.mtu_length[1] - case.mtu_length[0],
    ]
    leaves = [x.clone().requires_grad_() for x in state]
    value = balance(leaves[0], leaves[1], leaves[2], leaves[3], case.parameters, case.muscle).residual
    slopes = torch.autograd.grad(value.sum(), leaves)  # columns do not mix
    slope = sum(partial * moved_by for partial, moved_by in zip(slopes, moved, strict=True))
    assert_close(value.detach() + slope, torch.zeros_like(slope), rtol=0.0, atol=1e-9)


def test_a_muscle_at_rest_stays_at_rest() -> None:
    case = leg_case(Millard2012Properties(), steps=30)
    still = Case(case.activation[:1].expand(30, -1), case.mtu_length[:1].expand(30, -1), case.parameters, case.muscle, case.time_step)
    start = still.solve().length[0]
    assert_close(_march(still, start), start.expand(30, -1), rtol=0.0, atol=1e-8)


def test_gradcheck_through_all_steps() -> None:
    case = leg_case(Millard2012Properties(), columns=2, steps=8)
    start = case.solve().length[0]
    inputs = [x.clone().requires_grad_() for x in (case.activation, case.mtu_length, start, *case.parameters)]

    def march(activation: Tensor, mtu_length: Tensor, first: Tensor, *parameters: Tensor) -> Tensor:
        return rosenbrock_trajectory(activation, mtu_length, TendonAndFiber(*parameters), case.muscle, case.time_step, first)

    # second derivatives of the tabulated curves jump at their nodes, so differences are good to 1e-4
    assert torch.autograd.gradcheck(march, inputs, eps=1e-7, atol=1e-4, rtol=1e-3)
