"""Ligaments and capsule push back from both ends of a joint's range."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from osim_nmscal.data.passive_joint_moment import PassiveJointMoment, ligaments_of
from osim_nmscal.errors import UnknownNameError
from osim_nmscal.nms.passive_joint_moment import joint_moment_parameters, passive_joint_moment

LEGS = ("hip_flexion_r", "knee_angle_r", "ankle_angle_l", "elbow_flexion_r")


def _moment(angles: list[list[float]], stated: PassiveJointMoment) -> np.ndarray:
    return passive_joint_moment(torch.tensor(angles, dtype=torch.float64), joint_moment_parameters(stated)).numpy()


def test_at_an_end_the_stated_moment_pushes_back_and_in_between_there_is_none() -> None:
    stated = ligaments_of(LEGS)
    low, high = _moment([stated.low_angle.tolist(), stated.high_angle.tolist()], stated)
    np.testing.assert_allclose(low, stated.low_moment, rtol=1e-3, atol=1e-3)  # the other end's exponential is far away
    np.testing.assert_allclose(high, -stated.high_moment, rtol=1e-3, atol=1e-3)
    assert np.abs(_moment([[0.3, 0.8, 0.0, 1.0]], stated)).max() < 0.1  # N·m, within walking
    assert (low[3], high[3]) == (0.0, 0.0)  # nothing is known of an elbow


def test_a_knee_that_bends_the_other_way_gets_the_mirrored_moment() -> None:
    stated = ligaments_of(("knee_angle_r",))
    angles = [[-0.2], [1.0], [2.5]]
    mirrored = _moment([[-angle for (angle,) in [one]] for one in angles], stated.mirrored("knee_angle_r"))
    np.testing.assert_allclose(mirrored, -_moment(angles, stated))


def test_names_of_other_models_get_the_same_moments() -> None:
    own = ligaments_of(("knee_flexion_r", "ankle_dorsiflexion_l"))
    assert replace(own, dofs=("knee_angle_r", "ankle_angle_l")) == ligaments_of(("knee_angle_r", "ankle_angle_l"))
    chosen = ligaments_of(LEGS).select(("ankle_angle_l", "knee_angle_r"))
    assert chosen == ligaments_of(("ankle_angle_l", "knee_angle_r"))
    with pytest.raises(UnknownNameError, match=r"no degree of freedom 'knee_angle'\. Did you mean 'knee_angle_r'"):
        chosen.select(("knee_angle",))


def test_it_is_differentiable_and_never_overflows() -> None:
    parameters = tuple(one.clone().requires_grad_() for one in joint_moment_parameters(ligaments_of(LEGS)))
    angle = torch.tensor([[-0.9, 0.1, 0.6, 0.0], [0.2, 2.6, -0.8, 0.1]], dtype=torch.float64, requires_grad=True)
    kind = type(joint_moment_parameters(ligaments_of(LEGS)))
    assert torch.autograd.gradcheck(lambda a, *p: passive_joint_moment(a, kind(*p)), (angle, *parameters))
    assert np.isfinite(_moment([[50.0] * 4], ligaments_of(LEGS))).all()
