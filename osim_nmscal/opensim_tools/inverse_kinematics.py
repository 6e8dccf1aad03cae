"""Joint angles from marker trajectories: what OpenSim's inverse kinematics tool minimises, with what it leaves unsaid made an error.

Source: OpenSim 4.6, InverseKinematicsTool, on a redirected copy of the user's setup file.
Departure: by default all frames are solved at once and to the minimum (`inverse_kinematics_batched`), some of them by OpenSim too; OpenSim
solves the whole recording where a model is not covered or the two differ. Its own solution at the usual accuracy of 1e-5 is up to 1.7
degrees from that minimum at hip, knee and ankle, and depends on the frames before.
Departures, each against a trap of OpenSim: start and end are always set (the tool's own default end is 2.0 s); a marker
of the task set that model or recording lacks is an error; markers at (0, 0, 0) count as not seen; short gaps are interpolated
and said, long ones refused.
"""

import logging
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from lxml import etree
from numpy.typing import NDArray

from osim_nmscal.data.noun import Noun
from osim_nmscal.data.time_series import MarkerTrajectories, TimeSeries
from osim_nmscal.errors import OpenSimToolError, SignalError, UncoveredModelError, UnknownNameError, did_you_mean, listed
from osim_nmscal.formats.storage import in_radians, read_storage, write_storage
from osim_nmscal.formats.text_files import write_atomically
from osim_nmscal.formats.trc import read_trc, write_trc
from osim_nmscal.opensim_objects import ModelSource, takes_model
from osim_nmscal.opensim_tools.given import MarkerSource, markers_of
from osim_nmscal.opensim_tools.model_access import Coordinates, coordinates_of, open_model
from osim_nmscal.opensim_tools.motion import with_dependents
from osim_nmscal.opensim_tools.run import in_worker, temporary_folder
from osim_nmscal.opensim_tools.setup_file import (
    SetupFile,
    coordinate_tasks,
    file_name_of,
    file_of,
    included,
    marker_tasks,
    numbers_of,
    put,
    read_setup,
    write_setup,
)
from osim_nmscal.settings import Settings, setting
from osim_nmscal.signals import fill_marker_gaps

FloatArray = NDArray[np.float64]

# Accuracies coarser than this move coordinates by degrees. Source: docs/opensim.md (1e-4 instead of 1e-5: up to 6 degrees).
TRUSTED_ACCURACY = 1e-5
# The markers of a recording span about what those of the model span. Source: choice; cm or mm for m are 100 and 1000 times.
PLAUSIBLE_SPAN_RATIO = 5.0
# A mean marker error beyond this is no fit, m. Source: choice; OpenSim's advice is below 0.02.
BAD_MARKER_ERROR = 0.05

_log = logging.getLogger(__name__)


class InverseKinematicsSettings(Settings):
    """How joint angles are found from markers.

    Example:
        >>> InverseKinematicsSettings(setup="ik_setup.xml", solver="opensim").accuracy
        1e-05
    """

    setup: Path = setting(
        ..., unit="-", description="OpenSim setup XML with an InverseKinematicsTool or an IKTaskSet, used as it is.", source="user"
    )
    solver: Literal["auto", "batched", "opensim"] = setting(
        "auto",
        unit="-",
        description="'batched' solves all frames at once and to the minimum, 'opensim' runs OpenSim's tool, 'auto' takes the first "
        "where it covers the model and OpenSim confirms some of its frames.",
        source="measured: the same minimum in a hundredth of the time",
    )
    accuracy: float = setting(
        1e-5,
        unit="-",
        description="Accuracy of OpenSim's solution with an IKTaskSet; an InverseKinematicsTool setup brings its own.",
        source="OpenSim 4.6 default",
        gt=0,
        lt=1,
    )
    longest_gap: float = setting(
        0.1,
        unit="s",
        description="Longest gap of a marker that is interpolated; in longer ones it has no weight.",
        source="choice: ten frames at 100 Hz, over which a marker on a limb moves smoothly",
        ge=0,
    )
    missing_markers: Literal["refuse", "ignore"] = setting(
        "refuse",
        unit="-",
        description="What to do with a marker of the task set that the recording or the model lacks.",
        source="choice: a task that is missing unseen changes the posture",
    )


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class InverseKinematicsResult(Noun):
    """Joint angles of one recording and how well the markers fit."""

    coordinates: TimeSeries  # (time, coordinate), rad and m
    path: Path  # .mot in degrees
    marker_error_rms: FloatArray  # (time,), m
    marker_error_max: FloatArray  # (time,), m
    findings: tuple[str, ...] = ()  # full sentences: filled gaps, coarse accuracy, bad fit


