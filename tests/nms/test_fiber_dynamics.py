"""Whole-trajectory fiber dynamics: against OpenSim's forward simulations, and its derivatives against differences."""

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from nms_cases import EVERY_CLASS, Case, leg_case, make_case, shared_muscle, shared_table, simulated_muscle, simulations
from torch import Tensor
from torch.testing import assert_close

from osim_nmscal.data.muscles import Millard2012Properties, Muscle, MuscleProperties, MuscleTable
from osim_nmscal.nms import fiber_dynamics, fiber_newton
from osim_nmscal.nms.contraction import TendonAndFiber
from osim_nmscal.nms.fiber_dynamics import FiberSolution, WholeTrajectory
from osim_nmscal.nms.fiber_newton import FiberProblem, solve_in_sequence
from osim_nmscal.nms.model import NmsInputs, contract, initial_parameters
from osim_nmscal.nms.muscle_models import muscle_curves, muscle_mechanics

OWN = simulations()
# Every forward simulation of the larger OpenSim reference set.
SHARED = [
    *(f"millard_{m}_r_elastic_{f}Hz" for m in ("soleus", "gasmed", "vaslat", "addlong", "glmax1") for f in (1, 3)),
    *(f"millard_{m}_r_elastic_damp{d}_1Hz" for m in ("soleus", "addlong") for d in ("0.01", "0")),
    *(f"millard_{m}_r_rigid_1Hz" for m in ("soleus", "addlong")),
    *(f"{kind}_{m}_r_elastic_1Hz" for kind in ("degroote", "thelen") for m in ("soleus", "addlong")),
]


def _force_error(muscle: Muscle, table: dict[str, Tensor], every: int) -> float:
    """RMS of the tendon force error / maximum isometric force, with OpenSim's activation and every n-th sample."""
    muscles = MuscleTable(muscles=(muscle,))
    activation, mtu_length, force = (table[name][::every, None, None] for name in ("activation", "mtu_length", "tendon_force"))
    parameters = initial_parameters(muscles, c1=0.0, c2=0.0, shape_factor=0.0, electromechanical_delay=0.0)
    moment_arm = torch.zeros(*activation.shape[:2], 1, 1, dtype=torch.float64)
    inputs = NmsInputs(excitation=activation, mtu_length=mtu_length, moment_arm=moment_arm, time_step=0.001 * every)
    outputs = contract(activation, inputs, parameters, muscle_mechanics(muscles))
    return float(((outputs.tendon_force - force) / muscle.max_isometric_force).square().mean().sqrt())


@pytest.mark.parametrize("name", OWN)
def test_tendon_forces_follow_opensims_forward_simulation(name: str) -> None:
    muscle = simulated_muscle(name)
    assert _force_error(muscle, OWN[name], 1) < 0.005
    assert _force_error(muscle, OWN[name], 5) < 0.02


@pytest.mark.parametrize("name", SHARED)
def test_tendon_forces_follow_the_shared_forward_simulations(name: str, opensim_muscle_reference: Path) -> None:
    path = opensim_muscle_reference / f"sim_{name}.csv"
    muscle, table = shared_muscle(path), shared_table(path)
    assert _force_error(muscle, table, 1) < 0.005
    assert _force_error(muscle, table, 5) < 0.02


@pytest.mark.parametrize("name", ["soleus", "addlong"])
def test_opensims_explicit_degroote_muscle_obeys_the_equation_without_damping(name: str, opensim_muscle_reference: Path) -> None:
    # its fiber_damping is 0.01 and OpenSim reports a damping force of up to 0.4 %, but not in the tendon
    path = opensim_muscle_reference / f"sim_degroote_{name}_r_elastic_1Hz.csv"
    muscle, table = shared_muscle(path), shared_table(path)
    curves = muscle_curves(muscle)
    length, velocity = table["norm_fiber_length"], table["norm_fiber_velocity"]
    active = table["activation"] * curves.active_force_length(length).value * curves.force_velocity(velocity).value
    fiber = (active + curves.passive_force_length(length).value) * torch.cos(table["pennation"])
    assert table["passive_damping_force"].abs().max() > 0.002 * muscle.max_isometric_force
    assert_close(fiber, table["tendon_force"] / muscle.max_isometric_force, rtol=0.0, atol=1e-10)
    assert curves.fiber_damping == 0.0


