"""Synergy-hybrid calibration: muscles without electrodes are driven by synergies that are found with the parameters.

Hambly et al. (2025), Eq. 5. Starts from the synergies of the recorded excitations and random weights of the unrecorded
muscles, then moves parameters, weights and primitives together.
"""

import functools
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

from osim_nmscal.calibration.cross_validation import leave_one_out
from osim_nmscal.calibration.efforts import strengths_by_efforts, with_efforts
from osim_nmscal.calibration.electrodes import electrodes_of
from osim_nmscal.calibration.emg_driven import calibrate_emg_driven
from osim_nmscal.calibration.fitting import Fit, fit
from osim_nmscal.calibration.identifiability import Posterior, ridge_error
from osim_nmscal.calibration.joint import JointObjective, dynamometer_objectives
from osim_nmscal.calibration.ligaments import with_ligaments
from osim_nmscal.calibration.likelihood import LIKELIHOOD_UNIT, autocorrelation_time, moment_scale
from osim_nmscal.calibration.losses import Term
from osim_nmscal.calibration.optimizers import Optimizer, Progress
from osim_nmscal.calibration.optimizers.named import named_optimizer, optimizer_name
from osim_nmscal.calibration.outcome import Outcome
from osim_nmscal.calibration.parameter_space import parameter_space
from osim_nmscal.calibration.posterior import RIDGE, likelihood_posterior
from osim_nmscal.calibration.prior import mean_mtu_length
from osim_nmscal.calibration.problem import muscle_objective
from osim_nmscal.calibration.settings import CalibrationSettings, require_read, without_synergies
from osim_nmscal.calibration.stacking import stack_trials
from osim_nmscal.calibration.starts import starting_parameters
from osim_nmscal.calibration.subsets import calibrations_without
from osim_nmscal.calibration.synergy.factorization import (
    Synergies,
    different_channels,
    extract_synergies,
    fewest_above,
    fit_primitives,
    splines_seen,
    synergies_by_count,
)
from osim_nmscal.calibration.synergy.objective import HybridEvaluation, HybridObjective
from osim_nmscal.calibration.synergy.roles import DrivenTrials, driven_trials
from osim_nmscal.calibration.synergy.settings import MuscleRole
from osim_nmscal.calibration.synergy.space import HybridSpace
from osim_nmscal.calibration.unestimated import unestimated_moments
from osim_nmscal.calibration.units import require_units
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.results import CalibratedParameter, CalibrationResult, SynergyResult
from osim_nmscal.data.starting_values import StartingValues, starting_values
from osim_nmscal.data.trials import NO_MOMENT_ARM, Trial, TrialSet, largest_moment_arms
from osim_nmscal.errors import CalibrationError, listed
from osim_nmscal.nms.muscle_models import muscle_mechanics
from osim_nmscal.nms.threads import threads_for
from osim_nmscal.splines import spline_basis

# Highest random starting weight of a muscle without EMG. Source: choice; such a muscle then starts at about 0.1.
_START_WEIGHT = 0.2


@dataclass(frozen=True)
class HybridProblem:
    """All that the optimisers of a synergy-hybrid calibration share."""

    driven: DrivenTrials
    candidates: tuple[Synergies, ...]  # with 1, 2, ... synergies
    synergies: Synergies
    basis: np.ndarray  # (time, spline) of the longest trial
    objective: HybridObjective
    loss: JointObjective  # the whole, with what a dynamometer measured


