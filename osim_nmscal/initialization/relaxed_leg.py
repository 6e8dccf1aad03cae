"""How far a model's relaxed leg is from the mean person's: passive moments at hip, knee and ankle, N·m RMS."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.findings import Finding
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.passive_joint_moment import PassiveJointMoment
from osim_nmscal.data.passive_moments import PassiveMoments
from osim_nmscal.data.trials import MuscleGeometry

FloatArray = NDArray[np.float64]

# A calibrated leg that is farther from the mean person than its start by less than this is not said to be, N·m. Source: choice, half of
# what people differ by.
WORSE_BY = 2.0


@dataclass(frozen=True, kw_only=True)
class RelaxedLeg:
    """Passive moments of a model's muscles beside a reference, and their distance."""

    coordinates: tuple[str, ...]
    moment: FloatArray  # (posture,), N·m, of muscles and ligaments about the joint that moves
    rms: FloatArray  # (coordinate,), N·m, distance from the reference; nan where it tells nothing of a coordinate

    def __str__(self) -> str:
        return ", ".join(f"{name} {value:.1f} N·m" for name, value in zip(self.coordinates, self.rms, strict=True))


def relaxed_leg(
    muscles: MuscleTable, geometry: MuscleGeometry, reference: PassiveMoments, ligaments: PassiveJointMoment | None = None
) -> RelaxedLeg:
    """Compare a model's relaxed muscles, and its ligaments if it has some, with a reference.

    Args:
        muscles: at least those of the geometry.
        geometry: MTU lengths and moment arms in the reference's postures, its dofs the reference's coordinates.
        reference: the mean person's moments, or measured ones.
        ligaments: about some of the reference's coordinates, or others.

    Returns:
        The moments and their RMS distance by coordinate.

    Raises:
        UnknownNameError: a muscle of the geometry is not among the muscles.
        FiberDynamicsError: a muscle has no equilibrium in a posture.
    """
    from osim_nmscal.initialization.equilibrium import RestingMuscles  # with it comes torch
    from osim_nmscal.nms.passive_joint_moment import joint_moment_of

    force = RestingMuscles(muscles.select(geometry.muscles)).at(geometry.mtu_length).tendon_force
    moment = np.einsum("tm,tm->t", force, arms_about(geometry, reference))
    for column, name in enumerate(reference.coordinates if ligaments is not None else ()):
        if ligaments is not None and name in ligaments.dofs:
            rows = reference.rows(name)
            moment[rows] += joint_moment_of(ligaments.select([name]), reference.postures[rows][:, [column]])[:, 0]
    return RelaxedLeg(coordinates=reference.coordinates, moment=moment, rms=distance(moment, reference))


def arms_about(geometry: MuscleGeometry, reference: PassiveMoments) -> FloatArray:
    """Return the moment arms about the joint that moves, (posture, muscle), m."""
    chosen = geometry.select(geometry.muscles, reference.coordinates).moment_arm
    return chosen[np.arange(len(reference.moment)), reference.about]


def distance(moment: FloatArray, reference: PassiveMoments) -> FloatArray:
    """Return the RMS distance of moments from a reference by coordinate, (coordinate,), N·m."""
    off = (moment - reference.moment) ** 2
    rows = [reference.rows(name) for name in reference.coordinates]
    return np.array([np.sqrt(off[some].mean()) if some.any() else np.nan for some in rows])


def relaxed_leg_findings(start: RelaxedLeg, calibrated: RelaxedLeg, dofs: Sequence[str], source: str) -> tuple[Finding, ...]:
    """Say at which of the calibrated joints the relaxed leg went away from the mean person, if at any.

    Args:
        start: of the muscles that the calibration started from.
        calibrated: of the personalized ones.
        dofs: coordinates that were calibrated.
        source: of the reference.
    """
    compared = zip(start.coordinates, start.rms, calibrated.rms, strict=True)
    away = [(name, before, after) for name, before, after in compared if name in dofs and after > before + WORSE_BY]
    if not away:
        return ()
    text = ", ".join(f"{name} {after:.1f} N·m (its start {before:.1f} N·m)" for name, before, after in away)
    return (
        Finding(
            severity="doubt",
            kind="relaxed_leg",
            about=away[0][0],
            text=f"Relaxed, the calibrated leg is farther from the mean person's passive moments ({source}, RMS) than its start: {text}. "
            "Fiber and tendon lengths may have paid for other errors: give passive recordings, or hold the lengths nearer to their start.",
        ),
    )
