"""From a configuration to a personalized model: the stages one after the other, then everything they made published as one set."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from osim_nmscal.config import WorkflowConfig
from osim_nmscal.data.findings import Finding, Verdict
from osim_nmscal.data.noun import Rows
from osim_nmscal.data.results import CalibrationResult, DynamometerMetrics, MomentMetrics, TrialPrediction
from osim_nmscal.data.trials import TrialSet
from osim_nmscal.doctor.verdict import verdict
from osim_nmscal.errors import NmscalError
from osim_nmscal.provenance.values import digest_of
from osim_nmscal.workflow.early_end import leave_failed, leave_interrupted, note_interrupted
from osim_nmscal.workflow.flow import Flow
from osim_nmscal.workflow.folder import new_record
from osim_nmscal.workflow.judgement import judged
from osim_nmscal.workflow.names import PERSONALIZED_MODEL, REPORT
from osim_nmscal.workflow.order import modules_of_calibration, run_in_order
from osim_nmscal.workflow.preparation import opened_place
from osim_nmscal.workflow.progress import ProgressCallback
from osim_nmscal.workflow.records import State
from osim_nmscal.workflow.results import ResultsFolder, StageTime, versions, write_metrics, write_sidecar
from osim_nmscal.workflow.runner import OnlyStageDone, StageRunner, require_stages
from osim_nmscal.workflow.showing import opened_model, run_html, run_sentence
from osim_nmscal.workflow.stages import TABLE, Stage
from osim_nmscal.workflow.terms import require_named
from osim_nmscal.workflow.user_files import input_digests
from osim_nmscal.workflow.verification import Verification

if TYPE_CHECKING:
    from osim_nmscal.calibration.losses import Term

# Label of what stands on all stages: the sidecar and metrics.json.
SUMMARY = "summary"


@dataclass(frozen=True, kw_only=True, repr=False)
class PersonalizedResult:
    """What a workflow made; after `only_stage` that ended before calibration, only `folder`, `stages` and `findings`.

    Example:
        >>> early = PersonalizedResult(folder=Path("results"), stages=(), findings=("Plate 2 drifts.",))
        >>> early.model is None and early.verdict is None
        True
    """

    folder: Path
    stages: tuple[StageTime, ...]
    findings: tuple[str, ...]  # what a user must know, one sentence each
    model: Path | None = None  # personalized.osim
    trials: TrialSet | None = None
    calibration: CalibrationResult | None = None
    dynamometer: tuple[DynamometerMetrics, ...] = ()  # of passive trials and efforts
    metrics: Rows[MomentMetrics] = field(default_factory=Rows)
    predictions: Rows[TrialPrediction] = field(default_factory=Rows)  # of the calibrated muscles
    uncalibrated: Rows[TrialPrediction] = field(default_factory=Rows)  # of the muscles before calibration
    verification: Verification | None = None  # None if it was switched off, or no motion is there
    judged: tuple[Finding, ...] = ()  # what the doctor says of data and result
    verdict: Verdict | None = None  # what all of it amounts to

    def __repr__(self) -> str:
        return f"PersonalizedResult({self.folder.name}: {run_sentence(self.trials, self.calibration, self.verdict)})"

    def _repr_html_(self) -> str:
        sentence = run_sentence(self.trials, self.calibration, self.verdict)
        return run_html(self.folder.name, sentence, self.verdict, self.metrics)

    def open_model(self) -> Any:
        """Return the personalized model as an `opensim.Model`; this imports OpenSim.

        Raises:
            ConfigError: the run ended before it was written.
        """
        return opened_model(self.model, self.folder)


def personalize(
    config: WorkflowConfig,
    out: Path | str | None = None,
    *,
    jobs: int = 1,
    from_stage: str | None = None,
    only_stage: str | None = None,
    terms: Sequence["Term"] = (),
    progress: ProgressCallback | None = None,
) -> PersonalizedResult:
    """Take a person's recordings through every station and write the results folder.

    Results become visible all at once, when the last stage has ended; until then, and after any failure, the folder shows the
    last complete set, and what is finished waits in `unfinished/` for the next run.

    Args:
        config: from `load_config`, or built in Python.
        out: results folder; default `config.output.folder`. A stage whose inputs and settings have not changed is not run again.
        jobs: recordings that OpenSim works on at the same time, each in a process of its own.
        from_stage: run this stage and those behind it again, even if nothing has changed.
        only_stage: run this stage alone, on the results of the others as they are in the folder.
        terms: further loss terms of the calibration. Their functions are kept by name and source: where one reads something else that
            has changed, run again with `from_stage="calibration"`.
        progress: called with a `Progress` as stages start, iterate and end, also from other threads.

    Returns:
        Paths, calibration, metrics and findings. A calibration that Ctrl-C ended is returned, too; its files stay in `unfinished/`.

    Raises:
        NmscalError: in a sentence, what is wrong, where, and what to change. Everything is checked against the real files before
            the first stage; finished stages are kept.

    Example:
        It needs recordings and some minutes of OpenSim, so it does not run here:

        >>> config = load_config("workflows/running/config.toml")
        >>> result = personalize(config, "results/running", jobs=2)  # doctest: +SKIP
        >>> print(result.verdict.sentence)  # doctest: +SKIP
    """
    require_stages(from_stage, only_stage)
    require_named(terms)
    with opened_place(config, out, only_stage=only_stage) as opened:
        runner = StageRunner(
            place=opened.place,
            from_stage=from_stage,
            only_stage=only_stage,
            progress=progress,
            allowed=config.checks.allow,
            loads=modules_of_calibration(config),
        )
        flow = Flow(config=config, place=opened.place, runner=runner, jobs=max(1, jobs), terms=tuple(terms))
        opened.place.begin(config.model_dump(mode="json"))

        def after(stage: Stage) -> None:
            runner.judge(stage.name, judged(stage.name, flow))
            if stage is not TABLE[-1]:
                runner.finish(stage.name)

        try:
            flow.stage = "check"
            runner.judge("check", opened.foreseen)
            run_in_order(flow, TABLE, after)
        except OnlyStageDone:
            publish_partial(flow)
            return _result(flow)
        except NmscalError as error:
            leave_failed(flow, error)
            raise
        except KeyboardInterrupt:
            note_interrupted(flow)
            raise
        if flow.interrupted:
            leave_interrupted(flow)
        else:
            _publish(flow)
        return _result(flow)


def publish_partial(flow: Flow) -> None:
    """Publish what only some stages have made, unless the folder shows a complete set: then it stays in unfinished/."""
    place = flow.place
    if place.is_complete:
        flow.runner.findings.append(
            f"{place.root} keeps its complete results; what this run made is in {place.unfinished} for the next whole run."
        )
    elif not flow.interrupted:
        done = ", ".join(time.name for time in flow.runner.times)
        _publish_set(flow, "partial", f"Only these stages have finished: {done}.")


def _publish(flow: Flow) -> None:
    """Write what stands on all stages, and make everything the visible set."""
    place, config, result = flow.place, flow.config, flow.calibration
    if result is None:
        return
    settings, inputs, used = config.model_dump(mode="json"), input_digests(config), place.used
    judged_as = {"verdict": asdict(verdict_of(flow)), "findings": [asdict(finding) for finding in flow.runner.judged]}
    key = digest_of(settings, inputs, versions(), {label: dict(record.files) for label, record in sorted(used.items())}, judged_as)
    if place.current(SUMMARY, key) is None:
        from osim_nmscal.workflow.run_report import write_run_report  # an up-to-date run can do without its libraries

        with place.part(SUMMARY) as part:
            folder = ResultsFolder(root=part)
            write_sidecar(folder, result, settings=settings, inputs=inputs)
            confirmed = flow.verification.metrics if flow.verification else ()
            write_metrics(
                folder, result, flow.metrics, flow.runner.times, confirmed, dynamometer=flow.dynamometer_metrics, judged=judged_as
            )
            write_run_report(flow, verdict_of(flow), part / REPORT)
            place.keep(SUMMARY, key, part, seconds=0.0, summary={})
    _publish_set(flow, "complete", "All stages have finished.")


def _publish_set(flow: Flow, state: State, sentence: str) -> None:
    config, place = flow.config, flow.place
    record = new_record(
        state,
        sentence,
        configuration=config.model_dump(mode="json"),
        source=config.source,
        inputs=input_digests(config),
        versions=versions(),
    )
    place.publish(record)
    flow.runner.findings += place.findings


def _result(flow: Flow) -> PersonalizedResult:
    made: dict[str, Any] = {}
    if flow.verification is not None or flow.metrics:  # through to the end
        made = {
            "model": flow.place.path(PERSONALIZED_MODEL),
            "trials": flow.trials,
            "calibration": flow.calibration,
            "dynamometer": flow.dynamometer_metrics,
            "metrics": Rows(flow.metrics),
            "predictions": Rows(flow.predictions),
            "uncalibrated": Rows(flow.uncalibrated),
            "verification": flow.verification,
            "verdict": verdict_of(flow),
        }
    runner = flow.runner
    return PersonalizedResult(folder=flow.place.root, stages=runner.times, findings=runner.sentences, judged=tuple(runner.judged), **made)


def verdict_of(flow: Flow) -> Verdict:
    """Weigh everything that was found in the data, the calibration and OpenSim's own run."""
    held_out = {(metric.trial.split("/")[0], metric.dof) for metric in flow.metrics if metric.role == "held_out"}
    return verdict(flow.runner.judged, judged=len(held_out))
