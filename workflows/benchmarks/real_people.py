"""Three real people: are moments still predicted, across tasks too, and do parameters of different recordings agree?

Run: python workflows/benchmarks/real_people.py [--people running treadmill walker] [--cache results/real_people] [--parts same speeds]
Needs the recordings of the shipped workflows; the trials are made once (about 20 s a person) and kept in the cache. Parts:

same: held-out trials of the same task, RMSE in N·m by joint, of version 0.1.0's calibration (preset "weak_prior") and today's, with and
without synergies; the ratio is the mean over joints of today's over 0.1.0's.
speeds: treadmill, calibrated on three stances of one speed, scored on all whole strides of the other: uncalibrated, 0.1.0's, today's;
and how far parameters from stances and from strides, and from both speeds, lie apart in units of their standard errors.
"""

import argparse
import pickle
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from osim_nmscal.calibration.calibrate import calibrate
from osim_nmscal.calibration.prediction import predict
from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.calibration.synergy.prediction import predict_hybrid
from osim_nmscal.config import load_config
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.results import CalibrationResult
from osim_nmscal.data.trials import Trial, TrialSet
from osim_nmscal.evaluation import moment_metrics
from osim_nmscal.workflow.personalize import personalize

ROOT = Path(__file__).resolve().parents[2]
PEOPLE = ("running", "treadmill", "walker")
Made = tuple[TrialSet, MuscleTable, dict[str, tuple[str, ...]]]


def made(name: str, cache: Path, segmentation: str = "") -> Made:
    """Return trials of every muscle, the starting muscles and the strength groups of a shipped workflow."""
    kept = cache / f"{name}{segmentation and '_'}{segmentation}.pkl"
    if not kept.is_file():
        config = load_config(ROOT / "workflows" / name / "config.toml", ["calibration.method=auto", "verification.enabled=false"])
        if segmentation:
            trials = config.trials.model_copy(
                update={"segmentation": config.trials.segmentation.model_copy(update={"method": segmentation})}
            )
            config = config.model_copy(update={"trials": trials})
        result = personalize(config, cache / f"{name}_{segmentation or 'own'}")
        assert result.calibration is not None
        assert result.trials is not None
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(pickle.dumps((result.trials, result.calibration.start_muscles, dict(config.calibration.groups))))
    loaded: Made = pickle.loads(kept.read_bytes())
    return loaded


def heard(trials: TrialSet) -> tuple[str, ...]:
    """Return the muscles with an electrode."""
    return tuple(m for i, m in enumerate(trials.muscles) if any(trial.excitation[:, i].any() for trial in trials.trials))


def settings_of(preset: str, method: str, groups: dict[str, tuple[str, ...]], muscles: Sequence[str]) -> CalibrationSettings:
    """Return the settings of one way to calibrate."""
    own = {name: tuple(m for m in members if m in muscles) for name, members in groups.items()}
    table = {"preset": preset, "method": method, "groups": {name: members for name, members in own.items() if members}}
    return CalibrationSettings.model_validate(table)


def rmse(trials: TrialSet, result: CalibrationResult, settings: CalibrationSettings) -> np.ndarray:
    """Return the held-out error of each joint, mean over trials, (dof,), N·m."""
    metrics = moment_metrics(trials, predict_hybrid(trials, result, settings), model="calibrated")
    return np.array([np.mean([m.rmse for m in metrics if m.dof == dof]) for dof in trials.dofs])


def uncalibrated(trials: TrialSet, result: CalibrationResult) -> np.ndarray:
    """Return the error before calibration, (dof,), N·m."""
    own = trials.with_muscles(result.muscles.names)
    metrics = moment_metrics(
        own, predict(own, result.start_muscles, result.start_neural, ligaments=result.start_ligaments), model="uncalibrated"
    )
    return np.array([np.mean([m.rmse for m in metrics if m.dof == dof]) for dof in trials.dofs])


def shown(values: np.ndarray) -> str:
    """Spell one error per joint."""
    return " / ".join(f"{value:5.1f}" for value in values)


