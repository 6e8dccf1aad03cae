"""Roles: which trials calibrate, and which are held out to tell how good the result is."""

from collections.abc import Sequence
from typing import Literal

from osim_nmscal.errors import SegmentationError, UnknownNameError, did_you_mean, listed
from osim_nmscal.settings import Settings, setting
from osim_nmscal.trials.segmentation import Segment

Role = Literal["calibration", "held_out"]


class RoleSettings(Settings):
    """Which trials calibrate and which are held out."""

    calibration: tuple[str, ...] = setting(
        (), unit="-", description="Names of the trials that calibrate (recording/segment); empty: the first ones.", source="choice"
    )
    calibration_count: int = setting(
        3, unit="-", description="How many trials of each recording calibrate, if none is named.", source="Hambly 2025, III-B", ge=0
    )
    pick: Literal["first", "spread"] = setting(
        "first", unit="-", description="Which trials, if none is named: the first, or spread evenly over the recording.", source="choice"
    )


def trial_names(recording: str, segments: Sequence[Segment]) -> tuple[str, ...]:
    """Return the names that the trials of a recording get: "run/stance_03"."""
    return tuple(f"{recording}/{segment.name}" for segment in segments)


def assign_roles(names: Sequence[str], settings: RoleSettings | None = None) -> dict[str, Role]:
    """Choose which trials calibrate; all others are held out.

    Args:
        names: of all trials, recording/segment.
        settings: default `RoleSettings()`.

    Returns:
        Name -> role, in the order of the names.

    Raises:
        UnknownNameError: a trial is named that does not exist; offers the nearest name.
        SegmentationError: no trial calibrates, or none is held out.
    """
    settings = settings or RoleSettings()
    for name in settings.calibration:
        if name not in names:
            raise UnknownNameError(
                f"The trial {name!r} is to calibrate, but does not exist.{did_you_mean(name, names)} There are: {listed(names)}."
            )
    chosen = set(settings.calibration) or _picked(names, settings)
    if not chosen:
        raise SegmentationError("No trial calibrates; set calibration_count to 1 or more, or name trials under calibration.")
    if len(chosen) == len(set(names)):
        raise SegmentationError(
            f"All {len(names)} trials calibrate and none is held out ({listed(names)}), so nothing tells how good the result is; "
            "let fewer calibrate, or record more."
        )
    return {name: "calibration" if name in chosen else "held_out" for name in names}


def _picked(names: Sequence[str], settings: RoleSettings) -> set[str]:
    recordings: dict[str, list[str]] = {}
    for name in names:
        recordings.setdefault(name.rpartition("/")[0], []).append(name)
    chosen: set[str] = set()
    for members in recordings.values():
        count = min(settings.calibration_count, len(members))
        if settings.pick == "first":
            chosen |= set(members[:count])
        else:  # the middles of `count` equal parts
            chosen |= {members[int((part + 0.5) * len(members) / count)] for part in range(count)}
    return chosen
