"""The virtual arm: are held-out moments predicted about every joint, and are parameters nearer the truth than scaling's?

Run: python workflows/benchmarks/arm.py [--seeds 11 12 13 14] [--population usual] [--cache results/arms] [--budget]
Needs no data. Arms 1 to 3 chose protocol and settings; the default ones report. Making and running an arm takes about a minute, kept in
the cache (one folder a version and population); calibrating anew with `--budget` 5 seconds a line and arm.

Columns: R2 of each joint's moment, mean over recordings of calibration trials and of held-out ones, and the lowest recording's mean; R2
of inverse dynamics against the true moments, which no calibration can exceed for long. Parameters: mean error scaled -> calibrated,
mean squared error calibrated / scaled, share of 95 % intervals that hold the truth.
Budget: the same calibration with one error replaced by truth; the last line has electrodes over all muscles, without error.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from osim_nmscal.calibration.calibrate import calibrate
from osim_nmscal.calibration.predict_calibrated import predict_calibrated
from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.config import load_config
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.results import CalibrationResult
from osim_nmscal.data.trials import Trial, TrialSet
from osim_nmscal.evaluation import coefficient_of_determination, moment_metrics
from osim_nmscal.formats.storage import read_storage
from osim_nmscal.virtual_subject.make import make_virtual_subject
from osim_nmscal.virtual_subject.truth import time_constants
from osim_nmscal.workflow.personalize import personalize

FloatArray = NDArray[np.float64]

REPORT, TUNING = (11, 12, 13, 14), (1, 2, 3)
KINDS = ("strength_coefficient", "optimal_fiber_length", "tendon_slack_length")
INTERVAL = 1.96


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One person, what the laboratory has of them, and the truth."""

    trials: TrialSet
    start: MuscleTable
    settings: CalibrationSettings
    truth: dict[str, Any]
    true_excitation: dict[str, FloatArray]  # trial -> (time, muscle)
    true_moment: dict[str, FloatArray]  # trial -> (time, dof), N*m

    @property
    def recorded(self) -> NDArray[np.bool_]:
        """Which muscles have an electrode, (muscle,)."""
        heard = {name for pool in self.truth["pools"].values() if pool["channel"] for name in pool["muscles"]}
        return np.array([name in heard for name in self.trials.muscles])

    def with_truth(self, *parts: str) -> TrialSet:
        """Return the trials with "emg" (of recorded muscles), "all" (excitations) or "moments" as they truly were."""
        trials = []
        for trial in self.trials.trials:
            excitation, moment = self.true_excitation[trial.name], self.true_moment[trial.name]
            chosen = np.ones_like(self.recorded) if "all" in parts else self.recorded & ("emg" in parts)
            trials.append(
                replace(
                    trial,
                    excitation=np.where(chosen, excitation, trial.excitation),
                    joint_moment=moment if "moments" in parts else trial.joint_moment,
                )
            )
        return TrialSet(trials=tuple(trials))


def arm_of(seed: int, population: str, cache: Path) -> Arm:
    """Make an arm and run the chain, or take both from the cache."""
    folder = cache / f"{population}_{seed}"
    if not (folder / "truth" / "truth.json").is_file():
        make_virtual_subject(folder, "arm", seed=seed, population=population)  # type: ignore[arg-type]
    config = load_config(folder / "config.toml", ["verification.enabled=false"])
    made = personalize(config, folder / "results")
    assert made.trials is not None
    assert made.calibration is not None
    truth = json.loads((folder / "truth" / "truth.json").read_text(encoding="utf-8"))
    pool_of = {name: pool for pool, row in truth["pools"].items() for name in row["muscles"]}

    def true(trial: Trial, what: str, labels: Sequence[str]) -> FloatArray:
        series = read_storage(folder / "truth" / f"{trial.name.split('/')[0]}_{what}.sto").select(tuple(dict.fromkeys(labels)))
        values: FloatArray = CubicSpline(series.time, series.values, axis=0)(trial.time)
        return values[:, [series.labels.index(label) for label in labels]]

    trials = made.trials.trials
    return Arm(
        trials=made.trials,
        start=made.calibration.start_muscles,
        settings=config.calibration,
        truth=truth,
        true_excitation={t.name: true(t, "excitations", [pool_of[name] for name in t.muscles]).clip(0.0, 1.0) for t in trials},
        true_moment={t.name: true(t, "moments", t.dofs) for t in trials},
    )


