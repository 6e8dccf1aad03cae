"""Inspect a file: find its kind by its suffix, read it with the reader of that kind, and state what it holds."""

from collections import Counter
from pathlib import Path

import numpy as np

from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.errors import NmscalError
from osim_nmscal.formats.c3d import read_c3d
from osim_nmscal.formats.emg_table import STORAGE_SUFFIXES, TABLE_SUFFIXES, read_table
from osim_nmscal.formats.storage import read_storage
from osim_nmscal.formats.trc import read_trc
from osim_nmscal.inspection.facts import EventFacts, FileFacts, MarkerSetFacts, ModelFacts, PlateFacts, TableFacts
from osim_nmscal.inspection.plates import mean_force, plate_facts
from osim_nmscal.inspection.signals import emg_channels, marker_facts, table_facts
from osim_nmscal.osim_model.reader import (
    muscle_elements,
    read_body_masses,
    read_coordinates,
    read_document,
    read_marker_names,
)

KINDS = ("c3d", "trc", "mot", "sto", "csv", "txt", "tsv", "osim")
# OpenSim's own axes: nothing to turn.
OPENSIM_AXES = "x y z"
# A plate that is not loaded but reads more was not zeroed or drifts, N. Source: choice.
LARGEST_OFFSET = 10.0


def files_below(folder: Path) -> tuple[Path, ...]:
    """Return the files of known kinds in a folder and its subfolders, without hidden ones."""
    found = (path for path in sorted(folder.rglob("*")) if path.suffix.lower().lstrip(".") in KINDS and path.is_file())
    return tuple(path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def inspect_file(path: Path | str) -> FileFacts:
    """State what a file holds.

    Args:
        path: a .c3d, .trc, .mot, .sto, .csv, .txt, .tsv or .osim.

    Returns:
        The facts; a file that cannot be read has its reason in `problem` instead of an exception, so that a folder of files
        can be looked through.

    Example:
        >>> facts = inspect_file("models/virtual_arm.osim")
        >>> facts.model.mass, len(facts.model.muscles)
        (77.0, 19)
    """
    path = Path(path)
    readers = {".c3d": _c3d, ".trc": _trc, ".osim": _osim}
    readers |= dict.fromkeys(STORAGE_SUFFIXES, _storage) | dict.fromkeys(TABLE_SUFFIXES, _table)
    reader = readers.get(path.suffix.lower())
    kind = path.suffix.lower().lstrip(".") or "unknown"
    if reader is None:
        return FileFacts(path=path, kind=kind, problem=f"{path} is of a kind that is not inspected; known are {', '.join(KINDS)}.")
    try:
        return reader(path)
    except NmscalError as error:
        return FileFacts(path=path, kind=kind, problem=str(error))


def _c3d(path: Path) -> FileFacts:
    remarks: list[str] = []
    try:
        recording = read_c3d(path, axes=OPENSIM_AXES)
    except NmscalError as error:
        recording = read_c3d(path, axes=OPENSIM_AXES, plates=False)
        remarks.append(f"Its force plates cannot be read: {error}")
    forces = recording.forces.forces if recording.forces is not None else None
    plates = plate_facts(forces) if forces is not None else ()
    markers = marker_facts(recording.markers, mean_force(forces) if forces is not None else None) if recording.markers.markers else None
    table = table_facts(recording.analog) if recording.analog.labels else None
    if table is not None:
        table = _as_emg(table, recording.analog)
    return FileFacts(
        path=path,
        kind="c3d",
        markers=markers,
        table=table,
        plates=plates,
        events=tuple(EventFacts(name=event.name, context=event.context, time=event.time) for event in recording.events),
        mass=recording.person.mass,
        height=recording.person.height,
        remarks=(*remarks, *_marker_remarks(markers), *_plate_remarks(plates)),
    )


def _as_emg(table: TableFacts, analog: TimeSeries) -> TableFacts:
    """Describe the analog channels of a c3d by those among them that may be EMG."""
    chosen = emg_channels(analog.labels)
    if not chosen:
        return table
    emg = table_facts(analog.select(chosen))
    return TableFacts(content=emg.content, unit=emg.unit, clock=table.clock, columns=table.columns)


def _trc(path: Path) -> FileFacts:
    markers = marker_facts(read_trc(path))
    remarks = list(_marker_remarks(markers))
    if markers.axes is not None and markers.axes.axes.split()[1] != "y":
        remarks.append(
            f"Its y axis does not point up ({markers.axes.reason}); OpenSim needs y up: export it turned by '{markers.axes.axes}'."
        )
    return FileFacts(path=path, kind="trc", markers=markers, remarks=tuple(remarks))


def _storage(path: Path) -> FileFacts:
    return _columns(path, read_storage(path))


def _table(path: Path) -> FileFacts:
    return _columns(path, read_table(path))


def _columns(path: Path, series: TimeSeries) -> FileFacts:
    table = table_facts(series)
    plates = plate_facts(series)
    return FileFacts(
        path=path,
        kind=path.suffix.lower().lstrip("."),
        table=table,
        plates=plates,
        remarks=(*_table_remarks(table), *_plate_remarks(plates)),
    )


def _osim(path: Path) -> FileFacts:
    document = read_document(path)
    elements = muscle_elements(document)
    masses = read_body_masses(path)
    model = ModelFacts(
        muscles=tuple(elements),
        muscle_classes=dict(Counter(str(element.tag) for element in elements.values())),
        coordinates=read_coordinates(path),
        markers=read_marker_names(path),
        bodies=tuple(masses),
        mass=float(np.sum(list(masses.values()))),
    )
    remarks = () if model.markers else ("It has no markers: inverse kinematics needs a model with the markers of your recordings.",)
    return FileFacts(path=path, kind="osim", model=model, remarks=remarks)


def _marker_remarks(markers: MarkerSetFacts | None) -> tuple[str, ...]:
    if markers is None:
        return ()
    remarks = []
    if markers.clock.has_hole:
        remarks.append(
            f"The time axis has a step of {markers.clock.longest_step:.3g} s at {markers.clock.rate:.4g} Hz: frames are missing."
        )
    if never := [marker.name for marker in markers.markers if marker.seen == 0]:
        remarks.append(f"Never seen: {', '.join(never)}.")
    return tuple(remarks)


def _table_remarks(table: TableFacts) -> tuple[str, ...]:
    remarks = []
    if table.clock.has_hole:
        remarks.append(f"The time axis has a step of {table.clock.longest_step:.3g} s at {table.clock.rate:.4g} Hz: samples are missing.")
    if empty := [column.label for column in table.columns if column.missing]:
        remarks.append(f"Not a number in places: {', '.join(empty)}.")
    if table.content in ("raw EMG", "EMG envelopes") and (still := [column.label for column in table.columns if column.constant]):
        remarks.append(f"Constant, so without a signal: {', '.join(still)}.")
    return tuple(remarks)


def _plate_remarks(plates: tuple[PlateFacts, ...]) -> tuple[str, ...]:
    if not plates:
        return ()
    if not any(plate.contacts for plate in plates):
        highest = max(plate.peak for plate in plates)
        return (f"No force plate is loaded (highest force {highest:.0f} N): no joint moments can be computed from this recording.",)
    drifting = [f"{plate.name} reads {plate.offset:.0f} N when idle" for plate in plates if plate.offset > LARGEST_OFFSET]
    return (f"Not zeroed or drifting: {', '.join(drifting)}.",) if drifting else ()
