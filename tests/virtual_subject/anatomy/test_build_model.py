"""The two models against published moment arms, and their paths against themselves."""

from pathlib import Path

import numpy as np
import pytest

from osim_nmscal.opensim_tools.run import in_worker
from osim_nmscal.osim_model.reader import read_muscles
from osim_nmscal.virtual_subject.anatomy.arm import ARM
from osim_nmscal.virtual_subject.anatomy.build_model import write_model
from osim_nmscal.virtual_subject.anatomy.facts import Anatomy
from osim_nmscal.virtual_subject.anatomy.leg import LEG
from osim_nmscal.virtual_subject.motion.mechanics import measure
from osim_nmscal.virtual_subject.motion.prescribed import Mechanics, Motion

pytestmark = pytest.mark.opensim

MODELS = Path(__file__).resolve().parents[3] / "models"

# coordinate -> pose of the others (degrees), range swept (degrees)
SWEEPS: dict[str, dict[str, tuple[dict[str, float], tuple[float, float]]]] = {
    "virtual_leg": {
        "ankle_dorsiflexion_r": ({}, (-30.0, 20.0)),
        "knee_flexion_r": ({}, (0.0, 80.0)),
        "hip_flexion_r": ({}, (-20.0, 45.0)),
        "hip_adduction_r": ({}, (-20.0, 20.0)),
    },
    "virtual_arm": {
        "shoulder_elevation_r": ({"elbow_flexion_r": 20.0}, (5.0, 95.0)),
        "shoulder_rotation_r": ({"shoulder_elevation_r": 30.0, "elbow_flexion_r": 90.0}, (-45.0, 45.0)),
        "elbow_flexion_r": ({"shoulder_elevation_r": 12.0}, (5.0, 120.0)),
    },
}

# model, coordinate, muscle, angle (degrees), least and greatest published moment arm (cm), source
PUBLISHED = [
    ("virtual_leg", "ankle_dorsiflexion_r", "soleus_r", 0.0, -5.5, -4.0, "Rugg 1990, Maganaris 1998"),
    ("virtual_leg", "ankle_dorsiflexion_r", "gastrocnemius_medialis_r", -20.0, -6.0, -4.0, "Rugg 1990, Maganaris 1998"),
    ("virtual_leg", "ankle_dorsiflexion_r", "tibialis_anterior_r", 0.0, 3.0, 5.0, "Maganaris 1999"),
    ("virtual_leg", "knee_flexion_r", "vastus_lateralis_r", 20.0, -5.5, -3.5, "Buford 1997, Krevolin 2004"),
    ("virtual_leg", "knee_flexion_r", "rectus_femoris_r", 60.0, -5.0, -3.0, "Buford 1997, Spoor & van Leeuwen 1992"),
    ("virtual_leg", "knee_flexion_r", "semimembranosus_r", 40.0, 2.5, 5.5, "Buford 1997, Spoor & van Leeuwen 1992"),
    ("virtual_leg", "knee_flexion_r", "biceps_femoris_long_r", 40.0, 2.0, 4.5, "Buford 1997"),
    ("virtual_leg", "knee_flexion_r", "gastrocnemius_medialis_r", 10.0, 1.5, 3.0, "Buford 1997"),
    ("virtual_leg", "hip_flexion_r", "psoas_r", 0.0, 2.5, 5.0, "Arnold 2000, Blemker & Delp 2005"),
    ("virtual_leg", "hip_flexion_r", "iliacus_r", 20.0, 2.5, 5.5, "Arnold 2000, Blemker & Delp 2005"),
    ("virtual_leg", "hip_flexion_r", "biceps_femoris_long_r", 10.0, -7.5, -5.0, "Arnold 2000, Visser 1990"),
    ("virtual_leg", "hip_flexion_r", "gluteus_maximus_inferior_r", 0.0, -8.5, -5.0, "Nemeth & Ohlsen 1985"),
    ("virtual_leg", "hip_adduction_r", "gluteus_medius_middle_r", 0.0, -6.5, -3.5, "Dostal 1986"),
    ("virtual_leg", "hip_adduction_r", "adductor_longus_r", 0.0, 5.5, 8.0, "Dostal 1986"),
    ("virtual_arm", "elbow_flexion_r", "biceps_long_r", 90.0, 3.5, 5.5, "Murray 1995"),
    ("virtual_arm", "elbow_flexion_r", "brachialis_r", 90.0, 1.8, 3.5, "Murray 1995"),
    ("virtual_arm", "elbow_flexion_r", "brachioradialis_r", 100.0, 6.0, 9.0, "Murray 1995"),
    ("virtual_arm", "elbow_flexion_r", "triceps_lateral_r", 60.0, -3.0, -1.5, "Murray 1995"),
    ("virtual_arm", "shoulder_elevation_r", "deltoid_middle_r", 60.0, 1.5, 3.5, "Liu 1997, Ackland 2008"),
    ("virtual_arm", "shoulder_elevation_r", "supraspinatus_r", 20.0, 1.0, 3.0, "Liu 1997, Ackland 2008"),
    ("virtual_arm", "shoulder_rotation_r", "infraspinatus_r", 0.0, -3.0, -1.5, "Kuechle 2000, Langenderfer 2006"),
    ("virtual_arm", "shoulder_rotation_r", "subscapularis_r", 0.0, 1.0, 2.8, "Kuechle 2000, Langenderfer 2006"),
]


