"""What drives the muscles: EMG channels from raw to normalized, excitations over the cycle, synergies."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from osim_nmscal.data.results import CalibrationResult, SynergyResult, TrialPrediction
from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.data.trials import TrialSet
from osim_nmscal.errors import ConfigError, UnknownNameError, did_you_mean
from osim_nmscal.summaries.colours import CALIBRATED, CYCLE, RECORDED, SYNTHESIZED
from osim_nmscal.summaries.cycle import POINTS, mean_cycle, over_cycle
from osim_nmscal.viz.given import Run, calibration_of, run_of, trials_of
from osim_nmscal.viz.style import AxesArray, hide_unused, legend_above, new_axes

_COLUMNS = 5


def plot_excitations(
    trials: TrialSet | Run, predictions: Sequence[TrialPrediction] = (), *, muscles: Sequence[str] = (), axes: Any = None
) -> AxesArray:
    """Draw each muscle's excitation over the cycle, mean and standard deviation over trials.

    Args:
        trials: a run, which holds everything; or trials with the excitations from EMG, and then:
        predictions: what drove the muscles in the end, synthesised excitations included; drawn where it differs.
        muscles: to draw; none named means all.
        axes: axes to draw into, at least one per muscle; None for a new figure.

    Returns:
        Grid of axes, one per muscle.

    Raises:
        UnknownNameError: a muscle is not in the trials.

    Example:
        >>> [axes.get_title() for axes in plot_excitations(trials, muscles=("flexor",)).flat]
        ['flexor']
    """
    run = run_of(trials)
    if run is not None:
        predictions = run.predictions
    trials = trials_of(trials)
    names = tuple(muscles) or trials.muscles
    for name in names:
        if name not in trials.muscles:
            raise UnknownNameError(f"The trials have no muscle {name!r}.{did_you_mean(name, trials.muscles)}")
    columns = min(_COLUMNS, len(names))
    grid = new_axes(-(-len(names) // columns), columns, axes, panel=(1.45, 1.05), sharey=True)
    percent = np.linspace(0, 100, POINTS)
    made = {prediction.trial: prediction for prediction in predictions}
    for one, name in zip(grid.flat, names, strict=False):
        index = trials.muscles.index(name)
        recorded = [over_cycle(trial.excitation[:, index], trial.first_counted) for trial in trials.trials]
        driven = [over_cycle(p.excitation[:, p.muscles.index(name)], p.first_counted) for p in made.values() if name in p.muscles]
        if any(np.ptp(curve) > 0 for curve in recorded):
            _band(one, percent, recorded, RECORDED, "-", "from EMG")
        if driven and not np.allclose(np.mean(driven, axis=0), np.mean(recorded, axis=0), atol=1e-6):
            _band(one, percent, driven, SYNTHESIZED, "--", "by synergies")
        one.set_title(name, fontsize=6, pad=2)
        one.set_xlim(0, 100)
        one.set_xticks([0, 50, 100])
        one.set_ylim(0, 1.05)
        one.set_yticks([0, 0.5, 1])
        one.tick_params(labelsize=6)
    hide_unused(grid, len(names))
    for one in grid[:, 0]:
        one.set_ylabel("excitation", fontsize=7)
    for column in range(columns):
        shown = [one for one in grid[:, column] if one.get_visible()]
        shown[-1].set_xlabel("trial (%)", fontsize=7)
    _shared_legend(grid)
    return grid


def plot_emg(raw: TimeSeries, envelopes: TimeSeries, *, channels: Sequence[str] = (), axes: Any = None) -> AxesArray:
    """Draw each EMG channel: the raw signal, and its normalized envelope on an axis of its own to the right.

    Args:
        raw: as recorded.
        envelopes: normalized, 0 to 1, with the same labels.
        channels: to draw; none named means all that both have.
        axes: axes to draw into, at least one per channel; None for a new figure.

    Returns:
        (channel, 1) axes.

    Example:
        >>> raw = TimeSeries(time=time, labels=("TA",), values=swing[:, None])
        >>> envelope = TimeSeries(time=time, labels=("TA",), values=abs(swing[:, None]))
        >>> plot_emg(raw, envelope).shape
        (1, 1)
    """
    names = tuple(channels) or tuple(label for label in raw.labels if label in envelopes.labels)
    grid = new_axes(len(names), 1, axes, panel=(6.4, 0.72))
    for one, name in zip(grid.flat, names, strict=False):
        signal = raw.column(name) - np.nanmedian(raw.column(name))
        one.plot(raw.time, signal, color="0.65", linewidth=0.3, label="raw", rasterized=True)
        right = one.twinx()
        right.spines[["top", "left"]].set_visible(False)
        right.plot(envelopes.time, envelopes.column(name), color=CALIBRATED, linewidth=1.0)
        right.set_ylim(-1.05, 1.05)  # zero of both at the same height
        right.set_yticks([0, 1])
        right.tick_params(labelsize=6, length=2)
        one.plot([], [], color=CALIBRATED, linewidth=1.0, label="envelope, normalized (right)")
        largest = float(np.nanmax(np.abs(signal))) or 1.0
        one.set_ylim(-1.05 * largest, 1.05 * largest)
        one.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=7)
        one.tick_params(labelbottom=name == names[-1], labelsize=6)
    grid.flat[-1].set_xlabel("time (s)")
    legend_above(grid, grid.flat[0])
    return grid


def plot_synergies(synergy: SynergyResult | CalibrationResult | Run, *, axes: Any = None) -> AxesArray:
    """Draw the synergies: weights of the muscles, and primitives over the cycle, one row per synergy.

    Args:
        synergy: a run or a calibration, synergy-hybrid, or its `synergy`.
        axes: axes to draw into, two per synergy; None for a new figure.

    Returns:
        (synergy, 2) axes: weights, primitives.

    Raises:
        ConfigError: the calibration is EMG-driven.

    Example:
        >>> settings = CalibrationSettings(method="synergy_hybrid", gauss_newton={"maximum_iterations": 3})
        >>> plot_synergies(calibrate(trials, muscles, settings, roles={"flexor": "withheld"})).shape  # one synergy
        (1, 2)
    """
    if not isinstance(synergy, SynergyResult):
        found = calibration_of(synergy).synergy
        if found is None:
            raise ConfigError("This calibration is EMG-driven, so it has no synergies to draw; calibrate with method = 'synergy_hybrid'.")
        synergy = found
    count = len(synergy.weights)
    grid = new_axes(count, 2, axes, panel=(3.3, 1.2))
    percent = np.linspace(0, 100, POINTS)
    for row in range(count):
        weights, primitive = grid[row]
        colours = [RECORDED if name in synergy.recorded else SYNTHESIZED for name in synergy.muscles]
        weights.bar(range(len(synergy.muscles)), synergy.weights[row], color=colours, width=0.75)
        weights.set_xlim(-0.7, len(synergy.muscles) - 0.3)
        weights.set_ylabel(f"synergy {row + 1}")
        weights.set_xticks(range(len(synergy.muscles)), synergy.muscles if row == count - 1 else [], rotation=90, fontsize=5.5)
        curves = [over_cycle(one[:, row]) for one in synergy.primitives]
        for curve in curves:
            primitive.plot(percent, curve, color=CYCLE[row % len(CYCLE)], linewidth=0.5, alpha=0.5)
        primitive.plot(percent, np.mean(curves, axis=0), color=CYCLE[row % len(CYCLE)], linewidth=1.6)
        primitive.set_xlim(0, 100)
        primitive.set_ylim(bottom=0)
    explained = f"{100 * synergy.vaf[count - 1]:.1f} % of variance" if len(synergy.vaf) >= count else ""
    grid[0, 0].set_title("weights", fontsize=8)
    grid[0, 1].set_title(f"primitives, {len(synergy.primitives)} trials; {explained}".rstrip("; "), fontsize=8)
    grid[-1, 1].set_xlabel("trial, lead-in included (%)")
    for colour, label in ((RECORDED, "recorded by EMG"), (SYNTHESIZED, "synthesised")):
        grid[0, 0].plot([], [], marker="s", linestyle="none", color=colour, label=label)
    legend_above(grid, grid[0, 0])
    return grid


def _band(axes: Any, percent: Any, curves: list[Any], colour: str, style: str, name: str) -> None:
    cycle = mean_cycle(curves)
    axes.fill_between(percent, cycle.mean - cycle.sd, cycle.mean + cycle.sd, color=colour, alpha=0.2, linewidth=0)
    axes.plot(percent, cycle.mean, color=colour, linestyle=style, linewidth=1.0, label=name)


def _shared_legend(grid: AxesArray) -> None:
    """One legend of everything that occurs in any panel, above all panels."""
    found: dict[str, Any] = {}
    for one in grid.flat:
        for handle, label in zip(*one.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    if found:
        grid.flat[0].figure.legend(found.values(), found.keys(), loc="outside upper center", ncols=4, fontsize=7, frameon=False)
