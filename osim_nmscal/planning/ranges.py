"""How far a person's joints go on a dynamometer, in which two postures the neighbours are held, and what its directions are called."""

from dataclasses import dataclass

import numpy as np

from osim_nmscal.data.model import Coordinate

# A coordinate's range is used up to this share, where no table knows it: its ends are the model's, not a person's. Source: choice.
_USED = 0.6
# Beyond this a range is no anatomy but "anything goes": a quarter turn about the default is taken, rad. Source: as pose_grid.
_WIDEST, _USUAL = 1.2 * np.pi, 0.25 * np.pi


@dataclass(frozen=True)
class Joint:
    """What a coordinate is called, and how it is used on a dynamometer; degrees, flexion positive."""

    stems: tuple[str, ...]  # of the coordinate's name, without its side
    low: float
    high: float
    postures: tuple[float, ...]  # in which it is held while a neighbour is measured, one or two
    up: str  # what a growing angle is called
    down: str
    hinge: bool = False  # one that only bends: where a model's range lies below zero, its sign is the other one


# Sources: ranges of passive tests in Silder et al. (2007), J Biomech 40:2628, and of the dynamometer session of our virtual people; for
# joints of the arm and trunk, common chairs of isokinetic dynamometers, well inside the normal ranges of the American Academy of
# Orthopaedic Surgeons (Joint Motion, 1965).
JOINTS = (
    Joint(("hip_flexion",), -10.0, 80.0, (10.0, 75.0), "flexion", "extension"),
    Joint(("hip_adduction",), -20.0, 15.0, (0.0,), "adduction", "abduction"),
    Joint(("hip_rotation",), -25.0, 25.0, (0.0,), "internal rotation", "external rotation"),
    Joint(("knee_angle", "knee_flexion"), 5.0, 100.0, (10.0, 75.0), "flexion", "extension", hinge=True),
    Joint(("ankle_angle", "ankle_flexion", "ankle_dorsiflexion"), -35.0, 20.0, (0.0,), "dorsiflexion", "plantarflexion"),
    Joint(("subtalar_angle",), -15.0, 15.0, (0.0,), "inversion", "eversion"),
    Joint(("shoulder_elevation", "shoulder_elv", "arm_flex"), 10.0, 100.0, (20.0, 80.0), "elevation", "lowering"),
    Joint(("shoulder_rotation", "shoulder_rot", "arm_rot"), -40.0, 50.0, (0.0,), "internal rotation", "external rotation"),
    Joint(("elbow_flexion", "elbow_flex"), 10.0, 130.0, (20.0, 90.0), "flexion", "extension", hinge=True),
    Joint(("wrist_flexion", "wrist_flex"), -50.0, 50.0, (0.0,), "flexion", "extension"),
)


@dataclass(frozen=True, kw_only=True)
class Usable:
    """What a person can do with one coordinate of a model; rad, with the model's sign."""

    name: str
    low: float
    high: float
    postures: tuple[float, ...]
    up: str
    down: str

    def direction(self, sign: int) -> str:
        """Return what moving towards larger (1) or smaller (-1) values is called."""
        return self.up if sign > 0 else self.down


def usable(coordinate: Coordinate) -> Usable | None:
    """Return how a coordinate can be used, or None: it is locked, driven by others, no rotation, or cannot turn.

    Args:
        coordinate: of the model; a range beyond 216 degrees tells nothing of a joint that the table does not know.
    """
    if coordinate.locked or coordinate.coupled or not coordinate.rotational:
        return None
    low, high = coordinate.range
    joint = _known(coordinate.name)
    if high - low > _WIDEST and joint is None:
        low, high = coordinate.default_value - _USUAL, coordinate.default_value + _USUAL
    if joint is None:
        middle, half = 0.5 * (low + high), 0.5 * _USED * (high - low)
        found = Usable(
            name=coordinate.name,
            low=middle - half,
            high=middle + half,
            postures=(coordinate.default_value,),
            up="larger angles",
            down="smaller angles",
        )
    else:
        turned = joint.hinge and -low > high
        ends = np.radians([joint.low, joint.high]) * (-1.0 if turned else 1.0)
        from_low, to_high = float(max(low, ends.min())), float(min(high, ends.max()))
        held = np.clip(np.radians(joint.postures) * (-1.0 if turned else 1.0), low, high)
        up, down = (joint.down, joint.up) if turned else (joint.up, joint.down)
        postures = tuple(dict.fromkeys(held.tolist()))
        found = Usable(name=coordinate.name, low=from_low, high=to_high, postures=postures, up=up, down=down)
    return found if found.high > found.low else None


def _known(name: str) -> Joint | None:
    """Return the joint whose name, with or without a side behind it, a coordinate has."""
    stem = name.removesuffix("_r").removesuffix("_l")
    return next((joint for joint in JOINTS if stem in joint.stems), None)
