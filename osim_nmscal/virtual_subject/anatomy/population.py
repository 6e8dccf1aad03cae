"""Draw a person from a wide population: as far from the scaled generic model as people plausibly are, in everything a calibration meets.

`person.draw_muscles` draws the demonstration's person inside narrow limits. Here lengths, strengths and activation dynamics differ as
much as literature and real recordings say, and what a calibration holds fixed differs as well: moment arms, tendon strain, and
the muscle's curves. A calibration that is honest about this population is honest about people.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.muscles import Millard2012Properties, Muscle, MuscleTable
from osim_nmscal.data.results import NeuralParameters
from osim_nmscal.errors import MuscleModelError
from osim_nmscal.virtual_subject.anatomy.electrodes import Pool
from osim_nmscal.virtual_subject.anatomy.facts import Anatomy, MuscleFacts
from osim_nmscal.virtual_subject.anatomy.person import ELECTROMECHANICAL_DELAY, SHAPE_RANGE, TrueMuscles

FloatArray = NDArray[np.float64]

# Draws beyond this many standard deviations are drawn again: nobody has a fiber of half the length.
_MOST_DEVIATIONS = 2.0
_MOST_DRAWS = 500


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Standard deviations (log: of the natural logarithm) around the linearly scaled generic model."""

    # Source: Ward et al. (2009), Clin Orthop 467:1074: SD / mean 0.11-0.27 with body size in it; 0.10-0.15 remain.
    fiber_length: float = 0.12  # log
    # Normalized fiber length in the reference pose. Source: assumption; sarcomere lengths in Ward et al. spread by several per cent.
    working_point: float = 0.08
    # Tendon slack length against the scaled one stays within; what is drawn beyond is drawn again. Source: choice.
    slack_limit: float = 0.30
    # Together 0.27. Source: Handsfield et al. (2014), J Biomech 47:631: people differ from the regression by 15-20 % per muscle, and
    # specific tension and effort by more.
    group_strength: float = 0.25  # log, common to the pools of a strength group
    own_strength: float = 0.10  # log, of each muscle
    # Source: assumption; generic moment arms miss personal ones by 5-10 %.
    moment_arm: float = 0.07  # log, one factor per muscle, at every joint that it crosses
    tendon_strain: tuple[float, float] = (0.03, 0.07)  # at one norm force, uniform. Source: choice
    # Both time constants of Eq. 1, log-uniform. Source: real recordings ask for 15-60 ms where the filter is free.
    time_constant: tuple[float, float] = (0.015, 0.060)  # s
    # Curves. Source: choice; about what published muscle models differ by.
    active_width: float = 0.07
    passive_strain: float = 0.10
    eccentric_force: float = 0.05
    contraction_velocity: float = 0.15  # log
    pennation: float = 0.10  # log


WIDE = Spread()


def draw_wide_muscles(
    scaled: MuscleTable,
    anatomy: Anatomy,
    pools: tuple[Pool, ...],
    strength_groups: dict[str, tuple[str, ...]],
    *,
    time_step: float,
    random: np.random.Generator,
    spread: Spread = WIDE,
) -> TrueMuscles:
    """Return the true muscles of a person of the wide population.

    Args:
        scaled: the generic muscles scaled to the person's true size, in the order of `anatomy.muscles`; Millard muscles.
        anatomy: of the generic model.
        pools: muscles of one pool share their activation dynamics and their curves.
        strength_groups: pools of one group share most of their strength.
        time_step: s, that C1 and C2 belong to.
        random: source of randomness.
        spread: of the population.

    Raises:
        MuscleModelError: a muscle is of another class.
    """
    group = {pool: drawn for pools_ in strength_groups.values() for drawn in [_normal(random, spread.group_strength)] for pool in pools_}
    owner = {muscle: pool.name for pool in pools for muscle in pool.muscles}
    low, high = (math.log(limit) for limit in spread.time_constant)
    filters = {pool.name: np.exp(random.uniform(low, high, 2)) for pool in pools}
    shapes = {pool.name: random.uniform(*SHAPE_RANGE) for pool in pools}
    first = {pool.name: scaled.muscles[scaled.index(pool.muscles[0])] for pool in pools}
    shared = {
        pool: (_draw_curves(muscle, spread, random), math.exp(_normal(random, spread.contraction_velocity)))
        for pool, muscle in first.items()
    }
    muscles, strengths = [], []
    for muscle, facts in zip(scaled.muscles, anatomy.muscles, strict=True):
        strength = math.exp(group[owner[muscle.name]] + _normal(random, spread.own_strength))
        drawn = _draw_lengths(muscle, facts, spread, random)
        curves, velocity = shared[owner[muscle.name]]
        drawn = replace(drawn, properties=curves, max_contraction_velocity=muscle.max_contraction_velocity * velocity)
        muscles.append(replace(drawn, max_isometric_force=muscle.max_isometric_force * strength))
        strengths.append(strength)
    poles = np.array([-np.exp(-time_step / filters[owner[name]]) for name in scaled.names])
    return TrueMuscles(
        muscles=MuscleTable(muscles=tuple(muscles)),
        strength_coefficient=np.array(strengths),
        neural=NeuralParameters(
            c1=poles[:, 0],
            c2=poles[:, 1],
            shape_factor=np.array([shapes[owner[name]] for name in scaled.names]),
            electromechanical_delay=ELECTROMECHANICAL_DELAY,
            time_step=time_step,
        ),
        moment_arm_factor=np.exp([_normal(random, spread.moment_arm) for _ in scaled.names]),
    )


