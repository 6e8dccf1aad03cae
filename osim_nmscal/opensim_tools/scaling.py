"""A model of the subject's size and mass: OpenSim's scale tool, or the mass alone.

Source: OpenSim 4.6, ScaleTool, run on a copy of the user's setup file whose inputs lie in a temporary folder, so that nothing is
written beside the originals.
Departures, each against a trap of docs/opensim.md: a measurement whose marker is missing is an error (the tool skips it with a
warning and reports success); a switched-off MarkerPlacer is no failure (the tool reports one); an implausible factor is an error.
Mass alone: every mass and inertia times subject mass / model mass, for a model whose geometry fits already.
"""

import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.time_series import MarkerTrajectories
from osim_nmscal.errors import ConfigError, FileFormatError, OpenSimToolError, SignalError, UnknownNameError, did_you_mean
from osim_nmscal.formats.marker_files import is_c3d, read_markers
from osim_nmscal.formats.text_files import write_atomically
from osim_nmscal.formats.trc import read_trc, write_trc
from osim_nmscal.opensim_objects import ModelSource, takes_model
from osim_nmscal.opensim_tools.model_access import open_model
from osim_nmscal.opensim_tools.placed_markers import PlacedMarkers, placed_markers
from osim_nmscal.opensim_tools.run import in_worker, temporary_folder
from osim_nmscal.opensim_tools.scale_setup import MASS_TOLERANCE, STATIC_TRIALS, ScalingSettings, agreed_mass, read_scale_setup
from osim_nmscal.opensim_tools.setup_file import (
    SetupFile,
    file_name_of,
    file_of,
    included,
    is_on,
    marker_weights,
    numbers_of,
    put,
    read_setup,
    text_of,
    write_setup,
)
from osim_nmscal.signals import fill_marker_gaps

FloatArray = NDArray[np.float64]

# A segment of a person is no more than this many times longer or shorter than the generic model's. Source: choice.
LARGEST_FACTOR = 2.5

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class BodyScale:
    """How one body was scaled."""

    body: str
    factors: tuple[float, float, float]  # along its x, y, z


@dataclass(frozen=True, kw_only=True)
class ScalingResult:
    """The scaled model."""

    model: Path
    mass: float  # kg, of the scaled model
    mass_factor: float  # scaled / generic
    scales: tuple[BodyScale, ...] = ()  # empty unless a ScaleTool ran
    placed: PlacedMarkers | None = None  # errors of the markers in the static pose; None unless a MarkerPlacer ran
    findings: tuple[str, ...] = ()  # full sentences


@dataclass(frozen=True, kw_only=True)
class _Job:
    model: Path
    out: Path
    settings: ScalingSettings
    captures: Mapping[Path, MarkerTrajectories]  # static trials in c3d files, which are not read in OpenSim's process


@takes_model
def scale_model(model: ModelSource, out: Path | str, *, settings: ScalingSettings) -> ScalingResult:
    """Scale a model, or adjust its mass, or take it as it is.

    Args:
        model: .osim file or `opensim.Model`; with a setup file it replaces the generic model named there.
        out: .osim file to write; its log goes beside it (.log).
        settings: what to do.

    Returns:
        The path of the scaled model, its mass, and the factor of each body.

    Raises:
        ConfigError: settings contradict each other or the setup file.
        FileFormatError: a file is missing or malformed.
        UnknownNameError: a measurement or placer task names a marker that static trial or model lack.
        SignalError: an implausible factor; a long marker gap in the static trial.
        OpenSimToolError: OpenSim failed; with its log.

    Example:
        >>> found = scale_model("models/virtual_arm.osim", "scaled.osim", settings=ScalingSettings(mass_only=True, mass=60.0))
        >>> round(found.mass_factor, 4)
        0.7792
    """
    out = Path(out).absolute()
    setup = settings.setup.absolute() if settings.setup else None
    if setup and settings.mass_only:
        raise ConfigError(f"[scaling] has both setup = {str(setup)!r} and mass_only = true; remove one.")
    if out.exists() and out.samefile(model):
        raise ConfigError(f"The scaled model would overwrite the model {out}; choose another results folder.")
    if settings.mass_only and settings.mass is None:
        raise ConfigError("[scaling] mass_only = true needs the subject's mass in kg; add it.")
    if setup is None and (settings.static_trial or settings.static_range):
        read_scale_setup(settings)  # says what is missing
    settings = settings.model_copy(update={"setup": setup})
    job = _Job(model=Path(model).absolute(), out=out, settings=settings, captures=_captures(settings) if setup else {})
    work = _run_scale_tool if setup else _scale_mass if settings.mass_only else _take_as_it_is
    doing = f"scaling of {job.model}" + (f" with {setup}" if setup else "")
    result = in_worker(work, job, log=out.with_suffix(".log"), doing=doing)
    for finding in result.findings:
        _log.warning("%s", finding)
    return result


