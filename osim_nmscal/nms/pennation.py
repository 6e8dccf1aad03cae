"""Pennation at constant fiber height, OpenSim's FixedWidthPennationModel, in units of the optimal fiber length.

The height of the fibers is sin(pennation at optimal), whatever their length: along^2 + height^2 = length^2.
"""

import torch
from torch import Tensor


def length_along_tendon(length: Tensor, height: Tensor) -> Tensor:
    """Return the part of a fiber length that lies along the tendon, shaped as the length; a length at or above the height."""
    return torch.addcmul(-height * height, length, length).sqrt()


def length_of_fiber(along: Tensor, height: Tensor) -> Tensor:
    """Return the fiber length that has a given part along the tendon, shaped as that part."""
    return torch.addcmul(height * height, along, along).sqrt()
