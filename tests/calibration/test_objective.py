"""The loss, its gradient and its Jacobian: against Eq. 4 written out, and against central differences for every kind of parameter."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from calibration_twin import every_kind_free, make_objective

from osim_nmscal.calibration.evaluated import Linearization
from osim_nmscal.calibration.losses import Term, TermInputs
from osim_nmscal.calibration.objective import Objective
from osim_nmscal.calibration.prediction import predict
from osim_nmscal.calibration.settings import CalibrationSettings, LossSettings, ParameterSettings, ParametersSettings
from osim_nmscal.calibration.simulated_twin import LEAD_IN, Twin, make_twin
from osim_nmscal.data.trials import TrialSet
from osim_nmscal.errors import CalibrationError

GROUPS = {"front": ("muscle_0", "muscle_2")}
# every term of the loss at work
FULL_LOSS = LossSettings(
    passive_force_weight=0.5, similarity_weight=0.2, fiber_length_range=(0.8, 1.0), tendon_strain_range=(0.0, 0.02), prior_weight=0.01
)
# parameters over groups and over everyone, bounds relative and absolute
SCOPES = every_kind_free(
    optimal_fiber_length=ParameterSettings(lower=0.8, upper=1.2, bounds="relative", scope="group"),
    shape_factor=ParameterSettings(lower=-2.9, upper=-0.1, start=-1.0, scope="global"),
    electromechanical_delay=ParameterSettings(lower=0.0, upper=0.1, start=0.0337, scope="muscle"),
)
CASES = {
    "elastic tendons": ((), CalibrationSettings(parameters=every_kind_free(), loss=FULL_LOSS, groups=GROUPS)),
    "rigid tendons": ((0, 1, 2, 3), CalibrationSettings(parameters=every_kind_free(), loss=FULL_LOSS, groups=GROUPS)),
    "mixed tendons, groups and everyone": ((1,), CalibrationSettings(parameters=SCOPES, loss=FULL_LOSS, groups=GROUPS)),
    "moments in newton metres": ((), CalibrationSettings(preset="hambly2025")),
    "weak priors": ((), CalibrationSettings(preset="weak_prior")),
}


def away_from_the_start(objective: Objective) -> torch.Tensor:
    z = objective.space.start()
    return z + 0.05 * torch.randn(z.shape, generator=torch.Generator().manual_seed(3), dtype=z.dtype)


@dataclass(frozen=True)
class Differentiated:
    """A loss differentiated by the code and by central differences, (parameter,) and (moment, parameter)."""

    linear: Linearization
    gradient: torch.Tensor
    jacobian: torch.Tensor


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest) -> Differentiated:
    rigid, settings = CASES[request.param]
    # a delay between two samples, where its interpolation is smooth
    objective = make_objective(make_twin(rigid=rigid, steps=50), settings)
    z, step = away_from_the_start(objective), 1e-6
    slopes, columns = [], []
    for move in step * torch.eye(len(z), dtype=z.dtype):
        ahead, behind = (objective.evaluate(z + sign * move) for sign in (1.0, -1.0))
        slopes.append((ahead.loss - behind.loss) / (2.0 * step))
        columns.append((objective.moment_residual(ahead) - objective.moment_residual(behind)).reshape(-1) / (2.0 * step))
    linear = objective.linearize(objective.evaluate(z))
    return Differentiated(linear, torch.tensor(slopes, dtype=z.dtype), torch.stack(columns, dim=1))


def test_gradient_is_that_of_central_differences(case: Differentiated) -> None:
    gradient = 2.0 * case.linear.gradient
    # the solver's tolerance of 1e-10 over the step gives 1e-4 of one residual; measured agreement is 1e-6
    torch.testing.assert_close(gradient, case.gradient, rtol=1e-4, atol=1e-5 * float(gradient.abs().max()))


def test_moment_jacobian_is_that_of_central_differences(case: Differentiated) -> None:
    jacobian = case.linear.moment_jacobian
    torch.testing.assert_close(jacobian, case.jacobian, rtol=1e-4, atol=2e-5 * float(jacobian.abs().max()))


def test_hessian_is_that_of_the_residuals_alone(case: Differentiated) -> None:
    # with target moments met exactly and no penalty, loss / 2 has the Gauss-Newton Hessian exactly: check J^T J
    linear = case.linear
    torch.testing.assert_close(linear.hessian.matrix, linear.hessian.matrix.T, rtol=1e-12, atol=1e-12)
    rest = linear.hessian.matrix - linear.moment_jacobian.T @ linear.moment_jacobian
    # penalties add sums of squares: what remains has no negative eigenvalue
    assert float(torch.linalg.eigvalsh(rest).min()) > -1e-10 * float(linear.hessian.matrix.diagonal().max())


def test_moment_term_is_equation_4_written_out() -> None:
    twin = make_twin(noise=0.1)
    objective = make_objective(twin, CalibrationSettings(preset="hambly2025"))
    at = objective.evaluate(objective.space.start())
    neural = replace(twin.neural, c1=np.full(4, -0.55), c2=np.full(4, -0.45), shape_factor=np.full(4, -1.0))
    expected = 0.0
    for trial, prediction in zip(twin.trials.trials, predict(twin.trials, twin.start, neural), strict=True):
        expected += float(((prediction.joint_moment - trial.joint_moment)[LEAD_IN:] ** 2).mean())
    # both solve the fibers to 1e-10 of the maximum isometric force
    assert at.terms["moment"] == pytest.approx(expected, rel=1e-6)


def test_unequal_trials_are_padded_without_counting() -> None:
    twin = make_twin(steps=80)
    short = twin.trials.trials[1]
    cut = {name: getattr(short, name)[:50] for name in ("time", "excitation", "mtu_length", "moment_arm", "joint_moment")}
    settings = CalibrationSettings(preset="hambly2025")

    def loss(*trials: object) -> float:
        objective = make_objective(replace(twin, trials=replace(twin.trials, trials=trials)), settings)
        return objective.evaluate(objective.space.start()).loss

    first, second = twin.trials.trials[0], replace(short, **cut)
    # Eq. 4 sums over trials the mean of each
    assert loss(first, second) == pytest.approx(loss(first) + loss(second), rel=1e-6)


def effort(outputs: TermInputs) -> torch.Tensor:
    return outputs.activation * outputs.tendon_force / 1000.0


def overshoot(outputs: TermInputs) -> torch.Tensor:
    return 0.01 * torch.relu(outputs.joint_moment - outputs.target_moment)


def shared_load(outputs: TermInputs) -> torch.Tensor:
    """Couples muscles: how far each one's force is from the mean of all."""
    return (outputs.tendon_force - outputs.tendon_force.mean(dim=-1, keepdim=True)) / 1000.0


