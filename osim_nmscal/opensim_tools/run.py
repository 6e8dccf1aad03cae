"""Runs OpenSim in a process of its own: a crash becomes an error, and its log a file.

OpenSim 4.6 can end with a segmentation fault (a setup file it does not understand, a swallowed `<defaults>`), writes
`opensim.log` and results into the working directory, and logs to file descriptor 1. So every call gets a fresh Python
process, whose working directory is a temporary folder and whose output is the log file (see `worker`).

A process start with OpenSim takes about 0.7 s. OpenSim keeps the `<defaults>` of one model for the next one loaded in the same
process, so a process is only safe for one model: within `worker.kept.kept_processes` calls that open the same model, to the byte,
share one, each with its folder and log. What a worker itself does `in_worker` is done there and then (see `recording`).
"""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from osim_nmscal.errors import FileFormatError, OpenSimToolError
from osim_nmscal.worker.process import Limits, WorkerError, call

R = TypeVar("R")

# Whether this process is a worker; set once, at its start.
_is_worker = False

# Lines of OpenSim's log that an error quotes. Source: choice; OpenSim's exceptions print four lines.
QUOTED_LINES = 12
# What OpenSim says for every bone picture it does not find; it would push the reason of a failure out of sight.
NOISE = re.compile(r"Couldn't find file|ModelVisualizer|\.(vtp|stl|obj)\b", re.IGNORECASE)


def in_worker(
    function: Callable[..., R], *args: Any, log: Path, doing: str = "", limits: Limits | None = None, model: Path | None = None
) -> R:
    """Call a module-level function in a process of its own whose working directory is temporary, and return its result.

    Args:
        function: importable by name; it may import opensim.
        args: picklable; paths must be absolute.
        log: file that gets everything OpenSim prints; its folder is made, an earlier log replaced. In a worker: its own log.
        doing: what is being done to which files, for the message, e.g. "inverse kinematics of run.trc".
        limits: of time and memory; default none.
        model: the one model that the function opens, if it opens no other: calls with the same model may share a process.

    Returns:
        What the function returned.

    Raises:
        NmscalError: the function raised one; passed on as it is.
        FileFormatError: the disk is full, or the system refuses a process or a file.
        OpenSimToolError: any other exception, a crash or a limit; quotes the end of the log.
    """
    if _is_worker:
        return function(*args)
    log = Path(log).absolute()
    try:
        return call(_quietly, function, args, log=log, limits=limits, follows=_same_model(model))
    except WorkerError as error:
        what = doing or function.__name__
        if error.kind in ("disk", "system"):  # not OpenSim's fault, and the user's to mend
            raise FileFormatError(f"{what[:1].upper()}{what[1:]} stopped: {error}") from None
        raise OpenSimToolError(f"OpenSim failed in {what}: {error}\n{quoted_log(log)}") from None


def _same_model(model: Path | None) -> str:
    """Name what is in a model file; nothing where it cannot be read, as whoever opens it will say."""
    if model is None or not model.is_file():
        return ""
    return f"opensim {hashlib.sha256(model.read_bytes()).hexdigest()}"


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


def _quietly(function: Callable[..., R], args: tuple[Any, ...]) -> R:
    import opensim

    global _is_worker  # of this process, which does one job and ends
    _is_worker = True
    opensim.Logger.removeFileSink()  # otherwise it appends to opensim.log in the working directory
    return function(*args)
