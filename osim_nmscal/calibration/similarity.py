"""How far the relative lengths of muscles stray from the mean of their group: a penalty on lengths alone, whatever the muscles do."""

from collections.abc import Sequence

import torch
from torch import Tensor

from osim_nmscal.calibration.parameter_space import ParameterSpace

_KINDS = ("optimal_fiber_length", "tendon_slack_length")


def similarity(space: ParameterSpace, groups: Sequence[Sequence[int]], weight: float, z: Tensor) -> tuple[Tensor, Tensor]:
    """Return the residuals (residual,) and their Jacobian (residual, parameter).

    Args:
        space: the parameters.
        groups: positions of muscles whose relative lengths should be alike.
        weight: of a squared residual.
        z: (parameter,).
    """
    residuals, rows, root = [], [], weight**0.5
    for kind in _KINDS:
        block = space.blocks[kind]
        values, columns = space.internal(z, kind)[block.owner_of_muscle], block.muscle_columns()
        for group in groups:
            members = torch.tensor(group)
            centred = torch.eye(len(members), dtype=torch.float64) - 1.0 / len(members)
            residuals.append(root * (centred @ values[members]))
            jacobian = torch.zeros((len(members), space.size), dtype=torch.float64)
            moving = columns[members] >= 0
            jacobian[:, columns[members][moving]] = root * (centred * block.slope(z)[block.owner_of_muscle[members]])[:, moving]
            rows.append(jacobian)
    if not residuals:
        return z.new_zeros(0), z.new_zeros((0, space.size))
    return torch.cat(residuals), torch.cat(rows)
