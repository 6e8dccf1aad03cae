"""Starts the command line: `osim-nmscal` and `python -m osim_nmscal`. What surrounds it stands before anything heavy is imported."""

from typing import NoReturn

from osim_nmscal.surroundings import prepare


def main() -> NoReturn:
    """Run the command line so that whatever happens ends in a sentence and an exit code."""
    prepare()
    from osim_nmscal.cli import main as command_line

    command_line()
