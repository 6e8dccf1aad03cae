"""A symmetric matrix in arrow form: shared entries coupled to everything, and one block per trial coupled to nothing else.

What belongs to one trial (its primitives) never meets what belongs to another, so the trials are eliminated one by one
(Schur complement) and the cost of a solve grows linearly with their number.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class ArrowMatrix:
    """[[shared, cross_1, cross_2, ...], [cross_1', block_1, 0, ...], ...]; entries ordered shared, then trial after trial."""

    shared: Tensor  # (shared, shared)
    crosses: Sequence[Tensor]  # (shared, entry of the trial) each
    blocks: Sequence[Tensor]  # (entry of the trial, entry of the trial) each

    @property
    def sizes(self) -> list[int]:
        """Number of entries: shared, then of each trial."""
        return [len(self.shared), *(len(block) for block in self.blocks)]

    def diagonal(self) -> Tensor:
        """Return the diagonal, (entry,)."""
        return torch.cat([self.shared.diagonal(), *(block.diagonal() for block in self.blocks)])

    def __matmul__(self, vector: Tensor) -> Tensor:
        """Multiply by a vector, (entry,)."""
        head, *tails = vector.split(self.sizes)
        top = self.shared @ head
        rest = []
        for cross, block, tail in zip(self.crosses, self.blocks, tails, strict=True):
            top = top + cross @ tail
            rest.append(cross.T @ head + block @ tail)
        return torch.cat([top, *rest])

    def solve(self, shift: Tensor, free: Tensor, right: Tensor) -> Tensor:
        """Solve (self + diag(shift)) x = right over the free entries; the others stay zero.

        Args:
            shift: (entry,), added to the diagonal; makes the matrix positive definite.
            free: (entry,), bool.
            right: (entry,).
        """
        shifts, frees, rights = (vector.split(self.sizes) for vector in (shift, free, right))
        indices = [mask.nonzero().squeeze(-1) for mask in frees]
        head = indices[0]
        schur = self.shared[head][:, head].clone()
        schur.diagonal().add_(shifts[0][head])
        top = rights[0][head].clone()
        eliminated = []
        for i, (cross, block) in enumerate(zip(self.crosses, self.blocks, strict=True), start=1):
            inner = indices[i]
            part = block[inner][:, inner].clone()
            part.diagonal().add_(shifts[i][inner])
            factor, _ = torch.linalg.cholesky_ex(part)
            arm = torch.cat([cross[head][:, inner].T, rights[i][inner][:, None]], dim=1)  # (inner, head + 1)
            half = torch.linalg.solve_triangular(factor, arm, upper=False)
            product = half[:, :-1].T @ half
            schur -= product[:, :-1]
            top -= product[:, -1]
            eliminated.append((factor, half))
        factor, _ = torch.linalg.cholesky_ex(schur)
        solution = [torch.zeros_like(part) for part in rights]
        solution[0][head] = torch.cholesky_solve(top[:, None], factor)[:, 0]
        for i, (factor, half) in enumerate(eliminated, start=1):
            rest = half[:, -1] - half[:, :-1] @ solution[0][head]
            solution[i][indices[i]] = torch.linalg.solve_triangular(factor.T, rest[:, None], upper=True)[:, 0]
        return torch.cat(solution)

    def marginal(self, ridge: float) -> Tensor:
        """Return the Schur complement of the shared entries after eliminating all trials, their diagonals raised by a relative ridge."""
        schur = self.shared.clone()
        for cross, block in zip(self.crosses, self.blocks, strict=True):
            raised = block + torch.diag(ridge * block.diagonal().clamp_min(float(block.diagonal().max()) * ridge + 1e-300))
            schur -= cross @ torch.linalg.solve(raised, cross.T)
        return schur
