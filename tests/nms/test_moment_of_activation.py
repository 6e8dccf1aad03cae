"""Moments as a function of activation alone, against the whole model and its autograd."""

import math

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from osim_nmscal.data.muscles import DeGrooteFregly2016Properties, Millard2012Properties, Muscle, MuscleTable, Thelen2003Properties
from osim_nmscal.nms.model import NmsInputs, contract, initial_parameters
from osim_nmscal.nms.moment_of_activation import MomentOfActivation
from osim_nmscal.nms.muscle_models import muscle_mechanics

KINDS = (Millard2012Properties(), Thelen2003Properties(), DeGrooteFregly2016Properties(), Millard2012Properties())


def _table(rigid: tuple[bool, ...]) -> MuscleTable:
    return MuscleTable(
        muscles=tuple(
            Muscle(
                name=f"muscle_{i}",
                max_isometric_force=1000.0 + 500.0 * i,
                optimal_fiber_length=0.07,
                tendon_slack_length=0.15,
                pennation_angle_at_optimal=0.1 * i,
                properties=kind,
                ignore_tendon_compliance=stiff,
            )
            for i, (kind, stiff) in enumerate(zip(KINDS, rigid, strict=True))
        )
    )


def _seconds(steps: int) -> Tensor:
    return 0.01 * torch.arange(steps, dtype=torch.float64)[:, None, None]


@pytest.mark.parametrize("rigid", [(False,) * 4, (True,) * 4, (True, False, False, True)])
def test_moments_and_their_gradient_are_those_of_the_whole_model_also_after_a_step(rigid):
    table, random = _table(rigid), torch.Generator().manual_seed(3)
    muscles = muscle_mechanics(table)
    parameters = initial_parameters(table, c1=-0.5, c2=-0.5, shape_factor=-1.0, electromechanical_delay=0.03)
    phase = torch.rand(2, 4, generator=random, dtype=torch.float64)
    length = 0.2225 + 0.01 * torch.sin(2 * math.pi * (_seconds(40) + phase))
    arm = 0.05 * (torch.rand(40, 2, 3, 4, generator=random, dtype=torch.float64) - 0.5)
    quick = MomentOfActivation(muscles, parameters, length, arm, 0.01)
    for level in (0.3, 0.35):  # the second evaluation starts from what the first leads it to expect
        activation = (level + 0.2 * torch.sin(9 * _seconds(40) + 6 * phase)).requires_grad_()
        given = NmsInputs(excitation=activation, mtu_length=length, moment_arm=arm, time_step=0.01)
        whole = contract(activation, given, parameters, muscles).joint_moment
        moments = quick(activation)
        weight = torch.randn(moments.shape, generator=random, dtype=torch.float64)
        (wanted,), (found,) = (torch.autograd.grad((one * weight).sum(), activation) for one in (whole, moments))
        # Both solve the fibers to 1e-10 of the maximum isometric force, up to 2,500 N at 25 mm.
        assert_close(moments, whole, rtol=0.0, atol=2e-8)
        assert_close(found, wanted, rtol=1e-7, atol=1e-7)
