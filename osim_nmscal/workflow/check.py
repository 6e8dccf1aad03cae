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
from osim_nmscal.formats.emg_table import read_emg
from osim_nmscal.formats.once import reading_once
from osim_nmscal.formats.storage import in_radians, read_storage
from osim_nmscal.opensim_tools.muscle_analysis import read_muscle_analysis
from osim_nmscal.osim_model.reader import read_body_mass, read_coordinates, read_muscles
from osim_nmscal.signals import require_gapless
from osim_nmscal.trials.roles import assign_roles, require_apart, trial_names
from osim_nmscal.trials.segmentation import Segment, segment_recording, segments_within
from osim_nmscal.workflow.contacts import contacts_of, usual_stances
from osim_nmscal.workflow.judgement import foreseen
from osim_nmscal.workflow.ownership import ownership_problems
from osim_nmscal.workflow.recording_files import moments_by_coordinate, read_events, read_forces, read_markers
from osim_nmscal.workflow.runner import refuse_stops, warnings_collected
from osim_nmscal.workflow.stages import TABLE, emg, inverse_dynamics, inverse_kinematics
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


def check_workflow(config: WorkflowConfig, out: Path | str | None = None) -> CheckReport:
    """Validate everything a workflow names against the real files, and run nothing.

    Args:
        config: from `load_config`.
        out: results folder; default `config.output.folder`.

    Returns:
        Errors (none if a run can start), findings, and a summary of what a run would do.

    Example:
        >>> report = check_workflow(load_config("workflows/treadmill/config.toml"))
        >>> [type(error).__name__ for error in report.errors][:1]  # the recordings are not here
        ['ConfigError']
    """
    with reading_once(), warnings_collected() as said:
        report = _checked(config, Path(out or config.output.folder))
    return replace(report, findings=tuple(dict.fromkeys((*report.findings, *said))))


def _checked(config: WorkflowConfig, root: Path) -> CheckReport:
    check = _Check(config=config)
    check.add(ConfigError(sentence) for sentence in missing_files(config))
    if check.errors:  # without files there is nothing to look into
        return CheckReport(errors=tuple(check.errors), findings=(), summary=())
    check.attempt(lambda: check.add(ownership_problems(config, root)))
    table = check.attempt(lambda: read_muscles(config.model.file, config.model.substitute_muscle_class))
    if table is not None:
        _describe_model(check, table)
    mapping = check.attempt(lambda: _mapping(config, table)) if table is not None else None
    if mapping is not None and table is not None:
        _check_muscles(check, mapping, table)
    segments = {name: one for recording in config.recordings for name, one in _check_recording(check, recording, mapping).items()}
    if segments:
        _check_roles(check, segments)
    for stage in TABLE:
        check.attempt(lambda stage=stage: check.add(stage.problems(config, sound=not check.errors)))  # type: ignore[misc]
    check.judged[:] = with_allowed(check.judged, config.checks.allow)
    if not check.errors:
        check.attempt(lambda: check.judged.extend(with_allowed(foreseen(config), config.checks.allow)))
        check.attempt(lambda: refuse_stops(check.judged))
    check.row("Calibration", f"{config.calibration.method} by {config.calibration.optimizer}")
    check.row("Results", str(root))
    return CheckReport(errors=tuple(check.errors), findings=tuple(check.findings), summary=tuple(check.rows), judged=tuple(check.judged))


def require_sound(config: WorkflowConfig, out: Path | str | None = None) -> CheckReport:
    """Refuse a workflow that `check_workflow` finds fault with; return what it says of one without.

    Raises:
        NmscalError: the one error, or a ConfigError with a sentence for each.
    """
    report = check_workflow(config, out)
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
        return emg.mapping_of([recording.emg for recording in config.recordings], config.emg.mapping, table.names)
    except NmscalError as error:
        raise type(error)(f"{config.source}: [emg.mapping]: {error}") from error


def _check_muscles(check: _Check, mapping: EmgMapping, table: MuscleTable) -> None:
    config = check.config
    check.row("EMG", f"{len(mapping.channels)} channels ({listed(mapping.channels, 12)}) drive {len(mapping.muscles)} muscles")
    for name in config.muscle_analysis.muscles:
        if name not in table.names:
            check.add(
                [
                    UnknownNameError(
                        f"{config.source}: key 'muscle_analysis.muscles' names {name!r}, which is no muscle of "
                        f"{config.model.file}.{did_you_mean(name, table.names)}"
                    )
                ]
            )
    for group, members in config.calibration.groups.items():
        for name in (name for name in members if name not in mapping.muscles):
            why = "has no EMG" if name in table.names else f"is no muscle of {config.model.file}"
            hint = did_you_mean(name, mapping.muscles) if name not in table.names else " Map it under [emg.mapping], or take it out."
            check.add([UnknownNameError(f"{config.source}: key 'calibration.groups.{group}' names {name!r}, which {why}.{hint}")])


@dataclass(frozen=True, kw_only=True)
class _Span:
    """From when to when a signal of a recording lasts, s."""

    what: str
    start: float
    end: float


