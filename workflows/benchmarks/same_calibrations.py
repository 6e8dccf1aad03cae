"""Whether a change of the code leaves calibrations as they were: simulated people, every method and optimiser, number by number.

Run: python workflows/benchmarks/same_calibrations.py --write before.npz    (with the old code)
     python workflows/benchmarks/same_calibrations.py --against before.npz  (with the new code)

Needs no data, takes seconds. Exits with 1 if a number differs by more than 1e-9 of the largest of its kind.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from osim_nmscal.calibration.calibrate import calibrate
from osim_nmscal.calibration.optimizer_settings import AdamWSettings, AnnealingSettings, GaussNewtonSettings
from osim_nmscal.calibration.prediction import predict
from osim_nmscal.calibration.settings import CalibrationSettings, LossSettings
from osim_nmscal.calibration.simulated_twin import Twin, make_synergy_twin, make_twin
from osim_nmscal.calibration.synergy.prediction import predict_hybrid
from osim_nmscal.data.results import CalibrationResult, TrialPrediction

TOLERANCE = 1e-9
HYBRID = {"method": "synergy_hybrid", "gauss_newton": GaussNewtonSettings(maximum_iterations=12)}
CASES: dict[str, tuple[Twin, CalibrationSettings]] = {
    "defaults": (make_twin(), CalibrationSettings()),
    "rigid and elastic tendons": (make_twin(noise=0.05, rigid=(1,)), CalibrationSettings(groups={"front": ("muscle_0", "muscle_2")})),
    "every term": (make_twin(), CalibrationSettings(loss=LossSettings(passive_force_weight=0.5, fiber_length_range=(0.8, 1.0)))),
    "two starts": (make_twin(6, 3, 90, 3, noise=0.05, seed=3), CalibrationSettings(starts=2, seed=3)),
    "left out in turn": (make_twin(6, 3, 90, 3, noise=0.05, seed=3), CalibrationSettings(cross_validation=True)),
    "adamw": (make_twin(noise=0.05), CalibrationSettings(optimizer="adamw", adamw=AdamWSettings(maximum_iterations=40))),
    "annealing": (
        make_twin(),
        CalibrationSettings(optimizer="simulated_annealing", simulated_annealing=AnnealingSettings(maximum_evaluations=40)),
    ),
    "hybrid": (make_synergy_twin().twin, CalibrationSettings(**HYBRID)),
    "hybrid of 40 muscles": (make_synergy_twin(40, 3, 100, 4, 5).twin, CalibrationSettings(**HYBRID)),
}


def numbers(twin: Twin, result: CalibrationResult, predictions: tuple[TrialPrediction, ...]) -> dict[str, np.ndarray]:
    """Return what must stay: losses, parameters with their intervals, predictions, what was left out."""
    rows = [(p.start, p.calibrated, p.lower, p.upper, p.standard_error, p.identifiable) for p in result.parameters]
    return {
        "loss": np.array([row.loss for row in result.history] + [result.loss_final]),
        "parameters": np.array(rows, dtype=float),
        "moments": np.concatenate([one.joint_moment.ravel() for one in predictions]),
        "forces": np.concatenate([one.tendon_force.ravel() for one in predictions]),
        "left_out": np.array([(metric.rmse, metric.r2) for metric in result.cross_validation]),
    }


def measure(name: str) -> dict[str, np.ndarray]:
    """Calibrate and predict one case, and print its time."""
    twin, settings = CASES[name]
    began = time.process_time()
    withheld = twin.trials.muscles[-2:] if len(twin.start) < 40 else twin.trials.muscles[14:]
    roles = dict.fromkeys(withheld, "withheld") if settings.method == "synergy_hybrid" else None
    result = calibrate(twin.trials, twin.start, settings, roles=roles)  # type: ignore[arg-type]
    predictions = predict(twin.trials, result.muscles, result.neural, settings)
    if result.synergy is not None:
        predictions = predict_hybrid(twin.trials.held_out, result, settings, mode="from_emg")
        predictions += predict_hybrid(twin.trials.held_out, result, settings, mode="emg_hybrid")
    print(f"{name:28} loss {result.loss_final:.10g}, {result.iterations} iterations, {time.process_time() - began:.2f} s CPU", flush=True)
    return numbers(twin, result, predictions)


def main() -> int:
    """Write, or compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    choice = parser.add_mutually_exclusive_group(required=True)
    choice.add_argument("--write", type=Path)
    choice.add_argument("--against", type=Path)
    options = parser.parse_args()
    found = {f"{name}/{what}": values for name in CASES for what, values in measure(name).items()}
    if options.write:
        np.savez(options.write, **found)  # type: ignore[arg-type]
        return 0
    worst = 0.0
    with np.load(options.against) as before:
        for key, now in found.items():
            old = before[key]
            same = old.shape == now.shape
            difference = float(np.abs(now - old).max() / max(np.abs(old).max(), 1e-300)) if same and old.size else 0.0 if same else np.inf
            worst = max(worst, difference)
            if difference > TOLERANCE:
                print(f"{key}: differs by {difference:.2g}" if same else f"{key}: {old.shape} became {now.shape}")
    print(f"largest difference {worst:.2g} of the largest number of its kind; allowed {TOLERANCE:g}")
    return int(worst > TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
