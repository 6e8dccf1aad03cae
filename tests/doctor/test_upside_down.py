"""Feet above the body, and hands that pull a bar, which are as they should be."""

from dataclasses import replace

import numpy as np
import pytest

from osim_nmscal.data.findings import Finding
from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.doctor.contacts import upside_down
from osim_nmscal.doctor.forces import AppliedForce

CLOCK = np.arange(0.0, 1.0, 0.01)


def _force(body: str, height: float) -> AppliedForce:
    force = np.tile([0.0, 400.0, 0.0], (len(CLOCK), 1))
    return AppliedForce(name=f"plate_{body}", body=body, time=CLOCK, force=force, point=np.tile([0.0, height, 0.0], (len(CLOCK), 1)))


def _feet(height: float) -> dict[str, TimeSeries]:
    one = TimeSeries(time=CLOCK, labels=("y",), values=np.full((len(CLOCK), 1), height), source="walk.trc")
    return {"calcn_r": one, "calcn_l": replace(one)}


def _found(feet: float, point: float, middle: float, bodies: tuple[str, ...] = ("calcn_r", "calcn_l")) -> tuple[Finding, ...]:
    return upside_down([_force(body, point) for body in bodies], _feet(feet), middle, "walk.trc")


def test_feet_above_the_body_and_far_from_the_ground_stop() -> None:
    (found,) = _found(feet=1.7, point=0.0, middle=0.9)
    assert (found.severity, found.kind) == ("stop", "vertical_axis")


@pytest.mark.parametrize(
    ("feet", "point", "bodies"),
    [
        pytest.param(0.05, 0.0, ("calcn_r", "calcn_l"), id="standing"),
        pytest.param(2.1, 2.1, ("calcn_r", "calcn_l"), id="hands on a bar"),
        pytest.param(1.0, 0.0, ("calcn_r",), id="one force alone, on whatever body"),
    ],
)
def test_what_is_upright_is_left_in_peace(feet: float, point: float, bodies: tuple[str, ...]) -> None:
    assert _found(feet, point, 0.9, bodies) == ()
