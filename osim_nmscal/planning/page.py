"""A plan as a page: what to record next, what each recording buys, and what is and would be known of every muscle."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from osim_nmscal.planning.candidates import agonists_of
from osim_nmscal.planning.information import Candidate, Expected, Plan
from osim_nmscal.planning.worth import Worth, how_many_known, named, narrowings, opening, worth
from osim_nmscal.report.blocks import Block, Cell, Column, Figure, LegendEntry, Missing, Section, Table, rows_of
from osim_nmscal.report.data import ReportData
from osim_nmscal.report.page import Head, page_html
from osim_nmscal.report.svg import Frame, Panel
from osim_nmscal.summaries.colours import CALIBRATED, QUIET, SYNTHESIZED, UNCALIBRATED
from osim_nmscal.summaries.parameters import TITLES

# Candidates of the figure; the table has all of them.
_DRAWN = 15
_ROW = 15  # pixels of an owner
_LEGEND = (
    LegendEntry(text="believed before any recording", colour="#dddddd", kind="bar"),
    LegendEntry(text="with the recordings at hand", colour=UNCALIBRATED, kind="dot"),
    LegendEntry(text="with the best further recording", colour=CALIBRATED, kind="dot"),
    LegendEntry(text="with all of them", colour=SYNTHESIZED, kind="dot"),
    LegendEntry(text="open: still assumed", colour=QUIET, kind="open"),
)


def plan_html(plan: Plan, candidates: Sequence[Candidate], *, subject: str = "", dofs: Sequence[str] = ()) -> str:
    """Return the page of a plan."""
    found = worth(plan)
    about = ReportData(
        subject=subject or "not named",
        model=f"{len({row.owner for row in plan.rows})} muscles and groups",
        date=datetime.now().strftime("%Y-%m-%d"),
        facts=(("degrees of freedom", ", ".join(dofs)),),
    )
    section = Section(
        key="plan",
        title="What each recording would tell",
        reader="before anything is recorded",
        lead="Standard deviations that a calibration would report, foreseen from the model, the recordings at hand and the noise of the "
        "settings: good for comparing recordings, less so for their absolute size. A parameter is known where its standard deviation is "
        "at most half of what was believed before.",
        blocks=(*_figures(plan, found), _order(found, candidates), _parameters(plan, found)),
    )
    return page_html(about, Head(light="info", sentence="What to record next", reasons=(opening(plan), how_many_known(plan))), (section,))


def write_plan_page(plan: Plan, candidates: Sequence[Candidate], path: Path, *, subject: str = "", dofs: Sequence[str] = ()) -> Path:
    """Write the page as one HTML file that needs no network; its folder must be there.

    Returns:
        The path.
    """
    path.write_text(plan_html(plan, candidates, subject=subject, dofs=dofs), encoding="utf-8", newline="\n")
    return path


def _figures(plan: Plan, found: Sequence[Worth]) -> tuple[Block, ...]:
    if not found or not plan.rows:
        return (Missing(what="Figures", why="nothing could be proposed, or no length or strength is free."),)
    best = plan.candidates.index(found[0].candidate)
    panels = []
    for quantity in dict.fromkeys(row.quantity for row in plan.rows):
        panels.append(_deviations(quantity, [row for row in plan.rows if row.quantity == quantity], best))
    return (
        Figure(caption="The best recordings in order, each given those above it.", panels=(_gains(found),), name="plan_order", wide=True),
        Figure(
            caption=f"Standard deviation of each parameter, and what it would be with {found[0].candidate}.",
            panels=tuple(panels),
            legend=_LEGEND,
            name="plan_deviations",
        ),
    )


def _gains(found: Sequence[Worth]) -> str:
    drawn = found[:_DRAWN]
    left = 12 + 5.6 * max(len(one.candidate) for one in drawn)
    frame = Frame(width=left + 260, height=60 + _ROW * len(drawn), left=left, top=24, bottom=34)
    ticks = [(len(drawn) - i - 0.5, one.candidate) for i, one in enumerate(drawn)]
    less = [100.0 * (1.0 - one.left_in_order) for one in drawn]
    label = "standard deviations less by, %"
    panel = Panel("Gain", (0.0, 1.08 * max(*less, 0.1)), (0, len(drawn)), x_label=label, y_ticks=ticks, frame=frame, grid=False)
    for i, (one, value) in enumerate(zip(drawn, less, strict=True)):
        y = len(drawn) - i - 0.5
        hint = f"{one.candidate}: {value:.1f} % given those above, {100 * (1 - one.left_alone):.1f} % alone"
        panel.bar(0.0, value, y - 0.32, y + 0.32, CALIBRATED, hint=hint)
    return panel.render()


def _deviations(quantity: str, rows: Sequence[Expected], best: int) -> str:
    left = 12 + 6.1 * max(len(row.owner) for row in rows)
    frame = Frame(width=left + 235, height=60 + _ROW * len(rows), left=left, top=24, bottom=34)
    ticks = [(len(rows) - i - 0.5, row.owner) for i, row in enumerate(rows)]
    largest = max(max(row.prior, row.at_hand) for row in rows)
    title, unit = TITLES.get(quantity, quantity), rows[0].unit
    label = f"standard deviation, {unit}"
    panel = Panel(title, (0.0, 1.05 * largest), (0, len(rows)), x_label=label, y_ticks=ticks, frame=frame, grid=False)
    for i, row in enumerate(rows):
        y, after = len(rows) - i - 0.5, row.after[best]
        hint = f"{row.owner}: believed {row.prior:.3g}, at hand {row.at_hand:.3g}, then {after:.3g}, with all {row.with_all:.3g} {unit}"
        panel.bar(0.0, row.prior, y - 0.22, y + 0.22, "#ececec", hint=hint)
        panel.line([row.with_all, row.at_hand], [y, y], QUIET, width=1.0, hint=hint)
        panel.dot(row.with_all, y, SYNTHESIZED, filled=row.known(row.with_all), hint=hint)
        panel.dot(row.at_hand, y, UNCALIBRATED, filled=row.known(row.at_hand), hint=hint)
        panel.dot(after, y, CALIBRATED, filled=row.known(after), hint=hint)
    return panel.render()


def _order(found: Sequence[Worth], candidates: Sequence[Candidate]) -> Block:
    trying = {one.name: agonists_of(one) for one in candidates}

    def pair(one: Worth, quantity: str, digits: int) -> Cell:
        before, after = one.means.get(quantity, (float("nan"), float("nan")))
        return f"{before:.{digits}f} → {after:.{digits}f}" if before == before else None

    rows: list[tuple[Cell, ...]] = [
        (
            one.place,
            one.candidate,
            100.0 * (1.0 - one.left_in_order),
            100.0 * (1.0 - one.left_alone),
            named(one.newly_known) or "–",
            narrowings(one) or "–",
            pair(one, "optimal_fiber_length", 1),
            pair(one, "working_point", 3),
            pair(one, "strength_coefficient", 1),
            ", ".join(trying.get(one.candidate, ())) or "–",
        )
        for one in found
    ]
    return Table(
        caption="Recordings in their best order. Mean standard deviations and what becomes known are of each recording alone.",
        columns=(
            Column(title="place", digits=0),
            Column(title="recording"),
            Column(title="less after those above", digits=1, unit="%"),
            Column(title="less alone", digits=1, unit="%"),
            Column(title="becomes known"),
            Column(title="narrows most"),
            Column(title="optimal fiber lengths, %"),
            Column(title="working points"),
            Column(title="strengths, %"),
            Column(title="agonists"),
        ),
        rows=rows_of(rows),
    )


def _parameters(plan: Plan, found: Sequence[Worth]) -> Block:
    def told(row: Expected) -> Cell:
        if not found:
            return None
        name, after = min(zip(plan.candidates, row.after, strict=True), key=lambda one: one[1])
        return f"{name} ({after:.3g})"

    rows: list[tuple[Cell, ...]] = [
        (
            row.owner,
            TITLES.get(row.quantity, row.quantity),
            row.unit,
            row.prior,
            row.at_hand,
            row.with_all,
            "known" if row.known(row.at_hand) else "known then" if row.known(row.with_all) else "assumed",
            told(row),
        )
        for row in plan.rows
    ]
    return Table(
        caption="Every parameter: standard deviations, and the one recording that would tell most of it. Marked: known already.",
        columns=(
            Column(title="muscle or group"),
            Column(title="parameter"),
            Column(title="unit"),
            Column(title="believed"),
            Column(title="at hand"),
            Column(title="with all"),
            Column(title="known or assumed"),
            Column(title="told best by"),
        ),
        rows=rows_of(rows),
        marked=frozenset(i for i, row in enumerate(plan.rows) if row.known(row.at_hand)),
        folded=True,
    )
