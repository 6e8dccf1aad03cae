"""What a personalized model is worth in OpenSim: written back in the class it was calibrated in, and plainly.

Run: python workflows/benchmarks/verification.py [--cases running treadmill virtual_leg] [--trials 6] [--jobs 1]
     [--out results/benchmarks/verification.json]

"keep" and "DeGrooteFregly2016Muscle" are whole runs of the case's own workflow with that `[output] muscle_class`. "plain" is what
the field does (NMSM Pipeline): the same trials calibrated with one generic Millard2012 muscle and a rigid tendon, then lengths
and strengths put into the .osim as it is, whatever its muscles and tendons. Each time OpenSim runs the written model, driven by
the activations of its calibration, and its moments are compared with those that this calibration promised. Everything is kept
under results/benchmarks/verification; stages that are up to date are not run again.
"""

import argparse
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean

from osim_nmscal.calibration.emg_driven import calibrate_emg_driven
from osim_nmscal.calibration.prediction import predict
from osim_nmscal.config import WorkflowConfig, load_config
from osim_nmscal.data.muscles import Millard2012Properties, MuscleTable
from osim_nmscal.data.results import CalibrationResult, MomentMetrics, VerificationMetrics
from osim_nmscal.errors import OpenSimToolError
from osim_nmscal.evaluation import moment_metrics
from osim_nmscal.opensim_tools.verification import VerificationChoice
from osim_nmscal.osim_model.writer import write_personalized
from osim_nmscal.virtual_subject.make import make_virtual_subject
from osim_nmscal.workflow.names import motion
from osim_nmscal.workflow.personalize import PersonalizedResult, personalize
from osim_nmscal.workflow.predictions import write_predictions
from osim_nmscal.workflow.results import ResultsFolder
from osim_nmscal.workflow.stages.verification import verification_settings
from osim_nmscal.workflow.verification import VerifiedFiles, verify_files

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / "results" / "benchmarks" / "verification"
CASES = ("running", "treadmill", "virtual_leg")
CLASSES = ("keep", "DeGrooteFregly2016Muscle")
# Moments by OpenSim against those of calibration, per DOF.
TARGET = 0.02


@dataclass(frozen=True, kw_only=True)
class Row:
    """One DOF of one case and one way of writing back; means are over the verified trials."""

    case: str
    write_back: str
    dof: str
    trials: int
    nrmse_mean: float  # of OpenSim's moment against that promised, / range of the inverse-dynamics moment
    nrmse_worst: float
    rmse_mean: float  # N*m
    rmse_promised: float  # N*m, calibration against inverse dynamics
    r2_promised: float
    r2_opensim: float  # OpenSim against inverse dynamics
    worst_muscle: str


def configuration(case: str) -> WorkflowConfig:
    """Return the workflow of a case; the virtual leg is made when it is not there."""
    if case != "virtual_leg":
        return load_config(ROOT / "workflows" / case / "config.toml")
    person = HOME / case / "person"
    if not (person / "config.toml").is_file():
        make_virtual_subject(person, "leg", progress=lambda sentence: print(f"  {sentence}", flush=True))
    return load_config(person / "config.toml")


def personalized(case: str, muscle_class: str, choice: VerificationChoice, jobs: int) -> PersonalizedResult:
    """Run a case's whole workflow for one muscle class; the stages before calibration are shared with "keep"."""
    config, folder = configuration(case), HOME / case / muscle_class
    first = HOME / case / CLASSES[0]
    if not folder.is_dir() and first.is_dir():
        shutil.copytree(first, folder)
    output = config.output.model_copy(update={"muscle_class": muscle_class})
    return personalize(config.model_copy(update={"output": output, "verification": choice}), folder, jobs=jobs)


def plain_write_back(case: str, kept: PersonalizedResult, choice: VerificationChoice, jobs: int) -> list[Row]:
    """Calibrate generic rigid Millard muscles, write three numbers per muscle into the model as it is, and let OpenSim run it."""
    if kept.calibration is None or kept.trials is None:
        raise SystemExit(f"The workflow of {case} made no calibration.")
    config, folder = configuration(case), ResultsFolder(root=HOME / case / "plain")
    shutil.rmtree(folder.root, ignore_errors=True)
    settings = config.calibration.model_copy(update={"tendon": "rigid"})
    native = kept.calibration.start_muscles
    generic = tuple(replace(muscle, properties=Millard2012Properties(), ignore_tendon_compliance=True) for muscle in native.muscles)
    result = calibrate_emg_driven(kept.trials, MuscleTable(muscles=generic), settings)
    promised = predict(kept.trials, result.muscles, result.neural, settings)
    written = _write_plainly(ResultsFolder(root=kept.folder), folder, native, result)
    write_predictions(folder, kept.trials, promised)
    files = VerifiedFiles(
        model=folder.personalized_model,
        motions={recording.name: kept.folder / motion(recording.name) for recording in config.recordings},
        predictions=folder.predictions,
        logs=folder.root / "logs",
    )
    try:
        metrics = verify_files(files, written, choice=choice, settings=verification_settings(config.muscle_analysis), jobs=jobs).metrics
    except OpenSimToolError as error:
        print(f"  plain: OpenSim cannot run the model: {str(error).splitlines()[0]}")
        return []
    return rows(case, "plain", metrics, moment_metrics(kept.trials, promised, model="calibrated"))