def same_task(name: str, cache: Path) -> None:
    """Print held-out errors of the same task."""
    trials, muscles, groups = made(name, cache)
    print(f"{name}: {len(trials.calibration.trials)} calibration, {len(trials.held_out.trials)} held-out trials; {' / '.join(trials.dofs)}")
    for method in ("emg_driven", "synergy_hybrid"):
        own = trials.with_muscles(heard(trials)) if method == "emg_driven" else trials
        errors = {}
        for preset in ("weak_prior", "without_mvc"):
            settings = settings_of(preset, method, groups, own.muscles)
            result = calibrate(own, muscles.select(own.muscles), settings)
            errors[preset] = rmse(own.held_out, result, settings)
            bounds = sum(row.standing == "at bound" for row in result.parameters)
            before = shown(uncalibrated(own.held_out, result))
            print(f"  {method:15} {preset:12} {shown(errors[preset])} N·m (uncalibrated {before}), {bounds} at bounds", flush=True)
        print(f"  {method:15} ratio        {float((errors['without_mvc'] / errors['weak_prior']).mean()):.2f}", flush=True)


def _role(trials: Sequence[Trial], role: str) -> tuple[Trial, ...]:
    return tuple(replace(trial, role=role) for trial in trials)  # type: ignore[arg-type]


def _apart(one: CalibrationResult, other: CalibrationResult) -> str:
    """Say how far the parameters of two calibrations lie apart, in standard errors of both, by kind."""
    others = {(row.owner, row.name): row for row in (*other.parameters, *other.working_points)}
    found: dict[str, list[float]] = {}
    for row in (*one.parameters, *one.working_points):
        twin = others.get((row.owner, row.name))
        error = np.hypot(row.standard_error, twin.standard_error) if twin is not None else 0.0
        if twin is not None and error > 0.0:
            found.setdefault(row.name, []).append(abs(row.calibrated - twin.calibrated) / error)
    return ", ".join(f"{name} {max(values):.1f} (RMS {np.sqrt(np.mean(np.square(values))):.1f})" for name, values in found.items())


def speeds(cache: Path) -> None:
    """Print errors at the other speed, and how far parameters lie apart."""
    stances, muscles, groups = made("treadmill", cache)
    strides, _, _ = made("treadmill", cache, "stride")
    strides = strides.with_muscles(stances.muscles)
    by_speed: dict[str, CalibrationResult] = {}
    for speed, unseen in (("walk36", "walk45"), ("walk45", "walk36")):
        own = [trial for trial in stances.trials if trial.name.startswith(speed)]
        chosen = _role([own[i] for i in np.linspace(0, len(own) - 1, 5).round().astype(int)[1:4]], "calibration")
        tested = TrialSet(trials=_role([trial for trial in strides.trials if trial.name.startswith(unseen)], "held_out"))
        print(f"treadmill, three stances of {speed} -> {len(tested.trials)} strides of {unseen}")
        for preset in ("weak_prior", "without_mvc"):
            settings = settings_of(preset, "synergy_hybrid", groups, stances.muscles)
            result = calibrate(TrialSet(trials=chosen), muscles, settings)
            print(
                f"  {preset:12} {shown(rmse(tested, result, settings))} N·m, uncalibrated {shown(uncalibrated(tested, result))}", flush=True
            )
            if preset == "without_mvc":
                by_speed[speed] = result
                whole = _role([trial for trial in strides.trials if trial.name.startswith(speed)][1:4], "calibration")
                again = calibrate(TrialSet(trials=whole), muscles, settings)
                print(f"  stances against strides, largest distance in standard errors: {_apart(result, again)}", flush=True)
    print(f"  both speeds, largest distance in standard errors: {_apart(by_speed['walk36'], by_speed['walk45'])}", flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", nargs="+", choices=PEOPLE, default=list(PEOPLE))
    parser.add_argument("--cache", type=Path, default=Path("results/real_people"))
    parser.add_argument("--parts", nargs="+", choices=("same", "speeds"), default=["same", "speeds"])
    options = parser.parse_args()
    torch.set_num_threads(1)
    if "same" in options.parts:
        for name in options.people:
            same_task(name, options.cache)
    if "speeds" in options.parts:
        speeds(options.cache)


if __name__ == "__main__":
    main()
