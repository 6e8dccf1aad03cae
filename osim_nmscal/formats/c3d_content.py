"""What a c3d file holds, taken out of it by ezc3d: markers, analog channels, force plates and events in the laboratory's axes.

This module works in a process of its own (see `c3d.read_c3d`): ezc3d, given a damaged file, may crash, hang or take all memory.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.time_series import ForcePlateData, MarkerTrajectories, TimeSeries
from osim_nmscal.errors import FileFormatError
from osim_nmscal.formats.trc import METRES, require_plausible_extent

FloatArray = NDArray[np.float64]

# Groups of POINT labels that are computed quantities, not markers. Source: c3d.org, parameters of the POINT group.
COMPUTED_POINTS = ("ANGLES", "FORCES", "MOMENTS", "POWERS", "SCALARS", "USERMOS", "MODELED_MARKERS")
# Below this vertical force a plate has no meaningful centre of pressure, N. Source: choice, as in most laboratories.
LOADED = 20.0
# Masses that a person can have, kg.
PERSON_MASS = (3.0, 400.0)


@dataclass(frozen=True, kw_only=True)
class Event:
    """One event that was marked in the capture."""

    name: str  # e.g. "Foot Strike"
    context: str  # e.g. "Right"
    time: float  # s


@dataclass(frozen=True, kw_only=True)
class Person:
    """What the capture system was told of the person; None where it was told nothing, or nothing that a person can be."""

    mass: float | None = None  # kg
    height: float | None = None  # m


@dataclass(frozen=True, kw_only=True)
class Capture:
    """What one c3d file holds, in the laboratory's axes."""

    markers: MarkerTrajectories
    analog: TimeSeries  # every analog channel in its own unit, at the analog rate
    forces: ForcePlateData | None  # at the analog rate; prefixes plate1, plate2, ...
    plates_problem: str  # why the force plates cannot be read, a sentence; "" if they can, or if there are none
    events: tuple[Event, ...]  # in order of time
    person: Person


def parse_capture(path: Path) -> Capture:
    """Take everything out of a c3d file.

    Args:
        path: an existing file.

    Raises:
        FileFormatError: not a c3d file, truncated, or without a frame, a rate or a known unit.
    """
    problem = ""
    try:
        content = _content(path, plates=True)
    except FileFormatError as error:  # perhaps plates of an unknown type, and the rest is sound
        content, problem = _content(path, plates=False), str(error)
    _require_complete(content, path)
    start = _start_time(content, path)
    has_plates = _scalar(content["parameters"], "FORCE_PLATFORM", "USED", 0) > 0
    return Capture(
        markers=_markers(content, start, path),
        analog=_analog(content, start, path),
        forces=_forces(content, start, path) if has_plates and not problem else None,
        plates_problem=problem if has_plates else "",
        events=_events(content),
        person=_person(content),
    )


def _content(path: Path, *, plates: bool) -> Any:
    import ezc3d

    try:
        return ezc3d.c3d(str(path), extract_forceplat_data=plates)
    except (RuntimeError, OSError, ValueError, IndexError, KeyError) as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".")  # further lines advise programmers
        raise FileFormatError(f"{path} cannot be read as c3d: {reason}. Export it again.") from error


def _require_complete(content: Any, path: Path) -> None:
    """Refuse a file that ends before its last frame: ezc3d returns what there is, and corrects the count, without a word."""
    raw = path.read_bytes()
    processor = raw[512 * (raw[0] - 1) + 3]  # of the parameter section: 86 is big-endian (MIPS)
    first, last = struct.unpack_from(">HH" if processor == 86 else "<HH", raw, 6)
    frames = content["data"]["points"].shape[2]
    if frames < last - first + 1 and last < 65535:  # the header's 16 bits overflow beyond
        raise FileFormatError(f"{path} declares {last - first + 1} frames and holds {frames}: it is truncated. Export it again.")


def _value(parameters: Any, group: str, name: str) -> Any:
    return parameters[group][name]["value"] if group in parameters and name in parameters[group] else []


def _scalar(parameters: Any, group: str, name: str, default: float) -> float:
    values = np.atleast_1d(_value(parameters, group, name))
    return float(values[0]) if len(values) else default


def _start_time(content: Any, path: Path) -> float:
    """Return the time of the first frame, s; TRIAL holds it beyond the header's 65535 frames, in two 16-bit words."""
    words = np.atleast_1d(_value(content["parameters"], "TRIAL", "ACTUAL_START_FIELD"))
    rate = float(content["header"]["points"]["frame_rate"])
    declared = _scalar(content["parameters"], "POINT", "RATE", 0.0)
    if not 0 < declared < np.inf:
        raise FileFormatError(f"{path}: POINT:RATE is {declared:g}, expected the frames per second; correct the file's parameters.")
    if len(words):
        low, high = int(words[0]) % 65536, (int(words[1]) % 65536 if len(words) > 1 else 0)
        first = low + 65536 * high - 1
    else:
        first = int(content["header"]["points"]["first_frame"])
    return first / rate if rate > 0 else 0.0


