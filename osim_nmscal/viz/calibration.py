"""What a calibration did: parameters with their intervals, operating ranges of the fibers, the loss by iteration."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from osim_nmscal.data.results import CalibrationResult, TrialPrediction
from osim_nmscal.errors import ConfigError
from osim_nmscal.summaries.colours import CALIBRATED, CYCLE, QUIET, UNCALIBRATED
from osim_nmscal.summaries.fiber_range import USUAL_RANGE, fiber_ranges, force_length_curve
from osim_nmscal.summaries.parameters import TITLES, parameter_changes, parameter_kinds
from osim_nmscal.viz.given import Run, calibration_of, run_of
from osim_nmscal.viz.style import AxesArray, legend_above, new_axes, plain

# Height of one row of a forest plot, inches.
_ROW = 0.13
_SHOWN = ("optimal_fiber_length", "tendon_slack_length", "strength_coefficient")


def plot_parameters(result: CalibrationResult | Run, *, names: Sequence[str] = _SHOWN, axes: Any = None) -> AxesArray:
    """Draw a forest plot: each parameter's calibrated value and 95 % interval, its start and its bounds.

    Lengths are factors of their start; what the data do not tell apart from the prior is drawn open and pale.

    Args:
        result: a calibration, or a run.
        names: kinds of parameters, one panel each; those that were not calibrated are left out.
        axes: axes to draw into, as many as panels; None for a new figure.

    Returns:
        (1, kind) axes.

    Raises:
        ConfigError: none of the kinds was calibrated.

    Example:
        >>> [axes.get_title() for axes in plot_parameters(result, names=("tendon_slack_length",)).flat]
        ['Tendon slack length']
    """
    result = calibration_of(result)
    kinds = [name for name in names if name in parameter_kinds(result.parameters)]
    if not kinds:
        raise ConfigError(f"None of {', '.join(names)} was calibrated; there are {', '.join(parameter_kinds(result.parameters))}.")
    tables = {name: parameter_changes(result.parameters, name) for name in kinds}
    tallest = max(len(rows) for rows in tables.values())
    grid = new_axes(1, len(kinds), axes, panel=(2.4, max(1.2, _ROW * tallest)))
    for one, (name, rows) in zip(grid.flat, tables.items(), strict=True):
        for y, row in enumerate(rows):
            colour = CALIBRATED if row.identifiable else QUIET
            one.plot([row.lower, row.upper], [y, y], color="0.9", linewidth=3.5, solid_capstyle="butt", zorder=0)
            one.plot([max(row.low, row.lower), min(row.high, row.upper)], [y, y], color=colour, linewidth=1.0)
            one.plot(row.start, y, marker="|", color="black", markersize=6, linestyle="none")
            one.plot(row.value, y, marker="o", color=colour, markersize=3.5, markerfacecolor=colour if row.identifiable else "white")
        one.set_yticks(range(len(rows)), [row.owner for row in rows], fontsize=6)
        one.set_ylim(tallest - 0.5, -0.5)
        one.spines["left"].set_bounds(len(rows) - 0.5, -0.5)
        one.spines["bottom"].set_position(("data", len(rows) - 0.5))  # right below the last row of a short panel
        one.set_title(TITLES.get(name, name), fontsize=8)
        one.set_xlabel("factor of start" if rows[0].relative or name == "strength_coefficient" else "value")
    for label, style in (
        ("identifiable, 95 % interval", {"color": CALIBRATED, "marker": "o"}),
        ("not told by the data", {"color": QUIET, "marker": "o", "markerfacecolor": "white"}),
        ("start", {"color": "black", "marker": "|", "linestyle": "none"}),
        ("bounds", {"color": "0.85", "linewidth": 3.5}),
    ):
        grid.flat[0].plot([], [], label=label, markersize=4, **style)
    legend_above(grid, grid.flat[0])
    return grid


def plot_fiber_range(
    result: CalibrationResult | Run,
    predictions: Sequence[TrialPrediction] = (),
    before: Sequence[TrialPrediction] = (),
    *,
    axes: Any = None,
) -> AxesArray:
    """Draw where on its force-length curve each muscle works.

    Args:
        result: a run, which holds everything; or a calibration, and then the predictions. The curve is that of the first muscle's class.
        predictions: of the calibrated muscles, over whose counted samples the range is taken.
        before: predictions of the muscles before calibration.
        axes: two axes, one for the curve and one for the ranges; None for a new figure.

    Returns:
        (2, 1) axes: the active force-length curve, and one bar per muscle: 5th to 95th percentile, whiskers to the extremes.

    Raises:
        ConfigError: there are no predictions.

    Example:
        >>> curve, ranges = plot_fiber_range(result, predictions).flat
        >>> [label.get_text() for label in ranges.get_yticklabels()]
        ['extensor', 'flexor']
    """
    run = run_of(result)
    if run is not None:
        predictions, before = predictions or run.predictions, before or run.uncalibrated
    result = calibration_of(result)
    if not predictions:
        raise ConfigError("No predictions are given, so it is not known where the fibers work; give a run, or its predictions.")
    ranges, old = fiber_ranges(predictions), {one.muscle: one for one in fiber_ranges(before)}
    grid = new_axes(2, 1, axes, panel=(4.2, max(1.2, _ROW * len(ranges) / 2 + 0.5)))
    curve, bars = grid[0, 0], grid[1, 0]
    if axes is None:
        curve.get_gridspec().set_height_ratios([1.0, max(1.5, 0.12 * len(ranges))])
    lengths = np.linspace(0.2, 1.8, 161)
    curve.plot(lengths, force_length_curve(result.muscles.muscles[0], lengths), color="black", linewidth=1.0)
    curve.set_ylabel("active force")
    curve.set_ylim(0, 1.05)
    curve.tick_params(labelbottom=False)
    for one in (curve, bars):
        one.axvspan(*USUAL_RANGE, color="0.95", zorder=-1)
        one.axvline(1.0, color="0.8", linewidth=0.5, zorder=0)
        one.set_xlim(0.2, 1.8)
    for y, one in enumerate(ranges):
        if one.muscle in old:
            was = old[one.muscle]
            bars.plot([was.low, was.high], [y + 0.28, y + 0.28], color=UNCALIBRATED, linewidth=1.6, solid_capstyle="butt", alpha=0.8)
        bars.plot([one.lowest, one.highest], [y, y], color=CALIBRATED, linewidth=0.7)
        bars.plot([one.low, one.high], [y, y], color=CALIBRATED, linewidth=3.0, solid_capstyle="butt")
        bars.plot(one.middle, y, marker="|", color="white", markersize=3.5)
    bars.set_yticks(range(len(ranges)), [one.muscle for one in ranges], fontsize=6)
    bars.set_ylim(len(ranges) - 0.4, -0.6)
    bars.set_xlabel("normalized fiber length")
    bars.plot([], [], color=CALIBRATED, linewidth=3.0, label="calibrated")
    if old:
        bars.plot([], [], color=UNCALIBRATED, linewidth=1.6, label="uncalibrated")
    legend_above(grid, bars)
    return grid


def plot_convergence(result: CalibrationResult | Run, *, axes: Any = None) -> AxesArray:
    """Draw the loss and its terms over the iterations, on a logarithmic axis.

    Args:
        result: a calibration, or a run.
        axes: one axes; None for a new figure.

    Returns:
        (1, 1) axes.

    Example:
        >>> plot_convergence(result)[0, 0].get_yscale()
        'log'
    """
    result = calibration_of(result)
    grid = new_axes(1, 1, axes, panel=(3.6, 2.4))
    one = grid[0, 0]
    plain(one)
    steps = [row.iteration for row in result.history]
    one.plot(steps, [row.loss for row in result.history], color="black", linewidth=1.6, label="loss")
    names = result.history[0].term_names if result.history else ()
    for index, name in enumerate(names):
        values = np.array([row.term_values[index] for row in result.history])
        if (values > 0).any():
            style = ("--", ":", "-.")[index % 3]
            shown = np.where(values > 0, values, np.nan)
            one.plot(steps, shown, color=CYCLE[index % len(CYCLE)], linewidth=1.0, linestyle=style, label=name.replace("_", " "))
    one.set_yscale("log")
    one.set_xlabel("iteration")
    one.set_ylabel("loss")
    legend_above(grid, one)
    return grid
