"""Joint moments: what the tendon forces do about each degree of freedom (docs/method.md)."""

import torch
from torch import Tensor


def joint_moment(tendon_force: Tensor, moment_arm: Tensor) -> Tensor:
    """Sum what each muscle contributes about each degree of freedom.

    Args:
        tendon_force: (..., time, trial, muscle), N.
        moment_arm: (time, trial, dof, muscle), m, with OpenSim's sign.

    Returns:
        (..., time, trial, dof), N·m.
    """
    return torch.einsum("...trm,trdm->...trd", tendon_force, moment_arm)
