"""OpenSim's part in making a virtual person: scale the generic model, measure a motion of it. Runs inside a worker process.

Moment arms come from one unit speed at a time: with u_j = 1 and all else zero, a muscle lengthens at -(moment arm), and a point
of the foot moves at the column of its Jacobian. Net moments are OpenSim's inverse dynamics with muscles switched off.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.interpolation import cubic_spline
from osim_nmscal.virtual_subject.motion.prescribed import Mechanics, Motion

FloatArray = NDArray[np.float64]


def scale_person(generic: Path, out: Path, factors: dict[str, tuple[float, float, float]], mass: float) -> Path:
    """Scale the generic model as OpenSim's scale tool does and write it.

    Args:
        generic: .osim.
        out: .osim to write.
        factors: per segment, along x, y, z.
        mass: kg, of the whole body; its distribution over the segments is kept.
    """
    import opensim

    model = opensim.Model(str(generic))
    state = model.initSystem()
    scales = opensim.ScaleSet()
    for segment, (x, y, z) in factors.items():
        scale = opensim.Scale()
        scale.setSegmentName(segment)
        scale.setScaleFactors(opensim.Vec3(x, y, z))
        scale.setApply(True)
        scales.cloneAndAppend(scale)
    model.scale(state, scales, True, mass)
    model.setName("person")
    model.printToXML(str(out))
    return out


def place_markers(model_path: Path, shift: FloatArray) -> None:
    """Move every marker of a model to where it was glued, and write the model again.

    Args:
        model_path: .osim.
        shift: (marker, 3), m, in the segments' frames, in the model's order.
    """
    import opensim

    model = opensim.Model(str(model_path))
    markers = model.getMarkerSet()
    for index, moved in enumerate(shift):
        place = markers.get(index).get_location().to_numpy() + moved
        markers.get(index).set_location(opensim.Vec3(*place.tolist()))
    model.finalizeFromProperties()
    model.printToXML(str(model_path))


def measure(model_path: Path, motions: Sequence[Motion], dofs: Sequence[str], contact_body: str) -> tuple[Mechanics, ...]:
    """Return lengths, moment arms, net moments, contact Jacobian and markers of motions.

    Args:
        model_path: .osim.
        motions: prescribed.
        dofs: coordinates whose moments are wanted.
        contact_body: body that touches the ground; "" if none does.
    """
    import opensim

    model = opensim.Model(str(model_path))
    model.initSystem()
    forces = model.getForceSet()
    for index in range(forces.getSize()):
        forces.get(index).set_appliesForce(False)
    state = model.initSystem()
    return tuple(_measure_one(model, state, motion, tuple(dofs), contact_body) for motion in motions)


def _measure_one(model: Any, state: Any, motion: Motion, dofs: tuple[str, ...], contact_body: str) -> Mechanics:
    import opensim

    # the builder adds joints from the ground outwards, so this is also the order of the state's speeds
    names = [model.getCoordinateSet().get(i).getName() for i in range(model.getCoordinateSet().getSize())]
    order = [motion.coordinates.index(name) for name in names]
    position, speed, acceleration = (
        cubic_spline(motion.time, motion.values[:, order], motion.time, derivative) for derivative in (0, 1, 2)
    )
    muscles = [model.getMuscles().get(i) for i in range(model.getMuscles().getSize())]
    markers = [model.getMarkerSet().get(i) for i in range(model.getMarkerSet().getSize())]
    # nothing touches an arm: then the first body stands in, and nobody reads its Jacobian
    body, solver = model.getBodySet().get(contact_body or model.getBodySet().get(0).getName()), opensim.InverseDynamicsSolver(model)
    columns = [names.index(dof) for dof in dofs]
    one_at_a_time = [opensim.Vector.createFromMat(np.eye(len(names))[column]) for column in columns]
    length, arm, moment, jacobian, origin, place = [], [], [], [], [], []
    for row in range(len(motion.time)):
        state.setQ(opensim.Vector.createFromMat(position[row]))
        state.setU(opensim.Vector.createFromMat(speed[row]))
        model.realizeVelocity(state)
        net = solver.solve(state, opensim.Vector.createFromMat(acceleration[row]))
        moment.append([net.get(column) for column in columns])
        length.append([muscle.getLength(state) for muscle in muscles])
        origin.append(body.getPositionInGround(state).to_numpy())
        place.append([marker.getLocationInGround(state).to_numpy() for marker in markers])
        arms, columns_of_jacobian = [], []
        for unit in one_at_a_time:
            state.setU(unit)
            model.realizeVelocity(state)
            arms.append([-muscle.getLengtheningSpeed(state) for muscle in muscles])
            columns_of_jacobian.append(_spatial_velocity(body, state))
        arm.append(arms)
        jacobian.append(columns_of_jacobian)
    return Mechanics(
        muscles=tuple(muscle.getName() for muscle in muscles),
        dofs=dofs,
        mtu_length=np.array(length),
        moment_arm=np.array(arm),
        moment_without_contact=np.array(moment),
        contact_jacobian=np.array(jacobian),
        contact_origin=np.array(origin),
        markers=tuple(marker.getName() for marker in markers),
        marker_positions=np.array(place),
    )


def _spatial_velocity(body: Any, state: Any) -> list[float]:
    velocity = body.getVelocityInGround(state)
    return [velocity.get(part).get(axis) for part in (0, 1) for axis in range(3)]
