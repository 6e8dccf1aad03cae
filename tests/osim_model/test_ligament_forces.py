"""Ligaments in a copy of a model: nothing else changes, and OpenSim computes the same moments."""

from pathlib import Path

import numpy as np
import pytest

from osim_nmscal.data.passive_joint_moment import ligaments_of
from osim_nmscal.errors import UnknownNameError, WriteBackError
from osim_nmscal.nms.passive_joint_moment import joint_moment_of
from osim_nmscal.osim_model.ligament_forces import write_with_ligaments
from osim_nmscal.osim_model.reader import read_muscles

LEG = Path(__file__).parents[2] / "models" / "virtual_leg.osim"
DOFS = ("hip_flexion_r", "knee_flexion_r", "ankle_dorsiflexion_r", "pelvis_tilt")


def test_forces_are_added_and_no_other_byte_changes(tmp_path: Path) -> None:
    written = write_with_ligaments(LEG, tmp_path / "new" / "leg.osim", ligaments_of(DOFS))
    before, after = LEG.read_bytes(), written.read_bytes()
    kept = next(i for i in range(len(before)) if before[i] != after[i])
    assert before[:kept] + after[kept : kept + len(after) - len(before)] + before[kept:] == after
    assert after.count(b"<ExpressionBasedCoordinateForce ") == 3  # nothing is known of a pelvis
    assert read_muscles(written) == read_muscles(LEG)


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WriteBackError, match="would overwrite its source"):
        write_with_ligaments(LEG, LEG, ligaments_of(DOFS))
    with pytest.raises(UnknownNameError, match="no coordinate 'knee_angle_r'"):
        write_with_ligaments(LEG, tmp_path / "leg.osim", ligaments_of(("knee_angle_r",)))
    once = write_with_ligaments(LEG, tmp_path / "once.osim", ligaments_of(DOFS))
    with pytest.raises(WriteBackError, match="ligaments_ankle_dorsiflexion_r, ligaments_hip_flexion_r"):
        write_with_ligaments(once, tmp_path / "twice.osim", ligaments_of(DOFS))
    bare = tmp_path / "bare.osim"
    bare.write_text('<OpenSimDocument Version="40600"><Model name="m"></Model></OpenSimDocument>')
    with pytest.raises(WriteBackError, match=r"bare\.osim has no forces"):
        write_with_ligaments(bare, tmp_path / "leg.osim", ligaments_of(()))


@pytest.mark.opensim
def test_opensim_reads_them_and_computes_the_same_moments(tmp_path: Path) -> None:
    opensim = pytest.importorskip("opensim")
    stated = ligaments_of(DOFS)
    model = opensim.Model(str(write_with_ligaments(LEG, tmp_path / "leg.osim", stated)))
    state = model.initSystem()
    for angles in ([-0.9, -0.4, -0.9, 0.0], [-0.5, -0.1, 0.3, 0.1], [2.0, 2.3, 0.6, 0.0], [2.5, 2.9, 0.9, 0.0]):  # tangents at both ends
        for dof, angle in zip(DOFS, angles, strict=True):
            model.getCoordinateSet().get(dof).setValue(state, angle, False)
        model.realizeDynamics(state)
        expected = joint_moment_of(stated, np.array([angles]))[0]
        for dof, moment in zip(DOFS[:3], expected, strict=False):
            force = opensim.ExpressionBasedCoordinateForce.safeDownCast(model.getForceSet().get(f"ligaments_{dof}"))
            assert force.calcExpressionForce(state) == pytest.approx(moment, rel=1e-12)
