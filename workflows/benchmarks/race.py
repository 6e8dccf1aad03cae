"""The race against CEINMS on our own split: 9 channels, 12 muscles, one stance of each public speed calibrates, ten walking stances test.

Run: python workflows/benchmarks/race.py [--cache results/real_people] [--splits 3] [--hybrid]
Needs the recordings of workflows/treadmill; the trials are made once and kept in the cache, which real_people.py shares.

The race of version 0.1.0 had a third stance at 8.1 km/h, which is not public. Its cost is the squared moment error over the variance of
the moment of that joint in that trial, summed over three trials and three joints; ours is the mean of the six terms that there are, times
nine, so that both are in one unit. Muscles start as the model has them, Thelen's, or converted. Each row is a mean over splits: other
stances calibrate. RMSE is the mean over held-out stances, N·m, at hip / knee / ankle; CPU seconds are those of one calibration.
"""

import argparse
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from real_people import ROOT, heard, made, rmse, settings_of, shown

from osim_nmscal.calibration.calibrate import calibrate
from osim_nmscal.calibration.predict_calibrated import predict_calibrated
from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.config import load_config
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.results import CalibrationResult
from osim_nmscal.data.trials import Trial, TrialSet
from osim_nmscal.evaluation import moment_metrics
from osim_nmscal.osim_model.conversion import CONVERSION_TARGETS, convert_muscles
from osim_nmscal.osim_model.reader import read_muscles

SPEEDS = ("walk36", "walk45")
TERMS = 9  # of the race: three trials, three joints
TESTED = 5  # held-out stances of each speed
# preset, starting points, name
WAYS = (("without_mvc", 1, "defaults"), ("weak_prior", 1, "weak_prior"), ("ceinms", 1, "ceinms"), ("ceinms", 4, "ceinms, 4 starts"))


@dataclass(frozen=True)
class Row:
    """One calibration and what it predicts."""

    cost: float
    calibration: np.ndarray  # RMSE, (dof,), N·m
    held_out: np.ndarray
    at_bound: int
    seconds: float  # CPU


def split(trials: TrialSet, which: int, splits: int) -> TrialSet:
    """Let one stance of each speed calibrate, another one in each split, and spread the tested ones over the rest."""
    chosen: list[Trial] = []
    for speed in SPEEDS:
        own = [trial for trial in trials.trials if trial.name.startswith(speed)]
        at = round((which + 1) * len(own) / (splits + 1))
        others = [trial for i, trial in enumerate(own) if i != at]
        tested = [others[i] for i in np.linspace(0, len(others) - 1, TESTED).round().astype(int)]
        chosen += [replace(own[at], role="calibration"), *(replace(trial, role="held_out") for trial in tested)]
    return TrialSet(trials=tuple(chosen))


def cost(trials: TrialSet, result: CalibrationResult, settings: CalibrationSettings) -> tuple[float, np.ndarray]:
    """Return the race's cost of the trials that calibrated, in units of nine terms, and their RMSE, (dof,), N·m."""
    own = trials.with_muscles(result.muscles.names)
    metrics = moment_metrics(own, predict_calibrated(own, result, settings), model="calibrated")
    # 1 - R2 is the squared error over the sum of squares about the mean: each trial's own variance
    errors = np.array([np.mean([m.rmse for m in metrics if m.dof == dof]) for dof in own.dofs])
    return TERMS * float(np.mean([1.0 - m.r2 for m in metrics])), errors


def raced(trials: TrialSet, muscles: MuscleTable, settings: CalibrationSettings) -> Row:
    """Calibrate once."""
    began = time.process_time()
    result = calibrate(trials, muscles, settings)
    seconds = time.process_time() - began
    own_cost, errors = cost(trials.calibration, result, settings)
    bounds = sum(row.standing == "at bound" for row in result.parameters)
    return Row(own_cost, errors, rmse(trials.held_out, result, settings), bounds, seconds)


def show(name: str, rows: list[Row]) -> None:
    """Print the mean over splits."""
    mean = {field: np.mean([getattr(row, field) for row in rows], axis=0) for field in Row.__dataclass_fields__}
    spread = " ".join(f"{row.cost:.2f}" for row in rows)
    print(
        f"{name:52} {mean['cost']:6.2f} ({spread})  {shown(mean['calibration'])}   {shown(mean['held_out'])}   "
        f"{mean['at_bound']:5.1f} {mean['seconds']:6.2f}",
        flush=True,
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=Path("results/real_people"))
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--hybrid", action="store_true", help="also the 43 muscles, those without electrode by synergies")
    options = parser.parse_args()
    torch.set_num_threads(1)
    trials, _, groups = made("treadmill", options.cache)
    model = read_muscles(load_config(ROOT / "workflows" / "treadmill" / "config.toml").model.file)
    print(f"{'':52} cost (of each split)     calibration RMSE        held-out RMSE      bounds  CPU s")
    for target in ("as the file has it", *CONVERSION_TARGETS):
        table = model if target not in CONVERSION_TARGETS else convert_muscles(model, target)
        recorded = trials.with_muscles(heard(trials))
        for preset, starts, name in WAYS:
            settings = settings_of(preset, "emg_driven", groups, recorded.muscles).model_copy(update={"starts": starts})
            muscles = table.select(recorded.muscles)
            rows = [raced(split(recorded, which, options.splits), muscles, settings) for which in range(options.splits)]
            show(f"{target}, EMG-driven, {name}", rows)
        if options.hybrid:
            settings = settings_of("without_mvc", "synergy_hybrid", groups, trials.muscles)
            muscles = table.select(trials.muscles)
            show(f"{target}, hybrid, defaults", [raced(split(trials, i, options.splits), muscles, settings) for i in range(options.splits)])


if __name__ == "__main__":
    main()
