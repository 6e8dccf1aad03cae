"""The temporary folder of a job, and what is left of those whose owner was killed.

A folder's name tells its owner: `osim_nmscal_<machine>_<process id>_<random>`, so that no moment is without it. `<machine>` stands for
the host and, on Linux, the process namespace: in a container that shares the temporary folder, another process has this id.
"""

import hashlib
import os
import platform
import re
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "osim_nmscal_"
_OWNED = re.compile(rf"{PREFIX}([0-9a-f]{{8}})_([0-9]{{1,10}})_\w+")

_cleaned = threading.Event()


@contextmanager
def job_folder() -> Iterator[Path]:
    """Make a temporary folder of this process, and remove it in the end; the first call removes what dead processes left.

    Raises:
        OSError: there is no place for temporary files.
    """
    if not _cleaned.is_set():
        _cleaned.set()
        clean_leftovers()
    with tempfile.TemporaryDirectory(prefix=f"{PREFIX}{_machine()}_{os.getpid()}_", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def clean_leftovers(place: Path | None = None) -> tuple[Path, ...]:
    """Remove the temporary folders whose owner is dead; never those of a living process, of another machine or of unknown owner.

    A process id that was given anew keeps its folder: better a leftover than a loss.

    Args:
        place: where to look; default the system's folder for temporary files.

    Returns:
        What was removed.
    """
    removed = []
    with suppress(OSError):
        for path in sorted(Path(place or tempfile.gettempdir()).glob(f"{PREFIX}*")):
            owner = _OWNED.fullmatch(path.name)
            if owner is None or owner[1] != _machine() or path.is_symlink() or _is_alive(int(owner[2])):
                continue
            shutil.rmtree(path, ignore_errors=True)
            if not path.exists():
                removed.append(path)
    return tuple(removed)


def _machine() -> str:
    namespace = ""
    with suppress(OSError):
        namespace = os.readlink("/proc/self/ns/pid")
    return hashlib.blake2b(f"{platform.node()} {namespace}".encode(), digest_size=4).hexdigest()


def _is_alive(process: int) -> bool:
    """Tell whether a process exists; in doubt it does."""
    if sys.platform == "win32":  # os.kill(process, 0) would end it there
        import ctypes

        query, still_active, denied = 0x1000, 259, 5
        kernel = ctypes.windll.kernel32
        handle = kernel.OpenProcess(query, False, process)
        if not handle:
            return bool(kernel.GetLastError() == denied)
        code = ctypes.c_ulong()
        kernel.GetExitCodeProcess(handle, ctypes.byref(code))
        kernel.CloseHandle(handle)
        return code.value == still_active
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True
