"""Joint moments from motion and external forces: OpenSim's inverse dynamics tool on filtered, exactly uniform coordinates.

Source: OpenSim 4.6, InverseDynamicsTool.
Departures, each against a trap of docs/opensim.md: muscles are excluded; coordinates are filtered here, with OpenSim's own filter
(zero-lag Butterworth, effective order 6), because the tool's low-pass leaves its padding in the result; the paths of the
external loads are resolved against their file, in a temporary copy of it; moments of dependent coordinates are left out.
"""

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.errors import FileFormatError, OpenSimToolError, SignalError, UnknownNameError, did_you_mean
from osim_nmscal.formats.storage import read_storage, write_storage
from osim_nmscal.opensim_objects import ModelSource, TableSource, takes_model
from osim_nmscal.opensim_tools.external_loads import place_kinematics
from osim_nmscal.opensim_tools.filtered_forces import filtered_wrench
from osim_nmscal.opensim_tools.force_places import ActingForce, ForcePlace, force_places
from osim_nmscal.opensim_tools.given import motion_of
from osim_nmscal.opensim_tools.model_access import Coordinates, coordinates_of, free_coordinates, open_model
from osim_nmscal.opensim_tools.motion import OPENSIM_ORDER, read_motion
from osim_nmscal.opensim_tools.run import in_worker, temporary_folder
from osim_nmscal.opensim_tools.setup_file import SetupFile, file_of, is_on, put, read_setup, text_of, write_setup
from osim_nmscal.settings import Settings, setting
from osim_nmscal.signals import is_uniform, resample, uniform_time

# Suffixes of the tool's columns: `_moment` for rotations, `_force` for the rest.
SUFFIXES = ("_moment", "_force")
# Point of application further away than this is in mm, m; force beyond this many body weights is no person's. Source: choice.
LARGEST_POINT = 100.0
LARGEST_WEIGHTS = 50.0
# Mean vertical force that differs from the weight by more than this share is said. Source: choice; both feet on plates give 1 %.
WEIGHT_TOLERANCE = 0.1
# Points of application are looked at where a plate carries at least this share of the weight. Source: choice
LOADED = 0.1

_log = logging.getLogger(__name__)


class InverseDynamicsSettings(Settings):
    """How joint moments are found from motion and forces.

    Example:
        >>> InverseDynamicsSettings(external_loads="external_loads.xml").lowpass_cutoff
        6.0
    """

    external_loads: Path | None = setting(
        None, unit="-", description="OpenSim ExternalLoads XML, used as it is; without it no force acts but gravity.", source="user"
    )
    lowpass_cutoff: float = setting(
        6.0,
        unit="Hz",
        description="Cut-off of the zero-lag low-pass (effective order 6) of the coordinates; 0 for none.",
        source="OpenSim's examples",
        ge=0,
    )
    lowpass_forces: bool = setting(
        True,
        unit="-",
        description="Low-pass external forces as the coordinates are, with lowpass_cutoff; else impacts appear in the joint moments.",
        source="Bisseling & Hof 2006; Kristianslund et al. 2012",
    )
    missing_coordinates: Literal["refuse", "default"] = setting(
        "refuse",
        unit="-",
        description="What to do with a coordinate of the model that the motion lacks.",
        source="choice: a posture that nobody measured would pass unseen",
    )


@dataclass(frozen=True, kw_only=True)
class InverseDynamicsResult:
    """Generalized forces of one recording."""

    moments: TimeSeries  # (time, coordinate), N·m for rotations, N for translations; columns named by coordinate
    path: Path  # .sto as the tool writes it
    vertical_force_over_weight: float  # mean over the recording; 1 if the plates carry the model
    places: tuple[ForcePlace, ...] = ()  # how far from their bodies the forces with a point in ground act
    findings: tuple[str, ...] = ()  # full sentences


@dataclass(frozen=True, kw_only=True)
class _Job:
    model: Path
    coordinates: Path | TimeSeries
    out: Path
    settings: InverseDynamicsSettings
    start: float | None
    end: float | None


