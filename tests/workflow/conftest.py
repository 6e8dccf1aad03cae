"""Finished results that several tests look at, made once without anybody's recordings."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from small_workflow import write_small_workflow

from osim_nmscal.config import load_config
from osim_nmscal.workflow.personalize import personalize


@pytest.fixture(scope="session")
def small_results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of the small workflow with one recording; not to be changed."""
    home = tmp_path_factory.mktemp("small")
    return personalize(load_config(write_small_workflow(home, names=("lift",))), home / "results").folder


@pytest.fixture
def small_copy(small_results: Path, tmp_path: Path) -> Callable[[], Path]:
    """Return a copy of them that a test may spoil."""
    return lambda: Path(shutil.copytree(small_results, tmp_path / "results"))
