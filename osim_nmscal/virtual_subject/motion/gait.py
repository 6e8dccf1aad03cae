"""Walking on a treadmill at one speed, built from published normal curves, with stride-to-stride variation.

Joint angles and ground reaction force follow `gait_curves`. The pelvis moves so that the foot on the ground neither slides on
the belt nor leaves the floor, as far as a smooth motion below 5 Hz allows. The left foot does the same half a stride later.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.interpolation import monotone_cubic
from osim_nmscal.signals import zero_lag_lowpass
from osim_nmscal.virtual_subject.anatomy.facts import Vector
from osim_nmscal.virtual_subject.anatomy.leg import ANKLE_AXIS, ANKLE_CENTER, HIP_CENTER, KNEE_CENTER, SOLE_POINTS
from osim_nmscal.virtual_subject.motion.gait_curves import (
    ANGLES,
    FORWARD_FORCE,
    MIDLINE_FORCE,
    MOMENTS,
    PRESSURE_FORWARD,
    PRESSURE_SIDEWAYS,
    VERTICAL_FORCE,
    speed_steps,
    stance_curve,
    stance_part,
    stride_curve,
    stride_time,
)
from osim_nmscal.virtual_subject.motion.prescribed import PREROLL, Contact, Motion, wander

FloatArray = NDArray[np.float64]

GRAVITY = 9.80665  # m/s^2, as in OpenSim's models
# Phase of the stride at which a recording starts: swing, so that the first stance is whole and has a lead-in.
START_PHASE = 0.68
# What one stride differs from the next. Source: choice, inside the standard deviations of Winter (2009) within a subject.
ANGLE_GAIN_SPREAD, ANGLE_OFFSET_SPREAD, FORCE_SPREAD, TEMPO_SPREAD = 0.03, 0.8, 0.02, 0.012
# The pelvis follows the feet up to this frequency, Hz. Source: choice.
PELVIS_CUTOFF = 2.5
# Computed on both sides of the recording, s, so that filters have settled.
MARGIN = 1.5
# Sideways sway of the pelvis towards the foot on the ground, m. Source: Perry & Burnfield (2010).
SWAY = 0.018

LEG_COORDINATES = ("hip_flexion_r", "hip_adduction_r", "hip_rotation_r", "knee_flexion_r", "ankle_dorsiflexion_r")
PELVIS_COORDINATES = ("pelvis_tilt", "pelvis_list", "pelvis_rotation", "pelvis_tx", "pelvis_ty", "pelvis_tz")


@dataclass(frozen=True, kw_only=True)
class Walker:
    """What of a person matters for the way they walk."""

    mass: float  # kg
    pelvis_scale: Vector
    thigh_scale: float
    shank_scale: float
    foot_scale: float


def walk(walker: Walker, speed: float, *, name: str, strides: int, rate: float, variation: float, random: np.random.Generator) -> Motion:
    """Return a walking motion with what the ground is expected to do.

    Args:
        walker: size and mass.
        speed: m/s.
        name: of the recording.
        strides: whole stances of the right foot in it.
        rate: Hz.
        variation: factor on the stride-to-stride variation; 0 for identical strides.
        random: source of randomness.

    Returns:
        Motion with `contact`, from PREROLL before 0 s on; coordinates of virtual_leg.osim.
    """
    steps, period = speed_steps(speed), stride_time(speed)
    count = round((strides + 0.18) * period * rate) + 1
    margin = round(MARGIN * rate)
    time = (np.arange(-margin, count + margin)) / rate
    tempo = wander(time, variation * TEMPO_SPREAD, period, random)[:, 0]
    phase = START_PHASE + time / period + tempo
    angles, left = _angles(time, phase, steps, variation, random)
    gain = 1.0 + wander(time, variation * FORCE_SPREAD, period, random, 3)
    right_force, right_load = _foot_force(phase, speed, walker.mass, gain)
    left_force, left_load = _foot_force(phase + 0.5, speed, walker.mass, gain)
    left_force[:, 2] *= -1.0
    pelvis, right_point, left_point = _pelvis_on_feet(walker, angles, left, (right_load, left_load), phase, speed, rate)
    names = PELVIS_COORDINATES + LEG_COORDINATES
    angles.update(pelvis)
    values = np.column_stack([angles[coordinate] for coordinate in names])
    moments = np.column_stack([walker.mass * _expected_moment(dof, steps, phase) for dof in LEG_COORDINATES])
    kept = slice(margin - round(PREROLL * rate), margin + count)
    contact = Contact(
        right_force=right_force[kept],
        left_force=left_force[kept],
        right_point=right_point[kept],
        left_point=left_point[kept],
        expected_moments=moments[kept],
        expected_dofs=LEG_COORDINATES,
        right_load=right_load[kept],
    )
    return Motion(name=name, time=time[kept], coordinates=names, values=values[kept], speed=speed, contact=contact)


def _angles(
    time: FloatArray, phase: FloatArray, steps: float, variation: float, random: np.random.Generator
) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
    """Return the angles (rad) of the right side and the pelvis, and those of the left leg, mirrored to the right."""
    right: dict[str, FloatArray] = {}
    left: dict[str, FloatArray] = {}
    for name, curve in ANGLES.items():
        drift = wander(time, variation, 0.6, random, 2)
        gain, offset = 1.0 + ANGLE_GAIN_SPREAD * drift[:, 0], ANGLE_OFFSET_SPREAD * drift[:, 1]
        right[name] = np.radians(gain * stride_curve(curve, steps, phase) + offset)
        if name in LEG_COORDINATES:
            left[name] = np.radians(stride_curve(curve, steps, phase + 0.5))
    return right, left


def _stance(phase: FloatArray, speed: float) -> FloatArray:
    """Return the phase of the stance: 0 at heel strike, 1 at toe-off, above 1 in swing."""
    return np.mod(phase, 1.0) / stance_part(speed)


def _foot_force(phase: FloatArray, speed: float, mass: float, gain: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the force on a right foot (N) and the load (vertical force / weight); over a stride both feet carry the weight."""
    steps, stance = speed_steps(speed), _stance(phase, speed)
    grid = np.linspace(0.0, 1.0, 400)
    mean_load = 2.0 * stance_part(speed) * float(np.trapezoid(stance_curve(VERTICAL_FORCE, steps, grid), grid))
    drive = float(np.trapezoid(stance_curve(FORWARD_FORCE, steps, grid), grid))
    vertical = stance_curve(VERTICAL_FORCE, steps, stance) / mean_load
    braking = float(np.trapezoid(stance_curve(VERTICAL_FORCE, steps, grid), grid)) / mean_load
    forward = stance_curve(FORWARD_FORCE, steps, stance) - drive / braking * vertical  # constant speed: no net impulse
    midline = stance_curve(MIDLINE_FORCE, steps, stance)
    parts = np.column_stack([forward, vertical, -midline]) * gain
    parts[stance >= 1.0] = 0.0
    return parts * mass * GRAVITY, parts[:, 1]


