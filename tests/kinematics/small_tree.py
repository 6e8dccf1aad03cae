"""A leg by hand: a pelvis that is free, a hip of two turns, a knee whose shank also slides, a kneecap coupled to it."""

import numpy as np

from osim_nmscal.kinematics.functions import Linear, Polynomial
from osim_nmscal.kinematics.tree import Coupling, Frame, Joint, JointAxis, KinematicTree

COORDINATES = ("rx", "ry", "rz", "tx", "ty", "tz", "flexion", "adduction", "knee", "cap")
ITSELF = Linear(intercept=0.0, slopes=(1.0,))
X, Y, Z = np.eye(3)


def _axis(is_rotation: bool, direction: np.ndarray, name: str, function=ITSELF) -> JointAxis:
    return JointAxis(is_rotation=is_rotation, direction=direction, coordinates=(COORDINATES.index(name),), function=function)


def _frame(*origin: float) -> Frame:
    return Frame(rotation=np.eye(3), origin=np.array(origin, dtype=float))


def leg(**changes) -> KinematicTree:
    """Return the tree; `changes` replace fields, `lower` and `upper` as name -> value."""
    free = [_axis(True, d, n) for d, n in ((X, "rx"), (Y, "ry"), (Z, "rz"))] + [
        _axis(False, d, n) for d, n in ((X, "tx"), (Y, "ty"), (Z, "tz"))
    ]
    knee = (
        _axis(True, np.array([0.0, 0.6, 0.8]), "knee"),
        _axis(False, X, "knee", Polynomial(coefficients=(-0.01, 0.02, 0.0))),
    )
    joints = (
        Joint(name="root", parent=0, child=1, parent_frame=_frame(0, 0, 0), child_frame=_frame(0, 0, 0), axes=tuple(free)),
        Joint(
            name="hip",
            parent=1,
            child=2,
            parent_frame=_frame(0, -0.1, 0.08),
            child_frame=_frame(0, 0, 0),
            axes=(_axis(True, Z, "flexion"), _axis(True, X, "adduction")),
        ),
        Joint(name="knee", parent=2, child=3, parent_frame=_frame(0, -0.4, 0), child_frame=_frame(0, 0, 0), axes=knee),
        Joint(
            name="cap", parent=2, child=4, parent_frame=_frame(0.03, -0.4, 0), child_frame=_frame(0, 0.02, 0), axes=(_axis(True, Z, "cap"),)
        ),
    )
    places = {
        1: ((0.1, 0, 0.1), (0.1, 0, -0.1), (-0.15, 0.02, 0)),
        2: ((0.05, -0.2, 0.05), (0.04, -0.3, -0.04), (-0.06, -0.25, 0)),
        3: ((0.04, -0.1, 0.03), (0.03, -0.35, -0.02), (-0.05, -0.2, 0.01)),
        4: ((0.02, 0, 0.01),),
    }
    bounds = {}
    for name, empty in (("lower", -np.inf), ("upper", np.inf)):
        bounds[name] = np.array([changes.get(name, {}).get(coordinate, empty) for coordinate in COORDINATES])
    locked = np.array([coordinate in changes.get("locked", ()) for coordinate in COORDINATES])
    return KinematicTree(
        bodies=("ground", "pelvis", "thigh", "shank", "cap"),
        joints=joints,
        coordinates=COORDINATES,
        defaults=np.zeros(len(COORDINATES)),
        rotational=np.array([name not in ("tx", "ty", "tz") for name in COORDINATES]),
        locked=locked,
        couplings=changes.get(
            "couplings",
            (
                Coupling(
                    dependent=COORDINATES.index("cap"),
                    independent=(COORDINATES.index("knee"),),
                    function=Polynomial(coefficients=(0.1, -0.5, 0.0)),
                ),
            ),
        ),
        markers=tuple(f"m{body}{n}" for body, found in places.items() for n in range(len(found))),
        marker_body=np.array([body for body, found in places.items() for _ in found]),
        marker_location=np.array([place for found in places.values() for place in found], dtype=float),
        **bounds,
    )


def gait(tree: KinematicTree, frames: int = 41) -> np.ndarray:
    """Return a smooth motion (time, coordinate) that keeps the couplings."""
    t = np.linspace(0, 1, frames)
    values = np.zeros((frames, len(COORDINATES)))
    for name, amplitude, offset in (
        ("rx", 0.1, 0),
        ("ry", 0.2, 0),
        ("rz", 0.1, -0.1),
        ("ty", 0.03, 0.9),
        ("tz", 0.02, 0),
        ("adduction", 0.1, 0),
    ):
        values[:, COORDINATES.index(name)] = offset + amplitude * np.sin(2 * np.pi * t + amplitude * 10)
    values[:, COORDINATES.index("tx")] = 1.3 * t
    values[:, COORDINATES.index("flexion")] = 0.2 + 0.6 * np.sin(2 * np.pi * t)
    values[:, COORDINATES.index("knee")] = -0.7 + 0.6 * np.cos(2 * np.pi * t)
    for coupling in tree.couplings:
        values[:, coupling.dependent] = coupling.function.value_and_slopes(values[:, list(coupling.independent)].T)[0]
    return values
