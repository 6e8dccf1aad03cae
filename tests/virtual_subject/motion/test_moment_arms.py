"""Other moment arms against what makes a moment arm: minus the slope of the length."""

import numpy as np

from osim_nmscal.virtual_subject.motion.moment_arms import with_moment_arms
from osim_nmscal.virtual_subject.motion.prescribed import Mechanics


def test_lengths_and_moment_arms_stay_consistent_and_the_reference_pose_keeps_its_length() -> None:
    angle = np.linspace(-1.0, 1.0, 401)
    length = 0.3 - 0.04 * np.sin(angle) + 0.005 * angle**2  # reference pose at zero
    arm = 0.04 * np.cos(angle) - 0.01 * angle  # -dL/dq
    still = np.zeros((401, 1))
    mechanics = Mechanics(
        muscles=("a",),
        dofs=("q",),
        mtu_length=length[:, None],
        moment_arm=arm[:, None, None],
        moment_without_contact=still,
        contact_jacobian=np.zeros((401, 1, 6)),
        contact_origin=np.zeros((401, 3)),
        markers=(),
        marker_positions=np.zeros((401, 0, 3)),
    )
    other = with_moment_arms(mechanics, np.array([1.1]), np.array([0.3]))
    slope = -np.gradient(other.mtu_length[:, 0], angle)
    # central differences of a smooth curve: error step^2 / 6 * third derivative < 1e-6
    np.testing.assert_allclose(slope[1:-1], other.moment_arm[1:-1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(other.moment_arm, 1.1 * mechanics.moment_arm)
    assert other.mtu_length[200, 0] == 0.3
