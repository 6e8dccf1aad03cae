"""EMG-driven calibration: every muscle is driven by recorded EMG; its parameters are found from the joint moments.

Hambly et al. (2025), Eq. 1 to 4, with the optimiser of choice. Returns what moved, how well, and how sure we are.
"""

import functools
import math
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from torch import Tensor

from osim_nmscal.calibration.cross_validation import leave_one_out
from osim_nmscal.calibration.electrodes import electrodes_of
from osim_nmscal.calibration.fitting import fit
from osim_nmscal.calibration.hessians import Hessian
from osim_nmscal.calibration.identifiability import Posterior, laplace_posterior
from osim_nmscal.calibration.joint import NO_PENALTIES, JointEvaluation, JointObjective, dynamometer_objectives
from osim_nmscal.calibration.likelihood import MotionNoise, moment_weight, noise_of_errors, noise_ratio, prior_unit
from osim_nmscal.calibration.losses import Term
from osim_nmscal.calibration.objective import Evaluation, Objective
from osim_nmscal.calibration.optimizers import Optimizer, Progress
from osim_nmscal.calibration.optimizers.named import named_optimizer, optimizer_name
from osim_nmscal.calibration.outcome import Outcome
from osim_nmscal.calibration.parameter_space import ParameterSpace, parameter_space, slower_filter_first
from osim_nmscal.calibration.posterior import Part, posterior
from osim_nmscal.calibration.prior import Prior, WorkingPoints, mean_mtu_length
from osim_nmscal.calibration.settings import CalibrationSettings, require_read
from osim_nmscal.calibration.stacking import StackedTrials, stack_trials
from osim_nmscal.calibration.starts import starting_parameters
from osim_nmscal.calibration.units import require_units
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.results import CalibrationResult
from osim_nmscal.data.trials import Trial, TrialSet
from osim_nmscal.errors import CalibrationError, listed
from osim_nmscal.nms.muscle_models import MuscleMechanics, muscle_mechanics
from osim_nmscal.nms.threads import threads_for

# Properties of a muscle that only make sense above zero.
_POSITIVE = ("optimal_fiber_length", "tendon_slack_length", "max_isometric_force", "max_contraction_velocity")
# A moment arm below this is no moment arm, m.
_NO_MOMENT_ARM = 1e-6
# A moment that varies less than this over the calibration trials is constant, N·m.
_CONSTANT_MOMENT = 1e-3


