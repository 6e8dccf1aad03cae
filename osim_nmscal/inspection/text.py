"""An inspection as lines of text for a terminal."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from osim_nmscal.inspection.facts import Clock, ColumnFacts, FileFacts, MarkerSetFacts, ModelFacts, PlateFacts, TableFacts
from osim_nmscal.inspection.plates import PERSON
from osim_nmscal.inspection.signals import emg_channels

# Heights of a sketch over time, lowest first; a blank is no load.
_BARS = " ▁▂▃▄▅▆▇█"
# Columns shown one by one with their range; more are listed by label only.
_FEW = 12
_WIDTH = 110


def inspection_text(facts: FileFacts) -> str:
    """Return what `osim-nmscal inspect` prints of one file.

    Example:
        >>> print(inspection_text(inspect_file("models/virtual_arm.osim")).splitlines()[1])
          mass        77.00 kg, 4 bodies
    """
    return "\n".join(_lines(facts))


def _lines(facts: FileFacts) -> Iterator[str]:
    yield str(facts.path)
    if facts.problem:
        yield f"  cannot be read: {facts.problem}"
        return
    if facts.model is not None:
        yield from _model(facts.model)
    if facts.markers is not None:
        yield from _markers(facts.markers, c3d=facts.kind == "c3d")
    if facts.table is not None:
        yield from _channels(facts.table) if facts.kind == "c3d" else _table(facts.table)
    if facts.plates:
        yield from _plates(facts.plates)
    if facts.events:
        names = [f"{event.context} {event.name} {event.time:.3f} s".strip() for event in facts.events]
        yield from _listing(f"events ({len(names)})", names)
    told = [f"{value:g} {unit}" for value, unit in ((facts.mass, "kg"), (facts.height, "m")) if value is not None]
    if told:
        yield f"  person      {', '.join(told)} (as typed at the capture)"
    for remark in facts.remarks:
        yield f"  look at     {remark}"


def _markers(markers: MarkerSetFacts, *, c3d: bool) -> Iterator[str]:
    yield f"  markers     {len(markers.markers)}, {_clock(markers.clock)}"
    yield from _listing("names", markers.names)
    if markers.height == markers.height:
        yield f"  extent      {markers.height:.2f} m high, travels {markers.travel:.2f} m (read as metres)"
    gaps = [f"{m.name} {m.gaps}x, longest {m.longest_gap:.3f} s" for m in markers.markers if m.gaps and m.seen]
    yield from _listing(f"gaps in {len(gaps)}", gaps) if gaps else iter(["  gaps        none"])
    if markers.axes is not None and c3d:
        yield f'  axes        c3d_axes = "{markers.axes.axes}"   (a guess: {markers.axes.reason})'
    elif markers.axes is not None and markers.axes.axes.split()[1] == "y":
        yield "  axes        y points up, as OpenSim has it"
    elif markers.axes is None:
        yield "  axes        not told: too few markers, nothing near a floor at 0, or no left and right"


def _table(table: TableFacts) -> Iterator[str]:
    yield f"  columns     {len(table.columns)}, {_clock(table.clock)}"
    yield f"  content     {table.content}, {table.unit}   (a guess)"
    if len(table.columns) > _FEW:
        yield from _listing("labels", table.labels)
    else:
        yield from _ranges(table.columns)


def _channels(table: TableFacts) -> Iterator[str]:
    """The analog channels of a c3d: those that may be EMG one by one, the others by kind."""
    emg = emg_channels(table.labels)
    yield f"  analog      {len(table.columns)} channels, {_clock(table.clock)}"
    yield f"  EMG         {len(emg)} channels may be EMG: {table.content}, {table.unit}   (a guess)"
    yield from _ranges([column for column in table.columns if column.label in emg])
    kinds = Counter(re.sub(r"\d+", "#", label) for label in table.labels if label not in emg)
    yield from _listing("others", [f"{kind} ({count})" if count > 1 else kind for kind, count in kinds.items()])


def _ranges(columns: Sequence[ColumnFacts]) -> Iterator[str]:
    width = max((len(column.label) for column in columns), default=0)
    for column in columns:
        missing = f", {column.missing} missing" if column.missing else ""
        span = "constant" if column.constant else f"{column.lowest:.4g} to {column.highest:.4g}"
        yield f"              {column.label:<{width}}  {span}{missing}"


def _plates(plates: Sequence[PlateFacts]) -> Iterator[str]:
    width = max(len(plate.name) for plate in plates)
    highest = max(PERSON, *(plate.peak for plate in plates))  # noise of empty plates is not to look like steps
    for i, plate in enumerate(plates):
        contacts = "; ".join(f"{c.start:.2f}-{c.end:.2f} s {c.peak:.0f} N" for c in plate.contacts[:3])
        more = f"; {len(plate.contacts)} contacts in all" if len(plate.contacts) > 3 else ""
        head = "  plates      " if i == 0 else "              "
        yield f"{head}{plate.name:<{width}} |{_sketch(plate.load, highest)}| {contacts or f'not loaded (peak {plate.peak:.0f} N)'}{more}"


def _model(model: ModelFacts) -> Iterator[str]:
    yield f"  mass        {model.mass:.2f} kg, {len(model.bodies)} bodies"
    classes = ", ".join(f"{count} {name}" for name, count in model.muscle_classes.items())
    yield from _listing(f"{classes}", model.muscles)
    rotations = [_coordinate(c.name, c.rotational, c.range, locked=c.locked, coupled=c.coupled_to) for c in model.coordinates]
    yield from _listing(f"{len(rotations)} coordinates", rotations)
    yield from _listing(f"{len(model.markers)} markers", model.markers)


def _coordinate(name: str, rotational: bool, limits: tuple[float, float], *, locked: bool, coupled: tuple[str, ...]) -> str:
    low, high = np.rad2deg(limits) if rotational else limits
    state = ", locked" if locked else f", follows {' and '.join(coupled)}" if coupled else ""
    return f"{name} ({low:.3g} to {high:.3g} {'deg' if rotational else 'm'}{state})"


def _clock(clock: Clock) -> str:
    return f"{clock.samples} samples at {clock.rate:.5g} Hz, {clock.start:.3f} to {clock.end:.3f} s"


def _sketch(load: Sequence[float], highest: float) -> str:
    if highest <= 0:
        return " " * len(load)
    return "".join(_BARS[min(len(_BARS) - 1, int(np.ceil(value / highest * (len(_BARS) - 1) - 0.15)))] for value in load)


def _listing(title: str, names: Sequence[str]) -> Iterator[str]:
    """Wrap a list of names below its title."""
    if len(title) <= 11:
        line, indent = f"  {title:<12}", " " * 14
    else:
        yield f"  {title}"
        line = indent = " " * 14
    for i, name in enumerate(names):
        piece = name + (", " if i < len(names) - 1 else "")
        if len(line) + len(piece.rstrip()) > _WIDTH and line.strip():
            yield line.rstrip()
            line = indent
        line += piece
    if line.strip():
        yield line.rstrip()
