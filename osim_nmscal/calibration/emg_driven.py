"""EMG-driven calibration: every muscle is driven by recorded EMG; its parameters are found from the joint moments.

Hambly et al. (2025), Eq. 1 to 4, with the optimiser of choice. Returns what moved, how well, and how sure we are.
"""

import functools
import math
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from osim_nmscal.calibration.cross_validation import leave_one_out
from osim_nmscal.calibration.identifiability import Posterior, laplace_posterior, unclear_pairs
from osim_nmscal.calibration.losses import Term
from osim_nmscal.calibration.objective import Objective
from osim_nmscal.calibration.optimizers import Minimum, Progress
from osim_nmscal.calibration.optimizers.adamw import adamw
from osim_nmscal.calibration.optimizers.gauss_newton import gauss_newton
from osim_nmscal.calibration.optimizers.simulated_annealing import simulated_annealing
from osim_nmscal.calibration.parameter_space import (
    ParameterBlock,
    ParameterSpace,
    calibrated_muscles,
    neural_parameters,
    parameter_space,
    slower_filter_first,
)
from osim_nmscal.calibration.settings import CalibrationSettings, require_read
from osim_nmscal.calibration.stacking import StackedTrials, stack_trials
from osim_nmscal.calibration.threads import threads_for
from osim_nmscal.calibration.units import require_units
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.results import CalibratedParameter, CalibrationResult
from osim_nmscal.data.trials import TrialSet
from osim_nmscal.errors import CalibrationError, listed
from osim_nmscal.nms.muscle_models import muscle_mechanics

# Properties of a muscle that only make sense above zero.
_POSITIVE = ("optimal_fiber_length", "tendon_slack_length", "max_isometric_force", "max_contraction_velocity")
# A parameter this close to a bound, in ranges, is reported as lying on it.
_AT_BOUND = 1e-4
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
) -> CalibrationResult:
    """Calibrate muscles on the trials whose role is "calibration".

    Args:
        trials: with recorded excitations; held-out trials are ignored.
        muscles: at least the trials' muscles, with their starting values.
        settings: parameters, loss, optimiser; the defaults are CEINMS's ranges and Gauss-Newton.
        progress: called with a HistoryRow after every iteration; Ctrl-C returns the best so far.
        terms: further loss terms.

    Returns:
        calibrated muscles, activation dynamics, parameters with standard errors, history.

    Raises:
        CalibrationError, UnknownNameError: the problem is ill-posed as stated.
        FiberDynamicsError: a muscle has no equilibrium at the starting values.
    """
    settings = (settings or CalibrationSettings()).model_copy(update={"method": "emg_driven"})
    require_read(settings)
    began = time.perf_counter()
    table = muscles.select(trials.muscles)
    stacked = stack_trials(trials.calibration)
    frozen, findings = _screen(stacked, table, trials.calibration.dofs)
    require_units(trials.calibration, table)
    space = parameter_space(table, settings, frozen, time_step=stacked.time_step)
    if space.size == 0:
        raise CalibrationError("No parameter is free to move; free at least one in [calibration.parameters].")
    samples = int(stacked.counted.sum()) * len(trials.dofs)
    if space.size > samples:
        findings.append(f"There are more free parameters ({space.size}) than moment samples ({samples}): many will stay near their start.")
    groups = [[table.index(name) for name in members] for members in settings.groups.values()]
    mechanics = muscle_mechanics(table, rigid_tendon=settings.rigid_tendon)
    objective = Objective(stacked, mechanics, space, settings.loss, terms, groups, trials.dofs)
    with threads_for(stacked.mtu_length.numel()):
        minimum = _best_of_starts(objective, settings, progress)
        best = objective.evaluate(slower_filter_first(space, minimum.best.z))
        posterior = laplace_posterior(objective, best, objective.linearize(best))
    seconds = time.perf_counter() - began
    result = _result(settings, table, space, objective, replace(minimum, best=best), posterior, seconds, findings)
    if settings.cross_validation:
        again = functools.partial(calibrate_emg_driven, terms=terms)
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
        moment = stacked.joint_moment[counted][:, i]
        if float(moment.max() - moment.min()) < _CONSTANT_MOMENT:
            findings.append(
                f"The joint moment of {dof} is constant ({float(moment[0]):.3g} N·m) in the calibration trials: it says little; "
                "check the inverse dynamics or leave the DOF out."
            )
    silent = [name for i, name in enumerate(table.names) if not bool(stacked.excitation[..., i].any())]
    unseen = [name for i, name in enumerate(table.names) if float(stacked.moment_arm[counted][..., i].abs().max()) < _NO_MOMENT_ARM]
    if silent:
        findings.append(f"Held fixed because their excitation is zero throughout: {listed(silent)}.")
    if unseen:
        findings.append(f"Held fixed because no calibrated DOF sees them: {listed(unseen)}.")
    return frozenset(silent) | frozenset(unseen), findings