def calibrate_emg_driven(
    trials: TrialSet,
    muscles: MuscleTable,
    settings: CalibrationSettings | None = None,
    *,
    progress: Progress | None = None,
    terms: Sequence[Term] = (),
    optimizer: Optimizer | None = None,
) -> CalibrationResult:
    """Calibrate muscles on the trials whose role is "calibration".

    Args:
        trials: with recorded excitations; held-out trials are ignored.
        muscles: at least the trials' muscles, with their starting values.
        settings: parameters, loss, optimiser; the defaults are CEINMS's ranges and Gauss-Newton.
        progress: called with a HistoryRow after every iteration; Ctrl-C returns the best so far.
        terms: further loss terms.
        optimizer: one of your own instead of that of the settings.

    Returns:
        calibrated muscles, activation dynamics, parameters with standard errors, history.

    Raises:
        CalibrationError, UnknownNameError: the problem is ill-posed as stated.
        FiberDynamicsError: a muscle has no equilibrium at the starting values.

    Example:
        >>> found = calibrate_emg_driven(trials, muscles)
        >>> found.status, found.loss_final < found.loss_initial
        ('converged', True)
        >>> slack = next(one for one in found.parameters if one.name == "tendon_slack_length")
        >>> slack.owner, slack.standard_error < slack.start
        ('extensor', True)
    """
    settings = (settings or CalibrationSettings()).model_copy(update={"method": "emg_driven"})
    require_read(settings, own_optimizer=optimizer is not None)
    began = time.perf_counter()
    table = muscles.select(trials.muscles)
    chosen = trials.calibration
    # without motions the efforts with EMG come first, whose gain must not touch the others'
    motions = chosen.of_kind("motion") or tuple(one for one in chosen.of_kind("effort") if one.driven_by == "emg") or chosen.trials
    others = [trial for trial in chosen.trials if trial.name not in {one.name for one in motions}]
    stacked = stack_trials(TrialSet(trials=motions))
    frozen, findings = _screen(stacked, table, chosen, others)
    require_units(chosen, table)
    electrodes = electrodes_of(motions)
    space = parameter_space(table, settings, frozen, time_step=stacked.time_step, electrodes=electrodes)
    if space.size == 0:
        raise CalibrationError("No parameter is free to move; free at least one in [calibration.parameters].")
    samples = int(stacked.counted.sum()) * len(trials.dofs)
    if space.size > samples:
        findings.append(f"There are more free parameters ({space.size}) than moment samples ({samples}): many will stay near their start.")
    mechanics = muscle_mechanics(table, rigid_tendon=settings.rigid_tendon)
    loss_of_first = settings.loss
    if "motion" not in stacked.kinds:  # as of every other effort, see `joint`
        loss_of_first = loss_of_first.model_copy(update={**NO_PENALTIES, "similarity_weight": loss_of_first.similarity_weight})
    weighed = settings.model_copy(update={"loss": loss_of_first})
    objective = muscle_objective(stacked, mechanics, space, weighed, table, terms, trials.dofs)
    loss = JointObjective(objective, dynamometer_objectives(others, mechanics, space, settings), space.size)
    search, name = optimizer or named_optimizer(settings), settings.optimizer if optimizer is None else optimizer_name(optimizer)
    with threads_for(stacked.mtu_length.numel()):
        found = fit(loss, objective, starting_parameters(space, settings), search, settings, progress)
        # the fibers do the same whichever filter comes first
        ordered = slower_filter_first(space, found.best.z)
        best = found.best if ordered is found.best.z or bool((ordered == found.best.z).all()) else loss.evaluate(ordered)
        uncertainty = posterior_of(loss, objective, best, settings, found.noise)
    result = Outcome(
        method="emg_driven",
        optimizer=name,
        table=table,
        space=space,
        z=best.z,
        time_step=stacked.time_step,
        minimum=found.minimum,
        loss=best.loss,
        loss_initial=found.loss_initial,
        evaluations=objective.evaluations,
        posterior=uncertainty,
        prior=objective.prior,
        seconds=time.perf_counter() - began,
        findings=tuple(findings),
    ).result()
    if settings.cross_validation:
        again = functools.partial(calibrate_emg_driven, terms=terms, optimizer=optimizer)
        result = replace(result, cross_validation=leave_one_out(trials, muscles, settings, again))
    return result


def muscle_objective(
    stacked: StackedTrials,
    mechanics: MuscleMechanics,
    space: ParameterSpace,
    settings: CalibrationSettings,
    table: MuscleTable,
    terms: Sequence[Term],
    dofs: tuple[str, ...],
    *,
    trials_apart: bool = False,
) -> Objective:
    """Return the loss of muscles over motions: moments, penalties, prior.

    Args:
        stacked: the motions.
        mechanics: constants of the muscles.
        space: the parameters.
        settings: loss, noise, prior, groups.
        table: the muscles.
        terms: the user's.
        dofs: names.
        trials_apart: whether no term may couple trials.
    """
    groups = [[table.index(name) for name in members] for members in settings.groups.values()]
    coupled = settings.prior.working_point_width > 0.0 and settings.loss.prior_weight > 0.0
    points = WorkingPoints.of_start(space, mean_mtu_length(stacked), settings.prior) if coupled else None
    return Objective(
        stacked,
        mechanics,
        space,
        settings.loss,
        terms,
        groups,
        dofs,
        moment_weight=moment_weight(stacked, settings.loss, settings.noise),
        prior=Prior(space, prior_unit(settings.loss), points),
        trials_apart=trials_apart,
    )


