"""Muscles keep where on their curves they work when bones change size."""

from dataclasses import replace

import numpy as np
import pytest

from osim_nmscal.data.muscles import Muscle, MuscleTable
from osim_nmscal.data.pose_grid import PoseGrid
from osim_nmscal.errors import CalibrationError
from osim_nmscal.initialization.equilibrium import RestingMuscles
from osim_nmscal.initialization.operating_range import keep_operating_range

SOLEUS = Muscle(
    name="soleus_r", optimal_fiber_length=0.05, tendon_slack_length=0.25, max_isometric_force=4000.0, pennation_angle_at_optimal=0.4
)
TABLE = MuscleTable(muscles=(SOLEUS,))
ANGLES = np.linspace(-0.6, 0.4, 11)
LENGTHS = 0.298 + 0.045 * np.sin(ANGLES)


def _grid(lengths: np.ndarray) -> PoseGrid:
    return PoseGrid(muscles=("soleus_r",), coordinates=("ankle_angle_r",), postures=ANGLES[:, None], mtu_length=lengths[:, None])


def _kept(scaled: np.ndarray, table: MuscleTable = TABLE) -> Muscle:
    return keep_operating_range(TABLE, table, [_grid(LENGTHS)], [_grid(scaled)]).muscles.muscles[0]


def test_the_generic_model_itself_keeps_its_lengths() -> None:
    found = _kept(LENGTHS)
    assert found.optimal_fiber_length == pytest.approx(0.05, rel=1e-9)
    assert found.tendon_slack_length == pytest.approx(0.25, rel=1e-9)


def test_a_person_larger_all_over_gets_larger_lengths_all_over() -> None:
    found = _kept(1.12 * LENGTHS)
    assert found.optimal_fiber_length == pytest.approx(1.12 * 0.05, rel=1e-9)
    assert found.tendon_slack_length == pytest.approx(1.12 * 0.25, rel=1e-9)


def test_a_longer_lever_lengthens_fibers_and_keeps_their_range_better_than_linear_scaling() -> None:
    scaled = 1.03 * 0.298 + 1.25 * 0.045 * np.sin(ANGLES)  # a longer heel
    linear = replace(SOLEUS, optimal_fiber_length=0.05 * 1.03, tendon_slack_length=0.25 * 1.03)
    found = _kept(scaled, MuscleTable(muscles=(linear,)))
    wanted = RestingMuscles(TABLE).at(LENGTHS[:, None], activation=1.0).normalized_fiber_length[:, 0]

    def off(muscle: Muscle) -> float:
        now = RestingMuscles(MuscleTable(muscles=(muscle,))).at(scaled[:, None], activation=1.0).normalized_fiber_length[:, 0]
        return float(np.sqrt(((now - wanted) ** 2).mean()))

    assert found.optimal_fiber_length > linear.optimal_fiber_length
    assert off(found) < 0.1 * off(linear)  # two lengths for a curve of two numbers: what is left is the tendon's nonlinearity


def test_a_muscle_without_a_usable_posture_stays_as_scaled_and_is_named() -> None:
    slack = 0.255 * np.ones_like(LENGTHS)  # the fiber is all folded up
    done = keep_operating_range(TABLE, TABLE, [_grid(slack)], [_grid(slack)])
    assert done.kept_as_scaled == ("soleus_r",)
    assert "soleus_r" in done.findings[0]
    assert done.muscles == TABLE


def test_grids_of_other_postures_are_refused() -> None:
    with pytest.raises(CalibrationError, match="same muscles and postures"):
        keep_operating_range(TABLE, TABLE, [_grid(LENGTHS)], [replace(_grid(LENGTHS), postures=ANGLES[::-1, None])])
