"""Draw a person who differs from the generic model: size, mass, muscles, and how excitation becomes activation."""

import math
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.muscles import Muscle, MuscleTable
from osim_nmscal.data.results import NeuralParameters
from osim_nmscal.virtual_subject.anatomy.electrodes import Pool
from osim_nmscal.virtual_subject.anatomy.facts import Anatomy, MuscleFacts, Vector

FloatArray = NDArray[np.float64]

# Size of each segment and body mass against the generic model. Source: choice; about one standard deviation of adults.
SEGMENT_SPREAD, MASS_RANGE = 0.08, (0.82, 1.12)
# True optimal fiber length and tendon slack length against linear scaling. Source: choice; 10-12 % remain after scaling.
LENGTH_SPREAD, LENGTH_LIMIT = 0.11, 0.12
# Where on its curve a fiber works in the reference pose, against the generic model, in optimal fiber lengths. Source: choice.
WORKING_POINT_SPREAD = 0.05
STRENGTH_RANGE = (0.7, 1.4)
# Poles of Eq. 1 are -C1 and -C2; at 100 Hz 0.3 to 0.65 are time constants of 8 to 23 ms. Source: choice inside CEINMS's range.
NEURAL_RANGE, SHAPE_RANGE = (-0.65, -0.30), (-2.2, -0.2)
# Source: Hambly et al. (2025), Eq. 1.
ELECTROMECHANICAL_DELAY = 0.035


@dataclass(frozen=True, kw_only=True)
class Build:
    """Size and mass."""

    factors: dict[str, Vector]  # per segment, along x, y, z
    mass: float  # kg


@dataclass(frozen=True, kw_only=True)
class TrueMuscles:
    """What a calibration should find."""

    muscles: MuscleTable
    strength_coefficient: FloatArray  # (muscle,), true over generic max isometric force
    neural: NeuralParameters
    # (muscle,): true moment arm over that of the linearly scaled geometry; (1,) for all
    moment_arm_factor: FloatArray = field(default_factory=lambda: np.ones(1))


def draw_build(anatomy: Anatomy, random: np.random.Generator) -> Build:
    """Return a person's size and mass; the root segment's width, depth and height differ, limbs scale evenly."""
    factors: dict[str, Vector] = {}
    for index, segment in enumerate(anatomy.segments):
        drawn = 1.0 + random.uniform(-SEGMENT_SPREAD, SEGMENT_SPREAD, 3)
        if not segment.grows:
            drawn[:] = 1.0
        root = index == 0
        factors[segment.name] = (float(drawn[0]), float(drawn[0]), float(drawn[2] if root else drawn[0]))
    return Build(factors=factors, mass=anatomy.mass * float(random.uniform(*MASS_RANGE)))


def draw_muscles(
    scaled: MuscleTable,
    anatomy: Anatomy,
    pools: tuple[Pool, ...],
    strength_groups: dict[str, tuple[str, ...]],
    *,
    time_step: float,
    random: np.random.Generator,
) -> TrueMuscles:
    """Return the true muscles of a person whose geometry is the scaled generic model's.

    Args:
        scaled: the linearly scaled generic muscles, in the order of `anatomy.muscles`.
        anatomy: of the generic model.
        pools: muscles of one pool share C1, C2 and the shape factor.
        strength_groups: pools of one group share a strength coefficient.
        time_step: s, that C1 and C2 belong to.
        random: source of randomness.
    """
    low, high = (math.log(limit) for limit in STRENGTH_RANGE)
    group_strength = {pool: strength for pools_ in strength_groups.values() for strength in [random.uniform(low, high)] for pool in pools_}
    owner = {muscle: pool.name for pool in pools for muscle in pool.muscles}
    neural = {pool.name: (random.uniform(*NEURAL_RANGE), random.uniform(*NEURAL_RANGE), random.uniform(*SHAPE_RANGE)) for pool in pools}
    strength = np.array([math.exp(group_strength[owner[name]]) for name in scaled.names])
    lengths = [_draw_lengths(muscle, facts, random) for muscle, facts in zip(scaled.muscles, anatomy.muscles, strict=True)]
    drawn = np.array([neural[owner[name]] for name in scaled.names])
    return TrueMuscles(
        muscles=MuscleTable(
            muscles=tuple(
                replace(muscle, max_isometric_force=muscle.max_isometric_force * float(factor))
                for muscle, factor in zip(lengths, strength, strict=True)
            )
        ),
        strength_coefficient=strength,
        neural=NeuralParameters(
            c1=drawn[:, 0],
            c2=drawn[:, 1],
            shape_factor=drawn[:, 2],
            electromechanical_delay=ELECTROMECHANICAL_DELAY,
            time_step=time_step,
        ),
    )


def _draw_lengths(scaled: Muscle, facts: MuscleFacts, random: np.random.Generator) -> Muscle:
    """Return a muscle with other lengths whose fiber still works where fibers do.

    The tendon is not drawn freely: 10 % of a long tendon is more than the whole range of its fibers. It follows from the fiber
    length and from where the fiber works in the reference pose; both departures shrink until the tendon's is within its limit.
    """
    fiber, point = random.uniform(-LENGTH_SPREAD, LENGTH_SPREAD), random.uniform(-WORKING_POINT_SPREAD, WORKING_POINT_SPREAD)
    sine = math.sin(scaled.pennation_angle_at_optimal)
    neutral = facts.neutral_fiber_length
    mtu = scaled.tendon_slack_length + scaled.optimal_fiber_length * math.sqrt(neutral**2 - sine**2)
    for shrink in (0.85**step for step in range(60)):
        optimal = scaled.optimal_fiber_length * (1.0 + shrink * fiber)
        slack = mtu - optimal * math.sqrt((neutral + shrink * point) ** 2 - sine**2)
        if abs(slack / scaled.tendon_slack_length - 1.0) <= LENGTH_LIMIT:
            break
    return replace(scaled, optimal_fiber_length=optimal, tendon_slack_length=slack)
