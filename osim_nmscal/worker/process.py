"""Calls a function in a new Python process, within limits of time and memory, and brings back what came of it.

A library written in C can end with a segmentation fault, hang, or ask for all memory; only a process of its own keeps that away
from the user's session. `subprocess` instead of `multiprocessing`: scripts need no `if __name__ == "__main__"`, and torch's threads
are never forked. Job and outcome are pickles in a temporary folder (see `folder`), which is the process's working directory.

No orphans: the process ends when its parent does, however that ends. On Linux the kernel sees to it at once; elsewhere a thread
watches a pipe that closes with the parent, which takes effect when the library next lets Python run. Whatever ends the parent's
waiting (Ctrl-C, an exception made of SIGTERM) kills the process; `stop_all` kills what other threads wait for (see `threads`).
"""

import logging
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from osim_nmscal.errors import NmscalError
from osim_nmscal.worker import kept
from osim_nmscal.worker.folder import job_folder

R = TypeVar("R")
Kind = Literal["crash", "time", "memory", "disk", "system", "exception"]

# One after the other in the job folder: what to do, and what came of it.
JOB, OUTCOME, LOG = "job.pickle", "outcome.pickle", "output.log"
# How the process ends if its outcome could not be written as the disk was full. Source: choice; Python itself uses 1 and 2.
NO_SPACE = 28
# A library that fails with less space than this on the disk, bytes, has most likely failed for that. Source: choice.
LEAST_SPACE = 2**20

_running: set["subprocess.Popen[bytes]"] = set()


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a job may use; None is no limit."""

    seconds: float | None = None
    # Bytes of address space beyond what the process has when the job begins. The system keeps to it on Linux only: Windows has no
    # such limit without a library of its own, and macOS ignores it; there the time is limited alone.
    memory: int | None = None


class WorkerError(NmscalError, RuntimeError):
    """A job in a process of its own did not come to its end; the text is half a sentence that says why."""

    def __init__(self, kind: Kind, reason: str, log: str = "") -> None:
        super().__init__(reason)
        self.kind = kind
        self.log = log  # what the process printed


@dataclass(frozen=True, kw_only=True)
class Job:
    """What lies in the job folder; the call itself is pickled within, so that limits hold while it is read."""

    call: bytes  # (function, arguments)
    memory: int | None
    parent: int  # process id


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of it: a value, an error of this package, or the sentence of another error."""

    value: Any = None
    error: NmscalError | None = None
    failure: tuple[Kind, str] | None = None
    warnings: tuple[tuple[str, str], ...] = ()  # (logger, text), said again in the parent


def call(function: Callable[..., R], *args: Any, limits: Limits | None = None, log: Path | None = None, follows: str = "") -> R:
    """Call a module-level function in a process of its own whose working directory is temporary, and return its result.

    Args:
        function: importable by name.
        args: picklable; paths must be absolute.
        limits: of time and memory; default none.
        log: file that gets everything the process prints; its folder is made, an earlier log replaced. Default: kept in the error only.
        follows: within `kept.kept_processes`, the job may follow others of the same text in one process; not if memory is limited.

    Returns:
        What the function returned. Warnings that it logged inside this package are logged here again.

    Raises:
        NmscalError: the function raised one; passed on as it is.
        WorkerError: anything else that kept it from returning; the text completes "... failed: ".
    """
    limits = limits or Limits()
    try:
        with job_folder() as folder:
            job = Job(call=pickle.dumps((function, args)), memory=limits.memory, parent=os.getpid())
            (folder / JOB).write_bytes(pickle.dumps(job))
            output = log or folder / LOG
            output.parent.mkdir(parents=True, exist_ok=True)
            with output.open("wb") as stream:
                if follows and kept.may_keep() and limits.memory is None:
                    code = _run_kept(folder, output.absolute(), limits, follows)
                else:
                    code = _run(folder, stream.fileno(), limits)
            said = output.read_text(encoding="utf-8", errors="replace")
            if code != 0:
                full = next((place for place in (folder, output.parent) if shutil.disk_usage(place).free < LEAST_SPACE), None)
                kind, reason = _reason(code, said, limits) if full is None else ("disk", f"the disk is full ({full}): make room.")
                raise WorkerError(kind, reason, log=said)
            outcome: Outcome = pickle.loads((folder / OUTCOME).read_bytes())
    except OSError as error:
        raise WorkerError(*system_failure(error)) from error
    for logger, text in outcome.warnings:
        logging.getLogger(logger).warning("%s", text)
    if outcome.error is not None:
        raise outcome.error
    if outcome.failure is not None:
        raise WorkerError(*outcome.failure, log=said)
    result: R = outcome.value
    return result