def moment_by_activation(outputs: TermInputs) -> torch.Tensor:
    """Over DOFs, and of the muscles as well."""
    return 0.01 * outputs.joint_moment * outputs.activation.sum(dim=-1, keepdim=True)


def rate_of_moment(outputs: TermInputs) -> torch.Tensor:
    return 0.01 * torch.diff(outputs.joint_moment, dim=0, prepend=outputs.joint_moment[:1])


def one_number_of_three(outputs: TermInputs) -> torch.Tensor:
    return torch.stack([outputs.activation.sum(dim=-1), outputs.tendon_strain.amax(dim=-1), outputs.joint_moment[..., 0] / 100.0], dim=-1)


def power_of_one_muscle(outputs: TermInputs) -> torch.Tensor:
    """What names, strengths and velocities are for."""
    chosen = torch.tensor([name == "muscle_1" for name in outputs.muscles])
    return chosen * outputs.tendon_force / outputs.max_isometric_force * outputs.normalized_fiber_velocity


TERMS = {
    "of one muscle by name": (power_of_one_muscle, "muscle"),
    "of one muscle by name, declared coupled": (power_of_one_muscle, "coupled"),
    "per muscle": (effort, "muscle"),
    "per DOF": (overshoot, "dof"),
    "per muscle, declared coupled": (effort, "coupled"),
    "per DOF, declared coupled": (overshoot, "coupled"),
    "between muscles": (shared_load, "coupled"),
    "of moments and muscles": (moment_by_activation, "coupled"),
    "between samples": (rate_of_moment, "coupled"),
    "of any length": (one_number_of_three, "coupled"),
}