def reference_mtu_lengths(scaled: MuscleTable, anatomy: Anatomy) -> FloatArray:
    """Return each muscle's MTU length in the reference pose, (muscle,), m, of a linearly scaled generic model."""
    lengths = [
        muscle.tendon_slack_length + muscle.optimal_fiber_length * _along(facts.neutral_fiber_length, muscle)
        for muscle, facts in zip(scaled.muscles, anatomy.muscles, strict=True)
    ]
    return np.array(lengths)


def _normal(random: np.random.Generator, deviation: float) -> float:
    """Return a normal deviate within `_MOST_DEVIATIONS`."""
    while True:
        drawn = float(random.normal())
        if abs(drawn) <= _MOST_DEVIATIONS:
            return drawn * deviation


def _along(normalized_fiber_length: float, muscle: Muscle) -> float:
    """Return the fiber's length along the tendon in optimal fiber lengths; its height is constant."""
    return math.sqrt(max(normalized_fiber_length**2 - math.sin(muscle.pennation_angle_at_optimal) ** 2, 1e-4))


def _draw_lengths(scaled: Muscle, facts: MuscleFacts, spread: Spread, random: np.random.Generator) -> Muscle:
    """Return a muscle with another fiber length, working point and pennation; slack follows and is drawn again if implausible."""
    neutral = facts.neutral_fiber_length
    mtu = scaled.tendon_slack_length + scaled.optimal_fiber_length * _along(neutral, scaled)
    for _ in range(_MOST_DRAWS):
        angle = scaled.pennation_angle_at_optimal * math.exp(_normal(random, spread.pennation))
        drawn = replace(
            scaled,
            optimal_fiber_length=scaled.optimal_fiber_length * math.exp(_normal(random, spread.fiber_length)),
            pennation_angle_at_optimal=angle,
        )
        slack = mtu - drawn.optimal_fiber_length * _along(neutral + _normal(random, spread.working_point), drawn)
        if abs(slack / scaled.tendon_slack_length - 1.0) <= spread.slack_limit:
            return replace(drawn, tendon_slack_length=slack)
    raise MuscleModelError(
        f"Muscle {scaled.name!r} got no tendon slack length within {spread.slack_limit:.0%} of {scaled.tendon_slack_length:.4f} m in "
        f"{_MOST_DRAWS} draws; widen slack_limit."
    )


def _draw_curves(muscle: Muscle, spread: Spread, random: np.random.Generator) -> Millard2012Properties:
    """Return another tendon strain and other curves."""
    curves = muscle.properties
    if not isinstance(curves, Millard2012Properties):
        raise MuscleModelError(f"Muscle {muscle.name!r} is a {muscle.muscle_class}; the wide population is made of Millard muscles.")
    width = 1.0 + _normal(random, spread.active_width)
    eccentric = 1.0 + _normal(random, spread.eccentric_force)
    return replace(
        curves,
        min_norm_active_fiber_length=1.0 - width * (1.0 - curves.min_norm_active_fiber_length),
        transition_norm_fiber_length=1.0 - width * (1.0 - curves.transition_norm_fiber_length),
        max_norm_active_fiber_length=1.0 + width * (curves.max_norm_active_fiber_length - 1.0),
        shallow_ascending_slope=curves.shallow_ascending_slope / width,
        strain_at_one_norm_force=curves.strain_at_one_norm_force * (1.0 + _normal(random, spread.passive_strain)),
        max_eccentric_velocity_force_multiplier=curves.max_eccentric_velocity_force_multiplier * eccentric,
        tendon_strain_at_one_norm_force=float(random.uniform(*spread.tendon_strain)),
    )