def calibrate_synergy_hybrid(
    trials: TrialSet,
    muscles: MuscleTable | StartingValues,
    settings: CalibrationSettings | None = None,
    *,
    roles: Mapping[str, MuscleRole] | None = None,
    progress: Progress | None = None,
    terms: Sequence[Term] = (),
    optimizer: Optimizer | None = None,
) -> CalibrationResult:
    """Calibrate muscles on the trials whose role is "calibration", synthesising the excitations that were not recorded.

    Args:
        trials: excitations of muscles without a channel are zero; held-out trials are ignored.
        muscles: at least the trials' muscles, with their starting values.
        settings: as of EMG-driven calibration, and `synergy`.
        roles: muscle -> role, over `settings.synergy.muscles`.
        progress: called with a HistoryRow after every iteration; Ctrl-C returns the best so far.
        terms: further loss terms.
        optimizer: one of your own instead of that of the settings; it meets weights and primitives as well.

    Returns:
        as EMG-driven calibration, of the muscles that take part, with `synergy`. Without any muscle to synthesise it is the
        EMG-driven calibration, and says so.

    Raises:
        CalibrationError, SignalError, UnknownNameError: the problem is ill-posed as stated.
        FiberDynamicsError: a muscle has no equilibrium at the starting values.

    Example:
        >>> settings = CalibrationSettings(method="synergy_hybrid", gauss_newton={"maximum_iterations": 3})
        >>> found = calibrate_synergy_hybrid(trials, muscles, settings, roles={"flexor": "withheld"})
        >>> found.synergy.recorded, found.synergy.withheld, found.synergy.weights.shape
        (('extensor',), ('flexor',), (1, 2))
    """
    settings = (settings or CalibrationSettings()).model_copy(update={"method": "synergy_hybrid"})
    require_read(settings, own_optimizer=optimizer is not None)
    began = time.perf_counter()
    chosen = trials.calibration
    motions = chosen.of_kind("motion")
    if not motions:
        raise CalibrationError(
            "A synergy-hybrid calibration needs motions: passive trials and efforts have no synergies. Choose method = 'emg_driven'."
        )
    driven = driven_trials(TrialSet(trials=motions), {**settings.synergy.muscles, **(roles or {})})
    if not driven.synthesized:
        result = calibrate_emg_driven(
            chosen.with_muscles(driven.trials.muscles),
            muscles,
            without_synergies(settings),
            progress=progress,
            terms=terms,
            optimizer=optimizer,
        )
        sentence = "Every muscle is recorded, so there is nothing to synthesise: this is the EMG-driven calibration."
        return replace(result, method="synergy_hybrid", findings=(*result.findings, sentence))
    _require_suitable(settings, own_optimizer=optimizer is not None)
    search, name = optimizer or named_optimizer(settings), settings.optimizer if optimizer is None else optimizer_name(optimizer)
    known = starting_values(muscles).select(driven.trials.muscles)
    table = known.muscles
    require_units(driven.trials, table)
    samples = sum(len(trial.time) for trial in driven.trials.trials)
    with threads_for(samples * len(table)):
        others = [trial.with_muscles(driven.trials.muscles) for trial in chosen.trials if trial.kind != "motion"]
        efforts = strengths_by_efforts(driven, others, known, settings)
        problem = hybrid_problem(driven, others, known, settings, terms, efforts)
        found = fit(problem.loss, problem.objective.objective, _starts(problem, settings), search, settings, progress)
        result = with_efforts(_outcome(problem, table, settings, name, found, began).result(), efforts)
    if settings.cross_validation:
        again = functools.partial(calibrate_synergy_hybrid, roles=roles, terms=terms, optimizer=optimizer)
        result = replace(result, cross_validation=leave_one_out(trials, muscles, settings, again))
    return result


def _require_suitable(settings: CalibrationSettings, *, own_optimizer: bool) -> None:
    if settings.optimizer == "simulated_annealing" and not own_optimizer:
        raise CalibrationError(
            "Simulated annealing cannot search the hundreds of primitives of a synergy-hybrid calibration; choose "
            "[calibration] optimizer = 'gauss_newton' or 'adamw'."
        )


