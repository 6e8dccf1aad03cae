"""Several jobs at the same time, each a thread that waits for a process of its own; a session that is told to end does not wait."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

from osim_nmscal.worker.process import stop_all

T = TypeVar("T")
R = TypeVar("R")


def in_threads(work: Callable[[T], R], items: Iterable[T], jobs: int) -> list[R]:
    """Do something for every item, some at the same time, and return what came of each, in order.

    Args:
        work: called in another thread; what takes long it does by `process.call`.
        items: each an argument of `work`.
        jobs: at most so many at the same time.

    Raises:
        Exception: the first one, by order of items; no further item is begun, and those at work have ended by then.
        BaseException: the session was told to end (Ctrl-C, SIGTERM turned into an exception): no further item is begun, processes at
            work are killed.
    """
    with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
        futures = [pool.submit(work, item) for item in items]
        try:
            return [future.result() for future in futures]
        except Exception:
            for future in futures:
                future.cancel()
            raise
        except BaseException:
            for future in futures:
                future.cancel()
            while wait(futures, timeout=0.1).not_done:  # one may have been about to start its process
                stop_all()
            raise
