"""What ligaments and capsule of a joint add to the moments of the muscles: numbers for each degree of freedom."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from importlib.resources import files
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.noun import Noun
from osim_nmscal.errors import MuscleModelError, UnknownNameError, did_you_mean

FloatArray = NDArray[np.float64]

LigamentChoice = Literal["none", "published", "free"]
# Part of what a relaxed joint resists that free ligaments start with. Source: choice; muscles have the rest.
SHARE = 0.5
# Exponent from which on the exponential goes on as its tangent, so that no posture overflows.
LARGEST_EXPONENT = 3.0


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class PassiveJointMoment(Noun):
    """A double exponential for each degree of freedom, that pushes back from both ends of its range.

    Example:
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

    def select(self, dofs: Sequence[str]) -> "PassiveJointMoment":
        """Return the moment about some degrees of freedom, in that order.

        Raises:
            UnknownNameError: one is not there.
        """
        for dof in dofs:
            if dof not in self.dofs:
                raise UnknownNameError(f"The passive joint moment has no degree of freedom {dof!r}.{did_you_mean(dof, self.dofs)}")
        index = [self.dofs.index(dof) for dof in dofs]
        return PassiveJointMoment(dofs=tuple(dofs), **{name: getattr(self, name)[index] for name in NUMBERS})

    def with_none_about(self, dofs: Sequence[str]) -> "PassiveJointMoment":
        """Return it with no moment about those degrees of freedom that it lacks, behind its own."""
        none = PassiveJointMoment.none(tuple(dict.fromkeys(dof for dof in dofs if dof not in self.dofs)))
        numbers = {name: np.concatenate([getattr(self, name), getattr(none, name)]) for name in NUMBERS}
        return PassiveJointMoment(dofs=(*self.dofs, *none.dofs), **numbers)

    def expression(self, dof: str) -> str:
        """Return the moment about one degree of freedom as OpenSim's ExpressionBasedCoordinateForce writes it, of `q` in rad."""
        i = self.dofs.index(dof)
        low = f"({float(self.low_angle[i])!r}-q)/{float(self.low_width[i])!r}"
        high = f"(q-({float(self.high_angle[i])!r}))/{float(self.high_width[i])!r}"
        return f"{float(self.low_moment[i])!r}*{_bounded(low)}-{float(self.high_moment[i])!r}*{_bounded(high)}"


def _bounded(exponent: str) -> str:
    below = f"min({exponent},{LARGEST_EXPONENT!r})"
    return f"exp({below})*(1+{exponent}-{below})"


NUMBERS: tuple[str, ...] = tuple(one.name for one in fields(PassiveJointMoment) if one.name != "dofs")


# What other models call the coordinates of the tables.
_ALSO_CALLED = {"knee_flexion": "knee_angle", "ankle_flexion": "ankle_angle", "ankle_dorsiflexion": "ankle_angle"}


def ligament_table(name: str = "ligament_moments") -> dict[str, dict[str, float]]:
    """Return a table of moments: coordinate without its side -> numbers of a `PassiveJointMoment` (see the table's heading)."""
    text = files("osim_nmscal.data").joinpath(f"{name}.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return {row["coordinate"]: {name: float(row[name]) for name in NUMBERS} for row in rows}


def ligaments_of(dofs: tuple[str, ...]) -> PassiveJointMoment:
    """Return the published ligament moments of some coordinates, named as in Rajagopal 2016 (knee flexion positive); 0 for others."""
    return _of_table(ligament_table(), dofs)


def relaxed_joints(dofs: tuple[str, ...]) -> PassiveJointMoment:
    """Return what relaxed joints resist of themselves, muscles included (Riener & Edrich 1999), as `ligaments_of`; 0 for others."""
    return _of_table(ligament_table("relaxed_moments"), dofs)


def starting_ligaments(dofs: tuple[str, ...], moments: LigamentChoice, *, knee_sign: float = 1.0) -> PassiveJointMoment:
    """Return the ligaments that a calibration starts from.

    Args:
        dofs: coordinates; those of which no table knows anything have none.
        moments: none, published ones, or free ones: SHARE of what relaxed joints resist.
        knee_sign: -1 where knees bend with negative angles, as that of gait2392.
    """
    stated = PassiveJointMoment.none(dofs) if moments == "none" else ligaments_of(dofs)
    if moments == "free":
        whole = relaxed_joints(dofs)
        stated = replace(whole, low_moment=SHARE * whole.low_moment, high_moment=SHARE * whole.high_moment)
    for dof in dofs:
        if knee_sign < 0 and "knee" in dof:
            stated = stated.mirrored(dof)
    return stated


def _of_table(table: Mapping[str, Mapping[str, float]], dofs: tuple[str, ...]) -> PassiveJointMoment:
    known, none = [dof.removesuffix("_r").removesuffix("_l") for dof in dofs], PassiveJointMoment.none(dofs)
    rows = [table.get(_ALSO_CALLED.get(name, name)) for name in known]
    values = {
        name: np.array([rest if row is None else row[name] for row, rest in zip(rows, getattr(none, name), strict=True)])
        for name in NUMBERS
    }
    return PassiveJointMoment(dofs=dofs, **values)
