"""What a virtual person does: a prescribed motion, and the vocabulary that motion makers, mechanics and recordings share."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.interpolation import cubic_spline

FloatArray = NDArray[np.float64]

# Motions start this long before 0 s, where their recording begins, so that muscles are in full swing by then.
PREROLL = 0.3


@dataclass(frozen=True, kw_only=True)
class Motion:
    """Joint angles over time, and for walking what the ground is expected to do."""

    name: str
    time: FloatArray  # (time,), s, uniform
    coordinates: tuple[str, ...]
    values: FloatArray  # (time, coordinate), rad and m
    speed: float = 0.0  # m/s, of the treadmill belt
    contact: "Contact | None" = None


@dataclass(frozen=True, kw_only=True)
class Contact:
    """What published curves say of the ground under both feet."""

    right_force: FloatArray  # (time, 3), N, on the foot, in the laboratory
    left_force: FloatArray  # (time, 3), N
    right_point: FloatArray  # (time, 3), m, centre of pressure in the laboratory, on the floor
    left_point: FloatArray  # (time, 3), m
    expected_moments: FloatArray  # (time, dof), N*m, of the coordinates in `expected_dofs`; only meaningful in right stance
    expected_dofs: tuple[str, ...]
    right_load: FloatArray  # (time,), vertical force / body weight, 0 in swing


@dataclass(frozen=True, kw_only=True)
class Mechanics:
    """What OpenSim says of a motion of the true model."""

    muscles: tuple[str, ...]
    dofs: tuple[str, ...]
    mtu_length: FloatArray  # (time, muscle), m
    moment_arm: FloatArray  # (time, dof, muscle), m
    moment_without_contact: FloatArray  # (time, dof), N*m, inverse dynamics with gravity and inertia alone
    contact_jacobian: FloatArray  # (time, dof, 6), velocity of the contact body (angular, then linear at its origin) per unit speed
    contact_origin: FloatArray  # (time, 3), m, of the contact body in the laboratory
    markers: tuple[str, ...]
    marker_positions: FloatArray  # (time, marker, 3), m


def wander(time: FloatArray, spread: float, step: float, random: np.random.Generator, columns: int = 1) -> FloatArray:
    """Return smooth random drift, as one stride differs from the next.

    Args:
        time: (time,), s.
        spread: standard deviation at the knots.
        step: time between knots, s.
        random: source of randomness.
        columns: number of independent drifts.

    Returns:
        (time, column).
    """
    knots = np.arange(time[0] - 2 * step, time[-1] + 2 * step, step)
    return cubic_spline(knots, random.normal(0.0, spread, (len(knots), columns)), time)
