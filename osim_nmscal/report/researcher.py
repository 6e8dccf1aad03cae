"""For the researcher: every parameter with what is known of it, how the calibration got there, and what the muscles do."""

import math
from collections import Counter

import numpy as np

from osim_nmscal.data.results import CalibratedParameter
from osim_nmscal.report.blocks import Block, Cell, Column, Figure, LegendEntry, Missing, Section, Table, Text, rows_of
from osim_nmscal.report.data import ReportData
from osim_nmscal.report.figures import (
    FIBER_LEGEND,
    FOREST_LEGEND,
    correlation_panel,
    excitation_panel,
    fiber_panel,
    forest_panel,
    loss_panel,
    strain_panel,
    synergy_panels,
    variance_panel,
)
from osim_nmscal.report.known import known_of_muscles
from osim_nmscal.summaries.colours import RECORDED, SYNTHESIZED
from osim_nmscal.summaries.cycle import over_cycle
from osim_nmscal.summaries.fiber_range import USUAL_RANGE, FiberRange, fiber_ranges, force_length_curve
from osim_nmscal.summaries.parameters import INTERVAL, RELATIVE, TITLES, parameter_changes, parameter_kinds, shown_in

# Beyond this strain tendons are hurt; models reach Fmax at 3 to 5 %. Source: Hambly et al. (2025) bound it by 0.05; choice.
LARGEST_STRAIN = 0.10
# Pairs of parameters that the table of correlations names.
_PAIRS = 20
_FOREST = ("optimal_fiber_length", "tendon_slack_length", "strength_coefficient")


def researcher_section(data: ReportData) -> Section:
    """Build the section."""
    lead = (
        "Every calibrated parameter with its start, prior, bounds and 95 % interval. A parameter is known where the data at "
        "least halve what was unknown; else it is assumed: its value is the prior's."
    )
    if data.calibration is None:
        blocks: tuple[Block, ...] = (Missing(what="Calibration", why=data.why("the run ended before calibration.")),)
    else:
        blocks = (
            _ending(data),
            _forest(data),
            known_of_muscles(data.calibration),
            _parameters(data),
            *_correlation(data),
            *_convergence(data),
            *_starts(data),
            *_fibers(data),
            *_synergies(data),
        )
    return Section(key="researcher", title="Parameters and muscles", reader="for the researcher", lead=lead, blocks=blocks)


def _ending(data: ReportData) -> Block:
    result = data.calibration
    assert result is not None
    standing = Counter(parameter.standing for parameter in result.parameters)
    return Text(
        title="How the calibration ended",
        paragraphs=(
            f"{result.method.replace('_', '-')} calibration by {result.optimizer.replace('_', ' ')}: {result.status} after "
            f"{result.iterations} iterations "
            f"and {result.seconds:.1f} s; loss {result.loss_initial:.4g} → {result.loss_final:.4g}. {result.sentence}",
            f"{len(result.parameters)} parameters: the data tell {standing['known']}, {standing['assumed']} are assumed, "
            f"{standing['at bound']} lie at a bound, {standing['fixed']} were held fixed.",
        ),
    )


def _forest(data: ReportData) -> Block:
    assert data.calibration is not None
    parameters = data.calibration.parameters
    tables = [rows for name in _FOREST if (rows := parameter_changes(parameters, name))]
    longest = max((len(row.owner) for rows in tables for row in rows), default=0)
    panels = tuple(forest_panel(rows, longest) for rows in tables)
    if not panels:
        return Missing(what="Forest plot", why="neither lengths nor strengths were calibrated.")
    return Figure(caption="Lengths and strengths.", panels=panels, legend=FOREST_LEGEND, name="parameters")


def _parameters(data: ReportData) -> Block:
    assert data.calibration is not None
    rows: list[tuple[Cell, ...]] = []
    marked: set[int] = set()
    every = (*data.calibration.parameters, *data.calibration.working_points)
    kinds = parameter_kinds(every)
    ordered = sorted(every, key=lambda parameter: kinds.index(parameter.name))
    for parameter in ordered:
        scale, unit = shown_in(parameter.unit)
        reach = INTERVAL * parameter.standard_error
        if parameter.at_bound in ("lower", "upper"):
            marked.add(len(rows))
        numbers = (parameter.start, _prior(data, parameter), parameter.lower, parameter.upper, parameter.calibrated)
        ends = (parameter.calibrated - reach, parameter.calibrated + reach)
        values = [scale * number if math.isfinite(number) else None for number in (*numbers, *ends)]
        apart = (parameter.disagreement, parameter.left_out) if math.isfinite(parameter.disagreement) else (None, None)
        rows.append((parameter.owner, TITLES.get(parameter.name, parameter.name), unit, *values, *apart, parameter.standing))
    return Table(
        caption="All parameters, and the fibers' working points that follow from them; click a title to sort. Prior: standard deviation "
        "around the start. A value rests on the data (known), on the prior (assumed), on a bound (marked), or is fixed. "
        "Disagreement: how far it moves without the trials named beside it, in standard errors of that difference.",
        columns=(
            Column(title="muscle or group"),
            Column(title="parameter"),
            Column(title="unit"),
            Column(title="start"),
            Column(title="prior ±"),
            Column(title="lower bound"),
            Column(title="upper bound"),
            Column(title="calibrated"),
            Column(title="95 % from"),
            Column(title="95 % to"),
            Column(title="disagreement", digits=1),
            Column(title="most without"),
            Column(title="rests on"),
        ),
        rows=rows_of(rows),
        marked=frozenset(marked),
        folded=True,
    )


