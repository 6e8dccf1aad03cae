"""Markers, force plates, analog channels (EMG) and events of a c3d file.

Source: https://www.c3d.org; read by ezc3d, whose force-plate filter gives forces and moments in the laboratory frame for plates
of types 1 to 4 (forces are those on the person). The clock is the capture's own: frame 1 of the capture is 0 s, so a file that was
cut starts later, and events are on that clock too. Lengths become m, moments N*m.
Departure: axes are turned on request only. Most laboratories have z up, OpenSim has y up: `axes="x z -y"`.
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


@dataclass(frozen=True, kw_only=True)
class Event:
    """One event that was marked in the capture."""

    name: str  # e.g. "Foot Strike"
    context: str  # e.g. "Right"
    time: float  # s


@dataclass(frozen=True, kw_only=True)
class C3dRecording:
    """What one c3d file holds."""

    markers: MarkerTrajectories
    analog: TimeSeries  # every analog channel in its own unit, at the analog rate
    forces: ForcePlateData | None  # at the analog rate; prefixes plate1, plate2, ...
    events: tuple[Event, ...]  # in order of time


def read_c3d(path: Path | str, *, axes: str = "x y z", plates: bool = True) -> C3dRecording:
    """Read a c3d file.

    Args:
        path: the file.
        axes: which laboratory axis becomes x, y and z of the result, e.g. "x z -y" from z up to OpenSim's y up.
        plates: whether to read the force plates; without, a file with plates of an unknown type can be read for its EMG.

    Returns:
        Markers (m), analog channels, ground reaction of each plate (N, m, N*m) and events.

    Raises:
        FileFormatError: missing, truncated, not a c3d file, or without markers and channels.
    """
    path = Path(path)
    if not path.is_file():
        raise FileFormatError(f"{path} does not exist; check the path.")
    rotation = rotation_from_axes(axes)
    content = _content(path, plates=False)
    _require_complete(content, path)
    has_plates = plates and _scalar(content["parameters"], "FORCE_PLATFORM", "USED", 0) > 0
    if has_plates:
        content = _content(path, plates=True)
    start = _start_time(content)
    return C3dRecording(
        markers=_markers(content, start, rotation, path),
        analog=_analog(content, start, path),
        forces=_forces(content, start, rotation, path) if has_plates else None,
        events=_events(content),
    )


def rotation_from_axes(axes: str) -> FloatArray:
    """Return the rotation that a word like "x z -y" stands for.

    Args:
        axes: the laboratory axes that become x, y and z, parted by blanks or commas.

    Returns:
        (3, 3); new = rotation @ old.

    Raises:
        FileFormatError: not three different axes, or a mirror image.
    """
    words = axes.replace(",", " ").lower().split()
    rotation = np.zeros((3, 3))
    for row, word in enumerate(words[:3]):
        if word.lstrip("+-") not in ("x", "y", "z"):
            break
        rotation[row, "xyz".index(word.lstrip("+-"))] = -1.0 if word.startswith("-") else 1.0
    if len(words) != 3 or not np.isclose(np.linalg.det(rotation), 1.0):
        raise FileFormatError(f"The axes {axes!r} are no rotation, expected three different ones such as 'x y z' or 'x z -y'; change them.")
    return rotation


def _content(path: Path, *, plates: bool) -> Any:
    import ezc3d

    try:
        return ezc3d.c3d(str(path), extract_forceplat_data=plates)
    except (RuntimeError, OSError, ValueError, IndexError, KeyError, MemoryError) as error:
        raise FileFormatError(f"{path} cannot be read as c3d: {error}. Export it again.") from error


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


def _start_time(content: Any) -> float:
    """Return the time of the first frame, s; TRIAL holds it beyond the header's 65535 frames, in two 16-bit words."""
    words = np.atleast_1d(_value(content["parameters"], "TRIAL", "ACTUAL_START_FIELD"))
    rate = float(content["header"]["points"]["frame_rate"])
    if len(words):
        low, high = int(words[0]) % 65536, (int(words[1]) % 65536 if len(words) > 1 else 0)
        first = low + 65536 * high - 1
    else:
        first = int(content["header"]["points"]["first_frame"])
    return first / rate if rate > 0 else 0.0


def _markers(content: Any, start: float, rotation: FloatArray, path: Path) -> MarkerTrajectories:
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
    positions = np.einsum("ij,jmt->tmi", rotation, points[:3, kept].astype(np.float64)) * METRES[unit]
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


def _forces(content: Any, start: float, rotation: FloatArray, path: Path) -> ForcePlateData:
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
        columns += [rotation @ force, rotation @ point, rotation @ moment]
        labels += [f"{prefix}_{kind}{axis}" for kind in "vpm" for axis in "xyz"]
    values = np.concatenate(columns).T if columns else np.empty((0, 0))
    if len(values) == 0:
        raise FileFormatError(f"{path} names {len(platforms)} force plates and holds no sample of them; export it again.")
    rate = _scalar(content["parameters"], "ANALOG", "RATE", 0.0)
    time = start + np.arange(len(values)) / rate
    return ForcePlateData(forces=TimeSeries(time=time, labels=tuple(labels), values=values, source=str(path)), plates=prefixes)


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
