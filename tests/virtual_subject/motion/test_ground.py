"""The force under the foot against closed forms."""

import numpy as np
import pytest

from osim_nmscal.virtual_subject.motion.ground import net_moments, onto_muscle_moments, plate_forces, towards_published_moments
from osim_nmscal.virtual_subject.motion.prescribed import Contact, Mechanics

MASS, SAMPLES = 70.0, 5
DOFS = ("hip_flexion_r", "knee_flexion_r", "ankle_dorsiflexion_r")
# Forwards of the ankle and above the floor, m, and the sign of its axis.
HINGES = ((0.0, 0.9, 1.0), (0.06, 0.5, -1.0), (0.0, 0.08, 1.0))


@pytest.fixture
def foot() -> tuple[Contact, Mechanics]:
    """A bent leg over a foot: hip, knee and ankle are z hinges at HINGES."""
    force = np.tile([20.0, 700.0, -30.0], (SAMPLES, 1))
    point = np.tile([0.1, 0.0, 0.02], (SAMPLES, 1))
    jacobian = np.zeros((SAMPLES, len(DOFS), 6))
    for row, (forward, height, sign) in enumerate(HINGES):
        jacobian[:, row, 2] = sign  # turning about z, the foot's origin (the ankle) moves on a circle about the hinge
        jacobian[:, row, 3] = sign * (height - 0.08)
        jacobian[:, row, 4] = -sign * forward
    contact = Contact(
        right_force=force,
        left_force=np.zeros_like(force),
        right_point=point,
        left_point=np.zeros_like(point),
        expected_moments=np.tile([-75.0, 25.0, -65.0], (SAMPLES, 1)),
        expected_dofs=DOFS,
        right_load=np.full(SAMPLES, 1.0),
    )
    mechanics = Mechanics(
        muscles=(),
        dofs=DOFS,
        mtu_length=np.zeros((SAMPLES, 0)),
        moment_arm=np.zeros((SAMPLES, len(DOFS), 0)),
        moment_without_contact=np.zeros((SAMPLES, len(DOFS))),
        contact_jacobian=jacobian,
        contact_origin=np.tile([0.0, 0.08, 0.0], (SAMPLES, 1)),
        markers=(),
        marker_positions=np.zeros((SAMPLES, 0, 3)),
    )
    return contact, mechanics


def _published(contact: Contact) -> np.ndarray:
    return np.concatenate([np.zeros_like(contact.right_force), contact.right_force], axis=1)


def test_the_moment_of_a_hinge_is_minus_lever_cross_force(foot: tuple[Contact, Mechanics]) -> None:
    contact, mechanics = foot
    moments = net_moments(_published(contact), contact, mechanics)
    for row, (forward, height, sign) in enumerate(HINGES):
        about_z = (0.1 - forward) * 700.0 - (0.0 - height) * 20.0  # (r x F)_z with r = point - hinge
        np.testing.assert_allclose(moments[:, row], -sign * about_z, rtol=1e-12)


def test_moments_come_nearer_to_published_ones_and_forces_stay_near(foot: tuple[Contact, Mechanics]) -> None:
    contact, mechanics = foot
    before = np.abs(net_moments(_published(contact), contact, mechanics) - contact.expected_moments)
    wrench = towards_published_moments(contact, mechanics, MASS)
    after = np.abs(net_moments(wrench, contact, mechanics) - contact.expected_moments)
    assert after.sum() < before.sum()
    assert np.abs(plate_forces(wrench, contact).force - contact.right_force).max() < 0.15 * 700.0


def test_the_ground_can_take_exactly_what_the_muscles_leave(foot: tuple[Contact, Mechanics]) -> None:
    contact, mechanics = foot
    moments = net_moments(_published(contact), contact, mechanics) + np.array([4.0, -3.0, 2.0])
    wrench = onto_muscle_moments(_published(contact), contact, mechanics, moments, MASS)
    np.testing.assert_allclose(net_moments(wrench, contact, mechanics), moments, atol=1e-9)


def test_a_plate_reports_the_same_wrench(foot: tuple[Contact, Mechanics]) -> None:
    contact, _ = foot
    wrench = _published(contact) + np.array([3.0, 2.0, -5.0, 1.0, 2.0, 3.0])
    plate = plate_forces(wrench, contact)
    torque = np.cross(plate.point - contact.right_point, plate.force) + np.outer(plate.free_moment, [0.0, 1.0, 0.0])
    np.testing.assert_allclose(torque, wrench[:, :3], atol=1e-9)
    assert (plate.point[:, 1] == 0.0).all()
