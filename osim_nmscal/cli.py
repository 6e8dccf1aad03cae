"""The command line: its commands, each a file in commands/, and how it ends.

Errors of this package are printed as they are, without a traceback. Exit codes: commands/exit_codes.py, which `--help` shows.
Progress goes to stderr, results to stdout; when whoever reads stdout has gone (`| head`), the command ends without a word and with
code 1. A shell completes commands, options, stages and keys after `osim-nmscal --install-completion`.
What happens before and around it (Ctrl-C during imports, encodings, unforeseen errors) is in surroundings.py.
"""

if __name__ == "__main__":  # `python -m osim_nmscal.cli`: before the imports below, so that Ctrl-C finds its handler in place
    from osim_nmscal.surroundings import prepare

    prepare()

import os
import sys
from typing import Annotated, Any, NoReturn

import typer
import typer.core

from osim_nmscal import __version__
from osim_nmscal.commands.check import check
from osim_nmscal.commands.demo import demo
from osim_nmscal.commands.electrode_study import electrode_study
from osim_nmscal.commands.example import example
from osim_nmscal.commands.exit_codes import exit_codes_text
from osim_nmscal.commands.init import init
from osim_nmscal.commands.inspect import inspect
from osim_nmscal.commands.plan import plan
from osim_nmscal.commands.printing import ERR, OUT, print_error
from osim_nmscal.commands.report import compare, report
from osim_nmscal.commands.run import run
from osim_nmscal.commands.settings import settings
from osim_nmscal.commands.verify import verify
from osim_nmscal.errors import ConfigError, NmscalError
from osim_nmscal.surroundings import INTERRUPTED, interruptible


class _Commands(typer.core.TyperGroup):
    """The commands; Ctrl-C in one that does not answer it itself becomes a word and exit code 130 (click would end with 1)."""

    def invoke(self, ctx: Any) -> Any:
        try:
            with interruptible():
                return super().invoke(ctx)
        except KeyboardInterrupt:
            ERR.print("Interrupted.")
            raise typer.Exit(INTERRUPTED) from None


app = typer.Typer(
    name="osim-nmscal",
    cls=_Commands,
    no_args_is_help=True,
    context_settings={"help_option_names": ["--help", "-h"]},
    pretty_exceptions_enable=False,
    help="Make an OpenSim model's muscles a particular person's, from the person's own recordings.",
    epilog=exit_codes_text(of_results=True),
)

for _command in (check, run, verify, settings, demo, electrode_study, plan, example, init, inspect, report, compare):
    app.command(epilog=exit_codes_text(of_results=_command in (run, verify, demo)))(_command)


@app.callback(invoke_without_command=True)
def _version(show: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if show:
        OUT.print(f"osim-nmscal {__version__}")
        raise typer.Exit


def main() -> NoReturn:
    """Run the command line; what went wrong becomes a sentence and an exit code."""
    try:
        typer.main.get_command(app)(prog_name="osim-nmscal")  # app() itself would replace sys.excepthook
    except NmscalError as error:
        print_error(error)
        sys.exit(2 if isinstance(error, ValueError) else 1)
    except OSError as error:  # the one place for what a disk or its permissions refuse and no station has foreseen
        print_error(_refused_by_the_system(error))
        sys.exit(2)
    sys.exit(0)


def _refused_by_the_system(error: OSError) -> ConfigError:
    why = error.strerror or str(error) or type(error).__name__
    where = error.filename2 or error.filename
    if where is None:
        return ConfigError(f"The operating system refused to read or write: {why}; free the disk or give another folder, then run again.")
    open_elsewhere = " and that no other program has it open" if isinstance(error, PermissionError) else ""
    named = os.fsdecode(where) if isinstance(where, bytes | str | os.PathLike) else str(where)
    return ConfigError(f"{named} cannot be read or written: {why}; check the path, its permissions{open_elsewhere}.")


if __name__ == "__main__":
    main()
