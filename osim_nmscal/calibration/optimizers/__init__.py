"""Optimisers over one loss and one scaled parameter vector (each entry 0 to 1).

An optimiser is any callable with the signature of `Optimizer`; the built-in ones are named in `named.py`.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from osim_nmscal.calibration.hessians import Hessian
from osim_nmscal.data.results import CalibrationStatus, HistoryRow, StartRow

# Called after every iteration; may raise KeyboardInterrupt to stop with the best so far.
Progress = Callable[[HistoryRow], None]


class Evaluated(Protocol):
    """A loss at one vector."""

    @property
    def z(self) -> Tensor:
        """Where, (parameter,)."""
        ...

    @property
    def loss(self) -> float:
        """Sum of the terms."""
        ...

    @property
    def terms(self) -> dict[str, float]:
        """The loss by term."""
        ...


class Linearized(Protocol):
    """A loss linearised at one vector."""

    @property
    def gradient(self) -> Tensor:
        """Gradient of loss / 2, (parameter,)."""
        ...

    @property
    def hessian(self) -> Hessian:
        """Gauss-Newton Hessian of loss / 2."""
        ...


class Loss(Protocol):
    """What an optimiser minimises: `Objective`, or the synergy-hybrid one with more unknowns."""

    def evaluate(self, z: Tensor, warm: Any = None) -> Any:
        """Return an `Evaluated` at z, each entry 0 to 1; warm: where to start from, as of `warm_start`.

        Raises:
            FiberDynamicsError: a fiber has no equilibrium there.
        """
        ...

    def linearize(self, at: Any) -> Any:
        """Return the `Linearized` at an evaluation."""
        ...

    def gradient(self, at: Any) -> Tensor:
        """Return the gradient of loss / 2 at an evaluation, (parameter,)."""
        ...

    def warm_start(self, at: Any, linear: Any = None, step: Tensor | None = None) -> Any:
        """Return what makes an evaluation near another, or a step away from its linearization, quick."""
        ...


@dataclass(frozen=True)
class Minimum:
    """Where an optimiser ended."""

    best: Any  # an `Evaluated` of the loss
    status: CalibrationStatus
    sentence: str
    iterations: int
    history: tuple[HistoryRow, ...]
    starts: tuple[StartRow, ...] = ()  # of several searches, filled in by `starts.best_of_starts`


class Optimizer(Protocol):
    """Minimises a loss from a start: a function or an object, a user's own or one of ours with its settings bound.

    Example:
        >>> from osim_nmscal.calibration.optimizers import Journal, Minimum
        >>> def stay(loss, start, *, progress=None):
        ...     journal, best = Journal(progress, limit=1), loss.evaluate(start)
        ...     journal.add(0, best)
        ...     return Minimum(best=best, status="iterations", sentence="Nothing was tried.", iterations=0, history=tuple(journal.rows))
        ...
        >>> calibrate(trials, muscles, optimizer=stay).sentence
        'Nothing was tried.'
    """

    def __call__(self, loss: Loss, start: Tensor, *, progress: Progress | None = None) -> Minimum:
        """Return where it ended.

        Args:
            loss: to be evaluated, and differentiated if need be.
            start: (parameter,), each 0 to 1; what is returned must lie there, too.
            progress: to be told after every iteration (see `Journal`); Ctrl-C ends the run with the best so far.
        """
        ...


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

    def add(self, iteration: int, at: Evaluated, rate: float = 0.0) -> None:
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
