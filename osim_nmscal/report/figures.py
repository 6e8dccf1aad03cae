"""The panels of the report that several sections draw, each from nouns to SVG."""

import base64
import struct
import zlib
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.results import CalibrationResult, HistoryRow
from osim_nmscal.report.blocks import LegendEntry
from osim_nmscal.report.data import TrialView
from osim_nmscal.report.svg import Frame, Panel, limits
from osim_nmscal.summaries.colours import CALIBRATED, CYCLE, MEASURED, QUIET, RECORDED, SYNTHESIZED, UNCALIBRATED
from osim_nmscal.summaries.cycle import POINTS, mean_cycle, over_cycle
from osim_nmscal.summaries.fiber_range import USUAL_RANGE, FiberRange
from osim_nmscal.summaries.parameters import TITLES, ParameterChange

FloatArray = NDArray[np.float64]

PERCENT = np.linspace(0, 100, POINTS)
MOMENT_LEGEND = (
    LegendEntry(text="inverse dynamics", colour=MEASURED),
    LegendEntry(text="uncalibrated model", colour=UNCALIBRATED, dash="2 3"),
    LegendEntry(text="calibrated model", colour=CALIBRATED, dash="6 3"),
)
EXCITATION_LEGEND = (
    LegendEntry(text="from EMG, mean ± SD", colour=RECORDED),
    LegendEntry(text="by synergies", colour=SYNTHESIZED, dash="6 3"),
)
SMALL = Frame(width=200, height=120, left=30, right=12, top=20, bottom=20)
LOW = Frame(height=150)
LARGE = Frame(width=420, height=240)
_ROW = 15.0  # height of one row of a forest plot, pixels
_CURVE_ROWS = 6.0  # rows that the force-length curve takes


def moment_panel(trials: Sequence[TrialView], dof: str, note: str) -> str:
    """Draw mean and standard deviation of one degree of freedom's moment over the cycle, of the trials in which it was measured."""
    trials = [trial for trial in trials if trial.is_measured(dof)]
    kinds = (
        (MEASURED, "", [(trial, trial.joint_moment) for trial in trials]),
        (UNCALIBRATED, "2 3", [(trial, trial.uncalibrated_moment) for trial in trials if trial.uncalibrated_moment is not None]),
        (CALIBRATED, "6 3", [(trial, trial.calibrated.joint_moment) for trial in trials if trial.calibrated is not None]),
    )
    bands = []
    for colour, dash, known in kinds:
        curves = [over_cycle(moment[:, trial.dofs.index(dof)], trial.first_counted) for trial, moment in known]
        if curves:
            bands.append((mean_cycle(curves), colour, dash))
    everything = [value for cycle, _, _ in bands for value in (cycle.mean - cycle.sd, cycle.mean + cycle.sd)]
    panel = Panel(dof, (0, 100), limits(*everything), x_label="trial, %", y_label="moment, N·m")
    for cycle, colour, dash in bands:
        panel.band(PERCENT, cycle.mean - cycle.sd, cycle.mean + cycle.sd, colour)
        panel.line(PERCENT, cycle.mean, colour, dash=dash, width=1.8)
    panel.note(note)
    return panel.render()


def excitation_panel(name: str, recorded: Sequence[FloatArray], driven: Sequence[FloatArray]) -> str:
    """Draw one muscle's excitation over the cycle, (101,) each: from EMG, and by synergies where they drive it."""
    panel = Panel(
        name, (0, 100), (0, 1), x_ticks=[(0, "0"), (50, "50"), (100, "100")], y_ticks=[(0, "0"), (0.5, "0.5"), (1, "1")], frame=SMALL
    )
    shown = mean_cycle(recorded) if recorded else None
    if shown is not None and np.ptp(shown.mean) > 0:
        panel.band(PERCENT, np.clip(shown.mean - shown.sd, 0, 1), shown.mean + shown.sd, RECORDED)
        panel.line(PERCENT, shown.mean, RECORDED)
    if driven:
        made = mean_cycle(driven)
        if shown is None or not np.allclose(made.mean, shown.mean, atol=1e-6):
            panel.band(PERCENT, np.clip(made.mean - made.sd, 0, 1), made.mean + made.sd, SYNTHESIZED)
            panel.line(PERCENT, made.mean, SYNTHESIZED, dash="6 3")
    return panel.render()


