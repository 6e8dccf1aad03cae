"""Two runs side by side: how well each predicts, where their parameters differ by more than they are known, which settings differ."""

from dataclasses import replace
from pathlib import Path
from statistics import fmean

import numpy as np

from osim_nmscal.report.blocks import Block, Cell, Column, Figure, LegendEntry, Missing, Section, Table, rows_of
from osim_nmscal.report.clinician import ROLES
from osim_nmscal.report.data import ReportData, TrialView
from osim_nmscal.report.figures import PERCENT
from osim_nmscal.report.page import Head, page_html
from osim_nmscal.report.svg import Panel, limits
from osim_nmscal.summaries.colours import CALIBRATED, MEASURED, UNCALIBRATED
from osim_nmscal.summaries.cycle import mean_cycle, over_cycle
from osim_nmscal.summaries.parameters import INTERVAL, TITLES, shown_in

_COLOURS = (CALIBRATED, UNCALIBRATED)
_DASHES = ("6 3", "2 3")


def comparison_html(first: ReportData, second: ReportData, names: tuple[str, str]) -> str:
    """Return the page.

    Args:
        first: one run.
        second: the other.
        names: what to call them.
    """
    a, b = (Path(name).name or name for name in names)
    if a == b:
        a, b = names
    sentence = "The inputs are the same." if first.inputs == second.inputs else "The input files are not all the same."
    head = Head(light="info", sentence=f"{a} against {b}", reasons=(sentence, *_counts(first, second, a, b)))
    section = Section(
        key="comparison",
        title="Side by side",
        reader=f"A = {a}, B = {b}",
        lead="Only what both runs have can be compared: trials and parameters of the same name.",
        blocks=(
            *_moments(first, second, a, b),
            _agreement(first, second),
            _parameters(first, second),
            _settings(first, second),
            _files(first, second),
            _findings(first, second),
        ),
    )
    return page_html(replace(second, findings=(), early_end=None), head, (section,))


def write_comparison(first: ReportData, second: ReportData, names: tuple[str, str], path: Path) -> Path:
    """Write the page; its folder must be there.

    Returns:
        The path.

    Example:
        >>> before, after = (ReportData(subject="Person 7", model="arm.osim", date=date) for date in ("2026-11-20", "2026-11-21"))
        >>> write_comparison(before, after, ("results/before", "results/after"), Path("comparison.html")).name
        'comparison.html'
    """
    path.write_text(comparison_html(first, second, names), encoding="utf-8", newline="\n")
    return path


def _findings(first: ReportData, second: ReportData) -> Block:
    """Show what was found in one of the runs alone."""
    texts = [{one.text: one.severity for one in data.findings} for data in (first, second)]
    rows = [(name, texts[i][text], text) for i, name in enumerate("AB") for text in texts[i] if text not in texts[1 - i]]
    if not rows:
        return Missing(what="Findings that differ", why="both runs have the same.")
    columns = (Column(title="in"), Column(title="kind"), Column(title="finding"))
    return Table(caption="Findings that only one of the runs has.", columns=columns, rows=rows_of(rows))


def _counts(first: ReportData, second: ReportData, a: str, b: str) -> tuple[str, ...]:
    verdicts = [f"{name}: {data.verdict.level if data.verdict else 'no verdict'}" for name, data in ((a, first), (b, second))]
    return (f"Verdicts – {'; '.join(verdicts)}.",)


def _moments(first: ReportData, second: ReportData, a: str, b: str) -> tuple[Block, ...]:
    there = {trial.name: trial for trial in second.trials if trial.calibrated is not None}  # of the same name, and so the same measurement
    pairs = [
        (one, there[one.name])
        for one in first.trials
        if one.calibrated is not None and one.name in there and one.dofs == there[one.name].dofs
    ]
    if not pairs:
        return (Missing(what="Joint moments", why="the runs share no trial with the same degrees of freedom."),)
    legend = (
        LegendEntry(text="inverse dynamics (of A)", colour=MEASURED),
        LegendEntry(text=a, colour=_COLOURS[0], dash=_DASHES[0]),
        LegendEntry(text=b, colour=_COLOURS[1], dash=_DASHES[1]),
    )
    dofs = dict.fromkeys(dof for one, _ in pairs for dof in one.dofs if one.is_measured(dof))
    panels = tuple(_panel([pair for pair in pairs if pair[0].is_measured(dof)], dof) for dof in dofs)
    caption = f"Joint moments of the {len(pairs)} trials that both have, mean ± standard deviation."
    return (Figure(caption=caption, panels=panels, legend=legend, name="comparison"),)


