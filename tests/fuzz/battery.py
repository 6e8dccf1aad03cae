"""Damaged files through a reader, with an account of what came of each."""

import contextlib
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from mutations import mutant

from osim_nmscal.errors import NmscalError

# A reader may use this much more address space, bytes, and CPU time, s, than it had. Source: choice; the files have some kB.
MEMORY, SECONDS = 2**30, 5.0
# A line of an error text, characters (a configuration has one line per mistake). Source: choice; path, place, value, expectation, advice.
LONGEST = 1200
# What the text says where a reader's own process was lost.
PROCESS_ENDS = ("SIGSEGV", "SIGABRT", "did not end within", "more memory than")


@dataclass(kw_only=True)
class Account:
    """How many damaged files met which end."""

    name: str
    accepted: int = 0
    refused: int = 0
    faults: list[str] = field(default_factory=list)  # what must not be, one text each
    slowest: float = 0.0  # s of CPU
    ended: Counter[str] = field(default_factory=Counter)  # how a reader's own process ended, where it did not end well

    def __str__(self) -> str:
        total = self.accepted + self.refused + len(self.faults)
        return (
            f"{self.name}: {total} mutants, {self.refused} refused, {self.accepted} accepted, {len(self.faults)} faults, "
            f"slowest {self.slowest:.2f} s{f', {dict(self.ended)}' if self.ended else ''}"
        )


def fuzz(name: str, read: Callable[[Path], object], original: Path, kind: str, *, count: int, folder: Path, seconds: float) -> Account:
    """Read so many damaged copies of a file.

    Args:
        name: of the reader, for the account; with the number of the mutant, the seed of the damage.
        read: the reader; must return, or raise an error of this package.
        original: a sound file.
        kind: see `mutations.mutant`.
        count: how many.
        folder: for the copies.
        seconds: of wall-clock time after which no further one is read.
    """
    account = Account(name=name)
    data = original.read_bytes()
    path = folder / f"mutant{original.suffix}"
    deadline = time.monotonic() + seconds
    for number in range(count):
        if time.monotonic() > deadline:
            break
        path.write_bytes(mutant(data, kind, Random(f"{name} {number}")))
        began = time.process_time()
        fault = _read(account, read, path)
        spent = time.process_time() - began
        account.slowest = max(account.slowest, spent)
        if fault is None and spent > SECONDS:
            fault = f"took {spent:.1f} s"
        if fault is not None:
            kept = folder / f"fault_{number}{original.suffix}"
            kept.write_bytes(path.read_bytes())
            account.faults.append(f"mutant {number} ({kept}): {fault}")
    return account


def _read(account: Account, read: Callable[[Path], object], path: Path) -> str | None:
    try:
        with _limited_memory():
            read(path)
    except NmscalError as error:
        text = str(error)
        if max(map(len, text.split("\n"))) > LONGEST or not text.strip():
            return f"its error is {len(text)} characters long: {text[:200]!r}"
        account.refused += 1
        account.ended.update(word for word in PROCESS_ENDS if word in text)
        return None
    except Exception:  # noqa: BLE001  # that is what is looked for
        return traceback.format_exc(limit=-3)
    account.accepted += 1
    return None


@contextlib.contextmanager
def _limited_memory() -> Iterator[None]:
    if sys.platform != "linux":
        yield
        return
    import resource

    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
