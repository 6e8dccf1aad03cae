"""Clocks: files of one recording that began at different moments, brought to one clock by a time that is added to each.

Laboratories without a common trigger start motion capture, force plates and EMG by hand; a file that was cut, or an analysis of an
earlier run, may start at zero again. The clock of the recording is the one on which `start`, `end` and the trials are stated.
"""

from dataclasses import replace
from typing import TypeVar

from osim_nmscal.data.time_series import MarkerTrajectories, TimeSeries
from osim_nmscal.data.trials import MuscleGeometry
from osim_nmscal.settings import Settings, setting

Timed = TypeVar("Timed", TimeSeries, MarkerTrajectories, MuscleGeometry)

_ADDED = "Added to the time of {}, to bring it to the clock of the recording."
_SOURCE = "choice: one clock, as most laboratories record"


class TimeOffsetSettings(Settings):
    """How late the clock of the recording is against that of each file.

    Example:
        >>> TimeOffsetSettings(emg=-0.35).emg
        -0.35
    """

    markers: float = setting(0.0, unit="s", description=_ADDED.format("the markers"), source=_SOURCE)
    joint_angles: float = setting(0.0, unit="s", description=_ADDED.format("given joint angles"), source=_SOURCE)
    forces: float = setting(0.0, unit="s", description=_ADDED.format("the forces, also those of external_loads"), source=_SOURCE)
    joint_moments: float = setting(0.0, unit="s", description=_ADDED.format("given joint moments"), source=_SOURCE)
    muscle_analysis: float = setting(0.0, unit="s", description=_ADDED.format("given MTU lengths and moment arms"), source=_SOURCE)
    emg: float = setting(
        0.0, unit="s", description=_ADDED.format("this recording's EMG, beside [emg.envelope] time_offset"), source=_SOURCE
    )


def shifted(series: Timed, offset: float) -> Timed:
    """Return a signal on a clock that is ahead by some time, s."""
    return series if offset == 0.0 else replace(series, time=series.time + offset)
