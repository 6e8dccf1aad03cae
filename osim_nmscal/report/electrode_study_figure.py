"""The electrode study as one figure: error, parameters and excitations of both methods over the number of channels left."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from osim_nmscal.data.electrode_study import ElectrodeStudy, StudyMethod

# Okabe and Ito's colours: told apart by colour-blind readers as well.
_COLOURS: dict[StudyMethod, str] = {"emg_driven": "#0072B2", "synergy_hybrid": "#D55E00"}
_NAMES: dict[StudyMethod, str] = {"emg_driven": "EMG-driven", "synergy_hybrid": "Synergy-hybrid"}
_SIGNIFICANT = "*"


def electrode_study_figure(study: ElectrodeStudy) -> go.Figure:
    """Draw a study.

    Args:
        study: its results.

    Returns:
        four panels: R2 and RMSE (held-out trials if there are any; median and quartiles over trials and degrees of freedom, a star
        where the methods differ), distance of the parameters, and correlation of synthesised with withheld excitations.
    """
    data = "held_out" if any(metric.data == "held_out" for metric in study.metrics) else "calibration"
    trials = "held-out trials, from EMG alone" if data == "held_out" else "calibration trials"
    titles = (f"R2, {trials}", f"RMSE (N·m), {trials}", "Distance of parameters (of their range)", "Correlation with withheld EMG")
    figure = make_subplots(rows=2, cols=2, subplot_titles=titles)
    for method in _COLOURS:
        for column, measure in enumerate(("r2", "rmse"), start=1):
            values = {
                count: [getattr(m, measure) for m in study.metrics if (m.method, m.data, m.count) == (method, data, count)]
                for count in _counts(study)
            }
            figure.add_trace(_quartiles(values, method, show=measure == "r2"), row=1, col=column)
        rows = [model for model in study.models if model.method == method and not model.failed]
        distance = {model.count: [model.parameter_distance] for model in rows}
        figure.add_trace(_quartiles(distance, method, show=False), row=2, col=1)
    resemblance = {count: [e.correlation for e in study.excitations if e.count == count and e.data == data] for count in _counts(study)}
    figure.add_trace(_quartiles(resemblance, "synergy_hybrid", show=False), row=2, col=2)
    _mark_differences(figure, study, data)
    labels = [_label(study, count) for count in _counts(study)]
    figure.update_xaxes(autorange="reversed", tickvals=_counts(study), ticktext=labels, title_text="channels left (then left off)")
    figure.update_layout(template="plotly_white", height=900, title="Which electrodes can be left off", legend_orientation="h")
    return figure


def write_electrode_study_figure(study: ElectrodeStudy, path: Path) -> Path:
    """Write the figure, with the answer in words below it, as one HTML file that needs no network."""
    body = electrode_study_figure(study).to_html(full_html=False, include_plotlyjs=True)
    answer = "".join(f"<p>{sentence}</p>" for sentence in study.sentences)
    head = '<head><meta charset="utf-8"><title>Electrode study</title></head>'
    page = f'<!doctype html><html lang="en">{head}<body>{body}{answer}</body></html>'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")
    return path


def _counts(study: ElectrodeStudy) -> list[int]:
    return sorted({model.count for model in study.models}, reverse=True)


def _label(study: ElectrodeStudy, count: int) -> str:
    gone = len(study.channels) - count
    return f"{count}<br>-{study.order[gone - 1]}" if gone else str(count)


def _quartiles(values: dict[int, Sequence[float]] | dict[int, list[float]], method: StudyMethod, *, show: bool) -> go.Scatter:
    counts = [count for count, row in values.items() if len(row)]
    low, middle, high = (np.array([np.percentile(values[count], share) for count in counts]) for share in (25, 50, 75))
    return go.Scatter(
        x=counts,
        y=middle,
        error_y={"type": "data", "symmetric": False, "array": high - middle, "arrayminus": middle - low},
        mode="lines+markers",
        name=_NAMES[method],
        legendgroup=method,
        showlegend=show,
        line={"color": _COLOURS[method]},
    )


def _mark_differences(figure: go.Figure, study: ElectrodeStudy, data: str) -> None:
    for row in study.comparisons:
        if row.data == data and row.better != "neither":
            column = 1 if row.measure == "r2" else 2
            figure.add_annotation(
                x=row.count,
                y=1.0,
                yref="y domain",
                text=_SIGNIFICANT,
                showarrow=False,
                font={"size": 20, "color": _COLOURS[row.better]},
                row=1,
                col=column,
            )
