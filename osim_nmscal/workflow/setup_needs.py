"""What OpenSim setup files need of model and recordings: markers, bodies, force columns. Asked by `check` and by the stages alike."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from osim_nmscal.data.time_series import MarkerTrajectories, TimeSeries
from osim_nmscal.errors import FileFormatError, NmscalError, SignalError, UnknownNameError, did_you_mean, listed
from osim_nmscal.formats.marker_files import read_markers
from osim_nmscal.formats.storage import read_storage
from osim_nmscal.opensim_tools.external_loads import carrying_motion
from osim_nmscal.opensim_tools.scale_setup import STATIC_TRIALS, ScalingSettings, read_scale_setup
from osim_nmscal.opensim_tools.setup_file import (
    SetupFile,
    coordinate_tasks,
    file_of,
    included,
    is_on,
    marker_tasks,
    numbers_of,
    read_setup,
    text_of,
)
from osim_nmscal.osim_model.reader import (
    marker_bodies_of,
    marker_locations_of,
    read_body_masses,
    read_coordinates,
    read_marker_bodies,
    read_marker_locations,
    read_marker_names,
)

# Up to so many missing markers get a sentence each, with the nearest name; beyond it the wrong file was named.
MOST_SINGLY = 3


def scaling_needs(model: Path, settings: ScalingSettings) -> Iterator[NmscalError]:
    """Yield what is wrong with a ScaleTool setup: its static trial, and markers that model or static trial lack."""
    setup = read_scale_setup(settings)
    in_model = model_markers(model, setup.path)
    yield from _setup_needs(model, setup)
    if is_on(setup.node, "MarkerPlacer/apply"):
        file_of(setup, "MarkerPlacer/coordinate_file")
    for place, used in (("ModelScaler", _measured_markers(setup)), ("MarkerPlacer", _placed_markers(setup))):
        if not used:
            continue
        trial = file_of(setup, f"{place}/marker_file")
        if trial is None:
            yield FileFormatError(f"{setup.path} names no static trial in <{place}><marker_file>; add it.")
            continue
        static = read_markers(trial, settings.c3d_axes)
        yield from _range_needs(setup, place, static)
        yield from _absent(used, static.markers, f"{setup.path} ({place})", str(trial))
        yield from _absent(used, in_model, f"{setup.path} ({place})", f"{model} with its marker set")


def model_markers(model: Path, scale_setup: Path | None) -> tuple[str, ...]:
    """Return the markers of a model, with those of the marker set that scaling adds."""
    names = read_marker_names(model)
    if scale_setup is not None:
        extra = file_of(read_setup(scale_setup, "ScaleTool"), "GenericModelMaker/marker_set_file")
        if extra is not None:
            names += tuple(str(marker.get("name")) for marker in read_setup(extra, "MarkerSet").node.iter("Marker"))
    return names


def marker_bodies(model: Path, scale_setup: Path | None) -> dict[str, str]:
    """Return marker -> body of a model, with the marker set that scaling adds."""
    bodies = read_marker_bodies(model)
    if scale_setup is not None:
        extra = file_of(read_setup(scale_setup, "ScaleTool"), "GenericModelMaker/marker_set_file")
        if extra is not None:
            bodies |= marker_bodies_of(read_setup(extra, "MarkerSet").node.iter("Marker"))
    return bodies


def marker_locations(model: Path, scale_setup: Path | None) -> dict[str, tuple[float, float, float]]:
    """Return marker -> place on its body, m, of a model, with the marker set that scaling adds."""
    places = read_marker_locations(model)
    if scale_setup is not None:
        extra = file_of(read_setup(scale_setup, "ScaleTool"), "GenericModelMaker/marker_set_file")
        if extra is not None:
            places |= marker_locations_of(read_setup(extra, "MarkerSet").node.iter("Marker"))
    return places


def measured_pairs(scale_setup: Path) -> tuple[tuple[str, str], ...]:
    """Return the pairs of markers whose distance scales a body."""
    names = _measured_markers(read_setup(scale_setup, "ScaleTool"))
    return tuple(zip(names[::2], names[1::2], strict=False))


def static_trial(settings: ScalingSettings) -> MarkerTrajectories | None:
    """Read the static trial of a ScaleTool setup, in the time that scales; None if it names none."""
    setup = read_scale_setup(settings)
    for place in STATIC_TRIALS:
        trial = file_of(setup, f"{place}/marker_file")
        if trial is not None:
            static = read_markers(trial, settings.c3d_axes)
            between = numbers_of(setup, f"{place}/time_range", (-np.inf, np.inf))
            inside = (static.time >= between[0]) & (static.time <= between[-1])
            if not inside.any():
                return static
            return replace(static, time=static.time[inside], positions=static.positions[inside])
    return None


def task_markers(setup_file: Path) -> tuple[str, ...]:
    """Return the markers that inverse kinematics follows, as its setup says."""
    setup = read_setup(setup_file, "InverseKinematicsTool", "IKTaskSet")
    return tuple(name for node in setup.node.iter("IKTaskSet") for name in marker_tasks(included(node)))


def task_needs(setup_file: Path, recorded: MarkerTrajectories, in_model: Sequence[str], model: Path) -> Iterator[NmscalError]:
    """Yield the markers, and coordinates, with a task of inverse kinematics that recording or model lack, or that there is none."""
    setup = read_setup(setup_file, "InverseKinematicsTool", "IKTaskSet")
    wanted = task_markers(setup_file)
    if not wanted:
        yield FileFormatError(f"{setup.path} has no <IKMarkerTask> that is applied with a weight above 0; add one for each marker.")
    yield from _absent(wanted, recorded.markers, str(setup.path), recorded.source)
    yield from _absent(wanted, in_model, str(setup.path), f"{model} with its marker set")
    known = [coordinate.name for coordinate in read_coordinates(model)]
    followed = [name for node in setup.node.iter("IKTaskSet") for name in coordinate_tasks(included(node))]
    for name in (name for name in dict.fromkeys(followed) if known and name not in known):
        yield UnknownNameError(f"{setup.path} has a task for coordinate {name!r}, which {model} does not have.{did_you_mean(name, known)}")


def load_needs(model: Path, loads: Path) -> Iterator[NmscalError]:
    """Yield the bodies that the model lacks and the columns that the force file lacks."""
    setup = read_setup(loads, "ExternalLoads")
    data_file = file_of(setup, "datafile")
    if data_file is None:
        yield FileFormatError(f"{loads} names no force file in <datafile>; add it.")
        return
    carrying_motion(setup)
    data, bodies = read_storage(data_file), tuple(read_body_masses(model))
    for force in setup.node.iter("ExternalForce"):
        if text_of(force, "isDisabled", "false").lower() == "true" or not is_on(force, "appliesForce"):
            continue
        body = text_of(force, "applied_to_body")
        if body not in bodies:
            yield UnknownNameError(f"{loads} applies a force to body {body!r}, which {model} does not have.{did_you_mean(body, bodies)}")
        yield from _absent_columns(setup, text_of(force, "force_identifier"), data)
        yield from _absent_columns(setup, text_of(force, "point_identifier"), data)


def _setup_needs(model: Path, setup: SetupFile) -> Iterator[NmscalError]:
    if setup.node.find("GenericModelMaker") is None:
        yield FileFormatError(f"{setup.path} has no <GenericModelMaker>, without which OpenSim scales nothing; export the setup again.")
    bodies = tuple(read_body_masses(model))
    scaled = [str(one.get("name")) for node in setup.node.iter("MeasurementSet") for one in included(node).iter("BodyScale")]
    absent = [name for name in dict.fromkeys(scaled) if name not in bodies]
    if len(absent) < len(set(scaled)):  # else it is another model, and the sentence on its markers is enough
        for name in absent:
            yield UnknownNameError(f"{setup.path} scales body {name!r}, which {model} does not have.{did_you_mean(name, bodies)}")


def _range_needs(setup: SetupFile, place: str, static: MarkerTrajectories) -> Iterator[NmscalError]:
    between = numbers_of(setup, f"{place}/time_range", (-np.inf, np.inf))
    if len(between) != 2:
        yield FileFormatError(f"{setup.path}: <{place}/time_range> holds {len(between)} numbers, expected start and end in s; correct it.")
    elif between[0] < between[1] and not ((static.time >= between[0]) & (static.time <= between[1])).any():
        yield SignalError(
            f"{setup.path}: <{place}/time_range> is {between[0]:g} to {between[1]:g} s, but {static.source} lasts from "
            f"{static.time[0]:g} to {static.time[-1]:g} s; correct the range."
        )


def _measured_markers(setup: SetupFile) -> list[str]:
    if not is_on(setup.node, "ModelScaler/apply") or "measurements" not in text_of(setup.node, "ModelScaler/scaling_order"):
        return []
    measurements = [m for node in setup.node.iter("MeasurementSet") for m in included(node).iter("Measurement") if is_on(m)]
    pairs = [text_of(pair, "markers").split() for measurement in measurements for pair in measurement.iter("MarkerPair")]
    return [name for pair in pairs for name in pair]


def _placed_markers(setup: SetupFile) -> list[str]:
    if not is_on(setup.node, "MarkerPlacer/apply"):
        return []
    return [name for node in setup.node.iter("IKTaskSet") for name in marker_tasks(included(node))]


def _absent_columns(setup: SetupFile, identifier: str, data: TimeSeries) -> Iterator[NmscalError]:
    missing = [f"{identifier}{axis}" for axis in "xyz" if identifier and f"{identifier}{axis}" not in data.labels]
    if missing:
        yield UnknownNameError(
            f"{setup.path} needs column {missing[0]!r}, which {data.source} does not have.{did_you_mean(missing[0], data.labels)} "
            "Correct the identifier."
        )


def _absent(used: Iterable[str], names: Iterable[str], user: str, where: str) -> Iterator[NmscalError]:
    names = tuple(names)
    absent = [name for name in dict.fromkeys(used) if name not in names]
    if len(absent) > MOST_SINGLY:
        yield UnknownNameError(f"{user} uses markers that {where} does not have: {listed(absent)}. Name the files that belong together.")
        return
    for name in absent:
        yield UnknownNameError(f"{user} uses marker {name!r}, which {where} does not have.{did_you_mean(name, names)} Correct the name.")
