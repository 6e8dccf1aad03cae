"""MTU lengths of a model over grids of postures: each MTU over the coordinates that it crosses, within their ranges.

MTUs that cross the same coordinates share a grid. What the coordinates of one model are is also asked of another (a generic model and
its scaled copy), so that both are looked at in the same postures.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.pose_grid import PoseGrid
from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.opensim_tools.model_access import Coordinates, coordinates_of, free_coordinates, open_model, require_coordinate
from osim_nmscal.opensim_tools.motion import with_dependents
from osim_nmscal.opensim_tools.path_geometry import PathGeometry, require_couplers_only
from osim_nmscal.opensim_tools.run import in_worker

FloatArray = NDArray[np.float64]

# An MTU whose moment arm about a coordinate stays below this does not cross it, m. Source: choice; noise of iterated wrapping.
CROSSES = 1e-3
# Values of one coordinate at most and at least, and postures of a grid at most. Source: Modenese et al. (2016): 10 a coordinate, results
# hardly changed from 5 on; MTUs over three and more coordinates get fewer.
MOST_VALUES, LEAST_VALUES, MOST_POSTURES = 11, 3, 400
# Beyond this a coordinate's range is no anatomy but "anything goes": it is cut to a quarter turn about its default, rad.
WIDEST_RANGE, USUAL_RANGE = 1.2 * np.pi, 0.25 * np.pi


@dataclass(frozen=True, kw_only=True)
class _Job:
    model: Path
    grids: tuple[PoseGrid, ...]


def sample_pose_grids(model: Path | str, log: Path | str) -> tuple[PoseGrid, ...]:
    """Find the coordinates that each MTU crosses, and its lengths over a grid of their ranges.

    Args:
        model: .osim file.
        log: file for OpenSim's log.

    Returns:
        One grid per set of coordinates; MTUs that cross none are in none.

    Raises:
        MuscleModelError: the model has constraints that a lengthening speed does not see.
        OpenSimToolError: OpenSim failed; with its log.
    """
    job = _Job(model=Path(model).absolute(), grids=())
    return in_worker(_sample, job, log=Path(log), doing=f"looking at the muscle paths of {model}", model=job.model)


def lengths_in_postures(model: Path | str, grids: Sequence[PoseGrid], log: Path | str) -> tuple[PoseGrid, ...]:
    """Find the lengths of the same MTUs in the same postures in a model.

    Args:
        model: .osim file.
        grids: MTUs, coordinates and postures (rad, m); lengths are not read.
        log: file for OpenSim's log.

    Returns:
        The grids with this model's lengths.

    Raises:
        UnknownNameError: a muscle or coordinate is not in the model, or locked, or follows others.
        OpenSimToolError: OpenSim failed; with its log.
    """
    job = _Job(model=Path(model).absolute(), grids=tuple(grids))
    return in_worker(_measure, job, log=Path(log), doing=f"looking at the muscle paths of {model}", model=job.model)


def _sample(job: _Job) -> tuple[PoseGrid, ...]:
    model = open_model(job.model)
    ranges = _ranges(model)
    coordinates = coordinates_of(model)
    require_couplers_only(model, str(job.model))
    free_coordinates(model)
    independent = [n for n in coordinates.names if n not in coordinates.dependent and n not in coordinates.locked]
    geometer = PathGeometry(model, coordinates, independent)
    looks = np.array([[ranges[n][0] + share * (ranges[n][1] - ranges[n][0]) for n in independent] for share in (0.15, 0.5, 0.85)])
    _, arms = geometer.over(_postures(looks, independent, coordinates), "lengthening_speed")
    crossed = np.abs(arms).max(axis=0) > CROSSES  # (coordinate, muscle)
    together: dict[tuple[str, ...], list[str]] = {}
    for name, own in zip(geometer.names, crossed.T, strict=True):
        crosses = tuple(n for n, moves in zip(independent, own, strict=True) if moves)
        if crosses:
            together.setdefault(crosses, []).append(name)
    grids = tuple(_grid(muscles, names, ranges) for names, muscles in together.items())
    return tuple(_lengths(geometer, grids, coordinates, job.model))


def _measure(job: _Job) -> tuple[PoseGrid, ...]:
    model = open_model(job.model)
    coordinates = coordinates_of(model)
    for name in dict.fromkeys(name for grid in job.grids for name in grid.coordinates):
        require_coordinate(name, coordinates, str(job.model))
    free_coordinates(model)
    return tuple(_lengths(PathGeometry(model, coordinates, ()), job.grids, coordinates, job.model))


def _lengths(geometer: PathGeometry, grids: Sequence[PoseGrid], coordinates: Coordinates, model: Path) -> Iterator[PoseGrid]:
    every = geometer.muscles
    for grid in grids:
        geometer.muscles = every
        geometer.keep(grid.muscles, str(model))
        yield replace(grid, mtu_length=geometer.lengths(_postures(grid.postures, grid.coordinates, coordinates)))


def _grid(muscles: Sequence[str], names: tuple[str, ...], ranges: dict[str, tuple[float, float]]) -> PoseGrid:
    count = int(np.clip(MOST_POSTURES ** (1.0 / len(names)), LEAST_VALUES, MOST_VALUES))
    postures = np.array(list(product(*(np.linspace(*ranges[name], count).tolist() for name in names))))
    return PoseGrid(muscles=tuple(muscles), coordinates=names, postures=postures, mtu_length=np.full((len(postures), len(muscles)), np.nan))


def _postures(values: FloatArray, names: Sequence[str], coordinates: Coordinates) -> FloatArray:
    moved = TimeSeries(time=np.arange(len(values), dtype=np.float64), labels=tuple(names), values=values)
    return with_dependents(moved, coordinates).values


def _ranges(model: Any) -> dict[str, tuple[float, float]]:
    found = {}
    for i in range(model.getCoordinateSet().getSize()):
        one = model.getCoordinateSet().get(i)
        low, high, rest = one.getRangeMin(), one.getRangeMax(), one.getDefaultValue()
        found[one.getName()] = (low, high) if high - low < WIDEST_RANGE else (rest - USUAL_RANGE, rest + USUAL_RANGE)
    return found
