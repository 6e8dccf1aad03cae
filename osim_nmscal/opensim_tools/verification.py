"""The model in OpenSim: does it do what calibration promised?

Each trial of a personalized model is moved through its recorded motion, its muscles driven by the calibrated activations, and the
tendon forces and joint moments of OpenSim's own muscles returned. One worker process does all trials, the model read once; what
each trial gave is kept at once, so that a crash costs this trial, and the others go on in a new worker.

Quickly (the default): OpenSim's own geometry gives lengths and moment arms over the motion, and the muscles alone are simulated on
paths of these lengths (slider_model.py). In full: the whole model is simulated, posture and path at every evaluation.
Source: OpenSim 4.6.
"""

import pickle
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.errors import OpenSimToolError, SignalError
from osim_nmscal.opensim_objects import ModelSource, TableSource, takes_model
from osim_nmscal.opensim_tools.given import motion_of, series_of
from osim_nmscal.opensim_tools.model_access import coordinates_of, free_coordinates, open_model, require_coordinate
from osim_nmscal.opensim_tools.motion import read_motion
from osim_nmscal.opensim_tools.muscle_simulation import DrivenMuscles, prepare_muscles
from osim_nmscal.opensim_tools.path_geometry import MomentArmMethod, PathGeometry
from osim_nmscal.opensim_tools.run import in_worker
from osim_nmscal.opensim_tools.slider_model import LENGTH, slider_model
from osim_nmscal.settings import Settings, setting
from osim_nmscal.worker.folder import job_folder
from osim_nmscal.worker.threads import in_threads

FloatArray = NDArray[np.float64]


class VerificationSettings(Settings):
    """How a personalized model is run in OpenSim."""

    accuracy: float = setting(
        1e-7,
        unit="-",
        description="Relative tolerance of the integration of fiber states in the full model.",
        source="measured: joint moments to 0.01 % of their range; 1e-6 leaves 0.08 % in an arm",
        gt=0,
        lt=1e-2,
    )
    quick_accuracy: float = setting(
        5e-7,
        unit="-",
        description="The same for muscles alone.",
        source="measured: joint moments to 0.01 % of their range (RMS); 1e-5 leaves 0.2 % in an arm",
        gt=0,
        lt=1e-2,
    )
    method: MomentArmMethod = setting(
        "lengthening_speed", unit="-", description="Moment arms, as in the muscle analysis.", source="as the muscle analysis"
    )
    lowpass_cutoff: float = setting(
        6.0,
        unit="Hz",
        description="Cut-off of the coordinates, as in the muscle analysis; 0 for none.",
        source="as the muscle analysis",
        ge=0,
    )
    missing_coordinates: Literal["refuse", "default"] = setting(
        "refuse",
        unit="-",
        description="What to do with a coordinate of the model that the motion lacks.",
        source="choice: as the muscle analysis",
    )


class VerificationChoice(Settings):
    """How the personalized model is confirmed by OpenSim at the end of a run."""

    enabled: bool = setting(
        True,
        unit="-",
        description="Whether OpenSim runs the personalized model.",
        source="choice: a model that OpenSim does not confirm is not to be relied on",
    )
    tolerance: float = setting(
        0.05,
        unit="-",
        description="Largest difference of joint moments from those predicted, / range.",
        source="choice: well above what calibrated muscles differ by as they are written (workflows/benchmarks/verification.py)",
        gt=0,
    )
    trials: int = setting(
        6,
        unit="-",
        description="Trials verified at most, calibration trials first; 0: all.",
        source="choice: OpenSim's own fiber dynamics take seconds per trial",
        ge=0,
    )


@dataclass(frozen=True, kw_only=True)
class TrialToVerify:
    """What drives the model in one trial."""

    name: str
    coordinates: Path | TimeSeries  # the whole motion, .mot or .sto file, or in rad and m; it may be longer than the activations
    activation: TimeSeries  # (time, muscle), 0 to 1, used in place of the model's activation dynamics
    dofs: tuple[str, ...]  # coordinates whose moments are wanted


@dataclass(frozen=True, kw_only=True)
class VerificationRun:
    """What OpenSim's muscles did."""

    tendon_force: TimeSeries  # (time, muscle), N
    joint_moment: TimeSeries  # (time, dof), N·m
    moment_arm: FloatArray = field(default_factory=lambda: np.zeros((0, 0, 0)))  # (time, dof, muscle), m


@dataclass(frozen=True, kw_only=True)
class VerifiedTrial:
    """What came of one trial: a run, or the reason why there is none."""

    name: str
    run: VerificationRun | None = None
    failure: OpenSimToolError | None = None


