"""Optimal fiber and tendon slack lengths with which a scaled model keeps the operating range of its generic model's muscles.

Source: Modenese, Ceseracciu, Reggiani & Lloyd (2016), J Biomech 49:141-148. Linear scaling stretches fiber and tendon by the change
of the MTU in one pose; over the range of a joint the fibers then work elsewhere than in the generic model. Here, over a grid of
postures, normalized fiber length and normalized tendon length of the generic muscle at full activation are found, and the lengths
are those that with the scaled model's MTU lengths come nearest to the same:

    MTU length = optimal fiber length * (normalized fiber length * cos pennation) + tendon slack length * (normalized tendon length)

in the least-squares sense, both positive. As in the paper, postures in which the generic fiber is shorter than half its optimal length
(or as short as its pennation allows) do not count.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.muscles import Muscle, MuscleTable
from osim_nmscal.data.pose_grid import PoseGrid
from osim_nmscal.errors import CalibrationError, listed
from osim_nmscal.initialization.equilibrium import Equilibrium, RestingMuscles

FloatArray = NDArray[np.float64]

# Shortest normalized fiber length that counts, and the largest pennation. Source: Modenese et al. (2016), OpenSim.
SHORTEST, LARGEST_PENNATION = 0.5, float(np.arccos(0.1))
# Postures that count at least, and largest change of a length: beyond it the grid says nothing of this muscle. Source: choice.
FEWEST_POSTURES, LARGEST_CHANGE = 3, 2.5


@dataclass(frozen=True, kw_only=True)
class OperatingRange:
    """Muscles that keep their operating range."""

    muscles: MuscleTable
    kept_as_scaled: tuple[str, ...]  # of which the grid says nothing
    findings: tuple[str, ...]  # full sentences


def keep_operating_range(
    generic: MuscleTable, scaled: MuscleTable, generic_grids: Sequence[PoseGrid], scaled_grids: Sequence[PoseGrid]
) -> OperatingRange:
    """Find fiber and tendon lengths that keep the generic model's operating range.

    Args:
        generic: muscles of the generic model.
        scaled: the same muscles of the scaled model, in any order.
        generic_grids: MTU lengths of the generic model over the coordinates that each MTU crosses.
        scaled_grids: those of the scaled model in the same postures.

    Returns:
        The scaled muscles with new lengths; those that no grid tells of as they were.

    Raises:
        UnknownNameError: a muscle of one model is not in the other.
        CalibrationError: the grids are not the same.
    """
    changed: dict[str, Muscle] = {}
    for before, after in zip(generic_grids, scaled_grids, strict=True):
        if before.muscles != after.muscles or not np.array_equal(before.postures, after.postures):
            raise CalibrationError("The grids of the generic and of the scaled model are not of the same muscles and postures.")
        table = generic.select(before.muscles)
        at = RestingMuscles(table).at(before.mtu_length, activation=1.0)
        for i, (muscle, name) in enumerate(zip(table.muscles, before.muscles, strict=True)):
            lengths = _lengths(muscle, at, i, before.mtu_length[:, i], after.mtu_length[:, i])
            own = scaled.muscles[scaled.index(name)]
            if lengths is not None:
                fiber, slack = lengths.tolist()
                changed[name] = replace(own, optimal_fiber_length=fiber, tendon_slack_length=slack)
    kept = tuple(muscle.name for muscle in scaled.muscles if muscle.name not in changed)
    said = (f"No posture tells of the operating range of {listed(kept)}; the lengths stay as scaled.",) if kept else ()
    return OperatingRange(
        muscles=MuscleTable(muscles=tuple(changed.get(muscle.name, muscle) for muscle in scaled.muscles)),
        kept_as_scaled=kept,
        findings=said,
    )


def _lengths(muscle: Muscle, at: Equilibrium, column: int, generic_mtu: FloatArray, scaled_mtu: FloatArray) -> FloatArray | None:
    """Return optimal fiber length and tendon slack length, m; None where the postures do not tell."""
    from scipy.optimize import nnls  # 0.3 s that a run without it need not spend

    length = at.normalized_fiber_length[:, column]
    shortest = max(SHORTEST, float(np.sin(muscle.pennation_angle_at_optimal) / np.sin(LARGEST_PENNATION)))
    counts = length > shortest
    if int(counts.sum()) < FEWEST_POSTURES:
        return None
    along = (length * np.cos(at.pennation_angle[:, column]))[counts]
    tendon = 1.0 + at.tendon_strain[counts, column]
    found = nnls(np.column_stack([along, tendon]), scaled_mtu[counts])[0]
    if found.min() <= 0.0:  # the grid hardly moves the tendon: its share of the MTU is kept, as the paper does
        share = (tendon * muscle.tendon_slack_length / generic_mtu[counts] * scaled_mtu[counts]).mean() / tendon.mean()
        fiber = float(along @ (scaled_mtu[counts] - share * tendon) / (along @ along))
        found = np.array([fiber, share])
    ratio = found / np.array([muscle.optimal_fiber_length, muscle.tendon_slack_length])
    usable = bool((ratio > 1.0 / LARGEST_CHANGE).all() and (ratio < LARGEST_CHANGE).all())
    return found if usable else None