def _take_as_it_is(job: _Job) -> ScalingResult:
    mass = _mass(open_model(job.model))
    write_atomically(job.out, lambda temporary: shutil.copyfile(job.model, temporary))
    findings: tuple[str, ...] = ()
    wanted = job.settings.mass
    if wanted is not None and abs(mass - wanted) > 0.02 * wanted:
        findings = (
            f"{job.model} weighs {mass:.2f} kg, the subject {wanted:.2f} kg: inverse dynamics will leave a vertical residual; "
            "set [scaling] mass_only = true.",
        )
    return ScalingResult(model=job.out, mass=mass, mass_factor=1.0, findings=findings)


def _scale_mass(job: _Job) -> ScalingResult:
    model = open_model(job.model)
    before = _mass(model)
    wanted = job.settings.mass or before
    factor = wanted / before if before > 0 else 0.0
    if not 1 / LARGEST_FACTOR**3 < factor < LARGEST_FACTOR**3:
        raise SignalError(f"The subject's mass of {wanted:g} kg does not fit {job.model} ({before:g} kg); give it in kg, or another model.")
    for i in range(model.getBodySet().getSize()):
        model.updBodySet().get(i).scaleMass(factor)  # the inertia with it
    model.finalizeConnections()
    _keep(model.printToXML, job.out)
    after = _mass(open_model(job.out))
    return ScalingResult(model=job.out, mass=after, mass_factor=factor)


def _keep(print_to: Any, out: Path) -> None:
    """Let OpenSim write into the temporary folder, then put the file in place."""
    scratch = temporary_folder() / "written.osim"
    if not print_to(str(scratch)) or not scratch.is_file():
        raise OpenSimToolError(f"OpenSim could not write the model for {out}; see {out.with_suffix('.log')}.")
    write_atomically(out, lambda temporary: shutil.copyfile(scratch, temporary))


def _mass(model: Any) -> float:
    state = model.initSystem()
    return float(model.getTotalMass(state))


def _run_scale_tool(job: _Job) -> ScalingResult:
    import opensim

    setup = read_scale_setup(job.settings)
    generic = open_model(job.model)
    before = _mass(generic)
    mass = agreed_mass(setup, job.settings.mass)
    originals = {place: file_of(setup, f"{place}/marker_file") for place in STATIC_TRIALS if is_on(setup.node, f"{place}/apply")}
    findings = _redirect(setup, originals, job) + _require_markers(setup, generic, originals, job)
    tool = opensim.ScaleTool(str(write_setup(setup, temporary_folder() / "scale_setup.xml")))
    done = tool.run()
    placed = is_on(setup.node, "MarkerPlacer/apply")
    written = temporary_folder() / ("placed.osim" if placed else "scaled.osim")
    # run() also is False when the marker placer is switched off, although the model was written
    if not written.is_file() or (placed and not done):
        raise OpenSimToolError(f"OpenSim's scale tool wrote no model with {setup.path}; see {job.out.with_suffix('.log')}.")
    scales = _read_scales(generic, setup.path)
    after = _mass(open_model(written))
    if mass > 0 and abs(after - mass) > MASS_TOLERANCE * mass:
        findings += (f"The scaled model weighs {after:.3f} kg although {setup.path} asks for {mass:.3f} kg.",)
    errors = _placed(setup, originals.get("MarkerPlacer"), job) if placed else None
    write_atomically(job.out, lambda temporary: shutil.copyfile(written, temporary))
    return ScalingResult(model=job.out, mass=after, mass_factor=after / before, scales=scales, placed=errors, findings=findings)


