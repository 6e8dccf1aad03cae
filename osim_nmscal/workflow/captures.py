"""Recordings of one and the same capture: two entries of the configuration that read the same file, or a copy of it."""

import filecmp
import itertools
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from osim_nmscal.config import RecordingSettings, WorkflowConfig

# Files whose samples trials are made of.
_KEYS = ("markers", "joint_angles", "joint_moments", "emg")


def same_captures(config: "WorkflowConfig") -> dict[tuple[str, str], float]:
    """Find the recordings that hold the same samples for the same joints.

    Args:
        config: its files must exist.

    Returns:
        (one, other) -> s, to be added to the clock of the other to have that of the one. Entries of one capture that are scored by
        different joints (right stances, left stances) test different things and are left out.
    """
    found = {}
    for one, other in itertools.combinations(config.recordings, 2):
        joints = [set(recording.dofs or config.muscle_analysis.dofs) for recording in (one, other)]
        key = next((key for key in _KEYS if _same_file(getattr(one, key), getattr(other, key))), None)
        if key is not None and joints[0] & joints[1]:
            found[one.name, other.name] = _offset(one, key) - _offset(other, key)
    return found


def _offset(recording: "RecordingSettings", key: str) -> float:
    offset: float = getattr(recording.time_offset, key)
    return offset


def _same_file(one: Path | None, other: Path | None) -> bool:
    if one is None or other is None:
        return False
    return one == other or (one.stat().st_size == other.stat().st_size and filecmp.cmp(one, other, shallow=False))
