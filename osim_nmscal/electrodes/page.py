"""The electrode study as a page: what can be left off, degree of freedom by degree of freedom, with the numbers and tests behind it."""

from datetime import datetime
from pathlib import Path

import numpy as np

from osim_nmscal.electrodes.answer import METHODS, deciding_data
from osim_nmscal.electrodes.findings import ElectrodeStudy, StudyComparison, StudyData, StudyMethod
from osim_nmscal.electrodes.paired_tests import p_text
from osim_nmscal.report.blocks import Block, Cell, Column, Figure, LegendEntry, Missing, Section, Table, Text, rows_of
from osim_nmscal.report.data import ReportData, SettingRow
from osim_nmscal.report.page import Head, page_html
from osim_nmscal.report.svg import Panel, limits
from osim_nmscal.summaries.colours import CALIBRATED, UNCALIBRATED

COLOURS: dict[StudyMethod, str] = {"emg_driven": CALIBRATED, "synergy_hybrid": UNCALIBRATED}
DASHES: dict[StudyMethod, str] = {"emg_driven": "", "synergy_hybrid": "6 3"}
_LEGEND = tuple(
    LegendEntry(text=f"{name}, median and quartiles over trials", colour=COLOURS[m], dash=DASHES[m]) for m, name in METHODS.items()
)
_STAR = LegendEntry(text="★ in the colour of the better method: the methods differ (Holm-adjusted p < 0.05)", colour="#ffffff", kind="bar")


def electrode_study_html(study: ElectrodeStudy, *, subject: str = "", settings: tuple[SettingRow, ...] = ()) -> str:
    """Return the page of a study.

    Args:
        study: its results.
        subject: whose recordings they are.
        settings: of the calibrations; those that are not the default are shown.
    """
    data = deciding_data(study.metrics)
    tests = tuple(test for test in study.comparisons if test.data == data)
    trials = len({metric.trial for metric in study.metrics if metric.data == data})
    kind = "held out, predicted from EMG alone" if data == "held_out" else "the calibration trials: none was held out"
    about = ReportData(
        subject=subject or "not named",
        model=f"{len(study.channels)} EMG channels",
        date=datetime.now().strftime("%Y-%m-%d"),
        facts=(("trials", f"{trials} ({kind})"), ("degrees of freedom", ", ".join(dict.fromkeys(test.dof for test in tests)))),
    )
    title = Head(light="info", sentence="Which electrodes can be left off", reasons=study.sentences)
    return page_html(about, title, (study_section(study, settings),))


def study_section(study: ElectrodeStudy, settings: tuple[SettingRow, ...] = (), *, answered: bool = False) -> Section:
    """Return the study as a part of a page.

    Args:
        study: its results.
        settings: of the calibrations; those that are not the default are shown.
        answered: whether the answer stands in the section; on a page of its own it stands on top.
    """
    data = deciding_data(study.metrics)
    tests = tuple(test for test in study.comparisons if test.data == data)
    answer = (Text(title="Which electrodes can be left off", paragraphs=study.sentences),) if answered else ()
    return Section(
        key="study",
        title="As channels are left off",
        reader="the least missed first",
        lead=f"Left off in this order: {', '.join(study.order)}. The order comes from the calibration trials alone. All values "
        f"are medians over "
        "trials, degrees of freedom apart; tests are paired over trials. They tell about this person, not about people.",
        blocks=(
            *answer,
            *_measure_figures(study, data, tests),
            _tests_table(tests),
            _distance(study),
            *_excitations(study, data),
            _order(study),
            _endings(study),
            *(() if answered else _settings(settings)),
        ),
    )


