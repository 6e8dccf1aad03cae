"""Starts the command line: `osim-nmscal` and `python -m osim_nmscal`. What surrounds it stands before anything heavy is imported."""

import gc
from typing import NoReturn

from osim_nmscal.surroundings import prepare


def main() -> NoReturn:
    """Run the command line so that whatever happens ends in a sentence and an exit code."""
    prepare()
    gc.disable()  # what is imported stays; looking through it again and again for what does not takes a sixth of the time
    from osim_nmscal.cli import main as command_line

    gc.freeze()
    gc.enable()
    command_line()
