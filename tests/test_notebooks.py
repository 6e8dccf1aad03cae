"""The notebooks run from top to bottom, and end where their text says."""

import json
from pathlib import Path

import pytest

NOTEBOOKS = Path(__file__).parent.parent / "workflows" / "notebooks"


@pytest.mark.slow
def test_from_arrays_to_figures(capsys):
    matplotlib = pytest.importorskip("matplotlib", reason="figures need matplotlib, the extra [plots]")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    pyplot.close("all")
    cells = json.loads((NOTEBOOKS / "from_arrays.ipynb").read_text(encoding="utf-8"))["cells"]
    names: dict = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []  # kept without outputs, so that a change shows what changed
            exec("".join(cell["source"]), names)
    assert len(pyplot.get_fignums()) == 5
    pyplot.close("all")
    errors = {}
    for model in ("before", "after"):
        metrics = names["moment_metrics"](names["trials"], names[model], model="calibrated")
        errors[model] = next(metric.rmse for metric in metrics if metric.role == "held_out")
    assert errors["after"] < 0.5 * errors["before"]
    assert "held_out" in capsys.readouterr().out
