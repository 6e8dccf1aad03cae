"""Feet on the ground: forces that come late are found, a step cut off by the beginning of a recording is none."""

import numpy as np

from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.doctor.contacts import forces_on_the_clock
from osim_nmscal.doctor.forces import AppliedForce

CLOCK = np.arange(0.0, 0.8, 0.005)


def _runner(begin: float) -> TimeSeries:
    """A foot that is on the ground for 0.15 s every 0.55 s, from a time on, rolling over its toe; in between it swings."""
    phase = np.mod(CLOCK - begin, 0.55)
    rolling, swing = np.clip(phase / 0.15, 0.0, 1.0), np.clip((phase - 0.15) / 0.4, 0.0, 1.0)
    speed = np.where(phase < 0.15, 1.5 * rolling**2, 1.5 + 9.0 * np.sin(np.pi * swing))
    x, y = np.cumsum(speed) * 0.005, 0.02 + 0.15 * np.sin(np.pi * swing)
    return TimeSeries(time=CLOCK, labels=("x", "y", "z", "lowest"), values=np.column_stack([x, y, 0 * x, y]), source="run")


def _pushed(contact: tuple[float, float]) -> AppliedForce:
    on = (contact[0] <= CLOCK) & (contact[1] >= CLOCK)
    up = 1500.0 * on
    return AppliedForce(
        name="plate1", body="calcn_r", time=CLOCK, force=np.column_stack([0 * up, up, 0 * up]), point=np.zeros((len(CLOCK), 3))
    )


def test_a_force_0_15_s_late_is_found() -> None:
    (found,) = forces_on_the_clock([_pushed((0.45, 0.6))], {"calcn_r": _runner(0.3)})
    assert "0.14 s late" in found.text or "0.16 s late" in found.text  # lags are looked at every 0.02 s
    assert found.severity == "stop"


def test_a_step_that_the_beginning_cuts_off_is_on_the_clock() -> None:
    # Moved earlier by its own length it would lie before the first frame, where a foot seems to stand still.
    contact = (0.0, 0.15)
    assert forces_on_the_clock([_pushed(contact)], {"calcn_r": _runner(0.0)}) == ()