@dataclass(frozen=True, kw_only=True)
class _Job:
    model: Path
    markers: Path | MarkerTrajectories
    out: Path
    settings: InverseKinematicsSettings
    start: float | None
    end: float | None


@dataclass(frozen=True, kw_only=True)
class _Solution:
    table: TimeSeries  # as in OpenSim's file: angles in degrees, dependent coordinates in radians
    marker_errors: TimeSeries  # columns as OpenSim's
    file: Path | None  # OpenSim's own, where it solved
    findings: tuple[str, ...]


@takes_model
def run_inverse_kinematics(
    model: ModelSource,
    markers: MarkerSource,
    out: Path | str,
    *,
    settings: InverseKinematicsSettings,
    start: float | None = None,
    end: float | None = None,
) -> InverseKinematicsResult:
    """Find the joint angles that bring the model's markers nearest to the recorded ones.

    Args:
        model: scaled .osim file or `opensim.Model`.
        markers: .trc file, trajectories in m, or an `opensim.TimeSeriesTableVec3`.
        out: .mot file to write; its log goes beside it (.log).
        settings: task set and how to treat gaps.
        start: first time, s; by default the setup's `time_range` if its `marker_file` is this recording, else the whole recording.
        end: last time, s; as start.

    Returns:
        Coordinates in rad and m, with the marker errors per frame.

    Raises:
        FileFormatError: a file is missing or malformed.
        UnknownNameError: a task names a marker or coordinate that model or recording lack.
        SignalError: a long gap, an implausible unit, a time range outside the recording.
        UncoveredModelError: `solver` is "batched", and the model holds what only OpenSim computes.
        OpenSimToolError: OpenSim failed; with its log.

    Example:
        It needs markers and a task set, so it does not run here:

        >>> settings = InverseKinematicsSettings(setup="ik_setup.xml")
        >>> angles = run_inverse_kinematics("scaled.osim", "walk.trc", "ik.mot", settings=settings)  # doctest: +SKIP
        >>> angles.marker_error_rms.max() < 0.02  # doctest: +SKIP
    """
    out, markers = Path(out).absolute(), markers_of(markers)
    job = _Job(
        model=Path(model).absolute(),
        markers=markers,
        out=out,
        settings=settings.model_copy(update={"setup": settings.setup.absolute()}),
        start=start,
        end=end,
    )
    recording = markers.source if isinstance(markers, MarkerTrajectories) else markers
    doing = f"inverse kinematics of {recording} on {job.model} with {settings.setup}"
    result = in_worker(_solve, job, log=out.with_suffix(".log"), doing=doing, model=job.model)
    for finding in result.findings:
        _log.warning("%s", finding)
    return result


def _solve(job: _Job) -> InverseKinematicsResult:
    setup = read_setup(job.settings.setup, "InverseKinematicsTool", "IKTaskSet")
    model = open_model(job.model)
    model.initSystem()
    coordinates = coordinates_of(model)
    recorded = job.markers if isinstance(job.markers, MarkerTrajectories) else read_trc(job.markers)
    tool = _as_tool(setup, job.settings.accuracy)
    needed = _needed_markers(tool, model, recorded, coordinates, job)
    inside = _cut(recorded, *_time_range(tool, recorded, job))
    _require_plausible_unit(inside, needed, model)
    filled = fill_marker_gaps(inside, job.settings.longest_gap, needed, beyond="leave")
    kept = [filled.markers.markers.index(name) for name in needed]
    seen = replace(filled.markers, markers=tuple(needed), positions=filled.markers.positions[:, kept])
    solution = _solution(_prepared(tool, model, seen, job), model, coordinates, seen, job)
    table, errors = solution.table, solution.marker_errors
    if solution.file is None:
        write_storage(job.out, table, header_name="Coordinates")
    else:
        tools_own = solution.file
        write_atomically(job.out, lambda temporary: shutil.copyfile(tools_own, temporary))
    moved = with_dependents(in_radians(table, coordinates.rotational), coordinates)
    result = InverseKinematicsResult(
        coordinates=replace(moved, source=str(job.out)),
        path=job.out,
        marker_error_rms=errors.column("marker_error_RMS"),
        marker_error_max=errors.column("marker_error_max"),
        findings=filled.findings + solution.findings,
    )
    return replace(result, findings=result.findings + _quality(result, None if solution.file is None else tool))


