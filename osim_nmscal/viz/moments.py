"""Joint moments over the cycle: inverse dynamics against the uncalibrated and the calibrated model."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.trials import Trial, TrialSet
from osim_nmscal.evaluation import coefficient_of_determination
from osim_nmscal.summaries.colours import CALIBRATED, MEASURED, UNCALIBRATED
from osim_nmscal.summaries.cycle import POINTS, mean_cycle, over_cycle
from osim_nmscal.viz.given import Moments, Run, run_of, trials_of
from osim_nmscal.viz.style import AxesArray, legend_above, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FloatArray = NDArray[np.float64]

_ROLES = {"calibration": "calibration", "held_out": "held-out"}


def plot_moments(
    trials: TrialSet | Run,
    calibrated: Moments = (),
    uncalibrated: Moments = (),
    *,
    axes: Any = None,
) -> AxesArray:
    """Draw mean and standard deviation over trials, one column per degree of freedom, held-out trials in a row of their own.

    Args:
        trials: a run, which holds everything; or trials with the moments of inverse dynamics, and then:
        calibrated: predictions of the calibrated model, one per trial, e.g. `result.predictions`.
        uncalibrated: predictions of the model before calibration, e.g. `result.uncalibrated`, or their moments by trial, (time, dof)
            in N*m.
        axes: axes to draw into, as many as panels; None for a new figure.

    Returns:
        (role, dof) axes; R2 of each panel is the mean over its trials.

    Example:
        >>> grid = plot_moments(trials, predictions)  # or plot_moments(load_results("results"))
        >>> grid.shape, grid[0, 0].get_xlabel()
        ((1, 1), 'trial (%)')
    """
    run = run_of(trials)
    if run is not None:
        calibrated, uncalibrated = run.predictions, run.uncalibrated
    trials = trials_of(trials)
    roles = [role for role in _ROLES if any(trial.role == role for trial in trials.trials)]
    grid = new_axes(len(roles), len(trials.dofs), axes)
    after, before = _moments(calibrated), _moments(uncalibrated)
    for row, role in enumerate(roles):
        members = [trial for trial in trials.trials if trial.role == role and trial.name in after]
        for column, dof in enumerate(trials.dofs):
            one = grid[row, column]
            _panel(one, [trial for trial in members if trial.is_measured[column]], column, before, after)
            if row == 0:
                one.annotate(dof, (0, 1), (0, 14), xycoords="axes fraction", textcoords="offset points", fontsize=8)  # above its R²
            if row == len(roles) - 1:
                one.set_xlabel("trial (%)")
        count = f"{len(members)} {_ROLES[role]} trial{'s' if len(members) != 1 else ''}"
        grid[row, 0].set_ylabel(f"{count}\nmoment (N·m)")
    legend_above(grid, grid[0, 0])
    return grid


def _panel(axes: "Axes", trials: Sequence[Trial], dof: int, before: Mapping[str, FloatArray], after: Mapping[str, FloatArray]) -> None:
    percent = np.linspace(0, 100, POINTS)
    axes.axhline(0, color="0.8", linewidth=0.5, zorder=0)
    axes.set_xlim(0, 100)
    if not trials:
        return
    _band(axes, percent, [over_cycle(t.joint_moment[:, dof], t.first_counted) for t in trials], MEASURED, "-", "inverse dynamics")
    texts = []
    for made, colour, style, name in ((before, UNCALIBRATED, ":", "uncalibrated"), (after, CALIBRATED, "--", "calibrated")):
        known = [trial for trial in trials if trial.name in made]
        if known:
            _band(axes, percent, [over_cycle(made[t.name][:, dof], t.first_counted) for t in known], colour, style, name)
            texts.append(f"{np.mean([_r2(trial, made[trial.name], dof) for trial in known]):.2f}")
    axes.set_title(f"R² {' → '.join(texts)}", loc="right", fontsize=6.5)


def _band(axes: "Axes", percent: Any, curves: list[Any], colour: str, style: str, name: str) -> None:
    cycle = mean_cycle(curves)
    axes.fill_between(percent, cycle.mean - cycle.sd, cycle.mean + cycle.sd, color=colour, alpha=0.18, linewidth=0)
    axes.plot(percent, cycle.mean, color=colour, linestyle=style, linewidth=1.2, label=name)


def _r2(trial: Trial, moment: FloatArray, dof: int) -> float:
    counted = slice(trial.first_counted, None)
    return coefficient_of_determination(trial.joint_moment[counted, dof], moment[counted, dof])


def _moments(predictions: Moments) -> Mapping[str, FloatArray]:
    if isinstance(predictions, Mapping):
        return predictions
    return {prediction.trial: prediction.joint_moment for prediction in predictions}
