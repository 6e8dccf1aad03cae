"""The virtual arm as `make` sees it: cycles of abduction, rotation and elbow flexion, 11 electrodes.

The kinds of movement are those of Hambly et al. (2025); ranges and tempo are choices inside the range of motion. Every recording
moves the whole arm, slowly, with a load in the hand: electrodes scatter by a tenth of what a muscle does, so that moments can be told
from EMG only about joints whose net moment changes by more than that (docs/natural_prior.md).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.virtual_subject.anatomy.arm import ARM, FOREARM, THORAX, UPPER_ARM
from osim_nmscal.virtual_subject.anatomy.electrodes import ARM_POOLS, ARM_STRENGTH_GROUPS
from osim_nmscal.virtual_subject.anatomy.person import Build
from osim_nmscal.virtual_subject.limb import Limb, Measurement
from osim_nmscal.virtual_subject.motion.prescribed import PREROLL, Motion, wander

FloatArray = NDArray[np.float64]

ARM_DOFS = ("shoulder_elevation_r", "shoulder_rotation_r", "elbow_flexion_r")
THORAX_COORDINATES = ("thorax_tilt", "thorax_list", "thorax_rotation", "thorax_tx", "thorax_ty", "thorax_tz")
# Whole cycles in each recording: the first calibrates, the others are held out.
CYCLES = 3
# Slow enough that inertia does not take from the shoulder what gravity adds to it as the arm rises. Source: choice.
CYCLE_TIME = 2.8  # s
# A recording begins this part of a cycle before the first turning point, and ends this part after the last: at the far end, so
# that every turning point stands out.
BEFORE, AFTER = 0.5, 0.5
# What one cycle differs from the next.
RANGE_SPREAD, OFFSET_SPREAD, TEMPO_SPREAD = 0.05, 1.5, 0.02


@dataclass(frozen=True, kw_only=True)
class Task:
    """One kind of movement: where each joint goes between (at the turning points) and (half a cycle later), degrees."""

    moving: str
    rest: dict[str, float]
    peak: dict[str, float]


TASKS: dict[str, Task] = {
    "abduction": Task(
        moving="shoulder_elevation_r",
        rest={"shoulder_elevation_r": 12.0, "shoulder_rotation_r": -2.0, "elbow_flexion_r": 105.0},
        peak={"shoulder_elevation_r": 90.0, "shoulder_rotation_r": 28.0, "elbow_flexion_r": 50.0},
    ),
    "rotation": Task(
        moving="shoulder_rotation_r",
        rest={"shoulder_elevation_r": 46.0, "shoulder_rotation_r": -57.0, "elbow_flexion_r": 58.0},
        peak={"shoulder_elevation_r": 75.0, "shoulder_rotation_r": 42.0, "elbow_flexion_r": 110.0},
    ),
    "elbow_flexion": Task(
        moving="elbow_flexion_r",
        rest={"shoulder_elevation_r": 68.0, "shoulder_rotation_r": -50.0, "elbow_flexion_r": 12.0},
        peak={"shoulder_elevation_r": 78.0, "shoulder_rotation_r": 25.0, "elbow_flexion_r": 105.0},
    ),
}


def _movements(build: Build, rate: float, variation: float, random: np.random.Generator) -> tuple[Motion, ...]:
    return tuple(_move(name, task, rate, variation, random) for name, task in TASKS.items())


def _move(name: str, task: Task, rate: float, variation: float, random: np.random.Generator) -> Motion:
    count = round((CYCLES + BEFORE + AFTER) * CYCLE_TIME * rate) + 1
    time = np.arange(-round(PREROLL * rate), count) / rate
    phase = time / CYCLE_TIME - BEFORE + wander(time, variation * TEMPO_SPREAD, CYCLE_TIME, random)[:, 0]
    share = 0.5 - 0.5 * np.cos(2.0 * np.pi * phase)
    columns: dict[str, FloatArray] = {}
    for dof in ARM_DOFS:
        drift = variation * wander(time, 1.0, CYCLE_TIME, random, 2)
        span = task.peak[dof] - task.rest[dof]
        columns[dof] = np.radians(task.rest[dof] + span * share * (1.0 + RANGE_SPREAD * drift[:, 0]) + OFFSET_SPREAD * drift[:, 1])
    sway = variation * wander(time, 1.0, 1.0, random, 6) * np.array([0.01, 0.01, 0.01, 0.004, 0.002, 0.004])
    trunk = dict(zip(THORAX_COORDINATES, (sway + np.array([0.0, 0.0, 0.0, 0.0, 1.4, 0.0])).T, strict=True))
    trunk["thorax_list"] = trunk["thorax_list"] - 0.1 * (columns["shoulder_elevation_r"] - 0.2)  # one leans away from a raised arm
    values = np.column_stack([trunk[name] for name in THORAX_COORDINATES] + [columns[dof] for dof in ARM_DOFS])
    return Motion(name=name, time=time, coordinates=THORAX_COORDINATES + ARM_DOFS, values=values)


ARM_LIMB = Limb(
    kind="arm",
    anatomy=ARM,
    pools=ARM_POOLS,
    strength_groups=ARM_STRENGTH_GROUPS,
    dofs=ARM_DOFS,
    dof_weights=(1.0, 1.0, 1.0),
    calibrated_dofs=ARM_DOFS,
    contact_body="",
    synergies=5,
    measurements=(
        Measurement(segment=THORAX, axes="XY", pairs=(("INCI", "XIPH"), ("INCI", "CER7"), ("CER7", "THO8"))),
        Measurement(segment=THORAX, axes="Z", pairs=(("RCLV", "LCLV"),)),
        Measurement(segment=UPPER_ARM, axes="XYZ", pairs=(("RDEL", "REPL"), ("RDEL", "REPM"))),
        Measurement(segment=FOREARM, axes="XYZ", pairs=(("ROLE", "RWRR"), ("ROLE", "RWRU"))),
    ),
    static_pose={"shoulder_elevation_r": 12.0, "elbow_flexion_r": 15.0, "thorax_ty": 1.4},
    motions=_movements,
    segmentation={name: {"method": "cycle", "coordinate": task.moving, "peak": "minimum"} for name, task in TASKS.items()},
    moment_cutoff=6.0,
    envelope_cutoff=3.0,
    error_time=0.2,
)