def hybrid_problem(
    driven: DrivenTrials,
    others: Sequence[Trial],
    muscles: MuscleTable | StartingValues,
    settings: CalibrationSettings,
    terms: Sequence[Term] = (),
    efforts: Mapping[str, CalibratedParameter] = MappingProxyType({}),
    synergies: tuple[tuple[Synergies, ...], Synergies] | None = None,
) -> HybridProblem:
    """Build the loss of a synergy-hybrid calibration.

    Args:
        driven: motions, and who drives which muscle.
        others: passive trials and efforts.
        muscles: the muscles, with what is known of them.
        settings: of the calibration.
        terms: the user's.
        efforts: of `strengths_by_efforts`.
        synergies: of `choose_synergies`, which is asked by default.
    """
    known = starting_values(muscles)
    table = known.muscles
    candidates, chosen = synergies or choose_synergies(driven, settings)
    stacked = stack_trials(driven.trials)
    electrodes = electrodes_of(driven.trials.trials, silenced=driven.synthesized)
    space = parameter_space(
        known,
        settings,
        frozenset(_unseen(driven, others)),
        time_step=stacked.time_step,
        electrodes=electrodes,
        mtu_length=mean_mtu_length(stacked),
        efforts=efforts,
    )
    space = with_ligaments(space, (*driven.trials.trials, *others), settings.ligaments)
    mechanics = muscle_mechanics(table, rigid_tendon=settings.rigid_tendon)
    objective = muscle_objective(stacked, mechanics, space, settings, table, terms, driven.trials.dofs, trials_apart=True)
    lengths = [len(trial.time) for trial in driven.trials.trials]
    basis = spline_basis(max(lengths), stacked.time_step, settings.synergy.knot_spacing)
    hybrid_space = HybridSpace(
        parameters=space,
        synergies=len(chosen.weights),
        muscles=len(table),
        splines=tuple(splines_seen(basis, length) for length in lengths),
        per_trial=settings.synergy.weights == "per_trial",
    )
    synthesized = torch.from_numpy(driven.is_synthesized)
    hybrid = HybridObjective(objective, hybrid_space, settings.synergy, torch.from_numpy(basis), lengths, synthesized)
    loss = JointObjective(hybrid, dynamometer_objectives(others, mechanics, space, settings), space.size)
    return HybridProblem(driven, candidates, chosen, basis, hybrid, loss)


def choose_synergies(driven: DrivenTrials, settings: CalibrationSettings) -> tuple[tuple[Synergies, ...], Synergies]:
    """Factorise the recorded excitations of all trials and choose the number of synergies.

    Returns:
        the factorisations with 1, 2, ... synergies, and the chosen one.

    Raises:
        CalibrationError: more synergies than different channels.
    """
    columns = ~driven.is_synthesized
    excitation = np.concatenate([trial.excitation[:, columns] for trial in driven.trials.trials])
    most, wanted = different_channels(excitation), settings.synergy.count
    if wanted > most:
        raise CalibrationError(
            f"[calibration.synergy] count = {wanted} synergies, but the recorded muscles ({listed(driven.recorded)}) have {most} different "
            f"excitation(s); ask for at most {most}, or 0 to choose by the variance accounted for."
        )
    candidates = synergies_by_count(excitation, highest=most)
    count = wanted or fewest_above(candidates, settings.synergy.variance_accounted_for)
    return candidates, extract_synergies(excitation, count, starts=settings.synergy.factorization_starts, seed=settings.seed)


def _unseen(driven: DrivenTrials, others: Sequence[Trial]) -> list[str]:
    reach = largest_moment_arms((*driven.trials.trials, *others))
    return [name for name, arm in zip(driven.trials.muscles, reach, strict=True) if arm < NO_MOMENT_ARM]


def _starts(problem: HybridProblem, settings: CalibrationSettings) -> Iterator[Tensor]:
    """Yield every pair of starting parameters (`starts`) and starting weights (`synergy.starts`), the first of both being the start."""
    generator = np.random.default_rng(settings.seed)
    weights_and_primitives = [start_of(problem, generator) for _ in range(settings.synergy.starts)]
    for parameters in starting_parameters(problem.objective.space.parameters, settings):
        for first in weights_and_primitives:
            start = first.clone()
            start[: len(parameters)] = parameters
            yield start


def start_of(problem: HybridProblem, generator: np.random.Generator) -> Tensor:
    """Return z with the factorisation's weights, random ones for unrecorded muscles, and primitives fitted to the recorded."""
    space, driven, synergies = problem.objective.space, problem.driven, problem.synergies
    recorded = ~driven.is_synthesized
    weights = _START_WEIGHT * generator.random((space.synergies, space.muscles))
    weights[:, recorded] = synergies.weights
    coefficients = []
    for trial, splines in zip(driven.trials.trials, space.splines, strict=True):
        basis = problem.basis[: len(trial.time), :splines]
        coefficients.append(torch.from_numpy(fit_primitives(trial.excitation[:, recorded], synergies.weights, basis)))
    return space.join(space.parameters.start(), torch.from_numpy(weights)[None], coefficients)