def scores(arm: Arm, trials: TrialSet, result: CalibrationResult) -> dict[str, FloatArray]:
    """Return R2 by role, (recording, dof), means over trials."""
    own = trials.with_muscles(result.muscles.names)
    metrics = moment_metrics(own, predict_calibrated(own, result, arm.settings), model="calibrated")
    recordings = list(dict.fromkeys(trial.name.split("/")[0] for trial in trials.trials))
    return {
        role: np.array(
            [
                [
                    np.mean([m.r2 for m in metrics if m.role == role and m.dof == dof and m.trial.startswith(name + "/")])
                    for dof in trials.dofs
                ]
                for name in recordings
            ]
        )
        for role in ("calibration", "held_out")
    }


def inverse_dynamics(arm: Arm) -> FloatArray:
    """Return R2 of the measured against the true moments, (dof,), mean over trials."""
    rows = []
    for trial in arm.trials.trials:
        counted = slice(trial.first_counted, None)
        true = arm.true_moment[trial.name]
        rows.append([coefficient_of_determination(true[counted, i], trial.joint_moment[counted, i]) for i in range(len(trial.dofs))])
    return np.array(rows).mean(axis=0)


def parameter_errors(arm: Arm, result: CalibrationResult) -> dict[str, FloatArray]:
    """Return per kind rows of error before, error after, inside the interval; time constants in logarithms, the longer of two first."""
    table, found = arm.truth["muscles"], {}
    for kind in KINDS:
        rows = []
        for row in result.parameters:
            if row.name != kind or row.at_bound == "fixed":
                continue
            members = arm.settings.groups.get(row.owner, (row.owner,)) if kind == "strength_coefficient" else (row.owner,)
            true = float(np.mean([table[name][kind] for name in members]))
            inside = abs(row.calibrated - true) <= INTERVAL * row.standard_error
            rows.append((row.start / true - 1.0, row.calibrated / true - 1.0, float(inside)))
        found[kind] = np.array(rows)
    step = arm.truth["time_step_of_c1_c2"]
    constants: dict[str, list[Any]] = {}
    for row in result.parameters:
        if row.name.startswith("activation_time_constant"):
            constants.setdefault(row.owner, []).append(row)
    rows = []
    for owner, both in constants.items():
        true_values = time_constants(table[owner]["c1"], table[owner]["c2"], step)
        for row, value in zip(sorted(both, key=lambda one: -one.calibrated), true_values, strict=True):
            error = np.log(row.calibrated / value)
            rows.append((np.log(row.start / value), error, float(abs(error) <= INTERVAL * row.standard_error / row.calibrated)))
    found["time constants (log)"] = np.array(rows)
    return found


def print_table(label: str, arms: Sequence[Arm], trials_of: Callable[[Arm], TrialSet]) -> None:
    """Calibrate every arm and print one block."""
    by_role: dict[str, list[FloatArray]] = {"calibration": [], "held_out": []}
    errors: dict[str, list[FloatArray]] = {}
    for arm in arms:
        trials = trials_of(arm)
        result = calibrate(trials, arm.start, arm.settings)
        for role, values in scores(arm, trials, result).items():
            by_role[role].append(values)
        for kind, rows in parameter_errors(arm, result).items():
            errors.setdefault(kind, []).append(rows)
    print(f"{label}: {len(arms)} arms; {' / '.join(arms[0].trials.dofs)}")
    for role, parts in by_role.items():
        mean = np.mean(parts, axis=0)
        print(f"  R2 {role:12} {shown(mean.mean(axis=0))}   lowest recording {shown(mean.min(axis=0))}")
    for kind, arrays in errors.items():
        before, after, inside = np.concatenate(arrays).T
        ratio = (after**2).sum() / (before**2).sum()
        means = f"{100 * np.abs(before).mean():5.1f} -> {100 * np.abs(after).mean():5.1f} %"
        print(f"  {kind:22} mean {means}   ratio {ratio:5.2f}   inside {inside.mean():.2f} of {len(inside)}", flush=True)


def shown(values: FloatArray) -> str:
    """Spell one number per joint."""
    return " / ".join(f"{value:5.2f}" for value in values)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(REPORT))
    parser.add_argument("--population", choices=("usual", "wide"), default="usual")
    parser.add_argument("--cache", type=Path, default=Path("results/arms"))
    parser.add_argument("--budget", action="store_true", help="also with parts replaced by truth")
    options = parser.parse_args()
    torch.set_num_threads(1)
    arms = [arm_of(seed, options.population, options.cache) for seed in options.seeds]
    print(f"inverse dynamics against truth: {shown(np.mean([inverse_dynamics(arm) for arm in arms], axis=0))}")
    print_table("as recorded", arms, lambda arm: arm.trials)
    if options.budget:
        for parts in (("moments",), ("emg",), ("emg", "moments"), ("all",), ("all", "moments")):
            print_table(f"true {' and '.join(parts)}", arms, lambda arm, parts=parts: arm.with_truth(*parts))  # type: ignore[misc]


if __name__ == "__main__":
    main()
