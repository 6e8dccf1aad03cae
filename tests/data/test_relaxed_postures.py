"""Postures of a relaxed limb refuse what cannot be true and give up muscles by name."""

from dataclasses import replace

import numpy as np
import pytest

from osim_nmscal.data.relaxed_postures import RelaxedPostures
from osim_nmscal.errors import SignalError

TWO = RelaxedPostures(
    muscles=("flexor", "extensor"),
    mtu_length=np.array([[0.3, 0.4], [0.31, 0.39], [0.32, 0.38]]),
    moment_arm=np.array([[0.04, -0.05]] * 3),
    deviation=np.array([4.0, 4.0, 5.0]),
    joint=("knee", "knee", "hip"),
    angle=np.array([0.1, 0.2, 0.3]),
)


def test_selection_keeps_each_muscles_own_values_and_passes_over_others() -> None:
    own = TWO.select(["stranger", "extensor"])
    assert own.muscles == ("extensor",)
    np.testing.assert_array_equal(own.mtu_length, TWO.mtu_length[:, 1:])
    np.testing.assert_array_equal(own.deviation, TWO.deviation)


@pytest.mark.parametrize(
    "change",
    [
        {"mtu_length": TWO.mtu_length[:2]},
        {"moment_arm": TWO.moment_arm[:, :1]},
        {"deviation": np.array([4.0, 0.0, 5.0])},
        {"moment_arm": np.full((3, 2), np.nan)},
        {"joint": ("knee",)},
        {"angle": np.array([0.1, np.inf, 0.3])},
    ],
)
def test_what_cannot_be_true_is_refused(change: dict[str, np.ndarray]) -> None:
    with pytest.raises(SignalError, match="Relaxed postures"):
        replace(TWO, **change)
