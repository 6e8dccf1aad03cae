"""Folders in the temporary directory that dead runs left behind; those of living processes and of others are never touched."""

import os
import re
import shutil
import tempfile
from pathlib import Path

# Temporary folders of this package carry the number of the process that made them.
_OURS = re.compile(r"osim_nmscal_(\d+)_.+")


def remove_leftovers() -> None:
    """Remove the temporary folders of processes that no longer live, on systems where that can be told."""
    if os.name != "posix":
        return
    for path in Path(tempfile.gettempdir()).glob("osim_nmscal_*"):
        match = _OURS.fullmatch(path.name)
        try:
            if match and not path.is_symlink() and path.stat().st_uid == os.getuid() and not _is_alive(int(match[1])):
                shutil.rmtree(path, ignore_errors=True)
        except OSError:
            continue  # gone meanwhile, or not ours to look at


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
