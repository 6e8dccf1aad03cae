"""What a results folder says of itself: `results.json` for the published set, `unfinished/stages.json` for a run that has not ended.

Both are written at once and brought to the disk before anything relies on them.
"""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from osim_nmscal.errors import FileFormatError

RECORD_FILE = "results.json"
UNFINISHED = "unfinished"
STAGES_FILE = "stages.json"
LOCK_FILE = ".lock"
HOLDER_FILE = ".lock-holder.json"
FORMAT = 1

State = Literal["complete", "partial", "publishing"]


@dataclass(frozen=True, kw_only=True)
class StageRecord:
    """What a finished task left behind."""

    key: str  # digest of everything it depends on; "" if it must run again next time
    seconds: float  # s, of the run that wrote the files
    files: Mapping[str, str]  # path relative to the folder that holds the record -> sha256
    summary: Mapping[str, Any] = field(default_factory=dict)  # what the work returned, JSON


@dataclass(frozen=True, kw_only=True)
class Journal:
    """What a publication still has to do; each step may be done twice."""

    moves: tuple[str, ...]  # from unfinished/ to the same path of the folder
    removals: Mapping[str, str]  # files of the set before that the new one lacks -> sha256
    kept_aside: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # path -> (new name beside it, sha256)


@dataclass(frozen=True, kw_only=True)
class FolderRecord:
    """The published set of a results folder."""

    state: State
    sentence: str  # the state in words
    configuration: Mapping[str, Any]  # every setting that the set was made with
    source: str  # the configuration file
    inputs: Mapping[str, str]  # path -> sha256 of every file that the workflow read
    files: Mapping[str, str]  # path relative to the folder -> sha256: what the folder owns
    stages: Mapping[str, StageRecord]
    versions: Mapping[str, str]
    journal: Journal | None = None  # while the state is "publishing"
    becomes: State = "complete"  # the state after publishing


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a run ended before its last stage."""

    stage: str  # at work then, or "check"
    kind: Literal["failed", "interrupted"]
    text: str  # why, and what to change; a line for each reason
    findings: tuple[Mapping[str, str], ...] = ()  # what the doctor had said by then


@dataclass
class Pending:
    """What a run that has not ended has finished so far, inside unfinished/."""

    stages: dict[str, StageRecord] = field(default_factory=dict)
    written: dict[str, list[str]] = field(default_factory=dict)  # path -> digests of everything we ever put there
    configuration: Mapping[str, Any] = field(default_factory=dict)  # every setting of the run; empty before its first stage has ended
    ending: Ending | None = None  # None of a run that was killed, or is at work


def read_record(root: Path) -> FolderRecord | None:
    """Read what a results folder publishes; None if it has never published anything.

    Raises:
        FileFormatError: the record is damaged, not ours, or of a newer version.
    """
    document = _read(root / RECORD_FILE)
    if document is None:
        return None
    path = root / RECORD_FILE
    if not isinstance(document, dict) or "format" not in document or "state" not in document:
        raise FileFormatError(f"{path} is no record of a results folder; give another folder (--out), or move the file away.")
    if document["format"] != FORMAT:
        raise FileFormatError(
            f"{path} has format {document['format']}, but this version of osim_nmscal knows {FORMAT}; use the version that made it, or "
            "give another folder (--out)."
        )
    try:
        stages = {label: StageRecord(**stored) for label, stored in document.pop("stages").items()}
        journal = document.pop("journal")
        if journal is not None:
            aside = {path: tuple(one) for path, one in journal["kept_aside"].items()}
            journal = Journal(moves=tuple(journal["moves"]), removals=journal["removals"], kept_aside=aside)
        del document["format"]
        record = FolderRecord(**document, stages=stages, journal=journal)
        _require_inside(path, [*record.files, *(journal.moves if journal else ()), *(journal.removals if journal else ())])
        return record
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise _damaged(path, error) from error


def write_record(root: Path, record: FolderRecord) -> None:
    """Put a record in place, on the disk when this returns."""
    write_durably(root / RECORD_FILE, json.dumps({"format": FORMAT} | asdict(record), indent=1))


def read_pending(root: Path) -> Pending:
    """Read what an unfinished run has finished; nothing if there is none.

    Raises:
        FileFormatError: the record is damaged.
    """
    path = root / UNFINISHED / STAGES_FILE
    document = _read(path)
    if document is None:
        return Pending()
    try:
        stages = {label: StageRecord(**stored) for label, stored in document["stages"].items()}
        written = {name: list(digests) for name, digests in document["written"].items()}
        _require_inside(path, written)
        ending = document.get("ending")
        return Pending(
            stages=stages,
            written=written,
            configuration=document.get("configuration", {}),
            ending=None if ending is None else Ending(**{**ending, "findings": tuple(ending["findings"])}),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise _damaged(path, error) from error


def write_pending(root: Path, pending: Pending) -> None:
    """Put the record of an unfinished run in place, on the disk when this returns."""
    write_durably(root / UNFINISHED / STAGES_FILE, json.dumps({"format": FORMAT} | asdict(pending), indent=1))


def write_durably(path: Path, text: str) -> None:
    """Replace a file at once and wait until it is on the disk; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{secrets.token_hex(4)}.{path.name}")
    try:
        temporary.write_text(text, encoding="utf-8", newline="\n")
        to_disk(temporary)
        os.replace(temporary, path)
        to_disk(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def to_disk(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk; Windows has no such thing for folders."""
    if os.name == "nt" and path.is_dir():
        return
    handle = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except IsADirectoryError as error:
        raise FileFormatError(f"{path} is a folder where a record of results belongs; move it away, or give another folder.") from error
    except OSError as error:
        raise FileFormatError(f"{path} cannot be read ({error.strerror or error}); allow it, or give another folder.") from error
    except (ValueError, RecursionError) as error:
        raise _damaged(path, error) from error


def _require_inside(path: Path, names: Any) -> None:
    """Refuse a record that names files outside its folder: it is not ours to believe."""
    for name in names:
        if not name or Path(name).is_absolute() or ".." in Path(name).parts:
            raise ValueError(f"{name!r} lies outside {path.parent}")


def _damaged(path: Path, error: Exception) -> FileFormatError:
    return FileFormatError(
        f"{path} is damaged ({type(error).__name__}: {str(error)[:200]}), so nobody can tell which files are ours; give another folder "
        "(--out), or move this one away."
    )
