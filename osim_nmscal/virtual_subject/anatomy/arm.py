"""The skeleton of the right arm of a man of 75 kg and 1.75 m as tables of facts; the rest of the body is one rigid mass.

Sources: joint centres and the elbow's axis are those of Holzbaur et al. (2005), Ann Biomed Eng 33:829. Segment masses, mass
centres and radii of gyration: de Leva (1996), J Biomech 29:1223 (men). Marker places: choice.
The hand holds a dumbbell of 2 kg, a body of its own: without it, moments would hardly rise above the noise of EMG.
Departures: the arm is raised in one plane, that of the scapula; forearm and hand are one body, held midway between pronation
and supination.
"""

from osim_nmscal.virtual_subject.anatomy.arm_muscles import (
    ARM_MUSCLES,
    ELBOW_CENTER,
    ELEVATION_AXIS,
    FOREARM,
    SHOULDER_CENTER,
    THORAX,
    UPPER_ARM,
)
from osim_nmscal.virtual_subject.anatomy.facts import Anatomy, Freedom, JointFacts, MarkerFacts, Segment, Vector, WrapSurface, slender

BODY_MASS = 75.0  # kg
# Parts of the body mass: upper arm; forearm and hand together. Source: de Leva (1996), table 4, men.
MASS_PARTS = {UPPER_ARM: 0.0271, FOREARM: 0.0162 + 0.0061}
DUMBBELL = "dumbbell"
DUMBBELL_MASS = 2.0  # kg
GRIP: Vector = (0.020, -0.330, 0.020)  # in the forearm
ELBOW_AXIS: Vector = (0.0494, 0.0366, 0.9981)

X, Y, Z = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)


def _turn(name: str, axis: Vector, low: float, high: float, default: float = 0.0) -> Freedom:
    return Freedom(name=name, kind="rotation", axis=axis, range=(low, high), default=default)


def _segments() -> tuple[Segment, ...]:
    rest = BODY_MASS * (1.0 - sum(MASS_PARTS.values()))
    upper, lower = (BODY_MASS * MASS_PARTS[name] for name in (UPPER_ARM, FOREARM))
    upper_length, lower_length = 0.290, 0.265
    return (
        Segment(
            name=THORAX,
            mass=rest,
            mass_center=(-0.05, -0.35, 0.0),
            inertia=(rest * 0.45**2, rest * 0.14**2, rest * 0.45**2),
            shape_center=(-0.05, -0.15, 0.0),
            shape_radii=(0.10, 0.20, 0.15),
        ),
        slender(
            UPPER_ARM,
            upper,
            upper_length,
            (0.002, -0.5772 * upper_length, -0.006),
            (0.285, 0.158, 0.269),
            shape_center=(0.0, -0.145, -0.005),
            shape_radii=(0.04, 0.15, 0.04),
        ),
        # forearm (mass centre 45.7 %) and a hand in a loose fist (0.06 m beyond the wrist): together at 67 % of the forearm
        slender(
            FOREARM,
            lower,
            lower_length,
            (0.010, -0.645 * lower_length, 0.015),
            (0.42, 0.13, 0.42),
            shape_center=(0.01, -0.15, 0.015),
            shape_radii=(0.03, 0.17, 0.03),
        ),
        Segment(
            name=DUMBBELL,
            mass=DUMBBELL_MASS,
            mass_center=(0.0, 0.0, 0.0),
            inertia=(DUMBBELL_MASS * 0.05**2, DUMBBELL_MASS * 0.05**2, DUMBBELL_MASS * 0.03**2),
            shape_center=(0.0, 0.0, 0.0),
            shape_radii=(0.025, 0.025, 0.08),
            grows=False,
        ),
    )


