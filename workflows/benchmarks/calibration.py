"""How fast and how well each optimiser calibrates, and how the time grows with trials and muscles.

Run: python workflows/benchmarks/calibration.py [--cases treadmill running synthetic] [--annealing-seconds 600] [--growth] [--goals]
     [--out results/benchmarks/calibration.json]

Treadmill and running go through their own workflow, with the muscles that have an electrode (kept under results/benchmarks, so only the
first run needs OpenSim); three stances calibrate. `--goals` (`--cases --goals`: nothing else) times what has a goal: 12 MTUs x 3 stances,
34 x 3 x 200 samples, hybrid 40 x 3 x 200 with its held-out trial, 300 MTUs x 3 trials. The synthetic case has 34 muscles, 3 trials of 200
steps, and 5 % noise. Seconds are wall time of `calibrate_emg_driven` with its tables and posterior; "to GN" ratios compare when each
optimiser's history first reaches a loss. Other programs may be running: compare ratios within one run.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from osim_nmscal.calibration.emg_driven import calibrate_emg_driven
from osim_nmscal.calibration.optimizer_settings import AnnealingSettings
from osim_nmscal.calibration.prediction import predict
from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.calibration.simulated_twin import make_synergy_twin, make_twin
from osim_nmscal.calibration.synergy.calibration import calibrate_synergy_hybrid
from osim_nmscal.calibration.synergy.prediction import predict_hybrid
from osim_nmscal.config import load_config
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.results import CalibrationResult
from osim_nmscal.data.trials import TrialSet
from osim_nmscal.evaluation import moment_metrics
from osim_nmscal.workflow.personalize import personalize
from osim_nmscal.workflow.stages.calibration import for_muscles

ROOT = Path(__file__).resolve().parents[2]

OPTIMIZERS = ("gauss_newton", "adamw", "simulated_annealing")
# Losses this close are the same: each optimiser's own stopping rule leaves more than that.
_SAME = 1.005
STANCES = 3
GROWTH_TRIALS = (1, 4, 16, 64)
GROWTH_MUSCLES = (12, 34, 100, 300)


@dataclass(frozen=True)
class Case:
    """One calibration problem."""

    name: str
    trials: TrialSet
    muscles: MuscleTable
    settings: CalibrationSettings = field(default_factory=CalibrationSettings)  # preset and groups


@dataclass(frozen=True)
class Row:
    """One optimiser on one case."""

    case: str
    optimizer: str
    parameters: int
    seconds: float
    iterations: int
    evaluations: int
    loss: float
    status: str
    dofs: tuple[str, ...]
    rmse_calibration: tuple[float, ...]  # N*m, per DOF, mean over trials
    r2_calibration: tuple[float, ...]
    rmse_held_out: tuple[float, ...]
    r2_held_out: tuple[float, ...]
    history_seconds: tuple[float, ...]
    history_loss: tuple[float, ...]


def real_case(name: str) -> Case:
    """Take the trials of workflows/<name>/config.toml, three of which calibrate; stages that are done already are not run again."""
    config = load_config(ROOT / "workflows" / name / "config.toml", ["calibration.method=emg_driven", "verification.enabled=false"])
    result = personalize(config, ROOT / "results" / "benchmarks" / name)
    if result.trials is None or result.calibration is None:
        raise SystemExit(f"workflows/{name} made no trials.")
    more = iter(trial.name for trial in result.trials.held_out.trials)
    chosen = {trial.name for trial in result.trials.calibration.trials}
    while len(chosen) < STANCES:
        chosen.add(next(more))
    trials = TrialSet(trials=tuple(replace(one, role="calibration" if one.name in chosen else "held_out") for one in result.trials.trials))
    return Case(name, trials, result.calibration.start_muscles, for_muscles(config.calibration, trials.muscles))


def synthetic_case(muscles: int = 34, trials: int = 3, steps: int = 200) -> Case:
    """Simulate a person of three DOFs with one trial more, which is held out."""
    twin = make_twin(muscles, trials + 1, steps, 3, noise=0.05)
    *kept, unseen = twin.trials.trials
    held_out = type(unseen)(**{**unseen.__dict__, "role": "held_out"})
    return Case(f"{muscles} muscles, {trials} x {steps}", TrialSet(trials=(*kept, held_out)), twin.start)


def timed(case: Case, settings: CalibrationSettings) -> tuple[CalibrationResult, float]:
    """Calibrate and take the time."""
    began = time.perf_counter()
    result = calibrate_emg_driven(case.trials, case.muscles, settings)
    return result, time.perf_counter() - began


def measure(case: Case, optimizer: str, annealing_seconds: float) -> Row:
    """Calibrate with one optimiser and judge it on calibration and held-out trials."""
    annealing = AnnealingSettings(maximum_seconds=annealing_seconds, maximum_evaluations=10**7)
    own = {"simulated_annealing": annealing} if optimizer == "simulated_annealing" else {}
    settings = case.settings.model_copy(update={"method": "emg_driven", "optimizer": optimizer, **own})
    result, seconds = timed(case, settings)
    if optimizer == "gauss_newton":
        # short enough to be taken three times; the first pays for torch's own start
        seconds = min(seconds, *(timed(case, settings)[1] for _ in range(2)))
    metrics = moment_metrics(case.trials, predict(case.trials, result.muscles, result.neural, settings), model="calibrated")

    def mean(field: str, role: str) -> tuple[float, ...]:
        return tuple(float(np.mean([getattr(m, field) for m in metrics if m.dof == d and m.role == role])) for d in case.trials.dofs)

    return Row(
        case=case.name,
        optimizer=optimizer,
        parameters=sum(p.at_bound != "fixed" for p in result.parameters),
        seconds=seconds,
        iterations=result.iterations,
        evaluations=result.evaluations,
        loss=result.loss_final,
        status=result.status,
        dofs=case.trials.dofs,
        rmse_calibration=mean("rmse", "calibration"),
        r2_calibration=mean("r2", "calibration"),
        rmse_held_out=mean("rmse", "held_out"),
        r2_held_out=mean("r2", "held_out"),
        history_seconds=tuple(row.seconds for row in result.history),
        history_loss=tuple(row.loss for row in result.history),
    )


def times_sooner(fast: Row, slow: Row) -> float:
    """Return how many times sooner one optimiser came within 0.5 % of the other's best loss; nan if it never did."""
    best = _SAME * min(slow.history_loss)
    when = next((s for s, loss in zip(slow.history_seconds, slow.history_loss, strict=True) if loss <= best), np.nan)
    reached = next((s for s, loss in zip(fast.history_seconds, fast.history_loss, strict=True) if loss <= best), np.nan)
    return when / reached