@dataclass(frozen=True, kw_only=True)
class _Loads:
    path: Path  # the redirected copy
    start: float  # s
    end: float
    mean_vertical: TimeSeries  # (time, 1), N, sum over the plates
    acting: tuple[ActingForce, ...]  # those with a point in ground


@takes_model
def run_inverse_dynamics(
    model: ModelSource,
    coordinates: TableSource,
    out: Path | str,
    *,
    settings: InverseDynamicsSettings,
    start: float | None = None,
    end: float | None = None,
) -> InverseDynamicsResult:
    """Find the generalized forces that explain a motion.

    Args:
        model: .osim file with the subject's mass, or `opensim.Model`.
        coordinates: .mot or .sto file, `TimeSeries`, `opensim.TimeSeriesTable` or `Storage`; in degrees if it says so.
        out: .sto file to write; its log goes beside it (.log).
        settings: external loads and filter.
        start: first time, s; default the first that motion and forces share. The filter sees the whole motion.
        end: last time, s; as start.

    Returns:
        Moments per coordinate (those that a coupler determines are left out), and findings.

    Raises:
        FileFormatError: a file is missing or malformed.
        UnknownNameError: a coordinate, body or force column is absent.
        SignalError: implausible units; motion and forces share no time.
        OpenSimToolError: OpenSim failed; with its log.

    Example:
        >>> found = run_inverse_dynamics(arm, elbow, "id.sto", settings=InverseDynamicsSettings())
        >>> found.moments.column("elbow_flexion_r").shape
        (51,)
    """
    out, coordinates = Path(out).absolute(), motion_of(coordinates)
    loads = settings.external_loads.absolute() if settings.external_loads else None
    job = _Job(
        model=Path(model).absolute(),
        coordinates=coordinates,
        out=out,
        settings=settings.model_copy(update={"external_loads": loads}),
        start=start,
        end=end,
    )
    motion = coordinates.source if isinstance(coordinates, TimeSeries) else coordinates
    doing = f"inverse dynamics of {motion} on {job.model}" + (f" with {loads}" if loads else "")
    result = in_worker(_solve, job, log=out.with_suffix(".log"), doing=doing, model=job.model)
    for finding in result.findings:
        _log.warning("%s", finding)
    return result


def _solve(job: _Job) -> InverseDynamicsResult:
    model = open_model(job.model)
    coordinates = coordinates_of(model)
    free_coordinates(model)
    state = model.initSystem()
    weight = float(model.getTotalMass(state)) * _gravity(model)
    loads = _redirected_loads(job.settings, model, weight) if job.settings.external_loads else None
    motion = read_motion(
        job.coordinates,
        coordinates,
        model_name=str(job.model),
        lowpass_cutoff=job.settings.lowpass_cutoff,
        missing=job.settings.missing_coordinates,
    )
    start, end = _time_range(motion, loads, job)
    places = force_places(model, state, motion, loads.acting) if loads is not None else ()  # before the tool, which makes another system
    table = _run_tool(model, motion, loads, start, end, job)
    moments = _named_by_coordinate(table, coordinates)
    share, findings = _weight_carried(loads, weight, start, end, job)
    return InverseDynamicsResult(
        moments=replace(moments, source=str(job.out)),
        path=job.out,
        vertical_force_over_weight=share,
        places=places,
        findings=findings,
    )


def _gravity(model: Any) -> float:
    gravity = model.getGravity()
    return float(np.linalg.norm([gravity.get(i) for i in range(3)]))


