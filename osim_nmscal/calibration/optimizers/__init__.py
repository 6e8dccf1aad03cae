"""Optimisers over one loss and one scaled parameter vector (each entry 0 to 1)."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from osim_nmscal.data.results import CalibrationStatus, HistoryRow

# Called after every iteration; may raise KeyboardInterrupt to stop with the best so far.
Progress = Callable[[HistoryRow], None]


class Loss(Protocol):
    """What an optimiser minimises: `Objective`, or the synergy-hybrid one with more unknowns."""

    def evaluate(self, z: Tensor, warm: Any = None) -> Any:
        """Return an evaluation: z, loss, terms and whatever `linearize` needs."""
        ...

    def linearize(self, at: Any) -> Any:
        """Return gradient and Gauss-Newton Hessian of loss / 2."""
        ...

    def gradient(self, at: Any) -> Tensor:
        """Return the gradient of loss / 2."""
        ...

    def predict_lengths(self, at: Any, linear: Any, step: Tensor) -> Any:
        """Return fiber lengths to start from after a step."""
        ...


@dataclass(frozen=True)
class Minimum:
    """Where an optimiser ended."""

    best: Any  # an evaluation of the loss
    status: CalibrationStatus
    sentence: str
    iterations: int
    history: tuple[HistoryRow, ...]


class Journal:
    """Collects the history of a run and tells whoever listens."""

    def __init__(self, progress: Progress | None, limit: int) -> None:
        self.rows: list[HistoryRow] = []
        self._limit = limit
        self._progress = progress
        self._began = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Seconds since the run began."""
        return time.perf_counter() - self._began

    def add(self, iteration: int, at: Any, rate: float = 0.0) -> None:
        """Record one iteration; rate as in HistoryRow."""
        row = HistoryRow(
            iteration=iteration,
            seconds=self.seconds,
            loss=at.loss,
            term_names=tuple(at.terms),
            term_values=tuple(at.terms.values()),
            rate=rate,
            limit=self._limit,
        )
        self.rows.append(row)
        if self._progress is not None:
            self._progress(row)


def clamp_to_bounds(z: Tensor) -> Tensor:
    """Return z inside its bounds."""
    return z.clamp(0.0, 1.0)
