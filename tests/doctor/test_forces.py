"""Forces: swapped plates, forgotten plates, odd contacts, moments no person has."""

from dataclasses import replace

import numpy as np

from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.doctor.forces import (
    AppliedForce,
    Contact,
    far_forces,
    feet_under_forces,
    joint_moments,
    judged,
    odd_contacts,
    other_foot,
    per_body,
    unnamed_plates,
    weight_carried,
)

CLOCK = np.arange(0.0, 1.0, 0.01)


def _foot(x: float, z: float) -> TimeSeries:
    return TimeSeries(time=CLOCK, labels=("x", "y", "z"), values=np.tile([x, 0.03, z], (len(CLOCK), 1)), source="model")


def _force(body: str, x: float, z: float) -> AppliedForce:
    up = 800 * np.sin(np.pi * CLOCK)
    return AppliedForce(
        name="plate1",
        body=body,
        time=CLOCK,
        force=np.stack([0 * up, up, 0 * up], axis=1),
        point=np.tile([x, 0.0, z], (len(CLOCK), 1)),
    )


FEET = {"calcn_r": _foot(0.0, 0.1), "calcn_l": _foot(0.7, -0.1)}


def test_a_force_under_its_own_foot_is_sound() -> None:
    assert feet_under_forces([_force("calcn_r", 0.12, 0.1), _force("calcn_l", 0.8, -0.1)], FEET) == ()


def test_swapped_plates_stop_and_name_the_right_foot() -> None:
    found = feet_under_forces([_force("calcn_l", 0.12, 0.1), _force("calcn_r", 0.8, -0.1)], FEET)
    assert [one.severity for one in found] == ["stop", "stop"]
    assert "let it act on 'calcn_r'" in found[0].text


def test_forces_in_another_frame_stop() -> None:
    (found,) = feet_under_forces([_force("calcn_r", 5.0, 3.0), _force("calcn_l", 0.8, -0.1)], FEET)
    assert "axes, unit and origin" in found.text or "swapped" in found.text


def test_a_step_of_the_other_foot_on_a_plate_is_told_by_its_markers() -> None:
    assert other_foot(_force("calcn_r", 0.12, 0.1), FEET, 0.0, 1.0) == ""
    assert other_foot(_force("calcn_r", 0.8, -0.1), FEET, 0.0, 1.0).startswith("calcn_l stands on it")
    mixed = judged([_contact(i) for i in range(6)] + [replace(_contact(6), odd="calcn_l stands on it")])
    assert [one.odd for one in mixed] == [""] * 6 + ["calcn_l stands on it"]


def test_two_plates_under_one_foot_are_one_force_at_the_centre_of_both() -> None:
    heel, toe = _force("calcn_r", 0.0, 0.1), _force("calcn_r", 0.2, 0.1)
    (both,) = per_body([heel, replace(toe, force=3 * toe.force)])
    np.testing.assert_allclose(both.force, 4 * heel.force)
    np.testing.assert_allclose(both.point[10:90, 0], 0.15)  # three quarters of the force act at the toe
    assert [one.body for one in per_body([heel, _force("calcn_l", 0.8, -0.1)])] == ["calcn_r", "calcn_l"]


def test_a_force_far_from_its_body_in_the_pose_of_the_angles_stops() -> None:
    # as measured on a virtual leg: sound, its knee of the other sign, its hip of the other sign
    found = [far_forces([{"name": "plate", "body": "foot_r", "median": m, "mostly": m}], "walk") for m in (0.07, 0.27, 0.48)]
    assert [[one.severity for one in each] for each in found] == [[], ["stop"], ["stop"]]


def test_a_loaded_plate_that_acts_on_nothing_is_named() -> None:
    (found,) = unnamed_plates({"plate1": 900.0, "plate2": 950.0, "plate3": 40.0}, ["plate1"], "run.c3d")
    assert found.about == "plate2"


def test_moments_of_eleven_newton_metres_per_kg_stop_and_those_of_a_runner_do_not() -> None:
    def moments(peak: float) -> TimeSeries:
        return TimeSeries(time=CLOCK, labels=("ankle_angle_r",), values=70 * peak * np.sin(CLOCK[:, None] * 3), source="id.sto")

    (found,) = joint_moments(moments(-11.0), ["ankle_angle_r"], 70.0)
    assert found.severity == "stop"
    assert joint_moments(moments(-3.7), ["ankle_angle_r"], 70.0) == ()


def test_weight_is_carried_or_said() -> None:
    assert weight_carried(1.008, "run.mot") == ()
    assert weight_carried(0.0, "arm") == ()  # no force is given
    assert weight_carried(0.55, "run.mot")[0].kind == "weight_not_carried"


def _contact(i: int, peak: float = 1600.0, z: float = 0.1) -> Contact:
    return Contact(name=f"run/stance_{i:02}", start=float(i), end=i + 0.25, peak=peak, centre=(0.1 * i, z + 0.01 * (i % 2)))


def test_the_other_foot_on_this_plate_and_a_partial_hit_are_odd() -> None:
    contacts = [*(_contact(i) for i in range(6)), _contact(6, z=-0.2), _contact(7, peak=700.0)]
    marked = judged(contacts)
    assert [contact.odd != "" for contact in marked] == [False] * 6 + [True, True]
    assert len(odd_contacts(marked)) == 2


def test_steady_contacts_are_sound() -> None:
    assert odd_contacts(judged([_contact(i, peak=1600 + 60 * (i % 3)) for i in range(8)])) == ()
