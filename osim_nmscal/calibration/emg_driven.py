"""EMG-driven calibration: every muscle is driven by recorded EMG; its parameters are found from the joint moments.

Hambly et al. (2025), Eq. 1 to 4, with the optimiser of choice. Returns what moved, how well, and how sure we are.
"""

import functools
import time
from collections.abc import Sequence
from dataclasses import replace

from osim_nmscal.calibration.cross_validation import leave_one_out
from osim_nmscal.calibration.fitting import fit
from osim_nmscal.calibration.identifiability import Posterior, laplace_posterior
from osim_nmscal.calibration.joint import JointEvaluation, JointObjective
from osim_nmscal.calibration.likelihood import MotionNoise
from osim_nmscal.calibration.losses import Term
from osim_nmscal.calibration.objective import Objective
from osim_nmscal.calibration.optimizers import Optimizer, Progress
from osim_nmscal.calibration.optimizers.named import named_optimizer, optimizer_name
from osim_nmscal.calibration.outcome import Outcome
from osim_nmscal.calibration.parameter_space import slower_filter_first
from osim_nmscal.calibration.posterior import likelihood_posterior, moved_by_errors
from osim_nmscal.calibration.problem import driven_problem
from osim_nmscal.calibration.settings import CalibrationSettings, require_read
from osim_nmscal.calibration.starts import starting_parameters
from osim_nmscal.calibration.subsets import calibrations_without
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.results import CalibrationResult
from osim_nmscal.data.starting_values import StartingValues
from osim_nmscal.data.trials import TrialSet
from osim_nmscal.nms.threads import threads_for


def calibrate_emg_driven(
    trials: TrialSet,
    muscles: MuscleTable | StartingValues,
    settings: CalibrationSettings | None = None,
    *,
    progress: Progress | None = None,
    terms: Sequence[Term] = (),
    optimizer: Optimizer | None = None,
) -> CalibrationResult:
    """Calibrate muscles on the trials whose role is "calibration".

    Args:
        trials: with recorded excitations; held-out trials are ignored.
        muscles: at least the trials' muscles, with their starting values; `StartingValues` say what is known of them, too.
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
    problem = driven_problem(trials.calibration, muscles, settings, terms)
    objective, loss, space = problem.objective, problem.loss, problem.objective.space
    search, name = optimizer or named_optimizer(settings), settings.optimizer if optimizer is None else optimizer_name(optimizer)
    with threads_for(objective.trials.mtu_length.numel()):
        found = fit(loss, objective, starting_parameters(space, settings), search, settings, progress)
        # the fibers do the same whichever filter comes first
        ordered = slower_filter_first(space, found.best.z)
        best = found.best if ordered is found.best.z or bool((ordered == found.best.z).all()) else loss.evaluate(ordered)
        uncertainty = posterior_of(loss, objective, best, settings, found.noise)
        subsets = calibrations_without(loss, best, objective.prior, settings, found.noise) if found.ended else ()
    result = Outcome(
        method="emg_driven",
        optimizer=name,
        table=problem.table,
        space=space,
        z=best.z,
        time_step=objective.trials.time_step,
        minimum=found.minimum,
        loss=best.loss,
        loss_initial=found.loss_initial,
        evaluations=objective.evaluations,
        posterior=uncertainty,
        prior=objective.prior,
        seconds=time.perf_counter() - began,
        findings=problem.findings,
        subsets=subsets,
    ).result()
    if settings.cross_validation:
        again = functools.partial(calibrate_emg_driven, terms=terms, optimizer=optimizer)
        result = replace(result, cross_validation=leave_one_out(trials, muscles, settings, again))
    return result


def posterior_of(
    loss: JointObjective, objective: Objective, best: JointEvaluation, settings: CalibrationSettings, noise: MotionNoise
) -> Posterior:
    """Return the expected error of the parameters at the minimum, by the noise of the likelihood or of the errors that are left."""
    linear = loss.linearize(best)
    if settings.loss.moment_scale != "noise":
        return laplace_posterior(objective, best.first, linear.first)
    others = list(zip(loss.others, best.others, linear.others, strict=True))
    moved = moved_by_errors(objective, best.first, linear.first, settings.prior)
    return likelihood_posterior(objective, best.z, best.first, linear.first.hessian, moved, others, settings, noise)
