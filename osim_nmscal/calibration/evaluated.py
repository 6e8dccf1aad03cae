"""What a loss of muscles hands out: the model at one parameter vector, and its derivatives there."""

from dataclasses import dataclass

from torch import Tensor

from osim_nmscal.calibration.hessians import DenseMatrix
from osim_nmscal.calibration.losses import SignalTangents, TermInputs
from osim_nmscal.nms.forward import MuscleState
from osim_nmscal.nms.parameters import NmsParameters


@dataclass(frozen=True)
class Evaluation:
    """The model at one parameter vector."""

    z: Tensor
    loss: float
    terms: dict[str, float]
    parameters: NmsParameters
    outputs: TermInputs
    activation_derivatives: Tensor  # (activation kind, time, trial, muscle)
    states: tuple[MuscleState, ...]  # one per part


@dataclass(frozen=True)
class Linearization:
    """Gradient and Gauss-Newton Hessian of the loss / 2, and the Jacobian of the scaled moment residuals."""

    gradient: Tensor  # (parameter,)
    hessian: DenseMatrix  # (parameter, parameter)
    moment_jacobian: Tensor  # (counted sample * dof, parameter)
    kinds: tuple[str, ...]  # free kinds of muscle parameters
    tangents: SignalTangents  # (kind, time, trial, muscle), every muscle signal's derivative by z of that kind
