"""A model's kinematic tree as data: bodies, joints, coordinates, couplers and markers.

Every joint is up to three rotations, one after the other, each about an axis that the rotations before it carry along, and
translations along axes fixed in the parent's joint frame; angles and lengths are functions of coordinates. That holds OpenSim's
Custom, Pin, Universal, Ball, Gimbal, Free, Planar, Slider and Weld joints (OpenSim uses Euler angles, body-fixed x-y-z, for Ball
and Free). Source: Seth, Sherman, Eastman & Delp (2010), "Minimal formulation of joint motion for biomechanisms".
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.noun import Noun
from osim_nmscal.errors import SignalError, UnknownNameError, did_you_mean, listed
from osim_nmscal.kinematics.functions import CoordinateFunction, Linear

FloatArray = NDArray[np.float64]

# How far a rotation matrix may be from one. Source: rounding of files is 1e-16, of our own products 1e-14.
ORTHONORMAL = 1e-9


@dataclass(frozen=True, kw_only=True)
class Frame:
    """Where a frame lies in a body."""

    rotation: FloatArray  # (3, 3), its axes as columns
    origin: FloatArray  # (3,), m

    def __post_init__(self) -> None:
        if np.abs(self.rotation @ self.rotation.T - np.eye(3)).max() > ORTHONORMAL:
            raise SignalError(f"A frame has axes that are not orthonormal: {self.rotation.tolist()}; expected a rotation matrix.")


@dataclass(frozen=True, kw_only=True)
class JointAxis:
    """One rotation about, or one translation along an axis."""

    is_rotation: bool
    direction: FloatArray  # (3,), unit length
    coordinates: tuple[int, ...]  # arguments of the function, as places in the tree's coordinates
    function: CoordinateFunction  # rad or m

    @cached_property
    def is_coordinate(self) -> bool:
        """The function is the coordinate itself."""
        return self.function == Linear(intercept=0.0, slopes=(1.0,))


@dataclass(frozen=True, kw_only=True)
class Joint:
    """What lets a body move against its parent."""

    name: str
    parent: int  # bodies; ground is 0
    child: int
    parent_frame: Frame  # in the parent body
    child_frame: Frame  # in the child body
    axes: tuple[JointAxis, ...]  # rotations in their order


@dataclass(frozen=True, kw_only=True)
class Coupling:
    """A coordinate that is a function of others."""

    dependent: int
    independent: tuple[int, ...]
    function: CoordinateFunction


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class KinematicTree(Noun):
    """A model without masses and muscles.

    Example:
        >>> pendulum.bodies, pendulum.coordinates
        (('ground', 'rod'), ('swing',))
        >>> pendulum.marker("tipp")
        Traceback (most recent call last):
            ...
        osim_nmscal.errors.UnknownNameError: The model has no marker 'tipp'. Did you mean 'tip'? It has: tip.
    """

    bodies: tuple[str, ...]  # ground first
    joints: tuple[Joint, ...]  # a joint stands behind the one that moves its parent
    coordinates: tuple[str, ...]
    defaults: FloatArray  # (coordinate,), rad or m
    lower: FloatArray  # (coordinate,), -inf where not clamped
    upper: FloatArray  # (coordinate,), inf where not clamped
    rotational: NDArray[np.bool_]  # (coordinate,), an angle
    locked: NDArray[np.bool_]  # (coordinate,), stays at its default
    couplings: tuple[Coupling, ...]  # a coupling stands behind those it depends on
    markers: tuple[str, ...]
    marker_body: NDArray[np.int64]  # (marker,)
    marker_location: FloatArray  # (marker, 3), in its body, m

    def __post_init__(self) -> None:
        placed = {0}
        for joint in self.joints:
            if joint.parent not in placed:
                raise SignalError(f"Joint {joint.name!r} stands before the one that moves its parent; order the joints from ground on.")
            if joint.child in placed:
                raise SignalError(f"Joint {joint.name!r} moves a body that another joint moves already; expected a tree.")
            placed.add(joint.child)
        for name in ("defaults", "lower", "upper", "rotational", "locked"):
            if getattr(self, name).shape != (len(self.coordinates),):
                raise SignalError(f"{name} has shape {getattr(self, name).shape}, expected ({len(self.coordinates)},), one per coordinate.")

    @property
    def dependent(self) -> tuple[int, ...]:
        """The coordinates that a coupling determines."""
        return tuple(coupling.dependent for coupling in self.couplings)

    def marker(self, name: str) -> int:
        """Return the place of a marker; an unknown one is an error that offers the nearest."""
        if name not in self.markers:
            raise UnknownNameError(f"The model has no marker {name!r}.{did_you_mean(name, self.markers)} It has: {listed(self.markers)}.")
        return self.markers.index(name)
