"""The figure of an electrode study shows its numbers."""

import pytest

from osim_nmscal.data.electrode_study import ElectrodeStudy, StudyComparison, StudyExcitation, StudyMetric, StudyModel
from osim_nmscal.report.electrode_study_figure import electrode_study_figure, write_electrode_study_figure


@pytest.fixture
def study() -> ElectrodeStudy:
    models, metrics = [], []
    for method, r2 in (("emg_driven", {2: 0.9, 1: 0.3}), ("synergy_hybrid", {2: 0.9, 1: 0.8})):
        for count, value in r2.items():
            gone = ("b",)[: 2 - count]
            models.append(
                StudyModel(
                    method=method,
                    count=count,
                    kept=("a", "b")[:count],
                    removed=gone,
                    synergies=1,
                    seconds=1.0,
                    sentence="Done.",
                    failed=False,
                    parameter_distance=0.1 * (2 - count),
                    parameters_compared=3,
                )
            )
            for trial in ("one", "two", "three"):
                metrics.append(
                    StudyMetric(
                        method=method, count=count, removed=gone, data="held_out", trial=trial, dof="knee", rmse=10.0, nrmse=0.1, r2=value
                    )
                )
    return ElectrodeStudy(
        channels=("a", "b"),
        order=("b", "a"),
        order_errors=(1.0, 2.0),
        models=tuple(models),
        metrics=tuple(metrics),
        excitations=(StudyExcitation(count=1, removed=("b",), muscle="m", data="held_out", correlation=0.7, rmse=0.1),),
        comparisons=(
            StudyComparison(
                count=1,
                data="held_out",
                measure="r2",
                emg_driven=0.3,
                synergy_hybrid=0.8,
                test="t-test",
                p_value=0.01,
                better="synergy_hybrid",
            ),
        ),
        sentences=("b can be left off.",),
    )


def test_curves_hold_the_medians_and_stars_the_differences(study):
    figure = electrode_study_figure(study)
    r2 = {trace.name: list(trace.y) for trace in figure.data if trace.showlegend}
    assert r2 == {"EMG-driven": pytest.approx([0.9, 0.3]), "Synergy-hybrid": pytest.approx([0.9, 0.8])}
    stars = [annotation for annotation in figure.layout.annotations if annotation.text == "*"]
    assert [star.x for star in stars] == [1]


def test_page_stands_alone_and_gives_the_answer(study, tmp_path):
    page = write_electrode_study_figure(study, tmp_path / "study.html").read_text(encoding="utf-8")
    assert "b can be left off." in page
    assert "<script src=" not in page
