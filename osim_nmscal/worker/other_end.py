"""The other end of `process.call`: a process that does one job and leaves its outcome in the job's folder.

Started as `python -m osim_nmscal.worker.other_end FOLDER`. Errors of this package, of the system (a full disk) and of memory go back
as they are; anything else ends the process with its traceback in the log.
"""

import logging
import os
import pickle
import signal
import sys
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
    threading.Thread(target=_end_with_pipe, daemon=True).start()


def _end_with_pipe() -> None:
    """Wait on the pipe that the parent holds open; its end is the parent's end."""
    with suppress(OSError):
        os.read(0, 1)
    os._exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
