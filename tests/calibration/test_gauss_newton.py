"""Gauss-Newton with bounds: it stays inside, finds what a closed form gives, and says how it ended."""

import itertools

import pytest
import torch
from calibration_twin import make_objective

from osim_nmscal.calibration.evaluated import Linearization
from osim_nmscal.calibration.hessians import DenseMatrix
from osim_nmscal.calibration.objective import Objective
from osim_nmscal.calibration.optimizer_settings import GaussNewtonSettings
from osim_nmscal.calibration.optimizers.gauss_newton import bounded_step, gauss_newton
from osim_nmscal.calibration.optimizers.secant import SecantCurvature
from osim_nmscal.calibration.settings import CalibrationSettings, LossSettings
from osim_nmscal.calibration.simulated_twin import make_twin


@pytest.fixture(scope="module")
def objective() -> Objective:
    return make_objective(make_twin(noise=0.05), CalibrationSettings())


def quadratic(gradient: list[float], hessian: list[list[float]]) -> Linearization:
    nothing = torch.zeros(0, dtype=torch.float64)
    model = (torch.tensor(gradient, dtype=torch.float64), DenseMatrix(torch.tensor(hessian, dtype=torch.float64)))
    return Linearization(*model, nothing, (), None)  # type: ignore[arg-type]


def test_a_free_step_solves_the_normal_equations() -> None:
    linear = quadratic([0.1, -0.2], [[2.0, 0.5], [0.5, 1.0]])
    step = bounded_step(torch.tensor([0.5, 0.5], dtype=torch.float64), linear, damping=0.0)
    torch.testing.assert_close(step, -torch.linalg.solve(linear.hessian.matrix, linear.gradient), rtol=1e-10, atol=0.0)


def test_a_step_out_of_the_box_is_solved_again_on_its_wall() -> None:
    # the free step (2, -1.5) leaves the box on two sides; on the wall z1 = 1 the second entry wants back inside
    linear = quadratic([-2.5, -0.5], [[2.0, 1.0], [1.0, 1.0]])
    step = bounded_step(torch.tensor([0.5, 0.5], dtype=torch.float64), linear, damping=0.0)
    assert float(step[0]) == pytest.approx(0.5)
    # d/ds2: gradient_2 + h21 * 0.5 + h22 * s2 = 0
    assert float(step[1]) == pytest.approx(0.0, abs=1e-12)


def test_an_entry_at_its_bound_that_is_pushed_outwards_is_held() -> None:
    linear = quadratic([1.0, -0.1], [[1.0, 0.0], [0.0, 1.0]])
    step = bounded_step(torch.tensor([0.0, 0.5], dtype=torch.float64), linear, damping=0.0)
    torch.testing.assert_close(step, torch.tensor([0.0, 0.1], dtype=torch.float64))


def test_an_indefinite_model_still_gives_a_step_downhill() -> None:
    linear = quadratic([0.1, 0.1], [[1.0, 0.0], [0.0, 1.0]])
    step = bounded_step(torch.tensor([0.5, 0.5], dtype=torch.float64), linear, 1e-3, -3.0 * torch.eye(2, dtype=torch.float64))
    assert float(step @ linear.gradient) < 0.0


def test_the_secant_learns_what_a_step_has_shown() -> None:
    # after an update, (hessian + estimate) maps the step to the change of the gradient: the secant equation
    generator = torch.Generator().manual_seed(0)
    step, change = (torch.rand(4, generator=generator, dtype=torch.float64) for _ in range(2))
    hessian = torch.eye(4, dtype=torch.float64)
    secant = SecantCurvature(4)
    secant.learn(step, change, DenseMatrix(hessian))
    torch.testing.assert_close((hessian + secant.matrix) @ step, change, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(secant.matrix, secant.matrix.T, rtol=0.0, atol=1e-14)


def test_loss_never_rises_and_z_stays_inside(objective: Objective) -> None:
    minimum = gauss_newton(objective, objective.space.start(), GaussNewtonSettings())
    losses = [row.loss for row in minimum.history]
    assert all(after < before for before, after in itertools.pairwise(losses))
    assert float(minimum.best.z.min()) >= 0.0
    assert float(minimum.best.z.max()) <= 1.0
    assert minimum.status == "converged"
    assert minimum.history[-1].loss == minimum.best.loss


def test_the_end_is_a_minimum_of_the_bounded_problem(objective: Objective) -> None:
    minimum = gauss_newton(objective, objective.space.start(), GaussNewtonSettings(tolerance=1e-10, maximum_iterations=200))
    z, gradient = minimum.best.z, 2.0 * objective.linearize(minimum.best).gradient
    # Karush-Kuhn-Tucker: a gradient step projected on the box goes nowhere
    projected = (z - gradient).clamp(0.0, 1.0) - z
    assert float(projected.abs().max()) < 1e-3 * minimum.history[0].loss


def test_another_start_of_the_walk_ends_at_the_same_loss(objective: Objective) -> None:
    there = gauss_newton(objective, objective.space.start(), GaussNewtonSettings(tolerance=1e-8))
    z = objective.space.start() + 0.05
    again = gauss_newton(objective, z, GaussNewtonSettings(tolerance=1e-8))
    # local minima are possible in principle; from nearby starts there is one, up to the tolerance
    assert again.best.loss == pytest.approx(there.best.loss, rel=0.02)


def test_running_out_of_iterations_is_said(objective: Objective) -> None:
    minimum = gauss_newton(objective, objective.space.start(), GaussNewtonSettings(maximum_iterations=2))
    assert (minimum.status, minimum.iterations) == ("iterations", 2)
    assert "maximum_iterations" in minimum.sentence


def test_a_perfect_start_converges_at_once() -> None:
    twin = make_twin(steps=50, offset=0.0)
    objective = make_objective(twin, CalibrationSettings(loss=LossSettings(prior_weight=0.0)))
    space = objective.space
    truth = {name: torch.from_numpy(twin.truth(name)) for name in ("c1", "c2", "shape_factor")}
    values = {name: truth.get(name, block.start) for name, block in space.blocks.items()}
    minimum = gauss_newton(objective, space.encode(values), GaussNewtonSettings())
    assert minimum.best.loss < 1e-12
    assert minimum.status == "converged"
