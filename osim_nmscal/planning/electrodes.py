"""An electrode on muscles without one: who could get it, and what the same motions would tell if its EMG drove them.

A muscle without electrode is driven by synergies, whose weights and primitives blur everything else, and its strength is held. With an
electrode its excitation is known up to a gain, which is eliminated with its prior. The excitation that the EMG would show is foreseen as
the one that the synergies start with. Strides are not counted twice: the motions with the electrode stand in place of those at hand.
Whether a surface electrode reaches a muscle, no model says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from osim_nmscal.calibration.joint import JointObjective
from osim_nmscal.calibration.likelihood import LIKELIHOOD_UNIT
from osim_nmscal.calibration.parameter_space import ParameterSpace
from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.calibration.synergy.calibration import HybridProblem, hybrid_problem
from osim_nmscal.calibration.synergy.roles import DrivenTrials
from osim_nmscal.calibration.told import Told, told_by
from osim_nmscal.data.muscle_names import muscle_side, whole_muscle
from osim_nmscal.data.starting_values import StartingValues
from osim_nmscal.data.trials import Trial, TrialSet


def placements(muscles: Sequence[str], groups: Mapping[str, Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    """Part muscles without electrode into those that one would hear together.

    Args:
        muscles: without electrode.
        groups: of the calibration: what shares a group shares an electrode; otherwise heads of one muscle do, by their names.
    """
    group_of = {name: group for group, members in groups.items() for name in members}
    found: dict[tuple[str, ...], list[str]] = {}
    for name in muscles:
        key = ("group", group_of[name]) if name in group_of else ("heads", whole_muscle(name), muscle_side(name) or "")
        found.setdefault(key, []).append(name)
    return tuple(tuple(members) for members in found.values())


def told_with_electrode(
    problem: HybridProblem,
    z: Tensor,
    others: Sequence[Trial],
    muscles: StartingValues,
    electrode: Sequence[str],
    settings: CalibrationSettings,
) -> Told:
    """Return what the motions would tell if the EMG of these muscles, too, had been recorded.

    Args:
        problem: of the motions as they are.
        z: (entry,), parameters and synergies, where the calibration starts.
        others: passive trials and efforts at hand, of the problem's muscles.
        muscles: the problem's muscles.
        electrode: muscles that get one, each with a gain of its own.
        settings: of the calibration.
    """
    with torch.no_grad():
        first = problem.objective.evaluate(z)
        driven = _heard(problem, first.synthesized.numpy(), electrode)
        again = hybrid_problem(driven, others, muscles, settings, synergies=(problem.candidates, problem.synergies))
        space = again.objective.space
        start = space.join(space.parameters.start(), first.weights, first.coefficients)
        loss = JointObjective(again.objective, (), space.parameters.size)
        at = loss.evaluate(start)
        prior = again.objective.objective.prior
        pull = prior.weight / LIKELIHOOD_UNIT * prior.pull(start[: space.parameters.size])
        told, _ = told_by(loss, at, loss.linearize(at), pull, settings.prior)
        return _without_gain(told, pull, _columns(problem.objective.space.parameters, space.parameters))


def _heard(problem: HybridProblem, excitations: np.ndarray, electrode: Sequence[str]) -> DrivenTrials:
    driven = problem.driven
    chosen = np.isin(driven.trials.muscles, electrode)
    trials = tuple(
        replace(trial, excitation=np.where(chosen, excitations[: len(trial.time), i], trial.excitation))
        for i, trial in enumerate(driven.trials.trials)
    )
    return replace(
        driven,
        trials=TrialSet(trials=trials),
        recorded=(*driven.recorded, *electrode),
        synthesized=tuple(name for name in driven.synthesized if name not in electrode),
    )


def _columns(before: ParameterSpace, after: ParameterSpace) -> Tensor:
    """Return where each entry of one space stands in another, (parameter,)."""
    found = torch.zeros(before.size, dtype=torch.int64)
    for name, block in before.blocks.items():
        moving = block.column >= 0
        found[block.column[moving]] = after.blocks[name].column[moving]
    return found


def _without_gain(told: Told, pull: Tensor, kept: Tensor) -> Told:
    """Eliminate what an electrode adds to the parameters, its gain, with its prior."""
    new = torch.ones(len(pull), dtype=torch.bool)
    new[kept] = False
    cross = told.data[kept][:, new]
    follow = torch.linalg.solve(told.data[new][:, new] + pull[new][:, new], torch.cat([cross.T, told.moved[new]], dim=1))
    data = told.data[kept][:, kept] - cross @ follow[:, : len(kept)]
    return Told(0.5 * (data + data.T), told.moved[kept] - cross @ follow[:, len(kept) :])
