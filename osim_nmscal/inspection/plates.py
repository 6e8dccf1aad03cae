"""When force plates are loaded, and how much: from the columns of a ground-reaction file or the plates of a c3d."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.inspection.facts import Contact, PlateFacts

FloatArray = NDArray[np.float64]

# A foot on the plate pushes harder, N; shorter contacts are noise, s. Source: choice; laboratories use 10 to 50 N.
LOADED = 30.0
SHORTEST_CONTACT = 0.05
# What pushes harder than this, N, is a person and no drift, so that its direction tells what is up. Source: choice.
PERSON = 100.0
# Parts of the recording in the sketch over time.
PARTS = 48
# "ground_force_vx", "1_ground_force_vx", "plate1_vx", "ground_force1_vx", "ground_force_vx_1"
_FORCE_LABEL = re.compile(r"^(?P<before>.*?)v(?P<axis>[xyz])(?P<after>_?\d*)$", re.IGNORECASE)


def plate_columns(labels: Sequence[str]) -> dict[str, tuple[str, str, str]]:
    """Return the three force columns of each plate that the labels name, by the plate's prefix."""
    found: dict[str, dict[str, str]] = {}
    for label in labels:
        if match := _FORCE_LABEL.match(label):
            name = (match["before"] + match["after"]).strip("_") or "force"
            found.setdefault(name, {})[match["axis"].lower()] = label
    return {name: (axes["x"], axes["y"], axes["z"]) for name, axes in found.items() if len(axes) == 3}


def plate_facts(forces: TimeSeries) -> tuple[PlateFacts, ...]:
    """Describe every plate of a series of ground reactions."""
    return tuple(_plate(name, columns, forces) for name, columns in plate_columns(forces.labels).items())


def mean_force(forces: TimeSeries) -> FloatArray | None:
    """Return the mean force over all loaded plates and times, (3,), N; None if no plate is loaded."""
    loaded = []
    for columns in plate_columns(forces.labels).values():
        force = forces.select(columns).values
        loaded.append(force[np.linalg.norm(np.nan_to_num(force), axis=1) > PERSON])
    together = np.concatenate(loaded) if loaded else np.empty((0, 3))
    return together.mean(axis=0) if len(together) else None


def _plate(name: str, columns: tuple[str, str, str], forces: TimeSeries) -> PlateFacts:
    size = np.linalg.norm(np.nan_to_num(forces.select(columns).values), axis=1)
    contacts = tuple(
        Contact(start=float(forces.time[first]), end=float(forces.time[last]), peak=float(size[first : last + 1].max()))
        for first, last in _runs(size > LOADED)
        if forces.time[last] - forces.time[first] >= SHORTEST_CONTACT
    )
    idle = size[size <= LOADED]
    return PlateFacts(
        name=name,
        force_columns=columns,
        peak=float(size.max()),
        offset=float(np.median(idle)) if len(idle) else float("nan"),
        contacts=contacts,
        load=tuple(float(part.max()) for part in np.array_split(size, min(PARTS, len(size)))),
    )


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return (first, last) of every run of true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(int)))
    return [(int(first), int(after) - 1) for first, after in zip(edges[::2], edges[1::2], strict=True)]
