"""Build an OpenSim model from tables of anatomical facts.

Muscles are Millard2012EquilibriumMuscle. Their tendon slack length is not looked up: it is the length at which the fiber,
behind a rigid tendon, has the published length in the reference pose, so that it fits this model's own paths.
Run `python -m osim_nmscal.virtual_subject.anatomy.build_model [folder]` to write models/virtual_leg.osim and models/virtual_arm.osim.
"""

import math
import sys
from pathlib import Path
from typing import Any

import numpy as np

from osim_nmscal.errors import MuscleModelError
from osim_nmscal.formats.text_files import write_atomically
from osim_nmscal.virtual_subject.anatomy.facts import (
    Anatomy,
    FixedPoint,
    Freedom,
    GlidingPoint,
    JointFacts,
    MuscleFacts,
    Segment,
    WrapSurface,
)

# Path points of a muscle are drawn, segments too: colours of the ellipsoids (red, green, blue). Source: choice.
SEGMENT_COLOR = (0.87, 0.83, 0.74)
# A tendon shorter than this part of the optimal fiber length is a sign of a wrong table. Source: choice.
MIN_TENDON_PART = 0.05
# Viscous damping of the fiber. Source: OpenSim's default for this class.
FIBER_DAMPING = 0.1


def write_model(anatomy: Anatomy, path: Path) -> Path:
    """Build a model and write it as an .osim file, all of it or nothing.

    Args:
        anatomy: the tables.
        path: file to write.

    Returns:
        The path.

    Raises:
        MuscleModelError: a path is too short for its fibers; names the muscle.
    """
    model = build_model(anatomy)
    write_atomically(path, lambda temporary: model.printToXML(str(temporary)))
    return path


def build_model(anatomy: Anatomy) -> Any:
    """Return an `opensim.Model` with its tendon slack lengths set.

    Args:
        anatomy: the tables.

    Raises:
        MuscleModelError: a path is too short for its fibers; names the muscle.
    """
    import opensim

    model = opensim.Model()
    model.setName(anatomy.model_name)
    model.set_credits(anatomy.credits)
    model.set_length_units("meters")
    model.set_force_units("N")
    bodies = {segment.name: _add_segment(model, segment) for segment in anatomy.segments}
    bodies["ground"] = model.getGround()
    for joint in anatomy.joints:
        _add_joint(model, joint, bodies)
    surfaces = {surface.name: _add_surface(surface, bodies) for surface in anatomy.surfaces}
    model.finalizeConnections()
    for facts in anatomy.muscles:
        _add_muscle(model, facts, bodies, surfaces)
    for marker in anatomy.markers:
        model.addMarker(opensim.Marker(marker.name, bodies[marker.segment], opensim.Vec3(*marker.location)))
    model.finalizeConnections()
    _set_tendon_slack_lengths(model, anatomy)
    return model


def tendon_slack_length(facts: MuscleFacts, mtu_length: float) -> float:
    """Return the tendon slack length that gives the fiber its published length at an MTU length, behind a rigid tendon.

    Args:
        facts: the muscle.
        mtu_length: m, in the reference pose.

    Raises:
        MuscleModelError: the tendon would be shorter than 5 % of the optimal fiber length.
    """
    height = math.sin(facts.pennation_angle)
    along = math.sqrt(facts.neutral_fiber_length**2 - height**2)
    slack = mtu_length - facts.optimal_fiber_length * along
    if slack < MIN_TENDON_PART * facts.optimal_fiber_length:
        raise MuscleModelError(
            f"Muscle {facts.name!r} leaves its tendon {slack:.4f} m (MTU {mtu_length:.4f} m in the reference pose), expected at least "
            f"{MIN_TENDON_PART * facts.optimal_fiber_length:.4f} m; shorten its neutral fiber length or correct its path."
        )
    return slack


def _add_segment(model: Any, segment: Segment) -> Any:
    import opensim

    body = opensim.Body(segment.name, segment.mass, opensim.Vec3(*segment.mass_center), opensim.Inertia(*segment.inertia, 0.0, 0.0, 0.0))
    frame = opensim.PhysicalOffsetFrame(f"{segment.name}_shape", body, opensim.Transform(opensim.Vec3(*segment.shape_center)))
    ellipsoid = opensim.Ellipsoid(*segment.shape_radii)
    ellipsoid.setColor(opensim.Vec3(*SEGMENT_COLOR))
    ellipsoid.setOpacity(0.5)
    frame.attachGeometry(ellipsoid)
    body.addComponent(frame)
    model.addBody(body)
    return body


def _add_joint(model: Any, facts: JointFacts, bodies: dict[str, Any]) -> None:
    import opensim

    orientation = opensim.Vec3(*np.radians(facts.orientation).tolist())
    place = (bodies[facts.parent], opensim.Vec3(*facts.location), orientation, bodies[facts.child], opensim.Vec3(0), orientation)
    if not facts.freedoms:
        model.addJoint(opensim.WeldJoint(facts.name, *place))
        return
    axes = opensim.SpatialTransform()
    slots = {"rotation": [1, 2, 3], "translation": [1, 2, 3]}
    rotations = [freedom for freedom in facts.freedoms if freedom.kind == "rotation"]
    for freedom in facts.freedoms:
        axis = getattr(axes, f"upd_{freedom.kind}{slots[freedom.kind].pop(0)}")()
        axis.setCoordinateNames(opensim.ArrayStr(freedom.name, 1))
        axis.setAxis(opensim.Vec3(*freedom.axis))
        axis.set_function(opensim.LinearFunction(1.0, 0.0))
    for number, direction in zip(slots["rotation"], _completing(rotations), strict=True):
        getattr(axes, f"upd_rotation{number}")().setAxis(opensim.Vec3(*direction))
    joint = opensim.CustomJoint(facts.name, *place, axes)
    model.addJoint(joint)
    joint.finalizeFromProperties()
    for index, freedom in enumerate(facts.freedoms):
        _describe(joint.upd_coordinates(index), freedom)


