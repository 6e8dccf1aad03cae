"""Simulated annealing as CEINMS uses it, from a kept library: scipy's dual annealing without its local search.

It needs the loss alone. It is here to compare with.
"""

import numpy as np
import torch
from torch import Tensor

from osim_nmscal.calibration.optimizer_settings import AnnealingSettings
from osim_nmscal.calibration.optimizers import Journal, Loss, Minimum, Progress
from osim_nmscal.data.results import CalibrationStatus
from osim_nmscal.errors import FiberDynamicsError

# What a vector costs at which a fiber has no equilibrium: worse than anything solvable.
_UNSOLVABLE = 1e12


class _OutOfTimeError(Exception):
    """Raised inside the loss to leave scipy's loop."""


def simulated_annealing(loss: Loss, start: Tensor, settings: AnnealingSettings, seed: int = 0, progress: Progress | None = None) -> Minimum:
    """Minimise the loss from a starting vector; history has one row per improvement.

    Args:
        loss: what to minimise.
        start: (parameter,), each 0 to 1.
        settings: evaluations and seconds at most.
        seed: of the random walk.
        progress: told after every improvement.
    """
    from scipy.optimize import dual_annealing

    journal = Journal(progress, settings.maximum_evaluations)
    best = loss.evaluate(start)
    journal.add(0, best)
    evaluations = 1

    def value(values: np.ndarray) -> float:
        nonlocal best, evaluations
        if journal.seconds > settings.maximum_seconds:
            raise _OutOfTimeError
        evaluations += 1
        try:
            # a cold start: jumps are so long that the best lengths so far are a worse guess (measured: 13 iterations against 10)
            at = loss.evaluate(torch.from_numpy(np.clip(values, 0.0, 1.0)))
        except FiberDynamicsError:
            return _UNSOLVABLE
        if at.loss < best.loss:
            best = at
            journal.add(evaluations, best)
        return at.loss

    status: CalibrationStatus = "iterations"
    sentence = f"Stopped after {settings.maximum_evaluations} evaluations."
    try:
        dual_annealing(
            value,
            [(0.0, 1.0)] * len(start),
            maxiter=settings.maximum_evaluations,
            maxfun=settings.maximum_evaluations,
            no_local_search=True,
            x0=start.numpy(),
            rng=np.random.default_rng(seed),
        )
    except _OutOfTimeError:
        sentence = f"Stopped after {settings.maximum_seconds:g} s and {evaluations} evaluations."
    except KeyboardInterrupt:
        status, sentence = "interrupted", f"Interrupted after {evaluations} evaluations; this is the best so far."
    return Minimum(best, status, sentence, evaluations, tuple(journal.rows))
