"""A simulated person with known muscles: trials whose moments are exactly what the model makes of the true parameters.

For tests and benchmarks: no OpenSim, no files, any number of muscles, in milliseconds. `virtual_subject` makes whole
laboratories of people instead.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.calibration.prediction import predict
from osim_nmscal.data.muscles import Muscle, MuscleTable
from osim_nmscal.data.results import NeuralParameters
from osim_nmscal.data.trials import Trial, TrialSet

TIME_STEP = 0.01
LEAD_IN = 20


@dataclass(frozen=True)
class Twin:
    """What a calibration is given, and what it should find."""

    trials: TrialSet
    start: MuscleTable
    true: MuscleTable
    neural: NeuralParameters

    def truth(self, name: str) -> NDArray[np.float64]:
        """True value of one kind of parameter, (muscle,), as a calibration reports it."""
        if name == "strength_coefficient":
            return self.true.values("max_isometric_force") / self.start.values("max_isometric_force")
        return getattr(self.neural, name) if hasattr(self.neural, name) else self.true.values(name)


def make_twin(
    muscles: int = 4,
    trials: int = 2,
    steps: int = 80,
    dofs: int = 2,
    *,
    seed: int = 0,
    noise: float = 0.0,
    correlation: float = 0.0,
    offset: float = 0.1,
    rigid: tuple[int, ...] = (),
) -> Twin:
    """Draw muscles and movements, and simulate their moments.

    Args:
        muscles, trials, steps, dofs: sizes; the first LEAD_IN steps of a trial do not count.
        seed: of everything drawn.
        noise: standard deviation of what is added to the moments, in their ranges.
        correlation: of neighbouring samples of that noise.
        offset: starting lengths and forces are off by up to this part.
        rigid: muscles with a rigid tendon.
    """
    rng = np.random.default_rng(seed)
    true = MuscleTable(muscles=tuple(_muscle(rng, i, i in rigid) for i in range(muscles)))
    neural = NeuralParameters(
        c1=rng.uniform(-0.85, -0.6, muscles),
        c2=rng.uniform(-0.5, -0.2, muscles),
        shape_factor=rng.uniform(-2.5, -0.3, muscles),
        electromechanical_delay=0.035,
        time_step=TIME_STEP,
    )
    # muscle i acts on DOF i, pulling one way or the other in turn; a third of them also on the next DOF
    sign = np.zeros((dofs, muscles))
    for i in range(muscles):
        sign[i % dofs, i] = 1.0 if (i // dofs) % 2 == 0 else -1.0
        if i % 3 == 2:
            sign[(i + 1) % dofs, i] = -sign[i % dofs, i]
    made = [_trial(rng, f"trial_{r}", true, sign, steps) for r in range(trials)]
    silent = TrialSet(trials=tuple(made))
    noisy = []
    for trial, prediction in zip(made, predict(silent, true, neural), strict=True):
        moment = prediction.joint_moment
        noisy.append(replace(trial, joint_moment=moment + noise * np.ptp(moment, axis=0) * _noise(rng, moment.shape, correlation)))
    start = MuscleTable(
        muscles=tuple(
            replace(m, **{name: getattr(m, name) / (1.0 + rng.uniform(-offset, offset)) for name in _MOVED}) for m in true.muscles
        )
    )
    return Twin(TrialSet(trials=tuple(noisy)), start, true, neural)


_MOVED = ("optimal_fiber_length", "tendon_slack_length", "max_isometric_force")


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
        excitation = bursts / bursts.max(axis=0) @ weights
        driven.append(replace(trial, excitation=excitation / max(1.0, float(excitation.max()))))
    silent = TrialSet(trials=tuple(driven))
    made = tuple(
        replace(trial, joint_moment=prediction.joint_moment, role="held_out" if i == trials else "calibration")
        for i, (trial, prediction) in enumerate(zip(driven, predict(silent, twin.true, twin.neural), strict=True))
    )
    return SynergyTwin(replace(twin, trials=TrialSet(trials=made)), weights)


def _muscle(rng: np.random.Generator, i: int, rigid: bool) -> Muscle:
    fiber = rng.uniform(0.04, 0.12)
    return Muscle(
        name=f"muscle_{i}",
        max_isometric_force=rng.uniform(500.0, 2500.0),
        optimal_fiber_length=fiber,
        tendon_slack_length=fiber * rng.uniform(1.0, 2.5),
        pennation_angle_at_optimal=rng.uniform(0.0, 0.35),
        ignore_tendon_compliance=rigid,
    )


def _trial(rng: np.random.Generator, name: str, true: MuscleTable, sign: NDArray[np.float64], steps: int) -> Trial:
    time = np.arange(steps, dtype=np.float64) * TIME_STEP
    muscles, dofs = len(true), len(sign)

    def smooth(low: float, high: float, fastest: float) -> NDArray[np.float64]:
        waves = [rng.normal() * np.sin(2 * np.pi * rng.uniform(0.5, fastest) * time + rng.uniform(0, 6.3)) for _ in range(5)]
        signal = np.sum(waves, axis=0)
        return low + (high - low) * (signal - signal.min()) / np.ptp(signal)

    excitation = np.stack([smooth(0.02, rng.uniform(0.4, 0.7), 4.0) for _ in range(muscles)], axis=1)
    fiber = np.stack([smooth(rng.uniform(0.65, 0.85), rng.uniform(1.05, 1.25), 2.0) for _ in range(muscles)], axis=1)
    optimal, slack = true.values("optimal_fiber_length"), true.values("tendon_slack_length")
    sine = np.sin(true.values("pennation_angle_at_optimal"))
    moment_arm = sign * np.stack([smooth(0.03, 0.06, 1.0) for _ in range(muscles)], axis=1)[:, None, :]
    return Trial(
        name=name,
        time=time,
        muscles=true.names,
        dofs=tuple(f"dof_{i}" for i in range(dofs)),
        excitation=excitation,
        mtu_length=1.02 * slack + optimal * np.sqrt(fiber**2 - sine**2),
        moment_arm=moment_arm,
        joint_moment=np.zeros((steps, dofs)),
        first_counted=LEAD_IN,
    )


def _noise(rng: np.random.Generator, shape: tuple[int, ...], correlation: float) -> NDArray[np.float64]:
    """White noise of unit variance, or a first-order autoregressive process of unit variance."""
    white = rng.standard_normal(shape)
    signal = white.copy()
    for i in range(1, len(signal)):
        signal[i] = correlation * signal[i - 1] + (1.0 - correlation**2) ** 0.5 * white[i]
    return signal