def _redirected_loads(settings: InverseDynamicsSettings, model: Any, weight: float) -> _Loads:
    path = Path(settings.external_loads or "")
    setup = read_setup(path, "ExternalLoads")
    data_file = file_of(setup, "datafile")
    if data_file is None:
        raise FileFormatError(f"{path} names no force file in <datafile>; add it.")
    data = read_storage(data_file)
    forces = [force for force in setup.node.iter("ExternalForce") if _is_enabled(force)]
    if not forces:
        raise FileFormatError(f"{path} holds no ExternalForce that is switched on; nothing would act on the feet.")
    bodies = [model.getBodySet().get(i).getName() for i in range(model.getBodySet().getSize())]
    vertical = np.zeros(len(data.time))
    acting = []
    for force in forces:
        body = text_of(force, "applied_to_body")
        if body not in bodies:
            raise UnknownNameError(f"{path} applies a force to body {body!r}, which the model does not have.{did_you_mean(body, bodies)}")
        up = _vertical_force(setup, force, data, weight)
        vertical += up
        point = text_of(force, "point_identifier")
        if point and text_of(force, "point_expressed_in_body", "ground") == "ground":
            place = data.select([f"{point}{axis}" for axis in "xyz"]).values
            acting.append(ActingForce(name=str(force.get("name")), body=body, time=data.time, vertical=up, point=place))
    used = data_file
    if settings.lowpass_forces and settings.lowpass_cutoff > 0:
        soft = _filtered(data, forces, settings.lowpass_cutoff)
        used = write_storage(temporary_folder() / "forces.mot", soft, header_name="forces")
    put(setup.node, "datafile", str(used))
    place_kinematics(setup)
    return _Loads(
        path=write_setup(setup, temporary_folder() / "external_loads.xml"),
        start=float(data.time[0]),
        end=float(data.time[-1]),
        mean_vertical=TimeSeries(time=data.time, labels=("vertical",), values=vertical[:, None], source=str(data_file)),
        acting=tuple(acting),
    )


def _filtered(data: TimeSeries, forces: list[Any], cutoff: float) -> TimeSeries:
    """Return the columns of the forces that act in ground, low-passed; a force without torque columns gets them, and its identifier."""
    clock = uniform_time(data.time)
    even = data if is_uniform(data.time) else resample(data, clock)
    values = {label: even.column(label) for label in even.labels}
    for i, force in enumerate(forces):
        expressed = [text_of(force, f"{what}_expressed_in_body", "ground") for what in ("force", "point")]
        names = [text_of(force, f"{what}_identifier") for what in ("force", "point", "torque")]
        if expressed != ["ground", "ground"] or not names[0] or not names[1]:
            continue
        if not names[2] or f"{names[2]}x" not in values:
            names[2] = f"free_torque_{i}_"
            put(force, "torque_identifier", names[2])
        zero = np.zeros(len(even.time))
        parts = [np.column_stack([values.get(f"{name}{axis}", zero) for axis in "xyz"]) for name in names]
        soft = filtered_wrench(parts[0], parts[1], parts[2], even.rate, cutoff, OPENSIM_ORDER)
        for name, part in zip(names, soft, strict=True):
            values |= {f"{name}{axis}": part[:, k] for k, axis in enumerate("xyz")}
    table = np.nan_to_num(np.column_stack(list(values.values())))
    return TimeSeries(time=even.time, labels=tuple(values), values=table, source=data.source)


def _is_enabled(force: Any) -> bool:
    return text_of(force, "isDisabled", "false").lower() != "true" and is_on(force, "appliesForce")


def _vertical_force(setup: SetupFile, force: Any, data: TimeSeries, weight: float) -> Any:
    """Check the columns of one external force and return its vertical component, (time,), N."""
    columns = {}
    for what in ("force", "point", "torque"):
        identifier = text_of(force, f"{what}_identifier")
        if not identifier or (what == "torque" and f"{identifier}x" not in data.labels):
            continue
        for axis in "xyz":
            if f"{identifier}{axis}" not in data.labels:
                raise UnknownNameError(
                    f"{setup.path}: {what}_identifier {identifier!r} needs a column {identifier + axis!r}, which {data.source} does not "
                    f"have.{did_you_mean(identifier + axis, data.labels)}"
                )
        columns[what] = data.select([f"{identifier}{axis}" for axis in "xyz"]).values
    if "force" not in columns:
        return np.zeros(len(data.time))
    largest = float(np.nanmax(np.linalg.norm(columns["force"], axis=1)))
    if largest > LARGEST_WEIGHTS * weight:
        raise SignalError(
            f"{data.source}: a force reaches {largest:.4g} N, {largest / weight:.0f} times the model's weight; correct its unit."
        )
    # an unloaded plate divides noise by noise: its point may lie anywhere
    loaded = np.linalg.norm(columns["force"], axis=1) > LOADED * weight
    if "point" in columns and loaded.any() and (furthest := float(np.nanmax(np.abs(columns["point"][loaded])))) > LARGEST_POINT:
        raise SignalError(f"{data.source}: a point of application reaches {furthest:.4g} m; it looks like mm: divide by 1000.")
    return columns["force"][:, 1]


