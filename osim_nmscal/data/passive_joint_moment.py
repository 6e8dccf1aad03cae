"""What ligaments and capsule of a joint add to the moments of the muscles: numbers for each degree of freedom."""

import csv
from dataclasses import dataclass, fields
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.noun import Noun
from osim_nmscal.errors import MuscleModelError

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class PassiveJointMoment(Noun):
    """A double exponential for each degree of freedom, that pushes back from both ends of its range.

    Example:
        >>> from osim_nmscal.data.passive_joint_moment import PassiveJointMoment
        >>> none = PassiveJointMoment.none(("knee",))
        >>> none.low_moment, none.high_moment
        (array([0.]), array([0.]))
    """

    dofs: tuple[str, ...]
    low_angle: FloatArray  # (dof,), rad, near the lower end of the range
    low_moment: FloatArray  # (dof,), N·m, not negative, there: towards higher angles
    low_width: FloatArray  # (dof,), rad in which it falls to 1/e
    high_angle: FloatArray  # (dof,), rad, near the upper end
    high_moment: FloatArray  # (dof,), N·m, not negative, there: towards lower angles
    high_width: FloatArray  # (dof,), rad

    def __post_init__(self) -> None:
        for name in NUMBERS:
            values = getattr(self, name)
            least = 0.0 if name.endswith("moment") else -np.inf if name.endswith("angle") else np.nextafter(0.0, 1.0)
            if values.shape != (len(self.dofs),) or not np.isfinite(values).all() or (values < least).any():
                raise MuscleModelError(
                    f"The passive joint moment of {', '.join(self.dofs)} has {name} = {values.tolist()}; expected one finite number "
                    "a degree of freedom, moments not negative and widths positive."
                )

    @classmethod
    def none(cls, dofs: tuple[str, ...]) -> "PassiveJointMoment":
        """Return no moment."""
        zero, one = np.zeros(len(dofs)), np.ones(len(dofs))
        return cls(
            dofs=dofs, low_angle=-one, low_moment=zero, low_width=0.2 * one, high_angle=one, high_moment=zero.copy(), high_width=0.2 * one
        )

    def mirrored(self, dof: str) -> "PassiveJointMoment":
        """Return the same moment about an axis that points the other way, for one degree of freedom."""
        i = self.dofs.index(dof)
        swapped = {name: getattr(self, name).copy() for name in NUMBERS}
        for end in ("angle", "moment", "width"):
            sign = -1.0 if end == "angle" else 1.0
            swapped[f"low_{end}"][i] = sign * getattr(self, f"high_{end}")[i]
            swapped[f"high_{end}"][i] = sign * getattr(self, f"low_{end}")[i]
        return PassiveJointMoment(dofs=self.dofs, **swapped)


NUMBERS: tuple[str, ...] = tuple(one.name for one in fields(PassiveJointMoment) if one.name != "dofs")


def ligament_table() -> dict[str, dict[str, float]]:
    """Return published ligament moments: coordinate without its side -> numbers of a `PassiveJointMoment` (see the table's heading)."""
    text = files("osim_nmscal.data").joinpath("ligament_moments.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return {row["coordinate"]: {name: float(row[name]) for name in NUMBERS} for row in rows}


def ligaments_of(dofs: tuple[str, ...]) -> PassiveJointMoment:
    """Return the published ligament moments of some coordinates, named as in Rajagopal 2016 (knee flexion positive); 0 for others."""
    table, none = ligament_table(), PassiveJointMoment.none(dofs)
    rows = [table.get(dof.removesuffix("_r").removesuffix("_l")) for dof in dofs]
    values = {
        name: np.array([rest if row is None else row[name] for row, rest in zip(rows, getattr(none, name), strict=True)])
        for name in NUMBERS
    }
    return PassiveJointMoment(dofs=dofs, **values)
