"""The files that a workflow reads and its user owns: which the configuration names, which those name, and which are not there."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from osim_nmscal.errors import did_you_mean
from osim_nmscal.provenance.values import file_digest

if TYPE_CHECKING:
    from osim_nmscal.config import WorkflowConfig

# A file that a setup XML names between two tags, or as what an element includes.
_SUFFIXES = r"\.(?:trc|mot|sto|xml|osim|c3d)"
_NAMED_FILE = re.compile(rf">\s*([^<>\n]+{_SUFFIXES})\s*<|\bfile\s*=\s*[\"']([^\"'<>\n]+{_SUFFIXES})[\"']", re.IGNORECASE)
# Keys of a recording that name files; the last one names a folder.
_RECORDING_KEYS = ("markers", "joint_angles", "external_loads", "forces", "joint_moments", "emg", "muscle_analysis")


def named_files(setup: Path) -> tuple[Path, ...]:
    """Return the existing files that an OpenSim setup file names, resolved against it, and those that they name."""
    found: dict[Path, None] = {}
    waiting = [setup]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found[path] = None
        if path.suffix.lower() == ".xml":
            try:
                text = path.read_text(encoding="utf-8", errors="replace")
            except OSError:  # who needs what is in it says so
                continue
            names = [one or other for one, other in _NAMED_FILE.findall(text)]
            waiting += [file for name in names if (file := (path.parent / name).resolve()).is_file()]
    return tuple(path for path in found if path != setup)


def with_named_files(setup: Path) -> tuple[Path, ...]:
    """Return a setup file and the files that it names."""
    return (setup, *named_files(setup))


def named_inputs(config: "WorkflowConfig") -> Iterator[tuple[str, Path]]:
    """Yield each key of the configuration that names a file or folder to read, with its path."""
    yield "model.file", config.model.file
    if config.scaling.setup is not None:
        yield "scaling.setup", config.scaling.setup
    if config.scaling.static_trial is not None:
        yield "scaling.static_trial", config.scaling.static_trial
    if config.initialization.measurements is not None:
        yield "initialization.measurements", config.initialization.measurements
    if config.inverse_kinematics is not None:
        yield "inverse_kinematics.setup", config.inverse_kinematics.setup
    if config.inverse_dynamics.external_loads is not None:
        yield "inverse_dynamics.external_loads", config.inverse_dynamics.external_loads
    yield from ((f"emg.mvc[{i}]", path) for i, path in enumerate(config.emg.mvc, start=1))
    for i, recording in enumerate(config.recordings, start=1):
        for key in _RECORDING_KEYS:
            path = getattr(recording, key)
            if isinstance(path, Path):
                yield f"recordings[{i}].{key}", path
    for measured in config.dynamometer:
        for key in ("table", "joint_angles", "joint_moments"):
            path = getattr(measured, key)
            if isinstance(path, Path):
                yield f"recordings.{measured.name}.{key}", path


def input_files(config: "WorkflowConfig") -> dict[Path, str]:
    """Return every file of the user's that a workflow reads, those that setup files name included, each with the key that leads to it."""
    found: dict[Path, str] = {}
    for key, path in named_inputs(config):
        if path.is_dir():
            files = tuple(sorted(path.glob("*.sto")))
        else:
            files = with_named_files(path) if path.suffix.lower() == ".xml" and path.is_file() else (path,)
        for file in files:
            found.setdefault(file, key)
    return found


def input_digests(config: "WorkflowConfig", *, missing: Literal["refuse", "leave out"] = "refuse") -> dict[str, str]:
    """Return path -> sha256 of every file of the user's that a workflow reads.

    Raises:
        FileFormatError: one is gone.
    """
    return {str(path): file_digest(path) for path in input_files(config) if missing == "refuse" or path.is_file()}


def missing_files(config: "WorkflowConfig") -> list[str]:
    """Return one sentence for each file or folder that the configuration names and that does not exist."""
    sentences = []
    for key, path in named_inputs(config):
        wanted, exists = ("folder", path.is_dir()) if key.endswith("muscle_analysis") else ("file", path.is_file())
        if not exists:
            siblings = [sibling.name for sibling in path.parent.iterdir()] if path.parent.is_dir() else []
            hint = did_you_mean(path.name, siblings) if siblings else f" Its folder {path.parent} does not exist either."
            sentences.append(f"{config.where(key)}: key '{key}' names the {wanted} {path}, which does not exist.{hint}")
    return sentences
