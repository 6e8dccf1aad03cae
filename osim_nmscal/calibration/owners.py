"""Who owns a parameter's value, and where it starts: what can be told, and refused, of a calibration before any tensor is made.

An *owner* is what shares one value: a muscle, a group of muscles, or all of them. This module loads no torch, so that a configuration is
checked without it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.calibration.parameter_kinds import KINDS, ParameterKind
from osim_nmscal.calibration.settings import CalibrationSettings, ParameterSettings
from osim_nmscal.data.muscles import Muscle, MuscleTable
from osim_nmscal.errors import CalibrationError, UnknownNameError, did_you_mean

FloatArray = NDArray[np.float64]

# Owner name of a parameter that all muscles share.
EVERYONE = "all"


@dataclass(frozen=True, kw_only=True)
class Owners:
    """The owners of one kind of parameter, and the internal value that each starts with."""

    names: tuple[str, ...]
    by_muscle: tuple[str, ...]  # (muscle,)
    reference: FloatArray  # (muscle,): value of a muscle = reference * internal value of its owner
    start: FloatArray  # (owner,), internal


def kinds_in_force(settings: CalibrationSettings) -> tuple[ParameterKind, ...]:
    """Return the kinds that take part: of two that say the same otherwise, the free one, or the first."""
    free = {name for name in KINDS if settings.parameters.of(name).free}
    replaced = {kind.instead_of for kind in KINDS.values() if kind.name in free}
    return tuple(kind for kind in KINDS.values() if kind.name not in replaced and (not kind.instead_of or kind.name in free))


def owners_of_every_kind(
    muscles: MuscleTable, settings: CalibrationSettings, channels: Mapping[str, str] | None = None
) -> dict[str, Owners]:
    """Return who owns what, and its start, by kind.

    Args:
        muscles: the muscles to calibrate, with their starting values.
        settings: scopes, bounds, groups.
        channels: muscle -> the EMG channel that drives it; a muscle not named has its own.

    Raises:
        UnknownNameError: a group names an unknown muscle.
        CalibrationError: a muscle is in two groups, a bound excludes the start, or an .osim has no value to start from.
    """
    group_of = _group_of_muscle(muscles, settings.groups)
    return {
        kind.name: _owners(kind, settings.parameters.of(kind.name), muscles, group_of, channels or {}) for kind in kinds_in_force(settings)
    }


def _group_of_muscle(muscles: MuscleTable, groups: dict[str, tuple[str, ...]]) -> dict[str, str]:
    group_of: dict[str, str] = {}
    for group, members in groups.items():
        for member in members:
            if member not in muscles.names:
                raise UnknownNameError(
                    f"Calibration group {group!r} names muscle {member!r}, which is not calibrated.{did_you_mean(member, muscles.names)} "
                    "Change [calibration.groups]."
                )
            if member in group_of:
                raise CalibrationError(f"Muscle {member!r} is in calibration groups {group_of[member]!r} and {group!r}; leave it in one.")
            group_of[member] = group
    return group_of


def _owners(
    kind: ParameterKind, settings: ParameterSettings, muscles: MuscleTable, group_of: dict[str, str], channels: Mapping[str, str]
) -> Owners:
    by_muscle = {
        "muscle": muscles.names,
        "group": tuple(group_of.get(muscle, muscle) for muscle in muscles.names),
        "channel": tuple(channels.get(muscle, muscle) for muscle in muscles.names),
        "global": (EVERYONE,) * len(muscles),
    }[settings.scope]
    names = tuple(dict.fromkeys(by_muscle))
    value = _starting_values(kind, settings, muscles)
    relative = settings.bounds == "relative"
    reference = value if relative else np.ones(len(muscles))
    members = muscles_of_owners(names, by_muscle)
    start = np.ones(len(names)) if relative else np.array([math.fsum(value[own]) / len(own) for own in members])
    owners = Owners(names=names, by_muscle=by_muscle, reference=reference, start=start)
    _require_start_inside(kind.name, settings, owners)
    return owners


def muscles_of_owners(names: tuple[str, ...], by_muscle: tuple[str, ...]) -> list[list[int]]:
    """Return the positions of each owner's muscles."""
    members: dict[str, list[int]] = {name: [] for name in names}
    for i, owner in enumerate(by_muscle):
        members[owner].append(i)
    return list(members.values())


def _starting_values(kind: ParameterKind, settings: ParameterSettings, muscles: MuscleTable) -> FloatArray:
    if settings.start != "model":
        return np.full(len(muscles), float(settings.start))
    if kind.home == "sidecar" or kind.enters != kind.name:
        raise CalibrationError(f"[calibration.parameters.{kind.name}] start = 'model', but an .osim has no {kind.name}; give it a number.")
    return np.array([_stated(muscle, kind.name) for muscle in muscles.muscles])


def _stated(muscle: Muscle, name: str) -> float:
    """Return a property of the muscle, or of its curves."""
    return float(getattr(muscle if hasattr(muscle, name) else muscle.properties, name))


def _require_start_inside(name: str, settings: ParameterSettings, owners: Owners) -> None:
    outside = np.flatnonzero((owners.start < settings.lower) | (owners.start > settings.upper))
    if settings.free and len(outside):
        i = int(outside[0])
        raise CalibrationError(
            f"[calibration.parameters.{name}] bounds {settings.lower:g} to {settings.upper:g} ({settings.bounds}) exclude the start "
            f"{owners.start[i]:g} of {owners.names[i]!r}; widen the bounds or change the start."
        )
