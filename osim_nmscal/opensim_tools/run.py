"""Runs OpenSim in a process of its own: a crash becomes an error, and its log a file.

OpenSim 4.6 can end with a segmentation fault (a setup file it does not understand, a swallowed `<defaults>`), writes
`opensim.log` and results into the working directory, and logs to file descriptor 1. So every call gets a fresh Python
process, whose working directory is a temporary folder and whose output is the log file.

Departure from "reuse workers": each call starts a new process (about 0.7 s). OpenSim keeps the `<defaults>` of one model for
the next one loaded in the same process, so a worker is only safe for one model. And `subprocess` instead of `multiprocessing`:
scripts need no `if __name__ == "__main__"`, and torch's threads are never forked.
"""

import os
import pickle
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from osim_nmscal.errors import NmscalError, OpenSimToolError

R = TypeVar("R")

# Lines of OpenSim's log that an error quotes. Source: choice; OpenSim's exceptions print four lines.
QUOTED_LINES = 12
# What OpenSim says for every bone picture it does not find; it would push the reason of a failure out of sight.
NOISE = re.compile(r"Couldn't find file|ModelVisualizer|\.(vtp|stl|obj)\b", re.IGNORECASE)

# One after the other in the job folder: what to do, and what came of it.
JOB, OUTCOME = "job.pickle", "outcome.pickle"


def in_worker(function: Callable[..., R], *args: Any, log: Path, doing: str = "") -> R:
    """Call a module-level function in a new process whose working directory is temporary, and return its result.

    Args:
        function: importable by name; it may import opensim.
        args: picklable; paths must be absolute.
        log: file that gets everything OpenSim prints; its folder is made, an earlier log replaced.
        doing: what is being done to which files, for the message, e.g. "inverse kinematics of run.trc".

    Returns:
        What the function returned.

    Raises:
        NmscalError: the function raised one; passed on as it is.
        OpenSimToolError: any other exception, or a crash; quotes the end of the log.
    """
    log = Path(log).absolute()
    log.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="osim_nmscal_") as folder:
        Path(folder, JOB).write_bytes(pickle.dumps((function, args)))
        with log.open("wb") as stream:
            command = [sys.executable, "-m", "osim_nmscal.opensim_tools.worker", folder]
            code = subprocess.run(
                command, cwd=folder, env=_environment(), stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT
            ).returncode
        outcome = _outcome(Path(folder, OUTCOME)) if code == 0 else None
    if isinstance(outcome, NmscalError):
        raise outcome
    if outcome is None:
        raise OpenSimToolError(f"OpenSim failed in {doing or function.__name__}: {_reason(code, log)}\n{quoted_log(log)}")
    result: R = outcome[0]
    return result


def quoted_log(log: Path) -> str:
    """Return the end of an OpenSim log, without the complaints about missing bone pictures, for an error text."""
    if not log.exists():
        return f"There is no log {log}."
    lines = [line.rstrip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    lines = [line for line in lines if line.strip() and not NOISE.search(line)]
    if not lines:
        return f"OpenSim's log {log} is empty."
    return f"OpenSim's log ({log}) ends with:\n" + "\n".join(f"  | {line[:300]}" for line in lines[-QUOTED_LINES:])


def temporary_folder() -> Path:
    """Return the worker's own folder, where OpenSim may write what nobody keeps."""
    return Path.cwd()


def _environment() -> dict[str, str]:
    paths: Iterator[str] = (path or os.getcwd() for path in sys.path)
    return {**os.environ, "PYTHONPATH": os.pathsep.join(os.path.abspath(path) for path in paths)}


def _outcome(path: Path) -> Any:
    """Return what the worker left: the function's result in a tuple, or an error of this package."""
    return pickle.loads(path.read_bytes())


def _reason(code: int, log: Path) -> str:
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        return f"it crashed ({name})."
    if code > 1:
        return f"it ended with exit code {code}."
    text = log.read_text(encoding="utf-8", errors="replace").strip()
    errors = [line for line in text.splitlines() if re.match(r"[\w.]*(Error|Exception)\b:", line)]
    last = errors[-1] if errors else "it said nothing."
    return last.removeprefix("RuntimeError: ").strip()
