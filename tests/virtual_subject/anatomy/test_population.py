"""The wide population against the spread that it promises."""

import dataclasses

import numpy as np
import pytest

from osim_nmscal.data.muscles import DeGrooteFregly2016Properties, Millard2012Properties, Muscle, MuscleTable
from osim_nmscal.errors import MuscleModelError
from osim_nmscal.nms.muscle_models import muscle_curves
from osim_nmscal.virtual_subject.anatomy.electrodes import LEG_POOLS, LEG_STRENGTH_GROUPS
from osim_nmscal.virtual_subject.anatomy.leg import LEG
from osim_nmscal.virtual_subject.anatomy.person import TrueMuscles
from osim_nmscal.virtual_subject.anatomy.population import WIDE, draw_wide_muscles, reference_mtu_lengths

# long and short tendons alike
SCALED = MuscleTable(
    muscles=tuple(
        Muscle(
            name=facts.name,
            max_isometric_force=facts.max_isometric_force,
            optimal_fiber_length=facts.optimal_fiber_length,
            tendon_slack_length=2.0 * facts.optimal_fiber_length,
            pennation_angle_at_optimal=facts.pennation_angle,
        )
        for facts in LEG.muscles
    )
)
PEOPLE = 30


def _draw(seed: int) -> TrueMuscles:
    return draw_wide_muscles(SCALED, LEG, LEG_POOLS, LEG_STRENGTH_GROUPS, time_step=0.01, random=np.random.default_rng(seed))


@pytest.fixture(scope="module")
def people() -> list[TrueMuscles]:
    return [_draw(seed) for seed in range(PEOPLE)]


def _spread(values: np.ndarray) -> float:
    # cut at two standard deviations a normal distribution keeps 0.88 of its own
    return float(np.std(values)) / 0.88


def test_fibers_strengths_and_moment_arms_spread_as_promised(people: list[TrueMuscles]) -> None:
    fiber = np.log([one.muscles.values("optimal_fiber_length") / SCALED.values("optimal_fiber_length") for one in people])
    strength = np.log([one.strength_coefficient for one in people])
    # 1110 fibers; 9 groups of 30 people: the standard errors are 2 % and 5 % of the spread
    assert _spread(fiber) == pytest.approx(WIDE.fiber_length, rel=0.10)
    assert _spread(strength) == pytest.approx(np.hypot(WIDE.group_strength, WIDE.own_strength), rel=0.20)
    assert _spread(np.log([one.moment_arm_factor for one in people])) == pytest.approx(WIDE.moment_arm, rel=0.10)


def test_working_points_spread_as_promised_and_slack_follows(people: list[TrueMuscles]) -> None:
    reference = reference_mtu_lengths(SCALED, LEG)
    neutral = np.array([facts.neutral_fiber_length for facts in LEG.muscles])
    points = []
    for one in people:
        along = (reference - one.muscles.values("tendon_slack_length")) / one.muscles.values("optimal_fiber_length")
        points.append(np.hypot(along, np.sin(one.muscles.values("pennation_angle_at_optimal"))) - neutral)
        assert np.abs(one.muscles.values("tendon_slack_length") / SCALED.values("tendon_slack_length") - 1.0).max() <= WIDE.slack_limit
    assert _spread(np.array(points)) == pytest.approx(WIDE.working_point, rel=0.10)


def test_muscles_of_one_pool_share_time_constants_between_15_and_60_ms_and_curves(people: list[TrueMuscles]) -> None:
    for one in people[:5]:
        for poles in (one.neural.c1, one.neural.c2):
            constants = -0.01 / np.log(-poles)
            assert constants.min() >= 0.015 - 1e-12
            assert constants.max() <= 0.060 + 1e-12
        for pool in LEG_POOLS:
            index = [one.muscles.index(name) for name in pool.muscles]
            assert np.ptp(one.neural.c1[index]) == 0.0
            assert len({one.muscles.muscles[i].properties for i in index}) == 1


def test_the_curves_of_extreme_people_are_curves_of_the_class(people: list[TrueMuscles]) -> None:
    for one in people[:10]:
        for pool in LEG_POOLS:
            muscle = one.muscles.muscles[one.muscles.index(pool.muscles[0])]
            curves = muscle_curves(muscle)  # refuses what cannot be
            properties = muscle.properties
            assert isinstance(properties, Millard2012Properties)
            assert 0.03 <= properties.tendon_strain_at_one_norm_force <= 0.07
            assert curves.tendon_strain_at_one_norm_force == properties.tendon_strain_at_one_norm_force


def test_the_same_seed_draws_the_same_person() -> None:
    assert _draw(3).muscles == _draw(3).muscles
    assert _draw(3).muscles != _draw(4).muscles


def test_other_classes_are_refused_by_name() -> None:
    wrong = dataclasses.replace(SCALED.muscles[0], properties=DeGrooteFregly2016Properties())
    table = MuscleTable(muscles=(wrong, *SCALED.muscles[1:]))
    with pytest.raises(MuscleModelError, match=r"DeGrooteFregly2016Muscle.*Millard"):
        draw_wide_muscles(table, LEG, LEG_POOLS, LEG_STRENGTH_GROUPS, time_step=0.01, random=np.random.default_rng(0))
