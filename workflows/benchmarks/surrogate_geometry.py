"""Surrogate geometry: what each MTU's polynomial is off, and what sampling, fitting and evaluating cost.

Run: python workflows/benchmarks/surrogate_geometry.py [--cases rajagopal_recorded rajagopal_full virtual_leg virtual_arm]
     [--out results/benchmarks/surrogate_geometry.json]

Errors are those on 400 postures that were not fitted. CPU-seconds; an evaluation gives lengths and moment arms of all MTUs.
`rajagopal_recorded` covers what the running recording covers and 5 degrees more, `rajagopal_full` the joints' whole ranges.
"""

import argparse
import importlib
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from osim_nmscal.kinematics.surrogate_fitting import GeometrySamples, MtuError, fit_surrogate
from osim_nmscal.opensim_tools.model_access import coordinates_of, free_coordinates, open_model
from osim_nmscal.opensim_tools.run import in_worker
from osim_nmscal.opensim_tools.surrogate_fit import CHECKED, POSTURES, Range, muscles_within, sample_geometry

ROOT = Path(__file__).resolve().parents[2]
RAJAGOPAL = ROOT.parent / "shared" / "data" / "rajagopal_run_walk" / "generic_unscaled.osim"
LEG = ("hip_flexion_r", "hip_adduction_r", "hip_rotation_r", "knee_angle_r", "ankle_angle_r")
# Degrees. The first is what the running recording's inverse kinematics covers and 5 degrees more.
RECORDED = ((-16, 60), (-14, 16), (-21, 12), (5, 117), (-40, 26))
WHOLE = ((-30, 120), (-40, 30), (-40, 40), (0, 120), (-40, 30))
CASES = ("rajagopal_recorded", "rajagopal_full", "virtual_leg", "virtual_arm")
EVALUATED = 500


@dataclass(frozen=True, kw_only=True)
class Row:
    """One case."""

    case: str
    sampling: float  # ms per posture
    fitting: float  # s
    evaluating: float  # microseconds per frame
    errors: tuple[MtuError, ...]


@dataclass(frozen=True, kw_only=True)
class Sampled:
    """Samples and what they cost."""

    samples: GeometrySamples
    seconds: float


def own_ranges(path: Path) -> dict[str, Range]:
    """Return the ranges of a model's joints; runs in a worker."""
    model = open_model(path)
    coordinates = coordinates_of(model)
    found = {}
    for name in coordinates.names:
        handle = model.getCoordinateSet().get(name)
        if name not in coordinates.locked and name not in coordinates.dependent and not name.startswith(("pelvis", "thorax")):
            found[name] = (float(handle.getRangeMin()), float(handle.getRangeMax()))
    return found


def sampled(path: Path, ranges: dict[str, Range], muscles: tuple[str, ...]) -> Sampled:
    """Sample a model; runs in a worker."""
    model = open_model(path)
    coordinates = coordinates_of(model)
    free_coordinates(model)
    began = time.process_time()
    samples = sample_geometry(model, coordinates, ranges, muscles, POSTURES + CHECKED, path.name)
    return Sampled(samples=samples, seconds=time.process_time() - began)


def measure(case: str, log: Path) -> Row:
    """Fit one case."""
    here = importlib.import_module(Path(__file__).stem)
    if case.startswith("rajagopal"):
        path = RAJAGOPAL
        ends = RECORDED if case == "rajagopal_recorded" else WHOLE
        ranges = {name: (float(np.deg2rad(a)), float(np.deg2rad(b))) for name, (a, b) in zip(LEG, ends, strict=True)}
    else:
        path = ROOT / "models" / f"{case}.osim"
        ranges = in_worker(here.own_ranges, path, log=log)
    found = in_worker(here.sampled, path, ranges, muscles_within(path, ranges, log), log=log)
    began = time.process_time()
    fit = fit_surrogate(found.samples.part(slice(0, POSTURES)), found.samples.part(slice(POSTURES, None)))
    fitting = time.process_time() - began
    postures = torch.from_numpy(found.samples.postures[:EVALUATED])
    times = []
    for _ in range(5):
        began = time.process_time()
        fit.geometry(postures)
        times.append(time.process_time() - began)
    return Row(
        case=case,
        sampling=1e3 * found.seconds / len(found.samples.postures),
        fitting=fitting,
        evaluating=1e6 * min(times) / EVALUATED,
        errors=fit.errors,
    )


def main() -> None:
    """Print a line per case and write all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", nargs="+", choices=CASES, default=CASES)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "benchmarks" / "surrogate_geometry.json")
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    rows = []
    for case in args.cases:
        if case.startswith("rajagopal") and not RAJAGOPAL.is_file():
            print(f"{case}: its data are not here")
            continue
        row = measure(case, args.out.with_suffix(".log"))
        rows.append(row)
        length, arm = (1e3 * np.array([getattr(error, name) for error in row.errors]) for name in ("length_rms", "arm_rms"))
        worst = sorted(row.errors, key=lambda error: -error.arm_rms)[:4]
        told = ", ".join(f"{e.muscle} {1e3 * e.length_rms:.2f}/{1e3 * e.arm_rms:.2f}" for e in worst)
        print(
            f"{case}: {len(row.errors)} MTUs; {row.sampling:.2f} ms/posture sampled, fit {row.fitting:.2f} s, "
            f"{row.evaluating:.0f} us/frame; "
            f"length RMS median {np.median(length):.3f} worst {length.max():.2f} mm, moment arm median {np.median(arm):.3f} worst "
            f"{arm.max():.2f} mm; worst MTUs {told}",
            flush=True,
        )
    args.out.write_text(json.dumps([asdict(row) for row in rows], indent=1))


if __name__ == "__main__":
    main()
