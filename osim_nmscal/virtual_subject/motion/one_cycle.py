"""Adam under a one-cycle schedule, for one tensor: the same bits as torch.optim.Adam and OneCycleLR.

Departure from using these: their first step imports torch's compiler and sympy, which takes longer than a tenth of making a person.
Sources: Kingma & Ba (2015); Smith & Topin (2017), with torch's defaults.
"""

import math

import torch
from torch import Tensor

# torch's defaults of both.
_BETA2, _TINY = 0.98, 1e-8
_MOMENTUM = (0.85, 0.95)
_START_PART, _END_PART = 1.0 / 25.0, 1e-4
_RISING = 0.15


class OneCycleAdam:
    """Moves a tensor in place, rate and momentum following one cycle over a known number of steps."""

    def __init__(self, value: Tensor, rate: float, steps: int) -> None:
        self._value, self._rate, self._steps = value, rate, steps
        self._mean, self._square, self._done = torch.zeros_like(value), torch.zeros_like(value), 0

    def step(self, gradient: Tensor) -> None:
        """Take one step against a gradient shaped as the tensor."""
        rate, momentum = self._now()
        self._done += 1
        self._mean.lerp_(gradient, 1.0 - momentum)
        self._square.mul_(_BETA2).addcmul_(gradient, gradient, value=1.0 - _BETA2)
        size = (self._square.sqrt() / (1.0 - _BETA2**self._done) ** 0.5).add_(_TINY)
        self._value.data.addcdiv_(self._mean, size, value=-rate / (1.0 - momentum**self._done))

    def _now(self) -> tuple[float, float]:
        """Return the rate and the momentum of the step to come."""
        top, turn = self._rate, _RISING * self._steps - 1.0
        start = top * _START_PART
        if self._done <= turn:
            part = self._done / turn
            return _between(start, top, part), _between(_MOMENTUM[1], _MOMENTUM[0], part)
        part = (self._done - turn) / (self._steps - 1 - turn)
        return _between(top, start * _END_PART, part), _between(_MOMENTUM[0], _MOMENTUM[1], part)


def _between(start: float, end: float, part: float) -> float:
    return end + (start - end) / 2.0 * (math.cos(math.pi * part) + 1.0)
