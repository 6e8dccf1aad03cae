"""One folder, one run: a lock that the operating system takes back when its process dies, and who holds it."""

import json
import os
import platform
from datetime import datetime
from pathlib import Path
from types import TracebackType

from filelock import FileLock, Timeout

from osim_nmscal.errors import ConfigError
from osim_nmscal.workflow.records import HOLDER_FILE, LOCK_FILE


class FolderLock:
    """Holds a results folder for one run; a context manager.

    Raises:
        ConfigError: another run holds it, or the folder cannot be written to.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = FileLock(root / LOCK_FILE, timeout=0)

    def __enter__(self) -> "FolderLock":
        try:
            self._lock.acquire()
            holder = {"pid": os.getpid(), "host": platform.node(), "since": datetime.now().isoformat(" ", "seconds")}
            (self._root / HOLDER_FILE).write_text(json.dumps(holder), encoding="utf-8")
        except Timeout:
            raise ConfigError(
                f"{self._root} is in use by another run{self._holder()}; wait for it, or give another folder (--out)."
            ) from None
        except (OSError, NotImplementedError) as error:
            self._lock.release()
            reason = getattr(error, "strerror", None) or error
            raise ConfigError(f"The results folder {self._root} cannot be written to ({reason}); give another folder (--out).") from error
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        (self._root / HOLDER_FILE).unlink(missing_ok=True)
        self._lock.release()

    def _holder(self) -> str:
        try:
            stored = json.loads((self._root / HOLDER_FILE).read_text(encoding="utf-8"))
            return f" (process {stored['pid']} on {stored['host']}, since {stored['since']})"
        except (OSError, ValueError, KeyError, TypeError):
            return ""