def _sweep(anatomy: Anatomy, coordinate: str, angles: np.ndarray) -> Motion:
    """Return a coordinate moving through angles (degrees) one per second, all others held."""
    pose = SWEEPS[anatomy.model_name][coordinate][0]
    names = tuple(freedom.name for freedom in anatomy.freedoms)
    values = np.tile([np.radians(pose.get(name, 0.0)) for name in names], (len(angles), 1))
    values[:, names.index(coordinate)] = np.radians(angles)
    return Motion(name=coordinate, time=np.arange(len(angles), dtype=float), coordinates=names, values=values)


@pytest.fixture(scope="module")
def sweeps(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], tuple[np.ndarray, Mechanics]]:
    """Every sweep of both models, half a degree apart."""
    found = {}
    for anatomy in (LEG, ARM):
        ranges = {c: np.arange(low, high + 0.25, 0.5) for c, (_, (low, high)) in SWEEPS[anatomy.model_name].items()}
        motions = tuple(_sweep(anatomy, c, angles) for c, angles in ranges.items())
        model, log = MODELS / f"{anatomy.model_name}.osim", tmp_path_factory.mktemp("log") / "log.txt"
        measured = in_worker(measure, model, motions, tuple(ranges), "", log=log)
        found.update({(anatomy.model_name, c): (ranges[c], one) for c, one in zip(ranges, measured, strict=True)})
    return found


@pytest.mark.parametrize("anatomy", [LEG, ARM], ids=lambda anatomy: anatomy.model_name)
def test_the_committed_model_is_what_the_tables_build(anatomy: Anatomy, tmp_path: Path) -> None:
    built = in_worker(write_model, anatomy, tmp_path / "built.osim", log=tmp_path / "log.txt")
    assert built.read_text() == (MODELS / f"{anatomy.model_name}.osim").read_text()


def test_the_leg_has_thirty_and_the_arm_fifteen_muscles_with_plausible_tendons() -> None:
    for name, least in (("virtual_leg", 30), ("virtual_arm", 15)):
        table = read_muscles(MODELS / f"{name}.osim")
        assert len(table) >= least
        assert {muscle.muscle_class for muscle in table.muscles} == {"Millard2012EquilibriumMuscle"}
        assert (table.values("tendon_slack_length") > 0.05 * table.values("optimal_fiber_length")).all()


@pytest.mark.parametrize(("model", "coordinate", "muscle", "angle", "least", "greatest", "source"), PUBLISHED)
def test_moment_arms_lie_within_published_ranges(
    sweeps: dict[tuple[str, str], tuple[np.ndarray, Mechanics]],
    model: str,
    coordinate: str,
    muscle: str,
    angle: float,
    least: float,
    greatest: float,
    source: str,
) -> None:
    angles, mechanics = sweeps[model, coordinate]
    arm = mechanics.moment_arm[:, mechanics.dofs.index(coordinate), mechanics.muscles.index(muscle)]
    assert least <= 100.0 * np.interp(angle, angles, arm) <= greatest, source


@pytest.mark.parametrize(("model", "coordinate"), [(m, c) for m, found in SWEEPS.items() for c in found])
def test_moment_arms_are_minus_the_slope_of_the_length_and_nothing_jumps(
    sweeps: dict[tuple[str, str], tuple[np.ndarray, Mechanics]], model: str, coordinate: str
) -> None:
    angles, mechanics = sweeps[model, coordinate]
    arm = mechanics.moment_arm[:, mechanics.dofs.index(coordinate)]
    step = np.radians(angles[1] - angles[0])
    slope = (mechanics.mtu_length[2:] - mechanics.mtu_length[:-2]) / (2.0 * step)
    # central differences over 1 degree: 0.1 mm holds the curvature of a path and the kink where it leaves a wrap surface
    np.testing.assert_allclose(arm[1:-1], -slope, atol=2e-4)
    # a jump of a length would show as a slope; of a moment arm, as more than 1 mm in half a degree
    assert np.abs(np.diff(arm, axis=0)).max() < 1e-3
