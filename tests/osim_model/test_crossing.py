"""Which muscles cross which joint, told by the file alone."""

from pathlib import Path

from osim_nmscal.osim_model.crossing import read_crossing_muscles

MODELS = Path(__file__).parents[2] / "models"
# A thigh and a shank as OpenSim 3 wrote them: a joint stands in the body that it moves.
OLD = """<?xml version="1.0" encoding="UTF-8"?>
<OpenSimDocument Version="30000"><Model name="old"><BodySet><objects>
<Body name="thigh"><Joint><PinJoint name="hip"><parent_body>ground</parent_body>
<CoordinateSet><objects><Coordinate name="hip_flexion"/></objects></CoordinateSet></PinJoint></Joint></Body>
<Body name="shank"><Joint><PinJoint name="knee"><parent_body>thigh</parent_body>
<CoordinateSet><objects><Coordinate name="knee_flexion"/></objects></CoordinateSet></PinJoint></Joint></Body>
</objects></BodySet><ForceSet><objects><Millard2012EquilibriumMuscle name="vasti"><GeometryPath><PathPointSet><objects>
<PathPoint name="a"><location>0 0 0</location><body>thigh</body></PathPoint>
<PathPoint name="b"><location>0 0 0</location><body>shank</body></PathPoint>
</objects></PathPointSet></GeometryPath></Millard2012EquilibriumMuscle></objects></ForceSet></Model></OpenSimDocument>"""


def test_muscles_of_the_virtual_leg_cross_the_joints_between_their_ends() -> None:
    crossing = read_crossing_muscles(MODELS / "virtual_leg.osim")
    assert {name for name in crossing["ankle_dorsiflexion_r"] if "soleus" in name or "gastroc" in name} == {
        "soleus_r",
        "gastrocnemius_medialis_r",
        "gastrocnemius_lateralis_r",
    }
    assert "soleus_r" not in crossing["knee_flexion_r"]
    assert {"rectus_femoris_r", "gastrocnemius_medialis_r"} <= crossing["knee_flexion_r"]
    assert "rectus_femoris_r" in crossing["hip_flexion_r"]
    assert crossing["pelvis_tilt"] == frozenset()


def test_a_model_of_opensim_3_is_read_as_well(tmp_path: Path) -> None:
    (tmp_path / "old.osim").write_text(OLD, encoding="utf-8")
    assert read_crossing_muscles(tmp_path / "old.osim") == {"hip_flexion": frozenset(), "knee_flexion": frozenset({"vasti"})}


def test_who_moves_the_patella_moves_the_knee(running_data: Path) -> None:
    crossing = read_crossing_muscles(running_data / "generic_unscaled.osim")
    assert {"vaslat_r", "vasmed_r", "vasint_r", "recfem_r"} <= crossing["knee_angle_r"]
