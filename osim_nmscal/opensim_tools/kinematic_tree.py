"""A model opened in OpenSim as a kinematic tree in plain numbers.

Runs inside the worker process. What the tree cannot hold (a joint or function class, a constraint that is no coupler, a loop) is
refused by name, so that OpenSim does the work instead.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.errors import UncoveredModelError
from osim_nmscal.kinematics.functions import Linear
from osim_nmscal.kinematics.tree import Coupling, Frame, Joint, JointAxis, KinematicTree
from osim_nmscal.opensim_tools.kinematic_tree_functions import plain_function, plain_multiple
from osim_nmscal.opensim_tools.model_access import Coordinates, constraints_beside_couplers

FloatArray = NDArray[np.float64]

X, Y, Z = np.eye(3)
ROTATION, TRANSLATION = True, False
# What each joint does with its coordinates, in their order. Source: OpenSim 4.6 and Simbody's mobilizers; rotations are body-fixed.
ELEMENTARY: dict[str, tuple[tuple[bool, FloatArray], ...]] = {
    "WeldJoint": (),
    "PinJoint": ((ROTATION, Z),),
    "SliderJoint": ((TRANSLATION, X),),
    "UniversalJoint": ((ROTATION, X), (ROTATION, Y)),
    "GimbalJoint": ((ROTATION, X), (ROTATION, Y), (ROTATION, Z)),
    "BallJoint": ((ROTATION, X), (ROTATION, Y), (ROTATION, Z)),
    "PlanarJoint": ((ROTATION, Z), (TRANSLATION, X), (TRANSLATION, Y)),
    "FreeJoint": ((ROTATION, X), (ROTATION, Y), (ROTATION, Z), (TRANSLATION, X), (TRANSLATION, Y), (TRANSLATION, Z)),
}


def kinematic_tree(model: Any, coordinates: Coordinates) -> KinematicTree:
    """Read the kinematics of a model.

    Args:
        model: opensim.Model, its system initialised.
        coordinates: of that model.

    Returns:
        The tree, coordinates in the model's order.

    Raises:
        UncoveredModelError: names what the tree cannot hold.
    """
    for name, kind in constraints_beside_couplers(model):
        raise UncoveredModelError(f"Constraint {name!r} is a {kind}.")
    names = coordinates.names
    handles = [model.getCoordinateSet().get(i) for i in range(len(names))]
    for handle in handles:
        if handle.getDefaultIsPrescribed():
            raise UncoveredModelError(f"Coordinate {handle.getName()!r} is prescribed.")
    for name in set(coordinates.locked) & set(coordinates.dependent):
        raise UncoveredModelError(f"Coordinate {name!r} is locked and has a coupler.")
    bodies, joints = _joints(model, names)
    markers = [model.getMarkerSet().get(i) for i in range(model.getMarkerSet().getSize())]
    placed = [_placed(marker, bodies) for marker in markers]
    clamped = np.array([handle.getDefaultClamped() for handle in handles], dtype=bool)
    return KinematicTree(
        bodies=tuple(bodies),
        joints=tuple(joints),
        coordinates=names,
        defaults=np.array(coordinates.defaults, dtype=np.float64),
        lower=np.where(clamped, [handle.getRangeMin() for handle in handles], -np.inf),
        upper=np.where(clamped, [handle.getRangeMax() for handle in handles], np.inf),
        rotational=np.array([name in coordinates.rotational for name in names], dtype=bool),
        locked=np.array([name in coordinates.locked for name in names], dtype=bool),
        couplings=tuple(
            Coupling(
                dependent=names.index(coupler.dependent),
                independent=tuple(names.index(name) for name in coupler.independent),
                function=plain_multiple(
                    coupler.scale, plain_function(coupler.function, len(coupler.independent), f"the coupler of {coupler.dependent!r}")
                ),
            )
            for coupler in coordinates.couplers
        ),
        markers=tuple(marker.getName() for marker in markers),
        marker_body=np.array([body for body, _ in placed], dtype=np.int64),
        marker_location=np.array([location for _, location in placed], dtype=np.float64).reshape(-1, 3),
    )


def _joints(model: Any, names: Sequence[str]) -> tuple[dict[str, int], list[Joint]]:
    """Return the bodies with their places, and the joints from ground on."""
    waiting = [model.getJointSet().get(i) for i in range(model.getJointSet().getSize())]
    bodies = {"ground": 0}
    joints: list[Joint] = []
    while waiting:
        ready = [joint for joint in waiting if joint.getParentFrame().findBaseFrame().getName() in bodies]
        if not ready:
            raise UncoveredModelError(f"Joint {waiting[0].getName()!r} is not connected to ground from its parent's side.")
        joint = ready[0]
        waiting.remove(joint)
        parent, child = (frame.findBaseFrame().getName() for frame in (joint.getParentFrame(), joint.getChildFrame()))
        if child in bodies:
            raise UncoveredModelError(f"Joint {joint.getName()!r} closes a loop at body {child!r}.")
        bodies[child] = len(bodies)
        joints.append(
            Joint(
                name=joint.getName(),
                parent=bodies[parent],
                child=bodies[child],
                parent_frame=_frame(joint.getParentFrame()),
                child_frame=_frame(joint.getChildFrame()),
                axes=_axes(joint, names),
            )
        )
    return bodies, joints


def _axes(joint: Any, names: Sequence[str]) -> tuple[JointAxis, ...]:
    import opensim

    kind, where = joint.getConcreteClassName(), f"joint {joint.getName()!r}"
    if kind in ELEMENTARY:
        places = [names.index(joint.get_coordinates(i).getName()) for i in range(joint.numCoordinates())]
        return tuple(
            JointAxis(is_rotation=is_rotation, direction=direction, coordinates=(place,), function=Linear(intercept=0.0, slopes=(1.0,)))
            for place, (is_rotation, direction) in zip(places, ELEMENTARY[kind], strict=True)
        )
    if kind != "CustomJoint":
        raise UncoveredModelError(f"Joint {joint.getName()!r} is a {kind}.")
    custom = opensim.CustomJoint.safeDownCast(joint)
    transform = custom.getSpatialTransform()
    axes = []
    for i in range(6):
        axis = transform.getTransformAxis(i)
        involved = axis.getCoordinateNamesInArray()
        arguments = [involved.get(k) for k in range(involved.getSize())]
        function = plain_function(axis.getFunction(), len(arguments), where)
        constant = isinstance(function, Linear) and not any(function.slopes)
        direction = _numbers(axis.getAxis())
        axes.append(
            JointAxis(
                is_rotation=i < 3,
                direction=direction / np.linalg.norm(direction),
                coordinates=() if constant else tuple(names.index(name) for name in arguments),
                function=Linear(intercept=function.intercept) if constant and isinstance(function, Linear) else function,
            )
        )
    return tuple(axes)


def _placed(marker: Any, bodies: dict[str, int]) -> tuple[int, FloatArray]:
    frame = marker.getParentFrame()
    inside = _frame(frame)
    return bodies[frame.findBaseFrame().getName()], inside.rotation @ _numbers(marker.get_location()) + inside.origin


def _frame(frame: Any) -> Frame:
    transform = frame.findTransformInBaseFrame()
    rotation = transform.R()
    return Frame(
        rotation=np.array([[rotation.get(i, j) for j in range(3)] for i in range(3)], dtype=np.float64), origin=_numbers(transform.p())
    )


def _numbers(vector: Any) -> FloatArray:
    return np.array([vector.get(i) for i in range(3)], dtype=np.float64)
