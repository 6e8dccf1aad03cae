"""Muscles, coordinates, masses and markers, against OpenSim and against files that are wrong."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_models import FRAMES, JOINT, OLD_PATH, model_text, muscle_text, old_model_text

from osim_nmscal.data.muscles import Millard2012Properties
from osim_nmscal.errors import FileFormatError, MuscleModelError
from osim_nmscal.osim_model.reader import read_body_mass, read_body_masses, read_coordinates, read_marker_names, read_muscles

THELEN = "Thelen2003Muscle"
MILLARD = "Millard2012EquilibriumMuscle"


AXES = {"1": "1 0 0", "2": "0 1 0", "3": "0 0 1"}


def custom_joint(**moved: tuple[str, str]) -> str:
    """Return a joint of the coordinates a, b, c; `moved` holds (coordinate, function) for each axis that one moves."""
    text = ""
    for axis in (f"{kind}{number}" for kind in ("rotation", "translation") for number in AXES):
        coordinate, function = moved.get(axis, ("", "<Constant><value>0</value></Constant>"))
        text += (
            f'<TransformAxis name="{axis}"><coordinates>{coordinate}</coordinates><axis>{AXES[axis[-1]]}</axis>{function}</TransformAxis>'
        )
    coordinates = "".join(f'<Coordinate name="{name}"/>' for name in "abc")
    return (
        f'<CustomJoint name="j">{FRAMES}<coordinates>{coordinates}</coordinates><SpatialTransform>{text}</SpatialTransform></CustomJoint>'
    )


def test_muscles_come_in_the_files_order_wherever_they_stand(save: Callable[..., Path]) -> None:
    text = model_text(muscle_text(THELEN, "b") + muscle_text(MILLARD, "a"), components=muscle_text(THELEN, "c"))
    assert read_muscles(save(text)).names == ("b", "a", "c")


def test_path_actuators_and_ligaments_are_no_muscles(save: Callable[..., Path]) -> None:
    text = model_text(muscle_text("PathActuator", "p") + muscle_text("Ligament", "l") + muscle_text(THELEN, "m"))
    assert read_muscles(save(text)).names == ("m",)


@pytest.mark.parametrize("muscle_class", ["Schutte1993Muscle_Deprecated", "Delp1990Muscle", "RigidTendonMuscle", "ZajacMuscle"])
def test_an_unknown_class_names_muscle_class_and_the_setting_that_substitutes_one(save: Callable[..., Path], muscle_class: str) -> None:
    path = save(model_text(muscle_text(THELEN, "a") + muscle_text(muscle_class, "soleus_r")), "old.osim")
    with pytest.raises(MuscleModelError) as raised:
        read_muscles(path)
    for part in ("'soleus_r'", "old.osim", muscle_class, f'[model] substitute_muscle_class = "{MILLARD}"'):
        assert part in str(raised.value)


def test_a_substituted_class_keeps_the_common_properties(save: Callable[..., Path]) -> None:
    schutte = muscle_text(
        "Schutte1993Muscle_Deprecated",
        "x",
        "<max_isometric_force>900</max_isometric_force><optimal_fiber_length>0.05</optimal_fiber_length>"
        "<tendon_slack_length>0.25</tendon_slack_length><pennation_angle>0.3</pennation_angle><damping>0.05</damping>",
        OLD_PATH,
    )
    defaults = f"<{MILLARD}><fiber_damping>0.9</fiber_damping></{MILLARD}>"  # of another class: no business of this muscle
    (muscle,) = read_muscles(save(old_model_text(schutte, defaults=defaults)), substitute_muscle_class=MILLARD).muscles
    assert (muscle.max_isometric_force, muscle.optimal_fiber_length, muscle.tendon_slack_length) == (900.0, 0.05, 0.25)
    assert muscle.pennation_angle_at_optimal == 0.3
    assert muscle.properties == Millard2012Properties()


def test_a_substituted_rigid_tendon_stays_rigid(save: Callable[..., Path]) -> None:
    path = save(model_text(muscle_text("RigidTendonMuscle", "x")))
    assert read_muscles(path, substitute_muscle_class=MILLARD).muscles[0].ignore_tendon_compliance


def test_a_misspelt_substitute_is_answered_with_the_nearest_class(save: Callable[..., Path]) -> None:
    with pytest.raises(MuscleModelError, match="Did you mean 'Millard2012EquilibriumMuscle'"):
        read_muscles(save(model_text(muscle_text(THELEN, "x"))), substitute_muscle_class="Millard2012")


def test_a_model_without_muscles_is_an_error_that_says_where_they_may_be(save: Callable[..., Path]) -> None:
    with pytest.raises(MuscleModelError, match="has no muscles"):
        read_muscles(save(model_text()))
    with pytest.raises(MuscleModelError, match=r"kept in forces\.xml"):
        read_muscles(save(model_text().replace("<ForceSet>", '<ForceSet file="forces.xml">')))


@pytest.mark.parametrize("names", [("x", "x"), ("x", "")])
def test_every_muscle_needs_its_own_name(save: Callable[..., Path], names: tuple[str, str]) -> None:
    with pytest.raises(MuscleModelError, match="its own name"):
        read_muscles(save(model_text("".join(muscle_text(THELEN, name) for name in names))))


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        ("<max_isometric_force>12abc</max_isometric_force>", r"'12abc' as max_isometric_force in Thelen2003Muscle 'x' \(line"),
        ("<max_isometric_force>5 6</max_isometric_force>", "one number"),
        ("<max_isometric_force>1_000</max_isometric_force>", "one number"),
        ("<ignore_tendon_compliance>yes</ignore_tendon_compliance>", "true or false"),
    ],
)
def test_a_property_that_is_no_value_is_a_clear_error(save: Callable[..., Path], inside: str, said: str) -> None:
    with pytest.raises(FileFormatError, match=said):
        read_muscles(save(model_text(muscle_text(THELEN, "x", inside))))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_isometric_force", "-1"),
        ("max_isometric_force", "Inf"),
        ("optimal_fiber_length", "0"),
        ("tendon_slack_length", "NaN"),
        ("pennation_angle_at_optimal", "1.6"),
        ("pennation_angle_at_optimal", "-0.1"),
        ("max_contraction_velocity", "0"),
    ],
)
def test_an_impossible_muscle_is_refused_with_name_and_value(save: Callable[..., Path], name: str, value: str) -> None:
    path = save(model_text(muscle_text(THELEN, "soleus_r", f"<{name}>{value}</{name}>")))
    with pytest.raises(MuscleModelError, match=f"'soleus_r'.*{name} = "):
        read_muscles(path)


@pytest.mark.opensim
def test_coordinates_masses_and_markers_of_published_models_are_opensims(
    gait2354_data: Path, running_data: Path, treadmill_data: Path, opensim_says: Callable[..., list[dict[str, Any]]]
) -> None:
    paths = [
        gait2354_data / "OutputReference" / "subject01_simbody.osim",
        running_data / "generic_unscaled.osim",
        treadmill_data / "model" / "gait2392.osim",
    ]
    for path, report in zip(paths, opensim_says(*paths), strict=True):
        found = {
            coordinate.name: {
                "rotational": coordinate.rotational,
                "default_value": coordinate.default_value,
                "range": list(coordinate.range),
                "locked": coordinate.locked,
                "clamped": coordinate.clamped,
            }
            for coordinate in read_coordinates(path)
        }
        assert found == report["coordinates"]
        assert read_body_masses(path) == report["bodies"]
        assert read_body_mass(path) == pytest.approx(sum(report["bodies"].values()), rel=1e-14)  # only the order of adding differs
        assert list(read_marker_names(path)) == report["markers"]


def test_coupled_coordinates_name_what_drives_them(running_data: Path) -> None:
    coupled = {item.name: item.coupled_to for item in read_coordinates(running_data / "generic_unscaled.osim") if item.coupled}
    assert coupled == {"knee_angle_r_beta": ("knee_angle_r",), "knee_angle_l_beta": ("knee_angle_l",)}


def test_a_coupler_that_is_not_enforced_couples_nothing(save: Callable[..., Path]) -> None:
    coupler = (
        '<ConstraintSet><objects><CoordinateCouplerConstraint name="c"><isEnforced>{}</isEnforced>'
        "<independent_coordinate_names> p  r </independent_coordinate_names><dependent_coordinate_name>q</dependent_coordinate_name>"
        "</CoordinateCouplerConstraint></objects></ConstraintSet>"
    )
    assert read_coordinates(save(model_text(more=coupler.format("true"))))[0].coupled_to == ("p", "r")
    assert not read_coordinates(save(model_text(more=coupler.format("false"))))[0].coupled


JOINTS = {
    "SliderJoint": "a",
    "UniversalJoint": "ab",
    "BallJoint": "abc",
    "GimbalJoint": "abc",
    "PlanarJoint": "abc",
    "FreeJoint": "abcdef",
}


def joint_text(joint: str, names: str) -> str:
    """Return a joint with these coordinates, each of its own default value."""
    coordinates = "".join(
        f'<Coordinate name="{name}"><default_value>0.{index + 1}</default_value></Coordinate>' for index, name in enumerate(names)
    )
    return f'<{joint} name="j">{FRAMES}<coordinates>{coordinates}</coordinates></{joint}>'


LINEAR = "<LinearFunction><coefficients>{} 0</coefficients></LinearFunction>"
TWICE = f"<MultiplierFunction><function>{LINEAR.format(1)}</function><scale>2</scale></MultiplierFunction>"
CUSTOM_JOINTS = {
    "slopes of one, minus one and two": custom_joint(
        rotation1=("a", LINEAR.format(1)), rotation2=("b", LINEAR.format(-1)), translation1=("c", LINEAR.format(2))
    ),
    "a rotation that also translates, half": custom_joint(
        rotation1=("a", LINEAR.format(1)),
        rotation2=("b", LINEAR.format(1)),
        translation1=("c", LINEAR.format(1)),
        translation2=("a", LINEAR.format(0.5)),
    ),
    "a rotation that also translates, fully": custom_joint(
        rotation1=("a", LINEAR.format(1)),
        rotation2=("b", LINEAR.format(1)),
        translation1=("c", LINEAR.format(1)),
        translation2=("a", LINEAR.format(1)),
    ),
    "functions in a property and in a function": custom_joint(
        rotation1=("a", f"<function>{LINEAR.format(1)}</function>"), rotation2=("b", TWICE), translation1=("c", LINEAR.format(1))
    ),
}


@pytest.mark.opensim
def test_what_rotates_in_each_kind_of_joint_is_what_opensim_says(
    save: Callable[..., Path], opensim_says: Callable[..., list[dict[str, Any]]]
) -> None:
    joints = {name: joint_text(name, names) for name, names in JOINTS.items()} | CUSTOM_JOINTS | {"PinJoint": JOINT}
    paths = [save(model_text(joints=joint), f"{index}.osim") for index, joint in enumerate(joints.values())]
    for name, path, report in zip(joints, paths, opensim_says(*paths), strict=True):
        assert "error" not in report, (name, report)
        rotational = {coordinate.name: coordinate.rotational for coordinate in read_coordinates(path)}
        assert rotational == {key: value["rotational"] for key, value in report["coordinates"].items()}, name


def test_a_joint_of_unknown_motion_is_an_error(save: Callable[..., Path]) -> None:
    with pytest.raises(FileFormatError, match=r"'q'.*ConstantCurvatureJoint"):
        read_coordinates(save(model_text(joints=JOINT.replace("PinJoint", "ConstantCurvatureJoint"))))


def test_coordinates_in_the_old_place_and_with_default_values_are_read(save: Callable[..., Path]) -> None:
    text = old_model_text(defaults='<Coordinate name="default"><range>-1 2</range><locked>true</locked></Coordinate>')
    (coordinate,) = read_coordinates(save(text))
    assert (coordinate.name, coordinate.joint, coordinate.rotational) == ("q", "j", True)
    assert (coordinate.range, coordinate.locked, coordinate.default_value) == ((-1.0, 2.0), True, 0.0)


@pytest.mark.parametrize("wrong", ["<range>1</range>", "<range>a b</range>", "<default_value>nan</default_value>", "<locked>no</locked>"])
def test_a_coordinate_that_is_no_value_is_a_clear_error(save: Callable[..., Path], wrong: str) -> None:
    joint = JOINT.replace('<Coordinate name="q"/>', f'<Coordinate name="q">{wrong}</Coordinate>')
    with pytest.raises(FileFormatError, match="Coordinate 'q'"):
        read_coordinates(save(model_text(joints=joint)))


def test_a_body_without_mass_is_a_clear_error(save: Callable[..., Path]) -> None:
    path = save(model_text().replace("<mass>1.5</mass>", ""))
    with pytest.raises(FileFormatError, match="mass of Body 'b'"):
        read_body_mass(path)
    assert math.isclose(read_body_mass(save(model_text())), 1.5)
