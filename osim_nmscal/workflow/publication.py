"""How a complete set of results takes the place of the one before: by a journal that any later run can carry on.

Everything new lies finished in unfinished/. The record then says "publishing" and lists what is left to do: names to keep, files
to move, files to remove. Each step may be done twice, so whoever opens the folder after a crash does them again from the start and
ends at the new set; before the journal stands, the old set is untouched.
"""

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from osim_nmscal.errors import ConfigError
from osim_nmscal.provenance.values import file_digest
from osim_nmscal.workflow.records import (
    STAGES_FILE,
    UNFINISHED,
    FolderRecord,
    Journal,
    read_pending,
    to_disk,
    write_durably,
    write_record,
)

# Where the work of one task goes until it has ended.
PART = ".part-"
# In a folder beside the published set (the electrode study): file -> digests of what a run has put there.
MADE_FILE = "made.json"


def publish(root: Path, record: FolderRecord, before: FolderRecord | None, moves: Iterable[str]) -> tuple[str, ...]:
    """Make a set of results the visible one.

    Args:
        root: the results folder, held by this process.
        record: of the new set.
        before: of the visible set.
        moves: those of its files that lie in unfinished/.

    Returns:
        One sentence for each file of the user's that was in the way and now has another name.

    Raises:
        ConfigError: a file cannot be replaced; the visible set is as it was, or the next run goes on.
    """
    moves = tuple(sorted(moves))
    owned = before.files if before else {}
    removals = {path: digest for path, digest in owned.items() if path not in record.files}
    aside = {}
    for path in (*moves, *removals):
        _require_replaceable(root / path)
        if (root / path).is_file():
            digest = file_digest(root / path)
            if digest not in (owned.get(path), record.files.get(path)):
                aside[path] = (free_name(root / path).name, digest)
    for path in moves:
        to_disk(root / UNFINISHED / path)
    journal = Journal(moves=moves, removals=removals, kept_aside=aside)
    roll_forward(root, write(root, replace(record, state="publishing", becomes=record.state, journal=journal)))
    return tuple(edited_sentence(root / path, name) for path, (name, _) in aside.items())


def write(root: Path, record: FolderRecord) -> FolderRecord:
    """Put a record in place and return it."""
    try:
        write_record(root, record)
    except OSError as error:
        raise ConfigError(
            f"The record of {root} cannot be written ({error.strerror or error}); free some space or allow it, then run the same command "
            "again: the new results are complete and wait in unfinished/."
        ) from error
    return record


def roll_forward(root: Path, record: FolderRecord) -> FolderRecord:
    """Do what the journal of a publication says, or what is left of it, and return the record of the set that is visible then."""
    journal = record.journal
    if record.state != "publishing" or journal is None:
        return record
    path = root
    try:
        for relative, (name, digest) in journal.kept_aside.items():
            path = root / relative
            if path.is_file() and not path.with_name(name).exists() and file_digest(path) == digest:
                path.rename(path.with_name(name))
        for relative in journal.moves:
            path = root / relative
            if (root / UNFINISHED / relative).is_file():
                path.parent.mkdir(parents=True, exist_ok=True)
                os.replace(root / UNFINISHED / relative, path)
        for relative, digest in journal.removals.items():
            path = root / relative
            if path.is_file() and file_digest(path) == digest:
                path.unlink()
                _remove_if_empty(path.parent, root)
        for folder in {root / path for relative in journal.moves for path in Path(relative).parents}:
            to_disk(folder)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be replaced ({error.strerror or error}); close the program that has it open, or allow it, and run the same "
            "command again: the new results are complete and wait in unfinished/."
        ) from error
    record = write(root, replace(record, state=record.becomes, journal=None))
    clear_unfinished(root)
    return record


def clear_unfinished(root: Path) -> None:
    """Remove what earlier runs left in unfinished/ and nobody needs any more; what is not ours stays, what was edited moves out."""
    home = root / UNFINISHED
    if not home.is_dir():
        return
    clear_parts(root)
    for relative, digests in read_pending(root).written.items():
        path = home / relative
        if path.is_file() and file_digest(path) in digests:
            path.unlink()
        elif path.is_file():
            (root / relative).parent.mkdir(parents=True, exist_ok=True)
            path.rename(free_name(root / relative))
        _remove_if_empty(path.parent, home)
    (home / STAGES_FILE).unlink(missing_ok=True)
    _remove_if_empty(home, root)


def clear_parts(root: Path) -> None:
    """Remove what stages wrote that never ended, and half-written records; only while no run is at work."""
    for folder in (root / UNFINISHED).glob(f"{PART}*"):
        shutil.rmtree(folder, ignore_errors=True)
    for name, folder in ((STAGES_FILE, root / UNFINISHED), ("results.json", root)):
        for path in folder.glob(f".????????.{name}"):
            path.unlink(missing_ok=True)


def put_in_place(part: Path, home: Path) -> tuple[str, ...]:
    """Move finished files into a folder beside the published set, which remembers in `made.json` what a run has put there.

    Args:
        part: folder with the files.
        home: folder that gets them; it is made.

    Returns:
        One sentence for each file of somebody else's that was in the way and now has another name.
    """
    home.mkdir(parents=True, exist_ok=True)
    try:
        stored = json.loads((home / MADE_FILE).read_text(encoding="utf-8"))
        made = {str(name): list(digests) for name, digests in stored.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        made = {}  # nothing there is known to be ours
    findings = []
    for path in sorted(part.iterdir()):
        target = home / path.name
        if target.is_file() and file_digest(target) not in made.get(path.name, ()):
            kept = free_name(target)
            target.rename(kept)
            findings.append(edited_sentence(target, kept.name))
        made.setdefault(path.name, []).append(file_digest(path))
    write_durably(home / MADE_FILE, json.dumps(made, indent=1))  # first: what a crash leaves half done is still known as ours
    for path in sorted(part.iterdir()):
        _require_replaceable(home / path.name)
        os.replace(path, home / path.name)
    write_durably(home / MADE_FILE, json.dumps({name: digests[-1:] for name, digests in made.items()}, indent=1))
    return tuple(findings)


def free_name(path: Path) -> Path:
    """Return the name under which a file that is in the way is kept: stem.edited-1.suffix, or the next free number."""
    number = 1
    while (found := path.with_name(f"{path.stem}.edited-{number}{path.suffix}")).exists():
        number += 1
    return found


def edited_sentence(path: Path, name: str) -> str:
    """Say what became of a file that was not as we had written it."""
    return f"{path} was not as a run had left it, and has been kept as {name}."


def intact(base: Path, files: Mapping[str, str]) -> bool:
    """Tell whether files are there as recorded; logs do not count, as nothing reads them."""
    return all(
        (base / path).is_file() and file_digest(base / path) == digest for path, digest in files.items() if not path.endswith(".log")
    )


def _require_replaceable(path: Path) -> None:
    """Refuse before anything is changed what could not be replaced later: a folder; on Windows a file that is open elsewhere."""
    try:
        if path.is_dir():
            raise ConfigError(f"{path} is a folder where a results file belongs; move it away, or give another results folder (--out).")
        if path.exists():
            os.replace(path, path)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be replaced ({error.strerror or error}); close the program that has it open and run the same command again. "
            "Nothing was changed, and what is finished is kept in unfinished/."
        ) from error


def _remove_if_empty(folder: Path, top: Path) -> None:
    while folder != top and folder.is_relative_to(top):
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent
