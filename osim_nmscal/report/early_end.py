"""For whoever runs it: where a run ended before its last station, why, what to do, and what there is all the same."""

from osim_nmscal.report.blocks import Block, Cell, Column, Section, Table, Text, rows_of
from osim_nmscal.report.data import EarlyEnd, ReportData

_TITLES = {
    "failed": "The run failed in {station}.",
    "interrupted": "The run was interrupted in {station}.",
    "killed": "The run has not ended: it was stopped at or before {station}, or is still at work.",
    "partial": "Only a part was run, up to {station}.",
}
_NEXT = {
    "failed": "Change what is said above, then give the same command again: finished stations are kept and not run again.",
    "interrupted": "The same command goes on from there: finished stations are kept and not run again.",
    "killed": "The same command goes on from there: finished stations are kept and not run again.",
    "partial": "A run without --only makes the rest.",
}


def sentence(end: EarlyEnd) -> str:
    """Say in one sentence where a run ended."""
    return _TITLES[end.kind].format(station=end.station.replace("_", " "))


def early_end_section(data: ReportData, empty: tuple[str, ...]) -> Section | None:
    """Build the section; none for a run that came to its end.

    Args:
        data: of the run.
        empty: titles of the sections of which there is nothing yet.
    """
    end = data.early_end
    if end is None:
        return None
    blocks: list[Block] = [Text(title="What to do", paragraphs=(_NEXT[end.kind],)), _flow(data, end)]
    if end.files:
        columns = (Column(title="station"), Column(title="file"))
        caption = f"What has been written by then ({len(end.files)} files), in the results folder or in its unfinished/."
        blocks.append(Table(caption=caption, columns=columns, rows=rows_of(end.files), folded=len(end.files) > 12))
    if empty:
        blocks.append(Text(title="What is not there yet", paragraphs=(f"Nothing can be shown of: {', '.join(empty)}.",)))
    lead = "A run passes one station after another; what has finished is kept, and is shown below as far as it goes."
    return Section(key="ending", title="Where the run ended", reader="for whoever runs it", lead=lead, blocks=tuple(blocks))


def _flow(data: ReportData, end: EarlyEnd) -> Table:
    rows: list[tuple[Cell, ...]] = [(_name(one.name), "unchanged" if one.cached else "finished", one.seconds) for one in data.stations]
    done = {one.name for one in data.stations}
    how = {"failed": "failed", "interrupted": "interrupted"}.get(end.kind, "")
    marked: frozenset[int] = frozenset()
    if how:
        # of a station that failed some recordings may be done
        rows = [row for row, one in zip(rows, data.stations, strict=True) if one.name != end.station]
        marked = frozenset({len(rows)})
        rows.append((_name(end.station), how, None))
    rows += [(_name(name), "not run", None) for name in end.waiting if name not in done and name != end.station]
    columns = (Column(title="station"), Column(title="state"), Column(title="time", digits=1, unit="s"))
    return Table(caption="The stations of this run.", columns=columns, rows=rows_of(rows), marked=marked)


def _name(station: str) -> str:
    return station.replace("_", " ")
