"""The electrode study of a workflow: its stages up to the trials, then both kinds of calibration with ever fewer channels.

Results lie in `electrode_study/` of the results folder, whose stages are used as they are where nothing has changed.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from osim_nmscal.config import WorkflowConfig
from osim_nmscal.electrodes.findings import ElectrodeStudy
from osim_nmscal.electrodes.page import write_electrode_study_page
from osim_nmscal.electrodes.study import electrode_study, study_candidates
from osim_nmscal.electrodes.tables import FOLDER, write_study
from osim_nmscal.errors import ConfigError
from osim_nmscal.workflow.flow import Flow, made
from osim_nmscal.workflow.judgement import judged
from osim_nmscal.workflow.order import run_in_order
from osim_nmscal.workflow.personalize import publish_partial
from osim_nmscal.workflow.preparation import opened_place
from osim_nmscal.workflow.progress import Progress, ProgressCallback
from osim_nmscal.workflow.publication import put_in_place
from osim_nmscal.workflow.report_data import setting_rows
from osim_nmscal.workflow.runner import StageRunner
from osim_nmscal.workflow.stages import preparing
from osim_nmscal.workflow.stages.calibration import for_muscles

STAGE = FOLDER


@dataclass(frozen=True, kw_only=True)
class ElectrodeStudyResult:
    """Where a study lies, and what it found.

    Example:
        >>> nothing = ElectrodeStudy(
        ...     channels=("TA", "SOL"), order=(), order_errors=(), models=(), metrics=(), excitations=(), comparisons=(), sentences=())
        >>> home = Path("results/electrode_study")
        >>> found = ElectrodeStudyResult(folder=home, study=nothing, files=(), figure=home / "electrode_study.html", findings=())
        >>> found.figure.name
        'electrode_study.html'
    """

    folder: Path
    study: ElectrodeStudy
    files: tuple[Path, ...]  # JSON and CSV
    figure: Path  # HTML
    findings: tuple[str, ...]


def study_electrodes(
    config: WorkflowConfig,
    out: Path | str | None = None,
    *,
    channels: Sequence[str] = (),
    fewest: int = 1,
    jobs: int = 0,
    progress: ProgressCallback | None = None,
) -> ElectrodeStudyResult:
    """Prepare the trials of a workflow, study its electrodes, and write tables and a figure.

    Args:
        config: from `load_config`.
        out: results folder; default `config.output.folder`.
        channels: those that may be left off; none named means all.
        fewest: number of channels at which to stop.
        jobs: calibrations side by side; 0 for one per core.
        progress: called as stages and calibrations end.

    Raises:
        NmscalError: see `personalize` and `electrode_study`.

    Example:
        It needs recordings, so it does not run here:

        >>> study = study_electrodes(load_config("workflows/treadmill/config.toml"), "results/treadmill")  # doctest: +SKIP
        >>> print(*study.study.sentences)  # doctest: +SKIP
    """
    mapped = {*config.emg.mapping.channels, *(channel for mix in config.emg.mapping.mixes.values() for channel in mix)}
    if config.output.muscle_class == "auto":
        raise ConfigError(
            f"{config.where('output.muscle_class')}: [output] muscle_class = 'auto' would choose a class for each calibration of the "
            "study; name the class that a run has chosen."
        )
    study_candidates(sorted(mapped), channels, fewest)  # a mistake shows before the stages take their minutes
    with opened_place(config, out) as opened:
        runner = StageRunner(place=opened.place, progress=progress, allowed=config.checks.allow)
        runner.judge("check", opened.foreseen)
        flow = Flow(config=config, place=opened.place, runner=runner, jobs=max(1, jobs))
        run_in_order(flow, tuple(preparing()), lambda stage: runner.judge(stage.name, judged(stage.name, flow)))
        publish_partial(flow)
        return _study(flow, channels, fewest, jobs, progress)


def _study(flow: Flow, channels: Sequence[str], fewest: int, jobs: int, progress: ProgressCallback | None) -> ElectrodeStudyResult:
    home = flow.place.root / STAGE
    began = time.perf_counter()

    def tell(finished: int, known: int, name: str) -> None:
        if progress is not None:
            spent = time.perf_counter() - began
            left = f", about {spent / finished * (known - finished):.0f} s left of these" if finished < known else ""
            text = f"{finished} of {known} calibrations{left}, last {name}"
            progress(Progress(stage=STAGE, state="iteration", seconds=spent, text=text, done=finished / known))

    trials = made(flow.trials, "trials")
    study = electrode_study(
        trials,
        made(flow.start_muscles, "muscles"),
        made(flow.mapping, "EMG mapping"),
        for_muscles(flow.config.calibration, trials.muscles),
        out=home,
        candidates=channels,
        fewest=fewest,
        workers=jobs,
        progress=tell,
    )
    if progress is not None:
        progress(Progress(stage=STAGE, state="done", seconds=time.perf_counter() - began))
    with flow.place.part(STAGE) as part:
        names = [path.name for path in write_study(study, part)]
        settings = setting_rows(flow.config, prefix="calibration.")
        figure = write_electrode_study_page(study, part / "electrode_study.html", subject=flow.config.subject.name, settings=settings)
        flow.runner.findings += put_in_place(part, home)
    return ElectrodeStudyResult(
        folder=home,
        study=study,
        files=tuple(home / name for name in names),
        figure=home / figure.name,
        findings=flow.runner.sentences,
    )
