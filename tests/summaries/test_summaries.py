"""Means over the cycle, operating ranges and changes of parameters against numbers worked out by hand."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from osim_nmscal.data.muscles import DeGrooteFregly2016Properties, Muscle
from osim_nmscal.data.results import CalibratedParameter, TrialPrediction
from osim_nmscal.summaries.cycle import mean_cycle, over_cycle
from osim_nmscal.summaries.fiber_range import fiber_ranges, force_length_curve
from osim_nmscal.summaries.parameters import implausible, parameter_changes, parameter_kinds


def test_a_line_stays_a_line_whatever_the_number_of_samples():
    assert_allclose(over_cycle(np.arange(10.0, 61.0), first_counted=0), np.linspace(10, 60, 101))
    assert_allclose(over_cycle(np.concatenate([np.zeros(7), np.linspace(2, 4, 31)]), first_counted=7), np.linspace(2, 4, 101))


def test_the_standard_deviation_is_that_of_a_sample():
    cycle = mean_cycle([np.full(101, value) for value in (1.0, 2.0, 6.0)])
    assert cycle.mean[0] == pytest.approx(3.0)
    assert cycle.sd[0] == pytest.approx(np.sqrt(7.0))  # (4 + 1 + 9) / 2
    assert mean_cycle([np.ones(101)]).sd[0] == 0.0


def test_the_operating_range_leaves_out_the_lead_in():
    length = np.concatenate([[9.0], np.linspace(0.4, 1.4, 101)])[:, None]
    zeros = np.zeros((102, 1))
    prediction = TrialPrediction(
        trial="a", time=np.arange(102.0), first_counted=1, muscles=("m",), dofs=("d",), excitation=zeros, activation=zeros,
        normalized_fiber_length=length, tendon_strain=zeros + 0.02, tendon_force=zeros, joint_moment=zeros,
    )  # fmt: skip
    (one,) = fiber_ranges([prediction])
    assert (one.lowest, one.highest, one.middle) == pytest.approx((0.4, 1.4, 0.9))
    assert (one.low, one.high) == pytest.approx((0.45, 1.35))
    assert not one.usual  # it goes below half the optimal length
    assert fiber_ranges([]) == ()


def test_the_force_length_curve_is_that_of_the_muscles_class():
    muscle = Muscle(
        name="m", max_isometric_force=1.0, optimal_fiber_length=0.1, tendon_slack_length=0.2, properties=DeGrooteFregly2016Properties()
    )
    # De Groote et al. (2016), Eq. 3 at the optimal length: 1.0 to the digits of the published coefficients.
    assert force_length_curve(muscle, np.array([1.0]))[0] == pytest.approx(1.0, abs=5e-3)
    assert force_length_curve(muscle, np.array([1.7]))[0] < 0.1


def _parameter(owner, name, start, calibrated, at_bound=""):
    return CalibratedParameter(
        owner=owner, name=name, unit="m", start=start, calibrated=calibrated, lower=0.5 * start, upper=2.5 * start, at_bound=at_bound,
        standard_error=0.1 * start, identifiable=True,
    )  # fmt: skip


def test_lengths_are_factors_of_their_start_and_strengths_are_themselves():
    parameters = [_parameter("soleus", "tendon_slack_length", 0.25, 0.275), _parameter("soleus", "strength_coefficient", 1.0, 1.4)]
    (length,) = parameter_changes(parameters, "tendon_slack_length")
    assert (length.value, length.low, length.high) == pytest.approx((1.1, 1.1 - 0.196, 1.1 + 0.196))
    assert parameter_kinds(parameters) == ("tendon_slack_length", "strength_coefficient")


def test_what_changed_more_than_is_plausible_is_named_the_largest_first():
    parameters = [
        _parameter("soleus", "optimal_fiber_length", 0.05, 0.053),  # 6 %
        _parameter("recfem", "optimal_fiber_length", 0.1, 0.12),  # 20 %
        _parameter("glmax", "strength_coefficient", 1.0, 2.4),
        _parameter("tibant", "strength_coefficient", 1.0, 0.5, "lower"),  # at a bound
    ]
    assert [change.owner for change in implausible(parameters)] == ["glmax", "tibant", "recfem"]