def compare(case: Case, annealing_seconds: float, optimizers: tuple[str, ...]) -> tuple[list[Row], dict[str, float]]:
    """Measure the optimisers on one case and print them as they finish."""
    counts = f"{len(case.trials.calibration.trials)} calibration, {len(case.trials.held_out.trials)} held-out trials"
    print(f"\n{case.name}: {len(case.muscles)} muscles, {counts}")
    print(f"{'':22}seconds  evals    loss   calibration RMSE (R2)                  held-out RMSE (R2)")
    rows = []
    for optimizer in optimizers:
        row = measure(case, optimizer, annealing_seconds)
        rows.append(row)
        seen = "  ".join(f"{e:5.1f} ({r:5.2f})" for e, r in zip(row.rmse_calibration, row.r2_calibration, strict=True))
        unseen = "  ".join(f"{e:5.1f} ({r:5.2f})" for e, r in zip(row.rmse_held_out, row.r2_held_out, strict=True))
        print(f"{row.optimizer:20} {row.seconds:8.2f} {row.evaluations:6d} {row.loss:7.4f}   {seen}   {unseen}", flush=True)
    ratios = {row.optimizer: times_sooner(rows[0], row) for row in rows[1:]}
    for name, ratio in ratios.items():
        print(f"gauss_newton comes within 0.5 % of the best loss of {name} {ratio:.0f} times sooner")
    return rows, ratios


