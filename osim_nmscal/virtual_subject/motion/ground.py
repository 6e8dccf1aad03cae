"""The force under the right foot: near published curves, and such that the joint moments are physiological.

A wrench here is (torque about the centre of pressure expected from the curves, force), (time, 6). Its generalized force is linear
in it, so both steps are small least-squares problems per sample: first towards published joint moments, then, once the muscles'
own moments are known, exactly onto them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.virtual_subject.motion.gait import GRAVITY
from osim_nmscal.virtual_subject.motion.prescribed import Contact, Mechanics

FloatArray = NDArray[np.float64]

# How far force (body weights: forward, up, sideways), centre of pressure (m: forward, sideways), free moment (N*m/kg) and joint
# moments (N*m/kg) may lie from the published ones before they count alike. Source: choice, about one standard deviation.
FORCE_SPREAD = (0.04, 0.05, 0.02)
PRESSURE_SPREAD = 0.012
FREE_MOMENT_SPREAD = 0.03
MOMENT_SPREAD = {
    "hip_flexion_r": 0.15,
    "hip_adduction_r": 0.15,
    "hip_rotation_r": 0.04,
    "knee_flexion_r": 0.12,
    "ankle_dorsiflexion_r": 0.10,
}
# Below this load (body weights) forces stay as published: at heel strike and toe-off nothing may jump.
LEAST_LOAD = 0.05


@dataclass(frozen=True, kw_only=True)
class PlateForces:
    """What a force plate reports of one foot."""

    force: FloatArray  # (time, 3), N, on the foot
    point: FloatArray  # (time, 3), m, on the floor
    free_moment: FloatArray  # (time,), N*m, about the vertical


def towards_published_moments(contact: Contact, mechanics: Mechanics, mass: float) -> FloatArray:
    """Return the wrench that departs least from published forces and published moments together, (time, 6).

    Args:
        contact: published forces, pressure and moments.
        mechanics: of the motion; its dofs are those of the published moments.
        mass: kg.
    """
    weight = mass * GRAVITY
    published = np.concatenate([np.zeros_like(contact.right_force), contact.right_force], axis=1)
    jacobian = _about_pressure(contact, mechanics)
    moment = mechanics.moment_without_contact - np.einsum("tdw,tw->td", jacobian, published)
    missing = moment - contact.expected_moments  # what the change of the wrench should take away
    spread = _wrench_spread(contact, weight, mass)
    scale = np.array([MOMENT_SPREAD[dof] * mass for dof in mechanics.dofs])
    change = np.zeros_like(published)
    for row in np.flatnonzero(contact.right_load > 0.0):
        weighted = jacobian[row] * spread[row] / scale[:, None]
        # the ridge of 1 is the wrench's own distance from the published one
        change[row] = spread[row] * (weighted.T @ np.linalg.solve(weighted @ weighted.T + np.eye(len(scale)), missing[row] / scale))
    return published + change


def onto_muscle_moments(wrench: FloatArray, contact: Contact, mechanics: Mechanics, moments: FloatArray, mass: float) -> FloatArray:
    """Return the nearest wrench whose inverse dynamics is the given moments, wherever the foot bears load, (time, 6).

    Args:
        wrench: (time, 6).
        contact: published forces.
        mechanics: of the motion.
        moments: (time, dof), N*m, of the muscles.
        mass: kg.
    """
    jacobian = _about_pressure(contact, mechanics)
    missing = net_moments(wrench, contact, mechanics) - moments
    spread = _wrench_spread(contact, mass * GRAVITY, mass)
    change = np.zeros_like(wrench)
    fade = np.clip(contact.right_load / LEAST_LOAD - 1.0, 0.0, 1.0)
    for row in np.flatnonzero(fade > 0.0):
        weighted = jacobian[row] * spread[row]
        change[row] = fade[row] * spread[row] * (np.linalg.pinv(weighted, rcond=1e-6) @ missing[row])
    return wrench + change


def net_moments(wrench: FloatArray, contact: Contact, mechanics: Mechanics) -> FloatArray:
    """Return the joint moments of inverse dynamics under a wrench, (time, dof), N*m."""
    return mechanics.moment_without_contact - np.einsum("tdw,tw->td", _about_pressure(contact, mechanics), wrench)


def plate_forces(wrench: FloatArray, contact: Contact) -> PlateForces:
    """Return force, centre of pressure and free moment of a wrench, as a plate in the floor measures them."""
    torque, force = wrench[:, :3], wrench[:, 3:]
    vertical = np.where(force[:, 1] > 1.0, force[:, 1], np.inf)
    shift = np.zeros_like(force)
    shift[:, 0], shift[:, 2] = torque[:, 2] / vertical, -torque[:, 0] / vertical
    left_over = torque - np.cross(shift, force)
    loaded = np.isfinite(vertical)
    return PlateForces(
        force=np.where(loaded[:, None], force, 0.0),
        point=np.where(loaded[:, None], contact.right_point + shift, 0.0),
        free_moment=np.where(loaded, left_over[:, 1], 0.0),
    )


def _about_pressure(contact: Contact, mechanics: Mechanics) -> FloatArray:
    """Return the Jacobian (time, dof, 6) for wrenches about the expected centre of pressure."""
    turning, moving = mechanics.contact_jacobian[..., :3], mechanics.contact_jacobian[..., 3:]
    arm = contact.right_point - mechanics.contact_origin
    return np.concatenate([turning, moving + np.cross(turning, arm[:, None, :])], axis=2)


def _wrench_spread(contact: Contact, weight: float, mass: float) -> FloatArray:
    """Return how far each part of the wrench may move, (time, 6); it fades with the load."""
    load = contact.right_load[:, None]
    torque = load * np.array([PRESSURE_SPREAD * weight, FREE_MOMENT_SPREAD * mass, PRESSURE_SPREAD * weight])
    return np.concatenate([torque, load * weight * np.array(FORCE_SPREAD)], axis=1)
