"""Excitations that were solved for, against problems whose answer is known."""

import dataclasses

import numpy as np
import pytest
import torch

from osim_nmscal.data.muscles import Muscle, MuscleTable
from osim_nmscal.nms.model import initial_parameters
from osim_nmscal.nms.muscle_models import muscle_mechanics
from osim_nmscal.virtual_subject.motion.drive import factorise, solve_drive
from osim_nmscal.virtual_subject.motion.prescribed import Mechanics


def test_factorisation_recovers_a_product_of_non_negative_factors() -> None:
    random = np.random.default_rng(0)
    left, right = random.random((200, 3)) ** 3, random.random((3, 10)) ** 3
    found_left, found_right = factorise(left @ right, random.random((200, 3)), random.random((3, 10)), 3000)
    # multiplicative updates converge slowly: what matters is the share of the sum of squares that is explained
    assert ((found_left @ found_right - left @ right) ** 2).sum() < 1e-3 * ((left @ right) ** 2).sum()
    assert (found_left >= 0.0).all()
    np.testing.assert_allclose(np.linalg.norm(found_right, axis=1), 1.0)


def test_two_antagonists_learn_to_swing_a_joint() -> None:
    # two equal elastic muscles on a joint that does not move: any moment that changes slowly can be met
    muscle = Muscle(name="a", max_isometric_force=1000.0, optimal_fiber_length=0.1, tendon_slack_length=0.2)
    table = MuscleTable(muscles=(muscle, dataclasses.replace(muscle, name="b")))
    time = np.arange(200) / 100.0
    target = 15.0 * np.sin(2.0 * np.pi * time)[:, None]
    mechanics = Mechanics(
        muscles=table.names,
        dofs=("q",),
        mtu_length=np.full((200, 2), 0.305),
        moment_arm=np.tile([[[0.05, -0.05]]], (200, 1, 1)),
        moment_without_contact=target,
        contact_jacobian=np.zeros((200, 1, 6)),
        contact_origin=np.zeros((200, 3)),
        markers=(),
        marker_positions=np.zeros((200, 0, 3)),
    )
    threads = torch.get_num_threads()
    drive = solve_drive(
        [mechanics],
        [target],
        parameters=initial_parameters(table, c1=-0.4, c2=-0.4, shape_factor=-0.5, electromechanical_delay=0.035),
        muscles=muscle_mechanics(table),
        sharing=np.eye(2),
        dof_weights=(1.0,),
        rate=100.0,
        synergies=2,
        random=np.random.default_rng(0),
    )
    error = (drive.moments[0] - target)[20:-5]
    assert np.sqrt((error**2).mean()) < 0.02 * 30.0
    assert drive.excitation[0].min() > 0.0
    assert drive.excitation[0].max() <= 1.0
    assert drive.synergy_share == pytest.approx(1.0, abs=1e-3)  # two synergies hold two muscles entirely
    assert torch.get_num_threads() == threads
