"""Roles: which trials calibrate, and which are held out to tell how good the result is."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Literal

from osim_nmscal.errors import SegmentationError, UnknownNameError, did_you_mean, listed
from osim_nmscal.settings import Settings, setting
from osim_nmscal.trials.segmentation import Segment

Role = Literal["calibration", "held_out"]
RecordingRole = Literal["any", "calibration", "held_out"]


class RoleSettings(Settings):
    """Which trials calibrate and which are held out."""

    calibration: tuple[str, ...] = setting(
        (),
        unit="-",
        description="Names of the trials that calibrate (recording/segment); empty: the first ones.",
        source="choice: no trial is special",
    )
    calibration_count: int = setting(
        3, unit="-", description="How many trials of each recording calibrate, if none is named.", source="Hambly 2025, III-B", ge=0
    )
    pick: Literal["first", "spread"] = setting(
        "first",
        unit="-",
        description="Which trials, if none is named: the first, or spread evenly over the recording.",
        source="choice: what comes later then also tells how long a calibration holds",
    )


def trial_names(recording: str, segments: Sequence[Segment]) -> tuple[str, ...]:
    """Return the names that the trials of a recording get: "run/stance_03"."""
    return tuple(f"{recording}/{segment.name}" for segment in segments)


def assign_roles(
    names: Sequence[str], settings: RoleSettings | None = None, recordings: Mapping[str, RecordingRole] | None = None
) -> dict[str, Role]:
    """Choose which trials calibrate; all others are held out. That none is held out is allowed, and for the doctor to say.

    Args:
        names: of all trials, recording/segment.
        settings: default `RoleSettings()`.
        recordings: recording -> what its trials are for, where its user says so; default: any.

    Returns:
        Name -> role, in the order of the names.

    Raises:
        UnknownNameError: a trial is named that does not exist; offers the nearest name.
        SegmentationError: no trial calibrates, or one is to calibrate whose recording is held out.
    """
    settings = settings or RoleSettings()
    for name in settings.calibration:
        if name not in names:
            raise UnknownNameError(
                f"The trial {name!r} is to calibrate, but does not exist.{did_you_mean(name, names)} There are: {listed(names)}."
            )
    given = recordings or {}
    held_out = [name for name in settings.calibration if given.get(_recording(name)) == "held_out"]
    if held_out:
        raise SegmentationError(
            f'The trial {held_out[0]!r} is to calibrate, but its recording has role = "held_out"; take it out of calibration, or change '
            f"the "
            "role."
        )
    free = [name for name in names if given.get(_recording(name), "any") == "any"]
    chosen = {name for name in names if given.get(_recording(name)) == "calibration"}
    chosen |= set(settings.calibration) or _picked(free, settings)
    if not chosen:
        raise SegmentationError("No trial calibrates; set calibration_count to 1 or more, or name trials under calibration.")
    return {name: "calibration" if name in chosen else "held_out" for name in names}


def require_apart(
    segments: Mapping[str, Segment],
    roles: Mapping[str, Role],
    time_step: float,
    same: Mapping[tuple[str, str], float] | None = None,
) -> None:
    """Refuse as held out what shares samples with a trial that calibrates: it would be no test.

    Args:
        segments: trial name -> its segment.
        roles: trial name -> role.
        time_step: s; trials may share the sample at their ends.
        same: pairs of recordings of one capture -> s, added to the clock of the second to have that of the first.

    Raises:
        SegmentationError: names both trials and the time they share.
    """
    for one, other in itertools.combinations(segments, 2):
        later = _later(_recording(one), _recording(other), same or {})
        if later is None or roles[one] == roles[other]:
            continue
        start, end = max(segments[one].start, segments[other].start + later), min(segments[one].end, segments[other].end + later)
        if end - start > time_step:
            trained, tested = (one, other) if roles[one] == "calibration" else (other, one)
            raise SegmentationError(
                f"The trial {tested!r} cannot be held out, as it shares the time from {start:.3f} to {end:.3f} s with {trained!r}, which "
                "calibrates; let both calibrate, or change their times."
            )


def _later(one: str, other: str, same: Mapping[tuple[str, str], float]) -> float | None:
    """Return what brings the clock of the other recording to that of the one, s; None where they share no samples."""
    if one == other:
        return 0.0
    if (other, one) in same:
        return -same[other, one]
    return same.get((one, other))


def _recording(trial: str) -> str:
    return trial.rpartition("/")[0]


def _picked(names: Sequence[str], settings: RoleSettings) -> set[str]:
    recordings: dict[str, list[str]] = {}
    for name in names:
        recordings.setdefault(_recording(name), []).append(name)
    chosen: set[str] = set()
    for members in recordings.values():
        count = min(settings.calibration_count, len(members))
        if settings.pick == "first":
            chosen |= set(members[:count])
        else:  # the middles of `count` equal parts
            chosen |= {members[int((part + 0.5) * len(members) / count)] for part in range(count)}
    return chosen
