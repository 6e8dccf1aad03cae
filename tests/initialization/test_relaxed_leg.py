"""A calibrated leg that left the mean person is told."""

from dataclasses import replace

import numpy as np
from resting_cases import GEOMETRY, LEG, MUSCLES, REFERENCE

from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.passive_joint_moment import relaxed_joints
from osim_nmscal.initialization.relaxed_leg import relaxed_leg, relaxed_leg_findings
from osim_nmscal.nms.passive_joint_moment import joint_moment_of


def test_tighter_calves_are_told_at_the_ankle_alone() -> None:
    tight = MuscleTable(
        muscles=tuple(
            replace(muscle, tendon_slack_length=0.96 * muscle.tendon_slack_length) if muscle.name == "soleus_r" else muscle
            for muscle in MUSCLES.muscles
        )
    )
    start, calibrated = (relaxed_leg(table, GEOMETRY, REFERENCE) for table in (MUSCLES, tight))
    (finding,) = relaxed_leg_findings(start, calibrated, LEG.names, "the reference")
    assert finding.kind == "relaxed_leg"
    assert "ankle_angle_r" in finding.text
    assert "hip_flexion_r" not in finding.text
    assert relaxed_leg_findings(start, calibrated, ("hip_flexion_r",), "the reference") == ()
    assert relaxed_leg_findings(start, start, LEG.names, "the reference") == ()


def test_the_distance_of_the_reference_from_itself_is_none() -> None:
    own = replace(REFERENCE, moment=relaxed_leg(MUSCLES, GEOMETRY, REFERENCE).moment)
    np.testing.assert_allclose(relaxed_leg(MUSCLES, GEOMETRY, own).rms, 0.0, atol=1e-9)


def test_ligaments_do_their_part_about_their_own_joints() -> None:
    ligaments = relaxed_joints(("wrist", "ankle_angle_r"))
    own = REFERENCE.rows("ankle_angle_r")
    column = REFERENCE.coordinates.index("ankle_angle_r")
    angles = np.column_stack([np.full(own.sum(), 0.3), REFERENCE.postures[own, column]])
    more = np.zeros(len(own))
    more[own] = joint_moment_of(ligaments, angles)[:, 1]
    helped = replace(REFERENCE, moment=relaxed_leg(MUSCLES, GEOMETRY, REFERENCE).moment + more)
    assert np.abs(more).max() > 1.0
    np.testing.assert_allclose(relaxed_leg(MUSCLES, GEOMETRY, helped, ligaments).rms, 0.0, atol=1e-9)
