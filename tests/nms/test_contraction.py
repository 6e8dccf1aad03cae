"""The force balance: hand-written partials against autograd and differences, static equilibria against OpenSim."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from nms_cases import EVERY_CLASS, leg_case, shared_muscle, shared_table
from torch import Tensor
from torch.testing import assert_close

from osim_nmscal.data.muscles import MuscleProperties, MuscleTable
from osim_nmscal.nms.contraction import Balance, TendonAndFiber, balance, by_activation, by_mtu_length, by_parameters
from osim_nmscal.nms.fiber_dynamics import solve_trajectory
from osim_nmscal.nms.muscle_models import MuscleMechanics, muscle_mechanics
from osim_nmscal.nms.parameters import tendon_and_fiber

VELOCITY = ("length", "velocity", "activation", "mtu_length")


def _state(properties: MuscleProperties) -> tuple[list[Tensor], TendonAndFiber, MuscleMechanics]:
    """Random states of six muscles around working lengths: length, velocity, activation, MTU length."""
    case = leg_case(properties, steps=5)
    generator = torch.Generator().manual_seed(1)

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(case.mtu_length.shape, generator=generator, dtype=torch.float64)

    p = case.parameters
    length = uniform(0.6, 1.4)
    along = torch.sqrt(length**2 - torch.sin(p.pennation_angle_at_optimal) ** 2)
    mtu = p.tendon_slack_length * (1.0 + uniform(-0.01, 0.06)) + p.optimal_fiber_length * along
    return [length, uniform(-0.9, 0.9), uniform(0.02, 1.0), mtu], p, case.muscle


def _residual(properties: MuscleProperties) -> tuple[Callable[..., Tensor], list[Tensor], Balance, TendonAndFiber, MuscleMechanics]:
    state, parameters, muscle = _state(properties)

    def residual(length: Tensor, velocity: Tensor, activation: Tensor, mtu_length: Tensor, *p: Tensor) -> Tensor:
        # a change of vmax changes the normalized velocity of the same movement
        scaled = velocity * parameters.max_contraction_velocity / p[2]
        return balance(length, scaled, activation, mtu_length, TendonAndFiber(*p), muscle).residual

    return residual, [*state, *parameters], balance(*state, parameters, muscle), parameters, muscle


@pytest.mark.parametrize("properties", EVERY_CLASS)
def test_every_hand_written_partial_is_what_autograd_finds(properties: MuscleProperties) -> None:
    residual, inputs, at, parameters, muscle = _residual(properties)
    inputs = [x.expand(5, 6).clone().requires_grad_() for x in inputs]
    found = torch.autograd.grad(residual(*inputs).sum(), inputs)
    _, velocity, activation, _ = inputs[:4]
    written = [
        at.by_length,
        at.by_velocity,
        by_activation(at, velocity, activation, muscle),
        by_mtu_length(at, parameters),
        *by_parameters(at, velocity, parameters),
    ]
    for automatic, hand in zip(found, written, strict=True):
        # the table's slope and the derivative of its value agree to rounding
        assert_close(hand.detach(), automatic, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("properties", EVERY_CLASS)
def test_gradcheck_of_the_balance(properties: MuscleProperties) -> None:
    residual, inputs, *_ = _residual(properties)
    small = [(x[:1] if x.ndim == 2 else x).clone().requires_grad_() for x in inputs]
    # slopes of the curves reach 30 per unit of length, their curvature 1e3
    assert torch.autograd.gradcheck(residual, small, eps=1e-7, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("properties", EVERY_CLASS)
def test_gradcheck_of_the_pieces_that_outputs_use(properties: MuscleProperties) -> None:
    state, parameters, muscle = _state(properties)

    def pieces(length: Tensor, velocity: Tensor, activation: Tensor, mtu_length: Tensor) -> tuple[Tensor, ...]:
        at = balance(length, velocity, activation, mtu_length, parameters, muscle)
        return at.cosine, at.tendon_strain, at.tendon_force, at.active, at.velocity_multiplier, at.passive

    assert torch.autograd.gradcheck(pieces, [x[:1].clone().requires_grad_() for x in state], eps=1e-7, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    "name",
    [
        "millard_soleus_r",
        "millard_gasmed_r",
        "millard_vaslat_r",
        "millard_addlong_r",
        "millard_glmax1_r",
        "degroote_soleus_r",
        "thelen_soleus_r",
    ],
)
def test_static_equilibria_are_opensims(name: str, opensim_muscle_reference: Path) -> None:
    path = opensim_muscle_reference / f"equilibrium_{name}.csv"
    muscle, table = shared_muscle(path), shared_table(path)
    count = len(table["activation"])
    alone = MuscleTable(muscles=(muscle,))
    mechanics = muscle_mechanics(alone).select(torch.zeros(count, dtype=torch.int64))
    parameters = TendonAndFiber(*(value.expand(count) for value in tendon_and_fiber(alone)))
    # one sample per column: the first sample of a trajectory is its static equilibrium
    solution = solve_trajectory(table["activation"][None], table["mtu_length"][None], parameters, mechanics, 0.01)
    assert solution.solved.all()
    # OpenSim iterates to 1e-8 of the maximum isometric force
    assert_close(solution.length[0], table["fiber_length"] / muscle.optimal_fiber_length, rtol=0.0, atol=1e-7)
    assert_close(solution.at.tendon_force[0], table["tendon_force"] / muscle.max_isometric_force, rtol=0.0, atol=1e-7)
    assert_close(torch.acos(solution.at.cosine[0]), table["pennation"], rtol=0.0, atol=1e-6)
