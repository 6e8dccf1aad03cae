"""Validates a workflow against its real files before anything runs: names, units, times, trials; and says what a run would do.

Every problem is collected, so that a user mends them all at once. No OpenSim tool runs; EMG is filtered and trials are found,
as that takes a second and is where most mistakes show.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from osim_nmscal.config import RecordingSettings, WorkflowConfig
from osim_nmscal.data.emg import EmgMapping
from osim_nmscal.data.findings import Finding, with_allowed
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.noun import Noun
from osim_nmscal.data.time_series import MarkerTrajectories, TimeSeries
from osim_nmscal.doctor import calibration as of_calibration
from osim_nmscal.emg.envelope import linear_envelope
from osim_nmscal.errors import ConfigError, NmscalError, SignalError, UnknownNameError, did_you_mean, listed
from osim_nmscal.formats.once import reading_once
from osim_nmscal.formats.storage import in_radians
from osim_nmscal.osim_model.reader import read_body_mass, read_coordinates, read_muscles
from osim_nmscal.signals import require_gapless
from osim_nmscal.trials.dynamometer_settings import DynamometerSettings
from osim_nmscal.trials.roles import assign_roles, require_apart, trial_names
from osim_nmscal.trials.segmentation import Segment, segment_recording, segments_within
from osim_nmscal.workflow.captures import same_captures
from osim_nmscal.workflow.contacts import contacts_of, usual_stances
from osim_nmscal.workflow.dynamometer_files import dynamometer_runs
from osim_nmscal.workflow.judgement import foreseen
from osim_nmscal.workflow.muscle_classes import require_several
from osim_nmscal.workflow.ownership import ownership_problems
from osim_nmscal.workflow.recording_files import (
    emg_file,
    read_events,
    read_forces,
    recorded_angles,
    recorded_emg,
    recorded_geometry,
    recorded_markers,
    recorded_moments,
)
from osim_nmscal.workflow.runner import refuse_stops, warnings_collected
from osim_nmscal.workflow.stages import STAGES, TABLE, emg, inverse_dynamics, inverse_kinematics
from osim_nmscal.workflow.task import refuse
from osim_nmscal.workflow.user_files import missing_files

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class SummaryRow:
    """One line of what a run would do."""

    item: str
    text: str


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class CheckReport(Noun):
    """What is wrong, what a user should know, and what a run would do.

    Example:
        >>> report = CheckReport(errors=(), findings=("Channel 'TA' drives no muscle.",), summary=())
        >>> "ready" if not report.errors else "not yet"
        'ready'
    """

    errors: tuple[NmscalError, ...]
    findings: tuple[str, ...]
    summary: tuple[SummaryRow, ...]
    judged: tuple[Finding, ...] = ()  # what the doctor says of the files; its stops are among the errors


@dataclass
class _Check:
    """Collects errors; what failed once is not asked again."""

    config: WorkflowConfig
    errors: list[NmscalError] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    rows: list[SummaryRow] = field(default_factory=list)
    judged: list[Finding] = field(default_factory=list)

    def attempt(self, work: Callable[[], T]) -> T | None:
        try:
            return work()
        except NmscalError as error:
            self.add([error])
            return None

    def add(self, errors: Iterable[NmscalError]) -> None:
        """Take errors in; each is kept once, also those that come before one that ends the search."""
        for error in errors:
            if str(error) not in {str(known) for known in self.errors}:
                self.errors.append(error)

    def row(self, item: str, text: str) -> None:
        self.rows.append(SummaryRow(item=item, text=text))


def check_workflow(config: WorkflowConfig, out: Path | str | None = None, *, only_stage: str | None = None) -> CheckReport:
    """Validate everything a workflow names against the real files, and run nothing.

    Args:
        config: from `load_config`.
        out: results folder; default `config.output.folder`.
        only_stage: the one stage that will run; what only later ones need is not asked for, e.g. EMG. Default: all will run.

    Returns:
        Errors (none if a run can start), findings, and a summary of what a run would do.

    Example:
        >>> report = check_workflow(load_config("workflows/treadmill/config.toml"))
        >>> [type(error).__name__ for error in report.errors][:1]  # the recordings are not here
        ['ConfigError']
    """
    with reading_once(), warnings_collected() as said:
        report = _checked(config, Path(out or config.output.folder), only_stage or TABLE[-1].name)
    return replace(report, findings=tuple(dict.fromkeys((*report.findings, *said))))


def _checked(config: WorkflowConfig, root: Path, last: str) -> CheckReport:
    """Check what the stages up to the last one need."""
    check = _Check(config=config)
    excites = STAGES.index(last) >= STAGES.index("emg")
    check.add(ConfigError(sentence) for sentence in missing_files(config))
    if check.errors:  # without files there is nothing to look into
        return CheckReport(errors=tuple(check.errors), findings=(), summary=())
    check.attempt(lambda: check.add(ownership_problems(config, root)))
    table = check.attempt(lambda: read_muscles(config.model.file, config.model.substitute_muscle_class))
    if table is not None:
        _describe_model(check, table)
    mapping = check.attempt(lambda: _mapping(config, table)) if table is not None and excites else None
    if mapping is not None and table is not None:
        _check_muscles(check, mapping, table)
    segments: dict[str, Segment] = {}
    for recording in config.recordings:
        spans = _check_recording(check, recording, mapping)
        if spans and excites:
            segments |= _check_trials(check, recording, spans)
    if segments:
        _check_roles(check, segments)
    for measured in config.dynamometer:
        check.row(f"Recording {measured.name}", f"{measured.kind}, of a dynamometer: {_runs(check, measured)}")
    for stage in TABLE[: STAGES.index(last) + 1]:
        check.attempt(lambda stage=stage: check.add(stage.problems(config, sound=not check.errors)))  # type: ignore[misc]
    check.judged[:] = with_allowed(check.judged, config.checks.allow)
    if not check.errors:
        check.attempt(lambda: check.judged.extend(with_allowed(foreseen(config, excites=excites), config.checks.allow)))
        check.attempt(lambda: refuse_stops(check.judged))
    check.row("Calibration", f"{config.calibration.method} by {config.calibration.optimizer}")
    check.row("Results", str(root))
    return CheckReport(errors=tuple(check.errors), findings=tuple(check.findings), summary=tuple(check.rows), judged=tuple(check.judged))


def require_sound(config: WorkflowConfig, out: Path | str | None = None, *, only_stage: str | None = None) -> CheckReport:
    """Refuse a workflow that `check_workflow` finds fault with; return what it says of one without.

    Raises:
        NmscalError: the one error, or a ConfigError with a sentence for each.
    """
    report = check_workflow(config, out, only_stage=only_stage)
    refuse(report.errors)
    return report


def _describe_model(check: _Check, table: MuscleTable) -> None:
    config = check.config
    classes = sorted({muscle.muscle_class for muscle in table.muscles})
    mass = check.attempt(lambda: read_body_mass(config.model.file))
    how = f"scaled by {config.scaling.setup.name}" if config.scaling.setup else "mass adjusted" if config.scaling.mass_only else "as it is"
    check.row("Subject", f"{config.subject.name}, {config.subject.mass:g} kg")
    if mass is not None:
        check.row("Model", f"{config.model.file.name}: {len(table)} muscles ({', '.join(classes)}), {mass:.1f} kg; {how}")
    check.row("Joints", ", ".join(config.muscle_analysis.dofs))


def _mapping(config: WorkflowConfig, table: MuscleTable) -> EmgMapping:
    try:
        return emg.mapping_of([emg_file(recording) for recording in config.recordings], config.emg.mapping, table.names)
    except ConfigError:
        raise
    except NmscalError as error:
        raise type(error)(f"{config.where('emg.mapping')}: [emg.mapping]: {error}") from error


def _check_muscles(check: _Check, mapping: EmgMapping, table: MuscleTable) -> None:
    config = check.config
    check.row("EMG", f"{len(mapping.channels)} channels ({listed(mapping.channels, 12)}) drive {len(mapping.muscles)} muscles")
    for key, names in (
        ("muscle_analysis.muscles", config.muscle_analysis.muscles),
        ("calibration.synergy.muscles", config.calibration.synergy.muscles),
    ):
        for name in names:
            if name not in table.names:
                check.add(
                    [
                        UnknownNameError(
                            f"{config.where(key)}: key {key!r} names {name!r}, which is no muscle of "
                            f"{config.model.file}.{did_you_mean(name, table.names)}"
                        )
                    ]
                )
    for group, members in config.calibration.groups.items():
        for name in (name for name in members if name not in mapping.muscles):
            why = "has no EMG" if name in table.names else f"is no muscle of {config.model.file}"
            hint = did_you_mean(name, mapping.muscles) if name not in table.names else " Map it under [emg.mapping], or take it out."
            file = config.where("calibration.groups")
            check.add([UnknownNameError(f"{file}: key 'calibration.groups.{group}' names {name!r}, which {why}.{hint}")])


def _runs(check: _Check, recording: DynamometerSettings) -> str:
    """Say what trials a recording of a dynamometer gives."""
    try:
        runs = dynamometer_runs(check.config, recording)
    except NmscalError as error:
        check.add([error])
        return "not readable"
    sweeps = sum("/sweep" in run.name for run in runs)
    return f"{sweeps} sweeps, {len(runs) - sweeps} poses held; moments about {listed(runs[0].measured)}"


@dataclass(frozen=True, kw_only=True)
class _Span:
    """From when to when a signal of a recording lasts, s."""

    what: str
    start: float
    end: float


def _check_recording(check: _Check, recording: RecordingSettings, mapping: EmgMapping | None) -> tuple[_Span, ...]:
    """Check the files of one recording and return from when to when each lasts; nothing if they share no time."""
    spans = [span for span in (_check_motion(check, recording), _check_moments(check, recording)) if span is not None]
    geometry = _check_geometry(check, recording, mapping)
    emg = check.attempt(lambda: _envelope(check.config, recording, mapping)) if mapping is not None else None
    spans += [span for span in (geometry, _span("EMG", emg)) if span is not None]
    if spans and max(span.start for span in spans) >= min(span.end for span in spans):
        table = "; ".join(f"{span.what} {span.start:g} to {span.end:g} s" for span in spans)
        text = f"Recording {recording.name!r}: its signals share no time ({table}); bring them to one clock (time_offset of the recording)."
        check.add([SignalError(text)])
        return ()
    return tuple(spans)


def _check_trials(check: _Check, recording: RecordingSettings, spans: tuple[_Span, ...]) -> dict[str, Segment]:
    """Return the trials of a recording by name, as far as they can be told before inverse kinematics."""
    start, end = max(span.start for span in spans), min(span.end for span in spans)
    parts = ", ".join(f"{span.what} {span.start:g}-{span.end:g} s" for span in spans)
    found = check.attempt(lambda: _segments(check, recording, start, end)) or {}
    check.row(f"Recording {recording.name}", f"{parts}; {f'{len(found)} trials' if found else 'trials are found after inverse kinematics'}")
    return found


def _span(what: str, series: TimeSeries | MarkerTrajectories | None) -> _Span | None:
    return None if series is None else _Span(what=what, start=float(series.time[0]), end=float(series.time[-1]))


def _check_motion(check: _Check, recording: RecordingSettings) -> _Span | None:
    if recording.markers is not None:
        markers = check.attempt(lambda: recorded_markers(recording))
        if markers is not None:
            found = markers
            check.attempt(lambda: check.add(inverse_kinematics.recording_problems(check.config, found)))
            _require_rate(check, recording, found)
        return _windowed(_span("markers", markers), recording)
    given = check.attempt(lambda: recorded_angles(recording))
    angles = check.attempt(lambda: _angles(check.config, recording, given)) if given is not None else None
    if angles is not None:
        _require_rate(check, recording, angles)
    return _windowed(_span("joint angles", angles), recording)


def _require_rate(check: _Check, recording: RecordingSettings, motion: TimeSeries | MarkerTrajectories) -> None:
    """Refuse low-passes of a motion, or of its forces, at or above half its sampling rate."""
    config, rate = check.config, (len(motion.time) - 1) / max(float(motion.time[-1] - motion.time[0]), 1e-12)
    dynamics, geometry = config.inverse_dynamics.lowpass_cutoff, config.muscle_analysis.lowpass_cutoff
    asked = {"inverse_dynamics": dynamics if recording.joint_moments is None else 0.0}
    asked["muscle_analysis"] = geometry if recording.muscle_analysis is None else 0.0
    for section, cutoff in asked.items():
        if cutoff > 0 and cutoff >= rate / 2:
            text = f"{config.source}: key '{section}.lowpass_cutoff' is {cutoff:g} Hz, but {motion.source} has {rate:.4g} Hz, of which a "
            check.add([SignalError(f"{text}low-pass can keep less than half, {rate / 2:.4g} Hz; lower it.")])


def _windowed(span: _Span | None, recording: RecordingSettings) -> _Span | None:
    if span is None:
        return None
    start = span.start if recording.start is None else max(span.start, recording.start)
    return _Span(what=span.what, start=start, end=span.end if recording.end is None else min(span.end, recording.end))


def _angles(config: WorkflowConfig, recording: RecordingSettings, given: TimeSeries) -> TimeSeries:
    coordinates = read_coordinates(config.model.file)
    angles = in_radians(given, [c.name for c in coordinates if c.rotational and not c.coupled])
    known = {coordinate.name for coordinate in coordinates}
    for dof in config.muscle_analysis.dofs:
        if dof in known and not any(label == dof or label.endswith(f"/{dof}/value") for label in angles.labels):
            raise UnknownNameError(
                f"{given.source} has no joint angle {dof!r}.{did_you_mean(dof, angles.labels)} Change the file, or the dofs."
            )
    needed = [coordinate.name for coordinate in coordinates if not coordinate.coupled and not coordinate.locked]
    absent = [name for name in needed if not any(label == name or label.endswith(f"/{name}/value") for label in angles.labels)]
    if absent and "refuse" in _what_of_missing(config, recording):
        raise UnknownNameError(
            f"{given.source} lacks the coordinate {listed(absent)} of {config.model.file}, which OpenSim would silently keep at its "
            "default; add the column, or set missing_coordinates = 'default' under [inverse_dynamics] and [muscle_analysis]."
        )
    require_gapless(angles.select([label for label in angles.labels if label in known or label.endswith("/value")]))
    return angles


def _what_of_missing(config: WorkflowConfig, recording: RecordingSettings) -> list[str]:
    """Return what the stages that this recording's angles go through do with coordinates that are missing."""
    dynamics, geometry = config.inverse_dynamics, config.muscle_analysis
    needed = ((dynamics, recording.joint_moments), (geometry, recording.muscle_analysis))
    return [settings.missing_coordinates for settings, given in needed if given is None]


