"""The whole model: composition, derivatives, mixed tendons, parameter sets, refusals."""

import math
from dataclasses import fields, replace

import pytest
import torch
from nms_cases import EVERY_CLASS, RAJAGOPAL
from torch import Tensor
from torch.testing import assert_close

from osim_nmscal.data.muscles import (
    DeGrooteFregly2016Properties,
    Millard2012Properties,
    Muscle,
    MuscleProperties,
    MuscleTable,
    Thelen2003Properties,
)
from osim_nmscal.errors import FiberDynamicsError
from osim_nmscal.nms import fiber_newton
from osim_nmscal.nms.activation import activation, delayed, neural_activation
from osim_nmscal.nms.joint_moment import joint_moment
from osim_nmscal.nms.model import FiberDynamicsName, NmsInputs, NmsOutputs, NmsParameters, contract, initial_parameters, simulate
from osim_nmscal.nms.muscle_models import muscle_curves, muscle_mechanics


def _table(*properties: MuscleProperties, rigid: tuple[bool, ...] = ()) -> MuscleTable:
    return MuscleTable(
        muscles=tuple(
            Muscle(
                name=f"muscle_{i}",
                max_isometric_force=1000.0 + 500.0 * i,
                optimal_fiber_length=0.06 + 0.01 * i,
                tendon_slack_length=0.12 + 0.05 * i,
                pennation_angle_at_optimal=0.1 * i,
                properties=p,
                ignore_tendon_compliance=bool(rigid and rigid[i]),
            )
            for i, p in enumerate(properties)
        )
    )


def _inputs(table: MuscleTable, steps: int = 60, trials: int = 2) -> NmsInputs:
    generator = torch.Generator().manual_seed(0)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator, dtype=torch.float64)

    seconds = 0.01 * torch.arange(steps, dtype=torch.float64)[:, None, None]
    fiber, slack = (torch.from_numpy(table.values(name)) for name in ("optimal_fiber_length", "tendon_slack_length"))
    count = len(table)
    stretch = 0.98 + 0.12 * torch.sin(2.0 * math.pi * (seconds + uniform(trials, count)))
    return NmsInputs(
        excitation=0.4 + 0.3 * torch.sin(2.0 * math.pi * (1.5 * seconds + uniform(trials, count))),
        mtu_length=1.015 * slack + fiber * stretch,
        moment_arm=0.05 * (uniform(steps, trials, 3, count) - 0.5),
        time_step=0.01,
    )


def _parameters(table: MuscleTable) -> NmsParameters:
    return initial_parameters(table, c1=-0.5, c2=-0.4, shape_factor=-1.2, electromechanical_delay=0.0337)


MIXED = _table(
    Millard2012Properties(), DeGrooteFregly2016Properties(), Thelen2003Properties(), RAJAGOPAL, rigid=(False, False, False, True)
)


def test_the_starting_parameters_are_those_of_the_muscles() -> None:
    parameters = _parameters(MIXED)
    assert_close(parameters.optimal_fiber_length, torch.tensor([0.06, 0.07, 0.08, 0.09], dtype=torch.float64))
    assert_close(parameters.tendon_strain_at_one_norm_force, torch.tensor([0.049, 0.049, 0.04, 0.049], dtype=torch.float64))


def test_moments_are_forces_times_moment_arms_summed_over_muscles() -> None:
    force = torch.tensor([[[100.0, 200.0]]], dtype=torch.float64)
    arm = torch.tensor([[[[0.04, -0.05], [0.0, 0.02]]]], dtype=torch.float64)
    assert_close(joint_moment(force, arm), torch.tensor([[[-6.0, 4.0]]], dtype=torch.float64))
    outputs = simulate(_inputs(MIXED), _parameters(MIXED), MIXED)
    expected = (outputs.tendon_force[:, :, None, :] * _inputs(MIXED).moment_arm).sum(-1)
    assert_close(outputs.joint_moment, expected, rtol=1e-12, atol=1e-12)


def test_simulate_is_delay_filter_bend_and_contraction() -> None:
    inputs, parameters = _inputs(MIXED), _parameters(MIXED)
    late = delayed(inputs.excitation, parameters.electromechanical_delay, inputs.time_step)
    active = activation(neural_activation(late, parameters.c1, parameters.c2), parameters.shape_factor)
    outputs = simulate(inputs, parameters, MIXED)
    assert_close(outputs.activation, active, rtol=0.0, atol=1e-15)
    assert_close(contract(active, inputs, parameters, muscle_mechanics(MIXED)).tendon_force, outputs.tendon_force, rtol=0.0, atol=1e-12)


