"""From trials to the loss of an EMG-driven calibration: what is refused, what is held fixed, and how the parts are put together."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from osim_nmscal.calibration.electrodes import electrodes_of
from osim_nmscal.calibration.joint import NO_PENALTIES, JointObjective, dynamometer_objectives
from osim_nmscal.calibration.ligaments import with_ligaments
from osim_nmscal.calibration.likelihood import moment_weight, prior_unit
from osim_nmscal.calibration.losses import Term
from osim_nmscal.calibration.objective import Objective
from osim_nmscal.calibration.parameter_space import ParameterSpace, parameter_space
from osim_nmscal.calibration.prior import Prior, WorkingPoints, mean_mtu_length
from osim_nmscal.calibration.prior_correlation import muscle_correlation
from osim_nmscal.calibration.relaxed_prior import relaxed_prior
from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.calibration.stacking import StackedTrials, stack_trials
from osim_nmscal.calibration.units import require_units
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.starting_values import StartingValues, starting_values
from osim_nmscal.data.trials import NO_MOMENT_ARM, Trial, TrialSet, largest_moment_arms
from osim_nmscal.errors import CalibrationError, listed
from osim_nmscal.nms.muscle_models import MuscleMechanics, muscle_mechanics

# Properties of a muscle that only make sense above zero.
_POSITIVE = ("optimal_fiber_length", "tendon_slack_length", "max_isometric_force", "max_contraction_velocity")
# A moment that varies less than this over the calibration trials is constant, N·m.
_CONSTANT_MOMENT = 1e-3


@dataclass(frozen=True)
class DrivenProblem:
    """A loss of muscles that recorded or assumed excitations drive."""

    table: MuscleTable
    objective: Objective  # of the motions
    loss: JointObjective  # the whole
    findings: tuple[str, ...]


def driven_problem(
    trials: TrialSet, muscles: MuscleTable | StartingValues, settings: CalibrationSettings, terms: Sequence[Term] = ()
) -> DrivenProblem:
    """Build the loss of an EMG-driven calibration.

    Args:
        trials: those that calibrate.
        muscles: at least the trials' muscles.
        settings: of the calibration.
        terms: the user's.

    Raises:
        CalibrationError, SignalError, UnknownNameError: the problem is ill-posed as stated.
    """
    known = starting_values(muscles).select(trials.muscles)
    table = known.muscles
    # without motions the efforts with EMG come first, whose gain must not touch the others'
    motions = trials.of_kind("motion") or tuple(one for one in trials.of_kind("effort") if one.driven_by == "emg") or trials.trials
    others = [trial for trial in trials.trials if trial.name not in {one.name for one in motions}]
    stacked = stack_trials(TrialSet(trials=motions))
    frozen, findings = _screen(stacked, table, trials, others)
    require_units(trials, table)
    space = parameter_space(
        known,
        settings,
        frozen,
        time_step=stacked.time_step,
        electrodes=electrodes_of(motions, efforts=trials.trials),
        mtu_length=mean_mtu_length(stacked),
    )
    space = with_ligaments(space, trials.trials, settings.ligaments)
    if space.size == 0:
        raise CalibrationError("No parameter is free to move; free at least one in [calibration.parameters].")
    samples = int(stacked.samples().sum())
    if space.size > samples:
        findings.append(f"There are more free parameters ({space.size}) than moment samples ({samples}): many will stay near their start.")
    mechanics = muscle_mechanics(table, rigid_tendon=settings.rigid_tendon)
    loss_of_first = settings.loss
    if "motion" not in stacked.kinds:  # as of every other effort, see `joint`
        loss_of_first = loss_of_first.model_copy(update={**NO_PENALTIES, "similarity_weight": loss_of_first.similarity_weight})
    weighed = settings.model_copy(update={"loss": loss_of_first})
    objective = muscle_objective(stacked, mechanics, space, weighed, table, terms, trials.dofs)
    loss = JointObjective(objective, dynamometer_objectives(others, mechanics, space, settings), space.size)
    return DrivenProblem(table, objective, loss, tuple(findings))


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
    prior = Prior(
        space,
        prior_unit(settings.loss),
        points,
        correlation=muscle_correlation(table.names, settings.prior),
        relaxed=relaxed_prior(space, mechanics, settings) if coupled else None,
    )
    return Objective(
        stacked,
        mechanics,
        space,
        settings.loss,
        terms,
        groups,
        dofs,
        moment_weight=moment_weight(stacked, settings.loss, settings.noise),
        prior=prior,
        trials_apart=trials_apart,
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
        measured = stacked.measured[:, i]
        moment = stacked.joint_moment[:, measured, i][counted[:, measured]]
        if len(moment) == 0:
            if not others:
                findings.append(f"No calibration trial is scored by {dof}: its muscles are calibrated by other joints, or not at all.")
        elif float(moment.max() - moment.min()) < _CONSTANT_MOMENT:
            findings.append(
                f"The joint moment of {dof} is constant ({float(moment[0]):.3g} N·m) in the calibration trials: it says little; "
                "check the inverse dynamics or leave the DOF out."
            )
    reach = largest_moment_arms(trials.trials)
    unseen = [name for name, arm in zip(table.names, reach, strict=True) if arm < NO_MOMENT_ARM]
    if unseen:
        findings.append(f"Held fixed because no calibrated DOF sees them: {listed(unseen)}.")
    if others:  # passive trials tell of relaxed muscles as well
        return frozenset(unseen), findings
    silent = [name for i, name in enumerate(table.names) if not bool(stacked.excitation[..., i].any())]
    if silent and "motion" in stacked.kinds:
        findings.insert(len(findings) - bool(unseen), f"Held fixed because their excitation is zero throughout: {listed(silent)}.")
        return frozenset(silent) | frozenset(unseen), findings
    return frozenset(unseen), findings