def _time_range(motion: TimeSeries, loads: _Loads | None, job: _Job) -> tuple[float, float]:
    start, end = float(motion.time[0]), float(motion.time[-1])
    if loads is not None:
        if loads.start >= end or loads.end <= start:
            raise SignalError(
                f"{motion.source} runs from {start:g} to {end:g} s, the forces of {loads.mean_vertical.source} from {loads.start:g} to "
                f"{loads.end:g} s; correct the clock of one of them."
            )
        start, end = max(start, loads.start), min(end, loads.end)
    start = start if job.start is None else max(start, job.start)
    end = end if job.end is None else min(end, job.end)
    inside = motion.time[(motion.time >= start - 1e-9) & (motion.time <= end + 1e-9)]
    if len(inside) < 2:
        raise SignalError(f"{motion.source} and its forces share no frames from {job.start} to {job.end} s; change start and end.")
    return float(inside[0]), float(inside[-1])


def _run_tool(model: Any, motion: TimeSeries, loads: _Loads | None, start: float, end: float, job: _Job) -> TimeSeries:
    import opensim

    folder = temporary_folder()
    tool = opensim.InverseDynamicsTool()
    tool.setName("id")
    tool.setModel(model)
    tool.setCoordinatesFileName(str(write_storage(folder / "motion.sto", motion, header_name="Coordinates")))
    tool.setLowpassCutoffFrequency(-1.0)
    tool.setStartTime(start)
    tool.setEndTime(end)
    excluded = opensim.ArrayStr()
    excluded.append("Muscles")
    tool.setExcludedForces(excluded)
    if loads is not None:
        tool.setExternalLoadsFileName(str(loads.path))
    tool.setResultsDir(str(folder))
    tool.setOutputGenForceFileName("id.sto")
    if not tool.run() or not (folder / "id.sto").is_file():
        raise OpenSimToolError(f"OpenSim's inverse dynamics of {motion.source} wrote nothing; see {job.out.with_suffix('.log')}.")
    table = read_storage(folder / "id.sto")
    if not np.isfinite(table.values).all():
        raise OpenSimToolError(f"OpenSim's inverse dynamics of {motion.source} is not finite; see {job.out.with_suffix('.log')}.")
    write_storage(job.out, table, header_name="Inverse Dynamics Generalized Forces")
    return table


def _named_by_coordinate(table: TimeSeries, coordinates: Coordinates) -> TimeSeries:
    names = {f"{name}{suffix}": name for name in coordinates.names if name not in coordinates.dependent for suffix in SUFFIXES}
    kept = table.select([label for label in table.labels if label in names])
    return replace(kept, labels=tuple(names[label] for label in kept.labels))


def _weight_carried(loads: _Loads | None, weight: float, start: float, end: float, job: _Job) -> tuple[float, tuple[str, ...]]:
    if loads is None:
        return 0.0, (
            f"{job.out.stem}: no external loads are given, so nothing but the model's base holds the body; if a foot or a hand touches "
            "something, give its forces.",
        )
    share = float(loads.mean_vertical.between(start, end).values.mean()) / weight
    if abs(share - 1) <= WEIGHT_TOLERANCE:
        return share, ()
    return share, (
        f"{loads.mean_vertical.source}: the mean vertical force is {share:.3f} of the weight of the model ({weight / 9.80665:.1f} kg); "
        "check the mass ([scaling] mass_only), which plate is which foot, or use only the time when every foot is on a plate.",
    )
