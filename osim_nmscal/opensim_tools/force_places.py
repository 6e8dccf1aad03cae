"""How far from its body an external force acts, in the pose that inverse dynamics sees: the last word on plates, signs, axes and clocks.

Runs inside the worker process, where model and motion are open anyway.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.time_series import TimeSeries

FloatArray = NDArray[np.float64]

# A centre of pressure means something above this vertical force, N; so many poses are looked at. Source: common practice; choice.
LOADED = 50.0
POSES = 60


@dataclass(frozen=True, kw_only=True)
class ActingForce:
    """One external force as the model gets it."""

    name: str
    body: str
    time: FloatArray  # (time,), s
    vertical: FloatArray  # (time,), N
    point: FloatArray  # (time, 3), m, in ground


@dataclass(frozen=True, kw_only=True)
class ForcePlace:
    """Horizontal distance of a centre of pressure from the middle of its body while it is loaded."""

    name: str
    body: str
    median: float  # m
    mostly: float  # m, not exceeded in two thirds of the poses


def force_places(model: Any, state: Any, motion: TimeSeries, forces: Sequence[ActingForce]) -> tuple[ForcePlace, ...]:
    """Measure where forces act.

    Args:
        model: opensim.Model, its system initialised.
        state: of that model; it is changed.
        motion: every coordinate, rad and m.
        forces: with their points in ground.

    Returns:
        One for each force that is ever loaded while there is motion.
    """
    found = []
    for force in forces:
        during = (force.time >= motion.time[0]) & (force.time <= motion.time[-1])
        loaded = np.flatnonzero(during & (force.vertical > LOADED) & np.isfinite(force.point).all(axis=1))
        if len(loaded) < 3:
            continue
        chosen = loaded[np.unique(np.linspace(0, len(loaded) - 1, POSES).astype(int))]
        middles = np.array([_middle(model, state, motion, float(force.time[row]), force.body) for row in chosen])
        distance = np.linalg.norm((force.point[chosen] - middles)[:, [0, 2]], axis=1)
        median, mostly = (float(value) for value in np.percentile(distance, [50, 67]))
        found.append(ForcePlace(name=force.name, body=force.body, median=median, mostly=mostly))
    return tuple(found)


def _middle(model: Any, state: Any, motion: TimeSeries, time: float, body: str) -> FloatArray:
    """Return the centre of mass of a body in ground, m."""
    row = int(np.abs(motion.time - time).argmin())
    for name, value in zip(motion.labels, motion.values[row], strict=True):
        model.getCoordinateSet().get(name).setValue(state, float(value), False)
    model.realizePosition(state)
    place = model.getBodySet().get(body).findStationLocationInGround(state, model.getBodySet().get(body).getMassCenter())
    return np.array([place.get(i) for i in range(3)])
