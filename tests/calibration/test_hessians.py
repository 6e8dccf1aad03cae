"""Arrow and dense matrices against the same matrix written out."""

import pytest
import torch
from torch.testing import assert_close

from osim_nmscal.calibration.hessians import ArrowMatrix, DenseMatrix


@pytest.fixture
def pair() -> tuple[ArrowMatrix, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    sizes = (4, 3, 5)
    rows = [torch.randn((9, n), generator=generator, dtype=torch.float64) for n in (4, 3, 4, 5)]
    shared = rows[0].T @ rows[0] + rows[2].T @ rows[2]
    arrow = ArrowMatrix(shared, (rows[0].T @ rows[1], rows[2].T @ rows[3]), (rows[1].T @ rows[1], rows[3].T @ rows[3]))
    dense = torch.zeros((sum(sizes), sum(sizes)), dtype=torch.float64)
    dense[:4, :4] = shared
    for i, (start, end) in enumerate(((4, 7), (7, 12))):
        dense[:4, start:end], dense[start:end, :4] = arrow.crosses[i], arrow.crosses[i].T
        dense[start:end, start:end] = arrow.blocks[i]
    return arrow, dense


def test_product_and_diagonal_are_those_of_the_dense_matrix(pair):
    arrow, dense = pair
    vector = torch.linspace(-1.0, 1.0, 12, dtype=torch.float64)
    assert_close(arrow @ vector, dense @ vector)
    assert_close(arrow.diagonal(), dense.diagonal())
    assert_close(DenseMatrix(dense) @ vector, dense @ vector)
    assert_close(DenseMatrix(dense).diagonal(), dense.diagonal())


@pytest.mark.parametrize("held", [(), (0, 5), (4, 5, 6), (0, 1, 2, 3)])
def test_solution_over_free_entries_is_that_of_the_dense_matrix(pair, held):
    arrow, dense = pair
    free = torch.ones(12, dtype=torch.bool)
    free[list(held)] = False
    shift, right = torch.linspace(0.1, 0.5, 12, dtype=torch.float64), torch.linspace(1.0, -2.0, 12, dtype=torch.float64)
    expected = torch.zeros(12, dtype=torch.float64)
    expected[free] = torch.linalg.solve((dense + torch.diag(shift))[free][:, free], right[free])
    assert_close(arrow.factors(shift, free).solve(right[:, None])[:, 0], expected)
    assert_close(DenseMatrix(dense).factors(shift, free).solve(right[:, None])[:, 0], expected)


def test_marginal_is_the_inverse_of_the_shared_block_of_the_inverse(pair):
    arrow, dense = pair
    assert_close(arrow.marginal(1e-12), torch.linalg.inv(torch.linalg.inv(dense)[:4, :4]), rtol=1e-6, atol=1e-8)


def test_damping_is_relative_to_the_mean_where_entries_are_alike_and_to_each_where_they_are_not(pair):
    arrow, dense = pair
    assert_close(DenseMatrix(dense).shift(0.5), torch.full((12,), 0.5 * float(dense.diagonal().mean()), dtype=torch.float64))
    assert_close(arrow.shift(0.5), 0.5 * dense.diagonal())


def test_only_a_dense_matrix_takes_a_secant_estimate(pair):
    arrow, dense = pair
    more = torch.eye(12, dtype=torch.float64)
    assert arrow.plus(more) is None
    assert_close(DenseMatrix(dense).plus(more).matrix, dense + more)
