"""Muscle strength from body mass and height, by the volumes of muscles.

Source: Handsfield et al. (2014), J Biomech 47:631-638: the muscles of one lower limb take 47 cm3 / (kg m) * mass * height + 1285 cm3, of
which each muscle has a share (tables/muscle_volumes.csv); people differ from this by some 15 to 20 % a muscle. Then, as Rajagopal et al.
(2016) made their model, maximum isometric force = specific tension * volume / optimal fiber length. Lines of one muscle share its volume as
in the model at hand. Muscles without an entry change by the same factor as those with one do together.
"""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.muscle_names import bare_name, muscle_side
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.errors import ConfigError, listed

FloatArray = NDArray[np.float64]

# Volume of the muscles of one lower limb, m3 / (kg m) and m3. Source: Handsfield et al. (2014).
VOLUME_PER_MASS_AND_HEIGHT, VOLUME_OF_ANYBODY = 47e-6, 1285e-6
# Distance of a person's muscle from the regression, SD of the logarithm. Source: the same, 15 to 20 %.
LOG_STRENGTH_SD = 0.18
# Muscles of one side that the table must know: fewer are no leg. Source: choice.
FEWEST_KNOWN = 6


@dataclass(frozen=True, kw_only=True)
class VolumeEntry:
    """One muscle of the table."""

    muscle: str
    fraction: float
    group: str
    names: str


@dataclass(frozen=True, kw_only=True)
class Strengths:
    """Muscles with strengths from mass and height."""

    muscles: MuscleTable
    known: tuple[str, ...]  # those that the table tells of
    factor: float  # volume of the known ones, new / before; the others' strength changed by it
    findings: tuple[str, ...]  # full sentences


def volume_table() -> tuple[VolumeEntry, ...]:
    """Return the table of volume shares."""
    text = files("osim_nmscal.initialization").joinpath("tables/muscle_volumes.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return tuple(VolumeEntry(muscle=row["muscle"], fraction=float(row["fraction"]), group=row["group"], names=row["names"]) for row in rows)


def lower_limb_volume(mass: float, height: float) -> float:
    """Return the volume of the muscles of one lower limb, m3.

    Args:
        mass: kg.
        height: m.
    """
    return VOLUME_PER_MASS_AND_HEIGHT * mass * height + VOLUME_OF_ANYBODY


def strengths_from_mass_and_height(muscles: MuscleTable, mass: float, height: float, specific_tension: float) -> Strengths:
    """Give muscles the strength that their person's mass and height let expect.

    Args:
        muscles: with the optimal fiber lengths of the person.
        mass: kg.
        height: m.
        specific_tension: N/m2.

    Raises:
        ConfigError: hardly any muscle is in the table, so the model has no leg.
    """
    entries, whole = volume_table(), lower_limb_volume(mass, height)
    entry_of = [_entry_of(name, entries) for name in muscles.names]
    before = muscles.values("max_isometric_force") * muscles.values("optimal_fiber_length") / specific_tension  # volumes, m3
    after = np.full(len(muscles), np.nan)
    for side in dict.fromkeys(muscle_side(name) for name in muscles.names):
        own = [i for i, name in enumerate(muscles.names) if muscle_side(name) == side]
        for index, fraction in _carried([entry_of[i] for i in own], entries, before[own]):
            after[own[index]] = fraction * whole
    known = np.isfinite(after)
    if int(known.sum()) < FEWEST_KNOWN:
        raise ConfigError(
            f"[initialization] strength = 'mass_height' knows {int(known.sum())} of the muscles {listed(muscles.names)}: its table is of "
            "the leg; set strength = 'scaled'."
        )
    factor = float(after[known].sum() / before[known].sum())
    after = np.where(known, after, before * factor)
    force = after * specific_tension / muscles.values("optimal_fiber_length")
    others = [name for name, told in zip(muscles.names, known, strict=True) if not told]
    said = (f"Muscles that Handsfield's table does not have are made {factor:.2f} times as strong, as the others are: {listed(others)}.",)
    return Strengths(
        muscles=MuscleTable(
            muscles=tuple(replace(one, max_isometric_force=float(own)) for one, own in zip(muscles.muscles, force, strict=True))
        ),
        known=tuple(name for name, told in zip(muscles.names, known, strict=True) if told),
        factor=factor,
        findings=said if others else (),
    )


def _entry_of(name: str, entries: Sequence[VolumeEntry]) -> VolumeEntry | None:
    bare = bare_name(name)
    return next((entry for entry in entries if re.match(entry.names, bare)), None)


def _carried(found: Sequence[VolumeEntry | None], entries: Sequence[VolumeEntry], before: FloatArray) -> list[tuple[int, float]]:
    """Return (muscle, share of the limb's volume): its part of its entry, and of entries of its group that no muscle stands for."""
    present = {entry.muscle for entry in found if entry is not None}
    shares = []
    for index, entry in enumerate(found):
        if entry is None:
            continue
        lines = [i for i, other in enumerate(found) if other is entry]
        group = [i for i, other in enumerate(found) if other is not None and other.group == entry.group]
        missing = sum(other.fraction for other in entries if other.group == entry.group and other.muscle not in present)
        share = entry.fraction * before[index] / before[lines].sum() + missing * before[index] / before[group].sum()
        shares.append((index, float(share)))
    return shares
