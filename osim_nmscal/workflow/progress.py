"""What a run tells while it goes on, and how the work of a stage says where it is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Progress:
    """One thing that happened; what a progress callback gets.

    Example:
        >>> def tell(progress: Progress) -> None:
        ...     print(f"{progress.stage}: {progress.state} {progress.seconds:.1f} s")
        ...
        >>> tell(Progress(stage="emg", state="done", seconds=1.25))
        emg: done 1.2 s
    """

    stage: str
    state: Literal["started", "cached", "done", "iteration", "finding"]
    recording: str = ""
    seconds: float = 0.0
    text: str = ""  # the finding, or a summary
    done: float = 0.0  # share of the work that is done, 0 to 1; 0 where it is not known


ProgressCallback = Callable[[Progress], None]

# Told (sentence, seconds) by the work that runs in this thread.
_listener: ContextVar[Callable[[str, float], None] | None] = ContextVar("listener", default=None)
# How many things the work in this thread may do at the same time; that never changes what it makes.
_jobs: ContextVar[int] = ContextVar("jobs", default=1)


def say(text: str, seconds: float) -> None:
    """Tell where the work of the stage that runs in this thread is; it never changes what the work makes.

    Args:
        text: e.g. the iteration and its loss.
        seconds: since the work began.
    """
    listener = _listener.get()
    if listener is not None:
        listener(text, seconds)


def jobs() -> int:
    """Return how many things the work in this thread may do at the same time."""
    return _jobs.get()


@contextmanager
def listening(listener: Callable[[str, float], None] | None, jobs: int) -> Iterator[None]:
    """Hear what the work in this thread says, and tell it how many things it may do at the same time."""
    tokens = _listener.set(listener), _jobs.set(jobs)
    try:
        yield
    finally:
        _listener.reset(tokens[0])
        _jobs.reset(tokens[1])
