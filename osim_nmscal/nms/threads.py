"""How many threads torch and numpy use while they work on muscles.

Measured on 2 cores: below about 100,000 values per signal a second thread gains nothing when the machine is idle and
costs a factor of ten when it is not, because torch's threads wait for one another at every small operation.
"""

import contextlib
import functools
from collections.abc import Iterator

import torch
from threadpoolctl import ThreadpoolController

_WORTH_THREADS = 100_000


def threads_for(values: int) -> contextlib.AbstractContextManager[None]:
    """Use one thread for small problems, and give back what was set before; values per signal."""
    return contextlib.nullcontext() if values >= _WORTH_THREADS else one_thread()


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Use one thread, and give back what was set before."""
    before = torch.get_num_threads()
    with _libraries().limit(limits=1):  # numpy's and scipy's
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(before)


@functools.cache
def _libraries() -> ThreadpoolController:
    """Find the thread pools of the loaded libraries, once: looking costs milliseconds."""
    return ThreadpoolController()
