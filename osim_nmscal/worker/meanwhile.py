"""What this process can do while it waits for another one: load what it needs next."""

import importlib
import threading
from contextlib import suppress


def import_meanwhile(module: str) -> None:
    """Begin to import a module in another thread, and go on; whoever imports it later waits for the rest of it, if any.

    Torch takes a second to import, and where OpenSim is at work in a process of its own, a processor is free for it.

    Args:
        module: full name. Where it cannot be imported, nothing happens: whoever needs it says so.
    """

    def load() -> None:
        with suppress(Exception):  # raised again by the import that needs it
            importlib.import_module(module)

    threading.Thread(target=load, name=f"import {module}").start()
