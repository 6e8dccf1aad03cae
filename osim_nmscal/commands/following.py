"""How a command that takes time is followed: its progress, how much it says, and its log."""

import logging
import os
import platform
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from osim_nmscal import __version__
from osim_nmscal.commands.printing_progress import ProgressPrinter
from osim_nmscal.data.findings import Verdict
from osim_nmscal.errors import ConfigError
from osim_nmscal.workflow.progress import Progress, ProgressCallback

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say the verdict, errors and where the results are; nothing else.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say also what begins, every iteration, and findings as they are made.")]
LogFile = Annotated[
    Path | None,
    typer.Option("--log-file", metavar="FILE", help="Write all of it with its time to a file, whatever is shown.", show_default=False),
]

_LOGGER = "osim_nmscal.run"


@contextmanager
def following(counts: Mapping[str, int], *, quiet: bool, verbose: bool, log_file: Path | None) -> Iterator[ProgressCallback]:
    """Show and log what stages tell within the body.

    Args:
        counts: stage -> how many things it does, in order.
        quiet: show no progress.
        verbose: show more.
        log_file: where everything is written, with its time; the file is added to.

    Raises:
        ConfigError: the log file cannot be written, or --quiet and --verbose are both given.
    """
    if quiet and verbose:
        raise ConfigError("--quiet and --verbose exclude each other; give one of them.")
    with _logged(log_file) as log, ProgressPrinter(counts, quiet=quiet, verbose=verbose) as printer:

        def hear(progress: Progress) -> None:
            log.info(_line(progress))
            printer(progress)

        yield hear


def keep_verdict(verdict: Verdict | None) -> None:
    """Write the verdict of a run to its log, if it has one; within `following`."""
    if verdict is not None:
        logging.getLogger(_LOGGER).info("verdict: %s", verdict.sentence)


def _line(progress: Progress) -> str:
    took = f"{progress.seconds:.2f} s" if progress.seconds else ""
    return " ".join(filter(None, (progress.stage, progress.recording, progress.state, took, progress.text)))


@contextmanager
def _logged(path: Path | None) -> Iterator[logging.Logger]:
    """Let what the package logs, from a file's beginning to how it ended, go to a file as well."""
    log, package = logging.getLogger(_LOGGER), logging.getLogger("osim_nmscal")
    if path is None:
        yield log
        return
    try:
        handler = logging.FileHandler(path, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise ConfigError(f"The log file {path} cannot be written ({error.strerror or error}); name another (--log-file).") from error
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    before = package.level
    package.addHandler(handler)
    package.setLevel(logging.DEBUG)
    try:
        log.info("osim_nmscal %s, Python %s, %s, process %d", __version__, platform.python_version(), platform.platform(), os.getpid())
        log.info("in %s: %s", Path.cwd(), " ".join(sys.argv))
        yield log
        log.info("ended")
    except BaseException as error:
        log.info("ended by %s: %s", type(error).__name__, error)
        raise
    finally:
        package.setLevel(before)
        package.removeHandler(handler)
        handler.close()