@takes_model
def verify_model(
    model: ModelSource,
    coordinates: TableSource,
    activation: TableSource,
    dofs: Sequence[str],
    *,
    settings: VerificationSettings,
    log: Path | str,
    full: bool = False,
) -> VerificationRun:
    """Run a model's own muscles in OpenSim over the time of the activations, from static equilibrium at their first sample.

    Args:
        model: .osim file or `opensim.Model`, taken as it is.
        coordinates: the whole motion, as `run_muscle_analysis` takes it; it may be longer than the activations.
        activation: (time, muscle), 0 to 1, in any such form; used in place of the model's activation dynamics; below a muscle's
            `minimum_activation` OpenSim uses that.
        dofs: coordinates whose moments are returned.
        settings: integration, filter and moment arms.
        log: file for OpenSim's log.
        full: simulate the whole model, not its muscles alone.

    Returns:
        Tendon forces, and what they sum to about each degree of freedom, at the activations' times.

    Raises:
        FileFormatError: a file is missing or malformed.
        UnknownNameError: a muscle or dof is not in the model.
        SignalError: activation outside 0 to 1; the motion does not cover it.
        OpenSimToolError: a muscle cannot be simulated; with OpenSim's log.

    Example:
        >>> from osim_nmscal.opensim_tools.verification import VerificationSettings
        >>> half = TimeSeries(time=elbow.time[10:15], labels=("brachialis_r",), values=np.full((5, 1), 0.5))
        >>> run = verify_model(arm, elbow, half, ("elbow_flexion_r",), settings=VerificationSettings(), log="verification.log")
        >>> run.tendon_force.labels, bool((run.joint_moment.values > 0).all())
        (('brachialis_r',), True)
    """
    motion, activation = motion_of(coordinates), series_of(activation)
    trial = TrialToVerify(name=activation.source, coordinates=motion, activation=activation, dofs=tuple(dofs))
    (verified,) = verify_trials(model, [trial], settings=settings, log=log, full=full)
    if verified.run is None:
        raise verified.failure or OpenSimToolError(f"The verification of {model} with {activation.source} came to nothing.")
    return verified.run


def verify_trials(
    model: Path | str,
    trials: Sequence[TrialToVerify],
    *,
    settings: VerificationSettings,
    log: Path | str,
    full: bool = False,
    jobs: int = 1,
) -> tuple[VerifiedTrial, ...]:
    """Run a model's own muscles in OpenSim over many trials, in one worker process.

    Args:
        model: .osim file, opened as it is.
        trials: motion, activations and dofs of each.
        settings: integration, filter and moment arms.
        log: file for OpenSim's log; further workers number theirs.
        full: simulate the whole model, not its muscles alone.
        jobs: workers that share the trials.

    Returns:
        For each trial, in their order, what `verify_model` returns, or why OpenSim could not do it: a muscle without equilibrium, an
        integration that stopped, a crash.

    Raises:
        FileFormatError, UnknownNameError, SignalError: as `verify_model`; nothing is verified then.
        OpenSimToolError: OpenSim cannot open the model.
    """
    path, log = Path(model).absolute(), Path(log).absolute()
    for trial in trials:
        values = trial.activation.values
        if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1 + 1e-9):
            raise SignalError(f"{trial.activation.source}: an activation is outside 0 to 1; calibrate again.")
    shares = [list(range(first, len(trials), jobs)) for first in range(min(max(1, jobs), len(trials)))]
    logs = [log if i == 0 else log.with_name(f"{log.stem}_worker_{i + 1}{log.suffix}") for i in range(len(shares))]
    found: dict[int, VerifiedTrial] = {}
    parts = in_threads(
        lambda part: _verify_share(path, trials, part[0], settings, full, part[1]), list(zip(shares, logs, strict=True)), len(shares)
    )
    for part in parts:
        found |= part
    return tuple(found[i] for i in range(len(trials)))


def _verify_share(
    path: Path, trials: Sequence[TrialToVerify], share: Sequence[int], settings: VerificationSettings, full: bool, log: Path
) -> dict[int, VerifiedTrial]:
    """Verify some trials in one worker, and in another one those that a crash leaves."""
    found: dict[int, VerifiedTrial] = {}
    waiting = list(share)
    with job_folder() as folder:
        while waiting:
            names = trials[waiting[0]].name if len(waiting) == 1 else f"{len(waiting)} trials"
            jobs = {i: _absolute(trials[i]) for i in waiting}
            crash: OpenSimToolError | None = None
            try:
                in_worker(
                    _verify_all, path, jobs, settings, full, folder, log=log, doing=f"verification of {path} with {names}", model=path
                )
            except OpenSimToolError as error:
                crash = error
            done = {i: pickle.loads(_result(folder, i).read_bytes()) for i in waiting if _result(folder, i).is_file()}
            found |= done
            waiting = [i for i in waiting if i not in done]
            if crash is not None and (not waiting or not _begun(folder, waiting[0]).is_file()):
                raise crash  # no trial's fault
            if crash is not None:
                found[waiting[0]] = VerifiedTrial(name=trials[waiting[0]].name, failure=crash)
                waiting = waiting[1:]
    return found


def _absolute(trial: TrialToVerify) -> TrialToVerify:
    motion = trial.coordinates
    return trial if isinstance(motion, TimeSeries) else TrialToVerify(**(vars(trial) | {"coordinates": motion.absolute()}))


def _begun(folder: Path, trial: int) -> Path:
    return folder / f"{trial}.begun"