def test_elastic_tendons_carry_what_their_curve_says_at_their_strain_and_the_fiber_balances_it() -> None:
    table = _table(*EVERY_CLASS)
    outputs = simulate(_inputs(table), _parameters(table), table)
    geometry = _inputs(table).mtu_length
    p = _parameters(table)
    along = outputs.normalized_fiber_length * p.optimal_fiber_length * torch.cos(outputs.pennation_angle)
    assert_close((geometry - along) / p.tendon_slack_length - 1.0, outputs.tendon_strain, rtol=0.0, atol=1e-9)
    damping = torch.tensor([muscle_curves(muscle).fiber_damping for muscle in table.muscles], dtype=torch.float64)
    for i, muscle in enumerate(table.muscles):
        curves = muscle_curves(muscle)
        strain = outputs.tendon_strain[..., i].flatten() / curves.tendon_strain_at_one_norm_force
        force = curves.tendon_force(strain).value * muscle.max_isometric_force
        # the table's own error is 1e-8 of the maximum isometric force
        assert_close(outputs.tendon_force[..., i].flatten(), force, rtol=0.0, atol=1e-4)
    fiber = outputs.active_force + outputs.passive_force + damping * outputs.normalized_fiber_velocity * p.max_isometric_force
    assert_close(outputs.tendon_force, fiber * torch.cos(outputs.pennation_angle), rtol=0.0, atol=1e-6)


def test_a_rigid_tendon_leaves_the_fiber_the_rest_of_the_mtu() -> None:
    table = _table(Millard2012Properties(), Millard2012Properties(), rigid=(True, True))
    inputs, p = _inputs(table), _parameters(table)
    outputs = simulate(inputs, p, table)
    along = inputs.mtu_length - p.tendon_slack_length
    height = p.optimal_fiber_length * torch.sin(torch.from_numpy(table.values("pennation_angle_at_optimal")))
    assert_close(outputs.normalized_fiber_length * p.optimal_fiber_length, torch.hypot(along, height), rtol=1e-12, atol=0.0)
    assert (outputs.tendon_strain == 0.0).all()
    # velocity by central differences of the length
    middle = (outputs.normalized_fiber_length[2:] - outputs.normalized_fiber_length[:-2]) / (2.0 * inputs.time_step * 10.0)
    assert_close(outputs.normalized_fiber_velocity[1:-1], middle, rtol=0.0, atol=1e-12)


@pytest.mark.parametrize("fiber_dynamics", ["whole_trajectory", "rosenbrock"])
def test_rigid_and_elastic_muscles_of_one_model_do_not_disturb_each_other(fiber_dynamics: FiberDynamicsName) -> None:
    inputs, parameters = _inputs(MIXED), _parameters(MIXED)
    together = simulate(inputs, parameters, MIXED, fiber_dynamics=fiber_dynamics)
    for i, muscle in enumerate(MIXED.muscles):
        alone = simulate(
            replace(
                inputs,
                excitation=inputs.excitation[..., [i]],
                mtu_length=inputs.mtu_length[..., [i]],
                moment_arm=inputs.moment_arm[..., [i]],
            ),
            _row(parameters, [i]),
            MuscleTable(muscles=(muscle,)),
            fiber_dynamics=fiber_dynamics,
        )
        for name in ("normalized_fiber_length", "tendon_force", "tendon_strain", "pennation_angle", "passive_force"):
            found, expected = getattr(together, name)[..., i], getattr(alone, name)[..., 0]
            assert_close(found, expected, rtol=1e-8, atol=1e-8)


def _row(parameters: NmsParameters, index: list[int]) -> NmsParameters:
    values = {f.name: getattr(parameters, f.name) for f in fields(parameters)}
    return NmsParameters(**{name: value if value.ndim == 0 else value[..., index] for name, value in values.items()})


@pytest.mark.parametrize("fiber_dynamics", ["whole_trajectory", "rosenbrock"])
def test_several_parameter_sets_at_once_are_each_alone(fiber_dynamics: FiberDynamicsName) -> None:
    inputs, parameters = _inputs(MIXED), _parameters(MIXED)
    scales = (1.0, 1.02, 0.97)
    names = [f.name for f in fields(parameters) if f.name != "electromechanical_delay"]
    sets = replace(parameters, **{name: torch.stack([getattr(parameters, name) * s for s in scales]) for name in names})
    together = simulate(inputs, sets, MIXED, fiber_dynamics=fiber_dynamics)
    assert together.joint_moment.shape == (3, 60, 2, 3)
    for i, scale in enumerate(scales):
        alone = simulate(
            inputs,
            replace(parameters, **{name: getattr(parameters, name) * scale for name in names}),
            MIXED,
            fiber_dynamics=fiber_dynamics,
        )
        for field in fields(NmsOutputs):
            assert_close(getattr(together, field.name)[i], getattr(alone, field.name), rtol=1e-8, atol=1e-7, msg=field.name)