def stop_all() -> None:
    """Kill every process that a thread of this one waits for; the waiting calls end with a WorkerError.

    For the main thread, when it is told to end (Ctrl-C, SIGTERM) while others work.
    """
    for process in tuple(_running):
        with suppress(OSError):
            process.kill()


def system_failure(error: OSError) -> tuple[Kind, str]:
    """Return kind and half-sentence of what the system refused: a full disk above all."""
    where = f" ({error.filename})" if error.filename else ""
    if is_disk_full(error):
        return "disk", f"the disk is full{where}: make room and run again."
    return "system", f"the system refused it: {error.strerror or error}{where}."


def is_disk_full(error: OSError) -> bool:
    """Tell whether an error means that a disk or a quota is exhausted."""
    import errno

    return error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)) or getattr(error, "winerror", None) == 112


def _run(folder: Path, output: int, limits: Limits) -> int | Literal["time"]:
    """Start the process, wait for it, and return its exit code; whatever ends the waiting ends the process."""
    command = [sys.executable, "-m", "osim_nmscal.worker.other_end", str(folder)]
    reading, writing = os.pipe()  # held open as long as this process lives: see other_end._follow_parent
    try:
        process = subprocess.Popen(
            command, cwd=folder, env=_environment(), stdin=reading, stdout=output, stderr=subprocess.STDOUT, close_fds=True
        )
        _running.add(process)
        try:
            return process.wait(limits.seconds)
        except subprocess.TimeoutExpired:
            return "time"
        finally:
            if process.returncode is None:
                process.kill()
                process.wait()
            _running.discard(process)
    finally:
        os.close(reading)
        os.close(writing)


def _run_kept(folder: Path, output: Path, limits: Limits, follows: str) -> int | Literal["time"]:
    """Let a process that has done such a job do this one, too; return 0 or its exit code. Whatever ends the waiting ends it."""
    one, code = kept.take(follows, _environment()), None
    _running.add(one.process)
    try:
        code = one.do(folder, output, limits.seconds)
        return code
    finally:
        _running.discard(one.process)
        if code == 0:
            kept.give_back(follows, one)
        else:
            one.end()


def _environment() -> dict[str, str]:
    paths = (os.path.abspath(path or os.getcwd()) for path in sys.path)
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def _reason(code: int | Literal["time"], said: str, limits: Limits) -> tuple[Kind, str]:
    if code == "time":
        return "time", f"it did not end within {limits.seconds:.0f} s and was stopped."
    if code == NO_SPACE:
        return "disk", "the disk is full: make room and run again."
    if "bad_alloc" in said or "MemoryError" in said:
        return "memory", f"it asked for more memory than {_limit_of_memory(limits)}."
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        return "crash", f"it crashed ({name})."
    if code == 1 and (last := _last_error(said)):
        return "exception", last
    return "crash", f"it ended with exit code {code}."


def _limit_of_memory(limits: Limits) -> str:
    return f"the {limits.memory / 2**30:.2g} GiB it may use" if limits.memory else "there is"


def _last_error(said: str) -> str:
    """Return the last line of a traceback, which is what it says."""
    errors = [line for line in said.splitlines() if re.match(r"[\w.]*(Error|Exception)\b:", line)]
    return errors[-1].removeprefix("RuntimeError: ").strip() if errors else ""
