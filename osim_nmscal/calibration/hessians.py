"""Symmetric matrices that an optimiser may solve with, whatever their structure: dense, and arrows.

An arrow has shared entries coupled to everything, and one block per trial coupled to nothing else: what belongs to one
trial (its primitives) never meets what belongs to another, so the trials are eliminated one by one (Schur complement)
and the cost of a solve grows linearly with their number.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

# How often, and by what, the shift of an indefinite matrix grows.
_MOST_SHIFTS, _SHIFT_GROWTH = 40, 4.0


class Factors(Protocol):
    """A factorised matrix over some of its entries."""

    def solve(self, right: Tensor) -> Tensor:
        """Solve for right-hand sides (entry, side); entries that the factors are not of stay zero."""
        ...


class Hessian(Protocol):
    """What an optimiser asks of a Gauss-Newton Hessian, (entry, entry)."""

    def diagonal(self) -> Tensor:
        """Return the diagonal, (entry,)."""
        ...

    def __matmul__(self, vector: Tensor) -> Tensor:
        """Multiply by a vector, (entry,)."""
        ...

    def factors(self, shift: Tensor, free: Tensor) -> "Factors":
        """Factorise self + diag(shift) over the free entries; (entry,) each, free bool."""
        ...

    def shift(self, damping: float) -> Tensor:
        """Return what a relative damping adds to the diagonal, (entry,)."""
        ...

    def plus(self, more: Tensor) -> "Hessian | None":
        """Return the sum with a dense matrix; None if that would cost the structure that makes this one fast."""
        ...

    def plus_leading(self, more: Tensor) -> "Hessian":
        """Return the sum with a matrix of the first entries, which all else may be coupled to, (leading entry, leading entry)."""
        ...

    def of_leading(self, count: int, ridge: float) -> Tensor:
        """Return the Schur complement of the first entries: what is left of their curvature when all others follow them.

        Args:
            count: how many.
            ridge: relative, raises the diagonal of what is eliminated.
        """
        ...


def schur_complement(matrix: Tensor, count: int, ridge: float) -> Tensor:
    """Return A - B D^-1 B' of a symmetric matrix [[A, B], [B', D]], D's diagonal raised by a relative ridge; A is (count, count)."""
    inner, cross, outer = matrix[:count, :count], matrix[:count, count:], matrix[count:, count:]
    if len(outer):
        inner = inner - cross @ torch.linalg.solve(_raised(outer, ridge), cross.T)
    return 0.5 * (inner + inner.T)


def _raised(matrix: Tensor, ridge: float) -> Tensor:
    """Return a matrix whose diagonal is raised by a relative ridge."""
    diagonal = matrix.diagonal()
    return matrix + torch.diag(ridge * diagonal.clamp_min(ridge * float(diagonal.max()) + 1e-300))


@dataclass(frozen=True)
class DenseMatrix:
    """All entries of one kind, each coupled to each."""

    matrix: Tensor  # (entry, entry)

    def diagonal(self) -> Tensor:
        """Return the diagonal, (entry,)."""
        return self.matrix.diagonal()

    def __matmul__(self, vector: Tensor) -> Tensor:
        """Multiply by a vector, (entry,)."""
        return self.matrix @ vector

    def factors(self, shift: Tensor, free: Tensor) -> "DenseFactors":
        """Factorise over the free entries; where the sum is indefinite (a secant estimate may make it so), the shift grows."""
        index = free.nonzero().squeeze(-1)
        block, more = self.matrix[index][:, index], shift[index]
        for _ in range(_MOST_SHIFTS):
            shifted = block.clone()
            shifted.diagonal().add_(more)
            factor, failed = torch.linalg.cholesky_ex(shifted)
            if int(failed) == 0:
                break
            more = _SHIFT_GROWTH * more
        return DenseFactors(factor, index)

    def shift(self, damping: float) -> Tensor:
        """Return the damping relative to the mean of the diagonal: entries are in units of their ranges."""
        diagonal = self.diagonal()
        return torch.full_like(diagonal, damping * float(diagonal.mean()) + 1e-300)

    def plus(self, more: Tensor) -> "DenseMatrix":
        """Return the sum with a dense matrix."""
        return DenseMatrix(self.matrix + more)

    def plus_leading(self, more: Tensor) -> "DenseMatrix":
        """Return the sum with a matrix of the first entries."""
        total = self.matrix.clone()
        total[: len(more), : len(more)] += more
        return DenseMatrix(total)

    def of_leading(self, count: int, ridge: float) -> Tensor:
        """Return the Schur complement of the first entries."""
        return schur_complement(self.matrix, count, ridge)


