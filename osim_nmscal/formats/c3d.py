"""Markers, force plates, analog channels (EMG) and events of a c3d file.

Source: https://www.c3d.org; read by ezc3d, whose force-plate filter gives forces and moments in the laboratory frame for plates
of types 1 to 4 (forces are those on the person). The clock is the capture's own: frame 1 of the capture is 0 s, so a file that was
cut starts later, and events are on that clock too. Lengths become m, moments N*m.
Departure: axes are turned on request only. Most laboratories have z up, OpenSim has y up: `axes="x z -y"`.

ezc3d works in a process of its own, within limits of time and memory: one changed byte can make it crash, hang for 40 s, or take
8.6 GB. What it finds is kept, a refusal too, so that a file costs one process however often it is read.
"""

import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.time_series import ForcePlateData, MarkerTrajectories, TimeSeries
from osim_nmscal.errors import FileFormatError
from osim_nmscal.formats.c3d_content import Capture, Event, Person, parse_capture
from osim_nmscal.formats.text_files import read_bytes
from osim_nmscal.worker.process import Limits, WorkerError, call

FloatArray = NDArray[np.float64]

# Limits of the process that parses a file of so many bytes. Honest files took up to 0.15 s per MB, and 10 times their size of memory
# (45 MB: 1.1 s, 460 MB; with 86 channels and five plates 1.1 MB: 0.16 s), behind a start of 0.3 s. Source: measured with ezc3d
# 1.5; the start two hundredfold, as a busy machine took 4.5 s at times, the rest twofold to sevenfold.
SECONDS, SECONDS_PER_MEGABYTE = 60.0, 1.0
MEMORY, MEMORY_PER_BYTE = 2 * 2**30, 20
# Captures are kept up to this many bytes in all. Source: choice; a session of fifty one-minute recordings.
KEPT_BYTES = 512 * 2**20
# First word of a c3d file's parameter section and of its header; and the processors it can name. Source: c3d.org.
KEY, PROCESSORS, BLOCK = 0x50, (84, 85, 86), 512

_kept: OrderedDict[tuple[str, bytes], Capture | str] = OrderedDict()  # a refusal is its sentence
_lock = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class C3dRecording:
    """What one c3d file holds."""

    markers: MarkerTrajectories
    analog: TimeSeries  # every analog channel in its own unit, at the analog rate
    forces: ForcePlateData | None  # at the analog rate; prefixes plate1, plate2, ...
    events: tuple[Event, ...]  # in order of time
    person: Person = field(default_factory=Person)  # as typed at the capture


def read_c3d(path: Path | str, *, axes: str = "x y z", plates: bool = True) -> C3dRecording:
    """Read a c3d file.

    Args:
        path: the file.
        axes: which laboratory axis becomes x, y and z of the result, e.g. "x z -y" from z up to OpenSim's y up.
        plates: whether to read the force plates; without, a file with plates of an unknown type can be read for its EMG.

    Returns:
        Markers (m), analog channels, ground reaction of each plate (N, m, N*m) and events.

    Raises:
        FileFormatError: missing, truncated, damaged, not a c3d file, or without frames; names the file and says what to do.

    Example:
        >>> from osim_nmscal.virtual_subject.laboratory.c3d_file import write_c3d
        >>> seen = MarkerTrajectories(time=time, markers=("heel",), positions=np.tile([0.1, 0.2, 0.3], (len(time), 1, 1)))
        >>> emg = TimeSeries(time=np.arange(1000) / 1000.0, labels=("TA",), values=np.zeros((1000, 1)))
        >>> capture = read_c3d(write_c3d(Path("walk.c3d"), seen, emg), axes="x z -y")
        >>> capture.markers.positions[0, 0].round(6), capture.analog.labels
        (array([0.1, 0.2, 0.3]), ('TA',))
    """
    rotation = rotation_from_axes(axes)
    capture = _capture(Path(path))
    if plates and capture.plates_problem:
        raise FileFormatError(capture.plates_problem)
    return C3dRecording(
        markers=replace(capture.markers, positions=capture.markers.positions @ rotation.T),
        analog=replace(capture.analog, values=capture.analog.values.copy()),
        forces=_turned(capture.forces, rotation) if plates and capture.forces is not None else None,
        events=capture.events,
        person=capture.person,
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


def _capture(path: Path) -> Capture:
    """Parse a file unless the same bytes have been parsed before."""
    raw = read_bytes(path)
    key = (str(path), hashlib.blake2b(raw, digest_size=16).digest())
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _accepted(_kept[key])
    _require_c3d(raw, path)
    limits = Limits(seconds=SECONDS + SECONDS_PER_MEGABYTE * len(raw) / 1e6, memory=MEMORY + MEMORY_PER_BYTE * len(raw))
    found: Capture | str
    try:
        found = call(parse_capture, path.absolute(), limits=limits)
    except FileFormatError as error:
        found = str(error)
    except WorkerError as error:
        if error.kind in ("disk", "system"):  # may be otherwise next time
            raise FileFormatError(f"{path} cannot be read as c3d: {error}") from None
        found = f"{path} cannot be read as c3d: {error} The file is damaged: copy or export it again."
    with _lock:
        _kept[key] = found
        while len(_kept) > 1 and sum(map(_size, _kept.values())) > KEPT_BYTES:
            _kept.popitem(last=False)
    return _accepted(found)


def _accepted(found: Capture | str) -> Capture:
    if isinstance(found, str):
        raise FileFormatError(found)
    return found


def _require_c3d(raw: bytes, path: Path) -> None:
    """Refuse what is no c3d file by its first bytes: where the parameters lie, and whose numbers they are."""
    parameters = BLOCK * (raw[0] - 1)
    if len(raw) < 2 * BLOCK or raw[1] != KEY:
        raise FileFormatError(f"{path} cannot be read as c3d: it does not begin like one. Check the file, or export it again.")
    if not BLOCK <= parameters <= len(raw) - BLOCK or raw[parameters + 3] not in PROCESSORS:
        raise FileFormatError(f"{path} cannot be read as c3d: its section of parameters is not where the header says. Export it again.")


def _size(capture: Capture | str) -> int:
    if isinstance(capture, str):
        return len(capture)
    forces = 0 if capture.forces is None else capture.forces.forces.values.nbytes
    return capture.markers.positions.nbytes + capture.analog.values.nbytes + forces


def _turned(plates: ForcePlateData, rotation: FloatArray) -> ForcePlateData:
    """Turn the vectors, three columns each, of all plates."""
    values = plates.forces.values
    turned = (values.reshape(len(values), -1, 3) @ rotation.T).reshape(values.shape)
    return replace(plates, forces=replace(plates.forces, values=turned))
