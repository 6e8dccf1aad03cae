"""Which muscles share a drive, and over which of them an electrode lies.

Muscles of one pool get the same excitation, as heads of one muscle or close synergists do; so a channel over one of them
stands for all. Pools without a channel lie too deep for a surface electrode or have none in common protocols.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.errors import MuscleModelError


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Muscles with one common excitation."""

    name: str
    muscles: tuple[str, ...]
    channel: str = ""  # of the electrode; "" if none


def _pool(name: str, channel: str, *muscles: str) -> Pool:
    return Pool(name=name, channel=channel, muscles=tuple(f"{muscle}_r" for muscle in muscles))


_GLUTEUS_MAXIMUS = ("gluteus_maximus_superior", "gluteus_maximus_middle", "gluteus_maximus_inferior")
_ABDUCTORS = tuple(f"gluteus_{muscle}_{part}" for muscle in ("medius", "minimus") for part in ("anterior", "middle", "posterior"))
_ADDUCTORS = ("adductor_longus", "adductor_brevis", "adductor_magnus_proximal", "adductor_magnus_middle", "adductor_magnus_ischial")

# 14 channels, as in Hambly et al. (2025); the hip flexors have none.
LEG_POOLS = (
    _pool("gluteus_maximus", "GMAX", *_GLUTEUS_MAXIMUS),
    _pool("abductors", "GMED", *_ABDUCTORS),
    _pool("tensor_fasciae_latae", "TFL", "tensor_fasciae_latae"),
    _pool("adductors", "ADD", *_ADDUCTORS, "gracilis"),
    _pool("medial_hamstrings", "SEMI", "semimembranosus", "semitendinosus"),
    _pool("lateral_hamstrings", "BF", "biceps_femoris_long", "biceps_femoris_short"),
    _pool("rectus_femoris", "RF", "rectus_femoris"),
    _pool("vastus_medialis", "VM", "vastus_medialis", "vastus_intermedius"),
    _pool("vastus_lateralis", "VL", "vastus_lateralis"),
    _pool("gastrocnemius_medialis", "GM", "gastrocnemius_medialis"),
    _pool("gastrocnemius_lateralis", "GL", "gastrocnemius_lateralis"),
    _pool("soleus", "SOL", "soleus"),
    _pool("dorsiflexors", "TA", "tibialis_anterior", "extensor_digitorum_longus", "extensor_hallucis_longus"),
    _pool("peronei", "PER", "peroneus_longus", "peroneus_brevis"),
    _pool("iliopsoas", "", "iliacus", "psoas"),
    _pool("sartorius", "", "sartorius"),
    _pool("deep_plantarflexors", "", "tibialis_posterior", "flexor_hallucis_longus"),
)

# Strength differs between people by muscle group, not by head. Pools of one group share a strength coefficient.
LEG_STRENGTH_GROUPS: dict[str, tuple[str, ...]] = {
    "hip_extensors": ("gluteus_maximus",),
    "hip_abductors": ("abductors", "tensor_fasciae_latae"),
    "hip_adductors": ("adductors",),
    "hip_flexors": ("iliopsoas", "sartorius"),
    "hamstrings": ("medial_hamstrings", "lateral_hamstrings"),
    "quadriceps": ("rectus_femoris", "vastus_medialis", "vastus_lateralis"),
    "triceps_surae": ("gastrocnemius_medialis", "gastrocnemius_lateralis", "soleus"),
    "dorsiflexors": ("dorsiflexors",),
    "deep_plantarflexors": ("deep_plantarflexors", "peronei"),
}

# 11 channels, as in Hambly et al. (2025); the deep ones have none.
ARM_POOLS = (
    _pool("deltoid_anterior", "DA", "deltoid_anterior"),
    _pool("deltoid_middle", "DM", "deltoid_middle"),
    _pool("deltoid_posterior", "DP", "deltoid_posterior"),
    _pool("pectoralis_clavicular", "PMC", "pectoralis_clavicular"),
    _pool("pectoralis_sternal", "PMS", "pectoralis_sternal"),
    _pool("latissimus", "LD", "latissimus_dorsi", "teres_major"),
    _pool("outward_rotators", "IS", "infraspinatus", "teres_minor"),
    _pool("biceps", "BB", "biceps_long", "biceps_short"),
    _pool("triceps_long", "TLO", "triceps_long"),
    _pool("triceps_heads", "TLA", "triceps_lateral", "triceps_medial"),
    _pool("brachioradialis", "BRD", "brachioradialis"),
    _pool("supraspinatus", "", "supraspinatus"),
    _pool("subscapularis", "", "subscapularis"),
    _pool("coracobrachialis", "", "coracobrachialis"),
    _pool("brachialis", "", "brachialis"),
)

ARM_STRENGTH_GROUPS: dict[str, tuple[str, ...]] = {
    "deltoid": ("deltoid_anterior", "deltoid_middle", "deltoid_posterior"),
    "pectoralis": ("pectoralis_clavicular", "pectoralis_sternal"),
    "latissimus": ("latissimus",),
    "rotator_cuff": ("outward_rotators", "supraspinatus", "subscapularis"),
    "elbow_flexors": ("biceps", "brachialis", "brachioradialis", "coracobrachialis"),
    "triceps": ("triceps_long", "triceps_heads"),
}


def sharing(pools: tuple[Pool, ...], muscles: tuple[str, ...]) -> NDArray[np.float64]:
    """Return which muscle gets the drive of which pool, (pool, muscle), zeros and ones; every muscle has one pool.

    Args:
        pools: of the limb.
        muscles: of the model.

    Raises:
        MuscleModelError: a muscle has no pool, or several.
    """
    matrix = np.array([[float(muscle in pool.muscles) for muscle in muscles] for pool in pools])
    lost = [muscle for muscle, pools_ in zip(muscles, matrix.sum(axis=0), strict=True) if pools_ != 1.0]
    if lost:
        raise MuscleModelError(f"Muscle {lost[0]!r} is in no pool or in several; every muscle needs exactly one.")
    return matrix