def _expected_moment(dof: str, steps: float, phase: FloatArray) -> FloatArray:
    """Return the published net moment of the stance, N*m/kg, held in swing."""
    curve = MOMENTS[dof]
    percent = 100.0 * np.clip(np.mod(phase, 1.0), 0.0, curve.percent[-1] / 100.0)
    return monotone_cubic(np.array(curve.percent, dtype=np.float64), curve.at(steps), percent)


def _pelvis_on_feet(
    walker: Walker,
    angles: dict[str, FloatArray],
    left: dict[str, FloatArray],
    loads: tuple[FloatArray, FloatArray],
    phase: FloatArray,
    speed: float,
    rate: float,
) -> tuple[dict[str, FloatArray], FloatArray, FloatArray]:
    """Return the pelvis' translations and the centres of pressure of both feet on the floor."""
    pelvis = _turn_z(angles["pelvis_tilt"]) @ _turn_x(angles["pelvis_list"]) @ _turn_y(angles["pelvis_rotation"])
    mirrored = _turn_z(angles["pelvis_tilt"]) @ _turn_x(-angles["pelvis_list"]) @ _turn_y(-angles["pelvis_rotation"])
    feet = [_foot_points(walker, pelvis, angles), _foot_points(walker, mirrored, left)]
    feet[1][..., 2] *= -1.0
    share = np.column_stack(loads) + 1e-6
    share /= share.sum(axis=1, keepdims=True)
    forward = [_pressure(_stance(phase + shift, speed), speed) for shift in (0.0, 0.5)]
    soles = [_between(foot, along) for foot, along in zip(feet, forward, strict=True)]
    height = sum(share[:, i] * -foot[..., 1].min(axis=1) for i, foot in enumerate(feet))
    slip = sum(share[:, i] * _velocity_under(foot, forward[i], rate)[:, 0] for i, foot in enumerate(feet))
    position = np.cumsum(-speed - slip) / rate
    position -= np.polyval(np.polyfit(phase, position, 1), phase)
    sway = SWAY * np.sin(2.0 * np.pi * (phase - 0.06))
    translations = np.column_stack([position, height, sway])
    translations = zero_lag_lowpass(translations, rate, PELVIS_CUTOFF, 4)
    points = []
    for side, sole in enumerate(soles):
        point = sole + translations
        point[:, 1] = 0.0
        stance = _stance(phase + 0.5 * side, speed)
        point[:, 2] += (1.0, -1.0)[side] * stance_curve(PRESSURE_SIDEWAYS, speed_steps(speed), stance)
        points.append(point)
    named = dict(zip(("pelvis_tx", "pelvis_ty", "pelvis_tz"), translations.T, strict=True))
    return named, points[0], points[1]


