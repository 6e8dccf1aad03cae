"""From a configuration to a personalized model: one call per station, then its moments beside those of inverse dynamics."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Any

from osim_nmscal.calibration.emg_driven import calibrate_emg_driven
from osim_nmscal.calibration.prediction import predict
from osim_nmscal.calibration.synergy.calibration import calibrate_synergy_hybrid
from osim_nmscal.calibration.synergy.prediction import predict_hybrid
from osim_nmscal.config import WorkflowConfig
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.results import CalibrationResult, HistoryRow, MomentMetrics, TrialPrediction, VerificationMetrics
from osim_nmscal.data.trials import TrialSet
from osim_nmscal.errors import OpenSimToolError
from osim_nmscal.evaluation import moment_metrics
from osim_nmscal.formats.text_files import write_text_atomically
from osim_nmscal.opensim_tools.model_check import load_model_check
from osim_nmscal.osim_model.writer import write_personalized
from osim_nmscal.workflow import stages
from osim_nmscal.workflow.cache import file_digest
from osim_nmscal.workflow.preparation import input_files, open_folder, prepare
from osim_nmscal.workflow.results import (
    StageTime,
    read_calibration,
    write_calibration,
    write_metrics,
    write_sidecar,
)
from osim_nmscal.workflow.runner import OnlyStageDone, Progress, ProgressCallback, StageRunner
from osim_nmscal.workflow.verification import Verification, prediction_files, verify_results, write_predictions


@dataclass(frozen=True, kw_only=True)
class PersonalizedResult:
    """What a workflow made; after `only_stage` that ended before calibration, only `folder`, `stages` and `findings`."""

    folder: Path
    stages: tuple[StageTime, ...]
    findings: tuple[str, ...]  # what a user must know, one sentence each
    model: Path | None = None  # personalized.osim
    trials: TrialSet | None = None
    calibration: CalibrationResult | None = None
    metrics: tuple[MomentMetrics, ...] = ()
    predictions: tuple[TrialPrediction, ...] = ()  # of the calibrated muscles
    verification: Verification | None = None  # None if it was switched off, or no motion is there


def personalize(
    config: WorkflowConfig,
    out: Path | str | None = None,
    *,
    jobs: int = 1,
    from_stage: str | None = None,
    only_stage: str | None = None,
    progress: ProgressCallback | None = None,
) -> PersonalizedResult:
    """Take a person's recordings through every station and write the results folder.

    Args:
        config: from `load_config`, or built in Python.
        out: results folder; default `config.output.folder`. A stage whose inputs and settings have not changed is not run again.
        jobs: recordings that OpenSim works on at the same time, each in a process of its own.
        from_stage: run this stage and those behind it again, even if nothing has changed.
        only_stage: run this stage alone, on the results of the others as they are in the folder.
        progress: called with a `Progress` as stages start, iterate and end, also from other threads.

    Returns:
        Paths, calibration, metrics and findings.

    Raises:
        NmscalError: in a sentence, what is wrong, where, and what to change. Everything is checked against the real files before
            the first stage; finished stages are kept.
    """
    folder = open_folder(config, out)
    runner = StageRunner(folder=folder.root, from_stage=from_stage, only_stage=only_stage, progress=progress)
    place = stages.Workplace(config=config, folder=folder, runner=runner)
    try:
        prepared = prepare(place, max(1, jobs))
        return _calibrate(place, prepared.trials, max(1, jobs))
    except OnlyStageDone:
        return PersonalizedResult(folder=folder.root, stages=runner.times, findings=tuple(runner.findings))
    except BaseException:
        _remove_outdated(place)
        raise


def _remove_outdated(place: stages.Workplace) -> None:
    """After a failure, leave no final result that belongs to an earlier run of the stages before it."""
    folder, runner = place.folder, place.runner
    finished = (folder.parameters, folder.history, folder.sidecar) if runner.has_finished("calibration") else ()
    if runner.has_worked:
        for path in (*folder.final, *folder.predictions):
            if path not in finished:
                path.unlink(missing_ok=True)


def _calibrate(place: stages.Workplace, trial_set: TrialSet, jobs: int) -> PersonalizedResult:
    """Calibrate, write the personalized model, compare moments, and let OpenSim confirm them."""
    config, folder, runner = place.config, place.folder, place.runner
    table = stages.calibrated_table(place, trial_set)
    result = _calibration(place, trial_set, table)
    runner.finish("calibration")
    _write_back(place, result)
    runner.finish("write_back")
    with runner.timed("evaluation"):
        trial_set = trial_set.with_muscles(result.muscles.names)
        before = predict(trial_set, result.start_muscles, result.start_neural, config.calibration)
        after = _predicted(trial_set, result, config)
        metrics = (
            *moment_metrics(trial_set, before, model="uncalibrated"),
            *moment_metrics(trial_set, after, model="calibrated"),
        )
        write_predictions(folder, trial_set, after)
    runner.finish("evaluation")
    verification = _verification(place, trial_set, jobs)
    runner.finish("verification")
    write_metrics(folder, result, metrics, runner.times, verification.metrics if verification else ())
    return PersonalizedResult(
        folder=folder.root,
        stages=runner.times,
        findings=tuple(runner.findings),
        model=folder.personalized_model,
        trials=trial_set,
        calibration=result,
        metrics=metrics,
        predictions=after,
        verification=verification,
    )


def _verification(place: stages.Workplace, trial_set: TrialSet, jobs: int) -> Verification | None:
    """Let OpenSim run the personalized model, unless nobody wants it or no motion is there to prescribe."""
    config, folder, runner = place.config, place.folder, place.runner
    motions = [folder.recording(recording.name) / "ik.mot" for recording in config.recordings]
    if not config.verification.enabled or not all(path.is_file() for path in motions):
        return None
    out = folder.verification

    def work() -> Mapping[str, Any]:
        try:
            found = verify_results(folder.root, choice=config.verification, jobs=jobs)
        except OpenSimToolError as error:  # the results stay: a model that OpenSim cannot run must be looked at
            write_text_atomically(out, "[]")
            return {"failure": str(error), "findings": ["OpenSim cannot run the personalized model; see below and predictions/*.log."]}
        write_text_atomically(out, json.dumps([asdict(metric) for metric in found.metrics], indent=1))
        if found.confirmed:
            return {}
        return {
            "findings": [
                f"OpenSim does not confirm the model: a moment differs from that predicted by {100 * found.worst:.1f} % of its "
                f"range, more than {100 * found.tolerance:.1f} % ([verification] tolerance); see verification.json."
            ]
        }

    files = [path for trial in trial_set.trials for path in astuple(prediction_files(folder, trial.name))[1:]]
    outcome = runner.run(
        "verification",
        "",
        work,
        settings=config.verification.model_dump(mode="json") | config.muscle_analysis.model_dump(mode="json"),
        inputs=[folder.personalized_model, *motions, *files],
        outputs=[out],
        keep=lambda summary: "failure" not in summary,
    )
    metrics = tuple(VerificationMetrics(**stored) for stored in json.loads(out.read_text(encoding="utf-8")))
    return Verification(metrics=metrics, tolerance=config.verification.tolerance, failure=outcome.summary.get("failure", ""))


def _predicted(trial_set: TrialSet, result: CalibrationResult, config: WorkflowConfig) -> tuple[TrialPrediction, ...]:
    """Predict calibration trials as the calibration left them, and held-out ones from their EMG alone."""
    if result.synergy is None:
        return predict(trial_set, result.muscles, result.neural, config.calibration)
    seen = predict_hybrid(trial_set.calibration, result, config.calibration, mode="calibrated")
    new = predict_hybrid(trial_set.held_out, result, config.calibration, mode="from_emg")
    by_name = {prediction.trial: prediction for prediction in (*seen, *new)}
    return tuple(by_name[name] for name in trial_set.names)


def _calibration(place: stages.Workplace, trial_set: TrialSet, table: MuscleTable) -> CalibrationResult:
    config, folder, runner = place.config, place.folder, place.runner
    settings = config.calibration
    calibrate = calibrate_emg_driven if settings.method == "emg_driven" else calibrate_synergy_hybrid
    done: list[CalibrationResult] = []

    def on_iteration(row: HistoryRow) -> None:
        if runner.progress is not None:
            runner.progress(Progress(stage="calibration", state="iteration", seconds=row.seconds, text=_iteration_text(row)))

    def work() -> Mapping[str, Any]:
        result = calibrate(trial_set, table, settings, progress=on_iteration)
        done.append(result)
        write_calibration(folder, result)
        write_sidecar(folder, result, settings=config.model_dump(mode="json"), inputs=_input_digests(config))
        return {"status": result.status, "sentence": result.sentence, "findings": result.findings}

    runner.run(
        "calibration",
        "",
        work,
        settings=settings.model_dump(mode="json") | {"trials": _trials_digest(trial_set), "muscles": repr(table)},
        inputs=[],
        outputs=[folder.parameters, folder.history, folder.sidecar],
        keep=lambda summary: summary["status"] != "interrupted",
    )
    return done[0] if done else read_calibration(folder, table)


def _iteration_text(row: HistoryRow) -> str:
    """Say where an optimiser is: iteration, loss by term, its rate, and the time left if it used every iteration."""
    terms = ", ".join(f"{name} {value:.3g}" for name, value in zip(row.term_names, row.term_values, strict=True) if value)
    text = f"iteration {row.iteration}, loss {row.loss:.5g} ({terms}), rate {row.rate:.2g}"
    left = row.seconds / row.iteration * (row.limit - row.iteration) if row.iteration else 0.0
    return f"{text}, at most {left:.0f} s left" if left > 0 else text


def _write_back(place: stages.Workplace, result: CalibrationResult) -> None:
    folder, muscle_class = place.folder, place.config.output.muscle_class

    def check(path: Path) -> None:
        load_model_check(path, log=folder.root / "personalized.log")

    def work() -> Mapping[str, Any]:
        write_personalized(folder.scaled_model, folder.personalized_model, result.muscles, muscle_class=muscle_class, check=check)
        return {}

    place.runner.run(
        "write_back",
        "",
        work,
        settings={"muscle_class": muscle_class, "muscles": repr(result.muscles)},
        inputs=[folder.scaled_model],
        outputs=[folder.personalized_model],
    )


def _input_digests(config: WorkflowConfig) -> dict[str, str]:
    return {str(path): file_digest(path) for path in input_files(config)}


def _trials_digest(trial_set: TrialSet) -> str:
    digest = hashlib.sha256()
    for trial in trial_set.trials:
        if trial.role == "calibration":
            digest.update(repr((trial.name, trial.muscles, trial.dofs, trial.first_counted)).encode())
            for name in ("time", "excitation", "mtu_length", "moment_arm", "joint_moment"):
                digest.update(getattr(trial, name).tobytes())
    return digest.hexdigest()
