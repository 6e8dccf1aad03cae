"""What a pose that is held weighs in the likelihood."""

from dataclasses import replace

import numpy as np

from osim_nmscal.calibration.likelihood import LIKELIHOOD_UNIT, moment_weight
from osim_nmscal.calibration.noise_settings import NoiseSettings
from osim_nmscal.calibration.settings import LossSettings
from osim_nmscal.calibration.stacking import stack_trials
from osim_nmscal.data.trials import Trial, TrialSet


def _trial(samples: int, *, moving: bool, kind: str = "passive") -> Trial:
    time = np.arange(samples + 30) / 100
    length = np.full((len(time), 1), 0.3) + (0.02 * time[:, None] if moving else 0.0)
    return Trial(
        name=f"{kind}/{samples}/{moving}",
        time=time,
        muscles=("flexor",),
        dofs=("knee", "hip"),
        excitation=np.zeros((len(time), 1)),
        mtu_length=length,
        moment_arm=np.full((len(time), 2, 1), 0.04),
        joint_moment=np.full((len(time), 2), 10.0),
        first_counted=30,
        kind=kind,  # type: ignore[arg-type]
        measured=("knee",),
        driven_by="assumed",
    )


def _information(trial: Trial) -> float:
    """Return how many variances of its moment a trial holds."""
    loss = LossSettings(moment_scale="noise")
    weight = moment_weight(stack_trials(TrialSet(trials=(trial,))), loss, NoiseSettings())
    assert not weight[:, 0, 1].any()  # the hip was not measured
    return float(weight.square().sum()) / LIKELIHOOD_UNIT / loss.moment_weight


def test_a_pose_that_is_held_counts_as_one_measurement_however_long_it_was_held() -> None:
    for kind, variance in (("passive", 2.0**2 + 1.5**2), ("effort", 5.0**2 + 1.2**2)):
        for samples in (10, 200):
            assert np.isclose(_information(_trial(samples, moving=False, kind=kind)), 1.0 / variance, rtol=1e-12)  # rounding


def test_a_sweep_counts_as_several_measurements() -> None:
    noise = NoiseSettings()
    for kind, count in (("passive", noise.passive_samples), ("effort", noise.effort_samples)):
        held, swept = (_information(_trial(100, moving=moving, kind=kind)) for moving in (False, True))
        assert np.isclose(swept / held, count, rtol=1e-12)


def test_padding_beside_a_longer_trial_moves_no_pose() -> None:
    held = _trial(10, moving=False)
    pair = TrialSet(trials=(held, replace(_trial(100, moving=True), name="longer")))
    both = moment_weight(stack_trials(pair), LossSettings(moment_scale="noise"), NoiseSettings())
    alone = moment_weight(stack_trials(TrialSet(trials=(held,))), LossSettings(moment_scale="noise"), NoiseSettings())
    assert np.allclose(both[:40, 0], alone[:, 0])