def posterior_of(
    loss: JointObjective, objective: Objective, best: JointEvaluation, settings: CalibrationSettings, noise: MotionNoise
) -> Posterior:
    """Return the expected error of the parameters at the minimum, by the noise of the likelihood or of the errors that are left."""
    linear = loss.linearize(best)
    if settings.loss.moment_scale != "noise":
        return laplace_posterior(objective, best.first, linear.first)
    parts = [(objective, best.first, linear.first), *zip(loss.others, best.others, linear.others, strict=True)]
    return likelihood_posterior(objective, best.z, best.first, linear.first.hessian, parts, settings, noise)


def likelihood_posterior(
    objective: Objective,
    z: Tensor,
    at: Evaluation,
    motion: Hessian,
    parts: Sequence[Part],
    settings: CalibrationSettings,
    noise: MotionNoise,
) -> Posterior:
    """Return the expected error of the parameters by the noise that the errors of motions show.

    Args:
        objective: of the motions.
        z: (parameter,), the minimum.
        at: the muscles in the motions.
        motion: Hessian of half the loss of motions.
        parts: everything with moments, motions first.
        settings: noise, moment arms.
        noise: by which the motions were weighed.
    """
    trials = objective.trials
    errors = at.outputs.joint_moment - trials.joint_moment
    shown = noise_of_errors(errors, trials, settings.noise)
    ratio = noise_ratio(shown, noise, trials.time_step) if "motion" in trials.kinds else 1.0
    return posterior(
        objective.prior,
        z,
        motion,
        parts,
        noise_ratio=ratio,
        moment_arm_width=settings.prior.moment_arm_width,
        time=shown.correlation_time / trials.time_step,
    )


def _screen(stacked: StackedTrials, table: MuscleTable, trials: TrialSet, others: Sequence[Trial]) -> tuple[frozenset[str], list[str]]:
    """Refuse impossible inputs; return the muscles to hold fixed and why."""
    for muscle in table.muscles:
        for name in _POSITIVE:
            value = getattr(muscle, name)
            if not (math.isfinite(value) and value > 0.0):
                raise CalibrationError(f"Muscle {muscle.name!r} has {name} = {value:g}, expected a positive number; correct the model.")
    if not others and not bool(stacked.excitation.any()) and "motion" in stacked.kinds:
        raise CalibrationError("All excitations are zero in the calibration trials; check the EMG mapping and normalization.")
    findings = []
    counted = stacked.counted
    for i, dof in enumerate(trials.dofs):
        moment = stacked.joint_moment[counted][:, i]
        if bool(stacked.measured[:, i].any()) and float(moment.max() - moment.min()) < _CONSTANT_MOMENT:
            findings.append(
                f"The joint moment of {dof} is constant ({float(moment[0]):.3g} N·m) in the calibration trials: it says little; "
                "check the inverse dynamics or leave the DOF out."
            )
    reach = np.max([np.abs(trial.moment_arm[trial.first_counted :]).max(axis=(0, 1)) for trial in trials.trials], axis=0)
    unseen = [name for name, arm in zip(table.names, reach, strict=True) if arm < _NO_MOMENT_ARM]
    if unseen:
        findings.append(f"Held fixed because no calibrated DOF sees them: {listed(unseen)}.")
    if others:  # passive trials tell of relaxed muscles as well
        return frozenset(unseen), findings
    silent = [name for i, name in enumerate(table.names) if not bool(stacked.excitation[..., i].any())]
    if silent and "motion" in stacked.kinds:
        findings.insert(len(findings) - bool(unseen), f"Held fixed because their excitation is zero throughout: {listed(silent)}.")
        return frozenset(silent) | frozenset(unseen), findings
    return frozenset(unseen), findings
