"""Verification: OpenSim's own muscles run the personalized model over the trials."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from osim_nmscal.data.results import VerificationMetrics
from osim_nmscal.errors import ConfigError, OpenSimToolError
from osim_nmscal.formats.text_files import write_text_atomically
from osim_nmscal.opensim_tools.muscle_analysis import MuscleAnalysisSettings
from osim_nmscal.opensim_tools.verification import VerificationChoice, VerificationSettings
from osim_nmscal.workflow.names import CALIBRATION, PERSONALIZED_MODEL, PREDICTION_INDEX, PREDICTIONS, VERIFICATION, motion
from osim_nmscal.workflow.predictions import relative_files
from osim_nmscal.workflow.recording_files import has_motion
from osim_nmscal.workflow.results import read_calibrated_muscles
from osim_nmscal.workflow.task import Inputs, Summary, Task
from osim_nmscal.workflow.verification import Verification, VerifiedFiles, verify_files

if TYPE_CHECKING:
    from osim_nmscal.config import WorkflowConfig
    from osim_nmscal.workflow.flow import Flow


@dataclass(frozen=True, kw_only=True)
class Verified:
    """What is verified, and how."""

    choice: VerificationChoice
    run: VerificationSettings


def outputs(config: "WorkflowConfig") -> tuple[str, ...]:
    """Return what it writes: nothing where nobody wants it, or no motion is there to prescribe."""
    wanted = config.verification.enabled and all(has_motion(recording) for recording in config.recordings)
    return (VERIFICATION,) if wanted else ()


def run(flow: "Flow") -> None:
    """Write verification.json."""
    config, place, trials = flow.config, flow.place, flow.trials
    if not outputs(config) or flow.interrupted:
        return
    if trials is None:
        raise ConfigError("There are no predictions to verify; run the workflow from its beginning.")
    files = [path for trial in trials.names for path in relative_files(trial)]
    task = Task(
        stage="verification",
        settings=Verified(
            choice=config.verification,
            run=verification_settings(config.muscle_analysis),
        ),
        inputs={
            "model": place.path(PERSONALIZED_MODEL),
            "calibration": place.path(CALIBRATION),
            "index": place.path(PREDICTION_INDEX),
            **{f"motion.{recording.name}": place.path(motion(recording.name)) for recording in config.recordings},
            **{f"prediction.{path}": place.path(path) for path in files},
        },
        outputs=(VERIFICATION,),
        work=work,
    )
    summary = flow.runner.run(task, jobs=flow.jobs).summary
    stored = json.loads(place.path(VERIFICATION).read_text(encoding="utf-8"))
    metrics = tuple(VerificationMetrics(**one) for one in stored)
    flow.verification = Verification(metrics=metrics, tolerance=config.verification.tolerance, failure=summary.get("failure", ""))


def verification_settings(analysis: MuscleAnalysisSettings) -> VerificationSettings:
    """Return how OpenSim runs the model: over the motion, and with the moment arms, that the muscle analysis saw.

    Where that analysis was by surrogate, OpenSim runs on its own paths, so that their difference is part of what is verified.
    """
    method = "lengthening_speed" if analysis.method == "surrogate" else analysis.method
    return VerificationSettings(method=method, lowpass_cutoff=analysis.lowpass_cutoff, missing_coordinates=analysis.missing_coordinates)


def work(inputs: Inputs, task: Verified, out: Path) -> Summary:
    """Let OpenSim run the chosen trials; a model that it cannot run is kept, for it must be looked at."""
    files = VerifiedFiles(
        model=inputs.file("model"),
        motions=inputs.starting_with("motion."),
        predictions=inputs.file("index").parent,
        logs=out / PREDICTIONS,
    )
    muscles = read_calibrated_muscles(inputs.file("calibration"))
    try:
        found = verify_files(files, muscles, choice=task.choice, settings=task.run)
    except OpenSimToolError as error:
        write_text_atomically(out / VERIFICATION, "[]")
        sentence = "OpenSim cannot run the personalized model; see below and predictions/*.log."
        return {"failure": str(error), "findings": [sentence], "reusable": False}
    write_text_atomically(out / VERIFICATION, json.dumps([asdict(metric) for metric in found.metrics], indent=1))
    if found.failure:
        sentence = "OpenSim cannot run some trials of the personalized model; see below and predictions/*.log."
        return {"failure": found.failure, "findings": [sentence], "reusable": False}
    return {"findings": _unconfirmed(found)}


def _unconfirmed(found: Verification) -> list[str]:
    if found.confirmed:
        return []
    return [
        f"OpenSim does not confirm the model: a moment differs from that predicted by {100 * found.worst:.1f} % of its "
        f"range, more than {100 * found.tolerance:.1f} % ([verification] tolerance); see verification.json."
    ]
