"""Moments of ligaments in calibration.json and in the sidecar, which have no home in the .osim."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from osim_nmscal.data.passive_joint_moment import NUMBERS, PassiveJointMoment


def ligament_document(ligaments: PassiveJointMoment | None) -> dict[str, Any] | None:
    """Return the moments of ligaments as JSON: numbers by degree of freedom, and the expression that OpenSim understands."""
    if ligaments is None:
        return None
    return {
        dof: {name: float(getattr(ligaments, name)[i]) for name in NUMBERS} | {"expression": ligaments.expression(dof)}
        for i, dof in enumerate(ligaments.dofs)
    }


def read_ligaments(stored: Mapping[str, Any] | None) -> PassiveJointMoment | None:
    """Read such a document back; None where there are no ligaments."""
    if stored is None:
        return None
    values = {name: np.array([stored[dof][name] for dof in stored]) for name in NUMBERS}
    return PassiveJointMoment(dofs=tuple(stored), **values)
