"""Moment arms that are larger by a factor, and the lengths that go with them."""

from dataclasses import replace

import numpy as np
import torch

from osim_nmscal.data.muscles import Muscle, MuscleTable
from osim_nmscal.nms.model import NmsInputs, simulate
from osim_nmscal.nms.parameters import initial_parameters
from osim_nmscal.nms.path_errors import lengthening, lengths_of_path

REFERENCE = torch.tensor([0.31, 0.32], dtype=torch.float64)


def test_the_slope_of_a_length_by_the_angle_grows_as_the_moment_arm_does() -> None:
    # a pulley of 4 and of 6 cm about one joint: r = -dL/dq
    angle = torch.linspace(-1.0, 1.0, 201, dtype=torch.float64)[:, None]
    arm = torch.tensor([0.04, -0.06], dtype=torch.float64)
    scale = torch.tensor([1.07, 0.9], dtype=torch.float64)
    found = lengths_of_path(REFERENCE - arm * angle, scale, REFERENCE)
    slope = (found[1:] - found[:-1]) / (angle[1:] - angle[:-1])
    torch.testing.assert_close(-slope, (scale * arm).expand_as(slope), rtol=1e-12, atol=0.0)
    torch.testing.assert_close(found[100], REFERENCE, rtol=0.0, atol=1e-15)  # where the path is believed


def test_without_an_error_lengths_are_the_same_to_the_bit() -> None:
    length = torch.rand((20, 2), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert bool((lengths_of_path(length, torch.ones(2, dtype=torch.float64), REFERENCE) == length).all())


def test_gradcheck() -> None:
    length = torch.rand((5, 2), generator=torch.Generator().manual_seed(1), dtype=torch.float64, requires_grad=True)
    scale = torch.tensor([1.1, 0.95], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lengths_of_path, (length, scale, REFERENCE))
    still, one = length.detach(), torch.ones(2, dtype=torch.float64)
    change = torch.autograd.functional.jvp(lambda k: lengths_of_path(still, k, REFERENCE), scale.detach(), one)[1]
    torch.testing.assert_close(change, lengthening(still, REFERENCE))


def test_the_model_with_scaled_arms_is_that_of_a_person_who_has_them() -> None:
    names = ("extensor", "flexor")
    muscles = [Muscle(name=name, max_isometric_force=2000.0, optimal_fiber_length=0.1, tendon_slack_length=0.2) for name in names]
    table = MuscleTable(muscles=tuple(muscles))
    start = initial_parameters(table, c1=-0.5, c2=-0.5, shape_factor=-1.0, electromechanical_delay=0.0)
    time = np.arange(0.0, 0.6, 0.01)
    angle = torch.from_numpy(0.5 * np.sin(6.0 * time))[:, None, None]
    arm = torch.tensor([0.04, -0.05], dtype=torch.float64)
    excitation = torch.full((len(time), 1, 2), 0.4, dtype=torch.float64)
    scales = torch.tensor([[1.1, 0.9], [0.95, 1.0]], dtype=torch.float64)

    def moment(own: torch.Tensor, parameters: object) -> torch.Tensor:
        arms = own.expand(len(time), 1, 1, 2)
        inputs = NmsInputs(excitation=excitation, mtu_length=REFERENCE - own * angle, moment_arm=arms, time_step=0.01)
        return simulate(inputs, parameters, table).joint_moment  # type: ignore[arg-type]

    sets = replace(start, moment_arm_scale=scales, reference_mtu_length=REFERENCE)
    found = moment(arm, sets)
    for scale, one in zip(scales, found, strict=True):
        torch.testing.assert_close(one, moment(scale * arm, start), rtol=1e-9, atol=1e-9)
