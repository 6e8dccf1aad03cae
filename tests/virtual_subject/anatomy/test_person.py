"""A drawn person against what was promised of them."""

import numpy as np
import pytest

from osim_nmscal.data.muscles import Muscle, MuscleTable
from osim_nmscal.errors import MuscleModelError
from osim_nmscal.virtual_subject.anatomy.arm import ARM
from osim_nmscal.virtual_subject.anatomy.electrodes import (
    ARM_POOLS,
    ARM_STRENGTH_GROUPS,
    LEG_POOLS,
    LEG_STRENGTH_GROUPS,
    Pool,
    sharing,
)
from osim_nmscal.virtual_subject.anatomy.facts import Anatomy
from osim_nmscal.virtual_subject.anatomy.leg import LEG
from osim_nmscal.virtual_subject.anatomy.person import TrueMuscles, draw_build, draw_muscles

LIMBS = [(LEG, LEG_POOLS, LEG_STRENGTH_GROUPS), (ARM, ARM_POOLS, ARM_STRENGTH_GROUPS)]


def _generic(anatomy: Anatomy) -> MuscleTable:
    return MuscleTable(
        muscles=tuple(
            Muscle(
                name=facts.name,
                max_isometric_force=facts.max_isometric_force,
                optimal_fiber_length=facts.optimal_fiber_length,
                tendon_slack_length=1.2 * facts.optimal_fiber_length,
                pennation_angle_at_optimal=facts.pennation_angle,
            )
            for facts in anatomy.muscles
        )
    )


def _draw(limb: tuple[Anatomy, tuple[Pool, ...], dict[str, tuple[str, ...]]], seed: int) -> tuple[MuscleTable, TrueMuscles]:
    anatomy, pools, groups = limb
    generic = _generic(anatomy)
    return generic, draw_muscles(generic, anatomy, pools, groups, time_step=0.01, random=np.random.default_rng(seed))


@pytest.mark.parametrize("limb", LIMBS, ids=["leg", "arm"])
@pytest.mark.parametrize("seed", range(5))
def test_true_lengths_lie_within_twelve_percent_and_strengths_between_0_7_and_1_4(
    limb: tuple[Anatomy, tuple[Pool, ...], dict[str, tuple[str, ...]]], seed: int
) -> None:
    generic, true = _draw(limb, seed)
    for name in ("optimal_fiber_length", "tendon_slack_length"):
        ratio = true.muscles.values(name) / generic.values(name)
        assert np.abs(ratio - 1.0).max() <= 0.12 + 1e-12
        assert ratio.std() > 0.02
    strength = true.muscles.values("max_isometric_force") / generic.values("max_isometric_force")
    np.testing.assert_allclose(strength, true.strength_coefficient)
    assert strength.min() >= 0.7
    assert strength.max() <= 1.4


def test_true_fibers_still_work_near_where_published_ones_do() -> None:
    generic, true = _draw(LIMBS[0], 1)
    for facts, start, muscle in zip(LEG.muscles, generic.muscles, true.muscles.muscles, strict=True):
        sine = np.sin(facts.pennation_angle)
        mtu = start.tendon_slack_length + start.optimal_fiber_length * np.sqrt(facts.neutral_fiber_length**2 - sine**2)
        fiber = np.hypot((mtu - muscle.tendon_slack_length) / muscle.optimal_fiber_length, sine)
        assert abs(fiber - facts.neutral_fiber_length) <= 0.05 + 1e-9


@pytest.mark.parametrize("limb", LIMBS, ids=["leg", "arm"])
def test_every_muscle_has_one_pool_and_every_pool_one_strength_group(
    limb: tuple[Anatomy, tuple[Pool, ...], dict[str, tuple[str, ...]]],
) -> None:
    anatomy, pools, groups = limb
    matrix = sharing(pools, tuple(muscle.name for muscle in anatomy.muscles))
    assert (matrix.sum(axis=0) == 1.0).all()
    assert sorted(pool for members in groups.values() for pool in members) == sorted(pool.name for pool in pools)


def test_a_muscle_without_a_pool_is_refused() -> None:
    with pytest.raises(MuscleModelError, match="popliteus_r"):
        sharing(LEG_POOLS, ("soleus_r", "popliteus_r"))


def test_limbs_scale_evenly_and_the_trunk_has_its_own_width() -> None:
    build = draw_build(LEG, np.random.default_rng(2))
    assert len(set(build.factors["thigh_r"])) == 1
    assert len(set(build.factors["pelvis"])) == 2
    assert all(0.92 <= factor <= 1.08 for factors in build.factors.values() for factor in factors)