@pytest.mark.parametrize("name", TERMS)
@pytest.mark.parametrize("dofs", [2, 4], ids=["2 DOFs", "as many DOFs as muscles"])
def test_a_users_term_joins_loss_gradient_and_hessian(name: str, dofs: int) -> None:
    twin = make_twin(steps=60, noise=0.05, dofs=dofs, rigid=(1,) if dofs == 2 else ())
    function, axis = TERMS[name]
    velocity = ParametersSettings().max_contraction_velocity.model_copy(update={"free": True})
    settings = CalibrationSettings(parameters=ParametersSettings(max_contraction_velocity=velocity))
    plain = make_objective(twin, settings)
    more = make_objective(twin, settings, terms=[Term("mine", 0.7, function, axis)])  # type: ignore[arg-type]
    z, step = away_from_the_start(plain), 1e-6
    at = more.evaluate(z)
    assert at.loss == pytest.approx(plain.evaluate(z).loss + at.terms["mine"], rel=1e-12)
    linear, direction = more.linearize(at), torch.randn(len(z), generator=torch.Generator().manual_seed(4), dtype=z.dtype)
    slope = (more.evaluate(z + step * direction).loss - more.evaluate(z - step * direction).loss) / (2.0 * step)
    assert 2.0 * float(linear.gradient @ direction) == pytest.approx(slope, rel=1e-4)
    added = linear.hessian.matrix - plain.linearize(plain.evaluate(z)).hessian.matrix
    assert float(torch.linalg.eigvalsh(added).min()) > -1e-10 * float(linear.hessian.matrix.diagonal().max())


@pytest.mark.parametrize("preset", ["natural", "hambly2025"])
def test_a_term_over_dofs_counts_where_the_moment_was_measured(preset: str) -> None:
    twin = make_twin(steps=60, noise=0.05)
    first, second = twin.trials.trials
    blind = second.joint_moment.copy()
    blind[:, 1] = 1e3  # what was not measured says nonsense
    trials = (first, replace(second, measured=("dof_0",), joint_moment=blind))
    objective = make_objective(
        replace(twin, trials=TrialSet(trials=trials)), CalibrationSettings(preset=preset), terms=[Term("mine", 0.7, overshoot, "dof")]
    )
    z, step = away_from_the_start(objective), 1e-6
    at = objective.evaluate(z)
    expected = 0.0
    for i, trial in enumerate(trials):
        beyond = np.maximum((at.outputs.joint_moment[:, i].numpy() - trial.joint_moment)[LEAD_IN:, trial.is_measured], 0.0)
        expected += 0.7 * 0.01**2 * float((beyond**2).mean(axis=0).sum())
    assert at.terms["mine"] == pytest.approx(expected, rel=1e-6)  # weights of samples are in single precision
    linear, direction = objective.linearize(at), torch.randn(len(z), generator=torch.Generator().manual_seed(4), dtype=z.dtype)
    slope = (objective.evaluate(z + step * direction).loss - objective.evaluate(z - step * direction).loss) / (2.0 * step)
    assert 2.0 * float(linear.gradient @ direction) == pytest.approx(slope, rel=1e-4)


def no_gradient(outputs: TermInputs) -> torch.Tensor:
    return outputs.activation.detach() * outputs.tendon_force / 1000.0


def through_numpy(outputs: TermInputs) -> torch.Tensor:
    return torch.from_numpy(np.square(outputs.activation.numpy()))


