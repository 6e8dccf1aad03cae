"""The virtual leg as `make` sees it: treadmill walking at three speeds, 14 electrodes."""

import numpy as np

from osim_nmscal.virtual_subject.anatomy.electrodes import LEG_POOLS, LEG_STRENGTH_GROUPS
from osim_nmscal.virtual_subject.anatomy.leg import FOOT, LEG, PELVIS, SHANK, THIGH
from osim_nmscal.virtual_subject.anatomy.person import Build
from osim_nmscal.virtual_subject.limb import Limb, Measurement
from osim_nmscal.virtual_subject.motion.efforts import LEG_EFFORTS
from osim_nmscal.virtual_subject.motion.gait import LEG_COORDINATES, Walker, walk
from osim_nmscal.virtual_subject.motion.prescribed import Motion

# m/s. Source: choice, slow to brisk walking.
SPEEDS = {"walk_slow": 0.9, "walk_normal": 1.2, "walk_fast": 1.5}
# Right stances in each recording: the first calibrates, the others are held out.
STRIDES = 4


def _walks(build: Build, rate: float, variation: float, random: np.random.Generator) -> tuple[Motion, ...]:
    walker = Walker(
        mass=build.mass,
        pelvis_scale=build.factors[PELVIS],
        thigh_scale=build.factors[THIGH][0],
        shank_scale=build.factors[SHANK][0],
        foot_scale=build.factors[FOOT][0],
    )
    return tuple(
        walk(walker, speed, name=name, strides=STRIDES, rate=rate, variation=variation, random=random) for name, speed in SPEEDS.items()
    )


LEG_LIMB = Limb(
    kind="leg",
    anatomy=LEG,
    pools=LEG_POOLS,
    strength_groups=LEG_STRENGTH_GROUPS,
    dofs=LEG_COORDINATES,
    # hip rotation: small moments, which no model of the field meets well
    dof_weights=tuple(0.1 if dof == "hip_rotation_r" else 1.0 for dof in LEG_COORDINATES),
    calibrated_dofs=("hip_flexion_r", "knee_flexion_r", "ankle_dorsiflexion_r"),
    contact_body=FOOT,
    synergies=5,
    measurements=(
        Measurement(segment=PELVIS, axes="XY", pairs=(("RASI", "RPSI"), ("LASI", "LPSI"))),
        Measurement(segment=PELVIS, axes="Z", pairs=(("RASI", "LASI"), ("RILC", "LILC"))),
        Measurement(segment=THIGH, axes="XYZ", pairs=(("RGTR", "RKNL"), ("RGTR", "RKNM"))),
        Measurement(segment=SHANK, axes="XYZ", pairs=(("RFIB", "RANL"), ("RFIB", "RANM"))),
        Measurement(segment=FOOT, axes="XYZ", pairs=(("RHEE", "RTOE"), ("RHEE", "RMT5"))),
    ),
    static_pose={"hip_flexion_r": 3.0, "knee_flexion_r": 4.0, "ankle_dorsiflexion_r": 2.0, "pelvis_tilt": -2.0, "pelvis_ty": 0.9},
    motions=_walks,
    segmentation={name: {"method": "stance", "force_column": "ground_force_r_vy"} for name in SPEEDS},
    efforts=LEG_EFFORTS,
)
