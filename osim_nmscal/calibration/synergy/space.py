"""The unknowns of a synergy-hybrid calibration in one vector: muscle parameters, synergy weights, spline coefficients.

Order of z: the muscle parameters, then the weights, then the coefficients of trial after trial. With weights of their
own, each trial's weights stand in front of its coefficients. Every entry is scaled to 0 to 1; a weight or coefficient
of 1 in z is CEILING. So nothing synthesised can be negative; what exceeds 1 is penalised instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from osim_nmscal.calibration.parameter_space import ParameterSpace

# Largest weight and spline coefficient; above 1 they are penalised, so that this bound is hardly ever met.
CEILING = 2.0


@dataclass(frozen=True)
class HybridSpace:
    """Where each unknown lies in z."""

    parameters: ParameterSpace
    synergies: int
    muscles: int
    splines: tuple[int, ...]  # of each trial
    per_trial: bool  # whether each trial has its own weights
    fixed_weights: Tensor | None = None  # (trial or 1, synergy, muscle): not in z

    @property
    def weight_entries(self) -> int:
        """Number of entries of one set of weights in z."""
        return 0 if self.fixed_weights is not None else self.synergies * self.muscles

    @property
    def shared(self) -> int:
        """Number of entries that all trials share."""
        return self.parameters.size + (0 if self.per_trial else self.weight_entries)

    @property
    def sizes(self) -> list[int]:
        """Number of shared entries, then of each trial's."""
        own = self.weight_entries if self.per_trial else 0
        return [self.shared, *(own + self.synergies * splines for splines in self.splines)]

    def split(self, z: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Take z, or a step in it, apart.

        Returns:
            parameters as in their own space; weights (trial or 1, synergy, muscle); coefficients (synergy, spline) of each trial.
        """
        head, *tails = z.split(self.sizes)
        parameters = head[: self.parameters.size]
        weights = []
        if not self.per_trial and self.weight_entries:
            weights.append(head[self.parameters.size :])
        own = self.weight_entries if self.per_trial else 0
        coefficients = []
        for tail, splines in zip(tails, self.splines, strict=True):
            if own:
                weights.append(tail[:own])
            coefficients.append(CEILING * tail[own:].reshape(self.synergies, splines))
        if self.fixed_weights is not None:
            return parameters, self.fixed_weights, coefficients
        return parameters, CEILING * torch.stack(weights).reshape(-1, self.synergies, self.muscles), coefficients

    def join(self, parameters: Tensor, weights: Tensor, coefficients: Sequence[Tensor]) -> Tensor:
        """Return z for parameters (as in their own space), weights (trial or 1, synergy, muscle) and coefficients (synergy, spline)."""
        scaled = (weights / CEILING).clamp(0.0, 1.0).flatten(1) if self.weight_entries else weights.new_zeros((1, 0))
        pieces = [parameters]
        if not self.per_trial:
            pieces.append(scaled[0])
        for i, own in enumerate(coefficients):
            if self.per_trial:
                pieces.append(scaled[min(i, len(scaled) - 1)])
            pieces.append((own / CEILING).clamp(0.0, 1.0).flatten())
        return torch.cat(pieces)

    def of_trials(self, z: Tensor, kept: Sequence[int]) -> tuple["HybridSpace", Tensor]:
        """Return the unknowns of some of the trials, by position, and what z says of them."""
        parameters, weights, coefficients = self.split(z)
        own = [self.weights_of_trial(weights, i) for i in kept] if self.per_trial else list(weights)
        space = replace(self, splines=tuple(self.splines[i] for i in kept))
        return space, space.join(parameters, torch.stack(own), [coefficients[i] for i in kept])

    def weights_of_trial(self, weights: Tensor, trial: int) -> Tensor:
        """Return the weights that one trial uses, (synergy, muscle)."""
        return weights[min(trial, len(weights) - 1)]
