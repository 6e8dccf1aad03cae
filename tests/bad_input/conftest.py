"""A small complete workflow, made once: a virtual leg that walks for four seconds, with every kind of file a laboratory has."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sound_walk import make_walk


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workflow as it should be; nobody changes it."""
    folder = make_walk(tmp_path_factory.mktemp("sound") / "walk")
    shutil.rmtree(folder / "truth")
    return folder


@pytest.fixture
def workflow(made_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy that a test may damage, and the working directory: hard links, which `bad_input_damage.py` replaces and never writes into."""
    folder = tmp_path / "walk"
    shutil.copytree(made_once, folder, copy_function=os.link)
    monkeypatch.chdir(folder)
    yield folder
    for path in tmp_path.rglob("*"):  # what a test made unreadable must be removable
        if not path.is_symlink():
            path.chmod(0o755)
