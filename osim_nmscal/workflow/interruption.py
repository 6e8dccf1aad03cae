"""Orderly ends: SIGTERM ends a run as Ctrl-C does, with its own exit code."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from osim_nmscal.errors import FileFormatError
from osim_nmscal.workflow.records import UNFINISHED, read_pending


class Terminated(KeyboardInterrupt):
    """SIGTERM arrived: the system, a queue or another person ends the run."""


# Exit code by convention: 128 + number of the signal.
TERMINATED = 143


_requested = threading.Event()


def what_is_kept(folder: Path) -> str:
    """Say what an interrupted run leaves in its results folder."""
    try:
        finished = read_pending(folder).stages
    except FileFormatError:
        finished = {}
    if not finished:
        return "No stage had finished; earlier results stay as they are."
    return f"Finished stages are kept in {folder / UNFINISHED}, earlier results stay as they are; the same command goes on from there."


def raise_if_terminated() -> None:
    """End the run if SIGTERM arrived while something ended in order that takes any interruption for Ctrl-C."""
    if _requested.is_set():
        raise Terminated


@contextmanager
def terminable() -> Iterator[None]:
    """Turn SIGTERM into `Terminated` while the body runs; only the main thread can hear signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        _requested.set()
        raise Terminated

    _requested.clear()
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