def _pressure(stance: FloatArray, speed: float) -> FloatArray:
    return stance_curve(PRESSURE_FORWARD, speed_steps(speed), stance)


def _between(foot: FloatArray, along: FloatArray) -> FloatArray:
    """Return the point of a sole (time, 3) that lies `along` (0 heel, 1 toe tip) it; foot is (time, point, 3)."""
    ball = (SOLE_POINTS[1][0] - SOLE_POINTS[0][0]) / (SOLE_POINTS[2][0] - SOLE_POINTS[0][0])
    rear, front = (along / ball)[:, None], ((along - ball) / (1.0 - ball))[:, None]
    return np.where(rear < 1.0, foot[:, 0] + rear * (foot[:, 1] - foot[:, 0]), foot[:, 1] + front * (foot[:, 2] - foot[:, 1]))


def _velocity_under(foot: FloatArray, along: FloatArray, rate: float) -> FloatArray:
    """Return the velocity of the material point of the sole that bears the load, relative to the pelvis, (time, 3)."""
    return _between(np.gradient(foot, 1.0 / rate, axis=0), along)


def _foot_points(walker: Walker, pelvis: FloatArray, angles: dict[str, FloatArray]) -> FloatArray:
    """Return heel pad, ball and toe tip of a right foot relative to the pelvis, in laboratory directions, (time, 3, 3)."""
    thigh = pelvis @ _turn_z(angles["hip_flexion_r"]) @ _turn_x(angles["hip_adduction_r"]) @ _turn_y(angles["hip_rotation_r"])
    shank = thigh @ _turn_z(-angles["knee_flexion_r"])
    foot = shank @ _turn_about(np.array(ANKLE_AXIS), angles["ankle_dorsiflexion_r"])
    ankle = (
        pelvis @ (np.array(HIP_CENTER) * walker.pelvis_scale)
        + thigh @ (np.array(KNEE_CENTER) * walker.thigh_scale)
        + shank @ (np.array(ANKLE_CENTER) * walker.shank_scale)
    )
    return np.stack([ankle + foot @ (np.array(point) * walker.foot_scale) for point in SOLE_POINTS], axis=1)


def _turn_about(axis: FloatArray, angle: FloatArray) -> FloatArray:
    """Return rotations about a fixed axis, (time, 3, 3), by Rodrigues' formula."""
    x, y, z = axis / np.linalg.norm(axis)
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    sine, cosine = np.sin(angle)[:, None, None], np.cos(angle)[:, None, None]
    return np.eye(3) + sine * cross + (1.0 - cosine) * (cross @ cross)


def _turn_x(angle: FloatArray) -> FloatArray:
    return _turn_about(np.array([1.0, 0.0, 0.0]), angle)


def _turn_y(angle: FloatArray) -> FloatArray:
    return _turn_about(np.array([0.0, 1.0, 0.0]), angle)


def _turn_z(angle: FloatArray) -> FloatArray:
    return _turn_about(np.array([0.0, 0.0, 1.0]), angle)