def forest_panel(rows: Sequence[ParameterChange], longest_name: int) -> str:
    """Draw one kind of parameter: start, calibrated value, 95 % interval and bounds of every owner; room for names of so many letters."""
    low = min(row.lower for row in rows)
    high = max(row.upper for row in rows)
    room = 0.03 * (high - low)
    left = 12 + 6.1 * longest_name
    frame = Frame(width=left + 235, height=60 + _ROW * len(rows), left=left, top=24, bottom=34)
    name = rows[0].name
    ticks = [(len(rows) - i - 0.5, row.owner) for i, row in enumerate(rows)]
    unit = "factor of the start" if rows[0].relative or name == "strength_coefficient" else "value"
    panel = Panel(TITLES.get(name, name), (low - room, high + room), (0, len(rows)), x_label=unit, y_ticks=ticks, frame=frame, grid=False)
    for i, row in enumerate(rows):
        y = len(rows) - i - 0.5
        colour = CALIBRATED if row.identifiable else QUIET
        interval = f", 95 % {row.low:.3g} to {row.high:.3g}" if row.low == row.low else ""
        hint = f"{row.owner}: {row.value:.4g}{interval}, bounds {row.lower:.3g} to {row.upper:.3g}"
        panel.bar(row.lower, row.upper, y - 0.22, y + 0.22, "#ececec", hint=hint)
        if row.low == row.low:
            panel.line([max(row.low, row.lower), min(row.high, row.upper)], [y, y], colour, hint=hint)
        panel.line([row.start, row.start], [y - 0.3, y + 0.3], MEASURED, width=1.2)
        panel.dot(row.value, y, colour, filled=row.identifiable, hint=hint)
    return panel.render()


FOREST_LEGEND = (
    LegendEntry(text="told by the data, with 95 % interval", colour=CALIBRATED, kind="dot"),
    LegendEntry(text="assumed: the data do not tell it from the prior", colour=QUIET, kind="open"),
    LegendEntry(text="start", colour=MEASURED),
    LegendEntry(text="bounds", colour="#dddddd", kind="bar"),
)


def fiber_panel(ranges: Sequence[FiberRange], curve: tuple[FloatArray, FloatArray], before: Mapping[str, FiberRange]) -> str:
    """Draw the operating range of every muscle below the active force-length curve, and what it was before calibration."""
    left = 12 + 6.1 * max(len(one.muscle) for one in ranges)
    top = _CURVE_ROWS
    frame = Frame(width=left + 270, height=60 + _ROW * (len(ranges) + top), left=left, top=24, bottom=34)
    count = len(ranges)
    ticks = [(count - i - 0.5, one.muscle) for i, one in enumerate(ranges)]
    title = "Operating range"
    panel = Panel(title, (0.2, 1.8), (0, count + top), x_label="normalized fiber length", y_ticks=ticks, frame=frame, grid=False)
    panel.bar(*USUAL_RANGE, 0, count + top, "#f3f3f3", hint="0.5 to 1.5: the usual range")
    panel.line([1, 1], [0, count + top], "#cccccc", width=0.8)
    panel.line(curve[0], count + 0.3 + (top - 0.8) * curve[1], MEASURED, width=1.4, hint="active force-length curve")
    for i, one in enumerate(ranges):
        y = count - i - 0.5
        hint = f"{one.muscle}: 5 to 95 % {one.low:.2f} to {one.high:.2f}, extremes {one.lowest:.2f} and {one.highest:.2f}"
        panel.line([one.lowest, one.highest], [y, y], CALIBRATED, width=1.0, hint=hint)
        panel.bar(one.low, one.high, y - 0.12, y + 0.32, CALIBRATED, hint=hint)
        if one.muscle in before:
            was = before[one.muscle]
            hint = f"{one.muscle} before calibration: 5 to 95 % {was.low:.2f} to {was.high:.2f}"
            panel.bar(was.low, was.high, y - 0.36, y - 0.2, UNCALIBRATED, hint=hint)
    return panel.render()


