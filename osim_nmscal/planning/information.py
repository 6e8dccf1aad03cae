"""How sure recordings make us of each parameter: the calibration's own loss, linearised where it starts.

Near its minimum a calibration knows of parameters what its Gauss-Newton Hessian says, whatever the moments turn out to be; so a recording
can be judged before it is made. The Hessians of recordings add up, and each needs one evaluation and one linearization (Atkinson & Donev,
Optimum Experimental Designs, 1992). Muscles without electrodes are as unknown as a calibration finds them: their synergies are
eliminated. The error of moment arms and tendon strain is part of every deviation.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from osim_nmscal.calibration.calibrate import settled
from osim_nmscal.calibration.identifiability import IDENTIFIABLE_BELOW
from osim_nmscal.calibration.joint import JointObjective, dynamometer_objectives
from osim_nmscal.calibration.objective import Objective
from osim_nmscal.calibration.problem import driven_problem
from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.calibration.synergy.calibration import HybridProblem, hybrid_problem, start_of
from osim_nmscal.calibration.synergy.roles import driven_trials
from osim_nmscal.calibration.told import Told, together, told_by, told_by_part
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.starting_values import StartingValues, starting_values
from osim_nmscal.data.trials import Trial, TrialSet
from osim_nmscal.errors import CalibrationError
from osim_nmscal.planning.electrodes import ElectrodeStudy
from osim_nmscal.planning.evidence import Belief, Evidence, strengths_of, trying_in

FloatArray = NDArray[np.float64]

# Quantities that a plan speaks of; activation and gain are means to an end.
QUANTITIES = ("optimal_fiber_length", "working_point", "tendon_slack_length", "strength_coefficient")


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A recording that could be made.

    Example:
        >>> Candidate(name="as many squats again", repeats_motions=True).trials
        ()
    """

    name: str  # as a person would say it
    trials: tuple[Trial, ...] = ()  # passive trials or efforts; their moments matter by their size alone
    repeats_motions: bool = False  # the motions at hand as often again, with moment errors of their own
    electrode: tuple[str, ...] = ()  # muscles whose EMG is recorded, too, in motions that take the place of those at hand


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What is known of one parameter: before anything, with the recordings at hand, and with a further one.

    Example:
        >>> row = Expected(owner="flexor", quantity="strength_coefficient", unit="%", prior=27.0, at_hand=20.0, after=(12.0,))
        >>> row.known(row.at_hand), row.known(row.after[0])
        (False, True)
    """

    owner: str
    quantity: str
    unit: str  # "%": of the value; otherwise its own
    prior: float  # standard deviation
    at_hand: float
    after: tuple[float, ...]  # with each candidate alone, in the order of the plan
    with_all: float = float("nan")  # with every candidate

    def known(self, deviation: float) -> bool:
        """Whether a standard deviation is at most half of the prior's."""
        return deviation < IDENTIFIABLE_BELOW * self.prior


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What each candidate would tell.

    Example:
        >>> row = Expected(owner="flexor", quantity="strength_coefficient", unit="%", prior=27.0, at_hand=20.0, after=(12.0,))
        >>> found = Plan(candidates=("an effort",), rows=(row,), order=("an effort",), gains=(-0.5,))
        >>> [row.owner for row in found.newly_known("an effort")]
        ['flexor']
    """

    candidates: tuple[str, ...]
    rows: tuple[Expected, ...]
    order: tuple[str, ...]  # best first, each given those before it
    gains: tuple[float, ...]  # of that order: sum over `counted` of the logarithm of what is left of each deviation, negative

    @property
    def counted(self) -> tuple[Expected, ...]:
        """Rows by which candidates are compared: a slack length follows from fiber length and working point, where there is one."""
        has_point = {row.owner for row in self.rows if row.quantity == "working_point"}
        return tuple(row for row in self.rows if row.quantity != "tendon_slack_length" or row.owner not in has_point)

    def newly_known(self, candidate: str) -> tuple[Expected, ...]:
        """Return the parameters that a candidate alone would make known."""
        i = self.candidates.index(candidate)
        return tuple(row for row in self.rows if row.known(row.after[i]) and not row.known(row.at_hand))


def plan(
    trials: TrialSet, muscles: MuscleTable | StartingValues, candidates: Sequence[Candidate], settings: CalibrationSettings | None = None
) -> Plan:
    """Say what each candidate would tell of each muscle, and which to record first.

    Args:
        trials: at hand; those that calibrate count.
        muscles: at least the trials' muscles, with their starting values; `StartingValues` say what is known of them, too.
        candidates: of the trials' muscles and degrees of freedom.
        settings: of the calibration; moments must be weighed by their noise.

    Raises:
        CalibrationError: the calibration is ill-posed as stated, or `moment_scale` is not "noise".

    Example:
        >>> effort = replace(trials.trials[0], name="dynamometer", kind="effort", driven_by="assumed")
        >>> found = plan(trials, muscles, [Candidate(name="an effort of the knee", trials=(effort,))])
        >>> found.order, found.rows[0].at_hand >= found.rows[0].after[0]
        (('an effort of the knee',), True)
    """
    settings = settings or CalibrationSettings()
    require_noise(settings)
    begun = _at_start(trials, muscles, settings)
    objective, z = begun.objective, begun.z[: begun.loss.parameters]
    belief = Belief(
        objective.prior, z, efforts_first=begun.hybrid is not None, efforts_count=settings.prior.unrecorded_strength == "by_efforts"
    )
    motions, measured = _parts_at_hand(begun, belief.pull)
    nothing = together([], len(z), motions.moved)
    hand = replace(_of_trials(begun.others, begun, nothing), told=motions + measured)
    study = _study(candidates, begun)
    parts = [_of_candidate(candidate, begun, motions, study, nothing) for candidate in candidates]

    def deviations(of: Evidence) -> list[FloatArray]:
        covariance = belief.with_evidence(of)
        return [_in_units(label.rows, covariance) for label in labels]

    labels = _labels(objective, z)
    before = [_in_units(label.rows, belief.covariance) for label in labels]
    at_hand = deviations(hand)
    after = [deviations(hand + part) for part in parts]
    every = deviations(reduce(add, parts, hand))
    rows = tuple(
        Expected(
            owner=owner,
            quantity=label.quantity,
            unit=label.unit,
            prior=float(before[k][i]),
            at_hand=float(at_hand[k][i]),
            after=tuple(float(one[k][i]) for one in after),
            with_all=float(every[k][i]),
        )
        for k, label in enumerate(labels)
        for i, owner in enumerate(label.owners)
    )
    found = Plan(candidates=tuple(candidate.name for candidate in candidates), rows=rows, order=(), gains=())
    counts = np.isin(np.arange(len(rows)), [rows.index(row) for row in found.counted])
    order, gains = _greedy(hand, parts, lambda part: np.concatenate(deviations(part))[counts])
    return replace(found, order=tuple(candidates[i].name for i in order), gains=tuple(gains))


def require_noise(settings: CalibrationSettings) -> None:
    """Refuse settings by which data and prior are not in one unit.

    Raises:
        CalibrationError: `moment_scale` is not "noise".
    """
    if settings.loss.moment_scale != "noise":
        raise CalibrationError(
            "A plan needs moments weighed by their noise, but [calibration.loss] moment_scale is "
            f"{settings.loss.moment_scale!r}; choose 'noise', also with --set calibration.loss.moment_scale=noise."
        )


@dataclass(frozen=True)
class _Label:
    """Rows that turn a covariance of z into deviations of one quantity."""

    quantity: str
    unit: str
    owners: tuple[str, ...]
    rows: Tensor  # (owner, parameter)


def _labels(objective: Objective, z: Tensor) -> list[_Label]:
    space, labels = objective.space, []
    for quantity in QUANTITIES:
        if quantity == "working_point":
            rows = objective.prior.working_point_rows(z)
            moving = rows.any(dim=1).nonzero().squeeze(-1).tolist()
            if moving:
                names = tuple(objective.mechanics.names[i] for i in moving)
                labels.append(_Label(quantity, "optimal fiber lengths", names, rows[moving]))
            continue
        block = space.blocks[quantity]
        free = (block.column >= 0).nonzero().squeeze(-1).tolist()
        if free:
            share = 100.0 * block.slope(z) / block.internal(z)  # per cent of the value
            rows = z.new_zeros((len(free), len(z)))
            rows[torch.arange(len(free)), block.column[free]] = share[free]
            labels.append(_Label(quantity, "%", tuple(block.owners[i] for i in free), rows))
    return labels


def _in_units(rows: Tensor, covariance: Tensor) -> FloatArray:
    variance: FloatArray = torch.einsum("op,pq,oq->o", rows, covariance, rows).clamp_min(0.0).numpy()
    return np.sqrt(variance)


@dataclass(frozen=True)
class _Begun:
    """A calibration of the recordings at hand, where it starts."""

    loss: JointObjective
    objective: Objective  # of the muscles in the motions
    z: Tensor  # (entry,)
    others: tuple[Trial, ...]  # passive trials and efforts
    muscles: StartingValues
    settings: CalibrationSettings
    hybrid: HybridProblem | None  # where synergies drive muscles


def _at_start(trials: TrialSet, muscles: MuscleTable | StartingValues, settings: CalibrationSettings) -> _Begun:
    settings, _ = settled(settings, trials)
    calibrating, known = trials.calibration, starting_values(muscles)
    motions = calibrating.of_kind("motion")
    if settings.method == "synergy_hybrid" and motions:
        driven = driven_trials(TrialSet(trials=motions), settings.synergy.muscles)
        if driven.synthesized:
            names = driven.trials.muscles
            others = tuple(trial.with_muscles(names) for trial in calibrating.trials if trial.kind != "motion")
            known = known.select(names)
            problem = hybrid_problem(driven, others, known, settings)
            z = start_of(problem, np.random.default_rng(settings.seed))
            return _Begun(problem.loss, problem.objective.objective, z, others, known, settings, problem)
    found = driven_problem(calibrating, muscles, settings)
    others = tuple(trial for trial in calibrating.trials if trial.kind != "motion")
    return _Begun(found.loss, found.objective, found.objective.space.start(), others, known, settings, None)


def _parts_at_hand(begun: _Begun, pull: Tensor) -> tuple[Told, Told]:
    """Return what the recordings at hand tell: the first part of the loss, motions where there are any, and the others."""
    with torch.no_grad():
        at = begun.loss.evaluate(begun.z)
        return told_by(begun.loss, at, begun.loss.linearize(at), pull, begun.settings.prior)


def _of_trials(trials: Sequence[Trial], begun: _Begun, nothing: Told) -> Evidence:
    """Return what passive trials and efforts tell, of the muscles at hand."""
    objective, names = begun.objective, begun.objective.mechanics.names
    own = [trial.with_muscles(names) for trial in trials]
    assumed = [trial for trial in own if trial.kind == "passive" or trial.driven_by == "assumed"]
    heard = [trial for trial in own if trial.kind != "passive" and trial.driven_by != "assumed"]
    told = []
    for some in (assumed, heard):
        parts = dynamometer_objectives(some, objective.mechanics, objective.space, begun.settings)
        told.append(together([_told_by(one, begun.z, begun.settings) for one in parts], len(nothing.data), nothing.moved))
    tried = strengths_of(objective.space, trying_in(tuple(assumed)), names)
    return Evidence(told[0] + told[1], told[0], tried, torch.zeros_like(tried))


def _of_candidate(candidate: Candidate, begun: _Begun, motions: Told, study: ElectrodeStudy | None, nothing: Told) -> Evidence:
    found = _of_trials(candidate.trials, begun, nothing)
    if candidate.repeats_motions:
        found = replace(found, told=found.told + motions)
    if candidate.electrode and study is not None:
        heard = strengths_of(begun.objective.space, frozenset(candidate.electrode), begun.objective.mechanics.names)
        found = replace(found, told=found.told + study.gain(candidate.electrode), heard=heard)
    return found


def _study(candidates: Sequence[Candidate], begun: _Begun) -> ElectrodeStudy | None:
    if begun.hybrid is None or not any(one.electrode for one in candidates):
        return None
    return ElectrodeStudy(begun.hybrid, begun.z, begun.others, begun.muscles, begun.settings)


def _told_by(objective: Objective, z: Tensor, settings: CalibrationSettings) -> Told:
    at = objective.evaluate(z[: objective.space.size])
    return told_by_part(objective, at, objective.linearize(at), settings.prior)


def _greedy(hand: Evidence, parts: Sequence[Evidence], deviations: Callable[[Evidence], FloatArray]) -> tuple[list[int], list[float]]:
    """Return candidates, best first given those before, and what each leaves of all deviations (sum of logarithms).

    What was told already makes a candidate tell less, so one that leads with its newest number leads whatever the older numbers of the
    others have become (Minoux 1978): few are worked out anew at each place. Electrodes, which take the place of evidence, keep to
    that nearly: of the treadmill's 42 candidates the first eleven are those of working out all, and none further is worth 0.3 %.
    """
    order: list[int] = []
    gains: list[float] = []
    known, now = hand, np.log(deviations(hand).clip(1e-12))
    gain, place = [-np.inf] * len(parts), [-1] * len(parts)  # newest number of each, and the place that it was worked out for
    after: dict[int, FloatArray] = {}
    while len(order) < len(parts):
        best = min((i for i in range(len(parts)) if i not in order), key=gain.__getitem__)
        if place[best] < len(order):
            after[best] = np.log(deviations(known + parts[best]).clip(1e-12))
            gain[best], place[best] = float((after[best] - now).sum()), len(order)
            continue
        order.append(best)
        gains.append(gain[best])
        known, now = known + parts[best], after[best]
    return order, gains
