"""A model's tree against OpenSim's own forward kinematics; what it cannot hold is refused by name."""

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from one_joint_models import COORDINATES, FUNCTIONS, OF_TWO, STEP, custom_joint_text, joint_text, two_body_model

from osim_nmscal.errors import UncoveredModelError
from osim_nmscal.kinematics.forward import marker_jacobian, marker_positions
from osim_nmscal.kinematics.tree import KinematicTree
from osim_nmscal.opensim_tools.kinematic_tree import ELEMENTARY, kinematic_tree
from osim_nmscal.opensim_tools.model_access import coordinates_of, open_model
from osim_nmscal.opensim_tools.run import in_worker

pytestmark = pytest.mark.opensim
MODELS = Path(__file__).parents[2] / "models"
PRESCRIBED = "<prescribed>true</prescribed><prescribed_function><Constant><value>0.2</value></Constant></prescribed_function>"
COUPLER = (
    '<CoordinateCouplerConstraint name="both"><coupled_coordinates_function>{function}</coupled_coordinates_function>'
    "<independent_coordinate_names>hip</independent_coordinate_names><dependent_coordinate_name>a</dependent_coordinate_name>"
    "<scale_factor>0.5</scale_factor></CoordinateCouplerConstraint>"
)


def read(path: Path, postures: int) -> tuple[KinematicTree, tuple[np.ndarray, np.ndarray]]:
    """Runs in a worker: the tree, random postures and where OpenSim has the markers in them."""
    model = open_model(path)
    state = model.initSystem()
    coordinates = coordinates_of(model)
    tree = kinematic_tree(model, coordinates)
    values = np.array(coordinates.defaults) + np.random.default_rng(0).uniform(-1.4, 1.4, (postures, len(coordinates.names)))
    places = np.empty((postures, len(tree.markers), 3))
    handles = [model.getCoordinateSet().get(name) for name in coordinates.names]
    for row, posture in enumerate(values.tolist()):
        for handle, value in zip(handles, posture, strict=True):
            handle.setLocked(state, False)
            handle.setValue(state, value, False)
        model.realizePosition(state)
        for n, name in enumerate(tree.markers):
            place = model.getMarkerSet().get(name).getLocationInGround(state)
            places[row, n] = [place.get(i) for i in range(3)]
    return tree, (values, places)


def read_all(paths: list[Path]) -> list[tuple[KinematicTree, tuple[np.ndarray, np.ndarray]]]:
    return [read(path, 12) for path in paths]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> dict[str, tuple[KinematicTree, tuple[np.ndarray, np.ndarray]]]:
    """Every hand-made model, all in one worker."""
    folder = tmp_path_factory.mktemp("models")
    texts = {f"joint {kind}": two_body_model(joint_text(kind)) for kind in ELEMENTARY}
    for kind, function in FUNCTIONS.items():
        functions = {"rotation1": function, "translation2": function, "rotation3": FUNCTIONS["LinearFunction"]}
        texts[f"function {kind}"] = two_body_model(custom_joint_text(functions))
    for kind, function in OF_TWO.items():
        functions = {"rotation2": function, "translation1": function}
        texts[f"of two {kind}"] = two_body_model(custom_joint_text(functions, ("a", "b"), "a b"))
    texts["coupler"] = two_body_model(joint_text("PinJoint"), COUPLER.format(function=FUNCTIONS["PolynomialFunction"]))
    paths = [folder / f"{name.replace(' ', '_')}.osim" for name in texts]
    for path, text in zip(paths, texts.values(), strict=True):
        path.write_text(text)
    return dict(zip(texts, in_worker(read_all, paths, log=folder / "x.log"), strict=True))


def _same_as_opensim(tree: KinematicTree, recorded: tuple[np.ndarray, np.ndarray]) -> None:
    values, places = recorded
    assert_allclose(marker_positions(tree, tree.markers, values), places, rtol=0, atol=1e-12)  # rounding of some dozen products


@pytest.mark.parametrize("kind", sorted(ELEMENTARY))
def test_every_joint_class_moves_markers_as_in_opensim(kind, made):
    tree, recorded = made[f"joint {kind}"]
    assert len(tree.coordinates) == 1 + len(COORDINATES[kind])
    _same_as_opensim(tree, recorded)


@pytest.mark.parametrize("kind", sorted(FUNCTIONS))
def test_every_function_class_is_opensims_inside_and_beyond_its_knots(kind, made):
    _same_as_opensim(*made[f"function {kind}"])


@pytest.mark.parametrize("kind", sorted(OF_TWO))
def test_functions_of_two_coordinates_are_opensims(kind, made):
    _same_as_opensim(*made[f"of two {kind}"])


@pytest.mark.parametrize("name", ["virtual_leg.osim", "virtual_arm.osim"])
def test_our_own_models_move_as_in_opensim(name, tmp_path):
    _same_as_opensim(*in_worker(read, MODELS / name, 12, log=tmp_path / "x.log"))


def test_published_models_move_as_in_opensim(gait2354_data, running_data, treadmill_data, tmp_path):
    for path in (
        gait2354_data / "OutputReference" / "subject01_simbody.osim",
        running_data / "generic_unscaled.osim",
        treadmill_data / "model" / "gait2392.osim",
    ):
        _same_as_opensim(*in_worker(read, path, 12, log=tmp_path / "x.log"))


@pytest.mark.parametrize("kind", ["joint FreeJoint", "of two MultivariatePolynomialFunction", "function SimmSpline", "function Sine"])
def test_the_jacobian_is_the_slope_of_the_positions(kind, made):
    tree, (values, _) = made[kind]
    slopes = marker_jacobian(tree, tree.markers, values)
    for i, step in enumerate(1e-6 * np.eye(len(tree.coordinates))):
        beside = marker_positions(tree, tree.markers, values + step) - marker_positions(tree, tree.markers, values - step)
        assert_allclose(slopes[..., i], beside / 2e-6, rtol=0, atol=1e-8)  # central differences: 1e-16 / 1e-6


def test_a_coupler_is_part_of_the_tree(made):
    tree, _ = made["coupler"]
    (coupling,) = tree.couplings
    assert (tree.coordinates[coupling.dependent], [tree.coordinates[i] for i in coupling.independent]) == ("a", ["hip"])
    value, slope = coupling.function.value_and_slopes(np.array([[0.7]]))
    assert_allclose(value, 0.5 * np.polyval([0.1, -0.2, 0.5, 0.05], 0.7))
    assert_allclose(slope[0], 0.5 * np.polyval([0.3, -0.4, 0.5], 0.7))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (two_body_model(joint_text("EllipsoidJoint")), "Joint 'knee' is a EllipsoidJoint"),
        (two_body_model(custom_joint_text({"rotation1": STEP})), "A function of joint 'knee' is a StepFunction"),
        (
            two_body_model(
                joint_text("PinJoint"),
                '<PointConstraint name="pinned"><socket_body_1>/ground</socket_body_1><socket_body_2>/bodyset/shank</socket_body_2>'
                "</PointConstraint>",
            ),
            "Constraint 'pinned' is a PointConstraint",
        ),
        (
            two_body_model(joint_text("PinJoint")).replace('name="a">', f'name="a">{PRESCRIBED}'),
            "Coordinate 'a' is prescribed",
        ),
    ],
)
def test_what_only_opensim_computes_is_refused_by_name(text, message, tmp_path):
    path = tmp_path / "model.osim"
    path.write_text(text)
    with pytest.raises(UncoveredModelError, match=message):
        in_worker(read, path, 1, log=tmp_path / "x.log")