@pytest.mark.parametrize("fiber_dynamics", ["whole_trajectory", "rosenbrock"])
@pytest.mark.parametrize("name", [f.name for f in fields(NmsParameters)])
def test_the_gradient_of_the_moments_by_every_parameter_is_its_central_difference(
    name: str, fiber_dynamics: FiberDynamicsName, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(fiber_newton.TOLERANCE, torch.float64, 3e-13)
    inputs, parameters, mechanics = _inputs(MIXED, steps=40), _parameters(MIXED), muscle_mechanics(MIXED)
    generator = torch.Generator().manual_seed(2)
    weight = torch.randn(40, 2, 3, generator=generator, dtype=torch.float64)

    def loss(value: Tensor) -> Tensor:
        outputs = simulate(inputs, replace(parameters, **{name: value}), mechanics, fiber_dynamics=fiber_dynamics)
        return (outputs.joint_moment * weight).sum()

    value = getattr(parameters, name)
    leaf = value.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(leaf), leaf)
    step = 1e-6 * value.abs()
    for i in value.reshape(-1).nonzero().squeeze(-1).tolist():  # a muscle without pennation has nothing to change by a part
        unit = torch.zeros_like(value).reshape(-1).index_fill(0, torch.tensor([i]), 1.0).reshape(value.shape)
        expected = (loss(value + step * unit) - loss(value - step * unit)) / (2.0 * (step * unit).sum())
        found = gradient.reshape(-1)[i]
        # relative to the largest gradient of this kind of parameter
        assert abs(found - expected) < 2e-6 * gradient.abs().max(), (i, float(found), float(expected))


def test_gradients_by_excitation_and_geometry_are_central_differences() -> None:
    inputs, parameters, mechanics = _inputs(MIXED, steps=30), _parameters(MIXED), muscle_mechanics(MIXED)
    for name in ("excitation", "mtu_length", "moment_arm"):
        value = getattr(inputs, name)
        leaf = value.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(simulate(replace(inputs, **{name: leaf}), parameters, mechanics).joint_moment.sum(), leaf)
        direction = value.abs() * 1e-6
        ends = [simulate(replace(inputs, **{name: value + s * direction}), parameters, mechanics).joint_moment.sum() for s in (1.0, -1.0)]
        assert_close((gradient * direction).sum(), 0.5 * (ends[0] - ends[1]), rtol=1e-5, atol=1e-12)


def test_zero_excitation_is_allowed_and_leaves_only_passive_force() -> None:
    table = _table(Millard2012Properties(), RAJAGOPAL)
    inputs = _inputs(table)
    outputs = simulate(replace(inputs, excitation=torch.zeros_like(inputs.excitation)), _parameters(table), table)
    assert (outputs.activation == 0.0).all()
    assert (outputs.active_force == 0.0).all()
    assert torch.isfinite(outputs.joint_moment).all()


def test_the_force_is_proportional_to_the_maximum_isometric_force() -> None:
    inputs, parameters = _inputs(MIXED), _parameters(MIXED)
    stronger = replace(parameters, max_isometric_force=1.7 * parameters.max_isometric_force)
    assert_close(
        simulate(inputs, stronger, MIXED).tendon_force, 1.7 * simulate(inputs, parameters, MIXED).tendon_force, rtol=1e-12, atol=0.0
    )


@pytest.mark.parametrize(("name", "what"), [("excitation", "activation"), ("mtu_length", "MTU length")])
def test_a_gap_in_an_input_is_refused_by_muscle_trial_and_time(name: str, what: str) -> None:
    inputs = _inputs(MIXED)
    broken = getattr(inputs, name).clone()
    broken[25, 1, 2] = math.nan
    # a gap in excitation spreads to where the cubic of the delay first reaches it, 20 ms before the delayed sample
    with pytest.raises(FiberDynamicsError, match=rf"{what} of muscle 'muscle_2' in trial 1 is not finite at 0\.2"):
        simulate(replace(inputs, **{name: broken}), _parameters(MIXED), MIXED)


@pytest.mark.parametrize("value", [0.0, -0.1, math.nan])
def test_an_impossible_parameter_is_refused_by_name_and_value(value: float) -> None:
    parameters = _parameters(MIXED)
    broken = parameters.tendon_slack_length.clone()
    broken[1] = value
    with pytest.raises(FiberDynamicsError, match=r"tendon slack length of muscle 'muscle_1' in trial 0 is .*must be positive"):
        simulate(_inputs(MIXED), replace(parameters, tendon_slack_length=broken), MIXED)


def test_a_trajectory_without_solution_is_reported_by_muscle_trial_and_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fiber_newton, "_MAXIMUM_ITERATIONS", 1)
    monkeypatch.setattr(fiber_newton, "_BRACKET_ITERATIONS", 1)
    with pytest.raises(FiberDynamicsError, match=r"muscle 'muscle_\d' in trial \d balances .* at 0\.\d+ s .*of 6 muscle trajectories"):
        simulate(_inputs(MIXED), _parameters(MIXED), MIXED)


def test_single_precision_goes_through() -> None:
    inputs, like = _inputs(MIXED), torch.empty(0, dtype=torch.float32)
    single = replace(
        inputs, excitation=inputs.excitation.to(like), mtu_length=inputs.mtu_length.to(like), moment_arm=inputs.moment_arm.to(like)
    )
    outputs = simulate(single, _parameters(MIXED).to(like), MIXED)
    exact = simulate(inputs, _parameters(MIXED), MIXED)
    assert outputs.joint_moment.dtype == torch.float32
    # 1e-3 of 2,500 N at 25 mm
    assert_close(outputs.joint_moment.double(), exact.joint_moment, rtol=0.0, atol=0.1)
