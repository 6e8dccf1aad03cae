"""A small calibration, made by hand: two muscles about a knee, two trials that calibrate and one held out."""

import numpy as np
import pytest

from osim_nmscal.data.muscles import Muscle, MuscleTable
from osim_nmscal.data.results import CalibratedParameter, CalibrationResult, HistoryRow, NeuralParameters, SynergyResult, TrialPrediction
from osim_nmscal.data.trials import Trial, TrialSet

MUSCLES = ("extensor", "flexor")
DOFS = ("knee",)
TIME = np.arange(0.0, 1.0, 0.01)


def made_trial(name, role="calibration", scale=1.0):
    wave = np.sin(2 * np.pi * TIME)
    return Trial(
        name=name,
        time=TIME,
        muscles=MUSCLES,
        dofs=DOFS,
        excitation=np.stack([0.4 + 0.3 * wave, 0.4 - 0.3 * wave], axis=1),
        mtu_length=np.full((len(TIME), 2), 0.3),
        moment_arm=np.tile([[[0.04, -0.04]]], (len(TIME), 1, 1)),
        joint_moment=scale * 60.0 * wave[:, None],
        first_counted=20,
        role=role,
    )


def made_prediction(trial, share):
    return TrialPrediction(
        trial=trial.name,
        time=trial.time,
        first_counted=trial.first_counted,
        muscles=trial.muscles,
        dofs=trial.dofs,
        excitation=trial.excitation,
        activation=trial.excitation,
        normalized_fiber_length=1.0 + 0.2 * trial.excitation * [1.0, 4.0],
        tendon_strain=0.03 * trial.excitation,
        tendon_force=1000.0 * trial.excitation,
        joint_moment=share * trial.joint_moment,
    )


def made_trials():
    return TrialSet(trials=(made_trial("walk/1"), made_trial("walk/2", scale=1.2), made_trial("walk/3", "held_out")))


def made_predictions(trials, share):
    return tuple(made_prediction(trial, share) for trial in trials.trials)


def made_calibration():
    table = MuscleTable(
        muscles=tuple(Muscle(name=n, max_isometric_force=3000.0, optimal_fiber_length=0.1, tendon_slack_length=0.2) for n in MUSCLES)
    )
    neural = NeuralParameters(
        c1=np.full(2, -0.5), c2=np.full(2, -0.5), shape_factor=np.full(2, -1.0), electromechanical_delay=0.03, time_step=0.01
    )
    parameters = tuple(
        CalibratedParameter(
            owner=owner, name=name, unit=unit, start=start, calibrated=start * factor, lower=start * 0.5, upper=start * 1.5, at_bound="",
            standard_error=0.02 * start, identifiable=owner == "extensor",
        )
        for owner, factor in (("extensor", 1.05), ("flexor", 1.3))
        for name, unit, start in (("optimal_fiber_length", "m", 0.1), ("tendon_slack_length", "m", 0.2), ("strength_coefficient", "-", 1.0))
    )  # fmt: skip
    history = tuple(
        HistoryRow(iteration=i, seconds=0.1 * i, loss=10.0 / (i + 1), term_names=("moment", "prior"), term_values=(9.0 / (i + 1), 0.0))
        for i in range(5)
    )
    synergy = SynergyResult(
        muscles=MUSCLES, recorded=("extensor",), synthesized=("flexor",), withheld=(), vaf=np.array([0.8, 0.97]),
        vaf_per_muscle=np.array([[0.8], [0.97]]), weights=np.array([[0.6, 0.1], [0.2, 0.5]]), trial_weights=np.zeros((1, 2, 2)),
        trials=("walk/1", "walk/2"), primitives=(np.abs(np.random.default_rng(1).normal(size=(100, 2))),) * 2, excitations=(),
    )  # fmt: skip
    return CalibrationResult(
        method="synergy_hybrid", optimizer="gauss_newton", status="converged", sentence="It converged.", seconds=0.5, iterations=4,
        evaluations=5, loss_initial=10.0, loss_final=2.0, start_muscles=table, muscles=table, strength_coefficient=np.ones(2),
        start_neural=neural, neural=neural, parameters=parameters, history=history, synergy=synergy,
    )  # fmt: skip


@pytest.fixture
def trials():
    return made_trials()


@pytest.fixture
def calibrated(trials):
    return made_predictions(trials, 0.95)


@pytest.fixture
def uncalibrated(trials):
    return made_predictions(trials, 0.3)


@pytest.fixture
def result():
    return made_calibration()
