"""Dynamometer runs against what a chair and a person can do."""

import numpy as np
import pytest

from osim_nmscal.virtual_subject.anatomy.electrodes import LEG_POOLS
from osim_nmscal.virtual_subject.anatomy.leg import LEG
from osim_nmscal.virtual_subject.motion.efforts import LEG_EFFORTS, Effort, effort_excitation, effort_motion

COORDINATES = tuple(freedom.name for freedom in LEG.freedoms)
POOLS = tuple(pool.name for pool in LEG_POOLS)


@pytest.mark.parametrize("effort", LEG_EFFORTS, ids=lambda effort: effort.name)
def test_one_joint_turns_at_its_speed_and_the_others_are_held(effort: Effort) -> None:
    motion = effort_motion(effort, COORDINATES, 100.0)
    column = COORDINATES.index(effort.dof)
    angle = np.degrees(motion.values[:, column])
    moving = motion.time >= 0.0
    assert angle[0] == pytest.approx(effort.start)
    assert angle[-1] == pytest.approx(effort.end)
    # the last sample is at a whole step of the clock: speed within one step in at least 90
    np.testing.assert_allclose(np.abs(np.diff(angle[moving])) * 100.0, effort.speed, rtol=0.02)
    assert np.ptp(np.delete(motion.values, column, axis=1), axis=0).max() == 0.0
    ranges = {freedom.name: freedom.range for freedom in LEG.freedoms}
    for name, value in (*effort.pose.items(), (effort.dof, effort.start), (effort.dof, effort.end)):
        assert ranges[name][0] <= value <= ranges[name][1]


def test_passive_runs_are_silent_and_maximal_ones_drive_their_agonists() -> None:
    random = np.random.default_rng(0)
    for effort in LEG_EFFORTS:
        motion = effort_motion(effort, COORDINATES, 100.0)
        excitation = effort_excitation(effort, motion.time, POOLS, random)
        counted = excitation[motion.time >= 0.0]
        if effort.kind == "passive":
            assert not excitation.any()
            continue
        assert set(effort.agonists) <= set(POOLS)
        for column, pool in enumerate(POOLS):
            if pool in effort.agonists:
                assert 0.85 <= counted[:, column].min() <= counted[:, column].max() <= 1.0
            else:
                assert counted[:, column].max() <= 0.08
        assert excitation[0].max() == pytest.approx(0.01)  # at rest when the run begins
