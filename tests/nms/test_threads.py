"""Small problems run on one thread, and whoever called gets back what was set before."""

import contextlib
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info

from osim_nmscal.nms import threads
from osim_nmscal.nms.threads import threads_for


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    np.linalg.norm(np.ones(2))  # numpy's library is loaded
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_a_small_problem_uses_one_thread_and_gives_the_others_back() -> None:
    def blas() -> list[int]:
        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

    before = blas()
    with threads_for(1000):
        assert torch.get_num_threads() == 1
        assert set(blas()) == {1}
    assert torch.get_num_threads() == 2
    assert blas() == before


def test_a_large_problem_keeps_the_threads() -> None:
    with threads_for(10**6):
        assert torch.get_num_threads() == 2
    assert torch.get_num_threads() == 2


def test_threads_are_given_back_after_an_error() -> None:
    with pytest.raises(KeyboardInterrupt), threads_for(1000):
        raise KeyboardInterrupt
    assert torch.get_num_threads() == 2


def test_torch_gets_its_threads_back_though_nobody_finds_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    # where torch's library is found its threads are given back with the others'; it is not found everywhere
    unseen = SimpleNamespace(limit=lambda limits: contextlib.nullcontext())
    monkeypatch.setattr(threads, "_libraries", lambda: unseen)
    with threads_for(1000):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2
