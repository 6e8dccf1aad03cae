"""Whose file is it? A run writes where nothing is, or where its folder's own record says that the file is the run's."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from osim_nmscal.errors import ConfigError, FileFormatError, NmscalError, listed
from osim_nmscal.workflow.records import RECORD_FILE, STAGES_FILE, UNFINISHED, read_pending, read_record
from osim_nmscal.workflow.stages import declared_outputs
from osim_nmscal.workflow.user_files import input_files

if TYPE_CHECKING:
    from osim_nmscal.config import WorkflowConfig

# Names inside a results folder that no recording may have.
RESERVED = (UNFINISHED, "calibration", "predictions", "electrode_study", "plan")


def ownership_problems(config: "WorkflowConfig", root: Path) -> Iterator[NmscalError]:
    """Yield why a workflow may not write its results to a folder: files of the user's, inputs among the outputs, no folder.

    Args:
        config: the workflow; its files exist.
        root: the results folder; it need not exist.
    """
    for folder in (config.source.parent, root):
        if str(folder).encode(errors="ignore") != os.fsencode(folder):
            yield ConfigError(f"The name of the folder {folder} is not text in UTF-8, so OpenSim cannot open what is in it; rename it.")
            return
    try:
        yield from _recording_names(config)
        if root.exists() and not root.is_dir():
            yield ConfigError(f"{root} is a file, so it cannot hold results; give a folder (--out).")
            return
        root = root.resolve()
        yield from _folder_problems(config, root)
    except OSError as error:
        yield ConfigError(f"The results folder {root} cannot be used ({error.strerror or error}); give another folder (--out).")


def _recording_names(config: "WorkflowConfig") -> Iterator[NmscalError]:
    folded: dict[str, str] = {}
    for given in (*(one.name for one in config.recordings), *(one.name for one in config.dynamometer)):
        name = given.lower()
        if name in RESERVED:
            yield ConfigError(f"{config.source}: the name of a recording is {given!r}, which the results folder needs for itself.")
        if name in folded:
            yield ConfigError(
                f"{config.source}: recordings {folded[name]!r} and {given!r} differ in capitals only, so that their folders are "
                "the same on Windows and macOS; rename one."
            )
        folded[name] = given


def _folder_problems(config: "WorkflowConfig", root: Path) -> Iterator[NmscalError]:
    declared = declared_outputs(config)
    try:
        record, pending = read_record(root), read_pending(root)
    except FileFormatError as error:
        yield error
        return
    if record is None and (root / STAGES_FILE).exists():
        yield ConfigError(
            f"{root} holds results of version 0.1.0 ({STAGES_FILE}, no {RECORD_FILE}), whose files this version does not own; give another "
            "folder (--out), or move them away."
        )
        return
    owned = record.files if record else {}
    yield from _inputs_among_outputs(config, root, {*declared, *owned, RECORD_FILE})
    for relative in declared:
        for path, known in ((root / relative, relative in owned), (root / UNFINISHED / relative, relative in pending.written)):
            if path.is_dir():
                yield ConfigError(f"{path} is a folder where a results file belongs; move it away, or give another results folder (--out).")
            elif path.exists() and not known:
                yield ConfigError(
                    f"{path} exists and no run has made it, so it is not overwritten; move it away, or give another results folder (--out)."
                )


def _inputs_among_outputs(config: "WorkflowConfig", root: Path, outputs: set[str]) -> Iterator[NmscalError]:
    beside: list[str] = []
    for path, key in input_files(config).items():
        real = path.resolve()
        if not real.is_relative_to(root):
            continue
        relative = real.relative_to(root)
        if relative.as_posix() in outputs or relative.parts[0] == UNFINISHED:
            yield ConfigError(
                f"{config.where(key)}: key '{key}' names {path}, a file that a run into {root} writes itself; give another results folder "
                "(--out), or copy the file elsewhere first."
            )
        elif real.parent == root:
            beside.append(path.name)
    if beside:
        yield ConfigError(
            f"The results folder {root} holds inputs of the workflow ({listed(beside)}); give it a folder of its own (--out)."
        )