def strain_panel(ranges: Sequence[FiberRange], before: Mapping[str, FiberRange]) -> str:
    """Draw how far every tendon is strained at most, and how far it was before calibration."""
    left = 12 + 6.1 * max(len(one.muscle) for one in ranges)
    count = len(ranges)
    frame = Frame(width=left + 270, height=60 + _ROW * (count + _CURVE_ROWS), left=left, top=24, bottom=34)
    ticks = [(count - i - 0.5, one.muscle) for i, one in enumerate(ranges)]
    largest = 100 * max((one.largest_tendon_strain for one in (*ranges, *before.values())), default=0.0)
    title = "Largest tendon strain"
    panel = Panel(title, (0, max(1.06 * largest, 1.0)), (0, count), x_label="strain, %", y_ticks=ticks, frame=frame, grid=False)
    for i, one in enumerate(ranges):
        y, strain = count - i - 0.5, 100 * one.largest_tendon_strain
        panel.bar(0, strain, y - 0.12, y + 0.32, CALIBRATED, hint=f"{one.muscle}: {strain:.1f} %")
        if one.muscle in before:
            was = 100 * before[one.muscle].largest_tendon_strain
            panel.bar(0, was, y - 0.36, y - 0.2, UNCALIBRATED, hint=f"{one.muscle} before calibration: {was:.1f} %")
    return panel.render()


FIBER_LEGEND = (
    LegendEntry(text="calibrated: 5th to 95th percentile, whiskers to the extremes", colour=CALIBRATED, kind="bar"),
    LegendEntry(text="uncalibrated", colour=UNCALIBRATED, kind="bar"),
)


def loss_panel(history: Sequence[HistoryRow]) -> tuple[str, tuple[LegendEntry, ...]]:
    """Draw the loss and its terms over the iterations; also return the legend."""
    losses = np.array([row.loss for row in history])
    terms = {name: np.array([row.term_values[i] for row in history]) for i, name in enumerate(history[0].term_names)}
    shown = {name: np.where(values > 0, values, np.nan) for name, values in terms.items() if (values > 0).any()}
    positive = np.concatenate([losses[losses > 0], *(values[np.isfinite(values)] for values in shown.values())])
    positive = positive if len(positive) else np.ones(1)  # a loss of zero throughout, as where no term has a weight
    low, high = 10 ** np.floor(np.log10(max(positive.min(), positive.max() * 1e-6))), 10 ** np.ceil(np.log10(positive.max()) + 1e-9)
    steps = [row.iteration for row in history]
    panel = Panel("Loss by term", (steps[0], steps[-1]), (float(low), float(high)), x_label="iteration", log_y=True, frame=LARGE)
    legend = [LegendEntry(text="loss", colour=MEASURED)]
    drawn = {name: values for name, values in shown.items() if np.nanmax(values) >= low}
    for i, (name, values) in enumerate(drawn.items()):
        colour, dash = CYCLE[i % len(CYCLE)], ("6 3", "2 3", "8 3 2 3")[i % 3]
        panel.line(steps, np.where(values >= low, values, np.nan), colour, dash=dash)
        legend.append(LegendEntry(text=name.replace("_", " "), colour=colour, dash=dash))
    panel.line(steps, losses, MEASURED, width=2.2)
    return panel.render(), tuple(legend)


