"""One piece of work of a stage, and the key that names everything its result depends on.

The work is a function of a module that gets its inputs, its settings and a folder to write to, and nothing else; the key is
made of exactly these, of where its outputs go, of the code that it imports and of the libraries' versions. So nothing that the
work could read can be forgotten.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from osim_nmscal.errors import ConfigError, FileFormatError, NmscalError
from osim_nmscal.provenance.code import code_version, library_versions
from osim_nmscal.provenance.values import digest_of, file_digest

S = TypeVar("S")

# What a work returns is kept as JSON. Two entries have a meaning: "findings", sentences for the user; and "reusable": false
# where the same task must run again next time although it ended (an interrupted calibration).
Summary = Mapping[str, Any]


class Inputs:
    """The files and folders that a piece of work may read, by their roles."""

    def __init__(self, roles: Mapping[str, Path | tuple[Path, ...]]) -> None:
        self._roles = {role: paths if isinstance(paths, tuple) else (paths,) for role, paths in roles.items()}

    def file(self, role: str) -> Path:
        """Return the first file of a role: the file itself, without those that it names."""
        return self._roles[role][0]

    def optional(self, role: str) -> Path | None:
        """Return the first file of a role, None if there is no such role."""
        return self._roles[role][0] if role in self._roles else None

    def starting_with(self, prefix: str) -> dict[str, Path]:
        """Return the first file of every role `prefix...`, by the rest of its name."""
        return {role.removeprefix(prefix): paths[0] for role, paths in self._roles.items() if role.startswith(prefix)}

    def roles(self) -> Iterator[tuple[str, tuple[Path, ...]]]:
        """Yield every role with its files, in order."""
        yield from self._roles.items()


@dataclass(frozen=True, kw_only=True)
class Task(Generic[S]):
    """One piece of work: of a stage, for one recording or for all."""

    stage: str
    recording: str = ""  # "" for work that all recordings share
    settings: S  # everything but files that the work reads
    inputs: Mapping[str, Path | tuple[Path, ...]]  # role -> file, with the files that it names; or folder
    outputs: tuple[str, ...]  # relative to the results folder; the work may write more beside them
    work: Callable[[Inputs, S, Path], Summary]

    def __post_init__(self) -> None:
        if "<" in getattr(self.work, "__qualname__", "<") or getattr(self.work, "__closure__", None):
            raise TypeError(f"The work of {self.label} must be a plain function of a module, so that nothing else can reach it.")

    @property
    def label(self) -> str:
        """Its name in records: stage, or stage/recording."""
        return f"{self.stage}/{self.recording}" if self.recording else self.stage


def task_key(task: Task[Any]) -> str:
    """Return the digest of everything that the result of a task depends on.

    Raises:
        FileFormatError: an input is missing or cannot be read; says which.
    """
    roles = list(Inputs(task.inputs).roles())
    return digest_of(
        [task.stage, task.recording, f"{task.work.__module__}.{task.work.__qualname__}", list(task.outputs)],
        task.settings,
        {role: [content(path) for path in paths] for role, paths in roles},
        library_versions(),
        code_version(task.work.__module__),
        files={path: role for role, paths in roles for path in paths},
    )


def content(path: Path) -> Any:
    """Name what is in a file by suffix and digest, in a folder by the names and digests of the files directly inside."""
    if not path.is_dir():
        return [path.suffix, file_digest(path)]
    try:
        files = sorted(file for file in path.iterdir() if file.is_file())
    except OSError as error:
        raise FileFormatError(f"The folder {path} cannot be read ({error.strerror or error}); allow it, or name another.") from error
    return [[file.name, file_digest(file)] for file in files]


def refuse(problems: Iterable[NmscalError]) -> None:
    """Raise what is wrong, if anything is.

    Raises:
        NmscalError: the one problem, or a ConfigError with a sentence for each.
    """
    found = list({str(problem): problem for problem in problems}.values())
    if len(found) == 1:
        raise found[0]
    if found:
        raise ConfigError("\n".join(str(problem) for problem in found))
