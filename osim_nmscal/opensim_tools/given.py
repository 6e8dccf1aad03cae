"""What a station was given, as what goes to the worker: a path, or a noun of ours; OpenSim's own tables become one here.

No object of OpenSim's can be handed to another process.
"""

from pathlib import Path
from typing import Any

from osim_nmscal.data.time_series import MarkerTrajectories, TimeSeries
from osim_nmscal.errors import SignalError
from osim_nmscal.formats.storage import read_storage
from osim_nmscal.opensim_objects import TableSource, is_point_table, is_table

# A path of a .trc file, `MarkerTrajectories`, or an `opensim.TimeSeriesTableVec3`.
MarkerSource = Any


def motion_of(source: TableSource) -> Path | TimeSeries:
    """Return a motion as an absolute path, or as what a table holds.

    Raises:
        SignalError: it is neither.
    """
    if isinstance(source, TimeSeries):
        return source
    if isinstance(source, str | Path):
        return Path(source).absolute()
    if is_table(source):
        return TimeSeries.from_table(source, source="the table of coordinates")
    raise SignalError(
        f"A motion is the path of a .mot or .sto file, a TimeSeries, an opensim.TimeSeriesTable or an opensim.Storage, but here it is a "
        f"{type(source).__name__}."
    )


def series_of(source: TableSource) -> TimeSeries:
    """Return what a file or a table holds.

    Raises:
        SignalError: it is neither.
        FileFormatError: the file cannot be read.
    """
    found = motion_of(source)
    return found if isinstance(found, TimeSeries) else read_storage(found)


def markers_of(source: MarkerSource) -> Path | MarkerTrajectories:
    """Return markers as an absolute path, or as what a table holds.

    Raises:
        SignalError: it is neither.
    """
    if isinstance(source, MarkerTrajectories):
        return source
    if isinstance(source, str | Path):
        return Path(source).absolute()
    if is_point_table(source):
        return MarkerTrajectories.from_table(source, source="the table of markers")
    raise SignalError(
        f"Markers are the path of a .trc file, MarkerTrajectories or an opensim.TimeSeriesTableVec3, but here they are a "
        f"{type(source).__name__}."
    )