def growth() -> list[dict[str, float]]:
    """Time Gauss-Newton against the number of trials and of muscles."""
    found = []
    print("\nGrowth (100 steps, 3 DOFs)\nmuscles trials parameters  seconds iterations  ms/iteration")
    for muscles, trials in [(12, n) for n in GROWTH_TRIALS] + [(n, 3) for n in GROWTH_MUSCLES]:
        case = synthetic_case(muscles, trials, 100)
        result, seconds = timed(case, CalibrationSettings())
        row = {
            "muscles": muscles,
            "trials": trials,
            "parameters": len(result.parameters),
            "seconds": seconds,
            "iterations": result.iterations,
        }
        found.append(row)
        each = 1e3 * result.history[-1].seconds / max(result.iterations, 1)
        print(f"{muscles:7d} {trials:6d} {len(result.parameters):10d} {seconds:8.2f} {result.iterations:10d} {each:13.1f}", flush=True)
    return found


def fastest(work: Callable[[], object], times: int = 3) -> tuple[float, float]:
    """Return wall and CPU seconds of the fastest of several runs; the first pays for torch's own start."""
    found = []
    for _ in range(times):
        began, busy = time.perf_counter(), time.process_time()
        work()
        found.append((time.perf_counter() - began, time.process_time() - busy))
    return min(found)


def goals() -> list[dict[str, object]]:
    """Time what has a goal, without comparing recordings, and what that costs; the fastest of three runs."""
    person = make_synergy_twin(40, 3, 200, 4, 5)
    roles = dict.fromkeys(person.trials.muscles[14:], "withheld")
    alone = {"subsets": "none"}
    compared = CalibrationSettings(method="synergy_hybrid")
    hybrid = compared.model_copy(update=alone)

    def calibrated(settings: CalibrationSettings = hybrid) -> CalibrationResult:
        return calibrate_synergy_hybrid(person.trials, person.twin.start, settings, roles=roles)  # type: ignore[arg-type]

    walking, leg, crowd = real_case("treadmill"), synthetic_case(), synthetic_case(300, 3, 100)
    result = calibrated()
    cases: tuple[tuple[str, float, Callable[[], object]], ...] = (
        (f"{len(walking.trials.muscles)} MTUs x 3 stances", 0.2, lambda: timed(walking, walking.settings.model_copy(update=alone))),
        ("34 MTUs x 3 x 200", 0.2, lambda: timed(leg, leg.settings.model_copy(update=alone))),
        ("  and its trials compared", 1.0, lambda: timed(leg, leg.settings)),
        ("hybrid, 40 MTUs x 3 x 200", 3.0, calibrated),
        ("  and its trials compared", 10.0, lambda: calibrated(compared)),
        ("  its held-out trial, from EMG", 3.0, lambda: predict_hybrid(person.trials.held_out, result, hybrid)),
        (
            "  the same, from EMG and moments",
            3.0,
            lambda: predict_hybrid(person.trials.held_out, result, hybrid, mode="emg_hybrid"),
        ),
        ("300 MTUs x 3 x 100", 10.0, lambda: timed(crowd, crowd.settings.model_copy(update=alone))),
    )
    print(f"\n{'':44} wall s   CPU s    goal")
    found: list[dict[str, object]] = []
    for name, goal, work in cases:
        wall, busy = fastest(work)
        print(f"{name:44} {wall:6.2f}  {busy:6.2f}  {goal:6.1f}", flush=True)
        found.append({"case": name, "seconds": wall, "cpu_seconds": busy, "goal": goal})
    return found


def main() -> None:
    """Run what is asked for, print tables, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", nargs="*", default=["treadmill", "running", "synthetic"])
    parser.add_argument("--optimizers", nargs="+", default=list(OPTIMIZERS), choices=OPTIMIZERS)
    parser.add_argument("--annealing-seconds", type=float, default=600.0)
    parser.add_argument("--growth", action="store_true")
    parser.add_argument("--goals", action="store_true")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "benchmarks" / "calibration.json")
    options = parser.parse_args()
    report: dict[str, object] = {"cases": {}}
    for name in options.cases:
        case = synthetic_case() if name == "synthetic" else real_case(name)
        rows, ratios = compare(case, options.annealing_seconds, tuple(options.optimizers))
        report["cases"][name] = {"rows": [asdict(row) for row in rows], "times_sooner": ratios}  # type: ignore[index]
    if options.growth:
        report["growth"] = growth()
    if options.goals:
        report["goals"] = goals()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=1))
    print(f"\nwritten: {options.out}")


if __name__ == "__main__":
    main()
