"""Exit codes: what a command ends with, and how `--help` says so."""

from osim_nmscal.surroundings import INTERRUPTED
from osim_nmscal.workflow.interruption import TERMINATED, Terminated

NOT_CONFIRMED = 3
CARE = 4


def exit_code(error: KeyboardInterrupt) -> int:
    """Return the exit code of a run that was ended from outside."""
    return TERMINATED if isinstance(error, Terminated) else INTERRUPTED


_USUAL = {
    0: "done",
    1: "a tool failed, or an error of osim-nmscal itself",
    2: "something to mend in configuration, files or options",
    INTERRUPTED: "interrupted (Ctrl-C)",
    TERMINATED: "terminated from outside (SIGTERM)",
}
_OF_RESULTS = {
    NOT_CONFIRMED: 'the verdict is "do not use", or OpenSim does not confirm the personalized model',
    CARE: 'with --strict: the verdict is "use with care"',
}


def exit_codes_text(*, of_results: bool) -> str:
    """Return what `--help` says of exit codes, one to a line.

    Args:
        of_results: whether the command weighs results.
    """
    codes = _USUAL | (_OF_RESULTS if of_results else {})
    return "Exit codes:\n" + ";\n".join(f"{code} {meaning}" for code, meaning in sorted(codes.items())) + "."