def _check_recording(check: _Check, recording: RecordingSettings, mapping: EmgMapping | None) -> dict[str, Segment]:
    """Check one recording and return its trials by name, as far as they can be told before inverse kinematics."""
    spans = [span for span in (_check_motion(check, recording), _check_moments(check, recording)) if span is not None]
    geometry = _check_geometry(check, recording, mapping)
    emg = check.attempt(lambda: _envelope(check.config, recording, mapping)) if mapping is not None else None
    spans += [span for span in (geometry, _span("EMG", emg)) if span is not None]
    if not spans:
        return {}
    start, end = max(span.start for span in spans), min(span.end for span in spans)
    if start >= end:
        table = "; ".join(f"{span.what} {span.start:g} to {span.end:g} s" for span in spans)
        check.add([SignalError(f"Recording {recording.name!r}: its signals share no time ({table}); bring them to one clock.")])
        return {}
    parts = ", ".join(f"{span.what} {span.start:g}-{span.end:g} s" for span in spans)
    found = check.attempt(lambda: _segments(check, recording, start, end)) or {}
    check.row(f"Recording {recording.name}", f"{parts}; {f'{len(found)} trials' if found else 'trials are found after inverse kinematics'}")
    return found


def _span(what: str, series: TimeSeries | MarkerTrajectories | None) -> _Span | None:
    return None if series is None else _Span(what=what, start=float(series.time[0]), end=float(series.time[-1]))


def _check_motion(check: _Check, recording: RecordingSettings) -> _Span | None:
    if recording.markers is not None:
        path = recording.markers
        markers = check.attempt(lambda: read_markers(path, recording.c3d_axes))
        if markers is not None:
            found = markers
            check.attempt(lambda: check.add(inverse_kinematics.recording_problems(check.config, found)))
        return _windowed(_span("markers", markers), recording)
    given = recording.joint_angles
    angles = check.attempt(lambda: _angles(check.config, given)) if given is not None else None
    return _windowed(_span("joint angles", angles), recording)


def _windowed(span: _Span | None, recording: RecordingSettings) -> _Span | None:
    if span is None:
        return None
    start = span.start if recording.start is None else max(span.start, recording.start)
    return _Span(what=span.what, start=start, end=span.end if recording.end is None else min(span.end, recording.end))


def _angles(config: WorkflowConfig, path: Path) -> TimeSeries:
    coordinates = read_coordinates(config.model.file)
    angles = in_radians(read_storage(path), [c.name for c in coordinates if c.rotational and not c.coupled])
    known = {coordinate.name for coordinate in coordinates}
    for dof in config.muscle_analysis.dofs:
        if dof in known and not any(label == dof or label.endswith(f"/{dof}/value") for label in angles.labels):
            raise UnknownNameError(f"{path} has no joint angle {dof!r}.{did_you_mean(dof, angles.labels)} Change the file, or the dofs.")
    require_gapless(angles.select([label for label in angles.labels if label in known or label.endswith("/value")]))
    return angles


def _check_moments(check: _Check, recording: RecordingSettings) -> _Span | None:
    config, given = check.config, recording.joint_moments
    if given is not None:
        return _span("joint moments", check.attempt(lambda: moments_by_coordinate(read_storage(given), config.muscle_analysis.dofs)))
    check.attempt(lambda: check.add(inverse_dynamics.recording_problems(config, recording)))
    return _span("forces", check.attempt(lambda: read_forces(recording, config)))


def _check_geometry(check: _Check, recording: RecordingSettings, mapping: EmgMapping | None) -> _Span | None:
    folder = recording.muscle_analysis
    if folder is None or mapping is None:
        return None
    geometry = check.attempt(lambda: read_muscle_analysis(folder, check.config.muscle_analysis.dofs))
    return None if geometry is None else _Span(what="MTU lengths", start=float(geometry.time[0]), end=float(geometry.time[-1]))


def _envelope(config: WorkflowConfig, recording: RecordingSettings, mapping: EmgMapping) -> TimeSeries:
    recorded = read_emg(recording.emg, mapping.channels)
    return linear_envelope(recorded, config.emg.envelope, start=recording.start, end=recording.end)


def _segments(check: _Check, recording: RecordingSettings, start: float, end: float) -> dict[str, Segment]:
    config = check.config
    settings = recording.segmentation or config.trials.segmentation
    if settings.method == "cycle" and recording.joint_angles is None:
        return {}
    forces = read_forces(recording, config) if settings.method in ("stance", "stride") else None
    found = segment_recording(
        settings,
        forces=forces.between(start, end) if forces is not None else None,
        coordinates=read_storage(recording.joint_angles) if settings.method == "cycle" and recording.joint_angles is not None else None,
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
    check.attempt(lambda: require_apart(segments, roles, config.trials.time_step))
    calibrating = [name for name, role in roles.items() if role == "calibration"]
    check.row("Trials", f"{len(calibrating)} calibrate ({listed(calibrating)}), {len(roles) - len(calibrating)} are held out")
    check.judged.extend(of_calibration.nothing_held_out(tuple(roles.values())))
