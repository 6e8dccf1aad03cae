"""A linear system of which more and more unknowns are held: the solution is that of a system factorised anew."""

import torch
from torch import Tensor
from torch.testing import assert_close

from osim_nmscal.calibration.hessians import DenseMatrix
from osim_nmscal.calibration.optimizers.held import HeldSystem


class Counting(DenseMatrix):
    """A dense matrix that counts its factorisations."""

    def factors(self, shift: Tensor, free: Tensor):
        counted.append(int(free.sum()))
        return super().factors(shift, free)


counted: list[int] = []


def test_entries_held_one_after_another_need_no_new_factors():
    counted.clear()
    generator = torch.Generator().manual_seed(2)
    rows = torch.randn((20, 9), generator=generator, dtype=torch.float64)
    matrix, shift = Counting(rows.T @ rows), torch.linspace(0.0, 0.4, 9, dtype=torch.float64)
    system = HeldSystem(matrix, shift)
    # the first four sets hold more, or let go what was held since; the last lets go what the factors never had
    for held in ((0,), (0, 3, 5), (0, 3, 4, 5, 8), (0, 4), (3,)):
        free = torch.ones(9, dtype=torch.bool)
        free[list(held)] = False
        right = torch.randn(9, generator=generator, dtype=torch.float64)
        expected = torch.zeros(9, dtype=torch.float64)
        expected[free] = torch.linalg.solve((rows.T @ rows + torch.diag(shift))[free][:, free], right[free])
        assert_close(system.solve(free, right), expected, rtol=1e-9, atol=1e-12)
    assert counted == [8, 8]