def _panel(pairs: list[tuple[TrialView, TrialView]], dof: str) -> str:
    measured = mean_cycle([over_cycle(one.joint_moment[:, one.dofs.index(dof)], one.first_counted) for one, _ in pairs])
    made = []
    for i in (0, 1):
        made.append(
            mean_cycle(
                [
                    over_cycle(pair[i].calibrated.joint_moment[:, pair[i].dofs.index(dof)], pair[i].first_counted)  # type: ignore[union-attr]
                    for pair in pairs
                    if pair[i].calibrated
                ]
            )
        )
    ends = [value for cycle in (measured, *made) for value in (cycle.mean - cycle.sd, cycle.mean + cycle.sd)]
    panel = Panel(dof, (0, 100), limits(*ends), x_label="trial, %", y_label="moment, N·m")
    for cycle, colour, dash in zip((measured, *made), (MEASURED, *_COLOURS), ("", *_DASHES), strict=True):
        panel.band(PERCENT, cycle.mean - cycle.sd, cycle.mean + cycle.sd, colour)
        panel.line(PERCENT, cycle.mean, colour, dash=dash, width=1.8)
    return panel.render()


def _agreement(first: ReportData, second: ReportData) -> Block:
    rows: list[tuple[Cell, ...]] = []
    groups = [{(m.trial, m.role, m.dof): m for m in data.metrics if m.model == "calibrated"} for data in (first, second)]
    shared = [key for key in groups[0] if key in groups[1]]
    for role, dof in dict.fromkeys((role, dof) for _, role, dof in shared):
        keys = [key for key in shared if key[1:] == (role, dof)]
        values = [fmean(getattr(group[key], name) for key in keys) for name in ("r2", "rmse") for group in groups]
        rows.append((dof, ROLES[role], len(keys), *values))
    if not rows:
        return Missing(what="Agreement with inverse dynamics", why="the runs share no evaluated trial in the same role.")
    return Table(
        caption="Agreement of the calibrated models with inverse dynamics, mean over the trials that have the same role in both.",
        columns=(
            Column(title="joint"),
            Column(title="trials"),
            Column(title="number", digits=0),
            Column(title="R² of A", digits=3),
            Column(title="R² of B", digits=3),
            Column(title="RMSE of A", digits=2, unit="N·m"),
            Column(title="RMSE of B", digits=2, unit="N·m"),
        ),
        rows=tuple(rows),
    )


def _parameters(first: ReportData, second: ReportData) -> Block:
    if first.calibration is None or second.calibration is None:
        return Missing(what="Parameters", why="one of the runs has no calibration.")
    there = {(p.owner, p.name): p for p in second.calibration.parameters}
    rows: list[tuple[Cell, ...]] = []
    marked: set[int] = set()
    for one in first.calibration.parameters:
        other = there.get((one.owner, one.name))
        if other is None or one.calibrated == other.calibrated:
            continue
        scale, unit = shown_in(one.unit)
        error = float(np.hypot(one.standard_error, other.standard_error))
        apart = abs(one.calibrated - other.calibrated) / error if error > 0 else float("nan")
        if apart > INTERVAL:
            marked.add(len(rows))
        rows.append((one.owner, TITLES.get(one.name, one.name), unit, scale * one.calibrated, scale * other.calibrated, apart))
    if not rows:
        return Missing(what="Parameters that differ", why="none does.")
    return Table(
        caption=f"Parameters that differ ({len(rows)} of {len(first.calibration.parameters)}). Marked: by more than the 95 % "
        f"interval of the difference.",
        columns=(
            Column(title="muscle or group"),
            Column(title="parameter"),
            Column(title="unit"),
            Column(title="A"),
            Column(title="B"),
            Column(title="apart", digits=1, unit="standard errors"),
        ),
        rows=tuple(rows),
        marked=frozenset(marked),
        folded=len(rows) > 20,
    )


def _settings(first: ReportData, second: ReportData) -> Block:
    there = {row.key: row.value for row in second.settings}
    rows = [(row.key, row.value, there.get(row.key)) for row in first.settings if row.value != there.get(row.key)]
    columns = (Column(title="setting"), Column(title="A"), Column(title="B"))
    if not rows:
        return Missing(what="Settings that differ", why="none does.")
    return Table(caption=f"Settings that differ ({len(rows)}).", columns=columns, rows=rows_of(rows))


def _files(first: ReportData, second: ReportData) -> Block:
    files = sorted(first.inputs.keys() | second.inputs.keys())
    rows = [
        (name, "only in A" if name not in second.inputs else "only in B" if name not in first.inputs else "differs")
        for name in files
        if first.inputs.get(name) != second.inputs.get(name)
    ]
    if not rows:
        return Missing(what="Input files that differ", why="none does.")
    return Table(caption="Input files that differ.", columns=(Column(title="file"), Column(title="how")), rows=rows_of(rows))
