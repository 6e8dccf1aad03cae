"""Markers: is up where the feet are not."""

import numpy as np

from osim_nmscal.data.time_series import MarkerTrajectories, TimeSeries
from osim_nmscal.doctor.markers import upside_down

CLOCK = np.arange(0.0, 1.0, 0.01)
HEIGHTS = {"RHEE": 0.05, "RTOE": 0.04, "RKNE": 0.5, "RASI": 0.95, "LASI": 0.95}


def _seen(sign: float) -> tuple[MarkerTrajectories, dict[str, TimeSeries]]:
    heights = np.array(list(HEIGHTS.values())) * sign
    positions = np.zeros((len(CLOCK), len(heights), 3))
    positions[..., 1] = heights
    foot = TimeSeries(time=CLOCK, labels=("x", "y", "z", "lowest"), values=np.full((len(CLOCK), 4), 0.045 * sign), source="model")
    return MarkerTrajectories(time=CLOCK, markers=tuple(HEIGHTS), positions=positions, source="walk.trc"), {"calcn_r": foot}


def test_feet_above_the_body_stop_and_feet_below_do_not() -> None:
    assert upside_down(*_seen(1.0)) == ()
    (found,) = upside_down(*_seen(-1.0))
    assert (found.severity, found.kind) == ("stop", "vertical_axis")
    assert "up is down there" in found.text


def test_without_a_foot_nothing_is_judged() -> None:
    assert upside_down(_seen(-1.0)[0], {}) == ()
