"""Trials as tensors: unequal trials are padded and masked, never time-normalised.

Padding holds the last sample. An MTU goes on for one sample at the speed of its last two, then holds: with a rigid tendon
the fiber's velocity is taken from both neighbours of a sample, and the last one of a trial must not see it stop.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from osim_nmscal.data.trials import TrialKind, TrialSet


@dataclass(frozen=True, kw_only=True)
class StackedTrials:
    """Trials on one clock, float64."""

    excitation: Tensor  # (time, trial, muscle)
    mtu_length: Tensor  # (time, trial, muscle), m
    moment_arm: Tensor  # (time, trial, dof, muscle), m
    joint_moment: Tensor  # (time, trial, dof), N·m
    counted: Tensor  # (time, trial), bool: not lead-in, not padding
    measured: Tensor  # (trial, dof), bool: whose moment counts
    kinds: tuple[TrialKind, ...]  # of each trial
    names: tuple[str, ...]  # of each trial
    time_step: float  # s
    joint_angle: Tensor | None = None  # (time, trial, dof), rad and m; None where a trial has none

    def of_trials(self, kept: Sequence[int]) -> "StackedTrials":
        """Return some of the trials, by position, padded as before."""
        index = list(kept)
        return StackedTrials(
            excitation=self.excitation[:, index],
            mtu_length=self.mtu_length[:, index],
            moment_arm=self.moment_arm[:, index],
            joint_moment=self.joint_moment[:, index],
            counted=self.counted[:, index],
            measured=self.measured[index],
            kinds=tuple(self.kinds[i] for i in index),
            names=tuple(self.names[i] for i in index),
            time_step=self.time_step,
            joint_angle=None if self.joint_angle is None else self.joint_angle[:, index],
        )

    def samples(self) -> Tensor:
        """Return how many moments count, (dof,)."""
        return self.counted.sum(dim=0).to(torch.float64) @ self.measured.to(torch.float64)


def stack_trials(trials: TrialSet) -> StackedTrials:
    """Stack trials along a trial axis; the model holds still in the padding, so it costs nothing but time."""
    longest = max(len(trial.time) for trial in trials.trials)

    def padded(signals: list[np.ndarray], *, speed: float = 0.0) -> Tensor:
        held = [np.concatenate([s, np.repeat(s[-1:] + speed * (s[-1:] - s[-2:-1]), longest - len(s), axis=0)]) for s in signals]
        return torch.from_numpy(np.ascontiguousarray(np.stack(held, axis=1), dtype=np.float64))

    angles = [trial.joint_angle for trial in trials.trials if trial.joint_angle is not None]
    counted = torch.zeros((longest, len(trials.trials)), dtype=torch.bool)
    for i, trial in enumerate(trials.trials):
        counted[trial.first_counted : len(trial.time), i] = True
    return StackedTrials(
        excitation=padded([trial.excitation for trial in trials.trials]),
        mtu_length=padded([trial.mtu_length for trial in trials.trials], speed=1.0),
        moment_arm=padded([trial.moment_arm for trial in trials.trials]),
        joint_moment=padded([trial.joint_moment for trial in trials.trials]),
        counted=counted,
        measured=torch.from_numpy(np.stack([trial.is_measured for trial in trials.trials])),
        kinds=tuple(trial.kind for trial in trials.trials),
        names=trials.names,
        time_step=trials.time_step,
        joint_angle=padded(angles) if len(angles) == len(trials.trials) else None,
    )