WRONG_TERMS = {
    "couples muscles": (
        shared_load,
        "muscle",
        r"axis = 'muscle', but its residual of 'muscle_0' changes with the signals of other muscles",
    ),
    "moments as muscles": (overshoot, "muscle", r"changes with the joint moments; declare axis = 'coupled'"),
    "muscles as DOFs": (effort, "dof", r"residual of 'dof_0' changes with the signals of muscles"),
    "moments and muscles": (moment_by_activation, "dof", r"changes with the signals of muscles"),
    "between samples": (rate_of_moment, "dof", r"changes with the moment of other samples; declare axis = 'coupled'"),
    "shape": (lambda o: o.activation[..., :3], "muscle", r"shape \(40, 2, 3\), expected \(time, trial, 4 muscles\)"),
    "no samples": (lambda o: o.activation.sum(), "coupled", r"expected \(time, trial, any number\)"),
    "detached": (no_gradient, "muscle", r"derivative by torch is .* where finite differences give"),
    "numpy": (through_numpy, "coupled", r"'mine' .*(cannot be differentiated by torch|derivative by torch)"),
}


@pytest.mark.parametrize("name", WRONG_TERMS)
def test_a_users_term_that_is_not_what_it_declares_is_refused(name: str) -> None:
    function, axis, sentence = WRONG_TERMS[name]
    # as many DOFs as muscles: the shape alone cannot tell
    twin = make_twin(steps=40, dofs=4)
    objective = make_objective(twin, CalibrationSettings(), terms=[Term("mine", 1.0, function, axis)])  # type: ignore[arg-type]
    with pytest.raises(CalibrationError, match=sentence):
        objective.evaluate(objective.space.start())


def test_a_kink_that_samples_lie_on_is_no_wrong_term() -> None:
    # rigid tendons have a strain of exactly 0, silent muscles an activation of exactly 0
    kinked = Term("kinked", 1.0, lambda o: torch.relu(o.tendon_strain) + torch.relu(o.activation - 0.3), "muscle")
    objective = make_objective(make_twin(steps=40, rigid=(0, 1)), CalibrationSettings(), terms=[kinked])
    assert objective.evaluate(objective.space.start()).terms["kinked"] > 0.0


def test_predicted_tendon_strains_are_first_order_exact() -> None:
    twin: Twin = make_twin(rigid=(1,), steps=60)
    objective = make_objective(twin, CalibrationSettings())
    z = away_from_the_start(objective)
    at = objective.evaluate(z)
    linear = objective.linearize(at)
    direction = torch.randn(len(z), generator=torch.Generator().manual_seed(5), dtype=z.dtype)
    errors = []
    for size in (1e-3, 1e-4):
        guess = objective.warm_start(at, linear, size * direction)
        there = objective.evaluate(z + size * direction)
        errors.append(max(float((g - s.tendon_strain).abs().max()) for g, s in zip(guess, there.states, strict=True)))
    # ten times closer, a hundred times better
    assert errors[1] < errors[0] / 50.0


def test_a_straight_line_from_excitation_to_activation_calibrates() -> None:
    # shape factor 0 is allowed, fixed or as the upper bound at which it starts
    fixed = ParametersSettings().shape_factor.model_copy(update={"free": False, "start": 0.0})
    for straight in (ParameterSettings(lower=-2.0, upper=0.0, start=0.0), fixed):
        parameters = ParametersSettings(shape_factor=straight)
        objective = make_objective(make_twin(steps=60), CalibrationSettings(parameters=parameters))
        z = objective.space.start()
        at = objective.evaluate(z)
        gradient = 2.0 * objective.linearize(at).gradient
        inwards = torch.where(z == 1.0, -torch.ones_like(z), torch.ones_like(z))
        change = (objective.evaluate(z + 1e-6 * inwards).loss - objective.evaluate(z - 1e-6 * inwards).loss) / 2e-6
        assert float(gradient @ inwards) == pytest.approx(change, rel=1e-4)
