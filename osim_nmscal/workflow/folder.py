"""A results folder under work: what is published, what is unfinished, and where the current file of each name lies.

No task writes into the visible set. Each works in a folder of its own inside unfinished/; when it has ended, its files go to
unfinished/ and into the record there. `publish` makes everything that this run used the visible set at once.
"""

import json
import os
import secrets
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from osim_nmscal.errors import FileFormatError
from osim_nmscal.provenance.values import file_digest
from osim_nmscal.workflow.publication import (
    PART,
    clear_parts,
    clear_unfinished,
    edited_sentence,
    free_name,
    intact,
    publish,
    roll_forward,
)
from osim_nmscal.workflow.records import (
    UNFINISHED,
    Ending,
    FolderRecord,
    StageRecord,
    State,
    read_pending,
    read_record,
    write_pending,
)


class ResultsPlace:
    """One results folder while a run holds it; safe to use from several threads of that run."""

    def __init__(self, root: Path) -> None:
        """Open a folder that this process has locked, and finish what an interrupted publication left to do."""
        self.root, self.unfinished = root, root / UNFINISHED
        record = read_record(root)
        self.published = roll_forward(root, record) if record is not None else None
        clear_parts(root)
        self._pending = read_pending(root)
        self._used: dict[str, StageRecord] = {}
        self._base: dict[str, Path] = {}
        self._lock = threading.Lock()
        self.findings: list[str] = []  # sentences about files that were in the way

    @property
    def is_complete(self) -> bool:
        """Whether a complete set is published."""
        return self.published is not None and self.published.state == "complete"

    def path(self, relative: str) -> Path:
        """Return where the file of this name lies that this run has made or found current."""
        return self._base.get(relative, self.unfinished) / relative

    def current(self, label: str, key: str) -> StageRecord | None:
        """Return a task's record when its key is unchanged and its files are as it wrote them, else None."""
        published = self.published.stages if self.published else {}
        for base, stages in ((self.unfinished, self._pending.stages), (self.root, published)):
            record = stages.get(label)
            if record is not None and record.key == key and intact(base, record.files):
                self._use(label, record, base)
                return record
        return None

    def begin(self, configuration: Mapping[str, Any]) -> None:
        """Take in the settings of this run; they are kept with its first finished task, or with its end."""
        self._pending.configuration, self._pending.ending = configuration, None

    def end_early(self, ending: Ending) -> None:
        """Keep how a run ended before its last stage."""
        with self._lock:
            self._pending.ending = ending
            write_pending(self.root, self._pending)

    @contextmanager
    def part(self, label: str) -> Iterator[Path]:
        """Give a task a new folder to write to; what is left in it at the end is removed."""
        folder = self.unfinished / f"{PART}{label.replace('/', '-')}-{os.getpid()}-{secrets.token_hex(4)}"
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def keep(self, label: str, key: str, part: Path, *, seconds: float, summary: Mapping[str, Any]) -> StageRecord:
        """Record a finished task and put its files into unfinished/.

        The record comes first: a crash between the two leaves files that are not as recorded, so that the task runs again.
        """
        files = _digests(part)
        record = StageRecord(key=key, seconds=seconds, files=files, summary=dict(summary))
        with self._lock:
            self._make_way(files)
            self._pending.stages[label] = record
            self._write(files)
        self._move(part, files)
        self._use(label, record, self.unfinished)
        return record

    def keep_logs(self, part: Path) -> None:
        """Keep the logs of a task that failed: the error quotes them."""
        self.leave(part, ".log")

    def leave(self, part: Path, suffix: str) -> None:
        """Put files into unfinished/ that belong to no finished task.

        Args:
            part: where they were written.
            suffix: of their names.
        """
        files = {path: digest for path, digest in _digests(part).items() if path.endswith(suffix)}
        if files:
            with self._lock:
                self._make_way(files)
                self._write(files)
            self._move(part, files)

    def as_published(self, text: str, part: Path) -> str:
        """Rewrite the paths in a sentence as they will be when the results are published."""
        return text.replace(str(part), str(self.root)).replace(str(self.unfinished), str(self.root))

    def as_unfinished(self, text: str, part: Path) -> str:
        """Rewrite the paths in a sentence as they are after the work has ended without success."""
        return text.replace(str(part), str(self.unfinished))

    @property
    def used(self) -> Mapping[str, StageRecord]:
        """The records of the tasks that this run has made or found current."""
        return dict(self._used)

    def publish(self, record: FolderRecord) -> bool:
        """Make everything that this run used the visible set.

        Args:
            record: state, sentence, configuration, inputs and versions; files and stages come from here.

        Returns:
            Whether anything had to change.

        Raises:
            ConfigError: a file cannot be replaced.
        """
        files = {path: digest for used in self._used.values() for path, digest in used.files.items()}
        moves = [path for path in files if self._base.get(path) == self.unfinished]
        record = replace(record, files=files, stages=dict(self._used))
        if not moves and self.published is not None and _as_json(self.published) == _as_json(record):
            clear_unfinished(self.root)
            return False
        self.findings += publish(self.root, record, self.published, moves)
        self.published = record
        self._base = dict.fromkeys(files, self.root)
        return True

    def _use(self, label: str, record: StageRecord, base: Path) -> None:
        with self._lock:
            self._used[label] = record
            self._base |= dict.fromkeys(record.files, base)

    def _make_way(self, files: Mapping[str, str]) -> None:
        """Keep what somebody else put where these files go under another name."""
        for relative in files:
            path = self.unfinished / relative
            if path.is_file() and file_digest(path) not in self._pending.written.get(relative, ()):
                kept = free_name(self.root / relative)
                kept.parent.mkdir(parents=True, exist_ok=True)
                path.rename(kept)
                self.findings.append(edited_sentence(path, str(kept)))

    def _write(self, files: Mapping[str, str]) -> None:
        for relative, digest in files.items():
            known = self._pending.written.setdefault(relative, [])
            if digest not in known:
                known.append(digest)
        write_pending(self.root, self._pending)

    def _move(self, part: Path, files: Mapping[str, str]) -> None:
        for relative in files:
            target = self.unfinished / relative
            if target.is_dir():
                raise FileFormatError(f"{target} is a folder where a results file belongs; move it away.")
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(part / relative, target)


def new_record(
    state: State, sentence: str, *, configuration: Mapping[str, Any], source: Path, inputs: Mapping[str, str], versions: Mapping[str, str]
) -> FolderRecord:
    """Return the record of a set whose files and stages `publish` fills in."""
    return FolderRecord(
        state=state,
        sentence=sentence,
        configuration=configuration,
        source=str(source),
        inputs=inputs,
        files={},
        stages={},
        versions=versions,
    )


def _as_json(record: FolderRecord) -> str:
    return json.dumps(asdict(record), sort_keys=True)


def _digests(folder: Path) -> dict[str, str]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): file_digest(path) for path in paths}
