"""Exit codes that a result ends with; cli.py says all of them."""

from osim_nmscal.surroundings import INTERRUPTED
from osim_nmscal.workflow.interruption import TERMINATED, Terminated

NOT_CONFIRMED = 3
CARE = 4


def exit_code(error: KeyboardInterrupt) -> int:
    """Return the exit code of a run that was ended from outside."""
    return TERMINATED if isinstance(error, Terminated) else INTERRUPTED
