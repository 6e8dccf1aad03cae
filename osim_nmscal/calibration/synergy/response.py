"""How muscles respond to small changes of their excitation: the forward tangents that primitives and weights share.

A synthesised excitation is a sum of splines. The response of every muscle to every spline is propagated once per
linearization, through delay, filter, activation and fiber dynamics; all derivatives with respect to primitives and
weights are contractions of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from osim_nmscal.calibration.evaluated import Evaluation
from osim_nmscal.calibration.losses import SignalTangents
from osim_nmscal.nms.activation import delayed
from osim_nmscal.nms.contraction import by_activation, strain_by_length
from osim_nmscal.nms.forward import MuscleState


@dataclass(frozen=True)
class ExcitationResponse:
    """Derivatives by the excitation along each spline, (time, trial, muscle, spline), and factors (time, trial, muscle).

    A muscle signal's derivative is `shape * factor`: that saves arrays as large as the shape.
    """

    shape: Tensor  # elastic: d normalized fiber length; rigid: d activation
    length: Tensor  # factor: d normalized fiber length
    strain: Tensor  # factor: d tendon strain
    force: Tensor  # factor: d tendon force, N
    neural: Tensor  # (time, muscle, spline): d neural activation, the same in every trial
    activation: Tensor  # factor: d activation / d neural activation
    velocity_by_length: Tensor  # (muscle,), normalized velocity per change of length from the sample before

    def of_signal(self, signal: str) -> Tensor:
        """Return the factor that turns the shape into a field of TermInputs, (time, trial, muscle); activation has none."""
        factors = {"normalized_fiber_length": self.length, "tendon_strain": self.strain, "tendon_force": self.force}
        return factors[signal]

    def tangents(self, index: Tensor, muscles: int) -> SignalTangents:
        """Return the tangents as loss terms want them, (spline, time, trial, muscle), with zeros for other muscles.

        Args:
            index: positions of the responding muscles.
            muscles: number of all muscles.
        """

        def among_all(values: Tensor, factor: Tensor) -> Tensor:
            full = values.new_zeros((values.shape[-1], *factor.shape[:-1], muscles))
            full[..., index] = (values * factor[..., None]).movedim(-1, 0)
            return full

        moved = self.shape * self.length[..., None]
        faster = torch.cat([torch.zeros_like(moved[:1]), moved[1:] - moved[:-1]])
        return SignalTangents(
            activation=among_all(self.neural[:, None], self.activation),
            normalized_fiber_length=among_all(self.shape, self.length),
            normalized_fiber_velocity=among_all(faster, self.velocity_by_length.expand_as(self.length)),
            tendon_strain=among_all(self.shape, self.strain),
            tendon_force=among_all(self.shape, self.force),
        )


def excitation_response(at: Evaluation, parts: Sequence[Tensor], muscles: Tensor, basis: Tensor, time_step: float) -> ExcitationResponse:
    """Propagate splines of excitation through the muscles.

    Args:
        at: the model, solved.
        parts: positions of the muscles of each of its states, ascending.
        muscles: positions of the muscles whose response is wanted, ascending.
        basis: splines, (time, spline).
        time_step: s.
    """
    p = at.parameters
    delay = p.electromechanical_delay
    pulses = delayed(basis[:, :, None], delay if delay.ndim == 0 else delay[muscles], time_step)  # (time, spline, 1 or muscle)
    pulses = pulses.expand(-1, -1, len(muscles)).transpose(1, 2)
    neural = _filtered(_filtered(pulses, p.c1[muscles]), p.c2[muscles])
    # Eq. 2's derivative, written with the activation itself; its limit at a straight line is 1
    a = p.shape_factor[muscles]
    straight = a == 0.0
    safe = torch.where(straight, torch.ones_like(a), a)
    slope = torch.where(straight, torch.ones_like(a), safe / torch.expm1(safe)) + a * at.outputs.activation[..., muscles]
    shape = neural.new_zeros((*slope.shape, basis.shape[1]))
    length, strain, force = (torch.zeros_like(slope) for _ in range(3))
    for index, state in zip(parts, at.states, strict=True):
        here = torch.isin(muscles, index).nonzero().squeeze(-1)
        if len(here) == 0:
            continue
        within = torch.searchsorted(index, muscles[here])
        pieces = _state_response(state, within, neural[:, here], slope[..., here])
        shape[:, :, here], length[..., here], strain[..., here], force[..., here] = pieces
    rate = 1.0 / (time_step * p.max_contraction_velocity[muscles])
    return ExcitationResponse(shape, length, strain, force * p.max_isometric_force[muscles], neural, slope, rate)


def _state_response(state: MuscleState, within: Tensor, neural: Tensor, slope: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return shape and the factors of length, strain and force of some muscles of one state."""
    trials = slope.shape[1]
    muscles = state.length.shape[1] // trials

    def picked(columns: Tensor) -> Tensor:
        return columns.unflatten(-1, (trials, muscles))[..., within]

    driven = slope * picked(by_activation(state.at, state.velocity, state.columns.activation, state.columns.muscle))
    if state.solution is None:
        none = torch.zeros_like(slope)
        return neural[:, None] * slope[..., None], none, none, -driven / slope
    # df_i = diagonal_i dl_i - lower_i dl_(i-1) + source_i = 0; a fiber held at its bound does not move
    diagonal, lower = (picked(entries) for entries in state.solution.jacobian(bounded=True))
    free = (~picked(state.solution.at_bound)).to(slope.dtype)
    shape = neural[:, None] * (-free * driven / diagonal)[..., None]
    _march(lower / diagonal, shape)
    strain = picked(strain_by_length(state.at, state.columns.parameters))
    return shape, torch.ones_like(slope), strain, strain * picked(state.at.tendon_stiffness)


def _filtered(pulses: Tensor, c: Tensor) -> Tensor:
    """Filter (time, muscle, spline) pulses by w_i = (1 + c) e_i - c w_(i-1), started settled, as nms.activation does."""
    filtered = pulses * (1.0 + c)[:, None]
    filtered[0] = pulses[0]
    _march((-c).expand(len(pulses), -1), filtered)
    return filtered


def _march(factor: Tensor, signal: Tensor) -> None:
    """Add factor_i * x_(i-1) to x_i, in place; factor (time, ...), signal (time, ..., spline).

    With so many splines per sample a plain loop over time is several times faster than a scan in log2(time) passes.
    """
    factors = factor[..., None].unbind(0)
    samples = signal.unbind(0)
    for i in range(1, len(samples)):
        samples[i].addcmul_(factors[i], samples[i - 1])