def _prior(data: ReportData, parameter: CalibratedParameter) -> float:
    """Return the prior's standard deviation: as the calibration kept it, else as set, else that of a flat prior between the bounds."""
    if math.isfinite(parameter.prior_deviation):
        return parameter.prior_deviation
    width = data.prior_widths.get(parameter.name, 0.0)
    if width > 0:
        return width * parameter.start if parameter.name in RELATIVE else width
    return (parameter.upper - parameter.lower) / math.sqrt(12)


def _correlation(data: ReportData) -> tuple[Block, ...]:
    assert data.calibration is not None
    correlation = data.calibration.correlation
    if correlation is None:
        return (Missing(what="Correlation map", why="this calibration did not keep the correlations of its parameters."),)
    free = np.flatnonzero(np.isfinite(correlation.diagonal()))
    if len(free) < 2:
        return (Missing(what="Correlation map", why="fewer than two parameters were free."),)
    parameters = [data.calibration.parameters[i] for i in free]
    correlation = correlation[np.ix_(free, free)]
    panel = correlation_panel(correlation, [parameter.name for parameter in parameters])
    legend = (
        LegendEntry(text="move together", colour="#0072B2", kind="bar"),
        LegendEntry(text="move against each other", colour="#D55E00", kind="bar"),
    )
    caption = "Correlation of the errors of the calibrated parameters: those with a strong colour off the diagonal cannot be told apart."
    figure = Figure(caption=caption, panels=(panel,), legend=legend, name="correlation", wide=True)
    first, second = np.triu_indices(len(free), k=1)
    strongest = np.argsort(-np.abs(correlation[first, second]), kind="stable")[:_PAIRS]
    names = [f"{parameter.owner}: {TITLES.get(parameter.name, parameter.name).lower()}" for parameter in parameters]
    rows = [(names[first[i]], names[second[i]], float(correlation[first[i], second[i]])) for i in strongest]
    table = Table(
        caption=f"The {len(rows)} pairs of parameters that go together most.",
        columns=(Column(title="parameter"), Column(title="and"), Column(title="correlation", digits=2)),
        rows=rows_of(rows),
        folded=True,
    )
    return figure, table


def _starts(data: ReportData) -> tuple[Block, ...]:
    assert data.calibration is not None
    starts = data.calibration.starts
    if len(starts) < 2:
        return ()
    rows = [(one.start, one.loss_initial, one.loss_final, one.iterations, one.status, "yes" if one.best else "") for one in starts]
    best = min(one.loss_final for one in starts)
    same = sum(one.loss_final <= 1.01 * best for one in starts)
    return (
        Table(
            caption=f"Starts: {len(starts)} searches, of which {same} ended within 1 % of the lowest loss. The first began at the start, "
            "the others somewhere between the bounds. Marked: the one that was taken.",
            columns=(
                Column(title="start", digits=0),
                Column(title="loss at first"),
                Column(title="loss in the end"),
                Column(title="iterations", digits=0),
                Column(title="how it ended"),
                Column(title="taken"),
            ),
            rows=rows_of(rows),
            marked=frozenset(i for i, one in enumerate(starts) if one.best),
        ),
    )


def _convergence(data: ReportData) -> tuple[Block, ...]:
    result = data.calibration
    if result is None or not result.history:
        return (Missing(what="Loss by term", why="the optimiser keeps no history."),)
    panel, legend = loss_panel(result.history)
    return (Figure(caption="The loss and its terms over the iterations.", panels=(panel,), legend=legend, name="convergence", wide=True),)


