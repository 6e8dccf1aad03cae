"""Processes that stay for the next job, so that what loads slowly is loaded once for several.

Only within `kept_processes`, and only for jobs that say by a key which of them may follow each other in one process. Each job has its
folder and its log as if it were alone; what ends the process ends this job, and the next gets another. They end with the block, or
with their parent (see `process`). Linux counts as the parent the thread that started a process: a thread that stays starts them.
"""

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

# After so many jobs a process ends, so that what a library forgets to give back does not pile up. Source: choice.
MOST_JOBS = 12
# How often a waiting thread looks whether it was told to end, s.
_LOOK = 0.5

_starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="worker_starter")
_lock = threading.Lock()
_idle: dict[str, list["KeptProcess"]] = {}
_blocks: list[object] = []  # one for each block that is open


class KeptProcess:
    """One process and what it answers."""

    def __init__(self, environment: dict[str, str]) -> None:
        command = [sys.executable, "-m", "osim_nmscal.worker.other_end", "--parent", str(os.getpid())]
        self.process = _starter.submit(
            subprocess.Popen, command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=True
        ).result()
        self.jobs = 0
        self._answers: queue.SimpleQueue[bool] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for _ in self.process.stdout:
            self._answers.put(True)
        self._answers.put(False)  # it has ended

    def do(self, folder: Path, log: Path, seconds: float | None) -> int | Literal["time"]:
        """Do the job that lies in a folder; return 0, or how the process ended."""
        assert self.process.stdin is not None
        self.jobs += 1
        end = None if seconds is None else time.monotonic() + seconds
        with suppress(OSError):  # it has ended already
            self.process.stdin.write(json.dumps([str(folder), str(log)]).encode() + b"\n")
            self.process.stdin.flush()
        while True:
            left = _LOOK if end is None else min(_LOOK, end - time.monotonic())
            try:
                answered = self._answers.get(timeout=max(left, 0.0))
            except queue.Empty:
                if end is not None and time.monotonic() >= end:
                    return "time"
                continue
            return 0 if answered else (self.process.wait() or 1)

    def end(self) -> None:
        """End the process, whatever it does."""
        with suppress(OSError):
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()


@contextmanager
def kept_processes() -> Iterator[None]:
    """Keep processes for the next job within the block; the last block that ends ends them."""
    block = object()
    with _lock:
        _blocks.append(block)
    try:
        yield
    finally:
        with _lock:
            _blocks.remove(block)
            left = [] if _blocks else [one for kept in _idle.values() for one in kept]
            if not _blocks:
                _idle.clear()
        for one in left:
            one.end()


def may_keep() -> bool:
    """Tell whether a block is open."""
    return bool(_blocks)


def take(key: str, environment: dict[str, str]) -> KeptProcess:
    """Return a process for a job with this key; idle ones of other keys end, as their time is over."""
    with _lock:
        mine = _idle.pop(key, [])
        others = [one for kept in _idle.values() for one in kept]
        _idle.clear()
        if mine:
            _idle[key] = mine[1:]
    for one in others:
        one.end()
    return mine[0] if mine else KeptProcess(environment)


def give_back(key: str, one: KeptProcess) -> None:
    """Keep a process whose job has ended well, if anybody may still want it."""
    with _lock:
        keep = bool(_blocks) and one.jobs < MOST_JOBS
        if keep:
            _idle.setdefault(key, []).append(one)
    if not keep:
        one.end()
