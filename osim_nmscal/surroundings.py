"""What surrounds the command line: Ctrl-C at any moment, output that cannot hold every character, and errors nobody foresaw.

The handlers stand before anything heavy is imported, so this module imports only what Python has loaded already or loads in a
millisecond, and nothing of this package. Nothing happens on import.
"""

import codecs
import io
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType

INTERRUPTED = 130  # what a shell reports of a program that Ctrl-C ended

_ENCODING_ERRORS = "osim_nmscal.spelled_out"
# What our own texts use beyond ASCII, for terminals and pipes that cannot show it.
_IN_ASCII = {"²": "2", "³": "3", "·": "*", "±": "+-", "°": " deg", "–": "-", "—": "-", "…": "...", "→": "->", "×": "x", "µ": "u", "≤": "<="}
_SHOW_CURSOR = b"\x1b[?25h"


def prepare() -> None:
    """See to it that whatever happens from here on ends in a sentence and an exit code."""
    signal.signal(signal.SIGINT, _end_at_once)
    sys.excepthook = report_bug
    let_streams_spell_out()


def let_streams_spell_out() -> None:
    """Let stdout and stderr write what their encoding lacks in other characters, instead of failing."""
    codecs.register_error(_ENCODING_ERRORS, _spelled_out)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_ENCODING_ERRORS)


@contextmanager
def interruptible() -> Iterator[None]:
    """Within the body Ctrl-C raises KeyboardInterrupt, so that the work can keep what is finished; outside it ends the process at once.

    Nothing changes where `prepare` was not called.
    """
    if signal.getsignal(signal.SIGINT) is not _end_at_once:
        yield
        return
    signal.signal(signal.SIGINT, _unwind)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, _end_at_once)


def _unwind(number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt, unless modules are being imported: libraries turn it into other errors there, or swallow it."""
    above = frame
    while above is not None:
        if above.f_code.co_filename.startswith("<frozen importlib"):
            _end_at_once(number, frame)
        above = above.f_back
    raise KeyboardInterrupt


def _end_at_once(_number: int, _frame: FrameType | None) -> None:
    os.write(2, (_SHOW_CURSOR if os.isatty(2) else b"") + b"Interrupted.\n")
    os._exit(INTERRUPTED)


def _spelled_out(error: UnicodeError) -> tuple[str, int]:
    """Write what an encoding lacks as text: units in ASCII, anything else (of a path, say) as its code."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    characters = error.object[error.start : error.end]
    return "".join(_IN_ASCII.get(one, one.encode("ascii", "backslashreplace").decode()) for one in characters), error.end


def report_bug(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print one sentence about an error that nobody foresaw, and keep its traceback in a file that the sentence names.

    Python calls it (`sys.excepthook`) and ends with exit code 1. Nothing is caught: a test or a debugger sees the error itself.
    """
    if issubclass(kind, MemoryError):
        _say(f"There is not enough memory ({error}); close other programs, give --jobs 1, or use fewer or shorter recordings.")
        return
    import platform
    import tempfile
    import traceback
    from pathlib import Path

    from osim_nmscal import __version__

    told = "".join(traceback.format_exception(kind, error, trace))
    about = f"osim_nmscal {__version__}, Python {platform.python_version()}, {platform.platform()}\n{' '.join(sys.argv)}\n\n"
    path = Path(tempfile.gettempdir(), f"osim-nmscal-error-{os.getpid()}.log")
    try:
        path.write_text(about + told, encoding="utf-8", errors="backslashreplace")
        where = f"{path} says where; please report it with that file."
    except OSError:
        where = f"Please report it with what follows.\n{told}"
    what = " ".join(f"{kind.__name__}: {error}".split())
    _say(f"This is an error of osim_nmscal itself, not of your files: {what[:300]}. {where}")


def _say(sentence: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(f"{sentence}\n")