def _write_plainly(kept: ResultsFolder, folder: ResultsFolder, native: MuscleTable, result: CalibrationResult) -> MuscleTable:
    """Write a model that has the calibrated numbers in the muscles it always had, and return these."""
    same = ("max_isometric_force", "optimal_fiber_length", "tendon_slack_length")
    pairs = zip(native.muscles, result.muscles.muscles, strict=True)
    written = MuscleTable(muscles=tuple(replace(one, **{name: getattr(new, name) for name in same}) for one, new in pairs))
    folder.root.mkdir(parents=True)
    write_personalized(kept.scaled_model, folder.personalized_model, written)
    return written


def rows(case: str, write_back: str, verified: Sequence[VerificationMetrics], promised: Sequence[MomentMetrics]) -> list[Row]:
    """Condense trials into one row per DOF; what calibration promised is taken over the same trials."""
    fit = {(metric.trial, metric.dof): metric for metric in promised if metric.model == "calibrated"}
    found = []
    for dof in dict.fromkeys(metric.dof for metric in verified):
        own = [metric for metric in verified if metric.dof == dof]
        worst = max(own, key=lambda metric: metric.nrmse)
        found.append(
            Row(
                case=case,
                write_back=write_back,
                dof=dof,
                trials=len(own),
                nrmse_mean=fmean(metric.nrmse for metric in own),
                nrmse_worst=worst.nrmse,
                rmse_mean=fmean(metric.rmse for metric in own),
                rmse_promised=fmean(fit[metric.trial, dof].rmse for metric in own),
                r2_promised=fmean(fit[metric.trial, dof].r2 for metric in own),
                r2_opensim=fmean(metric.r2_vs_inverse_dynamics for metric in own),
                worst_muscle=worst.muscle,
            )
        )
    return found


def measure(case: str, choice: VerificationChoice, jobs: int) -> list[Row]:
    """Measure every way of writing back on one case and print each as it is done."""
    print(f"\n{case}", flush=True)
    print(f"{'':26}{'dof':20}trials  OpenSim - promised            promised by calibration  OpenSim, against ID")
    print(f"{'':46}        mean %  worst %  RMSE N·m  RMSE N·m   R2            R2     worst muscle")
    found: list[Row] = []
    for muscle_class in CLASSES:
        result = personalized(case, muscle_class, choice, jobs)
        if result.verification is None:
            raise SystemExit(f"The workflow of {case} has no motion that OpenSim could repeat.")
        found += shown(rows(case, muscle_class, result.verification.metrics, result.metrics))
        if muscle_class == "keep":
            kept = result
    return found + shown(plain_write_back(case, kept, choice, jobs))


def shown(found: list[Row]) -> list[Row]:
    """Print rows and hand them on."""
    for row in found:
        numbers = f"{100 * row.nrmse_mean:7.2f} {100 * row.nrmse_worst:8.2f} {row.rmse_mean:9.2f}"
        fit = f"{row.rmse_promised:9.2f} {row.r2_promised:6.3f}        {row.r2_opensim:6.3f}"
        print(f"{row.write_back:26}{row.dof:20}{row.trials:6d} {numbers} {fit}     {row.worst_muscle}", flush=True)
    return found


def main() -> None:
    """Measure the cases, print tables, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=CASES)
    parser.add_argument("--trials", type=int, default=VerificationChoice().trials, help="trials verified at most; 0: all")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=HOME.with_suffix(".json"))
    options = parser.parse_args()
    choice = VerificationChoice(trials=options.trials)
    found = [row for case in options.cases for row in measure(case, choice, options.jobs)]
    missed = [row for row in found if row.write_back != "plain" and row.nrmse_worst > TARGET]
    for row in missed:
        print(f"above {100 * TARGET:g} %: {row.case}, {row.write_back}, {row.dof}: {100 * row.nrmse_worst:.2f} % ({row.worst_muscle})")
    print(f"\n{len(missed)} of {sum(row.write_back != 'plain' for row in found)} above {100 * TARGET:g} % in the worst trial")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps([asdict(row) for row in found], indent=1), encoding="utf-8")
    print(f"written: {options.out}")


if __name__ == "__main__":
    main()
