"""Optimisers over one loss and one scaled parameter vector (each entry 0 to 1)."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from osim_nmscal.calibration.objective import Evaluation
from osim_nmscal.data.results import CalibrationStatus, HistoryRow

# Called after every iteration; may raise KeyboardInterrupt to stop with the best so far.
Progress = Callable[[HistoryRow], None]


@dataclass(frozen=True)
class Minimum:
    """Where an optimiser ended."""

    best: Evaluation
    status: CalibrationStatus
    sentence: str
    iterations: int
    history: tuple[HistoryRow, ...]


class Journal:
    """Collects the history of a run and tells whoever listens."""

    def __init__(self, progress: Progress | None) -> None:
        self.rows: list[HistoryRow] = []
        self._progress = progress
        self._began = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Seconds since the run began."""
        return time.perf_counter() - self._began

    def add(self, iteration: int, at: Evaluation) -> None:
        """Record one iteration."""
        row = HistoryRow(
            iteration=iteration,
            seconds=self.seconds,
            loss=at.loss,
            term_names=tuple(at.terms),
            term_values=tuple(at.terms.values()),
        )
        self.rows.append(row)
        if self._progress is not None:
            self._progress(row)


def clamp_to_bounds(z: Tensor) -> Tensor:
    """Return z inside its bounds."""
    return z.clamp(0.0, 1.0)
