"""The skeleton of the right leg of a man of 75 kg as tables of facts; the rest of the body is one rigid mass on the pelvis.

Sources: joint centres and the ankle's axis are those of Delp et al. (1990), IEEE TBME 37:757, as published in the model
gait2392 (CC BY 3.0), moved to our frames. Segment masses, mass centres and radii of gyration: de Leva (1996), J Biomech
29:1223 (men). Marker places: choice, palpable landmarks and shells as in common gait protocols.
Departures: the knee is one hinge through the centre that fits Delp's tibiofemoral track best from 0 to 70 degrees of flexion
(0.3 mm RMS, 0.7 mm at most); talus, heel and toes are one foot.
"""

from osim_nmscal.virtual_subject.anatomy.facts import Anatomy, Freedom, JointFacts, MarkerFacts, Segment, Vector, WrapSurface, slender
from osim_nmscal.virtual_subject.anatomy.leg_muscles import FOOT, LEG_MUSCLES, PELVIS, SHANK, THIGH

BODY_MASS = 75.0  # kg
# Parts of the body mass. Source: de Leva (1996), table 4, men.
MASS_PARTS = {THIGH: 0.1416, SHANK: 0.0433, FOOT: 0.0137}
HIP_CENTER: Vector = (0.0, 0.0, 0.0835)  # in the pelvis, whose origin lies midway between the hip centres
KNEE_CENTER: Vector = (-0.0085, -0.4079, 0.0)  # in the thigh
ANKLE_CENTER: Vector = (0.0040, -0.4179, 0.0)  # in the shank
ANKLE_AXIS: Vector = (-0.10501355, -0.17402245, 0.97912632)
# Sole of the foot, in the foot: heel pad, ball (metatarsal heads), tip of the toes. Source: choice, a foot of 0.25 m.
SOLE_POINTS: tuple[Vector, ...] = ((-0.050, -0.075, 0.0), (0.128, -0.072, 0.0), (0.185, -0.068, 0.0))


def _rest_of_body() -> Segment:
    """Return pelvis, trunk, arms, head and the left leg as one body; extent after de Leva's mean man, hanging legs included."""
    mass = BODY_MASS * (1.0 - sum(MASS_PARTS.values()))
    return Segment(
        name=PELVIS,
        mass=mass,
        mass_center=(-0.01, 0.16, -0.02),
        inertia=(mass * 0.40**2, mass * 0.13**2, mass * 0.40**2),
        shape_center=(-0.01, 0.08, 0.0),
        shape_radii=(0.08, 0.09, 0.14),
    )


def _leg_segments() -> tuple[Segment, ...]:
    thigh, shank, foot = (BODY_MASS * MASS_PARTS[name] for name in (THIGH, SHANK, FOOT))
    thigh_length, shank_length, foot_length = 0.408, 0.418, 0.250
    return (
        slender(
            THIGH,
            thigh,
            thigh_length,
            (-0.003, -0.4095 * thigh_length, 0.0),
            (0.329, 0.149, 0.329),
            shape_center=(0.0, -0.2, 0.0),
            shape_radii=(0.06, 0.2, 0.06),
        ),
        slender(
            SHANK,
            shank,
            shank_length,
            (0.002, -0.4395 * shank_length, 0.0),
            (0.251, 0.102, 0.246),
            shape_center=(0.0, -0.2, 0.0),
            shape_radii=(0.045, 0.2, 0.045),
        ),
        slender(
            FOOT,
            foot,
            foot_length,
            (-0.065 + 0.4415 * foot_length, -0.040, 0.0),
            (0.124, 0.245, 0.257),
            shape_center=(0.06, -0.045, 0.0),
            shape_radii=(0.125, 0.03, 0.04),
        ),
    )


def _turn(name: str, axis: Vector, low: float, high: float) -> Freedom:
    return Freedom(name=name, kind="rotation", axis=axis, range=(low, high))


X, Y, Z = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)

