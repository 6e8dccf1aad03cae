"""Several starting points of one search, and the best end."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import torch
from torch import Tensor

from osim_nmscal.calibration.optimizers import Loss, Minimum, Optimizer, Progress
from osim_nmscal.calibration.parameter_space import ParameterSpace
from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.data.results import StartRow
from osim_nmscal.errors import CalibrationError


def starting_parameters(space: ParameterSpace, settings: CalibrationSettings) -> Iterator[Tensor]:
    """Yield `[calibration] starts` vectors (parameter,): the start, then drawn between the bounds, the same for the same seed."""
    generator = torch.Generator().manual_seed(settings.seed)
    for i in range(settings.starts):
        start = space.start()
        yield start if i == 0 else torch.rand(len(start), generator=generator, dtype=start.dtype)


def best_of_starts(loss: Loss, starts: Iterable[Tensor], optimizer: Optimizer, progress: Progress | None) -> Minimum:
    """Search from every start and return the end with the lowest loss, with a row of every search; an interrupted one is the last.

    Raises:
        CalibrationError: there is no start.
    """
    minima: list[Minimum] = []
    for start in starts:
        minima.append(optimizer(loss, start, progress=progress))
        if minima[-1].status == "interrupted":
            break
    if not minima:
        raise CalibrationError("[calibration] starts is 0; give at least 1.")
    best = min(minima, key=lambda minimum: float(minimum.best.loss))
    rows = (
        StartRow(
            start=i,
            status=minimum.status,
            iterations=minimum.iterations,
            loss_initial=minimum.history[0].loss if minimum.history else float("nan"),
            loss_final=float(minimum.best.loss),
            best=minimum is best,
        )
        for i, minimum in enumerate(minima, start=1)
    )
    return replace(best, starts=tuple(rows))
