"""Linear systems of which more and more unknowns are held at zero, factorised once.

With x = A^-1 b over the entries that were free at first, and E the columns of the identity of those held since, the solution that
leaves the latter at zero is x - R (E'R)^-1 E'x with R = A^-1 E: a force at each held entry. Only an entry that is let go although the
factors never had it asks for new ones. Source: the Schur-complement update of active-set methods (Nocedal & Wright 2006, ch. 16.5).
"""

import torch
from torch import Tensor

from osim_nmscal.calibration.hessians import Factors, Hessian


class HeldSystem:
    """Solves (hessian + diag(shift)) x = b over one set of free entries after another."""

    def __init__(self, hessian: Hessian, shift: Tensor) -> None:
        self._hessian, self._shift = hessian, shift
        self._factors: Factors | None = None
        self._free = torch.zeros(len(shift), dtype=torch.bool)  # what the factors are of

    def solve(self, free: Tensor, right: Tensor) -> Tensor:
        """Return x, zero where not free; free bool and right, (entry,) each."""
        if self._factors is None or bool((free & ~self._free).any()):
            self._factors, self._free = self._hessian.factors(self._shift, free), free
            self._forced = free.new_zeros(0, dtype=torch.int64)  # entries whose columns of R are known
            self._reach = right.new_zeros((len(right), 0))  # those columns of R, (entry, forced)
        solution = self._factors.solve(right[:, None])[:, 0]
        held = self._free & ~free
        if not bool(held.any()):
            return solution
        self._reach_of(held)
        chosen = held[self._forced]
        index, reach = self._forced[chosen], self._reach[:, chosen]
        solution = solution - reach @ torch.linalg.solve(reach[index], solution[index])
        return torch.where(held, 0.0, solution)

    def _reach_of(self, held: Tensor) -> None:
        """Work out the columns of R that are not known yet."""
        assert self._factors is not None
        known = torch.zeros_like(held)
        known[self._forced] = True
        new = (held & ~known).nonzero().squeeze(-1)
        if len(new):
            unit = self._reach.new_zeros((len(held), len(new)))
            unit[new, torch.arange(len(new))] = 1.0
            self._forced = torch.cat([self._forced, new])
            self._reach = torch.cat([self._reach, self._factors.solve(unit)], dim=1)