_JOINTS = (
    JointFacts(
        name="ground_pelvis",
        parent="ground",
        child=PELVIS,
        location=(0.0, 0.0, 0.0),
        freedoms=(
            _turn("pelvis_tilt", Z, -90.0, 90.0),
            _turn("pelvis_list", X, -90.0, 90.0),
            _turn("pelvis_rotation", Y, -180.0, 180.0),
            Freedom(name="pelvis_tx", kind="translation", axis=X, range=(-10.0, 10.0)),
            Freedom(name="pelvis_ty", kind="translation", axis=Y, range=(-1.0, 3.0), default=0.9),
            Freedom(name="pelvis_tz", kind="translation", axis=Z, range=(-5.0, 5.0)),
        ),
    ),
    JointFacts(
        name="hip_r",
        parent=PELVIS,
        child=THIGH,
        location=HIP_CENTER,
        freedoms=(
            _turn("hip_flexion_r", Z, -30.0, 110.0),
            _turn("hip_adduction_r", X, -45.0, 35.0),
            _turn("hip_rotation_r", Y, -40.0, 40.0),
        ),
    ),
    JointFacts(
        name="knee_r",
        parent=THIGH,
        child=SHANK,
        location=KNEE_CENTER,
        freedoms=(_turn("knee_flexion_r", (0.0, 0.0, -1.0), -10.0, 120.0),),
    ),
    JointFacts(
        name="ankle_r", parent=SHANK, child=FOOT, location=ANKLE_CENTER, freedoms=(_turn("ankle_dorsiflexion_r", ANKLE_AXIS, -50.0, 40.0),)
    ),
)

# Posterior femoral condyles, about the knee centre.
_SURFACES = tuple(
    WrapSurface(
        name=name,
        segment=THIGH,
        shape="cylinder",
        center=(KNEE_CENTER[0], KNEE_CENTER[1], z),
        radius=0.021,
        length=0.06,
        quadrant="-x",
    )
    for name, z in (("condyle_medial", -0.022), ("condyle_lateral", 0.024))
)


def _markers(segment: str, **places: Vector) -> tuple[MarkerFacts, ...]:
    return tuple(MarkerFacts(name=name, segment=segment, location=place) for name, place in places.items())


_MARKERS = (
    *_markers(
        PELVIS,
        RASI=(0.0807, 0.0661, 0.128),
        LASI=(0.0807, 0.0661, -0.128),
        RPSI=(-0.0900, 0.0850, 0.047),
        LPSI=(-0.0900, 0.0850, -0.047),
        RILC=(0.0100, 0.1350, 0.150),
        LILC=(0.0100, 0.1350, -0.150),
    ),
    *_markers(
        THIGH,
        RGTR=(-0.015, -0.010, 0.085),
        RTH1=(0.070, -0.180, 0.040),
        RTH2=(0.025, -0.220, 0.080),
        RTH3=(0.055, -0.280, 0.055),
        RKNL=(KNEE_CENTER[0], KNEE_CENTER[1], 0.058),
        RKNM=(KNEE_CENTER[0], KNEE_CENTER[1], -0.054),
    ),
    *_markers(
        SHANK,
        RFIB=(-0.020, -0.045, 0.052),
        RSH1=(0.045, -0.120, 0.015),
        RSH2=(0.005, -0.190, 0.055),
        RSH3=(0.040, -0.250, 0.020),
        RANL=(-0.006, -0.425, 0.042),
        RANM=(0.012, -0.410, -0.040),
    ),
    *_markers(
        FOOT,
        RHEE=(-0.070, -0.040, 0.000),
        RMT1=(0.115, -0.030, -0.035),
        RMT5=(0.090, -0.045, 0.055),
        RTOE=(0.165, -0.040, 0.010),
    ),
)

LEG = Anatomy(
    model_name="virtual_leg",
    credits=(
        "Built by osim_nmscal. Attachment points after Delp et al. 1990 (gait2392, CC BY 3.0), architecture after Ward et al. 2009, "
        "Handsfield et al. 2014, Arnold et al. 2010, Rajagopal et al. 2016, masses after de Leva 1996. See models/PROVENANCE.md."
    ),
    segments=(_rest_of_body(), *_leg_segments()),
    joints=_JOINTS,
    surfaces=_SURFACES,
    muscles=LEG_MUSCLES,
    markers=_MARKERS,
    reference_pose={},
)
