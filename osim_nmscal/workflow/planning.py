"""What to record next: the stages of a workflow up to the trials, then a plan of recordings that could be added.

Tables and a page lie in `plan/` of the results folder, whose stages are used as they are where nothing has changed.
"""

import time
from dataclasses import dataclass
from pathlib import Path

from osim_nmscal.config import WorkflowConfig
from osim_nmscal.data.trials import MuscleGeometry, TrialSet
from osim_nmscal.opensim_tools.muscle_analysis import run_muscle_analysis
from osim_nmscal.osim_model.crossing import read_crossing_muscles
from osim_nmscal.osim_model.reader import read_coordinates
from osim_nmscal.planning.candidates import candidates_of, electrode_candidates
from osim_nmscal.planning.information import Candidate, Plan, plan, require_noise
from osim_nmscal.planning.page import write_plan_page
from osim_nmscal.planning.proposals import proposed_sweeps
from osim_nmscal.planning.tables import write_plan
from osim_nmscal.planning.worth import opening
from osim_nmscal.trials.sweeps import frames_of
from osim_nmscal.workflow.flow import Flow, made
from osim_nmscal.workflow.judgement import judged
from osim_nmscal.workflow.names import SCALED_MODEL
from osim_nmscal.workflow.personalize import publish_partial
from osim_nmscal.workflow.preparation import opened_place
from osim_nmscal.workflow.progress import Progress, ProgressCallback
from osim_nmscal.workflow.publication import put_in_place
from osim_nmscal.workflow.runner import StageRunner
from osim_nmscal.workflow.stages import preparing
from osim_nmscal.workflow.stages.calibration import for_muscles

STAGE = "plan"


@dataclass(frozen=True, kw_only=True)
class PlanResult:
    """Where a plan lies, and what it says.

    Example:
        >>> nothing = Plan(candidates=(), rows=(), order=(), gains=())
        >>> home = Path("results/plan")
        >>> PlanResult(folder=home, plan=nothing, candidates=(), sentence="", files=(), figure=home / "plan.html", findings=()).figure.name
        'plan.html'
    """

    folder: Path
    plan: Plan
    candidates: tuple[Candidate, ...]
    sentence: str  # what to record next, and what it buys
    files: tuple[Path, ...]  # CSV
    figure: Path  # HTML
    findings: tuple[str, ...]


def plan_recordings(
    config: WorkflowConfig, out: Path | str | None = None, *, jobs: int = 1, progress: ProgressCallback | None = None
) -> PlanResult:
    """Prepare the trials of a workflow, and find what further recordings would tell of its muscles.

    Args:
        config: from `load_config`.
        out: results folder; default `config.output.folder`.
        jobs: recordings worked on at the same time.
        progress: called as stages end.

    Raises:
        NmscalError: see `personalize` and `plan`.

    Example:
        It needs recordings, so it does not run here:

        >>> found = plan_recordings(load_config("workflows/treadmill/config.toml"), "results/treadmill")  # doctest: +SKIP
        >>> print(found.sentence)  # doctest: +SKIP
    """
    require_noise(config.calibration)  # a mistake shows before the stages take their minutes
    with opened_place(config, out) as opened:
        runner = StageRunner(place=opened.place, progress=progress, allowed=config.checks.allow)
        runner.judge("check", opened.foreseen)
        flow = Flow(config=config, place=opened.place, runner=runner, jobs=max(1, jobs))
        for stage in preparing():
            flow.pass_through(stage)
            runner.judge(stage.name, judged(stage.name, flow))
        publish_partial(flow)
        return _planned(flow, progress)


def _planned(flow: Flow, progress: ProgressCallback | None) -> PlanResult:
    config, home = flow.config, flow.place.root / STAGE
    trials, muscles = made(flow.trials, "trials"), made(flow.start_muscles, "muscles")
    settings = for_muscles(config.calibration, trials.muscles)
    began = time.perf_counter()
    if progress is not None:
        progress(Progress(stage=STAGE, state="started"))
    with flow.place.part(STAGE) as part:
        coordinates, crossing = read_coordinates(config.model.file), read_crossing_muscles(config.model.file)
        sweeps = proposed_sweeps(coordinates, trials.dofs, crossing, config.trials.time_step)
        if sweeps:
            frames, rows = frames_of([sweep.run for sweep in sweeps], config.trials.time_step)
            geometry_settings = config.muscle_analysis.model_copy(
                update={"muscles": trials.muscles, "dofs": trials.dofs, "missing_coordinates": "default", "lowpass_cutoff": 0.0}
            )
            scratch = part / "geometry"
            found = run_muscle_analysis(flow.place.path(SCALED_MODEL), frames, scratch, settings=geometry_settings)
            geometry = found.select(trials.muscles, trials.dofs)
        else:
            rows, geometry = (), _no_geometry(trials)
        candidates, left_out = candidates_of(sweeps, rows, geometry, muscles, settings)
        flow.runner.findings += left_out
        measured = tuple(trial for trial in flow.dynamometer if trial.role == "calibration")
        at_hand = TrialSet(trials=(*trials.calibration.trials, *measured))
        candidates = (*candidates, *electrode_candidates(at_hand, settings))
        known = muscles if flow.starting_values is None else flow.starting_values.select(muscles.names)
        result = plan(at_hand, known, candidates, settings)
        ready = part / "ready"
        ready.mkdir()
        files = [path.name for path in write_plan(result, candidates, ready)]
        figure = write_plan_page(result, candidates, ready / "plan.html", subject=config.subject.name, dofs=trials.dofs)
        flow.runner.findings += put_in_place(ready, home)
    if progress is not None:
        progress(Progress(stage=STAGE, state="done", seconds=time.perf_counter() - began))
    return PlanResult(
        folder=home,
        plan=result,
        candidates=candidates,
        sentence=opening(result),
        files=tuple(home / name for name in files),
        figure=home / figure.name,
        findings=flow.runner.sentences,
    )


def _no_geometry(trials: TrialSet) -> MuscleGeometry:
    one = trials.trials[0]
    return MuscleGeometry(time=one.time, muscles=one.muscles, dofs=one.dofs, mtu_length=one.mtu_length, moment_arm=one.moment_arm)