def _outcome(
    problem: HybridProblem, table: MuscleTable, settings: CalibrationSettings, optimizer: str, found: Fit, began: float
) -> Outcome:
    best: HybridEvaluation = found.best.first
    objective = problem.objective
    findings = list(problem.driven.findings)
    if len(problem.driven.trials.trials) == 1:
        findings.append(
            "There is one calibration trial only: its primitives can hide what the weights of unrecorded muscles get wrong; "
            "add trials of another task or speed."
        )
    chosen = problem.synergies
    if chosen.vaf < settings.synergy.variance_accounted_for:
        findings.append(f"{len(chosen.weights)} synergies account for {chosen.vaf:.1%} of the recorded excitations only.")
    uncertainty = _posterior(problem, found, settings)
    prior = objective.objective.prior
    subsets = calibrations_without(problem.loss, found.best, prior, settings, found.noise) if found.ended else ()
    return Outcome(
        method="synergy_hybrid",
        optimizer=optimizer,
        table=table,
        space=objective.space.parameters,
        z=best.muscles.z,
        time_step=problem.driven.trials.time_step,
        minimum=found.minimum,
        loss=found.best.loss,
        loss_initial=found.loss_initial,
        evaluations=objective.evaluations,
        posterior=uncertainty,
        prior=prior,
        seconds=time.perf_counter() - began,
        findings=tuple(findings),
        synergy=_synergy_result(problem, best),
        subsets=subsets,
    )


def _synergy_result(problem: HybridProblem, best: HybridEvaluation) -> SynergyResult:
    driven = problem.driven
    lengths = [len(trial.time) for trial in driven.trials.trials]
    return SynergyResult(
        muscles=driven.trials.muscles,
        recorded=driven.recorded,
        synthesized=driven.synthesized,
        withheld=driven.withheld,
        vaf=np.array([synergies.vaf for synergies in problem.candidates]),
        vaf_per_muscle=np.stack([synergies.vaf_per_muscle for synergies in problem.candidates]),
        weights=best.weights.mean(dim=0).numpy(),
        trial_weights=best.weights.numpy(),
        trials=driven.trials.names,
        primitives=tuple(best.primitives[:length, i].numpy() for i, length in enumerate(lengths)),
        excitations=tuple(best.synthesized[:length, i].numpy() for i, length in enumerate(lengths)),
    )


def _posterior(problem: HybridProblem, found: Fit, settings: CalibrationSettings) -> Posterior:
    """Return the expected error of the muscle parameters, whatever weights and primitives may be."""
    at = found.best
    if settings.loss.moment_scale != "noise":
        return hybrid_posterior(problem.objective, at.first)
    muscles, linear = problem.objective.objective, problem.loss.linearize(at)
    others = list(zip(problem.loss.others, at.others, linear.others, strict=True))
    errors = unestimated_moments(muscles, at.first.muscles, settings.prior)
    moved = problem.objective.moved_by_errors(errors, at.first, linear.first, RIDGE) / LIKELIHOOD_UNIT
    return likelihood_posterior(muscles, at.first.muscles.z, at.first.muscles, linear.first.hessian, moved, others, settings, found.noise)


def hybrid_posterior(objective: HybridObjective, at: HybridEvaluation) -> Posterior:
    """Return the expected error of the muscle parameters, whatever weights and primitives may be.

    All of the loss but the prior counts as data, with the noise of the moment errors that are left; weights and
    primitives are eliminated from the Hessian. Otherwise as `identifiability.laplace_posterior`.
    """
    muscles, settings = objective.objective, objective.objective.settings
    inner = objective.linearize(at).hessian.of_leading(objective.space.parameters.size, RIDGE)
    size = len(inner)
    trials = muscles.trials
    errors = (at.muscles.outputs.joint_moment - trials.joint_moment) / moment_scale(settings, trials) * trials.measured
    samples = float(trials.samples().sum())
    variance = max(float(errors[trials.counted].square().sum()) / samples, 1e-300)
    correlation = autocorrelation_time(errors, trials.counted)
    # each trial's squared errors enter the loss as a mean over its samples
    noise_weight = variance * correlation * settings.moment_weight * trials.counted.shape[1] / samples
    prior = objective.space.parameters.prior_width()
    hessian = prior[:, None] * inner * prior
    data = hessian - settings.prior_weight * torch.eye(size, dtype=hessian.dtype)
    error = ridge_error(hessian, noise_weight * data, settings.prior_weight, noise_weight)
    return Posterior(prior[:, None] * error * prior, prior, correlation, variance**0.5)