def synergy_panels(result: CalibrationResult) -> tuple[str, ...]:
    """Draw weights and primitive of each synergy, two panels each."""
    synergy = result.synergy
    if synergy is None:
        return ()
    panels = []
    for row, weights in enumerate(synergy.weights):
        high = 1.05 * float(weights.max()) or 1.0
        panel = Panel(
            f"Synergy {row + 1}: weights", (0, len(weights)), (0, high), x_label="muscles in the file's order", x_ticks=(), frame=LOW
        )
        for i, (muscle, weight) in enumerate(zip(synergy.muscles, weights, strict=True)):
            colour = RECORDED if muscle in synergy.recorded else SYNTHESIZED
            panel.bar(i + 0.12, i + 0.88, 0, float(weight), colour, hint=f"{muscle} {weight:.3f}")
        panels.append(panel.render())
        curves = [over_cycle(primitive[:, row]) for primitive in synergy.primitives]
        panel = Panel(
            f"Synergy {row + 1}: primitive", (0, 100), (0, 1.05 * max(float(c.max()) for c in curves)), x_label="trial, %", frame=LOW
        )
        for curve in curves:
            panel.line(PERCENT, curve, CYCLE[row % len(CYCLE)], width=0.6, opacity=0.5)
        panel.line(PERCENT, np.mean(curves, axis=0), CYCLE[row % len(CYCLE)], width=2.0)
        panels.append(panel.render())
    return tuple(panels)


def variance_panel(result: CalibrationResult) -> str:
    """Draw the variance that 1, 2, ... synergies explain; the number chosen is filled."""
    vaf = 100 * np.asarray(result.synergy.vaf if result.synergy is not None else [])
    panel = Panel(
        "Variance explained", (0.5, len(vaf) + 0.5), (min(60.0, float(vaf.min()) - 5), 101), x_label="synergies", y_label="VAF, %"
    )
    panel.line(range(1, len(vaf) + 1), vaf, MEASURED)
    for i, value in enumerate(vaf, start=1):
        chosen = result.synergy is not None and i == len(result.synergy.weights)
        panel.dot(i, float(value), MEASURED, filled=chosen, hint=f"{i} synergies: {value:.1f} %")
    return panel.render()


def correlation_panel(correlation: FloatArray, kinds: Sequence[str]) -> str:
    """Draw the correlations of the parameters as a map: blue together, orange against each other.

    Args:
        correlation: (parameter, parameter).
        kinds: of the parameters; those of one kind lie side by side.
    """
    count = len(kinds)
    blue, orange = np.array([0, 114, 178]), np.array([213, 94, 0])
    strength = np.clip(np.abs(correlation), 0, 1)[..., None]
    pixels = np.rint(255 - strength * (255 - np.where(correlation[..., None] > 0, blue, orange))).astype(np.uint8)
    edges = [i for i in range(count) if i == 0 or kinds[i] != kinds[i - 1]]
    ends = [*edges[1:], count]
    ticks = [(count - (i + end) / 2, TITLES.get(kinds[i], kinds[i])) for i, end in zip(edges, ends, strict=True)]
    frame = Frame(width=690, height=520, left=180, right=10, top=8, bottom=12)
    panel = Panel("", (0, count), (0, count), x_ticks=(), y_ticks=ticks, frame=frame, grid=False, name="Correlation of the parameters")
    panel.image(_png(pixels))
    for edge in edges[1:]:
        panel.line([0, count], [count - edge] * 2, "#777777", width=0.6)
        panel.line([edge, edge], [0, count], "#777777", width=0.6)
    return panel.render()


def _png(pixels: NDArray[np.uint8]) -> str:
    """Return (row, column, 3) pixels as a data URL. Source: PNG specification, third edition."""
    height, width, _ = pixels.shape
    raw = b"".join(b"\0" + row.tobytes() for row in pixels)

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(png).decode()
