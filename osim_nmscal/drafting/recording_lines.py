"""The table of one recording in a drafted configuration: its files, axes, plates and feet, and how its trials are found."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from osim_nmscal.drafting.folder import RecordingFiles
from osim_nmscal.drafting.notes import Notes
from osim_nmscal.drafting.plate_feet import PlateFoot, feet_on_plates
from osim_nmscal.drafting.setups import loaded_foot, loads_text
from osim_nmscal.errors import NmscalError
from osim_nmscal.formats.c3d import read_c3d
from osim_nmscal.formats.storage import read_storage
from osim_nmscal.formats.trc import read_trc
from osim_nmscal.inspection.facts import PlateFacts
from osim_nmscal.inspection.plates import plate_facts


@dataclass(frozen=True, kw_only=True)
class RecordingLines:
    """One [[recordings]] table, and how its trials are found."""

    table: tuple[str, ...]
    segmentation: tuple[str, ...]  # without a heading

    def whole(self, *, with_segmentation: bool) -> tuple[str, ...]:
        """Return the lines, the segmentation below a heading of its own or left to [trials.segmentation]."""
        return (*self.table, "", "[recordings.segmentation]", *self.segmentation) if with_segmentation else self.table


def recording_lines(recording: RecordingFiles, side: str, notes: Notes) -> RecordingLines:
    """Return the lines of one [[recordings]] table.

    Args:
        recording: its files.
        side: "r" or "l", the one that EMG was recorded of.
        notes: take questions and further files.
    """
    feet = _feet(recording)
    return RecordingLines(table=tuple(_table(recording, feet, notes)), segmentation=tuple(_segmentation(recording, feet, side, notes)))


def _table(recording: RecordingFiles, feet: Sequence[PlateFoot], notes: Notes) -> Iterator[str]:
    yield "[[recordings]]"
    yield f'name = "{recording.name}"'
    if recording.markers is not None:
        yield f'markers = "{notes.path(recording.markers.path)}"'
        c3d = recording.markers.kind == "c3d" or (recording.forces is not None and recording.forces.kind == "c3d")
        axes = recording.markers.markers.axes if recording.markers.markers is not None else None
        if c3d and axes is not None:
            yield f'c3d_axes = "{axes.axes}"   # GUESS: {axes.reason}'
        elif c3d:
            yield notes.ask(f"how do the axes of {recording.name} lie? (c3d_axes, the default is 'x z -y')")
    elif recording.angles is not None:
        yield f'joint_angles = "{notes.path(recording.angles.path)}"'
    yield from _loads(recording, feet, notes)
    if recording.emg is not None:
        yield f'emg = "{notes.path(recording.emg.path)}"'


def _loads(recording: RecordingFiles, feet: Sequence[PlateFoot], notes: Notes) -> Iterator[str]:
    if recording.moments is not None and recording.markers is None:
        yield f'joint_moments = "{notes.path(recording.moments.path)}"'
        if recording.forces is not None:
            yield f'forces = "{notes.path(recording.forces.path)}"   # to find the trials'
        return
    if recording.loads is not None:
        yield f'external_loads = "{notes.path(recording.loads)}"'
        return
    if recording.forces is None:
        yield notes.ask(f"which forces act on the person in {recording.name}? No force file was found.")
        yield '# external_loads = "none"   # if nothing touches the person; else an ExternalLoads XML'
        return
    if recording.forces.kind == "c3d":
        yield f'forces = "{notes.path(recording.forces.path)}"'
        known = {foot.plate: notes.foot(foot.side) for foot in feet if foot.side}
        if known:
            pairs = ", ".join(f'{plate} = "{body}"' for plate, body in known.items())
            yield f"force_plates = {{{pairs}}}   # GUESS: the foot nearest to the centre of pressure"
        for foot in feet:
            if foot.both or not foot.side:
                yield notes.ask(f"{foot.plate} of {recording.name}: both feet stepped on it, or none was near; which one is it?")
        if not known:
            yield notes.ask(f"no plate of {recording.name} carries a foot; leave the recording out, or give its joint moments.")
        return
    yield from _drafted_loads(recording, feet, notes)


def _drafted_loads(recording: RecordingFiles, feet: Sequence[PlateFoot], notes: Notes) -> Iterator[str]:
    """Write an ExternalLoads document for a force file whose feet are known."""
    forces = recording.forces
    if forces is None or forces.table is None:
        return
    columns = {plate.name: plate.force_columns for plate in forces.plates}
    sure = [foot for foot in feet if foot.side and not foot.both]
    found = [loaded_foot(columns[foot.plate], forces.table.labels, notes.foot(foot.side)) for foot in sure]
    named = [one for one in found if one is not None]
    if not named or len(named) < len(found):
        yield notes.ask(f"make an ExternalLoads XML for {forces.path.name}: which columns act on which foot?")
        yield '# external_loads = "external_loads.xml"'
        return
    name = f"{recording.name}_loads.xml"
    notes.files[name] = loads_text(named, notes.path(forces.path))
    said = ", ".join(f"{foot.plate} on {notes.foot(foot.side)} ({1000 * foot.distance:.0f} mm away)" for foot in sure)
    yield f'external_loads = "{name}"   # GUESS: {said}'


def _feet(recording: RecordingFiles) -> tuple[PlateFoot, ...]:
    forces_of, markers_of = recording.forces, recording.markers
    if forces_of is None or markers_of is None or markers_of.markers is None:
        return ()
    axes = markers_of.markers.axes.axes if markers_of.markers.axes is not None else "x z -y"
    try:
        if forces_of.kind == "c3d":
            content = read_c3d(forces_of.path, axes=axes)
            forces = content.forces.forces if content.forces is not None else None
            markers = content.markers if markers_of.kind == "c3d" else read_trc(markers_of.path)
        else:
            forces = read_storage(forces_of.path)
            markers = read_c3d(markers_of.path, axes=axes).markers if markers_of.kind == "c3d" else read_trc(markers_of.path)
    except NmscalError:
        return ()
    return feet_on_plates(plate_facts(forces), forces, markers) if forces is not None else ()


def _segmentation(recording: RecordingFiles, feet: Sequence[PlateFoot], side: str, notes: Notes) -> Iterator[str]:
    if recording.forces is None:
        yield notes.ask(f"where in {recording.name} do trials begin and end?")
        yield 'method = "times"'
        yield "# times = [[0.0, 1.0]]   # s, start and end of each trial"
        return
    mine = [foot.plate for foot in feet if foot.side == side]
    loaded = [plate for plate in recording.forces.plates if plate.contacts]
    yield 'method = "stance"'
    if not loaded:
        yield notes.ask(f"which column holds the vertical force of {recording.name}?")
        yield '# force_column = "..."'
        return
    candidates = [plate for plate in loaded if plate.name in mine] or [_by_name(loaded, side)]
    columns = [plate.force_columns[1] for plate in candidates]
    why = "the foot with EMG" if candidates[0].name in mine else "by its name; is it the foot with EMG?"
    written = f'"{columns[0]}"' if len(columns) == 1 else "[" + ", ".join(f'"{column}"' for column in columns) + "]"
    yield f"force_column = {written}   # GUESS: {why}"


def _by_name(plates: Sequence[PlateFacts], side: str) -> PlateFacts:
    """Return the plate whose name tells the side, else the first that does not tell the other one.

    OpenSim's examples call the right foot's force "ground_force" and the left one's "1_ground_force" or "l_ground_force".
    """
    told = {plate.name: _told_side(plate.name) for plate in plates}
    mine = [plate for plate in plates if told[plate.name] == side]
    silent = [plate for plate in plates if not told[plate.name]]
    return (mine or silent or list(plates))[0]


def _told_side(name: str) -> str:
    words = re.split(r"[_.\- ]", name.lower())
    if {"l", "left", "1"} & set(words):
        return "l"
    return "r" if {"r", "right"} & set(words) else ""
