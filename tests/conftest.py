"""Where the real recordings lie, and a clear word when they do not."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"


def _folder(*parts: str) -> Path:
    path = SHARED.joinpath(*parts)
    if not path.is_dir():
        pytest.skip(f"real data not here: {path}")
    return path


@pytest.fixture(scope="session")
def gait2354_data() -> Path:
    return _folder("data", "gait2354_chain")


@pytest.fixture(scope="session")
def running_data() -> Path:
    return _folder("data", "rajagopal_run_walk")


@pytest.fixture(scope="session")
def treadmill_data() -> Path:
    return _folder("data", "treadmill_speeds")


@pytest.fixture(scope="session")
def c3d_data() -> Path:
    return _folder("data", "c3d_samples")


@pytest.fixture(scope="session")
def rat_soleus_data() -> Path:
    return _folder("data", "rat_soleus")


@pytest.fixture(scope="session")
def cat_soleus_data() -> Path:
    return _folder("data", "cat_soleus")


@pytest.fixture(scope="session")
def opensim_muscle_reference() -> Path:
    return _folder("reference", "opensim_muscles")
