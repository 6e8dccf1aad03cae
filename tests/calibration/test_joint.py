"""Motions, passive trials and efforts in one loss: its derivatives, what adds up, and whom the gain of EMG touches."""

from dataclasses import replace

import pytest
import torch
from calibration_twin import make_objective, with_dynamometer
from hybrid_twin import make_hybrid

from osim_nmscal.calibration.joint import JointObjective, dynamometer_objectives
from osim_nmscal.calibration.objective import Objective
from osim_nmscal.calibration.parameter_space import ParameterSpace
from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.calibration.simulated_twin import Twin, make_twin
from osim_nmscal.nms.muscle_models import muscle_mechanics

SETTINGS = CalibrationSettings()


def dynamometer(twin: Twin, space: ParameterSpace) -> list[Objective]:
    return dynamometer_objectives(with_dynamometer(twin), muscle_mechanics(twin.start), space, SETTINGS)


def emg_driven() -> tuple[JointObjective, torch.Tensor]:
    twin = make_twin(steps=50, noise=0.05, rigid=(1,))
    objective = make_objective(twin, SETTINGS)
    z = objective.space.start()
    z = z + 0.05 * torch.randn(z.shape, generator=torch.Generator().manual_seed(3), dtype=z.dtype)
    return JointObjective(objective, dynamometer(twin, objective.space), objective.space.size), z


def hybrid() -> tuple[JointObjective, torch.Tensor]:
    first, z = make_hybrid()
    space = first.space.parameters
    return JointObjective(first, dynamometer(make_twin(muscles=5, trials=2, steps=60), space), space.size), z


@pytest.fixture(scope="module", params=[emg_driven, hybrid], ids=["EMG-driven", "synergy-hybrid"])
def case(request: pytest.FixtureRequest) -> tuple[JointObjective, torch.Tensor]:
    made: tuple[JointObjective, torch.Tensor] = request.param()
    return made


def test_the_loss_is_the_sum_of_its_parts(case: tuple[JointObjective, torch.Tensor]) -> None:
    loss, z = case
    at = loss.evaluate(z)
    assert set(at.terms) >= {"moment", "prior", "dynamometer", "dynamometer_emg"}
    assert at.loss == pytest.approx(sum(at.terms.values()), rel=1e-12)
    assert at.terms["dynamometer"] > 0.0
    assert at.terms["dynamometer_emg"] > 0.0
    assert len(loss.others) == 2


def test_gradient_is_that_of_central_differences(case: tuple[JointObjective, torch.Tensor]) -> None:
    loss, z = case
    gradient = 2.0 * loss.gradient(loss.evaluate(z))
    generator, parameters = torch.Generator().manual_seed(1), loss.parameters
    for part in (slice(0, parameters), slice(parameters, None), slice(None)):
        direction = torch.zeros_like(z)
        direction[part] = torch.randn(direction[part].shape, generator=generator, dtype=z.dtype)
        change = loss.evaluate(z + 1e-6 * direction).loss - loss.evaluate(z - 1e-6 * direction).loss
        # as of the parts: penalties that switch at a sample cost some digits
        assert float(gradient @ direction) == pytest.approx(change / 2e-6, rel=1e-4, abs=1e-12)


def test_what_a_dynamometer_adds_to_the_hessian_is_its_residuals_change(case: tuple[JointObjective, torch.Tensor]) -> None:
    loss, z = case
    at = loss.evaluate(z)
    added = loss.linearize(at).hessian
    alone = loss.first.linearize(at.first).hessian
    direction = torch.randn(z.shape, generator=torch.Generator().manual_seed(2), dtype=z.dtype)

    def residuals(z: torch.Tensor) -> torch.Tensor:
        own = loss.evaluate(z).others
        return torch.cat([one.moment_residual(part).reshape(-1) for one, part in zip(loss.others, own, strict=True)])

    change = (residuals(z + 1e-6 * direction) - residuals(z - 1e-6 * direction)) / 2e-6
    found = float(direction @ (added @ direction)) - float(direction @ (alone @ direction))
    assert found == pytest.approx(float(change @ change), rel=1e-5)


def test_the_gain_of_emg_moves_recorded_excitations_alone() -> None:
    loss, z = emg_driven()
    assumed, recorded = loss.others
    column = loss.first.space.blocks["emg_scale"].column
    moved = z.clone()
    moved[column] += 0.1
    here, there = loss.evaluate(z).others, loss.evaluate(moved).others
    torch.testing.assert_close(there[0].outputs.tendon_force, here[0].outputs.tendon_force, rtol=0.0, atol=0.0)
    assert float((there[1].outputs.activation - here[1].outputs.activation).abs().max()) > 0.01
    # and no derivative says otherwise
    gradients = [one.linearize(part).gradient[column] for one, part in zip((assumed, recorded), here, strict=True)]
    assert not bool(gradients[0].any())
    assert bool((gradients[1] != 0.0).any())
    assert set(assumed.trials.kinds) == {"passive", "effort"}
    assert set(recorded.trials.kinds) == {"effort"}


def test_efforts_have_no_penalties_and_no_second_prior() -> None:
    loss, z = emg_driven()
    at = loss.evaluate(z)
    assert [set(part.terms) for part in at.others] == [{"moment"}, {"moment"}]
    # although their fibers leave the range of a motion's
    lengths = at.others[0].outputs.normalized_fiber_length
    low, high = SETTINGS.loss.fiber_length_range
    assert bool(((lengths < low) | (lengths > high)).any()) or float(at.others[0].outputs.tendon_strain.max()) > 0.05


def test_a_moment_that_was_not_measured_says_nothing() -> None:
    twin = make_twin(steps=50)
    objective = make_objective(twin, SETTINGS)
    z, made = objective.space.start(), with_dynamometer(twin)
    other = []
    for trial in made:
        moment = trial.joint_moment.copy()
        moment[:, ~trial.is_measured] *= -2.0
        other.append(replace(trial, joint_moment=moment))
    parts = [dynamometer_objectives(trials, muscle_mechanics(twin.start), objective.space, SETTINGS) for trials in (made, other)]
    for one, two in zip(*parts, strict=True):
        first, second = one.evaluate(z), two.evaluate(z)
        assert first.loss == second.loss
        assert one.linearize(first).gradient.equal(two.linearize(second).gradient)


def test_a_predicted_step_warms_every_part() -> None:
    loss, z = emg_driven()
    at = loss.evaluate(z)
    step = 1e-3 * torch.randn(z.shape, generator=torch.Generator().manual_seed(4), dtype=z.dtype)
    warm = loss.warm_start(at, loss.linearize(at), step)
    # a warm start changes the way, not the end: both solve the fibers to 1e-10 of the maximum isometric force
    assert loss.evaluate(z + step, warm).loss == pytest.approx(loss.evaluate(z + step).loss, rel=1e-7)
