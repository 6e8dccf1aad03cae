"""Markers and EMG of one recording as a .c3d file, in a laboratory whose z axis points up."""

from pathlib import Path

import numpy as np

from osim_nmscal.data.time_series import MarkerTrajectories, TimeSeries
from osim_nmscal.formats.text_files import write_atomically


def write_c3d(path: Path, markers: MarkerTrajectories, emg: TimeSeries) -> Path:
    """Write a .c3d file, all of it or nothing.

    Args:
        path: file to write.
        markers: m, y up; written in mm, z up: laboratory (x, y, z) = OpenSim (x, -z, y).
        emg: V; its rate must be a whole multiple of the markers'.

    Returns:
        The path.
    """
    import ezc3d

    frames, rate = len(markers.time), (len(markers.time) - 1) / (markers.time[-1] - markers.time[0])
    per_frame = round(emg.rate / rate)
    count = frames * per_frame
    analog = np.zeros((1, len(emg.labels), count))
    kept = min(count, len(emg.time))
    analog[0, :, :kept] = emg.values[:kept].T
    analog[0, :, kept:] = emg.values[-1:].T  # the last frame has samples beyond the last marker
    points = np.ones((4, len(markers.markers), frames))
    x, y, z = np.moveaxis(markers.positions, 2, 0) * 1e3
    points[:3] = np.stack([x.T, -z.T, y.T])
    content = ezc3d.c3d()
    content["parameters"]["POINT"]["RATE"]["value"] = [round(rate, 6)]
    content["parameters"]["POINT"]["LABELS"]["value"] = list(markers.markers)
    content["parameters"]["POINT"]["UNITS"]["value"] = ["mm"]
    content["parameters"]["ANALOG"]["RATE"]["value"] = [round(rate, 6) * per_frame]
    content["parameters"]["ANALOG"]["LABELS"]["value"] = list(emg.labels)
    content["parameters"]["ANALOG"]["UNITS"]["value"] = ["V"] * len(emg.labels)
    content["data"]["points"] = points
    content["data"]["analogs"] = analog
    return write_atomically(path, lambda temporary: content.write(str(temporary)))
