"""Which laboratory axis points up, forward and to the right, told from markers and forces.

Up: the axis along which a loaded plate pushes; without one, the axis along which marker heights keep apart from one another most
steadily: markers of a standing or moving person keep their height, and no person is wider than tall. Right: from left to right
markers of equal name. Forward: up and right decide it (x = y x z in OpenSim), so that a treadmill or a static trial tells it too;
where no markers come in pairs, the direction of travel does.
"""

import re

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.inspection.facts import AxesGuess

FloatArray = NDArray[np.float64]

# A vertical component of this share of the force's size makes a plate's push tell "up". Source: choice.
VERTICAL_SHARE = 0.8
# Of travel in m: less does not tell a direction. Source: choice.
TRAVEL = 0.5


def guess_axes(positions: FloatArray, names: tuple[str, ...], force: FloatArray | None = None) -> AxesGuess | None:
    """Tell how the laboratory's axes lie to OpenSim's.

    Args:
        positions: (time, marker, 3), m, in the laboratory's axes; NaN where unseen.
        names: of the markers.
        force: (3,), N, mean force on the person while plates were loaded, in the same axes; None if there is none.

    Returns:
        The axes as `c3d_axes` takes them, or None where nothing tells them.
    """
    seen = np.asarray(~np.isnan(positions).any(axis=2))
    if positions.shape[1] < 3 or not seen.any():
        return None
    up, up_reason = _up(positions, seen, force)
    if up is None:
        return None
    right, right_reason = _right(positions, names, up)
    if right is None:
        return None
    forward = np.cross(up, right)
    words = [_word(axis) for axis in (forward, up, right)]
    return AxesGuess(axes=" ".join(words), reason=f"up is {_word(up)} ({up_reason}), right is {_word(right)} ({right_reason})")


def side_partner(name: str) -> str | None:
    """Return the name that a marker of the left side has on the right side; None if the name tells no left side."""
    for pattern, replacement in ((r"^L(?=[A-Z0-9_.])", "R"), (r"^l_", "r_"), (r"(?i:left)", "Right"), (r"_L$", "_R"), (r"_l$", "_r")):
        partner, count = re.subn(pattern, replacement, name, count=1)
        if count:
            return partner
    return None


def _up(positions: FloatArray, seen: NDArray[np.bool_], force: FloatArray | None) -> tuple[FloatArray | None, str]:
    if force is not None and np.linalg.norm(force) > 0:
        share = force / np.linalg.norm(force)
        axis = int(np.abs(share).argmax())
        if abs(share[axis]) > VERTICAL_SHARE:
            return _unit(axis, share[axis]), "the plates push that way"
    # Heights differ between markers and stay; along the ground all markers move together or swing.
    means = np.array(
        [
            [np.nanmean(positions[seen[:, m], m, axis]) if seen[:, m].any() else np.nan for axis in range(3)]
            for m in range(positions.shape[1])
        ]
    )
    between = np.nanstd(means, axis=0)
    within = np.array(
        [np.nanmedian([np.nanstd(positions[:, m, axis]) for m in range(positions.shape[1]) if seen[:, m].any()]) for axis in range(3)]
    )
    score = between / (within + 0.02)
    axis = int(score.argmax())
    values = positions[..., axis][seen]
    lowest, highest = np.percentile(values, [0.5, 99.5])
    if abs(lowest) > 0.5 * (highest - lowest) and abs(highest) > 0.5 * (highest - lowest):
        return None, ""  # nothing near a floor at zero: the sign is not told
    return _unit(axis, 1.0 if abs(lowest) < abs(highest) else -1.0), "markers keep their heights along it, above a floor at 0"


def _right(positions: FloatArray, names: tuple[str, ...], up: FloatArray) -> tuple[FloatArray | None, str]:
    pairs = [
        (names.index(name), names.index(partner)) for name in names if (partner := side_partner(name)) in names and partner is not None
    ]
    horizontal = 1.0 - np.abs(up)
    if pairs:
        apart = np.nanmean(np.stack([positions[:, right] - positions[:, left] for left, right in pairs]), axis=(0, 1)) * horizontal
        if np.isfinite(apart).all() and np.linalg.norm(apart) > 0:
            axis = int(np.abs(apart).argmax())
            return _unit(axis, apart[axis]), f"from left to right markers, {len(pairs)} pairs"
    centre = np.nanmean(positions, axis=1)
    travel = (centre[-1] - centre[0]) * horizontal
    if np.isfinite(travel).all() and np.abs(travel).max() > TRAVEL:
        axis = int(np.abs(travel).argmax())
        return np.cross(_unit(axis, travel[axis]), up), f"travel along {_word(_unit(axis, travel[axis]))}"
    return None, ""


def _unit(axis: int, sign: float) -> FloatArray:
    unit = np.zeros(3)
    unit[axis] = 1.0 if sign > 0 else -1.0
    return unit


def _word(unit: FloatArray) -> str:
    axis = int(np.abs(unit).argmax())
    return ("-" if unit[axis] < 0 else "") + "xyz"[axis]