def _markers(content: Any, start: float, path: Path) -> MarkerTrajectories:
    parameters, points = content["parameters"], content["data"]["points"]
    computed = {label for group in COMPUTED_POINTS for label in _value(parameters, "POINT", group)}
    computed |= _members_of_type_groups(parameters)
    labels = list(_value(parameters, "POINT", "LABELS"))[: points.shape[1]]
    kept = [i for i, label in enumerate(labels) if label.strip() and label not in computed and not label.startswith("*")]
    names = [labels[i].strip().rpartition(":")[2] for i in kept]  # "subject:LASI"
    if len(set(names)) != len(names):  # two people in one capture
        names = [labels[i].strip() for i in kept]
    unit = next(iter(_value(parameters, "POINT", "UNITS")), "mm").lower()
    if unit not in METRES:
        raise FileFormatError(f"{path}: POINT:UNITS is {unit!r}, expected mm, cm or m; correct the file's parameters.")
    frames = points.shape[2]
    if frames == 0:
        raise FileFormatError(f"{path} holds no frame; export it again.")
    positions = np.ascontiguousarray(points[:3, kept].astype(np.float64).transpose(2, 1, 0)) * METRES[unit]
    seen = content["data"]["meta_points"]["residuals"][0, kept].T >= 0
    positions[~seen | (positions == 0).all(axis=2) | np.isnan(positions).any(axis=2)] = np.nan
    require_plausible_extent(positions, path, f"it says POINT:UNITS {unit}")
    time = start + np.arange(frames) / float(parameters["POINT"]["RATE"]["value"][0])
    return MarkerTrajectories(time=time, markers=tuple(names), positions=positions, source=str(path))


def _members_of_type_groups(parameters: Any) -> set[str]:
    """Return the labels that POINT:TYPE_GROUPS calls computed: pairs of a type and the parameter that lists its members."""
    groups = list(np.ravel(_value(parameters, "POINT", "TYPE_GROUPS")))
    return {label for group in groups if isinstance(group, str) for label in _value(parameters, "POINT", group) if isinstance(label, str)}


def _analog(content: Any, start: float, path: Path) -> TimeSeries:
    values = content["data"]["analogs"][0].T.astype(np.float64)
    labels = [label.strip() for label in _value(content["parameters"], "ANALOG", "LABELS")][: values.shape[1]]
    labels += [f"analog {i + 1}" for i in range(len(labels), values.shape[1])]
    rate = _scalar(content["parameters"], "ANALOG", "RATE", 0.0)
    if values.shape[0] == 0 or rate <= 0:
        points = content["data"]["points"].shape[2]
        rate = float(content["parameters"]["POINT"]["RATE"]["value"][0])
        return TimeSeries(time=start + np.arange(points) / rate, labels=(), values=np.empty((points, 0)), source=str(path))
    return TimeSeries(time=start + np.arange(len(values)) / rate, labels=tuple(_unique(labels)), values=values, source=str(path))


def _unique(labels: list[str]) -> list[str]:
    """Number the second and later of equal labels, as in "Voltage.not_used 2"; unused channels are often called alike."""
    seen: dict[str, int] = {}
    result = []
    for label in labels:
        seen[label] = seen.get(label, 0) + 1
        result.append(label if seen[label] == 1 else f"{label} {seen[label]}")
    return result


def _forces(content: Any, start: float, path: Path) -> ForcePlateData:
    """Force, centre of pressure and free moment of each plate, in the columns of an OpenSim ExternalLoads file."""
    platforms = content["data"]["platform"]
    prefixes = tuple(f"plate{i + 1}" for i in range(len(platforms)))
    labels: list[str] = []
    columns: list[FloatArray] = []
    for prefix, platform in zip(prefixes, platforms, strict=True):
        force = np.nan_to_num(platform["force"])
        up = np.cross(platform["corners"][:, 1] - platform["corners"][:, 0], platform["corners"][:, 2] - platform["corners"][:, 1])
        loaded = np.abs(np.linalg.norm(up) and up / np.linalg.norm(up) @ force) > LOADED
        metres = METRES.get(str(platform["unit_position"]).lower(), 1e-3)
        newton_metres = 1e-3 if "mm" in str(platform["unit_moment"]).lower() else 1.0
        # Without load the centre of pressure is 0/0: put it and the free moment to zero, as OpenSim's own examples do.
        point = np.where(loaded, np.nan_to_num(platform["center_of_pressure"]), 0.0) * metres
        moment = np.where(loaded, np.nan_to_num(platform["Tz"]), 0.0) * newton_metres
        columns += [force, point, moment]
        labels += [f"{prefix}_{kind}{axis}" for kind in "vpm" for axis in "xyz"]
    values = np.concatenate(columns).T if columns else np.empty((0, 0))
    if len(values) == 0:
        raise FileFormatError(f"{path} names {len(platforms)} force plates and holds no sample of them; export it again.")
    rate = _scalar(content["parameters"], "ANALOG", "RATE", 0.0)
    time = start + np.arange(len(values)) / rate
    return ForcePlateData(forces=TimeSeries(time=time, labels=tuple(labels), values=values, source=str(path)), plates=prefixes)


def _person(content: Any) -> Person:
    """Read mass and height from the group PROCESSING, as Vicon's systems write it: kg and mm; nobody typed them where they are 0."""
    mass = _scalar(content["parameters"], "PROCESSING", "Bodymass", 0.0)
    height = _scalar(content["parameters"], "PROCESSING", "Height", 0.0) / 1000.0
    return Person(mass=mass if PERSON_MASS[0] < mass < PERSON_MASS[1] else None, height=height if 0.3 < height < 2.6 else None)


def _events(content: Any) -> tuple[Event, ...]:
    parameters = content["parameters"]
    names = list(_value(parameters, "EVENT", "LABELS"))
    times = np.asarray(_value(parameters, "EVENT", "TIMES"), dtype=np.float64)
    if not names or times.size == 0:
        return ()
    times = times.reshape(2, -1)
    contexts = list(_value(parameters, "EVENT", "CONTEXTS")) + [""] * len(names)
    events = [
        Event(name=name.strip(), context=context.strip(), time=float(60 * minutes + seconds))
        for name, context, minutes, seconds in zip(names, contexts, times[0], times[1], strict=False)
    ]
    return tuple(sorted(events, key=lambda event: event.time))
