"""Opening a results folder for reading: it shows one complete set as its record says, or it is refused with the reason.

Everything that reads results goes through `open_results`.
"""

from dataclasses import dataclass
from pathlib import Path

from osim_nmscal.data.noun import Noun
from osim_nmscal.errors import ConfigError, FileFormatError, listed
from osim_nmscal.provenance.values import file_digest
from osim_nmscal.workflow.lock import FolderLock
from osim_nmscal.workflow.publication import roll_forward
from osim_nmscal.workflow.records import RECORD_FILE, STAGES_FILE, UNFINISHED, FolderRecord, read_record
from osim_nmscal.workflow.results import ResultsFolder


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Results(Noun):
    """A published set of results, and in what it differs from its record."""

    folder: ResultsFolder
    record: FolderRecord
    missing: tuple[str, ...]  # paths relative to the folder
    edited: tuple[str, ...]  # files whose contents are no longer those recorded

    def require_intact(self) -> None:
        """Refuse a set that is no longer as it was published.

        Raises:
            FileFormatError: names what is missing or edited.
        """
        found = [f"{self.folder.root / path} is missing" for path in self.missing]
        found += [f"{self.folder.root / path} was edited since" for path in self.edited]
        if found:
            raise FileFormatError(
                f"The results in {self.folder.root} are no longer one set: {listed(found, 4)}; run the workflow again (an edited file is "
                "kept under another name)."
            )

    def require_unchanged(self) -> None:
        """Refuse what was read if another run has replaced the results meanwhile.

        Raises:
            FileFormatError: the record is no longer the one that was opened.
        """
        if read_record(self.folder.root) != self.record:
            raise FileFormatError(f"The results in {self.folder.root} were replaced while they were read; do it again.")


def open_results(folder: Path | str, *, damaged: bool = False, partial: bool = False) -> Results:
    """Open a results folder.

    Args:
        folder: of `personalize`.
        damaged: also open a set with missing or edited files, and name them in what is returned.
        partial: also open what only some of the stages have published.

    Raises:
        FileFormatError: no folder of results; none finished; being replaced; missing or edited files; of a newer version.

    Example:
        >>> open_results("models")
        Traceback (most recent call last):
            ...
        osim_nmscal.errors.FileFormatError: ...models has no finished results (no results.json); give the folder of a run.
    """
    root = Path(folder).resolve()
    record = _record(root)
    if record.state == "partial" and not partial:
        raise FileFormatError(f"{root} has no finished results: {record.sentence} Run the workflow without --only.")
    files = {path: digest for path, digest in record.files.items() if not path.endswith(".log")}
    missing = tuple(path for path in files if not (root / path).is_file())
    edited = tuple(path for path, digest in files.items() if path not in missing and file_digest(root / path) != digest)
    results = Results(folder=ResultsFolder(root=root), record=record, missing=missing, edited=edited)
    if not damaged:
        results.require_intact()
    return results


def _record(root: Path) -> FolderRecord:
    """Return the record of the visible set; an interrupted publication is finished first.

    Raises:
        FileFormatError: there is none, or it is being replaced.
    """
    if not root.is_dir():
        raise FileFormatError(f"{root} is no folder of results; give the folder of a run.")
    record = read_record(root)
    if record is None:
        raise FileFormatError(f"{root} has no finished results{_why_none(root)}")
    if record.state != "publishing":
        return record
    try:
        with FolderLock(root):
            now = read_record(root)
            return roll_forward(root, now) if now is not None else record
    except ConfigError as error:
        raise FileFormatError(f"The results in {root} are being replaced by newer ones, which is not finished: {error}") from error


def _why_none(root: Path) -> str:
    if (root / STAGES_FILE).is_file():
        return f": it was made by version 0.1.0, which kept no {RECORD_FILE}; run the workflow into another folder."
    if (root / UNFINISHED / STAGES_FILE).is_file():
        return f": a run was begun but has not ended, what it finished is in {UNFINISHED}/; the same command goes on from there."
    return f" (no {RECORD_FILE}); give the folder of a run."