def write_electrode_study_page(study: ElectrodeStudy, path: Path, *, subject: str = "", settings: tuple[SettingRow, ...] = ()) -> Path:
    """Write the page as one HTML file that needs no network; its folder is made.

    Returns:
        The path.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(electrode_study_html(study, subject=subject, settings=settings), encoding="utf-8", newline="\n")
    return path


def _measure_figures(study: ElectrodeStudy, data: StudyData, comparisons: tuple[StudyComparison, ...]) -> tuple[Block, ...]:
    figures = []
    for measure, title in (("r2", "R²"), ("rmse", "RMSE, N·m")):
        tests = [test for test in comparisons if test.measure == measure]
        dofs = list(dict.fromkeys(test.dof for test in tests))
        panels = tuple(_measure_panel(study, data, measure, title, dof, [t for t in tests if t.dof == dof]) for dof in dofs)
        figures.append(
            Figure(caption=f"{title} against inverse dynamics.", panels=panels, legend=(*_LEGEND, _STAR), name=f"study_{measure}")
        )
    return tuple(figures)


def _measure_panel(study: ElectrodeStudy, data: StudyData, measure: str, title: str, dof: str, tests: list[StudyComparison]) -> str:
    counts = sorted({metric.count for metric in study.metrics}, reverse=True)
    quartiles: dict[tuple[StudyMethod, int], np.ndarray] = {}
    for method in METHODS:
        for count in counts:
            chosen = (m for m in study.metrics if (m.method, m.data, m.dof, m.count) == (method, data, dof, count))
            values = [value for m in chosen if np.isfinite(value := getattr(m, measure))]
            if values:
                quartiles[method, count] = np.percentile(values, [25, 50, 75])
    low, high = limits(*quartiles.values(), share=0.12)
    panel = Panel(dof, (-0.4, len(counts) - 0.6), (low, high), x_label="channels left", y_label=title, x_ticks=_ticks(counts))
    for i, method in enumerate(METHODS):
        known = [count for count in counts if (method, count) in quartiles]
        places = [counts.index(count) + 0.12 * (i - 0.5) for count in known]
        panel.line(places, [quartiles[method, count][1] for count in known], COLOURS[method], dash=DASHES[method])
        for place, count in zip(places, known, strict=True):
            first, middle, third = quartiles[method, count]
            panel.line([place, place], [first, third], COLOURS[method], width=1.2)
            panel.dot(
                place, middle, COLOURS[method], hint=f"{METHODS[method]}, {count} channels: {middle:.3g} ({first:.3g} to {third:.3g})"
            )
    for test in tests:
        if test.better != "neither":
            panel.text(counts.index(test.count), high - 0.07 * (high - low), "★", anchor="middle", colour=COLOURS[test.better])
    return panel.render()


def _ticks(counts: list[int]) -> list[tuple[float, str]]:
    return [(float(i), str(count)) for i, count in enumerate(counts)]


def _tests_table(tests: tuple[StudyComparison, ...]) -> Block:
    if not tests:
        return Missing(what="Tests", why="no trial was predicted by both methods.")
    rows = [
        (
            "R²" if t.measure == "r2" else "RMSE, N·m",
            t.dof,
            t.count,
            t.trials,
            t.emg_driven,
            t.synergy_hybrid,
            t.difference,
            t.effect,
            p_text(t.p_value),
            p_text(t.p_adjusted),
            METHODS[t.better] if t.better != "neither" else "–",
        )
        for t in tests
    ]
    return Table(
        caption="Both methods over the same trials: medians, median difference, matched-pairs rank-biserial correlation as size "
        "of the effect (−1 to 1), "
        "Wilcoxon signed-rank test, and Holm's correction over all rows of a measure.",
        columns=(
            Column(title="measure"),
            Column(title="degree of freedom"),
            Column(title="channels", digits=0),
            Column(title="trials", digits=0),
            Column(title="EMG-driven", digits=3),
            Column(title="synergy-hybrid", digits=3),
            Column(title="difference", digits=3),
            Column(title="effect", digits=2),
            Column(title="p"),
            Column(title="p adjusted"),
            Column(title="better"),
        ),
        rows=rows_of(rows),
        folded=len(rows) > 30,
    )


def _distance(study: ElectrodeStudy) -> Block:
    counts = sorted({model.count for model in study.models}, reverse=True)
    values = [m.parameter_distance for m in study.models if not m.failed]
    panel = Panel(
        "Distance of the parameters", (-0.4, len(counts) - 0.6), limits([0.0, *values]), x_label="channels left", y_label="of their range",
        x_ticks=_ticks(counts),
    )  # fmt: skip
    for method in METHODS:
        models = sorted((m for m in study.models if m.method == method and not m.failed), key=lambda m: -m.count)
        panel.line([counts.index(m.count) for m in models], [m.parameter_distance for m in models], COLOURS[method], dash=DASHES[method])
        for m in models:
            hint = f"{METHODS[method]}, {m.count} channels: {m.parameter_distance:.3g} over {m.parameters_compared} parameters"
            panel.dot(counts.index(m.count), m.parameter_distance, COLOURS[method], hint=hint)
    caption = "How far the calibrated parameters move from those found with all channels, mean over shared parameters."
    legend = tuple(LegendEntry(text=name, colour=COLOURS[m], dash=DASHES[m]) for m, name in METHODS.items())
    return Figure(caption=caption, panels=(panel.render(),), legend=legend, name="study_parameters")


def _excitations(study: ElectrodeStudy, data: StudyData) -> tuple[Block, ...]:
    here = [one for one in study.excitations if one.data == data]
    if not here:
        return (Missing(what="Synthesised against withheld EMG", why="no recorded muscle was withheld."),)
    constant = [one for one in here if not np.isfinite(one.correlation)]
    counts = sorted({one.count for one in study.excitations}, reverse=True)
    muscles = list(dict.fromkeys(one.muscle for one in here))
    rows: list[tuple[Cell, ...]] = []
    for muscle in muscles:
        found = {one.count: one for one in here if one.muscle == muscle}
        rows.append((muscle, *(None if c not in found or found[c] in constant else found[c].correlation for c in counts)))
    table = Table(
        caption="Correlation of what synergies made of a withheld muscle with its EMG, by number of channels left; a dash: not "
        "withheld, or constant.",
        columns=(Column(title="muscle"), *(Column(title=f"{count} left", digits=2) for count in counts)),
        rows=tuple(rows),
    )
    if not constant:
        return (table,)
    names = [f"{one.muscle} ({one.count} channels left)" for one in constant]
    why = f"the EMG or what the synergies made of it does not change in these trials: {', '.join(names)}."
    return (table, Missing(what="Correlation of constant excitations", why=why))


def _order(study: ElectrodeStudy) -> Block:
    return Table(
        caption="The order: calibration error of the EMG-driven model that lacks this channel alone.",
        columns=(Column(title="left off"), Column(title="channel"), Column(title="error without it", digits=2, unit="N·m")),
        rows=rows_of([(i, *pair) for i, pair in enumerate(zip(study.order, study.order_errors, strict=True), start=1)]),
    )


def _endings(study: ElectrodeStudy) -> Block:
    rows = [(METHODS[m.method], m.count, ", ".join(m.removed) or "–", m.synergies, m.seconds, m.sentence) for m in study.models]
    return Table(
        caption="Every calibration and how it ended. Marked: failed.",
        columns=(
            Column(title="method"),
            Column(title="channels", digits=0),
            Column(title="without"),
            Column(title="synergies", digits=0),
            Column(title="time", digits=1, unit="s"),
            Column(title="ended"),
        ),
        rows=rows_of(rows),
        marked=frozenset(i for i, m in enumerate(study.models) if m.failed),
        folded=True,
    )


def _settings(settings: tuple[SettingRow, ...]) -> tuple[Block, ...]:
    if not settings:
        return (Missing(what="Settings", why="they were not handed to this page."),)
    rows = [(s.key, s.value, s.default, s.unit) for s in settings if s.changed]
    columns = (Column(title="setting"), Column(title="value"), Column(title="default"), Column(title="unit"))
    return (Table(caption="Settings of the calibrations that are not the default.", columns=columns, rows=rows_of(rows)),)