def minimize(objective: Objective, start: Tensor, settings: CalibrationSettings, progress: Progress | None) -> Minimum:
    """Run the optimiser of the settings from one starting vector."""
    match settings.optimizer:
        case "gauss_newton":
            return gauss_newton(objective, start, settings.gauss_newton, progress)
        case "adamw":
            return adamw(objective, start, settings.adamw, progress)
        case "simulated_annealing":
            return simulated_annealing(objective, start, settings.simulated_annealing, settings.seed, progress)


def _best_of_starts(objective: Objective, settings: CalibrationSettings, progress: Progress | None) -> Minimum:
    generator = torch.Generator().manual_seed(settings.seed)
    best: Minimum | None = None
    for i in range(settings.starts):
        start = objective.space.start()
        if i > 0:
            start = torch.rand(len(start), generator=generator, dtype=start.dtype)
        minimum = minimize(objective, start, settings, progress)
        if best is None or minimum.best.loss < best.best.loss:
            best = minimum
        if minimum.status == "interrupted":
            break
    if best is None:
        raise CalibrationError("[calibration] starts is 0; give at least 1.")
    return best


def _result(
    settings: CalibrationSettings,
    table: MuscleTable,
    space: ParameterSpace,
    objective: Objective,
    minimum: Minimum,
    posterior: Posterior,
    seconds: float,
    findings: list[str],
) -> CalibrationResult:
    z, start = minimum.best.z, space.start()
    step = objective.trials.time_step
    findings = [*findings, *unclear_pairs(posterior, parameter_labels(space))]
    return CalibrationResult(
        method="emg_driven",
        optimizer=settings.optimizer,
        status=minimum.status,
        sentence=minimum.sentence,
        seconds=seconds,
        iterations=minimum.iterations,
        evaluations=objective.evaluations,
        loss_initial=minimum.history[0].loss,
        loss_final=minimum.best.loss,
        start_muscles=table,
        muscles=calibrated_muscles(table, space, z),
        strength_coefficient=space.muscle_values(z, "strength_coefficient").numpy(),
        start_neural=neural_parameters(space, start, step),
        neural=neural_parameters(space, z, step),
        parameters=parameter_rows(space, z, posterior),
        history=minimum.history,
        findings=tuple(findings),
    )


def parameter_labels(space: ParameterSpace) -> list[str]:
    """Return `owner parameter` for each entry of z."""
    labels = [""] * space.size
    for block in space.free_blocks:
        for owner, column in zip(block.owners, block.column.tolist(), strict=True):
            if column >= 0:
                labels[column] = f"{owner} {block.name}"
    return labels


def parameter_rows(space: ParameterSpace, z: Tensor, posterior: Posterior) -> tuple[CalibratedParameter, ...]:
    """Return one row per owner of every free kind of parameter, in units of the .osim."""
    rows: list[CalibratedParameter] = []
    for block in space.free_blocks:
        rows.extend(_block_rows(space, block, z, posterior))
    return tuple(rows)


def _block_rows(space: ParameterSpace, block: ParameterBlock, z: Tensor, posterior: Posterior) -> list[CalibratedParameter]:
    internal, reference, slope = space.internal(z, block.name).numpy(), block.owner_reference(), block.slope(z)
    error, identifiable = posterior.standard_error, posterior.identifiable
    rows = []
    for i, owner in enumerate(block.owners):
        column, unit = int(block.column[i]), float(reference[i])
        place = float(z[column]) if column >= 0 else np.nan
        bound = "fixed" if column < 0 else "lower" if place <= _AT_BOUND else "upper" if place >= 1.0 - _AT_BOUND else ""
        rows.append(
            CalibratedParameter(
                owner=owner,
                name=block.name,
                unit=block.kind.unit if unit != 1.0 or float(block.reference.max()) == 1.0 else "of start",
                start=float(block.start[i]) * unit,
                calibrated=float(internal[i]) * unit,
                lower=float(block.lower[i]) * unit,
                upper=float(block.upper[i]) * unit,
                at_bound=bound,  # type: ignore[arg-type]
                standard_error=float(error[column] * slope[i]) * unit if column >= 0 else 0.0,
                identifiable=bool(identifiable[column]) if column >= 0 else False,
            )
        )
    return rows
