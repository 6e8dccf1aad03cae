"""Reading a file once: while a workflow is checked, many questions are asked of the same files, which nobody changes meanwhile."""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_kept: ContextVar[dict[Hashable, Any] | None] = ContextVar("kept", default=None)


@contextmanager
def reading_once() -> Iterator[None]:
    """Let the functions marked `once` keep what they read until this ends; what they return must not be written into."""
    if _kept.get() is not None:
        yield
        return
    token = _kept.set({})
    try:
        yield
    finally:
        _kept.reset(token)


def once(read: Callable[P, R]) -> Callable[P, R]:
    """Mark a function of a path, and of things that can be hashed, whose result is kept within `reading_once`."""

    @wraps(read)
    def reading(*arguments: P.args, **more: P.kwargs) -> R:
        kept = _kept.get()
        if kept is None:
            return read(*arguments, **more)
        first, *others = arguments
        key = (read.__module__, read.__qualname__, str(Path(str(first))), *others, *sorted(more.items()))
        if key not in kept:
            kept[key] = read(*arguments, **more)
        found: R = kept[key]
        return found

    return reading
