"""Every figure draws what it is given, into new axes or the caller's, without a display."""

import io
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from osim_nmscal import viz
from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.data.trials import TrialSet
from osim_nmscal.errors import ConfigError, UnknownNameError

matplotlib = pytest.importorskip("matplotlib", reason="figures need matplotlib, the extra [plots]")
matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


def rendered(grid):
    """Return how many bytes the drawn adds to the picture of its empty axes, whose size varies with matplotlib's version."""
    figure = grid.flat[0].figure
    full = _picture_size(figure)
    for axes in figure.axes:
        for artist in (*axes.lines, *axes.collections, *axes.patches, *axes.images):
            artist.set_visible(False)
    return full - _picture_size(figure)


def _picture_size(figure):
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getbuffer().nbytes


def test_moments_show_the_mean_of_each_role_and_its_r2(trials, calibrated, uncalibrated):
    grid = viz.plot_moments(trials, calibrated, uncalibrated)
    assert grid.shape == (2, 1)  # calibration and held-out trials, one degree of freedom
    lines = {line.get_label(): line for line in grid[0, 0].get_lines()}
    counted = np.interp(0.5, np.linspace(0, 1, 80), trials.trials[0].joint_moment[20:, 0])
    assert_allclose(lines["inverse dynamics"].get_ydata()[50], 1.1 * counted, rtol=1e-12)  # mean of the trials' 1 and 1.2
    assert_allclose(lines["calibrated"].get_ydata(), 0.95 * lines["inverse dynamics"].get_ydata(), rtol=1e-12)
    error = 1 - 0.05**2 * np.sum(trials.trials[2].joint_moment[20:] ** 2) / np.sum(
        (trials.trials[2].joint_moment[20:] - trials.trials[2].joint_moment[20:].mean()) ** 2
    )
    assert grid[1, 0].get_title(loc="right").endswith(f"{error:.2f}")
    assert rendered(grid) > 500


def test_a_joint_whose_moment_was_not_measured_in_a_trial_does_not_count(trials, calibrated):
    both = TrialSet(
        trials=tuple(
            replace(
                trial,
                dofs=("knee", "ankle"),
                moment_arm=np.repeat(trial.moment_arm, 2, axis=1),
                joint_moment=np.repeat(trial.joint_moment, 2, axis=1) * (1 if trial.name == "walk/1" else 5),
                measured="all" if trial.name == "walk/1" else ("knee",),
            )
            for trial in trials
        )
    )
    predicted = [replace(one, dofs=("knee", "ankle"), joint_moment=np.repeat(one.joint_moment, 2, axis=1)) for one in calibrated]
    grid = viz.plot_moments(both, predicted)
    knee, ankle = ({line.get_label(): line.get_ydata() for line in grid[0, i].get_lines()} for i in (0, 1))
    alone = np.interp(0.25, np.linspace(0, 1, 80), trials[0].joint_moment[20:, 0])
    assert_allclose(ankle["inverse dynamics"][25], alone, rtol=1e-12)
    assert_allclose(knee["inverse dynamics"][25], (1 + 5 * 1.2) / 2 * alone, rtol=1e-12)
    assert not [line for line in grid[1, 1].get_lines() if line.get_label() == "calibrated"]  # the held-out trial has no ankle


def test_moments_before_calibration_may_come_from_a_results_folder(trials, calibrated, uncalibrated):
    stored = {prediction.trial: prediction.joint_moment for prediction in uncalibrated}
    drawn = [
        {line.get_label(): line.get_ydata() for line in viz.plot_moments(trials, calibrated, before)[0, 0].get_lines()}["uncalibrated"]
        for before in (uncalibrated, stored)
    ]
    assert_allclose(drawn[0], drawn[1])


def test_parameters_are_drawn_as_factors_of_their_start_with_intervals(result):
    grid = viz.plot_parameters(result)
    assert [one.get_title() for one in grid.flat] == ["Optimal fiber length", "Tendon slack length", "Strength coefficient"]
    values = [line.get_xdata()[0] for line in grid[0, 0].get_lines() if line.get_marker() == "o" and len(line.get_xdata())]
    assert_allclose(values, [1.05, 1.3])
    assert rendered(grid) > 500


