"""What comes before any stage: everything checked, the folder opened for this run alone, and leftovers of dead runs removed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from osim_nmscal.config import WorkflowConfig
from osim_nmscal.data.findings import Finding
from osim_nmscal.errors import ConfigError
from osim_nmscal.worker.folder import clean_leftovers
from osim_nmscal.workflow.check import require_sound
from osim_nmscal.workflow.folder import ResultsPlace
from osim_nmscal.workflow.lock import FolderLock
from osim_nmscal.workflow.ownership import ownership_problems
from osim_nmscal.workflow.task import refuse


@dataclass(frozen=True, kw_only=True)
class OpenedPlace:
    """A results folder held by this run, and what the doctor foresaw of its inputs."""

    place: ResultsPlace
    foreseen: tuple[Finding, ...]


@contextmanager
def opened_place(config: WorkflowConfig, out: Path | str | None, *, only_stage: str | None = None) -> Iterator[OpenedPlace]:
    """Check the whole workflow against its real files, and hold its results folder, which exists then, for this run alone.

    Args:
        config: the workflow.
        out: results folder; default `config.output.folder`.
        only_stage: the one stage that will run; default all.

    Raises:
        NmscalError: something cannot work, the folder holds files of the user's where results would go, or another run holds it.
    """
    root = Path(out or config.output.folder)
    report = require_sound(config, root, only_stage=only_stage)
    try:
        root.mkdir(parents=True, exist_ok=True)
        root = root.resolve()
    except OSError as error:
        raise ConfigError(f"The results folder {root} cannot be made ({error.strerror or error}); give another folder (--out).") from error
    with FolderLock(root):
        clean_leftovers()
        place = ResultsPlace(root)
        refuse(ownership_problems(config, root))  # again, as nobody else can change the folder now
        yield OpenedPlace(place=place, foreseen=report.judged)
