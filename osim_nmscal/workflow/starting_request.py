"""What an initialization is asked for; here, so that neither the stage nor its work needs the other to name it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from osim_nmscal.data.passive_joint_moment import LigamentChoice, PassiveJointMoment, starting_ligaments
from osim_nmscal.initialization.mean_person import LegCoordinates
from osim_nmscal.initialization.settings import InitializationSettings
from osim_nmscal.opensim_tools.path_geometry import MomentArmMethod


@dataclass(frozen=True, kw_only=True)
class Initialization:
    """Everything that starting values depend on, beside the files."""

    settings: InitializationSettings
    mass: float  # kg
    height: float | None  # m
    dofs: tuple[str, ...]
    moment_arms: MomentArmMethod
    is_scaled: bool  # whether a ScaleTool makes the scaled model from the generic one
    substitute_muscle_class: str | None
    muscle_class: str  # as in [output]
    ligaments: LigamentChoice = "none"  # beside which the muscles will be calibrated


def ligaments_of_leg(leg: LegCoordinates, dofs: Sequence[str], moments: LigamentChoice) -> PassiveJointMoment | None:
    """Return the ligaments of a leg's calibrated joints as a calibration starts, about its three coordinates; None: it has none.

    Args:
        leg: its coordinates.
        dofs: those that are calibrated.
        moments: which ligaments.
    """
    if moments == "none":
        return None
    stated = starting_ligaments(leg.names, moments, knee_sign=leg.knee_sign)
    calibrated = np.isin(leg.names, dofs)
    return replace(stated, low_moment=calibrated * stated.low_moment, high_moment=calibrated * stated.high_moment)