@pytest.mark.parametrize("name", ["millard_elastic", "millard_rajagopal", "millard_lightly_damped", "millard_undamped"])
def test_the_error_falls_in_proportion_to_the_time_step(name: str) -> None:
    errors = [_force_error(simulated_muscle(name), OWN[name], every) for every in (1, 2, 4)]
    for fine, coarse in itertools.pairwise(errors):
        assert 1.7 < coarse / fine < 2.3


@pytest.mark.parametrize("properties", EVERY_CLASS)
def test_every_sample_satisfies_backward_euler(properties: MuscleProperties) -> None:
    case = leg_case(properties)
    solution = case.solve()
    assert solution.solved.all()
    velocity = solution.length.diff(dim=0) / (case.time_step * case.parameters.max_contraction_velocity)
    assert_close(solution.velocity[1:], velocity, rtol=0.0, atol=1e-12)
    assert (solution.velocity[0] == 0.0).all()
    assert solution.at.residual.abs().max() < 1e-10


@pytest.fixture
def _tight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Solve so far that central differences are not noise: 1e-13 / 1e-6 is still below their tolerance."""
    monkeypatch.setitem(fiber_newton.TOLERANCE, torch.float64, 3e-13)


def _solve(case: Case, **changed: Tensor) -> FiberSolution:
    parameters = case.parameters._replace(**{k: v for k, v in changed.items() if k in TendonAndFiber._fields})
    signals = {k: v for k, v in changed.items() if k not in TendonAndFiber._fields}
    return replace(case, parameters=parameters, **signals).solve()


def _difference(case: Case, name: str, direction: Tensor, step: float = 1e-6) -> Tensor:
    value = getattr(case, name) if hasattr(case, name) else getattr(case.parameters, name)
    up, down = (_solve(case, **{name: value + sign * step * direction}).length for sign in (1.0, -1.0))
    return (up - down) / (2.0 * step)


INPUTS = ("activation", "mtu_length", *TendonAndFiber._fields)


@pytest.mark.usefixtures("_tight")
@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.parametrize("properties", EVERY_CLASS)
def test_every_tangent_of_a_whole_trajectory_is_its_central_difference(properties: MuscleProperties, name: str) -> None:
    case = leg_case(properties)
    value = getattr(case, name) if hasattr(case, name) else getattr(case.parameters, name)
    generator = torch.Generator().manual_seed(3)
    # signals move along a smooth random direction, parameters all at once
    direction = value.abs() * (0.5 + torch.rand(value.shape[-1], generator=generator, dtype=torch.float64))
    solution = case.solve()
    wrt_activation, wrt_mtu_length, wrt_parameters = solution.partials()
    partial = {"activation": wrt_activation, "mtu_length": wrt_mtu_length, **wrt_parameters._asdict()}[name]
    tangent = solution.tangent(partial * direction)
    error = (tangent - _difference(case, name, direction)).abs().max() / tangent.abs().max()
    assert error < 1e-6


@pytest.mark.usefixtures("_tight")
@pytest.mark.parametrize("properties", EVERY_CLASS)
def test_the_gradient_of_a_whole_trajectory_is_its_central_difference(properties: MuscleProperties) -> None:
    case = leg_case(properties)
    generator = torch.Generator().manual_seed(4)
    weight = torch.randn(case.activation.shape, generator=generator, dtype=torch.float64)
    inputs = [x.clone().requires_grad_() for x in (case.activation, case.mtu_length, *case.parameters)]
    (WholeTrajectory.apply(case.solve(), *inputs) * weight).sum().backward()
    for name, leaf in zip(INPUTS, inputs, strict=True):
        assert leaf.grad is not None
        direction = leaf.detach().abs() * (0.5 + torch.rand(leaf.shape, generator=generator, dtype=torch.float64))
        expected = (_difference(case, name, direction) * weight).sum()
        found = (leaf.grad * direction).sum()
        # relative to the sum of all contributions, which may cancel
        assert abs(found - expected) < 1e-6 * (leaf.grad * direction).abs().sum(), name


def test_gradient_and_tangents_are_transposes_of_each_other() -> None:
    solution = leg_case(Millard2012Properties()).solve()
    generator = torch.Generator().manual_seed(5)
    source, weight = torch.randn(2, *solution.length.shape, generator=generator, dtype=torch.float64)
    forward = (solution.tangent(source) * weight).sum()
    backward = (solution.adjoint(weight) * source).sum()
    assert_close(forward, backward, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("properties", EVERY_CLASS)
def test_what_pads_a_shorter_trial_changes_nothing_before_it(properties: MuscleProperties) -> None:
    case = leg_case(properties)
    steps = 50
    short = replace(case, activation=case.activation[:steps], mtu_length=case.mtu_length[:steps]).solve()

    def padded(signal: Tensor) -> Tensor:
        return torch.cat([signal[:steps], signal[steps - 1 : steps].expand(len(signal) - steps, -1)])

    long = replace(case, activation=padded(case.activation), mtu_length=padded(case.mtu_length)).solve()
    # both are solved to 1e-10 of the maximum isometric force, the tendon's compliance is about 0.1
    assert_close(long.length[:steps], short.length, rtol=0.0, atol=1e-9)


def test_a_weight_that_masks_the_padding_gives_the_gradient_of_the_short_trial() -> None:
    case = leg_case(Millard2012Properties())
    steps = 50
    short = replace(case, activation=case.activation[:steps], mtu_length=case.mtu_length[:steps]).solve()
    mask = torch.zeros_like(case.activation)
    mask[:steps] = 1.0
    of_long, of_short = case.solve().pull_back(mask), short.pull_back(mask[:steps])
    assert_close(of_long[0][:steps], of_short[0], rtol=0.0, atol=1e-7)
    assert (of_long[0][steps:] == 0.0).all()
    for long, brief in zip(of_long[2], of_short[2], strict=True):
        assert_close(long, brief, rtol=1e-7, atol=1e-7)


def test_a_warm_start_finds_the_same_trajectory_in_fewer_iterations() -> None:
    case = leg_case(Millard2012Properties())
    before = case.solve()
    longer = {"tendon_slack_length": 1.004 * case.parameters.tendon_slack_length}
    changed = replace(case, parameters=case.parameters._replace(**longer))
    cold, warm = changed.solve(), changed.solve(before)
    assert_close(warm.length, cold.length, rtol=0.0, atol=1e-9)
    assert warm.iterations < cold.iterations
    # at the solution itself nothing is left to do
    assert case.solve(before).iterations == 1


def test_blocks_of_columns_do_not_change_the_solution_or_its_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    case = leg_case(Millard2012Properties(), columns=7)
    whole = case.solve()
    weight = torch.ones_like(whole.length)
    gradient = whole.pull_back(weight)
    monkeypatch.setattr(fiber_dynamics, "_BLOCK_STATES", 3 * len(case.activation))
    blocks = case.solve()
    warm = replace(case, activation=0.9 * case.activation).solve(blocks)
    assert warm.solved.all()
    assert_close(blocks.length, whole.length, rtol=0.0, atol=1e-9)
    assert_close(blocks.at.tendon_force, whole.at.tendon_force, rtol=0.0, atol=1e-8)
    for in_blocks, at_once in zip(blocks.pull_back(weight)[2], gradient[2], strict=True):
        assert_close(in_blocks, at_once, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("properties", EVERY_CLASS)
def test_sample_by_sample_in_a_bracket_finds_the_same_trajectory(properties: MuscleProperties) -> None:
    case = leg_case(properties, steps=40)
    inverse = 1.0 / (case.time_step * case.parameters.max_contraction_velocity)
    problem = FiberProblem(case.activation, case.mtu_length, case.parameters, case.muscle, inverse)
    assert_close(solve_in_sequence(problem), case.solve().length, rtol=0.0, atol=1e-8)


def test_columns_that_newton_cannot_solve_are_solved_in_sequence(monkeypatch: pytest.MonkeyPatch) -> None:
    case = leg_case(Millard2012Properties(), steps=40)
    expected = case.solve()
    monkeypatch.setattr(fiber_newton, "_MAXIMUM_ITERATIONS", 2)
    rescued = case.solve()
    assert rescued.solved.all()
    assert_close(rescued.length, expected.length, rtol=0.0, atol=1e-8)
    assert_close(rescued.at.tendon_force, expected.at.tendon_force, rtol=0.0, atol=1e-8)


def test_what_stays_unsolved_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    case = leg_case(Millard2012Properties(), steps=40)
    monkeypatch.setattr(fiber_newton, "_MAXIMUM_ITERATIONS", 2)
    monkeypatch.setattr(fiber_newton, "_BRACKET_ITERATIONS", 1)
    assert not case.solve().solved.any()


def _extreme(mtu_length: Tensor, activation: Tensor) -> Case:
    muscle = Muscle(
        name="m", max_isometric_force=1000.0, optimal_fiber_length=0.06, tendon_slack_length=0.2, pennation_angle_at_optimal=0.2
    )
    return make_case((muscle,), activation, mtu_length, 0.01)


def test_a_fiber_that_would_become_too_short_stays_at_its_bound_and_counts_as_solved() -> None:
    # the MTU is shortened below the tendon's slack length: no positive fiber length along the tendon is left
    seconds = torch.arange(60, dtype=torch.float64)[:, None] * 0.01
    case = _extreme(0.26 - 0.08 * torch.sin(3.0 * seconds) ** 2, torch.full_like(seconds, 0.3))
    solution = case.solve()
    assert solution.solved.all()
    assert solution.at_bound.any()
    assert_close(solution.length[solution.at_bound[:, 0]], case.muscle.minimum_fiber_length.expand(int(solution.at_bound.sum()), 1))
    assert (solution.length >= case.muscle.minimum_fiber_length).all()
    # a bound length does not move, whatever changes
    adjoint = solution.adjoint(torch.ones_like(solution.length))
    wrt_activation, _, _ = solution.partials()
    assert ((adjoint * wrt_activation)[solution.at_bound] == 0.0).all()
    tangent = solution.tangent(torch.ones_like(solution.length))
    assert (tangent[solution.at_bound] == 0.0).all()


def test_a_slack_muscle_without_activation_has_a_length_hardly_a_force_and_a_finite_gradient() -> None:
    seconds = torch.arange(80, dtype=torch.float64)[:, None] * 0.01
    case = _extreme(0.245 + 0.005 * torch.sin(6.0 * seconds), torch.zeros_like(seconds))
    solution = case.solve()
    assert solution.solved.all()
    assert not solution.at_bound.any()
    # a few percent of slack are a few tenths of a percent of the maximum isometric force (SLACK_SLOPE)
    assert solution.at.tendon_force.abs().max() < 0.01
    for gradient in solution.pull_back(torch.ones_like(solution.length))[2]:
        assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("properties", EVERY_CLASS)
def test_single_precision_follows_double_precision(properties: MuscleProperties) -> None:
    case = leg_case(properties)
    like = torch.empty(0, dtype=torch.float32)
    single = Case(
        case.activation.to(like),
        case.mtu_length.to(like),
        TendonAndFiber(*(p.to(like) for p in case.parameters)),
        case.muscle.to(like),
        case.time_step,
    ).solve()
    exact = case.solve()
    assert single.solved.all()
    assert single.length.dtype == torch.float32
    # an MTU length of 0.4 m is known to 3e-8 m, that is 1e-5 of a stiff tendon's force
    assert_close(single.length.double(), exact.length, rtol=0.0, atol=1e-4)
    assert_close(single.at.tendon_force.double(), exact.at.tendon_force, rtol=0.0, atol=1e-3)
    (gradient, _, _) = single.pull_back(torch.ones_like(single.length))
    assert gradient.dtype == torch.float32


def test_a_silent_muscle_takes_up_its_whole_slack() -> None:
    # at zero strain the tendon has hardly any stiffness, so the residual hardly any slope: the ratio of the two is exact all the same.
    # without force the strain stays, and l * cos(pennation) * optimal = MTU - slack * (1 + strain) gives dl / d slack
    case = leg_case(Millard2012Properties())
    case = replace(case, activation=torch.zeros_like(case.activation), mtu_length=case.mtu_length[:1].expand_as(case.mtu_length) * 0.98)
    solution = case.solve()
    assert solution.solved.all()
    assert float(solution.at.by_length[0].max()) > -1e-4  # where a step of the solver is bounded
    tangent = solution.tangent(solution.partials()[2].tendon_slack_length)[0]
    expected = -(1.0 + solution.at.tendon_strain[0]) * solution.at.cosine[0] / case.parameters.optimal_fiber_length
    without_force = solution.at.passive[0] < 1e-9
    assert int(without_force.sum()) >= 4
    assert_close(tangent[without_force], expected[without_force], rtol=1e-2, atol=0.0)
