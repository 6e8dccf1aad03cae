"""Calibration: the parameters with which the muscles explain the joint moments of the calibration trials."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from osim_nmscal.calibration.owners import owners_of_every_kind
from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.results import CalibrationResult, HistoryRow
from osim_nmscal.data.starting_values import StartingValues
from osim_nmscal.data.trials import TrialSet
from osim_nmscal.errors import ConfigError, NmscalError
from osim_nmscal.osim_model.reader import read_muscles
from osim_nmscal.workflow.interruption import raise_if_terminated
from osim_nmscal.workflow.muscle_classes import choose_class
from osim_nmscal.workflow.names import CALIBRATION, CORRELATION, HISTORY, PARAMETERS
from osim_nmscal.workflow.progress import say
from osim_nmscal.workflow.results import ResultsFolder, read_calibration, write_calibration
from osim_nmscal.workflow.task import Inputs, Summary, Task
from osim_nmscal.workflow.terms import terms_said

if TYPE_CHECKING:
    from osim_nmscal.calibration.losses import Term
    from osim_nmscal.config import WorkflowConfig
    from osim_nmscal.workflow.flow import Flow


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Everything that a calibration sees."""

    trials: TrialSet  # those that calibrate
    muscles: MuscleTable | StartingValues
    settings: CalibrationSettings
    terms: "tuple[Term, ...]" = ()
    tries_classes: bool = False  # whether cross-validation chooses the class of the muscles


def outputs(config: "WorkflowConfig") -> tuple[str, ...]:
    """Return what it writes."""
    return (PARAMETERS, HISTORY, CORRELATION, CALIBRATION)


def problems(config: "WorkflowConfig", *, sound: bool) -> Iterator[NmscalError]:
    """Yield bounds that exclude the start, groups of unknown muscles, and that nothing is free."""
    if not any(one.free for _, one in config.calibration.parameters):
        yield ConfigError(f"{config.source}: no parameter is free to move; free at least one in [calibration.parameters].")
    if sound:
        try:
            owners_of_every_kind(read_muscles(config.model.file, config.model.substitute_muscle_class), config.calibration)
        except NmscalError as error:
            yield error


def run(flow: "Flow") -> None:
    """Write parameters.csv, history.csv, correlation.csv and calibration.json, and read the result back from them."""
    trials, muscles = flow.trials, flow.start_muscles
    if trials is None or muscles is None:
        raise ConfigError("There are no trials to calibrate with; run the workflow from its beginning.")
    known = muscles if flow.starting_values is None else flow.starting_values.select(muscles.names)
    measured = tuple(trial for trial in flow.dynamometer if trial.role == "calibration")
    task = Task(
        stage="calibration",
        settings=Calibration(
            trials=TrialSet(trials=(*trials.calibration.trials, *measured)),
            muscles=known,
            settings=for_muscles(flow.config.calibration, muscles.names),
            terms=flow.terms,
            tries_classes=flow.config.output.muscle_class == "auto",
        ),
        inputs={},
        outputs=outputs(flow.config),
        work=work,
    )
    flow.runner.run(task)
    raise_if_terminated()  # the optimiser ends in order at SIGTERM as at Ctrl-C; then so does the run
    flow.calibration = read_calibration(ResultsFolder(root=flow.place.path(CALIBRATION).parent.parent), muscles)


def for_muscles(settings: CalibrationSettings, muscles: Sequence[str]) -> CalibrationSettings:
    """Return the settings without what they say of muscles that take no part, as none of the dofs sees them; `check` knows all names."""
    groups = {group: tuple(name for name in members if name in muscles) for group, members in settings.groups.items()}
    roles = {name: role for name, role in settings.synergy.muscles.items() if name in muscles}
    kept = {group: members for group, members in groups.items() if members}
    return settings.model_copy(update={"groups": kept, "synergy": settings.synergy.model_copy(update={"muscles": roles})})


def work(inputs: Inputs, task: Calibration, out: Path) -> Summary:
    """Calibrate; an interrupted calibration is written, but never used again."""
    from osim_nmscal.calibration.calibrate import calibrate  # torch takes seconds, and `check` asks this module

    def once(trials: TrialSet, muscles: MuscleTable | StartingValues, settings: CalibrationSettings) -> CalibrationResult:
        made = calibrate(trials, muscles, settings, progress=_tell, terms=task.terms)
        if made.status == "interrupted":  # a class that was not tried to the end tells nothing
            raise_if_terminated()
            raise KeyboardInterrupt
        return made

    muscles, said = task.muscles, []
    if task.tries_classes:
        choice = choose_class(task.trials, muscles, task.settings, once)
        muscles, said = choice.muscles, [choice.sentence]
    result = calibrate(task.trials, muscles, task.settings, progress=_tell, terms=task.terms)
    write_calibration(ResultsFolder(root=out), result)
    return {
        "status": result.status,
        "sentence": result.sentence,
        "findings": [*said, *result.findings, *terms_said(task.terms)],
        "reusable": result.status != "interrupted",
    }


def _tell(row: HistoryRow) -> None:
    """Say where an optimiser is: iteration, loss by term, its rate, and the time left if it used every iteration."""
    terms = ", ".join(f"{name} {value:.3g}" for name, value in zip(row.term_names, row.term_values, strict=True) if value)
    text = f"iteration {row.iteration}, loss {row.loss:.5g} ({terms}), rate {row.rate:.2g}"
    left = row.seconds / row.iteration * (row.limit - row.iteration) if row.iteration else 0.0
    say(f"{text}, at most {left:.0f} s left" if left > 0 else text, row.seconds)
