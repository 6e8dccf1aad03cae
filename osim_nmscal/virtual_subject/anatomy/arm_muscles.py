"""The muscles of the right shoulder and elbow as tables of facts.

Sources: attachment and via points on humerus, scapula, clavicle, ulna and radius: Holzbaur et al. (2005), Ann Biomed Eng 33:829,
in the refined form of Saul et al. (2015), CMBBE 18:1445, moved to our frames. Max isometric force, optimal fiber length,
pennation: Holzbaur et al. (2005), table 3. Scapula: it turns upwards by a third of the arm's elevation about the
glenohumeral centre (Inman et al. 1944: two to one).
Departures: points on ribs, sternum and spine are ours, at the named bones; scapula and clavicle are no bodies: points on them
glide on the thorax with the elevation; fewer via points, the brachioradialis starts 13 mm further forward, and one sphere and
two cylinders instead of thirty wrapping ellipsoids; where fibers work in the reference pose is ours, so that the recorded
movements stay between 0.5 and 1.3 of the optimal length.
"""

import math

import numpy as np

from osim_nmscal.virtual_subject.anatomy.facts import FixedPoint, GlidingPoint, MuscleFacts, Vector, right_muscle

THORAX, UPPER_ARM, FOREARM = "thorax", "upper_arm_r", "forearm_r"

# The thorax' origin lies midway between the sternoclavicular joints.
SHOULDER_CENTER: Vector = (-0.0176, -0.0070, 0.1700)  # in the thorax
SHOULDER_IN_SCAPULA = np.array([-0.00955, -0.0340, 0.0090])
CLAVICLE_IN_THORAX = np.array([0.006325, 0.00693, 0.025465])
ELBOW_CENTER: Vector = (0.0061, -0.2904, -0.0123)  # in the upper arm
RADIUS_IN_FOREARM = np.array([0.0004, -0.0115, 0.0200])
# The arm is raised in the plane of the scapula, 30 degrees in front of the frontal plane.
PLANE = math.radians(30.0)
ELEVATION_AXIS: Vector = (-math.cos(PLANE), 0.0, math.sin(PLANE))
SCAPULA_PART = 1.0 / 3.0
SCAPULA_NODES = np.arange(-15.0, 151.0, 15.0)


def _thorax(x: float, y: float, z: float) -> FixedPoint:
    return FixedPoint(segment=THORAX, location=(x, y, z))


def _arm(x: float, y: float, z: float) -> FixedPoint:
    return FixedPoint(segment=UPPER_ARM, location=(x, y, z))


def _ulna(x: float, y: float, z: float) -> FixedPoint:
    return FixedPoint(segment=FOREARM, location=(x, y, z))


def _radius(x: float, y: float, z: float) -> FixedPoint:
    place = RADIUS_IN_FOREARM + np.array([x, y, z])
    return FixedPoint(segment=FOREARM, location=(float(place[0]), float(place[1]), float(place[2])))


def _scapula(x: float, y: float, z: float) -> GlidingPoint:
    """Return a point of the scapula, given in its own frame (origin at the acromion), as it glides on the thorax."""
    return _turning(np.array([x, y, z]) - SHOULDER_IN_SCAPULA)


def _clavicle(x: float, y: float, z: float) -> GlidingPoint:
    """Return a point near the outer end of the clavicle, which moves with the scapula."""
    return _turning(np.array([x, y, z]) + CLAVICLE_IN_THORAX - np.array(SHOULDER_CENTER))


def _turning(from_shoulder: np.ndarray) -> GlidingPoint:
    axis, turn = np.array(ELEVATION_AXIS), np.radians(SCAPULA_NODES * SCAPULA_PART)[:, None]
    along = axis * (axis @ from_shoulder)
    turned = along + np.cos(turn) * (from_shoulder - along) + np.sin(turn) * np.cross(axis, from_shoulder)
    return GlidingPoint(
        segment=THORAX, coordinate="shoulder_elevation_r", angles=SCAPULA_NODES, locations=np.array(SHOULDER_CENTER) + turned
    )


def _muscle(
    name: str, architecture: tuple[float, float, float, float], *path: FixedPoint | GlidingPoint, wrap: str | None = None
) -> MuscleFacts:
    """Return a muscle whose pennation angle the source states in degrees."""
    force, fiber, pennation, neutral = architecture
    return right_muscle(name, (force, fiber, math.radians(pennation), neutral), *path, wrap=wrap)


_TRICEPS_END = (_arm(-0.0318, -0.2264, -0.0122), _arm(-0.0174, -0.2676, -0.0121), _ulna(-0.0219, 0.0105, -0.0008))
_BICEPS_END = _radius(-0.0020, -0.0375, -0.0020)

