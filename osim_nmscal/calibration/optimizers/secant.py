"""What Gauss-Newton leaves out of the Hessian, learned from the gradients along the way.

Moment errors stay large in real recordings, so the residuals' own curvature matters: without it the optimiser creeps along
a valley for hundreds of iterations. Source: Dennis, Gay and Welsch (1981), NL2SOL: a structured secant update with sizing.
"""

import torch
from torch import Tensor

from osim_nmscal.calibration.hessians import Hessian

# A step whose gradient change is closer to orthogonal than this teaches nothing.
_ORTHOGONAL = 1e-12


class SecantCurvature:
    """An estimate of Hessian minus Gauss-Newton Hessian, and whether it has lately foretold the loss better than none."""

    def __init__(self, size: int) -> None:
        self.matrix = torch.zeros((size, size), dtype=torch.float64)
        self.trusted = False

    def judge(self, step: Tensor, gained: float, promised: float) -> float:
        """Trust the estimate from now on if it foretold what a step gained better than Gauss-Newton alone did.

        Args:
            step: (parameter,).
            gained: by how much the loss fell.
            promised: by how much the Gauss-Newton model said it would.

        Returns:
            by how much the model that the step was made with said it would fall.
        """
        with_estimate = promised - float(step @ (self.matrix @ step))
        used = with_estimate if self.trusted else promised
        self.trusted = abs(with_estimate - gained) < abs(promised - gained)
        return used

    def learn(self, step: Tensor, gradient_change: Tensor, hessian: Hessian) -> None:
        """Update the estimate after a step.

        Args:
            step: (parameter,).
            gradient_change: of loss / 2, (parameter,).
            hessian: the Gauss-Newton Hessian after the step, (parameter, parameter).
        """
        along = float(step @ gradient_change)
        if along <= _ORTHOGONAL * float(step.norm() * gradient_change.norm()):
            return
        unexplained = gradient_change - hessian @ step
        size = float(step @ (self.matrix @ step))
        if size != 0.0:
            # sizing: an estimate from far away must not outlive the residuals it came from
            self.matrix = min(1.0, abs(float(step @ unexplained)) / abs(size)) * self.matrix
        missing = unexplained - self.matrix @ step
        # the update of rank two, (missing g' + g missing') / s'g - (missing's) g g' / (s'g)^2, as half g' + g half'
        half = missing / along - 0.5 * float(missing @ step) / along**2 * gradient_change
        self.matrix = self.matrix.addr(half, gradient_change).addr(gradient_change, half)
