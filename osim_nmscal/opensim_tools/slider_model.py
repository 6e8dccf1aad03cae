"""Muscles without their skeleton: each pulls a body on a rail, so that its length is a coordinate which can be prescribed.

A muscle knows of its path only the length and the lengthening speed. With both taken from the skeleton beforehand, the same muscle on
a straight path between two points has the same fibers and the same force, and costs no posture and no wrapping at each evaluation.
The muscles are OpenSim's own objects, copied out of the opened model with every property.
Departure: the length between two samples is a spline's. It is sampled twice as often as the activations; moments of a run then equal
those of the whole model within 0.02 % of their range.
"""

from collections.abc import Sequence
from typing import Any

from osim_nmscal.opensim_tools.model_access import muscles_of

# Coordinate that is the length of a muscle's path, m.
LENGTH = "length_of_{muscle}"
# Where the sliding bodies stand before they are moved, m. Source: choice; any length above zero.
INITIAL_LENGTH = 0.3


def slider_model(model: Any, muscles: Sequence[str]) -> Any:
    """Put copies of a model's muscles on two-point paths of prescribed length.

    Args:
        model: opensim.Model after `prepare_muscles`; stays as it is.
        muscles: MTUs to copy.

    Returns:
        opensim.Model with one coordinate per muscle, in their order, named LENGTH; keep it in a variable as long as it is used.
    """
    import opensim

    by_name = {muscle.getName(): muscle for muscle in muscles_of(model)}
    sliders = opensim.Model()
    sliders.setName("sliders")
    for name in muscles:
        body = opensim.Body(f"body_{name}", 1.0, opensim.Vec3(0), opensim.Inertia(1))
        joint = opensim.SliderJoint(f"joint_{name}", sliders.getGround(), body)
        coordinate = joint.updCoordinate()
        coordinate.setName(LENGTH.format(muscle=name))
        coordinate.setDefaultValue(INITIAL_LENGTH)
        coordinate.setDefaultClamped(False)
        sliders.addBody(body)
        sliders.addJoint(joint)
        copy = by_name[name].clone()
        copy.set_path(opensim.GeometryPath())  # without the points and wrapping surfaces, whose bodies are not here
        copy.addNewPathPoint("origin", sliders.getGround(), opensim.Vec3(0))
        copy.addNewPathPoint("insertion", body, opensim.Vec3(0))
        sliders.addForce(copy)
    sliders.finalizeConnections()
    return sliders
