"""`osim-nmscal run CONFIG`: from recordings to the personalized model."""

from typing import Annotated

import typer

from osim_nmscal.commands.arguments import Changes, ConfigFile, OutFolder, stages_beginning
from osim_nmscal.commands.exit_codes import CARE, exit_code
from osim_nmscal.commands.following import LogFile, Quiet, Verbose, following, keep_verdict
from osim_nmscal.commands.printing import ERR, OUT, pasteable, print_findings, print_judged
from osim_nmscal.commands.printing_progress import counts_of_run
from osim_nmscal.commands.printing_result import print_personalized, unjudged
from osim_nmscal.config import load_config
from osim_nmscal.workflow.interruption import terminable, what_is_kept
from osim_nmscal.workflow.stages import STAGES


def run(
    config: ConfigFile,
    out: OutFolder = None,
    changes: Changes = None,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Recordings worked on at the same time.")] = 1,
    from_stage: Annotated[
        str | None,
        typer.Option("--from", metavar="STAGE", help=f"Run again from: {', '.join(STAGES)}.", autocompletion=stages_beginning),
    ] = None,
    only_stage: Annotated[
        str | None, typer.Option("--only", metavar="STAGE", help="Run this stage alone.", autocompletion=stages_beginning)
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help=f"End with code {CARE} where the verdict is 'use with care'.")] = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    log_file: LogFile = None,
) -> None:
    """Take the recordings through every station and write the personalized model; unchanged stages are not run again."""
    from osim_nmscal.workflow.personalize import personalize

    workflow = load_config(config, changes or ())
    folder = out or workflow.output.folder
    counts = counts_of_run(len(workflow.recordings), len(workflow.dynamometer), only=only_stage)
    with following(counts, quiet=quiet, verbose=verbose, log_file=log_file) as progress, terminable():
        try:
            result = personalize(workflow, folder, jobs=jobs, from_stage=from_stage, only_stage=only_stage, progress=progress)
            keep_verdict(result.verdict)
        except KeyboardInterrupt as error:
            ERR.print(
                f"Interrupted. {what_is_kept(folder)}",
                markup=False,
            )
            raise typer.Exit(exit_code(error)) from None
    if result.calibration is None:
        if not quiet:
            print_judged(result.judged)
            print_findings(unjudged(result))
        OUT.print(f"Done. The results are in {pasteable(result.folder)}", markup=False)
        return
    print_personalized(result, strict=strict, quiet=quiet)
