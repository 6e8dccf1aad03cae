"""Trials: segments cut from recordings, on one clock, ready for the neuromusculoskeletal model."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, overload

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.noun import Facts, Noun, by_time, frame, listed_short
from osim_nmscal.errors import SignalError, UnknownNameError, did_you_mean

if TYPE_CHECKING:
    import pandas

FloatArray = NDArray[np.float64]

# What happens in a trial: a task with EMG and inverse dynamics; a relaxed joint that is moved; an effort on a dynamometer.
TrialKind = Literal["motion", "passive", "effort"]
# A moment arm below this is no moment arm, m. Source: choice; the smallest of published models are tenths of a millimetre.
NO_MOMENT_ARM = 1e-6


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class MuscleGeometry(Noun):
    """MTU lengths and moment arms over one recording.

    Example:
        >>> geometry = MuscleGeometry(
        ...     time=time, muscles=muscles.names, dofs=("knee",), mtu_length=trial.mtu_length, moment_arm=trial.moment_arm)
        >>> geometry.select(["flexor"], ["knee"]).mtu_length.shape
        (100, 1)
    """

    time: FloatArray  # (time,), s
    muscles: tuple[str, ...]
    dofs: tuple[str, ...]
    mtu_length: FloatArray  # (time, muscle), m
    moment_arm: FloatArray  # (time, dof, muscle), m, with OpenSim's sign (-dL/dq)

    def __post_init__(self) -> None:
        n, m, d = len(self.time), len(self.muscles), len(self.dofs)
        if self.mtu_length.shape != (n, m) or self.moment_arm.shape != (n, d, m):
            raise SignalError(
                f"Muscle geometry has lengths {self.mtu_length.shape} and moment arms {self.moment_arm.shape}; "
                f"expected (time, muscle) = {(n, m)} and (time, dof, muscle) = {(n, d, m)}."
            )

    def _facts(self) -> Facts:
        return (
            ("", f"{len(self.time)} samples, {self.time[0]:.4g} to {self.time[-1]:.4g} s"),
            ("", f"{len(self.muscles)} muscles about {listed_short(self.dofs)}"),
        )

    def select(self, muscles: Sequence[str], dofs: Sequence[str]) -> "MuscleGeometry":
        """Return the named muscles and degrees of freedom, in that order."""
        columns = [_position(name, self.muscles, "muscle geometry", "muscle") for name in muscles]
        rows = [_position(name, self.dofs, "muscle geometry", "degree of freedom") for name in dofs]
        return replace(
            self,
            muscles=tuple(muscles),
            dofs=tuple(dofs),
            mtu_length=self.mtu_length[:, columns],
            moment_arm=self.moment_arm[:, rows][:, :, columns],
        )


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Trial(Noun):
    """One segment: inputs of the muscles and the joint moments to reproduce. The lead-in samples settle filters and fibers.

    Example:
        >>> trial.time_step, trial.muscles, trial.joint_moment.shape
        (0.01, ('extensor', 'flexor'), (100, 1))
        >>> trial.with_muscles(["flexor"]).excitation.shape
        (100, 1)
        >>> trial
        Trial(squat/1, calibration: 90 samples, 0.1 to 0.99 s; 2 muscles about knee)
        >>> trial == replace(trial, time=trial.time.copy())
        True
        >>> trial.to_frame()[("excitation", "flexor")].max() > 0.6
        np.True_
    """

    name: str  # e.g. "run/stance_03"
    time: FloatArray  # (time,), s, uniform; lead-in first
    muscles: tuple[str, ...]
    dofs: tuple[str, ...]
    excitation: FloatArray  # (time, muscle), 0 to 1, on this clock, not delayed (the delay is a parameter of the model)
    mtu_length: FloatArray  # (time, muscle), m
    moment_arm: FloatArray  # (time, dof, muscle), m
    joint_moment: FloatArray  # (time, dof), N*m, from inverse dynamics
    first_counted: int = 0  # index of the first sample that counts in losses and metrics
    role: Literal["calibration", "held_out"] = "calibration"
    kind: TrialKind = "motion"
    measured: tuple[str, ...] | Literal["all"] = "all"  # degrees of freedom whose moment was measured; the others do not count
    # "emg": excitations were recorded, and carry the gain of their channel; "assumed": they are what the protocol says (relaxed, maximal)
    driven_by: Literal["emg", "assumed"] = "emg"
    # (time, dof), rad or m, OpenSim's values of the coordinates; None: not known. Muscles do not need them, ligaments do.
    joint_angle: FloatArray | None = None

    def __post_init__(self) -> None:
        n, m, d = len(self.time), len(self.muscles), len(self.dofs)
        expected: dict[str, tuple[int, ...]] = {
            "excitation": (n, m),
            "mtu_length": (n, m),
            "moment_arm": (n, d, m),
            "joint_moment": (n, d),
            "joint_angle": (n, d),
        }
        if self.joint_angle is None:
            del expected["joint_angle"]
        for field, shape in expected.items():
            value = getattr(self, field)
            if value.shape != shape:
                raise SignalError(f"Trial {self.name!r}: {field} has shape {value.shape}, expected {shape}.")
            if not np.isfinite(value).all():
                where = np.argwhere(~np.isfinite(value))[0]
                raise SignalError(f"Trial {self.name!r}: {field} is not finite at {self.time[where[0]]:g} s; fill or cut the gap.")
        if n < 3:
            raise SignalError(f"Trial {self.name!r} has {n} samples; at least 3 are needed.")
        steps = np.diff(self.time)
        if steps.min() <= 0 or np.ptp(steps) > 1e-3 * steps.mean():
            raise SignalError(f"Trial {self.name!r}: time steps vary from {steps.min():g} to {steps.max():g} s; resample to one step.")
        if not 0 <= self.first_counted < n:
            raise SignalError(f"Trial {self.name!r}: first_counted is {self.first_counted}, expected 0 to {n - 1}.")
        if self.measured != "all":
            if not self.measured:
                raise SignalError(f"Trial {self.name!r}: no moment was measured; name at least one degree of freedom.")
            for dof in self.measured:
                _position(dof, self.dofs, f"trial {self.name!r}", "degree of freedom")
        if self.kind == "passive" and self.excitation.any():
            row, column = np.argwhere(self.excitation)[0]
            raise SignalError(
                f"Trial {self.name!r} is passive, but the excitation of {self.muscles[column]!r} is {self.excitation[row, column]:.3g} at "
                f"{self.time[row]:g} s; leave its excitations zero, or make it an effort."
            )

    @property
    def is_measured(self) -> NDArray[np.bool_]:
        """Whether the moment of each degree of freedom was measured, (dof,)."""
        return np.array([self.measured == "all" or dof in self.measured for dof in self.dofs])

    def __len__(self) -> int:
        """Return the number of samples, lead-in included."""
        return len(self.time)

    def _facts(self) -> Facts:
        counted = self.time[self.first_counted :]
        return (
            ("", f"{self.name}, {self.role.replace('_', '-')}: {len(counted)} samples, {counted[0]:.4g} to {counted[-1]:.4g} s"),
            ("", f"{len(self.muscles)} muscles about {listed_short(self.dofs)}"),
        )

    def to_frame(self) -> "pandas.DataFrame":
        """Return excitations, lengths and moments by time as a table, columns (quantity, muscle or dof); needs pandas (extra `plots`)."""
        columns = {"excitation": self.muscles, "mtu_length": self.muscles, "joint_moment": self.dofs}
        return by_time(self, self.time, columns)

    @property
    def time_step(self) -> float:
        """Sampling interval, s."""
        return float((self.time[-1] - self.time[0]) / (len(self.time) - 1))

    def with_muscles(self, muscles: Sequence[str]) -> "Trial":
        """Return the trial with some of its muscles, in that order."""
        columns = [_position(name, self.muscles, f"trial {self.name!r}", "muscle") for name in muscles]
        return replace(
            self,
            muscles=tuple(muscles),
            excitation=self.excitation[:, columns],
            mtu_length=self.mtu_length[:, columns],
            moment_arm=self.moment_arm[:, :, columns],
        )


def largest_moment_arms(trials: Sequence[Trial]) -> FloatArray:
    """Return the largest moment arm of each muscle about a measured degree of freedom over the counted samples, (muscle,), m."""
    arms = (np.abs(trial.moment_arm[trial.first_counted :][:, trial.is_measured]) for trial in trials)
    return np.asarray(np.max([arm.max(axis=(0, 1)) for arm in arms], axis=0))


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class TrialSet(Noun):
    """Trials that share muscles, degrees of freedom and time step.

    Example:
        >>> trials.names, trials.dofs, len(trials.calibration.trials)
        (('squat/1', 'squat/2'), ('knee',), 2)
        >>> trials["squat/2"].role, [trial.name for trial in trials], len(trials)
        ('calibration', ['squat/1', 'squat/2'], 2)
        >>> trials
        TrialSet(2 trials, 2 calibrate: squat/1, squat/2; 2 muscles about knee)
    """

    trials: tuple[Trial, ...]

    def __post_init__(self) -> None:
        if not self.trials:
            raise SignalError("A trial set needs at least one trial.")
        first = self.trials[0]
        for trial in self.trials[1:]:
            if trial.muscles != first.muscles or trial.dofs != first.dofs:
                raise SignalError(f"Trial {trial.name!r} has other muscles or degrees of freedom than trial {first.name!r}.")
            if abs(trial.time_step - first.time_step) > 1e-3 * first.time_step:
                raise SignalError(
                    f"Trial {trial.name!r} has a time step of {trial.time_step:g} s, trial {first.name!r} of {first.time_step:g} s; "
                    "resample them to one clock."
                )
        names = [trial.name for trial in self.trials]
        if len(set(names)) != len(names):
            raise SignalError(f"Two trials are called {next(n for n in names if names.count(n) > 1)!r}; give each its own name.")

    def __len__(self) -> int:
        """Return the number of trials."""
        return len(self.trials)

    def __iter__(self) -> Iterator[Trial]:
        return iter(self.trials)

    def __contains__(self, trial: object) -> bool:
        return trial in self.names if isinstance(trial, str) else trial in self.trials

    @overload
    def __getitem__(self, key: int | str) -> Trial: ...
    @overload
    def __getitem__(self, key: slice) -> "TrialSet": ...
    def __getitem__(self, key: int | str | slice) -> "Trial | TrialSet":
        """Return a trial by name or position, or a set of some by a slice."""
        if isinstance(key, slice):
            return TrialSet(trials=self.trials[key])
        return self.trials[_position(key, self.names, "trial set", "trial") if isinstance(key, str) else key]

    def _facts(self) -> Facts:
        used = sum(trial.role == "calibration" for trial in self.trials)
        return (
            ("", f"{len(self.trials)} trials, {used} calibrate: {listed_short(self.names)}"),
            ("", f"{len(self.muscles)} muscles about {listed_short(self.dofs)}"),
        )

    def to_frame(self) -> "pandas.DataFrame":
        """Return a table with one row per trial: role, counted samples, first and last of their times; needs pandas (extra `plots`)."""
        lines = [
            {"role": one.role, "samples": len(one) - one.first_counted, "start": one.time[one.first_counted], "end": one.time[-1]}
            for one in self.trials
        ]
        made: pandas.DataFrame = frame(lines, index=list(self.names))
        return made

    @property
    def names(self) -> tuple[str, ...]:
        """Trial names in order."""
        return tuple(trial.name for trial in self.trials)

    @property
    def muscles(self) -> tuple[str, ...]:
        """Muscle names, the same in every trial."""
        return self.trials[0].muscles

    @property
    def dofs(self) -> tuple[str, ...]:
        """Degree-of-freedom (coordinate) names, the same in every trial."""
        return self.trials[0].dofs

    @property
    def time_step(self) -> float:
        """Sampling interval, s."""
        return self.trials[0].time_step

    @property
    def calibration(self) -> "TrialSet":
        """The trials that calibrate."""
        return self._with_role("calibration")

    @property
    def held_out(self) -> "TrialSet":
        """The trials that only test."""
        return self._with_role("held_out")

    def _with_role(self, role: str) -> "TrialSet":
        trials = tuple(trial for trial in self.trials if trial.role == role)
        if not trials:
            raise SignalError(f"No trial has the role {role!r}; trials are: {', '.join(self.names)}.")
        return TrialSet(trials=trials)

    def of_kind(self, *kinds: TrialKind) -> "tuple[Trial, ...]":
        """Return the trials of some kinds, which may be none."""
        return tuple(trial for trial in self.trials if trial.kind in kinds)

    def with_muscles(self, muscles: Sequence[str]) -> "TrialSet":
        """Return the trials with some of their muscles, in that order."""
        return TrialSet(trials=tuple(trial.with_muscles(muscles) for trial in self.trials))

    def select(self, names: Sequence[str]) -> "TrialSet":
        """Return the named trials, in that order."""
        return TrialSet(trials=tuple(self.trials[_position(name, self.names, "trial set", "trial")] for name in names))


def _position(name: str, names: tuple[str, ...], where: str, kind: str) -> int:
    if name not in names:
        raise UnknownNameError(f"The {where} has no {kind} {name!r}.{did_you_mean(name, names)}")
    return names.index(name)
