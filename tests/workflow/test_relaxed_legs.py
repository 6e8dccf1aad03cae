"""Where a person's own passive moments calibrate, the mean person's relaxed leg is no measure of the calibrated one."""

import numpy as np

from osim_nmscal.data.trials import Trial
from osim_nmscal.workflow.relaxed_legs import passively_measured

SWEEP = Trial(
    name="sweep",
    time=np.linspace(0.0, 0.4, 5),
    muscles=("m",),
    dofs=("hip", "knee"),
    excitation=np.zeros((5, 1)),
    mtu_length=np.full((5, 1), 0.3),
    moment_arm=np.full((5, 2, 1), 0.04),
    joint_moment=np.ones((5, 2)),
    first_counted=0,
    role="calibration",
    kind="passive",
    measured=("knee",),
    driven_by="assumed",
)


def _as(role: str, kind: str) -> Trial:
    return Trial(**{**SWEEP.__dict__, "role": role, "kind": kind})


def test_the_joint_of_a_calibrating_sweep_is_measured() -> None:
    assert passively_measured([SWEEP]) == {"knee"}


def test_held_out_sweeps_and_efforts_are_not() -> None:
    assert passively_measured([_as("held_out", "passive"), _as("calibration", "effort")]) == frozenset()
