"""The vocabulary in which a body is written down as data: segments, joints, markers and muscles, each with its numbers.

`anatomy_leg` and `anatomy_arm` hold the tables and name the source of each; `build_model` turns them into an OpenSim model.
Frames: x forward, y up, z to the right when the person stands; every segment's origin is its proximal joint centre.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Vector = tuple[float, float, float]

MotionKind = Literal["rotation", "translation"]


@dataclass(frozen=True, kw_only=True)
class Segment:
    """One rigid body; moments of inertia are about the mass centre."""

    name: str
    mass: float  # kg
    mass_center: Vector  # m
    inertia: Vector  # kg*m^2, about x, y, z
    shape_center: Vector  # m, of the ellipsoid that is drawn
    shape_radii: Vector  # m
    grows: bool = True  # False for a thing, which is as large in every hand


@dataclass(frozen=True, kw_only=True)
class Freedom:
    """One coordinate of a joint: what it is called, and about or along which axis it moves the child."""

    name: str
    kind: MotionKind
    axis: Vector
    range: tuple[float, float]  # degrees or m
    default: float = 0.0  # degrees or m


@dataclass(frozen=True, kw_only=True)
class JointFacts:
    """A joint whose child frame coincides with a frame of the parent at zero; rotations act in the order listed."""

    name: str
    parent: str  # "ground" or a segment
    child: str
    location: Vector  # m, in the parent
    freedoms: tuple[Freedom, ...]
    orientation: Vector = (0.0, 0.0, 0.0)  # degrees, body-fixed x-y-z, of the joint's frame in parent and child alike


@dataclass(frozen=True, kw_only=True)
class FixedPoint:
    """A path point that stays on its segment."""

    segment: str
    location: Vector  # m


@dataclass(frozen=True, kw_only=True)
class GlidingPoint:
    """A path point whose place on its segment depends on one coordinate (patella, scapula)."""

    segment: str
    coordinate: str
    angles: FloatArray  # (node,), degrees
    locations: FloatArray  # (node, 3), m


@dataclass(frozen=True, kw_only=True)
class WrapSurface:
    """What paths slide over: a sphere, or a cylinder about its own z axis; `quadrant` keeps paths on one side of it."""

    name: str
    segment: str
    shape: Literal["cylinder", "sphere"]
    center: Vector  # m
    radius: float  # m
    length: float = 0.0  # m, of a cylinder
    orientation: Vector = (0.0, 0.0, 0.0)  # degrees, body-fixed x-y-z
    quadrant: Literal["x", "-x", "y", "-y", "all"] = "all"


@dataclass(frozen=True, kw_only=True)
class MuscleFacts:
    """One muscle-tendon unit; its tendon slack length follows from `neutral_fiber_length` (see `build_model`)."""

    name: str
    max_isometric_force: float  # N
    optimal_fiber_length: float  # m
    pennation_angle: float  # rad
    neutral_fiber_length: float  # of the optimal one, in the reference pose with a rigid tendon
    path: tuple[FixedPoint | GlidingPoint, ...]
    wrap: str | None = None  # name of a WrapSurface


def right_muscle(
    name: str, architecture: tuple[float, float, float, float], *path: FixedPoint | GlidingPoint, wrap: str | None = None
) -> MuscleFacts:
    """Return a muscle of the right side.

    Args:
        name: without the side.
        architecture: max isometric force N, optimal fiber length m, pennation angle rad, neutral fiber length.
        path: from origin to insertion.
        wrap: name of a WrapSurface.
    """
    force, fiber, pennation, neutral = architecture
    return MuscleFacts(
        name=f"{name}_r",
        max_isometric_force=force,
        optimal_fiber_length=fiber,
        pennation_angle=pennation,
        neutral_fiber_length=neutral,
        path=path,
        wrap=wrap,
    )


@dataclass(frozen=True, kw_only=True)
class MarkerFacts:
    """A skin marker."""

    name: str
    segment: str
    location: Vector  # m


@dataclass(frozen=True, kw_only=True)
class Anatomy:
    """Everything a model is built from."""

    model_name: str
    credits: str
    segments: tuple[Segment, ...]
    joints: tuple[JointFacts, ...]
    surfaces: tuple[WrapSurface, ...]
    muscles: tuple[MuscleFacts, ...]
    markers: tuple[MarkerFacts, ...]
    reference_pose: dict[str, float]  # coordinate -> degrees, where neutral_fiber_length holds; all others at zero

    @property
    def mass(self) -> float:
        """Mass of the whole body, kg."""
        return sum(segment.mass for segment in self.segments)

    @property
    def freedoms(self) -> tuple[Freedom, ...]:
        """All coordinates, in the order of the joints."""
        return tuple(freedom for joint in self.joints for freedom in joint.freedoms)


def slender(
    name: str,
    mass: float,
    length: float,
    mass_center: Vector,
    gyration: Vector,
    *,
    shape_center: Vector,
    shape_radii: Vector,
) -> Segment:
    """Return a segment from its radii of gyration.

    Args:
        name: segment.
        mass: kg.
        length: segment length that the radii refer to, m.
        mass_center: m.
        gyration: radii of gyration about x, y, z through the mass centre, as parts of the length.
        shape_center, shape_radii: of the drawn ellipsoid, m.
    """
    inertia = (mass * (gyration[0] * length) ** 2, mass * (gyration[1] * length) ** 2, mass * (gyration[2] * length) ** 2)
    return Segment(name=name, mass=mass, mass_center=mass_center, inertia=inertia, shape_center=shape_center, shape_radii=shape_radii)
