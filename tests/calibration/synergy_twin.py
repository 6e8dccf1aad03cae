"""A simulated person whose excitations come from known synergies."""

from dataclasses import dataclass, replace

import numpy as np
from calibration_twin import LEAD_IN, Twin, make_twin
from numpy.typing import NDArray

from osim_nmscal.calibration.prediction import predict
from osim_nmscal.data.trials import TrialSet


@dataclass(frozen=True)
class SynergyTwin:
    """Trials (the last one held out), what the muscles are in truth, and the synergies that drove them."""

    twin: Twin
    weights: NDArray[np.float64]  # (synergy, muscle)

    @property
    def trials(self) -> TrialSet:
        return self.twin.trials


def make_synergy_twin(
    muscles: int = 8, trials: int = 3, steps: int = 100, synergies: int = 3, dofs: int = 2, *, seed: int = 0
) -> SynergyTwin:
    """Draw bursts of a few synergies, and simulate the moments of the muscles they drive."""
    twin = make_twin(muscles, trials + 1, steps, dofs, seed=seed, offset=0.05)
    rng = np.random.default_rng(seed + 1)
    weights = rng.uniform(0.0, 0.15, (synergies, muscles))
    weights[np.arange(muscles) % synergies, np.arange(muscles)] += rng.uniform(0.3, 0.6, muscles)
    driven = []
    for trial in twin.trials.trials:
        centre, width = rng.uniform(0.1, trial.time[-1], (2, synergies)), rng.uniform(0.07, 0.12, (2, synergies))
        bursts = np.exp(-0.5 * ((trial.time[:, None, None] - centre) / width) ** 2).sum(axis=1)
        driven.append(replace(trial, excitation=bursts / bursts.max(axis=0) @ weights))
    silent = TrialSet(trials=tuple(driven))
    made = tuple(
        replace(trial, joint_moment=prediction.joint_moment, role="held_out" if i == trials else "calibration")
        for i, (trial, prediction) in enumerate(zip(driven, predict(silent, twin.true, twin.neural), strict=True))
    )
    return SynergyTwin(replace(twin, trials=TrialSet(trials=made)), weights)


def correlation(recorded: list[NDArray[np.float64]], made: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Correlate excitations (time, muscle) of several trials, lead-in left out, (muscle,)."""
    a, b = (np.concatenate([signal[LEAD_IN:] for signal in signals]) for signals in (recorded, made))
    return np.array([np.corrcoef(x, y)[0, 1] for x, y in zip(a.T, b.T, strict=True)])