def test_a_kind_that_was_not_calibrated_is_said(result):
    with pytest.raises(ConfigError, match="optimal_fiber_length"):
        viz.plot_parameters(result, names=["c1"])


def test_fiber_ranges_lie_below_the_curve_of_the_muscles_class(result, calibrated, uncalibrated):
    grid = viz.plot_fiber_range(result, calibrated, uncalibrated)
    curve = grid[0, 0].get_lines()[0]
    at_optimal = curve.get_ydata()[np.argmin(np.abs(curve.get_xdata() - 1.0))]
    assert at_optimal == pytest.approx(1.0, abs=1e-6)  # by definition of the optimal fiber length
    assert [label.get_text() for label in grid[1, 0].get_yticklabels()] == ["extensor", "flexor"]
    assert rendered(grid) > 500


def test_convergence_leaves_out_terms_that_are_always_zero(result):
    grid = viz.plot_convergence(result)
    assert [line.get_label() for line in grid[0, 0].get_lines()] == ["loss", "moment"]


def test_excitations_of_named_muscles_only(trials, calibrated):
    grid = viz.plot_excitations(trials, calibrated, muscles=["flexor"])
    assert [one.get_title() for one in grid.flat] == ["flexor"]
    with pytest.raises(UnknownNameError, match="'flexor'"):
        viz.plot_excitations(trials, muscles=["flexxor"])
    assert rendered(viz.plot_excitations(trials)) > 500


def test_emg_raw_and_envelope_share_zero(trials):
    time = np.arange(0.0, 1.0, 0.001)
    raw = TimeSeries(time=time, labels=("SOL",), values=np.random.default_rng(1).normal(size=(1000, 1)))
    grid = viz.plot_emg(raw, TimeSeries(time=time, labels=("SOL",), values=np.full((1000, 1), 0.5)))
    left, right = grid[0, 0].get_ylim(), grid[0, 0].figure.axes[1].get_ylim()
    assert left[0] / left[1] == pytest.approx(right[0] / right[1])
    assert rendered(grid) > 500


def test_synergies_have_a_row_each_and_say_the_variance(result):
    grid = viz.plot_synergies(result.synergy)
    assert grid.shape == (2, 2)
    assert "97.0 % of variance" in grid[0, 1].get_title()
    assert rendered(grid) > 500


def test_callers_axes_are_drawn_into_and_a_wrong_number_is_said(trials, calibrated):
    _, axes = plt.subplots(2, 1)
    grid = viz.plot_moments(trials, calibrated, axes=axes)
    assert grid[0, 0] is axes[0]
    with pytest.raises(ConfigError, match="1 axes are given for 2 x 1 panels"):
        viz.plot_moments(trials, calibrated, axes=axes[0])


def test_without_matplotlib_the_extra_is_named():
    code = (
        "import sys; sys.modules['matplotlib'] = None; sys.modules['matplotlib.pyplot'] = None\n"
        "from osim_nmscal.viz.style import new_axes\n"
        "try: new_axes(1, 1)\nexcept Exception as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'pip install "osim-nmscal[plots]"' in done.stdout


def test_a_whole_run_is_given_as_it_is(trials, calibrated, uncalibrated, result):
    run = SimpleNamespace(trials=trials, calibration=result, predictions=calibrated, uncalibrated=uncalibrated)
    lines = {line.get_label() for line in viz.plot_moments(run)[0, 0].get_lines()}
    assert {"inverse dynamics", "uncalibrated", "calibrated"} <= lines
    for function in (viz.plot_parameters, viz.plot_fiber_range, viz.plot_excitations, viz.plot_synergies, viz.plot_convergence):
        assert rendered(function(run)) > 500
    with pytest.raises(ConfigError, match="ended before calibration"):
        viz.plot_moments(SimpleNamespace(trials=None, calibration=None, predictions=(), uncalibrated=()))
    with pytest.raises(ConfigError, match="EMG-driven"):
        viz.plot_synergies(replace(result, synergy=None))
    with pytest.raises(ConfigError, match="No predictions"):
        viz.plot_fiber_range(result)
