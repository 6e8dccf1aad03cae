"""An electrode on muscles without one: who could get it, and what the same motions would tell if its EMG drove them.

A muscle without electrode is driven by synergies, whose weights and primitives blur everything else, and its strength is held. With an
electrode its excitation is known up to a gain, which is eliminated with its prior. The excitation that the EMG would show is foreseen by
the synergies of a calibration's first iterations, since how much a muscle does decides what its electrode is worth. Strides are not counted
twice: the motions with the electrode stand in place of those at hand. Whether a surface electrode reaches a muscle, no model says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from osim_nmscal.calibration.joint import JointObjective
from osim_nmscal.calibration.likelihood import LIKELIHOOD_UNIT
from osim_nmscal.calibration.optimizer_settings import GaussNewtonSettings
from osim_nmscal.calibration.optimizers.gauss_newton import gauss_newton
from osim_nmscal.calibration.parameter_space import ParameterSpace
from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.calibration.synergy.calibration import HybridProblem, hybrid_problem
from osim_nmscal.calibration.synergy.roles import DrivenTrials
from osim_nmscal.calibration.told import Told, told_by
from osim_nmscal.data.muscle_names import muscle_side, whole_muscle
from osim_nmscal.data.starting_values import StartingValues
from osim_nmscal.data.trials import Trial, TrialSet

# Iterations after which the excitations of muscles without electrode are about those that a calibration ends with. Source: choice.
_ITERATIONS = 10


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


class ElectrodeStudy:
    """What motions tell, and would tell with further electrodes."""

    def __init__(
        self, problem: HybridProblem, z: Tensor, others: Sequence[Trial], muscles: StartingValues, settings: CalibrationSettings
    ) -> None:
        """Foresee the excitations of all muscles.

        Args:
            problem: of the recordings at hand.
            z: (entry,), parameters and synergies, where the calibration starts.
            others: passive trials and efforts at hand, of the problem's muscles.
            muscles: the problem's muscles.
            settings: of the calibration.
        """
        self._problem, self._others, self._muscles, self._settings = problem, others, muscles, settings
        size = problem.objective.space.parameters.size
        found = gauss_newton(problem.loss, z, settings=GaussNewtonSettings(maximum_iterations=_ITERATIONS)).best.z
        with torch.no_grad():
            self._at = problem.objective.evaluate(torch.cat([z[:size], found[size:]]))
        self._told = self._told_by(problem, self._at.z)[0]

    def gain(self, electrode: Sequence[str]) -> Told:
        """Return how much more the motions would tell if these muscles were recorded, too, each with a gain of its own."""
        again, z = self.with_electrode(electrode)
        told, pull = self._told_by(again, z)
        told = _without_gain(told, pull, _columns(self._problem.objective.space.parameters, again.objective.space.parameters))
        return Told(told.data - self._told.data, told.moved - self._told.moved)

    def with_electrode(self, electrode: Sequence[str]) -> tuple[HybridProblem, Tensor]:
        """Return the loss of the motions if these muscles were recorded, too, and where every muscle does in it what it did without."""
        problem, at = self._problem, self._at
        chosen = torch.from_numpy(np.isin(problem.driven.trials.muscles, electrode))
        more = torch.where(chosen, 1.0 / float(self._settings.parameters.of("emg_scale").start), 1.0).to(at.weights.dtype)
        driven = _heard(problem, (at.synthesized * more).numpy(), electrode)
        again = hybrid_problem(driven, self._others, self._muscles, self._settings, synergies=(problem.candidates, problem.synergies))
        # other muscles' excitations weigh what they weighed, though the recorded ones' mean square, their unit, is another
        own = problem.objective.excitation_weight
        again.objective.excitation_weight = torch.where(chosen, own[~problem.objective.synthesized].mean(), own)
        space = again.objective.space
        return again, space.join(space.parameters.start(), at.weights * more, at.coefficients)

    def _told_by(self, problem: HybridProblem, z: Tensor) -> tuple[Told, Tensor]:
        """Return what motions tell, and the prior's pull."""
        prior, size = problem.objective.objective.prior, problem.objective.space.parameters.size
        pull = prior.weight / LIKELIHOOD_UNIT * prior.pull(z[:size])
        loss = JointObjective(problem.objective, (), size)
        with torch.no_grad():
            at = loss.evaluate(z)
            return told_by(loss, at, loss.linearize(at), pull, self._settings.prior)[0], pull


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
