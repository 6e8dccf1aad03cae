"""Which stages of a results folder are still up to date.

A stage is identified by a digest over its settings, the code behind it and the contents of every file it reads. `stages.json`
in the results folder keeps, per stage, that digest and the digests of the files it wrote: a stage is current when both still
hold, so editing an input, a setting or a result by hand makes it run again. Modification times are never trusted.
"""

import hashlib
import json
import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from osim_nmscal.errors import FileFormatError
from osim_nmscal.formats.text_files import write_text_atomically

RECORD_FILE = "stages.json"


@dataclass(frozen=True, kw_only=True)
class StageRecord:
    """What a finished stage left behind."""

    key: str  # digest of everything the stage depends on
    seconds: float  # s, of the run that wrote the files
    outputs: Mapping[str, str]  # path relative to the results folder -> sha256
    summary: Mapping[str, Any] = field(default_factory=dict)  # what the stage reported, JSON


def file_digest(path: Path) -> str:
    """Return the sha256 of a file's contents; a missing file is an error that names it."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise FileFormatError(f"{path} cannot be read ({error.strerror or error}); correct the path or restore the file.") from error


def stage_key(name: str, settings: Mapping[str, Any], inputs: Iterable[Path], *, version: str) -> str:
    """Return the digest that identifies one run of a stage.

    Args:
        name: stage, with its recording if it has one.
        settings: everything but files that changes the result; JSON after `default=str`.
        inputs: files and folders read; folders count with every file directly inside. Their contents count, not their names.
        version: of the code behind the stage.
    """
    files = [file_digest(file) for path in inputs for file in _files(path)]
    text = json.dumps({"stage": name, "settings": settings, "files": files, "version": version}, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _files(path: Path) -> list[Path]:
    return sorted(file for file in path.iterdir() if file.is_file()) if path.is_dir() else [path]


class StageCache:
    """The records of one results folder; safe to use from several threads of one process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._records = self._read()

    def current(self, name: str, key: str) -> StageRecord | None:
        """Return the stage's record when its inputs are unchanged and its files are still as it wrote them, else None."""
        record = self._records.get(name)
        if record is None or record.key != key:
            return None
        paths = {self.folder / relative: digest for relative, digest in record.outputs.items()}
        intact = all(path.is_file() and file_digest(path) == digest for path, digest in paths.items())
        return record if intact else None

    def store(self, name: str, key: str, outputs: Iterable[Path], *, seconds: float, summary: Mapping[str, Any]) -> StageRecord:
        """Remember a finished stage and the files it wrote inside the results folder."""
        digests = {path.relative_to(self.folder).as_posix(): file_digest(path) for path in outputs}
        record = StageRecord(key=key, seconds=seconds, outputs=digests, summary=dict(summary))
        with self._lock:
            self._records[name] = record
            self._write()
        return record

    def forget(self, name: str) -> None:
        """Drop a stage's record, so that it counts as never run."""
        with self._lock:
            if self._records.pop(name, None) is not None:
                self._write()

    def _read(self) -> dict[str, StageRecord]:
        try:
            stored = json.loads((self.folder / RECORD_FILE).read_text(encoding="utf-8"))
            return {name: StageRecord(**record) for name, record in stored.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}  # absent or damaged records only cost a re-run

    def _write(self) -> None:
        write_text_atomically(
            self.folder / RECORD_FILE, json.dumps({name: asdict(record) for name, record in self._records.items()}, indent=1)
        )
