"""How a run shows itself in Python: one line, and a small table in a notebook."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from osim_nmscal.data.findings import Verdict
from osim_nmscal.data.results import CalibrationResult, MomentMetrics
from osim_nmscal.data.trials import TrialSet


def run_sentence(trials: TrialSet | None, calibration: CalibrationResult | None, verdict: Verdict | None) -> str:
    """Say in one line what a run made."""
    if trials is None or calibration is None:
        return "ended before the model was written"
    used = sum(trial.role == "calibration" for trial in trials)
    level = verdict.level if verdict is not None else "no verdict"
    return (
        f"{used} trials calibrate and {len(trials) - used} are held out, {len(calibration.muscles)} muscles, "
        f"{len(calibration.parameters)} parameters; {level}"
    )


def run_html(title: str, sentence: str, verdict: Verdict | None, metrics: Sequence[MomentMetrics]) -> str:
    """Return what a notebook shows of a run: its verdict, and the agreement before and after calibration."""
    cells = "".join(
        f"<tr><td>{escape(dof)}</td><td>{escape(role.replace('_', '-'))}</td><td>{before:.2f}</td><td>{after:.2f}</td></tr>"
        for role, dof, before, after in agreement(metrics)
    )
    head = "<tr><th>joint</th><th>trials</th><th>R² before</th><th>R² after</th></tr>"
    text = verdict.sentence if verdict is not None else "No verdict."
    return f"<b>{escape(title)}</b>: {escape(sentence)}<br>{escape(text)}<table>{head}{cells}</table>"


def agreement(metrics: Sequence[MomentMetrics]) -> list[tuple[str, str, float, float]]:
    """Return role, degree of freedom, and mean R2 over trials before and after calibration."""
    found = []
    for role, dof in dict.fromkeys((metric.role, metric.dof) for metric in metrics):
        chosen = [metric for metric in metrics if (metric.role, metric.dof) == (role, dof)]
        means = [
            float(np.mean([m.r2 for m in chosen if m.model == model] or [np.nan]))  # no trial of a kind: no number
            for model in ("uncalibrated", "calibrated")
        ]
        found.append((str(role), dof, means[0], means[1]))
    return found


def opened_model(model: Path | None, folder: Path) -> Any:
    """Return a run's personalized model as an `opensim.Model`; this imports OpenSim.

    Raises:
        ConfigError: the run ended before it was written.
    """
    from osim_nmscal.errors import ConfigError
    from osim_nmscal.opensim_tools.model_access import open_model

    if model is None:
        raise ConfigError(f"The run in {folder} ended before the model was written; run the workflow without only_stage.")
    return open_model(model)