def _captures(settings: ScalingSettings) -> dict[Path, MarkerTrajectories]:
    setup = read_scale_setup(settings)
    files = (file_of(setup, f"{place}/marker_file") for place in STATIC_TRIALS if is_on(setup.node, f"{place}/apply"))
    return {file: read_markers(file, settings.c3d_axes) for file in files if file is not None and is_c3d(file)}


def _static(trial: Path, job: _Job) -> MarkerTrajectories:
    return job.captures[trial] if trial in job.captures else read_trc(trial)


def _placed(setup: SetupFile, trial: Path | None, job: _Job) -> PlacedMarkers | None:
    """Compare the scaled model in its static pose with the markers that it follows there."""
    scaled, pose = temporary_folder() / "scaled.osim", temporary_folder() / "static.mot"
    if trial is None or not (scaled.is_file() and pose.is_file()):
        return None
    static = _static(trial, job)
    rows = _rows(setup, "MarkerPlacer", static)
    used = replace(static, time=static.time[rows], positions=static.positions[rows])
    seen = {name for name, path in zip(used.markers, used.positions.swapaxes(0, 1), strict=True) if np.isfinite(path).all(axis=1).any()}
    weights = {name: weight for name, weight in _followed(setup).items() if name in seen}
    return placed_markers(scaled, pose, used, weights) if weights else None


def _followed(setup: SetupFile) -> dict[str, float]:
    return {name: weight for node in setup.node.iter("IKTaskSet") for name, weight in marker_weights(included(node)).items()}


def _rows(setup: SetupFile, place: str, static: MarkerTrajectories) -> NDArray[np.bool_]:
    start, end = numbers_of(setup, f"{place}/time_range", (-np.inf, np.inf))[:2]
    inside = (static.time >= start) & (static.time <= end)
    return inside if end > start and inside.any() else np.ones(len(static.time), dtype=bool)


def _redirect(setup: SetupFile, originals: dict[str, Path | None], job: _Job) -> tuple[str, ...]:
    """Bring all inputs into the temporary folder and all outputs with them; return findings."""
    folder = temporary_folder()
    named = file_name_of(setup, "GenericModelMaker/model_file")
    findings: tuple[str, ...] = ()
    if named and named != job.model.name:
        findings = (f"{setup.path} names the generic model {named!r}, but {job.model} is scaled, as the configuration says.",)
    shutil.copyfile(job.model, folder / "generic.osim")
    put(setup.node, "GenericModelMaker/model_file", "generic.osim")
    if marker_set := file_of(setup, "GenericModelMaker/marker_set_file"):
        shutil.copyfile(marker_set, folder / "marker_set.xml")
        put(setup.node, "GenericModelMaker/marker_set_file", "marker_set.xml")
    for place, trc in originals.items():
        if trc is not None:
            if trc in job.captures:
                write_trc(folder / STATIC_TRIALS[place], job.captures[trc])
            else:
                shutil.copyfile(trc, folder / STATIC_TRIALS[place])
            put(setup.node, f"{place}/marker_file", STATIC_TRIALS[place])
    if pose := file_of(setup, "MarkerPlacer/coordinate_file"):
        shutil.copyfile(pose, folder / f"pose{pose.suffix}")
        put(setup.node, "MarkerPlacer/coordinate_file", f"pose{pose.suffix}")
    put(setup.node, "ModelScaler/output_model_file", "scaled.osim")
    put(setup.node, "ModelScaler/output_scale_file", "scales.xml")
    put(setup.node, "MarkerPlacer/output_model_file", "placed.osim")
    put(setup.node, "MarkerPlacer/output_motion_file", "static.mot")
    put(setup.node, "MarkerPlacer/output_marker_file", "Unassigned")
    return findings


