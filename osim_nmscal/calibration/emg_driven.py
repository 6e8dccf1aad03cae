"""EMG-driven calibration: every muscle is driven by recorded EMG; its parameters are found from the joint moments.

Hambly et al. (2025), Eq. 1 to 4, with the optimiser of choice. Returns what moved, how well, and how sure we are.
"""

import functools
import math
import time
from collections.abc import Sequence
from dataclasses import replace

from osim_nmscal.calibration.cross_validation import leave_one_out
from osim_nmscal.calibration.identifiability import laplace_posterior
from osim_nmscal.calibration.losses import Term
from osim_nmscal.calibration.objective import Objective
from osim_nmscal.calibration.optimizers import Optimizer, Progress
from osim_nmscal.calibration.optimizers.named import named_optimizer, optimizer_name
from osim_nmscal.calibration.outcome import Outcome
from osim_nmscal.calibration.parameter_space import parameter_space, slower_filter_first
from osim_nmscal.calibration.settings import CalibrationSettings, require_read
from osim_nmscal.calibration.stacking import StackedTrials, stack_trials
from osim_nmscal.calibration.starts import best_of_starts, starting_parameters
from osim_nmscal.calibration.threads import threads_for
from osim_nmscal.calibration.units import require_units
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.results import CalibrationResult
from osim_nmscal.data.trials import TrialSet
from osim_nmscal.errors import CalibrationError, listed
from osim_nmscal.nms.muscle_models import muscle_mechanics

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
    stacked = stack_trials(trials.calibration)
    frozen, findings = _screen(stacked, table, trials.calibration.dofs)
    require_units(trials.calibration, table)
    space = parameter_space(table, settings, frozen, time_step=stacked.time_step)
    if space.size == 0:
        raise CalibrationError("No parameter is free to move; free at least one in [calibration.parameters].")
    samples = int(stacked.samples().sum())
    if space.size > samples:
        findings.append(f"There are more free parameters ({space.size}) than moment samples ({samples}): many will stay near their start.")
    groups = [[table.index(name) for name in members] for members in settings.groups.values()]
    mechanics = muscle_mechanics(table, rigid_tendon=settings.rigid_tendon)
    objective = Objective(stacked, mechanics, space, settings.loss, terms, groups, trials.dofs)
    search, name = optimizer or named_optimizer(settings), settings.optimizer if optimizer is None else optimizer_name(optimizer)
    with threads_for(stacked.mtu_length.numel()):
        minimum = best_of_starts(objective, starting_parameters(space, settings), search, progress)
        # the fibers do the same whichever filter comes first
        best = objective.evaluate(slower_filter_first(space, minimum.best.z), [state.length for state in minimum.best.states])
        posterior = laplace_posterior(objective, best, objective.linearize(best))
    result = Outcome(
        method="emg_driven",
        optimizer=name,
        table=table,
        space=space,
        z=best.z,
        time_step=stacked.time_step,
        minimum=minimum,
        loss=best.loss,
        evaluations=objective.evaluations,
        posterior=posterior,
        seconds=time.perf_counter() - began,
        findings=tuple(findings),
    ).result()
    if settings.cross_validation:
        again = functools.partial(calibrate_emg_driven, terms=terms, optimizer=optimizer)
        result = replace(result, cross_validation=leave_one_out(trials, muscles, settings, again))
    return result


def _screen(stacked: StackedTrials, table: MuscleTable, dofs: tuple[str, ...]) -> tuple[frozenset[str], list[str]]:
    """Refuse impossible inputs; return the muscles to hold fixed and why."""
    for muscle in table.muscles:
        for name in _POSITIVE:
            value = getattr(muscle, name)
            if not (math.isfinite(value) and value > 0.0):
                raise CalibrationError(f"Muscle {muscle.name!r} has {name} = {value:g}, expected a positive number; correct the model.")
    if not bool(stacked.excitation.any()):
        raise CalibrationError("All excitations are zero in the calibration trials; check the EMG mapping and normalization.")
    findings = []
    counted = stacked.counted
    for i, dof in enumerate(dofs):
        scored = stacked.scored[:, i]
        moment = stacked.joint_moment[:, scored, i][counted[:, scored]]
        if len(moment) == 0:
            findings.append(f"No calibration trial is scored by {dof}: its muscles are calibrated by other joints, or not at all.")
        elif float(moment.max() - moment.min()) < _CONSTANT_MOMENT:
            findings.append(
                f"The joint moment of {dof} is constant ({float(moment[0]):.3g} N·m) in the calibration trials: it says little; "
                "check the inverse dynamics or leave the DOF out."
            )
    silent = [name for i, name in enumerate(table.names) if not bool(stacked.excitation[..., i].any())]
    arms = stacked.only_scored().moment_arm[counted]
    unseen = [name for i, name in enumerate(table.names) if float(arms[..., i].abs().max()) < _NO_MOMENT_ARM]
    if silent:
        findings.append(f"Held fixed because their excitation is zero throughout: {listed(silent)}.")
    if unseen:
        findings.append(f"Held fixed because no calibrated DOF sees them: {listed(unseen)}.")
    return frozenset(silent) | frozenset(unseen), findings