def _fibers(data: ReportData) -> tuple[Block, ...]:
    ranges = fiber_ranges(data.predictions)
    if not ranges or data.calibration is None:
        return (Missing(what="Operating ranges", why=data.why("the run ended before the model was evaluated.")),)
    lengths = np.linspace(0.2, 1.8, 81)
    curve = (lengths, force_length_curve(data.calibration.muscles.muscles[0], lengths))
    before = {one.muscle: one for one in fiber_ranges(data.uncalibrated)}
    figure = Figure(
        caption=f"Where the fibers work on their force-length curve (grey: the usual range, {USUAL_RANGE[0]} to {USUAL_RANGE[1]}), and how "
        "far the tendons are strained.",
        panels=(fiber_panel(ranges, curve, before), strain_panel(ranges, before)),
        legend=FIBER_LEGEND if before else FIBER_LEGEND[:1],
        name="fiber_range",
    )
    rows = [
        (r.muscle, r.lowest, r.low, r.middle, r.high, r.highest, 100 * r.largest_tendon_strain, *_before(before.get(r.muscle)))
        for r in ranges
    ]
    table = Table(
        caption="Normalized fiber lengths and largest tendon strain. Marked: fibers outside 0.5 to 1.5, or a tendon strained by more than "
        f"{100 * LARGEST_STRAIN:.0f} %.",
        columns=(
            Column(title="muscle"),
            Column(title="shortest", digits=2),
            Column(title="5 %", digits=2),
            Column(title="median", digits=2),
            Column(title="95 %", digits=2),
            Column(title="longest", digits=2),
            Column(title="largest tendon strain", digits=1, unit="%"),
            Column(title="median before", digits=2),
            Column(title="tendon strain before", digits=1, unit="%"),
        ),
        rows=rows_of(rows),
        marked=frozenset(i for i, r in enumerate(ranges) if not r.usual or r.largest_tendon_strain > LARGEST_STRAIN),
        folded=True,
    )
    return figure, table


def _before(one: FiberRange | None) -> tuple[Cell, Cell]:
    return (None, None) if one is None else (one.middle, 100 * one.largest_tendon_strain)


def _synergies(data: ReportData) -> tuple[Block, ...]:
    assert data.calibration is not None
    synergy = data.calibration.synergy
    if synergy is None:
        return (Missing(what="Synergies", why="this calibration is EMG-driven: every muscle is driven by its electrode."),)
    figure = Figure(
        caption=f"{len(synergy.weights)} synergies: weights of the muscles and primitives over the trial (thin: each trial, "
        f"lead-in included).",
        panels=synergy_panels(data.calibration),
        legend=(
            LegendEntry(text="recorded by EMG", colour=RECORDED, kind="bar"),
            LegendEntry(text="synthesised", colour=SYNTHESIZED, kind="bar"),
        ),
        name="synergies",
    )
    variance = Figure(
        caption="Variance of the recorded excitations that synergies account for; filled: the number chosen.",
        panels=(variance_panel(data.calibration),),
        name="variance",
    )
    weights = Table(
        caption="Weights of the muscles in each synergy"
        + (", mean over the trials." if len(synergy.trial_weights) > 1 else ", the same in every trial."),
        columns=(
            Column(title="muscle"),
            Column(title="driven by"),
            *(Column(title=f"synergy {i + 1}", digits=3) for i in range(len(synergy.weights))),
        ),
        rows=rows_of(
            (name, "EMG" if name in synergy.recorded else "synergies", *map(float, column))
            for name, column in zip(synergy.muscles, synergy.weights.T, strict=True)
        ),
        folded=True,
    )
    return (variance, figure, weights, *_synthesised(data))


def _synthesised(data: ReportData) -> tuple[Block, ...]:
    """Show what the synergies make of the recorded muscles beside their EMG."""
    synergy = data.calibration.synergy if data.calibration is not None else None
    if synergy is None or not data.trials or not synergy.excitations:
        return ()
    trials = {trial.name: trial for trial in data.trials}
    pairs = [(trials[name], made) for name, made in zip(synergy.trials, synergy.excitations, strict=True) if name in trials]
    panels = []
    for muscle in (*synergy.withheld, *synergy.recorded):
        there, here = data.muscles.index(muscle), synergy.muscles.index(muscle)
        recorded = [over_cycle(trial.excitation[:, there], trial.first_counted) for trial, _ in pairs]
        made = [over_cycle(excitation[:, here], trial.first_counted) for trial, excitation in pairs]
        if recorded:
            panels.append(excitation_panel(muscle, recorded, made))
    legend = (LegendEntry(text="EMG", colour=RECORDED), LegendEntry(text="made by the synergies", colour=SYNTHESIZED, dash="6 3"))
    caption = "Synthesised against recorded excitations in the calibration trials, withheld muscles first."
    return (Figure(caption=caption, panels=tuple(panels), legend=legend, name="synthesised"),) if panels else ()
