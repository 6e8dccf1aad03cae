"""Normal walking as tables: joint angles, ground reaction force, centre of pressure, joint moments, over the stride or the stance.

Typical values at marked instants, in words of the sources: Perry & Burnfield (2010), Gait Analysis, 2nd ed.; Winter (2009),
Biomechanics and Motor Control of Human Movement, 4th ed., appendix; how they change with speed: Schwartz et al. (2008),
J Biomech 41:1639, and Fukuchi et al. (2019), Syst Rev 8:153. Between the instants a curve is a shape-preserving cubic
(forces, moments) or a periodic cubic spline cut to its first harmonics (angles), so that no joint moves faster than a filter
at 6 Hz lets pass.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.interpolation import cubic_spline, monotone_cubic

FloatArray = NDArray[np.float64]

# Walking speeds the tables hold, m/s, their stride times, s, and the stance's part of the stride. Source: Winter (2009), natural
# cadence 105 steps/min at 1.3 m/s, slow 86, fast 125.
NORMAL_SPEED = 1.25
SPEED_STEP = 0.35
# Harmonics of the stride kept in a joint angle: 4 at 1.1 s are 3.6 Hz. Source: choice; the usual filter at 6 Hz takes 5 % off that
# and 17 % off the next.
ANGLE_HARMONICS = 4
# Strides before and after the one that is looked at, so that its spline is the periodic one. Source: a spline forgets its ends by 0.27 per
# knot, and a curve has 4 and more of them.
PERIODS = 8


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Values at instants, at normal speed, and what one step of speed (0.35 m/s) adds."""

    percent: tuple[float, ...]
    normal: tuple[float, ...]
    per_step: tuple[float, ...]
    harmonics: int = ANGLE_HARMONICS  # of the stride that are kept, for angles

    def at(self, steps: float) -> FloatArray:
        """Return the values at a speed, (instant,).

        Args:
            steps: (speed - 1.25 m/s) / 0.35 m/s.
        """
        return np.array(self.normal) + steps * np.array(self.per_step)


def speed_steps(speed: float) -> float:
    """Return a speed (m/s) in steps from the normal one."""
    return (speed - NORMAL_SPEED) / SPEED_STEP


def stride_time(speed: float) -> float:
    """Return the stride time (s) at a speed (m/s)."""
    return 1.10 - 0.14 * speed_steps(speed)


def stance_part(speed: float) -> float:
    """Return the part of the stride that a foot is on the ground at a speed (m/s)."""
    return 0.625 - 0.02 * speed_steps(speed)


# Degrees over percent of the stride from heel strike; signs of virtual_leg.osim.
ANGLES: dict[str, Curve] = {
    "hip_flexion_r": Curve(
        percent=(0, 8, 16, 25, 35, 45, 52, 58, 64, 72, 80, 87, 94),
        normal=(28, 26, 20.5, 12, 2.5, -6, -9, -7, 2, 18, 28.5, 31.5, 29.5),
        per_step=(3, 3, 2, 1, 0, -1, -1.5, -1, 0.5, 2, 3, 3.5, 3),
        harmonics=3,
    ),
    "hip_adduction_r": Curve(
        percent=(0, 8, 16, 26, 38, 50, 58, 66, 76, 88),
        normal=(0.5, 4.5, 6.5, 6, 5, 3, 0, -2.5, -2.5, -1),
        per_step=(0, 0.8, 1, 0.6, 0.2, 0, -0.5, -1, -0.5, 0),
        harmonics=3,
    ),
    "hip_rotation_r": Curve(
        percent=(0, 15, 35, 50, 64, 80),
        normal=(-1, 3, 2, 0, -3, -2),
        per_step=(0, 0.5, 0.3, 0, -0.5, -0.3),
        harmonics=3,
    ),
    "knee_flexion_r": Curve(
        percent=(0, 7, 14, 22, 32, 41, 48, 55, 62, 68, 73, 80, 88, 95),
        normal=(5, 13, 18.5, 16, 9.5, 6.5, 10, 22, 42, 57, 61, 49, 22, 4),
        per_step=(1, 3.5, 5.5, 4.5, 1.5, 0.5, 1, 2, 3, 3, 2.5, 2, 2, 1.5),
    ),
    "ankle_dorsiflexion_r": Curve(
        percent=(0, 6, 14, 24, 36, 46, 52, 58, 64, 71, 79, 88),
        normal=(0, -5, -0.5, 4.5, 8, 11, 7.5, -5, -17, -8, 1.5, 1.5),
        per_step=(0.5, -1, 0, -0.5, -1, -1.5, -2.5, -3, -2, -1, 0, 0.5),
    ),
    "pelvis_tilt": Curve(percent=(0, 25, 50, 75), normal=(-4, -5, -4, -5), per_step=(-0.5, -0.5, -0.5, -0.5)),
    "pelvis_list": Curve(percent=(0, 15, 35, 50, 65, 85), normal=(-0.5, -4, -1.5, 0.5, 4, 1.5), per_step=(0, -1, -0.3, 0, 1, 0.3)),
    "pelvis_rotation": Curve(percent=(0, 25, 50, 75), normal=(5, 0, -5, 0), per_step=(1.5, 0, -1.5, 0)),
}

