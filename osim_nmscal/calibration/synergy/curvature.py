"""Gradient and Gauss-Newton Hessian of one trial's loss by its synergy weights and spline coefficients.

Excitation of muscle m along spline k is sum over s of weight(s, m) * coefficient(s, k). A term of one muscle has, with
derivatives D (sample, spline) by that muscle's spline amplitudes, the amplitudes' Hessian Q = D'D and gradient D'r;
products with weights and coefficients turn them into those of the unknowns, without ever forming the long Jacobian.
"""

import torch
from torch import Tensor


class TrialCurvature:
    """Accumulates one trial; entries are ordered weights (synergy, muscle), then coefficients (synergy, spline)."""

    def __init__(self, weights: Tensor, coefficients: Tensor, parameters: int, free_weights: bool) -> None:
        self._weights, self._coefficients, self._free_weights = weights, coefficients, free_weights
        self._own = weights.numel() if free_weights else 0
        size = self._own + coefficients.numel()
        self.gradient = weights.new_zeros(size)
        self.hessian = weights.new_zeros((size, size))
        self.cross = weights.new_zeros((parameters, size))  # with the muscle parameters

    def _weight_entries(self, muscles: Tensor) -> Tensor:
        """Positions of the weights of some muscles, (synergy * chosen,)."""
        synergies, count = self._weights.shape
        return (count * torch.arange(synergies)[:, None] + muscles.nonzero().squeeze(-1)).reshape(-1)

    def add_moments(self, muscles: Tensor, residual: Tensor, by_parameters: Tensor, arm: Tensor, shape: Tensor) -> None:
        """Add rows that mix muscles: the joint moments.

        Args:
            muscles: (muscle,), bool: those that respond.
            residual: (row * dof,).
            by_parameters: (row * dof, parameter).
            arm: (row, dof, responding muscle), what one unit of shape does to the residual.
            shape: (row, responding muscle, spline).
        """
        rows, dofs, _ = arm.shape
        weights, (synergies, splines) = self._weights[:, muscles], self._coefficients.shape
        mixed = (arm[:, :, None, :] * weights).reshape(rows, dofs * synergies, -1)
        jacobian = [torch.bmm(mixed, shape).reshape(rows * dofs, synergies * splines)]
        entries = torch.arange(self._own, len(self.gradient))
        if self._free_weights:
            by_primitive = (shape @ self._coefficients.T).transpose(1, 2)  # (row, synergy, muscle)
            jacobian.insert(0, (arm[:, :, None, :] * by_primitive[:, None]).reshape(rows * dofs, -1))
            entries = torch.cat([self._weight_entries(muscles), entries])
        self._add(entries, residual, by_parameters, torch.cat(jacobian, dim=1))

    def add_rows(self, residual: Tensor, by_parameters: Tensor, by_unknowns: Tensor) -> None:
        """Add rows of any kind: residual (row,), by_parameters (row, parameter), by_unknowns (row, entry)."""
        self._add(torch.arange(len(self.gradient)), residual, by_parameters, by_unknowns)

    def _add(self, entries: Tensor, residual: Tensor, by_parameters: Tensor, by_unknowns: Tensor) -> None:
        self.gradient[entries] += by_unknowns.T @ residual
        self.hessian[entries[:, None], entries] += by_unknowns.T @ by_unknowns
        self.cross[:, entries] += by_parameters.T @ by_unknowns

    def add_muscles(
        self, muscles: Tensor, curvature: Tensor, pull: Tensor, mixed: Tensor | None = None, columns: Tensor | None = None
    ) -> None:
        """Add terms in which every muscle stands alone.

        Args:
            muscles: (muscle,), bool: those with a term.
            curvature: Q by spline amplitudes, (chosen muscle, spline, spline).
            pull: gradient by spline amplitudes, (chosen muscle, spline).
            mixed: with the muscle's own parameters, (kind, chosen muscle, spline).
            columns: where these parameters stand, -1 if fixed, (kind, chosen muscle).
        """
        w, q, own = self._weights[:, muscles], self._coefficients, self._own
        synergies, splines = q.shape
        self.gradient[own:] += (w @ pull).reshape(-1)
        pairs = (w[:, None] * w).reshape(synergies * synergies, -1) @ curvature.flatten(1)
        self.hessian[own:, own:] += pairs.reshape(synergies, synergies, splines, splines).transpose(1, 2).reshape(synergies * splines, -1)
        if self._free_weights:
            entries = self._weight_entries(muscles)
            self.gradient[entries] += (q @ pull.T).reshape(-1)
            through = torch.einsum("ul,mlk->umk", q, curvature)
            weight_coefficient = (through[:, :, None] * w.T[None, :, :, None]).reshape(len(entries), -1)
            self.hessian[entries, own:] += weight_coefficient
            self.hessian[own:, entries] += weight_coefficient.T
            by_weights = torch.einsum("umk,vk->uvm", through, q)
            grid = entries.reshape(synergies, -1)
            self.hessian[grid[:, None], grid[None]] += by_weights
        if mixed is not None and columns is not None:
            self._add_mixed(muscles, mixed, columns)

    def _add_mixed(self, muscles: Tensor, mixed: Tensor, columns: Tensor) -> None:
        w, q = self._weights[:, muscles], self._coefficients
        moving = columns >= 0
        rows = columns[moving]
        values = mixed[moving]  # (moving, spline)
        muscle = torch.arange(columns.shape[1]).expand(len(columns), -1)[moving]
        by_coefficients = (w.T[muscle][:, :, None] * values[:, None]).flatten(1)
        self.cross[:, self._own :].index_add_(0, rows, by_coefficients)
        if self._free_weights:
            grid = self._weight_entries(muscles).reshape(len(w), -1)
            self.cross.index_put_((rows[:, None], grid[:, muscle].T), values @ q.T, accumulate=True)

    def add_primitives(self, curvature: Tensor, pull: Tensor) -> None:
        """Add terms in which every primitive stands alone: curvature (synergy, spline, spline) and pull (synergy, spline)."""
        own, splines = self._own, curvature.shape[-1]
        self.gradient[own:] += pull.reshape(-1)
        for i, block in enumerate(curvature):
            rows = slice(own + i * splines, own + (i + 1) * splines)
            self.hessian[rows, rows] += block
