"""How far a calibration can be from the truth, against simulated estimates of a linear model: prior, held strengths, moment arms."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from calibration_twin import with_dynamometer
from hybrid_twin import make_hybrid

from osim_nmscal.calibration.electrodes import Electrodes
from osim_nmscal.calibration.identifiability import Posterior
from osim_nmscal.calibration.joint import JointObjective, dynamometer_objectives
from osim_nmscal.calibration.likelihood import LIKELIHOOD_UNIT
from osim_nmscal.calibration.objective import Objective
from osim_nmscal.calibration.parameter_space import parameter_space
from osim_nmscal.calibration.posterior import RIDGE, Part, moved_by_errors, posterior
from osim_nmscal.calibration.prior import mean_mtu_length
from osim_nmscal.calibration.prior_settings import PriorSettings
from osim_nmscal.calibration.problem import muscle_objective
from osim_nmscal.calibration.settings import CalibrationSettings, LossSettings
from osim_nmscal.calibration.simulated_twin import Twin, make_twin
from osim_nmscal.calibration.stacking import stack_trials
from osim_nmscal.calibration.unestimated import hidden_in_slack_lengths, unestimated_moments
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.nms.muscle_models import muscle_mechanics

DRAWS = 40_000


def joint(twin: Twin, settings: CalibrationSettings, recorded: frozenset[str]) -> tuple[JointObjective, Objective]:
    stacked, mechanics = stack_trials(twin.trials), muscle_mechanics(twin.start)
    space = parameter_space(
        twin.start,
        settings,
        time_step=stacked.time_step,
        electrodes=Electrodes(recorded=recorded),
        mtu_length=mean_mtu_length(stacked),
    )
    objective = muscle_objective(stacked, mechanics, space, settings, twin.start, (), twin.trials.dofs)
    return JointObjective(objective, dynamometer_objectives(with_dynamometer(twin), mechanics, space, settings), space.size), objective


def told(objective: Objective, parts: list[Part], *, noise_ratio: float = 1.0, moment_arm_width: float = 0.0) -> Posterior:
    """The posterior of parts, motions first."""
    _, at, linear = parts[0]
    moved = torch.stack([moved_by_errors(*part, PriorSettings(moment_arm_width=moment_arm_width)) for part in parts]).sum(dim=0)
    return posterior(objective.prior, at.z, linear.hessian, moved, parts[1:], noise_ratio=noise_ratio, time=1.0)


def by_geometry(one: Objective, z: torch.Tensor) -> torch.Tensor:
    """What longer arms, and the longer excursion that goes with them, do to the weighted moments: central differences, (row, muscle)."""
    trials, reference, step, columns = one.trials, one.space.base.reference_mtu_length, 1e-5, []
    for muscle in range(trials.mtu_length.shape[-1]):
        residuals = []
        for sign in (1.0, -1.0):
            factor = torch.ones(trials.mtu_length.shape[-1], dtype=torch.float64)
            factor[muscle] += sign * step
            lengths = reference + factor * (trials.mtu_length - reference)
            one.trials = replace(trials, mtu_length=lengths, moment_arm=trials.moment_arm * factor)
            residuals.append(one.moment_residual(one.evaluate(z)).reshape(-1))
        columns.append((residuals[0] - residuals[1]) / (2.0 * step))
    one.trials = trials
    return torch.stack(columns, dim=1)


@pytest.mark.parametrize("caution", [1.0, 2.0], ids=["as believed", "pulled harder than believed"])
def test_it_is_the_spread_of_estimates_of_a_linear_model(caution: float) -> None:
    # the loss linearised, with its penalties left out; estimates are simulated, not derived
    settings = CalibrationSettings.model_validate(
        {"loss": {"fiber_length_weight": 0.0, "tendon_strain_weight": 0.0}, "prior": {"length_caution": caution}}
    )
    twin = make_twin(muscles=3, trials=1, steps=50, noise=0.05)
    loss, objective = joint(twin, settings, frozenset({"muscle_0", "muscle_2"}))
    at = loss.evaluate(objective.space.start())
    linear = loss.linearize(at)
    parts = [(objective, at.first, linear.first), *zip(loss.others, at.others, linear.others, strict=True)]
    found = told(objective, parts, noise_ratio=2.5, moment_arm_width=0.07)

    rng, prior = np.random.default_rng(0), objective.prior
    rows = np.concatenate([part[2].moment_jacobian.numpy() for part in parts])
    share = np.concatenate([by_geometry(one, evaluation.z).numpy() for one, evaluation, _ in parts])
    believed = np.linalg.inv(prior.precision(at.z).numpy())
    truth = rng.multivariate_normal(np.zeros(len(at.z)), believed, DRAWS).T  # deviations from the start
    noise = np.sqrt(LIKELIHOOD_UNIT) * rng.standard_normal((len(rows), DRAWS))
    noise[: len(parts[0][2].moment_jacobian)] *= np.sqrt(2.5)  # motions have more than their weights say
    arms = 0.07 * rng.standard_normal((share.shape[1], DRAWS))
    observed = rows @ truth + noise + share @ arms
    pull = LIKELIHOOD_UNIT * prior.pull(at.z).numpy()
    estimate = np.linalg.solve(rows.T @ rows + pull, rows.T @ observed)
    error = estimate - truth
    # the mean square of 40000 draws is known to sqrt(2 / 40000) = 0.7 %
    np.testing.assert_allclose(found.standard_error.numpy() ** 2, (error**2).mean(axis=1), rtol=0.03)
    spread = found.standard_error.numpy()
    np.testing.assert_allclose(found.correlation().numpy(), (error @ error.T) / DRAWS / np.outer(spread, spread), atol=0.03)


def test_a_held_strength_is_as_uncertain_as_believed_and_blurs_the_others() -> None:
    twin = make_twin(muscles=3, trials=1, steps=50)
    recorded = frozenset({"muscle_0", "muscle_2"})
    errors: dict[float, torch.Tensor] = {}
    for width in (0.1, 0.27):
        settings = CalibrationSettings.model_validate({"parameters": {"strength_coefficient": {"prior_width": width}}})
        loss, objective = joint(twin, settings, recorded)
        at = loss.evaluate(objective.space.start())
        linear = loss.linearize(at)
        parts = [(objective, at.first, linear.first)]
        found = told(objective, parts)
        block = objective.space.blocks["strength_coefficient"]
        held = int(block.column[1])
        # in logarithms; its pull of 0.02 lets data say next to nothing
        assert float(found.standard_error[held]) * np.log(2.6 / 0.35) == pytest.approx(width, rel=0.1)
        assert not bool(found.identifiable[held])
        errors[width] = found.standard_error[[i for i in range(len(at.z)) if i not in block.column]]
    growth = errors[0.27] / errors[0.1]
    assert float(growth.min()) > 1.0 - 1e-9
    assert float(growth.max()) > 1.01


def test_moment_arms_that_may_be_wrong_widen_every_interval() -> None:
    twin = make_twin(muscles=3, trials=1, steps=50)
    loss, objective = joint(twin, CalibrationSettings(), frozenset(twin.start.names))
    at = loss.evaluate(objective.space.start())
    linear = loss.linearize(at)
    parts = [(objective, at.first, linear.first)]
    right, wrong = (told(objective, parts, moment_arm_width=width).standard_error for width in (0.0, 0.07))
    assert bool((wrong >= right).all())
    # a strength that the data tell well is known no better than its moment arm
    column = objective.space.blocks["strength_coefficient"].column
    assert float((wrong[column] * np.log(2.6 / 0.35)).min()) > 0.02


def test_synergies_that_may_move_hide_what_parameters_do() -> None:
    widths = []
    for fixed in (True, False):
        # what is pulled harder than believed is another matter: synergies hide strengths that are held and wrong
        hybrid, z = make_hybrid(fixed=fixed, loss=LossSettings(), prior={"unrecorded_strength": "free", "length_caution": 1.0})
        at, muscles = hybrid.evaluate(z), hybrid.objective
        linear = hybrid.linearize(at)
        moved = torch.zeros((len(at.muscles.z), 1), dtype=z.dtype)
        found = posterior(muscles.prior, at.muscles.z, linear.hessian, moved, [], noise_ratio=1.0, time=1.0)
        widths.append(found.standard_error)
    assert bool((widths[0] <= widths[1] * (1.0 + 1e-6)).all())
    assert float((widths[1] / widths[0]).max()) > 1.02


@pytest.mark.parametrize("case", [{}, {"per_trial": True}], ids=["shared weights", "own weights"])
def test_parameters_follow_moment_arms_together_with_synergies(case: dict[str, bool]) -> None:
    # the whole linear least squares, synergies and parameters at once, with a Jacobian of central differences
    hybrid, z = make_hybrid(loss=LossSettings(), knots=0.2, **case)  # type: ignore[arg-type]
    at, muscles, step, size = hybrid.evaluate(z), hybrid.objective, 1e-6, hybrid.space.parameters.size
    linear = hybrid.linearize(at)
    columns = []
    for move in step * torch.eye(len(z), dtype=z.dtype):
        ahead, behind = (muscles.moment_residual(hybrid.evaluate(z + sign * move).muscles) for sign in (1.0, -1.0))
        columns.append((ahead - behind).reshape(-1) / (2.0 * step))
    share = unestimated_moments(muscles, at.muscles, PriorSettings(moment_arm_width=1.0))
    gradient = torch.stack(columns) @ share.flatten(0, 1)  # (entry, error)
    hessian = torch.stack([linear.hessian @ entry for entry in torch.eye(len(z), dtype=z.dtype)])
    expected = torch.linalg.solve(hessian + 1e-9 * torch.diag(hessian.diagonal()), gradient)[:size]
    found = torch.linalg.solve(linear.hessian.of_leading(size, RIDGE), hybrid.moved_by_errors(share, at, linear, RIDGE))
    # directions that the loss hardly sees are known to the relative ridge over the Hessian's smallest part: 1 %
    torch.testing.assert_close(found, expected, rtol=1e-2, atol=1e-2 * float(expected.abs().max()))


def test_data_lower_every_error_below_what_was_believed() -> None:
    twin = make_twin(steps=50, noise=0.05)
    loss, objective = joint(twin, CalibrationSettings(), frozenset(twin.start.names))
    at = loss.evaluate(objective.space.start())
    linear = loss.linearize(at)
    alone = [(objective, at.first, linear.first)]
    every = [*alone, *zip(loss.others, at.others, linear.others, strict=True)]
    motions, both = (told(objective, parts) for parts in (alone, every))
    believed = torch.linalg.inv(objective.prior.precision(at.z)).diagonal().sqrt()
    torch.testing.assert_close(motions.prior_width, believed, rtol=1e-6, atol=0.0)
    assert bool((motions.standard_error <= believed * (1.0 + 1e-9)).all())
    assert bool((both.standard_error <= motions.standard_error * (1.0 + 1e-9)).all())
    assert int(both.identifiable.sum()) > int(motions.identifiable.sum())


def test_an_error_of_tendon_strain_counts_where_strain_is_fixed_and_is_the_tangent() -> None:
    twin = make_twin(muscles=3, trials=1, steps=50)
    fixed = CalibrationSettings.model_validate({"parameters": {"tendon_strain_at_one_norm_force": {"free": False}}})
    _, objective = joint(twin, fixed, frozenset(twin.start.names))
    at = objective.evaluate(objective.space.start())
    found = unestimated_moments(objective, at, PriorSettings(moment_arm_width=0.0))
    step, columns = 1e-5, []
    for muscle in range(3):
        residuals = []
        for sign in (1.0, -1.0):
            strains = objective.space.base.tendon_strain_at_one_norm_force.tolist()
            strains[muscle] *= 1.0 + sign * step
            muscles = tuple(one.with_tendon_strain(strain) for one, strain in zip(twin.start.muscles, strains, strict=True))
            _, other = joint(replace(twin, start=MuscleTable(muscles=muscles)), fixed, frozenset(twin.start.names))
            residuals.append(other.moment_residual(other.evaluate(at.z)).reshape(-1))
        columns.append(0.25 * (residuals[0] - residuals[1]) / (2.0 * step))  # believed to a quarter of itself
    expected = torch.stack(columns, dim=1)
    assert found.shape[-1] == 6
    assert not bool(found[..., :3].any())
    torch.testing.assert_close(found[..., 3:].flatten(0, 1), expected, rtol=1e-5, atol=1e-5 * float(expected.abs().max()))
    _, free = joint(twin, CalibrationSettings(), frozenset(twin.start.names))
    assert unestimated_moments(free, free.evaluate(free.space.start()), PriorSettings()).shape[-1] == 3  # arms alone


def test_what_is_free_in_the_fit_is_counted_once() -> None:
    twin = make_twin(muscles=3, trials=1, steps=50)
    free = CalibrationSettings.model_validate({"parameters": {"moment_arm_scale": {"free": True}}})
    _, objective = joint(twin, free, frozenset(twin.start.names))
    at = objective.evaluate(objective.space.start())
    assert unestimated_moments(objective, at, PriorSettings()).shape[-1] == 0


def test_a_slack_length_that_is_told_errs_by_the_length_of_the_path() -> None:
    # s = e + d: moments tell e alone. Draws of slack length, path and estimate, against the closed form.
    twin = make_twin(muscles=3, trials=1, steps=50)
    _, objective = joint(twin, CalibrationSettings(), frozenset(twin.start.names))
    z, space = objective.space.start(), objective.space
    column = space.blocks["tendon_slack_length"].column
    believed = torch.linalg.inv(objective.prior.precision(z)).diagonal()
    slope = space.model_slope(z, "tendon_slack_length")
    path = (PriorSettings().geometry_width * space.base.reference_mtu_length / slope) ** 2  # G
    rng = np.random.default_rng(0)
    for told in (0.0, 0.2):  # V / P
        variance = told * believed
        added = hidden_in_slack_lengths(space, z, variance, believed, PriorSettings())
        assert int((added > 0.0).sum()) == 3
        for muscle, at in enumerate(column.tolist()):
            whole, of_path, left = float(believed[at]), float(path[muscle]), float(variance[at])
            error = of_path**0.5 * rng.standard_normal(DRAWS)
            effective = (whole - of_path) ** 0.5 * rng.standard_normal(DRAWS) - error
            # the best estimate of what is told with an error of variance V
            gain = 1.0 - left / whole
            estimate = gain * effective + (gain * left) ** 0.5 * rng.standard_normal(DRAWS)
            np.testing.assert_allclose(((estimate - effective - error) ** 2).mean(), left + float(added[at]), rtol=0.03)
    untold = hidden_in_slack_lengths(space, z, believed, believed, PriorSettings())
    assert not bool(untold.any())