def _as_tool(setup: SetupFile, accuracy: float) -> SetupFile:
    """Return the setup as an InverseKinematicsTool: a bare task set is put into one."""
    if setup.kind == "InverseKinematicsTool":
        return setup
    document = etree.Element("OpenSimDocument", Version=setup.tree.getroot().get("Version", "40600"))
    node = etree.SubElement(document, "InverseKinematicsTool", name="ik")
    node.append(setup.node)
    put(node, "accuracy", repr(accuracy))
    return SetupFile(path=setup.path, tree=etree.ElementTree(document), node=node)


def _needed_markers(tool: SetupFile, model: Any, recorded: MarkerTrajectories, coordinates: Coordinates, job: _Job) -> list[str]:
    tasks = [included(node) for node in tool.node.iter("IKTaskSet")]
    wanted = [name for task_set in tasks for name in marker_tasks(task_set)]
    has = [model.getMarkerSet().get(i).getName() for i in range(model.getMarkerSet().getSize())]
    for name in [name for task_set in tasks for name in coordinate_tasks(task_set)]:
        if name not in coordinates.names:
            raise UnknownNameError(
                f"{tool.path} has a task for coordinate {name!r}, which {job.model} does not have.{did_you_mean(name, coordinates.names)}"
            )
    if job.settings.missing_markers == "refuse":
        for where, names in ((recorded.source, recorded.markers), (str(job.model), has)):
            for name in (name for name in wanted if name not in names):
                raise UnknownNameError(
                    f"{tool.path} has a task for marker {name!r}, which {where} does not have.{did_you_mean(name, names)} "
                    "Correct the name, take the task out, or set missing_markers = 'ignore'."
                )
    needed = [name for name in recorded.markers if name in wanted and name in has]  # in the file's order: sums are not associative
    if not needed:
        raise UnknownNameError(
            f"{tool.path} has no task for a marker that both {recorded.source} ({listed(recorded.markers)}) and {job.model} have."
        )
    return needed


def _time_range(tool: SetupFile, recorded: MarkerTrajectories, job: _Job) -> tuple[float, float]:
    first, last = float(recorded.time[0]), float(recorded.time[-1])
    start, end = first, last
    if file_name_of(tool, "marker_file") == Path(recorded.source).name:  # the range was meant for this recording
        wanted = numbers_of(tool, "time_range", (first, last))
        start, end = max(first, wanted[0]), min(last, wanted[-1])
    start = start if job.start is None else job.start
    end = end if job.end is None else job.end
    if not first - 1e-6 <= start < end <= last + 1e-6:
        raise SignalError(f"Inverse kinematics is to run from {start:g} to {end:g} s, but {recorded.source} has {first:g} to {last:g} s.")
    return start, end


def _cut(recorded: MarkerTrajectories, start: float, end: float) -> MarkerTrajectories:
    rows = (recorded.time >= start - 1e-6) & (recorded.time <= end + 1e-6)
    if not rows.any():
        raise SignalError(f"{recorded.source} has no frame between {start:g} and {end:g} s; change start and end.")
    return replace(recorded, time=recorded.time[rows], positions=recorded.positions[rows])


def _require_plausible_unit(recorded: MarkerTrajectories, needed: list[str], model: Any) -> None:
    if len(needed) < 2:
        return
    state = model.initSystem()
    model.realizePosition(state)
    located = [model.getMarkerSet().get(name).getLocationInGround(state) for name in needed]
    expected = np.array([[point.get(i) for i in range(3)] for point in located])
    positions = recorded.positions[:, [recorded.markers.index(name) for name in needed]]
    positions = positions[np.isfinite(positions).any(axis=(1, 2))]
    if len(positions) == 0:
        raise SignalError(
            f"{recorded.source}: none of the {len(needed)} markers that the model follows is seen from {recorded.time[0]:g} to "
            f"{recorded.time[-1]:g} s; check their names and the used time."
        )
    spans = np.nanmax(positions, axis=1) - np.nanmin(positions, axis=1)
    span = float(np.nanmedian(np.linalg.norm(spans, axis=1)))
    model_span = float(np.linalg.norm(np.ptp(expected, axis=0)))
    if not model_span / PLAUSIBLE_SPAN_RATIO < span < model_span * PLAUSIBLE_SPAN_RATIO:
        raise SignalError(
            f"{recorded.source}: its markers span {span:.4g} m, those of the model {model_span:.4g} m; correct the unit of the recording."
        )


