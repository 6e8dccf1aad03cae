"""Whether the reported standard errors are honest: how often the 95 % intervals of identifiable parameters hold the truth.

Run: python workflows/benchmarks/coverage.py [--seeds 100] [--correlation 0.0 0.9]. Needs no data. Every seed is another simulated
person (4 muscles, 2 DOFs, 2 trials), starting values up to 10 % off, 5 % moment noise, white or correlated in time.
Expected: 0.85 to 0.99.
"""

import argparse
from collections import defaultdict

import numpy as np

from osim_nmscal.calibration.emg_driven import calibrate_emg_driven
from osim_nmscal.calibration.simulated_twin import make_twin


def hits_of(seed: int, correlation: float) -> dict[str, list[bool]]:
    """Return for each kind of parameter whether the intervals of the identifiable ones hold the truth."""
    twin = make_twin(noise=0.05, correlation=correlation, seed=seed)
    hits = defaultdict(list)
    for row in calibrate_emg_driven(twin.trials, twin.start).parameters:
        if row.identifiable and not row.at_bound:
            truth = twin.truth(row.name)[twin.start.index(row.owner)]
            hits[row.name].append(bool(abs(row.calibrated - truth) < 1.96 * row.standard_error))
    return hits


def main() -> None:
    """Print coverage by kind of parameter."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--correlation", type=float, nargs="+", default=[0.0, 0.9])
    options = parser.parse_args()
    for correlation in options.correlation:
        everything = defaultdict(list)
        for seed in range(options.seeds):
            for name, hits in hits_of(seed, correlation).items():
                everything[name] += hits
        total = [hit for hits in everything.values() for hit in hits]
        print(f"noise correlated by {correlation:g}: coverage {np.mean(total):.3f} of {len(total)} intervals, {options.seeds} seeds")
        for name, hits in everything.items():
            print(f"  {name:24} {np.mean(hits):.3f} of {len(hits)}", flush=True)


if __name__ == "__main__":
    main()
