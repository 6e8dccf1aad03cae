"""Saving hand-written models, and OpenSim's own word on any model."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PROBE = Path(__file__).parent / "opensim_probe.py"


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that saves a model's text (or bytes) as an .osim and returns its path."""

    def save(content: str | bytes, name: str = "model.osim") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return save


@pytest.fixture(scope="session")
def opensim_says() -> Callable[..., list[dict[str, Any]]]:
    """Return a function that loads models in OpenSim, each in a process of its own, and returns what it reports."""

    def opensim_says(*paths: Path) -> list[dict[str, Any]]:
        command = [sys.executable, str(PROBE), *map(str, paths)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        lines = [line.partition("PROBED ")[2] for line in done.stdout.splitlines() if "PROBED " in line]
        return [json.loads(line) for line in lines]

    return opensim_says
