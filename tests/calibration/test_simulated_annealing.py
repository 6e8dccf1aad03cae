"""Simulated annealing: counted, seeded, stopped in time, never worse than its start."""

from calibration_twin import make_objective

from osim_nmscal.calibration.objective import Objective
from osim_nmscal.calibration.optimizer_settings import AnnealingSettings
from osim_nmscal.calibration.optimizers.simulated_annealing import simulated_annealing
from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.calibration.simulated_twin import make_twin


def problem() -> Objective:
    return make_objective(make_twin(muscles=2, trials=1, steps=40), CalibrationSettings(preset="weak_prior"))


def test_it_counts_its_evaluations_and_keeps_the_best() -> None:
    evaluations, objective = 60, problem()
    minimum = simulated_annealing(objective, objective.space.start(), AnnealingSettings(maximum_evaluations=evaluations), seed=1)
    losses = [row.loss for row in minimum.history]
    # dual_annealing asks for at most its maximum, and once more at the start
    assert objective.evaluations <= evaluations + 2
    assert minimum.best.loss == losses[-1] == min(losses)
    assert minimum.best.loss <= losses[0]


def test_the_same_seed_walks_the_same_way() -> None:
    ends = []
    for seed in (1, 1, 2):
        objective = problem()
        ends.append(simulated_annealing(objective, objective.space.start(), AnnealingSettings(maximum_evaluations=40), seed=seed).best.z)
    assert ends[0].equal(ends[1])
    assert not ends[0].equal(ends[2])


def test_it_stops_when_its_time_is_over() -> None:
    objective = problem()
    minimum = simulated_annealing(objective, objective.space.start(), AnnealingSettings(maximum_seconds=0.05), seed=0)
    assert minimum.status == "iterations"
    assert "0.05 s" in minimum.sentence
