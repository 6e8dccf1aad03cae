"""The relaxed leg of the mean person: passive moments at hip, knee and ankle as a formula of the three angles.

Source: Riener & Edrich (1999), J Biomech 32:539-544, ten healthy adults. Each moment is a double exponential of its own joint's angle,
coupled to the neighbours by the muscles that cross two joints. Degrees; hip and knee flexion positive; the paper's ankle is positive in
plantarflexion, here turned to dorsiflexion; moments towards flexion and dorsiflexion.

The coefficients are those that four public implementations carry alike (the paper's own page was not at hand); one of them has 1.50
instead of 0.150 in the knee's last term, which fits neither the others nor other people's knees: within the range of walking, Silder et
al. (2007) measured on other people what these equations say to within 1 to 3 N·m at knee and ankle and 3 to 6 N·m at the hip.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.model import Coordinate
from osim_nmscal.data.passive_moments import PassiveMoments

FloatArray = NDArray[np.float64]

SOURCE = "Riener & Edrich (1999)"
# What models call the three coordinates, without their side. Sources: gait2354, gait2392, Rajagopal 2016, our own leg.
NAMES: Mapping[str, tuple[str, ...]] = {
    "hip": ("hip_flexion",),
    "knee": ("knee_angle", "knee_flexion"),
    "ankle": ("ankle_angle", "ankle_flexion", "ankle_dorsiflexion"),
}
# Sweeps through the range of walking, in which the moments are those of muscles more than of ligaments: the joint that moves, from, to,
# and the other two angles, degrees. Source: the range that Uhlrich et al. (2022), Sci Rep 12:9842, fitted; the knee bent a little, as
# the formula was measured.
_HIP_ENDS, _KNEE_ENDS, _ANKLE_ENDS = (-15.0, 40.0), (5.0, 75.0), (-30.0, 20.0)
SWEEPS: tuple[tuple[str, tuple[float, float], tuple[tuple[float, float], ...]], ...] = (
    ("hip", _HIP_ENDS, ((15.0, 0.0), (40.0, 0.0), (60.0, 0.0))),  # knee, ankle
    ("knee", _KNEE_ENDS, ((0.0, 0.0), (0.0, 15.0), (0.0, -15.0), (30.0, 0.0), (-10.0, 10.0))),  # hip, ankle
    ("ankle", _ANKLE_ENDS, ((0.0, 15.0), (0.0, 40.0), (0.0, 60.0))),  # hip, knee
)
STEP = 5.0  # degrees
# How far the mean person may be off these equations: a share of the moment and a floor. Source: their distance from Silder's people.
SHARE_OFF, FLOOR_OFF = 0.05, 2.0


@dataclass(frozen=True, kw_only=True)
class LegCoordinates:
    """The coordinates of one leg of a model."""

    hip: str
    knee: str
    ankle: str
    knee_sign: float  # 1 where flexion is positive, -1 where it is negative

    @property
    def names(self) -> tuple[str, str, str]:
        """Names of hip, knee and ankle."""
        return (self.hip, self.knee, self.ankle)


def leg_coordinates(coordinates: Sequence[Coordinate], side: str) -> LegCoordinates | None:
    """Return which coordinates are hip flexion, knee flexion and ankle dorsiflexion of a side, "r" or "l"; None if one is missing.

    A knee whose range lies mostly below zero bends with negative angles, as that of gait2392.
    """
    by_name = {one.name: one for one in coordinates if one.rotational and not one.locked and not one.coupled}
    found = []
    for names in NAMES.values():
        found += [by_name[name] for stem in names for name in (f"{stem}_{side}",) if name in by_name][:1]
    if len(found) < len(NAMES):
        return None
    low, high = found[1].range
    return LegCoordinates(hip=found[0].name, knee=found[1].name, ankle=found[2].name, knee_sign=1.0 if high > -low else -1.0)


def legs_of(coordinates: Sequence[Coordinate]) -> dict[str, LegCoordinates]:
    """Return the legs of a model that the formula speaks of, by side."""
    found = {side: leg_coordinates(coordinates, side) for side in ("r", "l")}
    return {side: leg for side, leg in found.items() if leg is not None}


def riener_edrich(hip: FloatArray, knee: FloatArray, ankle: FloatArray) -> FloatArray:
    """Return the passive moments of the mean person.

    Args:
        hip: flexion, degrees.
        knee: flexion, degrees, shaped as hip.
        ankle: dorsiflexion, degrees, shaped as hip.

    Returns:
        (..., 3): towards hip flexion, knee flexion and ankle dorsiflexion, N·m.
    """
    # notation: h hip, k knee, a ankle
    h, k, a = (np.asarray(angle, dtype=np.float64) for angle in (hip, knee, ankle))
    at_hip = np.exp(1.4655 - 0.0034 * k - 0.0750 * h) - np.exp(1.3403 - 0.0226 * k + 0.0305 * h) + 8.072
    extended = np.exp(1.800 + 0.0460 * a - 0.0352 * k + 0.0217 * h) + np.exp(2.220 - 0.150 * k)
    at_knee = extended - np.exp(-3.971 + 0.0004 * a + 0.0495 * k - 0.0128 * h) - 4.820
    at_ankle = np.exp(-7.9763 - 0.1949 * a + 0.0008 * k) - np.exp(2.1016 + 0.0843 * a - 0.0176 * k) + 1.792
    return np.stack([at_hip, at_knee, at_ankle], axis=-1)


def mean_person(leg: LegCoordinates) -> PassiveMoments:
    """Return the mean person's passive moments in sweeps of each joint through the range of walking, with the model's signs."""
    rows = list(chain.from_iterable(_sweep(joint, ends, others) for joint, ends, others in SWEEPS))
    angles = np.array([angles for angles, _ in rows])
    about = np.array([joint for _, joint in rows], dtype=np.intp)
    starts = np.r_[True, (np.diff(about) != 0) | (np.abs(np.diff(angles, axis=0)).max(axis=1) > STEP + 1e-9)]
    moments = riener_edrich(*angles.T)[np.arange(len(rows)), about]
    signs = np.array([1.0, leg.knee_sign, 1.0])
    return PassiveMoments(
        coordinates=leg.names,
        postures=np.deg2rad(angles * signs),
        about=about,
        moment=moments * signs[about],
        deviation=np.hypot(SHARE_OFF * moments, FLOOR_OFF),
        curve=np.cumsum(starts) - 1,
        source=SOURCE,
    )


def _sweep(joint: str, ends: tuple[float, float], others: tuple[tuple[float, float], ...]) -> list[tuple[list[float], int]]:
    moving = list(NAMES).index(joint)
    rows = []
    for resting in others:
        for angle in np.arange(ends[0], ends[1] + 0.5 * STEP, STEP).tolist():
            angles = list(resting)
            angles.insert(moving, angle)
            rows.append((angles, moving))
    return rows