# Body weights over percent of the stance: vertical, forward, and towards the body's midline.
VERTICAL_FORCE = Curve(
    percent=(0, 4, 9, 15, 22, 30, 39, 48, 58, 68, 76, 83, 89, 95, 100),
    normal=(0, 0.28, 0.66, 0.98, 1.10, 1.02, 0.85, 0.77, 0.84, 1.01, 1.10, 1.02, 0.70, 0.22, 0),
    per_step=(0, 0.05, 0.10, 0.13, 0.10, 0.0, -0.12, -0.15, -0.10, 0.01, 0.06, 0.05, 0.02, 0.0, 0),
)
FORWARD_FORCE = Curve(
    percent=(0, 5, 11, 18, 26, 36, 46, 54, 64, 74, 83, 90, 96, 100),
    normal=(0, -0.04, -0.13, -0.18, -0.16, -0.09, -0.03, 0.0, 0.06, 0.14, 0.20, 0.14, 0.04, 0),
    per_step=(0, -0.02, -0.04, -0.06, -0.05, -0.02, -0.01, 0.0, 0.02, 0.04, 0.06, 0.04, 0.01, 0),
)
MIDLINE_FORCE = Curve(
    percent=(0, 6, 16, 28, 48, 68, 80, 92, 100),
    normal=(0, 0.0, 0.045, 0.055, 0.038, 0.045, 0.048, 0.015, 0),
    per_step=(0, 0.0, 0.005, 0.005, 0.0, 0.005, 0.005, 0.0, 0),
)
# Where the force acts, as part of the length from heel pad (0) to toe tip (1) and sideways (towards the little toe, m).
PRESSURE_FORWARD = Curve(
    percent=(0, 8, 18, 30, 45, 60, 75, 88, 100),
    normal=(0.02, 0.10, 0.24, 0.38, 0.52, 0.63, 0.72, 0.80, 0.88),
    per_step=(0, 0, 0, 0, 0, 0, 0, 0, 0),
)
PRESSURE_SIDEWAYS = Curve(
    percent=(0, 25, 50, 75, 100),
    normal=(-0.004, 0.004, 0.006, 0.000, -0.012),
    per_step=(0, 0, 0, 0, 0),
)

# Net muscle moments in stance, N*m per kg body mass over percent of the stride; signs of virtual_leg.osim.
MOMENTS: dict[str, Curve] = {
    "hip_flexion_r": Curve(
        percent=(0, 5, 12, 20, 30, 40, 49, 55, 63),
        normal=(-0.35, -0.65, -0.50, -0.25, 0.05, 0.25, 0.45, 0.48, 0.35),
        per_step=(-0.1, -0.2, -0.2, -0.1, 0.0, 0.05, 0.1, 0.1, 0.05),
    ),
    "hip_adduction_r": Curve(
        percent=(0, 6, 13, 22, 32, 44, 52, 58, 63),
        normal=(0.0, -0.45, -0.85, -0.72, -0.58, -0.62, -0.42, -0.14, 0.0),
        per_step=(0.0, -0.05, -0.08, 0.0, 0.08, 0.0, 0.05, 0.0, 0.0),
    ),
    "hip_rotation_r": Curve(
        percent=(0, 8, 16, 26, 36, 48, 56, 63),
        normal=(0.0, -0.05, -0.10, -0.05, 0.02, 0.10, 0.05, 0.0),
        per_step=(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    ),
    "knee_flexion_r": Curve(
        percent=(0, 4, 9, 15, 23, 32, 41, 48, 55, 63),
        normal=(0.20, 0.15, -0.25, -0.55, -0.38, 0.0, 0.20, 0.10, -0.12, -0.08),
        per_step=(0.05, 0.05, -0.15, -0.22, -0.12, 0.0, 0.02, 0.0, -0.05, -0.05),
    ),
    "ankle_dorsiflexion_r": Curve(
        percent=(0, 5, 10, 16, 26, 36, 44, 48, 53, 58, 63),
        normal=(0.0, 0.12, 0.02, -0.25, -0.60, -1.00, -1.38, -1.42, -1.10, -0.40, -0.03),
        per_step=(0.0, 0.03, 0.0, 0.0, 0.05, 0.0, -0.10, -0.12, -0.05, 0.0, 0.0),
    ),
}


def stride_curve(curve: Curve, steps: float, phase: FloatArray) -> FloatArray:
    """Return a periodic curve over the phase of the stride.

    Args:
        curve: table over percent of the stride.
        steps: speed, see `speed_steps`.
        phase: (time,), in strides; any number of them.

    Returns:
        (time,), unit of the table.
    """
    around = np.repeat(np.arange(-PERIODS, PERIODS + 1), len(curve.percent))
    knots = np.tile(np.array(curve.percent) / 100.0, 2 * PERIODS + 1) + around
    grid = np.arange(128) / 128.0
    spectrum = np.fft.rfft(cubic_spline(knots, np.tile(curve.at(steps), 2 * PERIODS + 1), grid)) / 128.0
    order = np.arange(1, curve.harmonics + 1)
    waves = np.exp(2j * np.pi * phase[:, None] * order)
    return np.real(spectrum[0] + 2.0 * waves @ spectrum[1 : curve.harmonics + 1])


def stance_curve(curve: Curve, steps: float, stance: FloatArray) -> FloatArray:
    """Return a curve over the stance, held at its end values outside.

    Args:
        curve: table over percent of the stance.
        steps: speed, see `speed_steps`.
        stance: (time,), 0 at heel strike, 1 at toe-off.

    Returns:
        (time,), unit of the table.
    """
    return monotone_cubic(np.array(curve.percent) / 100.0, curve.at(steps), np.clip(stance, 0.0, 1.0))
