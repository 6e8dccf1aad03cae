"""How far a scaled model's markers lie from those of the static trial, in the pose in which OpenSim's ScaleTool places them.

The ScaleTool finds a static pose by inverse kinematics and then moves the markers of the model to where they were measured, so that the
model it writes has no error left to see. Here the model before that step is put into the pose found, where the distances are those that
the tool itself logs.

A marker counts by its weight: those on a cluster or the head have a hundredth of the weight of those on bones in many setups, nobody
measured their place on the model, and the tool moves them.
Runs inside the worker process.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from osim_nmscal.data.time_series import MarkerTrajectories
from osim_nmscal.opensim_tools.model_access import coordinates_of, free_coordinates, open_model
from osim_nmscal.opensim_tools.motion import read_motion

# Markers with at least this share of the largest weight decide the pose. Source: choice; see above.
DECIDES = 0.1


@dataclass(frozen=True, kw_only=True)
class PlacedMarkers:
    """Errors of the markers of the static trial."""

    rms: float  # m, weighted
    largest: float  # m, of those that decide the pose
    marker: str  # the one


def placed_markers(model: Path, pose: Path, static: MarkerTrajectories, weights: Mapping[str, float]) -> PlacedMarkers:
    """Compare a model in a pose with the mean of a static trial.

    Args:
        model: scaled, its markers not yet moved.
        pose: the static pose, .mot of the ScaleTool.
        static: the part of the trial that places.
        weights: of the markers with a task.

    Returns:
        Root mean square and largest distance.
    """
    opened = open_model(model)
    coordinates = coordinates_of(opened)
    free_coordinates(opened)
    state = opened.initSystem()
    angles = read_motion(pose, coordinates, model_name=str(model), lowpass_cutoff=0.0, missing="default")
    for name, value in zip(angles.labels, angles.values[0], strict=True):
        opened.getCoordinateSet().get(name).setValue(state, float(value), False)
    opened.realizePosition(state)
    distances = {}
    for name in weights:
        measured = np.nanmean(static.positions[:, static.markers.index(name)], axis=0)
        distances[name] = float(np.linalg.norm(_place(opened, name, state) - measured))
    deciding = [name for name, weight in weights.items() if weight >= DECIDES * max(weights.values())]
    worst = max(deciding, key=lambda name: distances[name])
    rms = float(np.sqrt(np.average(np.square(list(distances.values())), weights=list(weights.values()))))
    return PlacedMarkers(rms=rms, largest=distances[worst], marker=worst)


def _place(model: Any, name: str, state: Any) -> np.ndarray:
    place = model.getMarkerSet().get(name).getLocationInGround(state)
    return np.array([place.get(i) for i in range(3)])
