"""Assembly: trials on one clock, from the segments of a recording and the signals that lie over it.

Every signal is brought to the trial's own uniform clock by a cubic spline; the first counted sample is the segment's start. A lead-in
before it lets the delay, the activation filter and the fibers settle before anything counts. Excitations are not delayed here: the
electromechanical delay is a parameter of the neuromusculoskeletal model, and the lead-in must be longer than it.
Nothing is time-normalized (Hambly et al. 2025 keep the real clock as well).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.data.trials import MuscleGeometry, Trial
from osim_nmscal.errors import SegmentationError, SignalError, UnknownNameError, did_you_mean, listed
from osim_nmscal.settings import Settings, setting
from osim_nmscal.signals import resample
from osim_nmscal.trials.roles import Role, trial_names
from osim_nmscal.trials.segmentation import Segment

FloatArray = NDArray[np.float64]

# A spline through a stretch of a recording needs so many samples beyond it to equal the one through all of it (to 1e-8).
SPLINE_MARGIN = 15
# Beyond these a unit is wrong (mm, N*mm, percent). A rat's soleus is 0.03 m long, a human's longest muscle 0.6 m; a sprinter's hip
# moment is 500 N*m. Source: choice.
PLAUSIBLE_MTU_LENGTH = (2e-3, 2.0)  # m
LARGEST_MOMENT_ARM = 0.5  # m
LARGEST_MOMENT = 5e3  # N*m
LARGEST_EXCITATION = 1 + 1e-3


class TrialSettings(Settings):
    """How trials are put together.

    Example:
        >>> TrialSettings(time_step=0.005).lead_in
        0.2
    """

    time_step: float = setting(
        0.01,
        unit="s",
        description="Step of the clock of all trials.",
        source="choice: the 100 Hz of most motion capture; from the 2 kHz of EMG to ten samples a second",
        ge=5e-4,
        le=0.1,
    )
    lead_in: float = setting(
        0.2,
        unit="s",
        description="Time before each segment that is simulated but does not count; more than the electromechanical delay.",
        source="choice: 0.035 s of delay, and 0.165 s for activation and fibers to settle",
        ge=0,
    )


def cut_trials(
    recording: str,
    segments: Sequence[Segment],
    geometry: MuscleGeometry,
    moments: TimeSeries,
    excitations: TimeSeries,
    *,
    settings: TrialSettings | None = None,
    roles: Mapping[str, Role] | None = None,
    measured: Sequence[str] = (),
    angles: TimeSeries | None = None,
) -> tuple[Trial, ...]:
    """Cut the trials of one recording.

    Args:
        recording: its name; a trial is called recording/segment.
        segments: where the trials lie.
        geometry: MTU lengths (m) and moment arms (m) of at least the excited muscles; its dofs become those of the trials.
        moments: joint moments from inverse dynamics, N*m, columns named by coordinate.
        excitations: (time, muscle), 0 to 1, any rate; its muscles become those of the trials.
        settings: default `TrialSettings()`.
        roles: trial name -> role; a trial that it lacks is held out; default: all calibrate.
        measured: degrees of freedom whose moments count; default: all.
        angles: values of the coordinates, rad and m, columns named by coordinate; a trial that they do not cover has none.

    Returns:
        One trial per segment. Where a recording starts too late for the whole lead-in, the trial has a shorter one (see
        `lead_in_findings`); joint moments missing in the lead-in are held, as they do not count.

    Raises:
        SignalError: a signal does not cover a segment, has a gap in it, or cannot be in the unit it should be in.
        UnknownNameError: a muscle has no geometry, or a degree of freedom no moment.

    Example:
        >>> geometry = MuscleGeometry(
        ...     time=time, muscles=muscles.names, dofs=("knee",), mtu_length=trial.mtu_length, moment_arm=trial.moment_arm)
        >>> moments = TimeSeries(time=time, labels=("knee",), values=trial.joint_moment)
        >>> driven = TimeSeries(time=time, labels=muscles.names, values=trial.excitation)
        >>> segments = cut_times(SegmentationSettings(method="times", times=((0.4, 0.8),)))
        >>> cut, = cut_trials("squat", segments, geometry, moments, driven)
        >>> cut.name, len(cut.time), cut.first_counted
        ('squat/segment_01', 61, 20)
    """
    settings = settings or TrialSettings()
    if not segments:
        raise SegmentationError(f"Recording {recording!r} has no segment to cut; change its segmentation.")
    _require_known_roles(recording, segments, roles)
    geometry = geometry.select(excitations.labels, geometry.dofs)
    moments = moments.select(geometry.dofs)
    _require_plausible(recording, geometry, moments, excitations)
    trials = [_trial(recording, segment, geometry, moments, excitations, settings, roles) for segment in segments]
    if angles is not None:
        angles = angles.select(geometry.dofs)
        trials = [replace(trial, joint_angle=_at(angles, trial.time)) if _covers(angles, trial.time) else trial for trial in trials]
    return tuple(replace(trial, measured=tuple(measured)) if measured else trial for trial in trials)


def lead_in_findings(trials: Sequence[Trial], settings: TrialSettings | None = None) -> tuple[str, ...]:
    """Say which trials have a shorter lead-in than asked for, one sentence each.

    Args:
        trials: as cut.
        settings: those that they were cut with.
    """
    settings = settings or TrialSettings()
    wanted = _lead_in_steps(settings)
    findings = []
    for trial in trials:
        if trial.first_counted < wanted:
            has = f"a lead-in of {trial.first_counted * trial.time_step:.3f} s" if trial.first_counted else "no lead-in"
            findings.append(
                f"Trial {trial.name} has {has} instead of {settings.lead_in:g} s, as its recording starts at {trial.time[0]:.3f} s: "
                "its first counted samples hold the settling of filters and fibers."
            )
    return tuple(findings)


def _require_known_roles(recording: str, segments: Sequence[Segment], roles: Mapping[str, Role] | None) -> None:
    names = trial_names(recording, segments)
    for name in roles or ():
        if name.startswith(f"{recording}/") and name not in names:
            raise UnknownNameError(
                f"The trial {name!r} has a role, but does not exist.{did_you_mean(name, names)} There are: {listed(names)}."
            )


def _lead_in_steps(settings: TrialSettings) -> int:
    return int(np.ceil(settings.lead_in / settings.time_step - 1e-6))


def _trial(
    recording: str,
    segment: Segment,
    geometry: MuscleGeometry,
    moments: TimeSeries,
    excitations: TimeSeries,
    settings: TrialSettings,
    roles: Mapping[str, Role] | None,
) -> Trial:
    name = f"{recording}/{segment.name}"
    lengths = TimeSeries(time=geometry.time, labels=geometry.muscles, values=geometry.mtu_length, source="MTU lengths")
    arms = _flat_moment_arms(geometry)
    for series, what in ((lengths, "the motion"), (moments, "the joint moments"), (excitations, "the EMG")):
        _require_cover(name, segment, series, what)
    step = settings.time_step
    after = int(np.floor((segment.end - segment.start) / step + 1e-6))
    available = segment.start - max(float(lengths.time[0]), float(excitations.time[0]))
    before = min(_lead_in_steps(settings), max(0, int(np.floor(available / step + 1e-6))))
    time: FloatArray = segment.start + step * np.arange(-before, after + 1, dtype=np.float64)
    counts = (len(time), len(geometry.dofs), len(geometry.muscles))
    return Trial(
        name=name,
        time=time,
        muscles=geometry.muscles,
        dofs=geometry.dofs,
        excitation=np.clip(_at(excitations, time), 0.0, 1.0),
        mtu_length=_at(lengths, time),
        moment_arm=_at(arms, time).reshape(counts),
        joint_moment=_held_at(moments, time),
        first_counted=before,
        role="calibration" if roles is None else roles.get(name, "held_out"),
    )


def _flat_moment_arms(geometry: MuscleGeometry) -> TimeSeries:
    labels = tuple(f"{muscle} about {dof}" for dof in geometry.dofs for muscle in geometry.muscles)
    values = geometry.moment_arm.reshape(len(geometry.time), len(labels))
    return TimeSeries(time=geometry.time, labels=labels, values=values, source="moment arms")


def _at(series: TimeSeries, time: FloatArray) -> FloatArray:
    """Values at some times, through a spline of their neighbourhood only: EMG may be long and fast."""
    margin = SPLINE_MARGIN / series.rate
    return resample(series.between(float(time[0]) - margin, float(time[-1]) + margin), time).values


def _covers(series: TimeSeries, time: FloatArray) -> bool:
    """Tell whether a series has finite values all around some times."""
    margin = 0.5 / series.rate if series.rate else 0.0
    if time[0] < series.time[0] - margin or time[-1] > series.time[-1] + margin:
        return False
    near = series.between(float(time[0]) - SPLINE_MARGIN / series.rate, float(time[-1]) + SPLINE_MARGIN / series.rate)
    return bool(np.isfinite(near.values).all())


def _held_at(moments: TimeSeries, time: FloatArray) -> FloatArray:
    """Moments at some times; before they begin (in the lead-in only, where they do not count) the first one is held."""
    covered = time >= moments.time[0] - 0.5 / moments.rate
    values = _at(moments, time[covered])
    return np.concatenate([np.repeat(values[:1], np.count_nonzero(~covered), axis=0), values])


def _require_cover(name: str, segment: Segment, series: TimeSeries, what: str) -> None:
    start, end = float(series.time[0]), float(series.time[-1])
    margin = 0.5 / series.rate + 1e-9 if series.rate else 0.0
    if start - margin <= segment.start and segment.end <= end + margin:
        return
    apart = segment.end < start or segment.start > end
    hint = (
        "they do not overlap, so their clocks differ: correct the times, for EMG by time_offset"
        if apart
        else "record longer, leave the trial out, or correct the clock"
    )
    raise SignalError(
        f"Trial {name!r} lasts from {segment.start:.3f} to {segment.end:.3f} s, but {what} ({series.source}) covers {start:.3f} to "
        f"{end:.3f} s only; {hint}."
    )


def _require_plausible(recording: str, geometry: MuscleGeometry, moments: TimeSeries, excitations: TimeSeries) -> None:
    """Refuse what can only be a mistaken unit."""
    low, high = PLAUSIBLE_MTU_LENGTH
    arms = np.abs(geometry.moment_arm).max(axis=(0, 1)) if geometry.moment_arm.size else np.zeros(len(geometry.muscles))
    for muscle, shortest, longest, arm in zip(
        geometry.muscles, geometry.mtu_length.min(axis=0), geometry.mtu_length.max(axis=0), arms, strict=True
    ):
        if shortest < low or longest > high:
            raise SignalError(
                f"Recording {recording!r}: the length of MTU {muscle!r} goes from {shortest:.4g} to {longest:.4g} m, expected {low:g} to "
                f"{high:g} m; is it in mm, or the motion in degrees?"
            )
        if arm > LARGEST_MOMENT_ARM:
            raise SignalError(
                f"Recording {recording!r}: a moment arm of {muscle!r} is {arm:.4g} m, expected at most {LARGEST_MOMENT_ARM:g} m; "
                "is it in mm?"
            )
    for dof, largest in zip(moments.labels, np.abs(moments.values).max(axis=0), strict=True):
        if largest > LARGEST_MOMENT:
            raise SignalError(
                f"Recording {recording!r}: the joint moment about {dof!r} reaches {largest:.4g} N*m, expected at most {LARGEST_MOMENT:g}; "
                "is it in N*mm, or a force plate on the wrong foot?"
            )
    for muscle, lowest, highest in zip(excitations.labels, excitations.values.min(axis=0), excitations.values.max(axis=0), strict=True):
        if lowest < -(LARGEST_EXCITATION - 1) or highest > LARGEST_EXCITATION:
            raise SignalError(
                f"Recording {recording!r}: the excitation of {muscle!r} goes from {lowest:.4g} to {highest:.4g}, expected 0 to 1; "
                "normalize the envelopes first."
            )
