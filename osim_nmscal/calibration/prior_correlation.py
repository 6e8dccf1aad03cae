"""How deviations of muscles go together before anything is measured: heads of one muscle, and the same muscle of the other side.

One correlation for two heads and one for two sides; two heads of different sides have their product, so that the whole is a correlation
matrix for any values below one. It holds for deviations of ln(optimal fiber length), and for those of working points. Muscles of which
something was measured, and lengths that several muscles share, go alone.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from osim_nmscal.calibration.prior_settings import PriorSettings
from osim_nmscal.data.muscle_names import bare_name, muscle_side, whole_muscle


def muscle_correlation(names: Sequence[str], settings: PriorSettings) -> Tensor:
    """Return the correlation of muscles' deviations, (muscle, muscle), by their names in the model.

    Args:
        names: of the muscles; a muscle whose name tells no side has no twin.
        settings: correlations of heads and of sides.
    """
    heads, wholes, sides = ([tell(name) for name in names] for tell in (bare_name, whole_muscle, muscle_side))
    correlation = torch.eye(len(names), dtype=torch.float64)
    for i, head in enumerate(heads):
        for j in range(i):
            if wholes[i] != wholes[j] or (not (sides[i] and sides[j]) and sides[i] != sides[j]):
                continue
            other_head = settings.head_correlation if head != heads[j] else 1.0
            other_side = settings.side_correlation if sides[i] != sides[j] else 1.0
            if other_head * other_side < 1.0:
                correlation[i, j] = correlation[j, i] = other_head * other_side
    return correlation


def among(correlation: Tensor, chosen: Tensor) -> Tensor:
    """Return a correlation that the muscles that are not chosen, (muscle,), do not share."""
    both = chosen[:, None] & chosen[None, :]
    return torch.where(both, correlation, torch.eye(len(correlation), dtype=correlation.dtype))


def own_muscles(columns: Tensor, measured: Tensor) -> Tensor:
    """Return which muscles have a free value that no other shares and of which nothing was measured, (muscle,), bool.

    Args:
        columns: (kind, muscle), positions of the values in z, -1 if fixed.
        measured: (muscle,), bool.
    """
    alike = (columns[:, :, None] == columns[:, None, :]).all(dim=0).sum(dim=1)
    return (columns >= 0).any(dim=0) & (alike == 1) & ~measured