_JOINTS = (
    JointFacts(
        name="ground_thorax",
        parent="ground",
        child=THORAX,
        location=(0.0, 0.0, 0.0),
        freedoms=(
            _turn("thorax_tilt", Z, -90.0, 90.0),
            _turn("thorax_list", X, -90.0, 90.0),
            _turn("thorax_rotation", Y, -180.0, 180.0),
            Freedom(name="thorax_tx", kind="translation", axis=X, range=(-5.0, 5.0)),
            Freedom(name="thorax_ty", kind="translation", axis=Y, range=(-1.0, 3.0), default=1.4),
            Freedom(name="thorax_tz", kind="translation", axis=Z, range=(-5.0, 5.0)),
        ),
    ),
    JointFacts(
        name="shoulder_r",
        parent=THORAX,
        child=UPPER_ARM,
        location=SHOULDER_CENTER,
        freedoms=(_turn("shoulder_elevation_r", ELEVATION_AXIS, -15.0, 150.0), _turn("shoulder_rotation_r", Y, -90.0, 90.0)),
    ),
    JointFacts(
        name="elbow_r",
        parent=UPPER_ARM,
        child=FOREARM,
        location=ELBOW_CENTER,
        freedoms=(_turn("elbow_flexion_r", ELBOW_AXIS, -5.0, 150.0),),
    ),
    JointFacts(name="grip_r", parent=FOREARM, child=DUMBBELL, location=GRIP, freedoms=()),
)

# Orientation of both cylinders: the elbow's axis (2 degrees from z about y and x).
_ELBOW_TURN: Vector = (-2.1, 2.8, 0.0)
_SURFACES = (
    # head, tubercles and the deltoid's own depth
    WrapSurface(name="humeral_head", segment=UPPER_ARM, shape="sphere", center=(0.0, 0.0, 0.0), radius=0.026),
    WrapSurface(
        name="olecranon",
        segment=UPPER_ARM,
        shape="cylinder",
        center=ELBOW_CENTER,
        radius=0.018,
        length=0.08,
        orientation=_ELBOW_TURN,
        quadrant="-x",
    ),
    WrapSurface(
        name="trochlea",
        segment=UPPER_ARM,
        shape="cylinder",
        center=ELBOW_CENTER,
        radius=0.016,
        length=0.10,
        orientation=_ELBOW_TURN,
        quadrant="x",
    ),
)


def _markers(segment: str, **places: Vector) -> tuple[MarkerFacts, ...]:
    return tuple(MarkerFacts(name=name, segment=segment, location=place) for name, place in places.items())


_MARKERS = (
    *_markers(
        THORAX,
        INCI=(0.020, 0.000, 0.000),
        XIPH=(0.055, -0.160, 0.000),
        CER7=(-0.090, 0.060, 0.000),
        THO8=(-0.130, -0.150, 0.000),
        RCLV=(0.030, 0.025, 0.080),
        LCLV=(0.030, 0.025, -0.080),
    ),
    *_markers(
        UPPER_ARM,
        RDEL=(0.010, -0.030, 0.050),
        RUA1=(0.030, -0.120, 0.040),
        RUA2=(-0.010, -0.170, 0.050),
        RUA3=(0.035, -0.210, 0.030),
        REPL=(ELBOW_CENTER[0] + 0.0022, ELBOW_CENTER[1] + 0.0016, ELBOW_CENTER[2] + 0.044),
        REPM=(ELBOW_CENTER[0] - 0.0022, ELBOW_CENTER[1] - 0.0016, ELBOW_CENTER[2] - 0.044),
    ),
    *_markers(
        FOREARM,
        ROLE=(-0.035, 0.000, 0.000),
        RFA1=(0.020, -0.110, 0.055),
        RFA2=(-0.015, -0.150, 0.045),
        RWRR=(0.050, -0.250, 0.045),
        RWRU=(-0.020, -0.250, 0.025),
        RHA5=(0.020, -0.330, 0.020),
    ),
)

ARM = Anatomy(
    model_name="virtual_arm",
    credits=(
        "Built by osim_nmscal. Attachment points and architecture after Holzbaur et al. 2005 and Saul et al. 2015, masses after "
        "de Leva 1996. See models/PROVENANCE.md."
    ),
    segments=_segments(),
    joints=_JOINTS,
    surfaces=_SURFACES,
    muscles=ARM_MUSCLES,
    markers=_MARKERS,
    reference_pose={"shoulder_elevation_r": 30.0, "elbow_flexion_r": 45.0},
)
