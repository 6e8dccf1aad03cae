"""What a moment error weighs: formulas by hand for every kind of trial, scales, and the noise that a fit's errors show."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from osim_nmscal.calibration.likelihood import (
    LIKELIHOOD_UNIT,
    MotionNoise,
    autocorrelation_time,
    moment_scale,
    moment_weight,
    noise_of_errors,
    noise_ratio,
    stated_noise,
)
from osim_nmscal.calibration.noise_settings import NoiseSettings
from osim_nmscal.calibration.settings import LossSettings
from osim_nmscal.calibration.stacking import StackedTrials, stack_trials
from osim_nmscal.data.trials import Trial, TrialSet

STEPS, FIRST, STEP = 30, 5, 0.01
KINDS = ("motion", "passive", "effort", "motion")


@pytest.fixture(scope="module")
def trials() -> StackedTrials:
    """A motion, a passive trial, an effort and a shorter motion over a hip and a knee; of the last two one moment was measured."""
    rng, made = np.random.default_rng(0), []
    for i, kind in enumerate(KINDS):
        steps = STEPS if i < 3 else 20
        made.append(
            Trial(
                name=f"{kind}/{i}",
                time=STEP * np.arange(steps),
                muscles=("m",),
                dofs=("hip", "knee"),
                excitation=np.zeros((steps, 1)),
                mtu_length=np.linspace(0.3, 0.31, steps)[:, None],
                moment_arm=np.full((steps, 2, 1), 0.04),
                joint_moment=40.0 * rng.standard_normal((steps, 2)) - [10.0, 0.0],
                first_counted=FIRST,
                kind=kind,  # type: ignore[arg-type]
                measured="all" if i < 2 else ("knee",),
            )
        )
    return stack_trials(TrialSet(trials=tuple(made)))


def counted(trials: StackedTrials, trial: int, dof: int) -> np.ndarray:
    return trials.joint_moment[trials.counted[:, trial], trial, dof].numpy()


def test_a_motions_error_weighs_one_over_its_share_of_the_trials_spread(trials: StackedTrials) -> None:
    noise = NoiseSettings(relative=0.2, floor=3.0, correlation_time=0.04)
    weight = moment_weight(trials, LossSettings(moment_weight=2.5), noise)
    for trial, dof in ((0, 0), (0, 1), (3, 1)):
        variance = 0.2**2 * counted(trials, trial, dof).var(ddof=1) + 3.0**2
        # 0.04 s are 4 samples that count as one
        expected = 2.5 * LIKELIHOOD_UNIT / variance / 4.0
        mine = weight[trials.counted[:, trial], trial, dof].numpy() ** 2
        np.testing.assert_allclose(mine, expected, rtol=1e-12)


def test_a_passive_error_weighs_by_its_own_size_and_four_samples_a_trial(trials: StackedTrials) -> None:
    noise = NoiseSettings(passive_relative=0.1, passive_floor=1.5, passive_samples=5.0)
    weight = moment_weight(trials, LossSettings(), noise)
    for dof in range(2):
        moment = counted(trials, 1, dof)
        expected = LIKELIHOOD_UNIT / ((0.1 * moment) ** 2 + 1.5**2) * 5.0 / (STEPS - FIRST)
        np.testing.assert_allclose(weight[trials.counted[:, 1], 1, dof].numpy() ** 2, expected, rtol=1e-12)


def test_an_efforts_error_weighs_by_its_largest_moment_and_three_samples_a_trial(trials: StackedTrials) -> None:
    noise = NoiseSettings(effort_relative=0.1, effort_floor=4.0, effort_samples=2.0)
    weight = moment_weight(trials, LossSettings(), noise)
    largest = np.abs(counted(trials, 2, 1)).max()
    expected = LIKELIHOOD_UNIT / ((0.1 * largest) ** 2 + 4.0**2) * 2.0 / (STEPS - FIRST)
    np.testing.assert_allclose(weight[trials.counted[:, 2], 2, 1].numpy() ** 2, expected, rtol=1e-12)


@pytest.mark.parametrize("scale", ["noise", "raw", "sd", "trial_sd", "range"])
def test_what_was_not_measured_or_counted_weighs_nothing(trials: StackedTrials, scale: str) -> None:
    weight = moment_weight(trials, LossSettings(moment_scale=scale), NoiseSettings())  # type: ignore[arg-type]
    assert not bool(weight[:, 2:, 0].any())  # the hip of the last two
    assert not bool(weight[:FIRST].any())
    assert not bool(weight[20:, 3].any())  # padding
    assert bool((weight[FIRST:20, :2] > 0.0).all())
    # and what it says there is of no consequence
    moment = trials.joint_moment.clone()
    moment[:, 2:, 0] = 1e6
    other = moment_weight(replace(trials, joint_moment=moment), LossSettings(moment_scale=scale), NoiseSettings())  # type: ignore[arg-type]
    torch.testing.assert_close(other, weight, rtol=0.0, atol=0.0)


@pytest.mark.parametrize("scale", ["raw", "sd", "range"])
def test_a_scale_takes_the_mean_over_samples_and_dofs(trials: StackedTrials, scale: str) -> None:
    weight = moment_weight(trials, LossSettings(moment_scale=scale, moment_weight=3.0), NoiseSettings())  # type: ignore[arg-type]
    for dof in range(2):
        values = np.concatenate([counted(trials, i, dof) for i in range(4) if bool(trials.measured[i, dof])])
        by = {"raw": 1.0, "sd": values.std(ddof=1), "range": np.ptp(values)}[scale]
        mine = weight[trials.counted[:, 0], 0, dof].numpy() ** 2
        np.testing.assert_allclose(mine, 3.0 / 2.0 / (STEPS - FIRST) / by**2, rtol=1e-12)


def test_trial_sd_divides_each_trial_by_its_own_deviation_so_that_an_intense_one_does_not_drown_the_others(trials: StackedTrials) -> None:
    weight = moment_weight(trials, LossSettings(moment_scale="trial_sd", moment_weight=3.0), NoiseSettings())
    for i in range(4):
        own = trials.counted[:, i]
        mine = weight[own, i, 1].numpy() ** 2
        np.testing.assert_allclose(mine, 3.0 / 2.0 / int(own.sum()) / counted(trials, i, 1).std(ddof=1) ** 2, rtol=1e-12)


def test_a_constant_moment_is_divided_by_one(trials: StackedTrials) -> None:
    constant = replace(trials, joint_moment=torch.full_like(trials.joint_moment, 7.0))
    assert moment_scale(LossSettings(moment_scale="sd"), constant).tolist() == [1.0, 1.0]
    assert moment_scale(LossSettings(moment_scale="trial_sd"), constant).tolist() == [[1.0, 1.0]] * 4
    # with a noise its floor stands for it
    weight = moment_weight(constant, LossSettings(), NoiseSettings(floor=2.0, correlation_time=0.0))
    np.testing.assert_allclose(weight[FIRST, 0].numpy() ** 2, LIKELIHOOD_UNIT / 4.0, rtol=1e-12)


def test_a_noise_that_a_fit_shows_stands_in_for_the_stated_one(trials: StackedTrials) -> None:
    noise = NoiseSettings(floor=3.0)
    shown = MotionNoise(torch.tensor([0.1, 0.4], dtype=torch.float64), 0.05)
    weight = moment_weight(trials, LossSettings(), noise, shown)
    for dof, relative in enumerate((0.1, 0.4)):
        # the floor is that of the stated noise, and is scaled with it
        deviation = relative * np.hypot(counted(trials, 0, dof).std(ddof=1), 3.0 / noise.relative)
        np.testing.assert_allclose(weight[FIRST, 0, dof].numpy() ** 2, LIKELIHOOD_UNIT / deviation**2 / 5.0, rtol=1e-12)
    # of motions alone
    torch.testing.assert_close(weight[:, 1:3], moment_weight(trials, LossSettings(), noise)[:, 1:3], rtol=0.0, atol=0.0)


def test_noise_of_errors_finds_a_known_size_and_correlation() -> None:
    # first-order noise of 20 % and 8 % of the moments' spread, correlated by 0.6: (1 + r) / (1 - r) = 4 samples
    rng, r, steps, step = np.random.default_rng(1), 0.6, 3000, 0.01
    white = rng.standard_normal((steps, 2, 2))
    error = white.copy()
    for i in range(1, steps):
        error[i] = r * error[i - 1] + (1.0 - r**2) ** 0.5 * white[i]
    spread = np.array([[60.0, 20.0], [30.0, 10.0]])  # (trial, dof): each trial has its own
    phase = np.arange(steps)[:, None, None] / 30.0
    moment = np.sqrt(2.0) * spread * np.sin(phase)
    shares = np.array([0.2, 0.08])
    stacked = StackedTrials(
        excitation=torch.zeros((steps, 2, 1)),
        mtu_length=torch.zeros((steps, 2, 1)),
        moment_arm=torch.zeros((steps, 2, 2, 1)),
        joint_moment=torch.from_numpy(moment),
        counted=torch.ones((steps, 2), dtype=torch.bool),
        measured=torch.ones((2, 2), dtype=torch.bool),
        kinds=("motion", "motion"),
        names=("a", "b"),
        time_step=step,
    )
    errors = torch.from_numpy(error * shares * spread)
    found = noise_of_errors(errors, stacked, NoiseSettings(floor=1e-6))
    # what a fit has absorbed is added back: a quarter of the variance, three tenths of the time; 3000 samples tell the size to 3 %
    np.testing.assert_allclose(found.relative.numpy(), shares / 0.75**0.5, rtol=0.05)
    assert found.correlation_time == pytest.approx(1.3 * 4.0 * step, rel=0.15)
    # errors of what was not measured say nothing
    errors[:, 1, 1] = 1e9
    half = replace(stacked, measured=torch.tensor([[True, True], [True, False]]))
    np.testing.assert_allclose(noise_of_errors(errors, half, NoiseSettings(floor=1e-6)).relative.numpy(), shares / 0.75**0.5, rtol=0.07)


def test_a_perfect_fit_is_not_believed() -> None:
    steps = 50
    stacked = StackedTrials(
        excitation=torch.zeros((steps, 1, 1)),
        mtu_length=torch.zeros((steps, 1, 1)),
        moment_arm=torch.zeros((steps, 1, 2, 1)),
        joint_moment=torch.randn((steps, 1, 2), generator=torch.Generator().manual_seed(0), dtype=torch.float64),
        counted=torch.ones((steps, 1), dtype=torch.bool),
        measured=torch.tensor([[True, False]]),
        kinds=("motion",),
        names=("a",),
        time_step=0.01,
    )
    found = noise_of_errors(torch.zeros((steps, 1, 2), dtype=torch.float64), stacked, NoiseSettings())
    # nobody measures moments better than to 5 % or errors shorter than 30 ms; a DOF that nobody measured keeps what is stated
    assert found.relative.tolist() == [0.05, NoiseSettings().relative]
    assert found.correlation_time == 0.03
    assert stated_noise(NoiseSettings(relative=0.3), 2).relative.tolist() == [0.3, 0.3]


def test_a_pose_that_is_held_is_one_measurement(trials: StackedTrials) -> None:
    held = replace(trials, mtu_length=torch.full_like(trials.mtu_length, 0.3))
    weight = moment_weight(held, LossSettings(), NoiseSettings())
    largest, passive = np.abs(counted(trials, 2, 1)).max(), counted(trials, 1, 0)
    by_hand = {1: 1.0 / ((0.15 * passive) ** 2 + 2.0**2), 2: 1.0 / ((0.12 * largest) ** 2 + 5.0**2)}
    for trial, dof in ((1, 0), (2, 1)):
        mine = weight[trials.counted[:, trial], trial, dof].numpy() ** 2
        np.testing.assert_allclose(mine, LIKELIHOOD_UNIT * by_hand[trial] / (STEPS - FIRST), rtol=1e-12)
    # a motion is none, even where nothing moves
    torch.testing.assert_close(weight[:, 0], moment_weight(trials, LossSettings(), NoiseSettings())[:, 0])


def test_the_noise_ratio_is_that_of_variances_and_times() -> None:
    two = torch.tensor([0.2, 0.4], dtype=torch.float64)
    # variances 4 and 16 times as large, mean 10; errors twice as long
    assert noise_ratio(MotionNoise(2.0 * two * torch.tensor([1.0, 2.0]), 0.1), MotionNoise(two, 0.05), 0.01) == pytest.approx(20.0)
    assert noise_ratio(MotionNoise(two, 0.0), MotionNoise(two, 0.0), 0.01) == 1.0


def test_white_noise_has_an_autocorrelation_time_of_one() -> None:
    errors = torch.randn(4000, 1, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert autocorrelation_time(errors, torch.ones((4000, 1), dtype=torch.bool)) == pytest.approx(1.0, abs=0.15)


def test_autocorrelation_time_of_a_first_order_process_is_known() -> None:
    # (1 + r) / (1 - r) for neighbouring samples correlated by r; Sokal's error of 20000 samples is 10 %, and only positive
    # correlations are summed
    rng, r = np.random.default_rng(0), 0.8
    signal = np.zeros(20000)
    for i in range(1, len(signal)):
        signal[i] = r * signal[i - 1] + rng.standard_normal()
    errors = torch.from_numpy(signal)[:, None, None]
    assert autocorrelation_time(errors, torch.ones((20000, 1), dtype=torch.bool)) == pytest.approx(9.0, rel=0.25)