@dataclass(frozen=True)
class DenseFactors:
    """Cholesky's factor of a dense matrix over some entries."""

    factor: Tensor  # lower triangular, (chosen, chosen)
    index: Tensor  # (chosen,), entries

    def solve(self, right: Tensor) -> Tensor:
        """Solve for right-hand sides (entry, side)."""
        return torch.zeros_like(right).index_copy(0, self.index, torch.cholesky_solve(right[self.index], self.factor))


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

    def factors(self, shift: Tensor, free: Tensor) -> "ArrowFactors":
        """Factorise over the free entries, trial after trial and then what is left of the shared ones.

        Args:
            shift: (entry,), added to the diagonal; makes the matrix positive definite.
            free: (entry,), bool.
        """
        shifts = shift.split(self.sizes)
        head, *inner = (mask.nonzero().squeeze(-1) for mask in free.split(self.sizes))
        schur = self.shared[head][:, head]
        schur.diagonal().add_(shifts[0][head])
        trials = []
        for cross, block, own, more in zip(self.crosses, self.blocks, inner, shifts[1:], strict=True):
            part = block[own][:, own]
            part.diagonal().add_(more[own])
            factor, _ = torch.linalg.cholesky_ex(part)
            half = torch.linalg.solve_triangular(factor, cross[head][:, own].T, upper=False)  # (own, head)
            schur.addmm_(half.T, half, alpha=-1.0)
            trials.append(TrialFactors(factor, half, own))
        factor, _ = torch.linalg.cholesky_ex(schur)
        return ArrowFactors(DenseFactors(factor, head), trials, self.sizes)

    def shift(self, damping: float) -> Tensor:
        """Return the damping relative to each entry of the diagonal, whose entries are of different kinds."""
        diagonal = self.diagonal()
        return damping * diagonal.clamp_min(1e-9 * float(diagonal.max()) + 1e-300)

    def plus(self, more: Tensor) -> None:
        """Return nothing: a dense sum has no arrow."""

    def plus_leading(self, more: Tensor) -> "ArrowMatrix":
        """Return the sum with a matrix of the first shared entries."""
        shared = self.shared.clone()
        shared[: len(more), : len(more)] += more
        return ArrowMatrix(shared, self.crosses, self.blocks)

    def of_leading(self, count: int, ridge: float) -> Tensor:
        """Return the Schur complement of the first entries, all trials and the other shared entries eliminated."""
        return schur_complement(self.marginal(ridge), count, ridge)

    def right_of_leading(self, head: Tensor, tails: Sequence[Tensor], count: int, ridge: float) -> Tensor:
        """Return what is left of right-hand sides at the first entries when all others follow them, (count, side).

        Args:
            head: (shared entry, side).
            tails: (entry of the trial, side) of each trial.
            count: how many entries.
            ridge: as of `of_leading`.
        """
        schur, right, shared = self.shared.clone(), head.clone(), len(self.shared)
        for cross, block, tail in zip(self.crosses, self.blocks, tails, strict=True):
            solved = torch.linalg.solve(_raised(block, ridge), torch.cat([cross.T, tail], dim=1))
            schur -= cross @ solved[:, :shared]
            right -= cross @ solved[:, shared:]
        if shared == count:
            return right
        return right[:count] - schur[:count, count:] @ torch.linalg.solve(_raised(schur[count:, count:], ridge), right[count:])

    def marginal(self, ridge: float) -> Tensor:
        """Return the Schur complement of the shared entries after eliminating all trials, their diagonals raised by a relative ridge."""
        schur = self.shared.clone()
        for cross, block in zip(self.crosses, self.blocks, strict=True):
            schur -= cross @ torch.linalg.solve(_raised(block, ridge), cross.T)
        return schur


@dataclass(frozen=True)
class TrialFactors:
    """What eliminates the entries of one trial."""

    factor: Tensor  # Cholesky's of the trial's block, lower triangular, (chosen, chosen)
    half: Tensor  # factor^-1 cross', (chosen, chosen shared entry)
    index: Tensor  # (chosen,), entries of the trial


@dataclass(frozen=True)
class ArrowFactors:
    """Factors of an arrow over some entries."""

    shared: DenseFactors  # of the Schur complement
    trials: Sequence[TrialFactors]
    sizes: Sequence[int]

    def solve(self, right: Tensor) -> Tensor:
        """Solve for right-hand sides (entry, side)."""
        head, *tails = right.split(list(self.sizes))
        halves = [
            torch.linalg.solve_triangular(one.factor, tail[one.index], upper=False) for one, tail in zip(self.trials, tails, strict=True)
        ]
        left = head.clone()
        for one, half in zip(self.trials, halves, strict=True):
            left[self.shared.index] -= one.half.T @ half
        found = [self.shared.solve(left)]
        moved = found[0][self.shared.index]
        for one, tail, half in zip(self.trials, tails, halves, strict=True):
            inner = torch.linalg.solve_triangular(one.factor.T, half - one.half @ moved, upper=True)
            found.append(torch.zeros_like(tail).index_copy(0, one.index, inner))
        return torch.cat(found)