def _prepared(setup: SetupFile, model: Any, seen: MarkerTrajectories, job: _Job) -> SetupFile:
    """Redirect the setup to this model, these markers and the worker's folder."""
    folder = temporary_folder()
    if coordinate_file := file_of(setup, "coordinate_file"):
        put(setup.node, "coordinate_file", str(coordinate_file))
    put(setup.node, "marker_file", str(write_trc(folder / "markers.trc", seen)))
    put(setup.node, "model_file", str(job.model))
    put(setup.node, "time_range", f"{float(seen.time[0])!r} {float(seen.time[-1])!r}")
    put(setup.node, "output_motion_file", str(folder / "ik.mot"))
    put(setup.node, "results_directory", str(folder))
    put(setup.node, "report_errors", "true")
    setup.node.set("name", "ik")
    write_setup(setup, folder / "ik_setup.xml")
    return setup


def _solution(setup: SetupFile, model: Any, coordinates: Coordinates, seen: MarkerTrajectories, job: _Job) -> _Solution:
    import opensim

    from osim_nmscal.opensim_tools.inverse_kinematics_batched import solve_batched  # this module's settings are read in every command

    tool = opensim.InverseKinematicsTool(str(temporary_folder() / "ik_setup.xml"))
    tool.setModel(model)
    if job.settings.solver == "opensim":
        return _by_opensim(tool, setup, seen, job, ())
    try:
        batched = solve_batched(tool, model, coordinates, seen, numbers_of(setup, "constraint_weight", (np.inf,))[0])
    except UncoveredModelError as error:
        if job.settings.solver == "batched":
            raise UncoveredModelError(f"{job.model} cannot be solved with solver = 'batched': {error} Set solver = 'auto'.") from None
        finding = f"{job.model.name}: {error} So OpenSim's own inverse kinematics solved {Path(seen.source).name}, which is slower."
        return _by_opensim(tool, setup, seen, job, (finding,))
    if batched.doubt and job.settings.solver == "auto":
        finding = f"{seen.source}: {batched.doubt} So OpenSim's own inverse kinematics solved the whole recording."
        return _by_opensim(tool, setup, seen, job, (finding,))
    findings = (f"{seen.source}: {batched.doubt} The batched solution was kept, as solver = 'batched' asks for.",) if batched.doubt else ()
    return _Solution(table=batched.table, marker_errors=batched.marker_errors, file=None, findings=findings)


def _by_opensim(tool: Any, setup: SetupFile, seen: MarkerTrajectories, job: _Job, findings: tuple[str, ...]) -> _Solution:
    file = temporary_folder() / "ik.mot"
    if not tool.run() or not file.is_file():
        raise OpenSimToolError(
            f"OpenSim's inverse kinematics of {seen.source} with {setup.path} wrote no motion; see {job.out.with_suffix('.log')}."
        )
    errors = read_storage(temporary_folder() / "ik_ik_marker_errors.sto")
    return _Solution(table=read_storage(file), marker_errors=errors, file=file, findings=findings)


def _quality(result: InverseKinematicsResult, tool: SetupFile | None) -> tuple[str, ...]:
    """Return what to say of a result; `tool` is None where OpenSim's accuracy played no part."""
    findings = []
    accuracy = TRUSTED_ACCURACY if tool is None else numbers_of(tool, "accuracy", (TRUSTED_ACCURACY,))[0]
    if tool is not None and accuracy > TRUSTED_ACCURACY:
        findings.append(
            f"{tool.path} asks for an accuracy of {accuracy:g}; angles can be off by degrees: "
            f"set <accuracy> to {TRUSTED_ACCURACY:g} or less."
        )
    mean = float(result.marker_error_rms.mean())
    if mean > BAD_MARKER_ERROR:
        findings.append(
            f"The markers of {result.path.stem} are {100 * mean:.1f} cm off on average (RMS), more than {100 * BAD_MARKER_ERROR:.0f} cm; "
            "check scaling, marker names and axes."
        )
    return tuple(findings)
