"""osim_nmscal: make an OpenSim model's muscles a particular person's.

Importing the package loads neither OpenSim nor torch: each public name is imported from its home when first used.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

# public name -> its one home
_HOMES: dict[str, str] = {}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'osim_nmscal' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