def _check_moments(check: _Check, recording: RecordingSettings) -> _Span | None:
    config = check.config
    if recording.joint_moments is not None:
        return _span("joint moments", check.attempt(lambda: recorded_moments(recording, config.muscle_analysis.dofs)))
    check.attempt(lambda: check.add(inverse_dynamics.recording_problems(config, recording)))
    return _span("forces", check.attempt(lambda: read_forces(recording, config)))


def _check_geometry(check: _Check, recording: RecordingSettings, mapping: EmgMapping | None) -> _Span | None:
    folder = recording.muscle_analysis
    if folder is None or mapping is None:
        return None
    geometry = check.attempt(lambda: recorded_geometry(recording, folder, check.config.muscle_analysis.dofs))
    return None if geometry is None else _Span(what="MTU lengths", start=float(geometry.time[0]), end=float(geometry.time[-1]))


def _envelope(config: WorkflowConfig, recording: RecordingSettings, mapping: EmgMapping) -> TimeSeries:
    return linear_envelope(recorded_emg(recording, mapping.channels), config.emg.envelope, start=recording.start, end=recording.end)


def _segments(check: _Check, recording: RecordingSettings, start: float, end: float) -> dict[str, Segment]:
    config = check.config
    settings = recording.segmentation or config.trials.segmentation
    if settings.method == "cycle" and recording.joint_angles is None:
        return {}
    forces = read_forces(recording, config) if settings.method in ("stance", "stride") else None
    found = segment_recording(
        settings,
        forces=forces.between(start, end) if forces is not None else None,
        coordinates=recorded_angles(recording) if settings.method == "cycle" else None,
        events=read_events(recording) if settings.method == "events" else (),
    )
    inside = segments_within(found.segments, start, end)
    check.findings += [*found.findings, *inside.findings]
    if any(inverse_dynamics.recording_problems(config, recording)):  # said already: contacts need the columns that the loads name
        return dict(zip(trial_names(recording.name, inside.segments), inside.segments, strict=True))
    kept, odd = usual_stances(config, recording, inside.segments, forces)
    check.judged.extend(odd)
    if settings.method == "stance" and forces is not None:
        check.row(f"Stances {recording.name}", listed([str(one) for one in contacts_of(config, recording, inside.segments, forces)], 8))
    return dict(zip(trial_names(recording.name, kept), kept, strict=True))


def _check_roles(check: _Check, segments: dict[str, Segment]) -> None:
    config = check.config
    complete = all((r.segmentation or config.trials.segmentation).method != "cycle" or r.joint_angles for r in config.recordings)
    if not complete:
        return
    given = {recording.name: recording.role for recording in config.recordings}
    roles = check.attempt(lambda: assign_roles(tuple(segments), config.trials.roles, given))
    if roles is None:
        return
    check.attempt(lambda: require_apart(segments, roles, config.trials.time_step, same_captures(config)))
    calibrating = [name for name, role in roles.items() if role == "calibration"]
    if config.output.muscle_class == "auto":
        check.attempt(lambda: require_several(len(calibrating)))
    check.row("Trials", f"{len(calibrating)} calibrate ({listed(calibrating)}), {len(roles) - len(calibrating)} are held out")
    check.judged.extend(of_calibration.nothing_held_out(tuple(roles.values())))
