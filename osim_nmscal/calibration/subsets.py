"""Do recordings agree? Calibrations without one recording at a time, compared with that of all, in units of the standard error.

A calibration without some trials starts from the end of that with all; weights, priors and synergies' unit stay as they are, so that
nothing differs but what was left out. How far its values z_S may lie from z by chance follows from what both have in common (Hausman
1978; within the prior it is C_S - C, as a posterior mean is a martingale). With H = D + P and H_S = D_S + P of `posterior`,

    Var(z_S - z) = A (r D_S + P B P) A + H^-1 r (D - D_S) H^-1 + (K_S - K)(K_S - K)',   A = H_S^-1 - H^-1, K = H^-1 J'X,

as the noise of the trials that stayed, the truth's distance from the start and what is not estimated (X) enter both. r is the noise
that the trials show that stayed, as in externally studentised residuals: what is wrong with a recording must not excuse it. Added is the
square of `_LEAST` standard errors: what lies nearer together says nothing, whatever made it, and searches end no nearer to their minimum.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from osim_nmscal.calibration.fitting import muscles_of
from osim_nmscal.calibration.joint import JointEvaluation, JointObjective
from osim_nmscal.calibration.likelihood import MotionNoise
from osim_nmscal.calibration.objective import Objective
from osim_nmscal.calibration.optimizers import Loss
from osim_nmscal.calibration.optimizers.gauss_newton import gauss_newton
from osim_nmscal.calibration.parameter_space import slower_filter_first
from osim_nmscal.calibration.posterior import inverse_of, pull_and_belief, shown_noise, spread
from osim_nmscal.calibration.prior import Prior
from osim_nmscal.calibration.settings import CalibrationSettings, SubsetsSetting
from osim_nmscal.calibration.synergy.objective import HybridObjective
from osim_nmscal.calibration.told import Told, muscles_of_first, told_by
from osim_nmscal.data.trials import TrialKind

# Distances are never measured in less than this share of a parameter's own standard error. Source: choice, see above.
_LEAST = 0.25
# A start this near needs few iterations. Source: measured, distances within 0.15 (RMS) of those after twenty, see docs/decisions.md.
_ITERATIONS, _DAMPING = 3, 0.1
# Recordings are left out one by one up to this many, then several together, so that the cost does not grow. Source: choice.
_MOST = 4
# "auto" leaves nothing out beyond as many parameters: a comparison inverts their matrices several times, with 2,400 of them six times as
# long as the calibration takes. Source: measured.
_MOST_PARAMETERS = 1000
_KINDS: dict[TrialKind, str] = {"motion": "the motions", "passive": "the passive trials", "effort": "the efforts"}


@dataclass(frozen=True)
class Subset:
    """A calibration without some of the trials."""

    left_out: str  # a recording, a trial, or all trials of a kind
    z: Tensor  # (parameter,)
    variance: Tensor  # (parameter, parameter), of z - that of all trials, if nothing is wrong


def calibrations_without(
    loss: JointObjective, at: JointEvaluation, prior: Prior, settings: CalibrationSettings, noise: MotionNoise
) -> tuple[Subset, ...]:
    """Calibrate again without each recording, or whatever `[calibration] subsets` says.

    Args:
        loss: of all trials, whose moments are weighed by their noise.
        at: its minimum.
        prior: of the parameters.
        settings: which subsets, noise, what is not estimated.
        noise: by which motions were weighed.

    Returns:
        one for each recording that can be missed; none where there is but one trial, moments have no noise, or "auto" would take long.
    """
    if settings.loss.moment_scale != "noise" or (settings.subsets == "auto" and loss.parameters > _MOST_PARAMETERS):
        return ()
    names = [(name, kind) for part in _parts(loss) for name, kind in zip(part.trials.names, part.trials.kinds, strict=True)]
    chosen = left_out_in_turn(dict(names), settings.subsets)
    if not chosen:
        return ()
    size = loss.parameters
    pull, believed = pull_and_belief(prior, at.z[:size])
    whole = told_by(loss, at, loss.linearize(at), pull, settings.prior)
    subsets = []
    for label, names_left_out in chosen.items():
        made = _without(loss, at.z, names_left_out)
        if made is None:
            continue
        some, start = made
        search = settings.gauss_newton.model_copy(update={"maximum_iterations": _ITERATIONS, "initial_damping": _DAMPING})
        minimum = gauss_newton(some, start, search)
        if minimum.status == "interrupted":
            raise KeyboardInterrupt
        end = minimum.best
        told = told_by(some, end, some.linearize(end), pull, settings.prior)
        _, ratio = shown_noise(_parts(some)[0], muscles_of(end.first), settings, noise)
        variance = variance_of_difference(told, whole, pull, believed, ratio)
        z = end.z[:size] if isinstance(some.first, HybridObjective) else slower_filter_first(prior.space, end.z)
        subsets.append(Subset(label, z, variance))
    return tuple(subsets)


def left_out_in_turn(kinds: Mapping[str, TrialKind], how: SubsetsSetting) -> dict[str, frozenset[str]]:
    """Return which trials are left out together, by what they are called; nothing where one motion would be all that is left.

    Args:
        kinds: trial -> its kind.
        how: as `[calibration] subsets` says.
    """
    if how == "none":
        return {}
    groups: dict[str, list[str]] = {}
    if how == "auto":
        groups = _few(kinds)
    else:
        for name in kinds:
            groups.setdefault(name if how == "trials" else _recording(name), []).append(name)
    return {label: frozenset(own) for label, own in groups.items() if len(own) < len(kinds)}


def _few(kinds: Mapping[str, TrialKind]) -> dict[str, list[str]]:
    """Return what tells on everything else at little cost: the kinds of a dynamometer, else recordings, or halves of the only one."""
    by_kind: dict[str, list[str]] = {}
    for name, kind in kinds.items():
        by_kind.setdefault(_KINDS[kind], []).append(name)
    if len(by_kind) > 1:
        return {label: own for label, own in by_kind.items() if label != _KINDS["motion"]}
    recordings = list(dict.fromkeys(map(_recording, kinds)))
    if len(recordings) == 1:
        halves = np.array_split(list(kinds), 2)
        return {f"{own[0]} to {own[-1]}" if len(own) > 1 else str(own[0]): [str(name) for name in own] for own in halves if len(own)}
    parts = np.array_split(recordings, min(len(recordings), _MOST))
    return {" and ".join(own): [name for name in kinds if _recording(name) in own] for own in parts}


def _recording(trial: str) -> str:
    return trial.rpartition("/")[0] or trial


def _parts(loss: JointObjective) -> tuple[Objective, ...]:
    return (muscles_of_first(loss), *loss.others)


def _without(loss: JointObjective, z: Tensor, left_out: frozenset[str]) -> tuple[JointObjective, Tensor] | None:
    """Return the loss without some trials and where it starts; None if nothing would be left of its first part."""
    first, *others = ([i for i, name in enumerate(part.trials.names) if name not in left_out] for part in _parts(loss))
    if not first:
        return None
    some: Loss
    if isinstance(loss.first, HybridObjective):
        some, start = loss.first.of_trials(z, first)
    else:
        some, start = muscles_of_first(loss).of_trials(first), z
    rest = [part.of_trials(kept) for part, kept in zip(loss.others, others, strict=True) if kept]
    return JointObjective(some, rest, loss.parameters), start


def variance_of_difference(some: tuple[Told, Told], whole: tuple[Told, Told], pull: Tensor, believed: Tensor, noise_ratio: float) -> Tensor:
    """Return Var(z_S - z), see the head of this module; (parameter, parameter) each but for numbers.

    Args:
        some: what the trials tell that stayed: D_S and J_S'X, motions first.
        whole: the same of all trials.
        pull: P.
        believed: B.
        noise_ratio: r, of motions alone.
    """
    own, every = some[0] + some[1], whole[0] + whole[1]
    inverse, without = inverse_of(every.data + pull), inverse_of(own.data + pull)
    noise, noise_of_own = (noise_ratio * one[0].data + one[1].data for one in (whole, some))
    size, direction = torch.linalg.eigh(noise - noise_of_own)  # linearised elsewhere, it may be negative where little is told
    missed = (direction * size.clamp_min(0.0)) @ direction.T
    moved, follow = without - inverse, without @ own.moved - inverse @ every.moved
    stayed = noise_of_own + pull @ believed @ pull
    own_error = spread(noise, every.data, pull, believed, every.moved)
    difference = moved @ stayed @ moved + inverse @ missed @ inverse + follow @ follow.T
    return difference + _LEAST**2 * own_error