def _completing(rotations: list[Freedom]) -> list[tuple[float, float, float]]:
    """Return axes for the unused rotations of a joint, independent of the used ones, as a CustomJoint demands."""
    used = [np.array(freedom.axis) for freedom in rotations]
    free: list[tuple[float, float, float]] = []
    for candidate in np.eye(3):
        if len(used) < 3 and np.linalg.matrix_rank(np.array([*used, candidate]), tol=0.3) == len(used) + 1:
            used.append(candidate)
            free.append((float(candidate[0]), float(candidate[1]), float(candidate[2])))
    return free


def _describe(coordinate: Any, freedom: Freedom) -> None:
    unit = math.pi / 180.0 if freedom.kind == "rotation" else 1.0
    coordinate.setName(freedom.name)
    coordinate.setRangeMin(freedom.range[0] * unit)
    coordinate.setRangeMax(freedom.range[1] * unit)
    coordinate.setDefaultValue(freedom.default * unit)
    coordinate.setDefaultClamped(False)


def _add_surface(facts: WrapSurface, bodies: dict[str, Any]) -> Any:
    import opensim

    surface = opensim.WrapSphere() if facts.shape == "sphere" else opensim.WrapCylinder()
    surface.setName(facts.name)
    surface.set_radius(facts.radius)
    if facts.shape == "cylinder":
        surface.set_length(facts.length)
    surface.set_quadrant(facts.quadrant)
    surface.set_translation(opensim.Vec3(*facts.center))
    surface.set_xyz_body_rotation(opensim.Vec3(*np.radians(facts.orientation).tolist()))
    bodies[facts.segment].addWrapObject(surface)
    return surface


def _add_muscle(model: Any, facts: MuscleFacts, bodies: dict[str, Any], surfaces: dict[str, Any]) -> None:
    import opensim

    muscle = opensim.Millard2012EquilibriumMuscle(
        facts.name, facts.max_isometric_force, facts.optimal_fiber_length, 1.0, facts.pennation_angle
    )
    muscle.setFiberDamping(FIBER_DAMPING)
    path = muscle.updGeometryPath()
    for number, point in enumerate(facts.path, start=1):
        name = f"{facts.name}-P{number}"
        if isinstance(point, FixedPoint):
            path.appendNewPathPoint(name, bodies[point.segment], opensim.Vec3(*point.location))
        else:
            path.updPathPointSet().adoptAndAppend(_gliding(name, point, model, bodies))
    if facts.wrap is not None:
        path.addPathWrap(surfaces[facts.wrap])
        # between the last two points only: OpenSim would also bend far-off parts of a long path around it
        path.updWrapSet().get(0).set_range(0, len(facts.path) - 1)
        path.updWrapSet().get(0).set_range(1, len(facts.path))
    model.addForce(muscle)


def _gliding(name: str, point: GlidingPoint, model: Any, bodies: dict[str, Any]) -> Any:
    import opensim

    gliding = opensim.MovingPathPoint()
    gliding.setName(name)
    gliding.setParentFrame(bodies[point.segment])
    coordinate = model.getCoordinateSet().get(point.coordinate)
    angles = np.radians(point.angles)
    for axis, setter in enumerate(("set_x_location", "set_y_location", "set_z_location")):
        spline = opensim.SimmSpline()
        for angle, place in zip(angles, point.locations[:, axis], strict=True):
            spline.addPoint(float(angle), float(place))
        getattr(gliding, setter)(spline)
    gliding.setXCoordinate(coordinate)
    gliding.setYCoordinate(coordinate)
    gliding.setZCoordinate(coordinate)
    return gliding


def _set_tendon_slack_lengths(model: Any, anatomy: Anatomy) -> None:
    state = model.initSystem()
    coordinates = model.getCoordinateSet()
    for index in range(coordinates.getSize()):
        coordinate = coordinates.get(index)
        coordinate.setValue(state, math.radians(anatomy.reference_pose.get(coordinate.getName(), 0.0)), False)
    model.realizePosition(state)
    muscles = model.getMuscles()
    slack = {facts.name: tendon_slack_length(facts, muscles.get(facts.name).getLength(state)) for facts in anatomy.muscles}
    for name, value in slack.items():
        muscles.get(name).setTendonSlackLength(value)


def main(folder: Path) -> None:
    """Write both models into a folder."""
    import opensim

    from osim_nmscal.virtual_subject.anatomy.arm import ARM
    from osim_nmscal.virtual_subject.anatomy.leg import LEG

    opensim.Logger.removeFileSink()  # otherwise it leaves opensim.log in the working directory
    for anatomy in (LEG, ARM):
        write_model(anatomy, folder / f"{anatomy.model_name}.osim")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[3] / "models")
