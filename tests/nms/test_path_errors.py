"""Moment arms that are larger by a factor, and the lengths that go with them."""

import torch

from osim_nmscal.nms.parameters import NMS_PARAMETERS, NmsParameters
from osim_nmscal.nms.path_errors import lengthening, lengths_of_path

REFERENCE = torch.tensor([0.31, 0.42], dtype=torch.float64)


def parameters(scale: torch.Tensor) -> NmsParameters:
    others = dict.fromkeys(NMS_PARAMETERS, torch.ones((), dtype=torch.float64))
    return NmsParameters(**others | {"moment_arm_scale": scale, "reference_mtu_length": REFERENCE})


def test_the_slope_of_a_length_by_the_angle_grows_as_the_moment_arm_does() -> None:
    # a pulley of 4 and of 6 cm about one joint: r = -dL/dq
    angle = torch.linspace(-1.0, 1.0, 201, dtype=torch.float64)[:, None]
    arm = torch.tensor([0.04, -0.06], dtype=torch.float64)
    scale = torch.tensor([1.07, 0.9], dtype=torch.float64)
    found = lengths_of_path(REFERENCE - arm * angle, parameters(scale))
    slope = (found[1:] - found[:-1]) / (angle[1:] - angle[:-1])
    torch.testing.assert_close(-slope, (scale * arm).expand_as(slope), rtol=1e-12, atol=0.0)
    torch.testing.assert_close(found[100], REFERENCE, rtol=0.0, atol=1e-15)  # where the path is believed


def test_without_an_error_lengths_are_the_same_to_the_bit() -> None:
    length = torch.rand((20, 2), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert bool((lengths_of_path(length, parameters(torch.ones(2, dtype=torch.float64))) == length).all())


def test_gradcheck() -> None:
    length = torch.rand((5, 2), generator=torch.Generator().manual_seed(1), dtype=torch.float64, requires_grad=True)
    scale = torch.tensor([1.1, 0.95], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda L, k: lengths_of_path(L, parameters(k)), (length, scale))
    still, one = length.detach(), torch.ones(2, dtype=torch.float64)
    change = torch.autograd.functional.jvp(lambda k: lengths_of_path(still, parameters(k)), scale.detach(), one)[1]
    torch.testing.assert_close(change, lengthening(still, parameters(scale.detach())))
