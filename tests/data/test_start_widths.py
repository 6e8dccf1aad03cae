"""The noun for what is known before measuring refuses what cannot be true and keeps its muscles in order."""

from dataclasses import replace

import numpy as np
import pytest

from osim_nmscal.data.muscles import Muscle, MuscleTable
from osim_nmscal.data.starting_values import StartingValues
from osim_nmscal.errors import CalibrationError, UnknownNameError

TWO = MuscleTable(
    muscles=tuple(
        Muscle(name=name, max_isometric_force=1000.0, optimal_fiber_length=0.1, tendon_slack_length=0.2)
        for name in ("soleus_r", "tibant_r")
    )
)


def test_selection_keeps_each_muscles_own_values() -> None:
    start = replace(StartingValues.of(TWO), log_fiber_length_sd=np.array([0.05, np.nan]), sources=("ultrasound", ""))
    turned = start.select(["tibant_r", "soleus_r"])
    assert turned.muscles.names == ("tibant_r", "soleus_r")
    assert turned.sources == ("", "ultrasound")
    np.testing.assert_array_equal(turned.log_fiber_length_sd, [np.nan, 0.05])


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("log_strength_sd", np.array([0.1, -0.1]), "'tibant_r' has log_strength_sd = -0.1"),
        ("correlation", np.array([1.0, 0.0]), "'soleus_r' has correlation = 1"),
        ("working_point_sd", np.array([np.inf, 0.1]), "'soleus_r' has working_point_sd = inf"),
        ("reference_mtu_length", np.array([0.3]), "expected (2,)"),
    ],
)
def test_an_impossible_width_is_named(name: str, values: np.ndarray, said: str) -> None:
    with pytest.raises(CalibrationError) as error:
        replace(StartingValues.of(TWO), **{name: values})
    assert said in str(error.value)


def test_an_unknown_muscle_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'soleus_r'"):
        StartingValues.of(TWO).select(["soleous_r"])