def _require_markers(setup: SetupFile, generic: Any, originals: dict[str, Path | None], job: _Job) -> tuple[str, ...]:
    """Check the markers of measurements and placer tasks against model and static trials, and close short gaps; return findings."""
    known = _model_markers(generic)
    findings: tuple[str, ...] = ()
    if is_on(setup.node, "ModelScaler/apply") and "measurements" in text_of(setup.node, "ModelScaler/scaling_order"):
        measurements = [m for node in setup.node.iter("MeasurementSet") for m in included(node).iter("Measurement") if is_on(m)]
        used = {
            name: f"measurement {measurement.get('name')!r}"
            for measurement in measurements
            for pair in measurement.iter("MarkerPair")
            for name in text_of(pair, "markers").split()
        }
        findings += _check(setup, "ModelScaler", originals.get("ModelScaler"), used, known, job)
    if is_on(setup.node, "MarkerPlacer/apply"):
        followed = dict.fromkeys(_followed(setup), "the marker placer")
        findings += _check(setup, "MarkerPlacer", originals.get("MarkerPlacer"), followed, known, job)
    return findings


def _model_markers(generic: Any) -> list[str]:
    import opensim

    names = [generic.getMarkerSet().get(i).getName() for i in range(generic.getMarkerSet().getSize())]
    extra = temporary_folder() / "marker_set.xml"
    if extra.is_file():
        markers = opensim.MarkerSet(str(extra))
        names += [markers.get(i).getName() for i in range(markers.getSize())]
    return names


def _check(setup: SetupFile, place: str, trc: Path | None, used: dict[str, str], model_markers: list[str], job: _Job) -> tuple[str, ...]:
    if not used:
        return ()
    if trc is None:
        raise FileFormatError(f"{setup.path} names no static trial in <{place}><marker_file>; add it.")
    static = _static(trc, job)
    for name, user in used.items():
        for where, names in ((static.source, list(static.markers)), (f"{job.model} with its marker set", model_markers)):
            if name not in names:
                raise UnknownNameError(
                    f"{setup.path}: {user} uses marker {name!r}, which {where} does not have.{did_you_mean(name, names)} "
                    "Correct the name, or set its <apply> to false."
                )
    rows = _rows(setup, place, static)
    if not np.isnan(static.positions[rows][:, [static.markers.index(name) for name in used]]).any():
        return ()
    filled = fill_marker_gaps(static, job.settings.longest_gap, list(used))
    write_trc(temporary_folder() / STATIC_TRIALS[place], filled.markers)
    return filled.findings


def _read_scales(generic: Any, setup: Path) -> tuple[BodyScale, ...]:
    path = temporary_folder() / "scales.xml"
    if not path.is_file():
        return ()
    bodies = [generic.getBodySet().get(i).getName() for i in range(generic.getBodySet().getSize())]
    scales = []
    for scale in read_setup(path, "ScaleSet").node.iter("Scale"):
        body = text_of(scale, "segment")
        if body not in bodies:  # OpenSim lists every offset frame too
            continue
        x, y, z = (float(word) for word in text_of(scale, "scales", "1 1 1").split())
        if not all(1 / LARGEST_FACTOR < factor < LARGEST_FACTOR for factor in (x, y, z)):
            raise SignalError(
                f"{setup} scales body {body!r} by {x:.3g} {y:.3g} {z:.3g}, which no person's size explains; check the unit of the static "
                "trial (mm or m) and the markers of its measurement."
            )
        scales.append(BodyScale(body=body, factors=(x, y, z)))
    return tuple(scales)
