"""AdamW: it lowers the loss, keeps the best iterate, stops early, and says how it ended."""

import pytest
import torch
from calibration_twin import make_objective

from osim_nmscal.calibration.objective import Objective
from osim_nmscal.calibration.optimizer_settings import AdamWSettings
from osim_nmscal.calibration.optimizers.adamw import adamw
from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.calibration.simulated_twin import make_twin


@pytest.fixture(scope="module")
def objective() -> Objective:
    return make_objective(make_twin(noise=0.05, steps=50, muscles=2, trials=1, dofs=1), CalibrationSettings(preset="weak_prior"))


def test_the_loss_falls_and_the_best_iterate_is_returned(objective: Objective) -> None:
    minimum = adamw(objective, objective.space.start(), AdamWSettings(maximum_iterations=40, learning_rate=0.04))
    losses = [row.loss for row in minimum.history]
    assert minimum.best.loss == min(losses)
    assert minimum.best.loss < 0.7 * losses[0]
    assert float(minimum.best.z.min()) >= 0.0
    assert float(minimum.best.z.max()) <= 1.0
    assert minimum.status == "iterations"


def test_it_stops_when_the_loss_has_stopped_improving(objective: Objective) -> None:
    # so large a rate overshoots at every step
    minimum = adamw(objective, objective.space.start(), AdamWSettings(learning_rate=0.9, final_learning_rate=0.8, patience=3))
    assert minimum.status == "patience"
    assert "3 iterations" in minimum.sentence


def test_the_first_step_has_the_size_of_the_rate(objective: Objective) -> None:
    # Adam divides the first gradient by its own size: every entry moves by the rate (Kingma and Ba 2015)
    start = objective.space.start()
    moved: list[torch.Tensor] = []
    evaluate = objective.evaluate

    def watched(z: torch.Tensor, *rest: object) -> object:
        moved.append(z - start)
        return evaluate(z, *rest)  # type: ignore[arg-type]

    objective.evaluate = watched  # type: ignore[assignment,method-assign]
    try:
        adamw(objective, start, AdamWSettings(maximum_iterations=1, learning_rate=0.01))
    finally:
        objective.evaluate = evaluate  # type: ignore[method-assign]
    torch.testing.assert_close(moved[1].abs(), torch.full_like(start, 0.01), rtol=1e-2, atol=1e-5)


def test_weight_decay_pulls_towards_the_start(objective: Objective) -> None:
    start = objective.space.start()
    moved = []
    for decay in (0.0, 2.0, 8.0):
        settings = AdamWSettings(maximum_iterations=30, learning_rate=0.04, final_learning_rate=0.02, weight_decay=decay)
        moved.append(float((adamw(objective, start, settings).best.z - start).norm()))
    assert moved[2] < 0.9 * moved[1] < 0.81 * moved[0]