_SHOULDER = (
    _muscle(
        "deltoid_anterior",
        (1142.6, 0.098, 22.0, 1.0),
        _clavicle(-0.0140, 0.0111, 0.0802),
        _scapula(0.0435, -0.0320, 0.0050),
        _arm(0.0162, -0.1033, -0.0041),
        _arm(0.0090, -0.1188, 0.0059),
    ),
    _muscle(
        "deltoid_middle", (1142.6, 0.108, 15.0, 1.0), _scapula(0.0001, 0.0029, 0.0223), _arm(0.0046, -0.1361, 0.0056), wrap="humeral_head"
    ),
    _muscle(
        "deltoid_posterior",
        (259.9, 0.137, 18.0, 1.0),
        _scapula(-0.0557, 0.0012, -0.0251),
        _scapula(-0.0725, -0.0329, 0.0123),
        _arm(0.0021, -0.0760, 0.0105),
        wrap="humeral_head",
    ),
    _muscle(
        "supraspinatus",
        (487.8, 0.068, 7.0, 1.0),
        _scapula(-0.0440, -0.0151, -0.0586),
        _scapula(-0.0071, 0.0062, 0.0050),
        _arm(0.0026, 0.0106, 0.0259),
    ),
    _muscle(
        "infraspinatus",
        (1210.8, 0.076, 19.0, 1.0),
        _scapula(-0.0738, -0.0548, -0.0478),
        _scapula(-0.0478, -0.0399, -0.0096),
        _arm(-0.0089, 0.0048, 0.0245),
    ),
    _muscle(
        "subscapularis",
        (1377.8, 0.087, 20.0, 1.0),
        _scapula(-0.0725, -0.0394, -0.0648),
        _scapula(-0.0183, -0.0522, -0.0246),
        _arm(0.0140, 0.0084, -0.0133),
    ),
    _muscle("teres_minor", (354.3, 0.074, 24.0, 1.0), _scapula(-0.0947, -0.0799, -0.0474), _arm(-0.0013, -0.0125, 0.0220)),
    _muscle(
        "teres_major",
        (425.4, 0.162, 16.0, 0.9),
        _scapula(-0.1066, -0.1106, -0.0757),
        _arm(-0.0063, -0.0500, -0.0159),
        _arm(0.0100, -0.0542, -0.0057),
    ),
    _muscle(
        "pectoralis_clavicular",
        (364.4, 0.144, 17.0, 0.95),
        _thorax(0.0150, 0.0060, 0.0500),
        _arm(0.0171, -0.0370, -0.0034),
        _arm(0.0117, -0.0419, 0.0078),
    ),
    _muscle(
        "pectoralis_sternal",
        (905.9, 0.138, 26.0, 0.9),
        _thorax(0.0300, -0.0800, 0.0150),
        _thorax(0.0350, -0.0600, 0.0900),
        _arm(0.0155, -0.0425, -0.0040),
        _arm(0.0127, -0.0429, 0.0079),
    ),
    _muscle(
        "latissimus_dorsi",
        (1059.9, 0.232, 19.0, 0.9),
        _thorax(-0.1000, -0.2400, 0.0100),
        _thorax(-0.1000, -0.1700, 0.1000),
        _arm(-0.0077, -0.0421, -0.0156),
        _arm(0.0097, -0.0407, -0.0061),
    ),
    _muscle(
        "coracobrachialis",
        (242.5, 0.093, 27.0, 0.9),
        _scapula(0.0125, -0.0413, -0.0265),
        _scapula(0.0048, -0.0696, -0.0156),
        _arm(0.0074, -0.1505, -0.0078),
    ),
)

_ELBOW = (
    _muscle(
        "triceps_long",
        (798.5, 0.134, 12.0, 0.9),
        _scapula(-0.0457, -0.0407, -0.0138),
        _arm(-0.0271, -0.1144, -0.0066),
        *_TRICEPS_END,
        wrap="olecranon",
    ),
    _muscle(
        "triceps_lateral",
        (624.3, 0.114, 9.0, 0.9),
        _arm(-0.0060, -0.1265, 0.0043),
        _arm(-0.0234, -0.1453, 0.0093),
        *_TRICEPS_END,
        wrap="olecranon",
    ),
    _muscle(
        "triceps_medial",
        (624.3, 0.114, 9.0, 0.9),
        _arm(-0.0084, -0.1370, -0.0091),
        _arm(-0.0260, -0.1514, -0.0108),
        *_TRICEPS_END,
        wrap="olecranon",
    ),
    _muscle(
        "biceps_long",
        (624.3, 0.116, 0.0, 1.05),
        _scapula(-0.0312, -0.0235, -0.0131),
        _scapula(-0.0209, -0.0131, -0.0046),
        _arm(0.0192, 0.0208, 0.0083),
        _arm(0.0238, -0.0051, 0.0120),
        _arm(0.0135, -0.0283, 0.0014),
        _arm(0.0228, -0.1754, -0.0063),
        _BICEPS_END,
        wrap="trochlea",
    ),
    _muscle(
        "biceps_short",
        (435.6, 0.132, 0.0, 0.95),
        _scapula(0.0127, -0.0393, -0.0263),
        _scapula(0.0009, -0.0670, -0.0159),
        _arm(0.0112, -0.0758, -0.0110),
        _arm(0.0228, -0.1754, -0.0063),
        _BICEPS_END,
        wrap="trochlea",
    ),
    _muscle("brachialis", (987.3, 0.086, 0.0, 1.05), _arm(0.0068, -0.1739, -0.0036), _ulna(-0.0032, -0.0239, 0.0009), wrap="trochlea"),
    _muscle(
        "brachioradialis",
        (261.3, 0.173, 0.0, 1.05),
        _arm(0.0030, -0.1996, 0.0022),
        _radius(0.0330, -0.1274, 0.0232),
        _radius(0.0419, -0.2210, 0.0224),
    ),
)

ARM_MUSCLES: tuple[MuscleFacts, ...] = _SHOULDER + _ELBOW
