"""The search of a calibration: from every start to the best end, then once more with the noise that the first fit shows."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from osim_nmscal.calibration.evaluated import Evaluation
from osim_nmscal.calibration.joint import JointEvaluation, JointObjective, reweigh
from osim_nmscal.calibration.likelihood import MotionNoise, noise_of_errors, stated_noise
from osim_nmscal.calibration.objective import Objective
from osim_nmscal.calibration.optimizers import Minimum, Optimizer, Progress
from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.calibration.starts import best_of_starts
from osim_nmscal.data.results import HistoryRow


@dataclass(frozen=True)
class Fit:
    """Where a search ended, what its start costs in the same units, and the noise by which motions were weighed."""

    minimum: Minimum
    loss_initial: float
    noise: MotionNoise

    @property
    def best(self) -> JointEvaluation:
        """The model at the end."""
        found: JointEvaluation = self.minimum.best
        return found

    @property
    def ended(self) -> bool:
        """Whether the search ended by itself."""
        return self.minimum.status != "interrupted"


def fit(
    loss: JointObjective,
    motion: Objective,
    starts: Iterable[Tensor],
    search: Optimizer,
    settings: CalibrationSettings,
    progress: Progress | None,
) -> Fit:
    """Minimise a loss; with a likelihood, take the noise from the errors and minimise it again from there.

    Args:
        loss: the whole.
        motion: its moments of motions, whose noise is learned.
        starts: vectors to start from.
        search: the optimiser.
        settings: scale of the moments, noise.
        progress: told after every iteration.
    """
    every = list(starts)
    minimum = best_of_starts(loss, every, search, progress)
    again = settings.loss.moment_scale == "noise" and settings.noise.refit and settings.optimizer != "simulated_annealing"
    trials = motion.trials
    if not again or minimum.status == "interrupted" or not minimum.history:
        noise = stated_noise(settings.noise, trials.joint_moment.shape[-1])
        return Fit(minimum, minimum.history[0].loss if minimum.history else float("nan"), noise)
    errors = muscles_of(minimum.best.first).outputs.joint_moment - trials.joint_moment
    shown = noise_of_errors(errors, trials, settings.noise)
    reweigh(motion, settings, shown)
    last = minimum.history[-1]

    def later(row: HistoryRow) -> HistoryRow:
        limit = last.iteration + row.limit if row.limit else 0
        return replace(row, iteration=last.iteration + row.iteration, seconds=last.seconds + row.seconds, limit=limit)

    def go_on(row: HistoryRow) -> None:
        if progress is not None and row.iteration:  # its start is where the first fit ended
            progress(later(row))

    second = search(loss, minimum.best.z, progress=go_on)
    rows = tuple(later(row) for row in second.history if row.iteration)
    together = replace(second, starts=minimum.starts, iterations=minimum.iterations + second.iterations, history=(*minimum.history, *rows))
    return Fit(together, loss.evaluate(every[0]).loss, shown)


def muscles_of(evaluation: Any) -> Evaluation:
    """Return the muscles of an EMG-driven or synergy-hybrid evaluation."""
    found: Evaluation = getattr(evaluation, "muscles", evaluation)
    return found