def _result(folder: Path, trial: int) -> Path:
    return folder / f"{trial}.pickle"


def _verify_all(path: Path, trials: dict[int, TrialToVerify], settings: VerificationSettings, full: bool, folder: Path) -> None:
    """Verify trials one after the other and leave each one's outcome in a folder; runs inside the worker process."""
    bench = _Bench(path, settings, full)
    bench.set_up(next(iter(trials.values())).activation.labels)  # what the model itself cannot do is no trial's fault
    for i, trial in trials.items():
        _begun(folder, i).touch()
        try:
            outcome = VerifiedTrial(name=trial.name, run=bench.run(trial))
        except OpenSimToolError as error:
            outcome = VerifiedTrial(name=trial.name, failure=error)
        unfinished = folder / "unfinished"
        unfinished.write_bytes(pickle.dumps(outcome))
        unfinished.replace(_result(folder, i))


class _Bench:
    """One opened model, and what its trials share."""

    def __init__(self, path: Path, settings: VerificationSettings, full: bool) -> None:
        self.path, self.settings, self.full = path, settings, full
        self.model = open_model(path)
        self.coordinates = coordinates_of(self.model)
        free_coordinates(self.model)
        self._motions: dict[Path, TimeSeries] = {}
        self._muscles: tuple[str, ...] | None = None  # those that the model is set up for

    def run(self, trial: TrialToVerify) -> VerificationRun:
        """Simulate the muscles of one trial and sum their moments."""
        from scipy.interpolate import CubicSpline

        activation, name = trial.activation, f"{self.path.name} in OpenSim"
        for dof in trial.dofs:
            require_coordinate(dof, self.coordinates, str(self.path))
        motion = self._motion(trial.coordinates)
        _require_covered(motion, activation)
        self.set_up(activation.labels)
        self._geometer.dofs = trial.dofs
        posture = CubicSpline(motion.time, motion.values, axis=0)
        lengths, arms = self._lengths_and_arms(posture, activation.time)
        accuracy = self.settings.accuracy if self.full else self.settings.quick_accuracy
        forces = self._driven.tendon_forces(posture if self.full else lengths, activation, accuracy)
        moments = np.einsum("tm,tdm->td", forces, arms)
        return VerificationRun(
            tendon_force=TimeSeries(time=activation.time, labels=activation.labels, values=forces, source=name),
            joint_moment=TimeSeries(time=activation.time, labels=trial.dofs, values=moments, source=name),
            moment_arm=arms,
        )

    def _motion(self, source: Path | TimeSeries) -> TimeSeries:
        if isinstance(source, Path) and source in self._motions:
            return self._motions[source]
        motion = read_motion(
            source,
            self.coordinates,
            model_name=str(self.path),
            lowpass_cutoff=self.settings.lowpass_cutoff,
            missing=self.settings.missing_coordinates,
        )
        if isinstance(source, Path):
            self._motions[source] = motion
        return motion

    def set_up(self, muscles: tuple[str, ...]) -> None:
        """Initialise the model for these muscles, unless it is."""
        if muscles == self._muscles:
            return
        prepare_muscles(self.model, muscles)
        self._geometer = PathGeometry(self.model, self.coordinates, ())
        self._geometer.keep(muscles, str(self.path))
        if self.full:
            self._driven = DrivenMuscles(self.model, self.coordinates.names, muscles)
            self._geometer.state = self._driven.state  # the model has been initialised anew
        else:
            self._sliders = slider_model(self.model, muscles)
            self._driven = DrivenMuscles(self._sliders, [LENGTH.format(muscle=muscle) for muscle in muscles], muscles)
        self._muscles = muscles

    def _lengths_and_arms(self, posture: Any, time: FloatArray) -> tuple[Any, FloatArray]:
        """Return the lengths of the paths as a spline over time, and moment arms (time, dof, muscle) at the samples, m."""
        from scipy.interpolate import CubicSpline

        lengths, arms = self._geometer.over(posture(time), self.settings.method)
        if self.full:  # it has the paths themselves
            return None, arms
        # A length is sampled between the samples as well, and half a step beyond them: a spline's speed is poor at its ends.
        half = np.diff(time).mean() / 2
        others = np.concatenate([[time[0] - half], (time[1:] + time[:-1]) / 2, [time[-1] + half]])
        fine = np.empty(2 * len(time) + 1)
        values = np.empty((len(fine), lengths.shape[1]))
        fine[1::2], fine[::2] = time, others
        values[1::2], values[::2] = lengths, self._geometer.lengths(posture(others))
        return CubicSpline(fine, values, axis=0), arms


def _require_covered(motion: TimeSeries, activation: TimeSeries) -> None:
    step = 1 / motion.rate
    if activation.time[0] < motion.time[0] - step or activation.time[-1] > motion.time[-1] + step:
        raise SignalError(
            f"{motion.source} runs from {motion.time[0]:g} to {motion.time[-1]:g} s, the activations from {activation.time[0]:g} to "
            f"{activation.time[-1]:g} s; give the motion of the same recording."
        )
