"""Marker trajectories from whichever file has them."""

from pathlib import Path

from osim_nmscal.data.time_series import MarkerTrajectories
from osim_nmscal.formats.c3d import read_c3d
from osim_nmscal.formats.trc import read_trc


def is_c3d(path: Path | None) -> bool:
    """Tell whether a file is a c3d by its name."""
    return path is not None and path.suffix.lower() == ".c3d"


def read_markers(path: Path, axes: str) -> MarkerTrajectories:
    """Read marker trajectories, .trc or .c3d, the latter turned into OpenSim's axes.

    Args:
        path: the file.
        axes: of a c3d, e.g. "x z -y"; a .trc is in OpenSim's already.
    """
    return read_c3d(path, axes=axes, plates=False).markers if is_c3d(path) else read_trc(path)
