"""What a person does on a dynamometer: passive sweeps of one joint, and slow maximal efforts through its range.

The chair holds the other joints; the machine turns one at a constant speed, and measures the moment about it.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.virtual_subject.motion.prescribed import Motion

FloatArray = NDArray[np.float64]

# Before the sweep the joint is held, s: muscles come to full force, filters and fibers settle.
HOLD = 0.5
# The effort begins this long before the sweep, and rises over that time, s.
RISE_BEFORE, RISE = 0.4, 0.15


@dataclass(frozen=True, kw_only=True)
class Effort:
    """One run of the dynamometer."""

    name: str
    kind: Literal["passive", "maximal"]
    dof: str  # whose moment is measured
    start: float  # degrees
    end: float  # degrees
    speed: float  # degrees / s
    pose: dict[str, float]  # degrees, of the other joints
    agonists: tuple[str, ...] = ()  # pools that try their hardest


_PLANTAR = ("gastrocnemius_medialis", "gastrocnemius_lateralis", "soleus", "peronei", "deep_plantarflexors")
_QUADRICEPS = ("rectus_femoris", "vastus_medialis", "vastus_lateralis")
_HAMSTRINGS = ("medial_hamstrings", "lateral_hamstrings")
_ANKLE, _KNEE, _HIP = "ankle_dorsiflexion_r", "knee_flexion_r", "hip_flexion_r"


def _passive(name: str, dof: str, start: float, end: float, **pose: float) -> Effort:
    return Effort(name=f"passive_{name}", kind="passive", dof=dof, start=start, end=end, speed=45.0, pose=pose)


def _maximal(name: str, dof: str, start: float, end: float, agonists: tuple[str, ...], **pose: float) -> Effort:
    return Effort(name=f"maximal_{name}", kind="maximal", dof=dof, start=start, end=end, speed=60.0, pose=pose, agonists=agonists)


# Poses after Silder et al. (2007), J Biomech 40:2628, and common dynamometer chairs; agonists shorten.
LEG_EFFORTS = (
    _passive("ankle_straight", _ANKLE, -35.0, 18.0, knee_flexion_r=10.0, hip_flexion_r=10.0),
    _passive("ankle_bent", _ANKLE, -35.0, 25.0, knee_flexion_r=75.0, hip_flexion_r=60.0),
    _passive("knee_lying", _KNEE, 5.0, 100.0, hip_flexion_r=5.0),
    _passive("knee_sitting", _KNEE, 40.0, 110.0, hip_flexion_r=75.0),
    _passive("hip_straight", _HIP, -12.0, 50.0, knee_flexion_r=10.0),
    _passive("hip_bent", _HIP, -12.0, 80.0, knee_flexion_r=75.0),
    _maximal("plantar_straight", _ANKLE, 15.0, -30.0, _PLANTAR, knee_flexion_r=10.0, hip_flexion_r=60.0),
    _maximal("plantar_bent", _ANKLE, 15.0, -30.0, _PLANTAR, knee_flexion_r=75.0, hip_flexion_r=75.0),
    _maximal("dorsal", _ANKLE, -30.0, 15.0, ("dorsiflexors",), knee_flexion_r=40.0, hip_flexion_r=60.0),
    _maximal("extend_sitting", _KNEE, 95.0, 15.0, _QUADRICEPS, hip_flexion_r=80.0),
    _maximal("extend_lying", _KNEE, 95.0, 15.0, _QUADRICEPS, hip_flexion_r=10.0),
    _maximal("flex_sitting", _KNEE, 15.0, 90.0, (*_HAMSTRINGS, "sartorius"), hip_flexion_r=80.0),
    _maximal("flex_lying", _KNEE, 15.0, 90.0, (*_HAMSTRINGS, "sartorius"), hip_flexion_r=10.0),
    _maximal("hip_flex", _HIP, 0.0, 60.0, ("iliopsoas", "sartorius", "rectus_femoris", "tensor_fasciae_latae"), knee_flexion_r=75.0),
    _maximal("hip_extend", _HIP, 75.0, 5.0, ("gluteus_maximus", *_HAMSTRINGS), knee_flexion_r=30.0),
)


def effort_motion(effort: Effort, coordinates: tuple[str, ...], rate: float) -> Motion:
    """Return the joint angles of one run; it counts from 0 s on, held before.

    Args:
        effort: what is done.
        coordinates: of the model; those that the effort does not name are zero.
        rate: Hz.
    """
    moving = round(abs(effort.end - effort.start) / effort.speed * rate)
    time = np.arange(-round(HOLD * rate), moving + 1) / rate
    values = np.zeros((len(time), len(coordinates)))
    for name, angle in effort.pose.items():
        values[:, coordinates.index(name)] = np.radians(angle)
    share = np.clip(time / time[-1], 0.0, 1.0)
    values[:, coordinates.index(effort.dof)] = np.radians(effort.start + share * (effort.end - effort.start))
    return Motion(name=effort.name, time=time, coordinates=coordinates, values=values)


def effort_excitation(effort: Effort, time: FloatArray, pools: tuple[str, ...], random: np.random.Generator) -> FloatArray:
    """Return true excitations, (time, pool): none, or nearly all of the agonists and a little of the others.

    Args:
        effort: what is done.
        time: (time,), s.
        pools: names.
        random: how hard this person tries this time.
    """
    if effort.kind == "passive":
        return np.zeros((len(time), len(pools)))
    rise = np.clip((time + RISE_BEFORE) / RISE, 0.0, 1.0)
    level = np.array([random.uniform(0.85, 1.0) if pool in effort.agonists else random.uniform(0.01, 0.08) for pool in pools])
    return 0.01 + (0.5 - 0.5 * np.cos(np.pi * rise))[:, None] * (level - 0.01)
