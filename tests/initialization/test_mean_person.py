"""The mean person's relaxed leg is Riener & Edrich's, with the signs of the model at hand."""

import csv
from pathlib import Path

import numpy as np
import pytest

from osim_nmscal.data.model import Coordinate
from osim_nmscal.initialization.mean_person import leg_coordinates, legs_of, mean_person, riener_edrich


def _coordinate(name: str, low: float, high: float, **kwargs: bool) -> Coordinate:
    stated = {"rotational": True, "locked": False, "clamped": False, **kwargs}
    return Coordinate(name=name, joint=name, default_value=0.0, range=(low, high), **stated)


def test_the_equations_give_what_a_pocket_calculator_gives() -> None:
    zero = riener_edrich(np.zeros(1), np.zeros(1), np.zeros(1))[0]
    np.testing.assert_allclose(zero, [8.582, 10.418, -6.387], atol=2e-3)  # sums of exponentials of the constants, three digits


def test_a_knee_that_bends_with_negative_angles_gets_the_same_moments_with_the_other_sign() -> None:
    positive = [_coordinate("hip_flexion_r", -0.5, 2.0), _coordinate("knee_angle_r", -0.1, 2.0), _coordinate("ankle_angle_r", -0.7, 0.5)]
    negative = [*positive[:1], _coordinate("knee_angle_r", -2.1, 0.2), *positive[2:]]
    plus, minus = (mean_person(legs_of(coordinates)["r"]) for coordinates in (positive, negative))
    signs = np.array([1.0, -1.0, 1.0])
    np.testing.assert_allclose(minus.postures, plus.postures * signs)
    np.testing.assert_allclose(minus.moment, plus.moment * signs[plus.about])


def test_a_leg_without_a_free_knee_is_not_compared() -> None:
    coordinates = [_coordinate("hip_flexion_l", -0.5, 2.0), _coordinate("knee_angle_l", 0.0, 2.0, locked=True)]
    coordinates.append(_coordinate("ankle_angle_l", -0.7, 0.5))
    assert leg_coordinates(coordinates, "l") is None


def test_each_sweep_is_a_curve_of_its_own() -> None:
    coordinates = [_coordinate("hip_flexion_r", -0.5, 2.0), _coordinate("knee_angle_r", -0.1, 2.0), _coordinate("ankle_angle_r", -0.7, 0.5)]
    reference = mean_person(legs_of(coordinates)["r"])
    assert reference.curve.max() + 1 == 3 + 5 + 3
    for curve in range(reference.curve.max() + 1):
        rows = reference.curve == curve
        assert len(set(reference.about[rows])) == 1
        moving = reference.about[rows][0]
        assert np.ptp(np.delete(reference.postures[rows], moving, axis=1), axis=0).max() == 0.0


def test_other_people_measured_by_others_agree_within_the_range_of_walking() -> None:
    path = Path(__file__).parents[2].parent / "shared" / "data" / "passive_moments" / "silder2007_digitized.csv"
    if not path.is_file():
        pytest.skip(f"Silder's curves are not here: {path}")
    with path.open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    names = ("hip_flexion", "knee_flexion", "ankle_dorsiflexion")
    angles = np.array([[float(row[f"{name}_deg"]) for name in names] for row in rows])
    about = np.array([names.index(row["joint"]) for row in rows])
    measured = np.array([float(row["passive_moment_Nm"]) for row in rows])
    off = riener_edrich(*angles.T)[np.arange(len(rows)), about] - measured
    walking = (angles <= [40.0, 75.0, 20.0]).all(axis=1)
    rms = [float(np.sqrt((off[walking & (about == joint)] ** 2).mean())) for joint in range(3)]
    # Silder's curves themselves have 6 to 14 N·m RMS there; a coefficient misread tenfold would add as much (1.50 at the knee: 3 to 4)
    assert rms[0] < 5.5
    assert max(rms[1:]) < 2.6
