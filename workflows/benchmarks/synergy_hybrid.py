"""Muscles without electrodes: speed and held-out error of the synergy-hybrid calibration, and the electrode study.

Run: python workflows/benchmarks/synergy_hybrid.py [--cases synthetic running study] [--adamw]
     [--out results/benchmarks/synergy_hybrid.json]

synthetic: 40 muscles, 14 of them recorded, 3 trials of 200 steps, 4 synergies.
running: workflows/running, cut into strides (hip flexors work in swing), then every muscle that crosses hip, knee or ankle.
study: workflows/treadmill, 9 channels, both methods at every number of channels.
Other programs may be running: seconds are wall time, and CPU time beside it.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from osim_nmscal.calibration.emg_driven import calibrate_emg_driven
from osim_nmscal.calibration.prediction import predict
from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.calibration.simulated_twin import make_synergy_twin
from osim_nmscal.calibration.synergy.calibration import calibrate_synergy_hybrid
from osim_nmscal.calibration.synergy.prediction import predict_hybrid
from osim_nmscal.config import load_config
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.results import TrialPrediction
from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.data.trials import MuscleGeometry, Trial, TrialSet
from osim_nmscal.electrodes.page import write_electrode_study_page
from osim_nmscal.electrodes.study import electrode_study
from osim_nmscal.electrodes.tables import write_study
from osim_nmscal.emg.mapping import build_mapping
from osim_nmscal.evaluation import moment_metrics
from osim_nmscal.opensim_tools.muscle_analysis import MuscleAnalysisSettings, run_muscle_analysis
from osim_nmscal.osim_model.reader import read_muscles
from osim_nmscal.signals import resample
from osim_nmscal.workflow.personalize import personalize

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "results" / "benchmarks"


def report(what: str, trials: TrialSet, predictions: tuple[TrialPrediction, ...]) -> dict[str, object]:
    """Print and return RMSE and R2 of each DOF, mean over trials."""
    metrics = moment_metrics(trials, predictions, model="calibrated")
    row: dict[str, object] = {"what": what}
    text = []
    for dof in trials.dofs:
        rmse = float(np.mean([m.rmse for m in metrics if m.dof == dof]))
        r2 = float(np.mean([m.r2 for m in metrics if m.dof == dof]))
        row[dof] = {"rmse": rmse, "r2": r2}
        text.append(f"{dof} {rmse:6.2f} N·m R2 {r2:6.3f}")
    print(f"  {what:34s}", "  ".join(text), flush=True)
    return row


def hybrid(trials: TrialSet, muscles: MuscleTable, settings: CalibrationSettings, roles: dict[str, str]) -> dict[str, object]:
    """Calibrate twice (the first pays for torch's own start), and predict in all three ways."""
    seconds, cpu = [], []
    for _ in range(2):
        began, busy = time.perf_counter(), time.process_time()
        result = calibrate_synergy_hybrid(trials, muscles, settings, roles=roles)  # type: ignore[arg-type]
        seconds.append(time.perf_counter() - began)
        cpu.append(time.process_time() - busy)
    count = 0 if result.synergy is None else len(result.synergy.weights)
    print(
        f"  hybrid {settings.optimizer}: {min(seconds):.2f} s (CPU {min(cpu):.2f} s), {result.iterations} iterations, {count} synergies, "
        f"{len(result.muscles)} muscles; loss {result.loss_initial:.3g} -> {result.loss_final:.4g}; {result.sentence}",
        flush=True,
    )
    rows = [
        report("hybrid, calibration", trials.calibration, predict_hybrid(trials.calibration, result, settings, mode="calibrated")),
        report("hybrid, held out, from EMG", trials.held_out, predict_hybrid(trials.held_out, result, settings)),
        report("hybrid, held out, tracking moments", trials.held_out, predict_hybrid(trials.held_out, result, settings, mode="emg_hybrid")),
    ]
    return {
        "seconds": min(seconds),
        "cpu_seconds": min(cpu),
        "iterations": result.iterations,
        "loss": result.loss_final,
        "synergies": count,
        "rows": rows,
    }


def emg_driven(trials: TrialSet, muscles: MuscleTable, settings: CalibrationSettings, recorded: tuple[str, ...]) -> dict[str, object]:
    """Calibrate with the recorded muscles alone."""
    kept = trials.with_muscles(recorded)
    result = calibrate_emg_driven(kept, muscles, settings)
    print(f"  EMG-driven: {result.seconds:.2f} s, {len(recorded)} muscles", flush=True)
    rows = [
        report(f"EMG-driven, {role}", chosen, predict(chosen, result.muscles, result.neural, settings))
        for role, chosen in (("calibration", kept.calibration), ("held out", kept.held_out))
    ]
    return {"seconds": result.seconds, "rows": rows}


def synthetic(adamw: bool) -> dict[str, object]:
    """Withhold 26 of 40 muscles of a simulated person."""
    person = make_synergy_twin(40, 3, 200, 4, 5)
    trials, muscles = person.trials, person.twin.start
    roles = dict.fromkeys(trials.muscles[14:], "withheld")
    found: dict[str, object] = {"emg_driven": emg_driven(trials, muscles, CalibrationSettings(), trials.muscles[:14])}
    for optimizer in ("gauss_newton", "adamw") if adamw else ("gauss_newton",):
        found[optimizer] = hybrid(trials, muscles, CalibrationSettings(optimizer=optimizer), roles)
    return found


def whole_leg() -> tuple[TrialSet, MuscleTable, CalibrationSettings, tuple[str, ...]]:
    """Take the running workflow's trials and add every muscle of the right leg, silent."""
    config = load_config(ROOT / "workflows" / "running" / "config.toml")
    strides = config.trials.segmentation.model_copy(update={"method": "stride"})
    config = config.model_copy(update={"trials": config.trials.model_copy(update={"segmentation": strides})})
    made = personalize(config, RESULTS / "running_strides")
    if made.trials is None:
        raise SystemExit("workflows/running made no trials.")
    model, folder = RESULTS / "running_strides" / "model_scaled.osim", RESULTS / "running_strides" / "run"
    settings = MuscleAnalysisSettings(dofs=made.trials.dofs)
    geometry = run_muscle_analysis(model, folder / "ik.mot", RESULTS / "running_strides" / "whole_leg", settings=settings)
    trials = TrialSet(trials=tuple(with_silent_muscles(trial, geometry) for trial in made.trials.trials))
    return trials, read_muscles(model), config.calibration, made.trials.muscles


def with_silent_muscles(trial: Trial, geometry: MuscleGeometry) -> Trial:
    """Return a trial with all muscles of a geometry; those it did not have get no excitation."""
    excitation = np.zeros((len(trial.time), len(geometry.muscles)))
    for i, muscle in enumerate(trial.muscles):
        excitation[:, geometry.muscles.index(muscle)] = trial.excitation[:, i]
    lengths = TimeSeries(time=geometry.time, labels=geometry.muscles, values=geometry.mtu_length)
    flat = geometry.moment_arm.reshape(len(geometry.time), -1)
    arms = TimeSeries(time=geometry.time, labels=tuple(map(str, range(flat.shape[1]))), values=flat)
    return replace(
        trial,
        muscles=geometry.muscles,
        excitation=excitation,
        mtu_length=resample(lengths, trial.time).values,
        moment_arm=resample(arms, trial.time).values.reshape(len(trial.time), len(geometry.dofs), len(geometry.muscles)),
    )


def running(adamw: bool) -> dict[str, object]:
    """Synthesise the hip flexors and all else that has no electrode."""
    trials, muscles, settings, recorded = whole_leg()
    found: dict[str, object] = {"emg_driven": emg_driven(trials, muscles, settings, recorded)}
    for optimizer in ("gauss_newton", "adamw") if adamw else ("gauss_newton",):
        found[optimizer] = hybrid(trials, muscles, settings.model_copy(update={"optimizer": optimizer}), {})
    return found


def study(adamw: bool) -> dict[str, object]:
    """Run the electrode study on the treadmill data, anew."""
    config = load_config(ROOT / "workflows" / "treadmill" / "config.toml")
    made = personalize(config, RESULTS / "treadmill")
    if made.trials is None or made.calibration is None:
        raise SystemExit("workflows/treadmill made no trials.")
    mapping = build_mapping(config.emg.mapping, config.emg.mapping.channels, made.trials.muscles)
    out = RESULTS / "electrode_study"
    for old in (out / "calibrations").glob("*.json"):
        old.unlink()
    began = time.perf_counter()
    found = electrode_study(made.trials, made.calibration.start_muscles, mapping, config.calibration, out=out)
    seconds = time.perf_counter() - began
    write_study(found, out)
    write_electrode_study_page(found, out / "electrode_study.html")
    print(f"  {len(found.models)} models in {seconds:.0f} s; order {', '.join(found.order)}")
    for row in found.comparisons:
        print(
            f"  {row.count:2d} channels, {row.data:11s} {row.measure:4s}: EMG-driven {row.emg_driven:7.3f}, "
            f"hybrid {row.synergy_hybrid:7.3f}, {row.test} p = {row.p_value:.2g}"
        )
    print("  " + "\n  ".join(found.sentences))
    return {"seconds": seconds, "sentences": found.sentences}


def main() -> None:
    """Run the cases asked for."""
    cases = {"synthetic": synthetic, "running": running, "study": study}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--cases", nargs="+", choices=list(cases), default=list(cases))
    parser.add_argument("--adamw", action="store_true")
    parser.add_argument("--out", type=Path, default=RESULTS / "synergy_hybrid.json")
    arguments = parser.parse_args()
    found = {}
    for name in arguments.cases:
        print(name, flush=True)
        found[name] = cases[name](arguments.adamw)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
