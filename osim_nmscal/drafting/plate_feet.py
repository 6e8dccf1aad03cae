"""Which foot steps on which plate: the foot whose markers are nearest to the centre of pressure while the plate is loaded."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.time_series import MarkerTrajectories, TimeSeries
from osim_nmscal.drafting.marker_names import marker_places
from osim_nmscal.inspection.facts import PlateFacts

FloatArray = NDArray[np.float64]

# The nearest marker of a foot lies within this distance of the pressure under it, m; beyond, it is not that foot. Source: choice.
NEAR = 0.2
_FOOT = ("heel", "toe", "small_toe", "ankle_lateral", "ankle_medial")


@dataclass(frozen=True, kw_only=True)
class PlateFoot:
    """Which foot a plate carries."""

    plate: str
    side: str  # "r" or "l"; "" if no foot comes near
    distance: float  # m, median over the loaded time, to the nearest marker of that foot
    both: bool  # each foot was nearest for part of the time


def feet_on_plates(plates: tuple[PlateFacts, ...], forces: TimeSeries, markers: MarkerTrajectories) -> tuple[PlateFoot, ...]:
    """Tell the foot of each loaded plate.

    Args:
        plates: of the recording.
        forces: their columns, in the same axes as the markers, y up; the centre of pressure in `<plate>_p?` or the like.
        markers: m.

    Returns:
        One per loaded plate whose centre of pressure is known; none where no foot has markers.
    """
    places = marker_places(markers.markers)
    feet = {side: [markers.markers.index(places[place, side]) for place in _FOOT if (place, side) in places] for side in "rl"}
    feet = {side: rows for side, rows in feet.items() if rows}
    if not feet:
        return ()
    found = []
    for plate in plates:
        pressure = _pressure(plate, forces)
        if not plate.contacts or pressure is None:
            continue
        loaded = np.zeros(len(forces.time), dtype=bool)
        for contact in plate.contacts:
            loaded |= (forces.time >= contact.start) & (forces.time <= contact.end)
        frames = np.searchsorted(markers.time, forces.time[loaded]).clip(0, len(markers.time) - 1)
        apart = {side: _distance(markers.positions[frames][:, rows], pressure[loaded]) for side, rows in feet.items()}
        nearest = np.stack([apart.get(side, np.full(len(frames), np.inf)) for side in "rl"], axis=1)
        known = np.isfinite(nearest).any(axis=1) & ~np.isnan(nearest).any(axis=1)
        if not known.any():
            continue
        right = float((nearest[:, 0] < nearest[:, 1])[known].mean())
        side = "r" if right >= 0.5 else "l"
        distance = float(np.median(nearest[known, "rl".index(side)]))
        found.append(PlateFoot(plate=plate.name, side=side if distance < NEAR else "", distance=distance, both=0.15 < right < 0.85))
    return tuple(found)


def _pressure(plate: PlateFacts, forces: TimeSeries) -> FloatArray | None:
    """Return the centre of pressure, (time, 3), m; its columns are called as those of the force, with p for v."""
    labels = [label[: label.rindex("v")] + "p" + label[label.rindex("v") + 1 :] for label in plate.force_columns]
    return forces.select(labels).values if all(label in forces.labels for label in labels) else None


def _distance(feet: FloatArray, pressure: FloatArray) -> FloatArray:
    """Return the distance on the floor of the nearest marker, (time,)."""
    apart = np.linalg.norm(feet[..., [0, 2]] - pressure[:, None, [0, 2]], axis=2)
    return np.where(np.isnan(apart).all(axis=1), np.nan, np.nanmin(np.where(np.isnan(apart), np.inf, apart), axis=1))
