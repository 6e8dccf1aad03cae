"""What differs between a virtual leg and a virtual arm: tables, motions, and what a laboratory would do with them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from osim_nmscal.virtual_subject.anatomy.electrodes import Pool
from osim_nmscal.virtual_subject.anatomy.facts import Anatomy
from osim_nmscal.virtual_subject.anatomy.person import Build
from osim_nmscal.virtual_subject.motion.efforts import Effort
from osim_nmscal.virtual_subject.motion.prescribed import Motion

# The package's own defaults, which a configuration need not state.
USUAL_ENVELOPE_CUTOFF, USUAL_ERROR_TIME = 5.0, 0.08


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """How the scale tool finds the size of a segment: marker pairs, and the axes that they scale."""

    segment: str
    axes: str  # e.g. "XYZ"
    pairs: tuple[tuple[str, str], ...]


# build, rate (Hz), variation, randomness -> the recordings of a session
MotionMaker = Callable[[Build, float, float, np.random.Generator], tuple[Motion, ...]]


@dataclass(frozen=True, kw_only=True)
class Limb:
    """Everything that `make` needs to know of a limb."""

    kind: str
    anatomy: Anatomy
    pools: tuple[Pool, ...]
    strength_groups: dict[str, tuple[str, ...]]
    dofs: tuple[str, ...]  # whose moments the muscles must produce
    dof_weights: tuple[float, ...]
    calibrated_dofs: tuple[str, ...]  # as in Hambly et al. (2025)
    contact_body: str  # "" if nothing touches the person
    synergies: int
    measurements: tuple[Measurement, ...]
    static_pose: dict[str, float]  # degrees, m
    motions: MotionMaker
    segmentation: dict[str, dict[str, object]]  # recording -> keys of its [recordings.segmentation]
    efforts: tuple[Effort, ...] = ()  # of a session on the dynamometer
    # what the laboratory sets to the pace of the movements; defaults: walking
    moment_cutoff: float = 12.0  # Hz, of inverse dynamics
    envelope_cutoff: float = USUAL_ENVELOPE_CUTOFF  # Hz, of EMG
    error_time: float = USUAL_ERROR_TIME  # s, over which errors of moments repeat themselves
