"""What this process can do while it waits for another one: load what it needs next."""

import importlib
import sys
import threading
from contextlib import suppress


def import_meanwhile(*modules: str) -> None:
    """Begin to import modules in another thread, and go on; whoever imports one later waits for the rest of it, if any.

    Torch takes a second to import, and where OpenSim is at work in a process of its own, a processor is free for it.

    Args:
        modules: full names. Where one cannot be imported, nothing happens: whoever needs it says so.
    """

    def load() -> None:
        for module in modules:
            with suppress(Exception):  # raised again by the import that needs it
                importlib.import_module(module)

    if any(module not in sys.modules for module in modules):
        threading.Thread(target=load, name="import_meanwhile").start()
