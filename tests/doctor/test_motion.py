"""Motion: each fault is found, and sound recordings are left in peace."""

import numpy as np
import pytest

from osim_nmscal.data.model import Coordinate
from osim_nmscal.data.time_series import MarkerTrajectories, TimeSeries
from osim_nmscal.doctor.motion import joint_angles, marker_errors, placed_markers, scale_factors, time_holes, vertical_axis

CLOCK = np.arange(0.0, 2.0, 0.01)
KNEE = Coordinate(
    name="knee_angle_r",
    joint="knee_r",
    rotational=True,
    default_value=0.0,
    range=(0.0, np.radians(120)),
    locked=False,
    clamped=True,
)


def _angles(degrees: np.ndarray) -> TimeSeries:
    return TimeSeries(time=CLOCK, labels=("knee_angle_r",), values=np.radians(degrees)[:, None], source="walk.mot")


def _markers(spread: tuple[float, float, float]) -> MarkerTrajectories:
    rng = np.random.default_rng(3)
    cloud = rng.uniform(-0.5, 0.5, (10, 3)) * spread
    cloud[:2] = np.array(spread) * [[-0.5], [0.5]]
    walk = np.linspace(0, 4, len(CLOCK))[:, None, None] * np.array([1.0, 0, 0])
    return MarkerTrajectories(time=CLOCK, markers=tuple(map(str, range(10))), positions=cloud + walk, source="walk.trc")


def test_a_hole_of_a_second_stops_and_names_its_place() -> None:
    (found,) = time_holes(np.delete(CLOCK, np.s_[50:150]), "walk.trc")
    assert found.severity == "stop"
    assert found.kind == "time_hole"
    assert "1.010 s after 0.490 s" in found.text


def test_one_missing_frame_is_a_doubt_and_jitter_is_nothing() -> None:
    (found,) = time_holes(np.delete(CLOCK, 50), "walk.trc")
    assert found.severity == "doubt"
    assert time_holes(CLOCK + np.random.default_rng(0).normal(0, 1e-4, len(CLOCK)), "walk.trc") == ()


@pytest.mark.parametrize(("error", "severity"), [(0.012, None), (0.03, "doubt"), (0.084, "stop")])
def test_marker_errors_are_judged_by_the_norms_of_the_field(error: float, severity: str | None) -> None:
    found = marker_errors(error, 1.5 * error, 0.3, "walk.trc")
    assert [one.severity for one in found] == ([] if severity is None else [severity])


@pytest.mark.parametrize(("error", "severity"), [(0.02, None), (0.03, "doubt"), (0.084, "stop")])
def test_the_static_trial_is_judged_by_its_markers(error: float, severity: str | None) -> None:
    found = placed_markers(error, 1.5 * error, "RASI")
    assert [one.severity for one in found] == ([] if severity is None else [severity])
    assert all("RASI" in one.text for one in found)


def test_a_knee_of_the_other_sign_stops() -> None:
    (found,) = joint_angles(_angles(-30 + 28 * np.sin(6 * CLOCK)), [KNEE])
    assert (found.severity, found.kind) == ("stop", "sign_flipped")


def test_angles_in_the_wrong_unit_are_outside_the_range() -> None:
    (found,) = joint_angles(_angles(57.3 * (30 + 28 * np.sin(6 * CLOCK))), [KNEE])
    assert found.kind == "outside_range"


def test_a_knee_that_rests_on_its_stop_is_told() -> None:
    (found,) = joint_angles(_angles(np.maximum(0.0, 40 * np.sin(6 * CLOCK))), [KNEE])
    assert found.kind == "coordinate_limit"


def test_a_knee_that_over_extends_by_some_degrees_is_sound() -> None:
    assert joint_angles(_angles(25 + 30 * np.sin(6 * CLOCK)), [KNEE]) == ()


def test_a_pelvis_halved_by_coinciding_markers_stops_and_sides_apart_are_doubted() -> None:
    found = scale_factors({"pelvis": (0.49, 1.0, 1.0), "femur_r": (1.0, 1.1, 1.0), "femur_l": (1.0, 1.0, 1.0), "tibia_r": (1, 1, 1)})
    assert [(one.severity, one.about) for one in found] == [("stop", "pelvis"), ("doubt", "femur_r")]


def test_a_person_who_lies_along_z_is_standing_in_other_axes() -> None:
    (found,) = vertical_axis(_markers((0.4, 0.6, 1.7)))
    assert (found.severity, found.kind) == ("stop", "vertical_axis")
    assert "x z -y" in found.text
    assert vertical_axis(_markers((0.4, 1.7, 0.6))) == ()  # though the walk itself is four metres long
