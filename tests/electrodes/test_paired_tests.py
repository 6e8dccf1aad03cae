"""Paired comparison of two methods, against tables and numbers worked out by hand."""

import numpy as np
import pytest

from osim_nmscal.electrodes.findings import StudyMetric
from osim_nmscal.electrodes.paired_tests import compare_methods, holm, p_text, rank_biserial, signed_rank_test


def test_the_signed_rank_test_gives_the_tabled_probability():
    # All of n = 8 differences positive: two-sided exact p = 2 / 2^8.
    first = np.arange(8.0)
    assert signed_rank_test(first, first + np.arange(1.0, 9.0)) == pytest.approx(2 / 256)


def test_fewer_than_six_pairs_are_not_tested_and_equal_ones_do_not_differ():
    assert np.isnan(signed_rank_test(np.zeros(5), np.ones(5)))
    assert signed_rank_test(np.ones(9), np.ones(9)) == 1.0


def test_the_effect_is_the_share_of_ranks():
    # differences 1, 2, 3, -4: ranks 1 + 2 + 3 - 4 = 2 of 10
    assert rank_biserial(np.zeros(4), np.array([1.0, 2.0, 3.0, -4.0])) == pytest.approx(0.2)
    assert np.isnan(rank_biserial(np.ones(3), np.ones(3)))


def test_holm_is_that_of_a_worked_example():
    # Holm (1979): 0.01 x 4, then 0.02 x 3, 0.03 x 2 (kept at 0.06), 0.05; nan stays out
    assert holm([0.02, 0.01, float("nan"), 0.05, 0.03])[0] == pytest.approx(0.06)
    assert holm([0.02, 0.01, float("nan"), 0.05, 0.03])[1] == pytest.approx(0.04)
    assert holm([0.02, 0.01, float("nan"), 0.05, 0.03])[3:] == pytest.approx((0.06, 0.06))
    assert np.isnan(holm([0.02, float("nan")])[1])


def test_a_p_value_is_never_zero():
    assert p_text(1e-9) == "< 0.001"
    assert p_text(0.0312) == "0.031"
    assert p_text(float("nan")) == "too few trials"


def _metric(method, trial, dof, r2, count=3):
    return StudyMetric(method=method, count=count, removed=(), data="held_out", trial=trial, dof=dof, rmse=1.0, nrmse=0.1, r2=r2)


def test_trials_are_pairs_and_degrees_of_freedom_are_not_pooled():
    # The methods differ by 0.01 in every trial, far less than trials differ: pairing finds it, about the knee alone.
    metrics = []
    for i in range(10):
        for dof, gain in (("knee", 0.01 + 0.001 * i), ("hip", 0.0)):
            level = 0.1 * i
            metrics += [_metric("emg_driven", f"t{i}", dof, level), _metric("synergy_hybrid", f"t{i}", dof, level + gain)]
    knee, hip = compare_methods(metrics, "held_out", "r2")
    assert (knee.dof, knee.trials, knee.better) == ("knee", 10, "synergy_hybrid")
    assert knee.p_value == pytest.approx(2 / 1024)
    assert knee.p_adjusted == pytest.approx(4 / 1024)  # two comparisons
    assert knee.effect == 1.0
    assert (hip.better, hip.p_value) == ("neither", 1.0)


def test_a_lower_error_is_better():
    metrics = [_metric(method, f"t{i}", "knee", 0.0) for i in range(8) for method in ("emg_driven", "synergy_hybrid")]
    metrics = [
        StudyMetric(**{**m.__dict__, "rmse": (5.0 + 0.1 * i) if m.method == "emg_driven" else 9.0 + 0.3 * i}) for i, m in enumerate(metrics)
    ]
    (row,) = compare_methods(metrics, "held_out", "rmse")
    assert row.better == "emg_driven"


def test_a_trial_that_only_one_method_predicted_is_left_out():
    metrics = [_metric("emg_driven", f"t{i}", "knee", 0.1) for i in range(8)] + [_metric("synergy_hybrid", "t0", "knee", 0.2)]
    (row,) = compare_methods(metrics, "held_out", "r2")
    assert row.trials == 1
    assert row.better == "neither"
