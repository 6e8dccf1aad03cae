"""The other end of `process.call`: a process that does one job, or one after the other, and leaves its outcome in the job's folder.

Started as `python -m osim_nmscal.worker.other_end FOLDER`; or with `--parent PID`, told of folders and logs by lines on its standard
input, and answering each by a line. Errors of this package, of the system (a full disk) and of memory go back
as they are; anything else ends the process with its traceback in the log.
"""

import gc
import json
import logging
import os
import pickle
import queue
import signal
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

from osim_nmscal.errors import NmscalError
from osim_nmscal.worker.process import JOB, NO_SPACE, OUTCOME, Job, Outcome, is_disk_full, system_failure


def main(folder: Path) -> None:
    """Do the job that lies in a folder.

    Args:
        folder: holds the pickled job, gets the pickled outcome.
    """
    job: Job = pickle.loads((folder / JOB).read_bytes())
    _follow_parent(job.parent)
    threading.Thread(target=_end_with_pipe, daemon=True).start()
    _do(job, folder)


def serve(parent: int) -> None:
    """Do one job after the other until the parent ends or closes the pipe.

    Args:
        parent: process id.
    """
    told: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    _follow_parent(parent)
    threading.Thread(target=_hear, args=(told,), daemon=True).start()
    answers = os.dup(1)
    while True:
        folder, log = (Path(text) for text in json.loads(told.get()))
        _print_to(log)
        os.chdir(folder)
        _do(pickle.loads((folder / JOB).read_bytes()), folder)
        os.chdir(tempfile.gettempdir())  # so that the folder can be removed
        _print_to(Path(os.devnull))  # what a library prints between two jobs is no answer
        os.write(answers, b"\n")


def _print_to(file: Path) -> None:
    """Let everything that is printed from here on, by libraries written in C too, end in a file."""
    for said in (sys.stdout, sys.stderr):
        said.flush()
    if sys.platform != "win32":
        import ctypes

        ctypes.CDLL(None).fflush(None)
    with file.open("ab") as stream:
        for output in (1, 2):
            os.dup2(stream.fileno(), output)


def _do(job: Job, folder: Path) -> None:
    try:
        outcome = _outcome(job)
        (folder / OUTCOME).write_bytes(pickle.dumps(outcome, protocol=5))
    except OSError as error:
        if is_disk_full(error):
            sys.exit(NO_SPACE)
        raise


def _outcome(job: Job) -> Outcome:
    warnings = _Warnings()
    logging.getLogger("osim_nmscal").addHandler(warnings)
    try:
        return _called(job, warnings)
    finally:
        logging.getLogger("osim_nmscal").removeHandler(warnings)


def _called(job: Job, warnings: "_Warnings") -> Outcome:
    function, args = pickle.loads(job.call)  # imports what the function needs, which no limit is meant for
    _limit_memory(job.memory)
    try:
        return Outcome(value=function(*args), warnings=tuple(warnings.said))
    except NmscalError as error:
        return Outcome(error=error, warnings=tuple(warnings.said))
    except MemoryError:
        size = f"the {job.memory / 2**30:.2g} GiB it may use" if job.memory else "there is"
        return Outcome(failure=("memory", f"it asked for more memory than {size}."))
    except OSError as error:
        return Outcome(failure=system_failure(error))


class _Warnings(logging.Handler):
    """Keeps what is logged, for the parent to say."""

    def __init__(self) -> None:
        super().__init__(level=logging.WARNING)
        self.said: list[tuple[str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append((record.name, record.getMessage()))


def _limit_memory(more: int | None) -> None:
    """Allow so many bytes of address space beyond what is used now; where the system cannot, there is no limit."""
    if more is None or sys.platform == "win32":
        return
    import resource

    with suppress(OSError, ValueError):
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + more, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _follow_parent(parent: int) -> None:
    """End when the parent ends, however it ends; and at Ctrl-C at once, without a traceback, even inside a library."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if sys.platform == "linux":
        import ctypes

        set_parent_death_signal = 1  # PR_SET_PDEATHSIG
        ctypes.CDLL(None, use_errno=True).prctl(set_parent_death_signal, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it ended before
            os._exit(1)


def _end_with_pipe() -> None:
    """Wait on the pipe that the parent holds open; its end is the parent's end."""
    with suppress(OSError):
        os.read(0, 1)
    os._exit(1)


def _hear(told: "queue.SimpleQueue[bytes]") -> None:
    """Pass on what the parent says; the end of the pipe is the parent's end."""
    with suppress(OSError), os.fdopen(0, "rb", closefd=False) as pipe:
        for line in iter(pipe.readline, b""):
            told.put(line)
    os._exit(1)


# How many objects more there are than after the last search for unused ones before the next begins. Source: measured; libraries that are
# imported make 100,000s, which stay, and Python's own 700 costs a tenth of their time.
COLLECT_AFTER = 100_000

if __name__ == "__main__":
    gc.set_threshold(COLLECT_AFTER)
    if sys.argv[1] == "--parent":
        serve(int(sys.argv[2]))
    else:
        main(Path(sys.argv[1]))
