"""The page of an electrode study: degrees of freedom apart, one statistic everywhere, what is constant said."""

import re
from dataclasses import replace

import numpy as np
import pytest

from osim_nmscal.electrodes.answer import answer
from osim_nmscal.electrodes.findings import ElectrodeStudy, StudyExcitation, StudyMetric, StudyModel
from osim_nmscal.electrodes.page import electrode_study_html, study_section, write_electrode_study_page
from osim_nmscal.electrodes.paired_tests import compare_methods
from osim_nmscal.electrodes.tables import read_study, write_study
from osim_nmscal.errors import FileFormatError
from osim_nmscal.report.data import ReportData, SettingRow
from osim_nmscal.report.page import report_html


@pytest.fixture
def study() -> ElectrodeStudy:
    generator = np.random.default_rng(1)
    models, metrics = [], []
    for method, r2 in (("emg_driven", {2: 0.9, 1: 0.3}), ("synergy_hybrid", {2: 0.9, 1: 0.8})):
        for count, value in r2.items():
            gone = ("b",)[: 2 - count]
            models.append(
                StudyModel(
                    method=method, count=count, kept=("a", "b")[:count], removed=gone, synergies=1, seconds=1.0, sentence="Done.",
                    failed=False, parameter_distance=0.1 * (2 - count), parameters_compared=3,
                )
            )  # fmt: skip
            for i in range(9):
                for dof, change in (("knee", 0.0), ("hip", -0.05)):
                    near = value + change + 0.01 * generator.normal()
                    metrics.append(
                        StudyMetric(
                            method=method, count=count, removed=gone, data="held_out", trial=f"t{i}", dof=dof, rmse=10.0 * (1 - near),
                            nrmse=0.1, r2=near,
                        )
                    )  # fmt: skip
    comparisons = (*compare_methods(metrics, "held_out", "r2"), *compare_methods(metrics, "held_out", "rmse"))
    return ElectrodeStudy(
        channels=("a", "b"),
        order=("b", "a"),
        order_errors=(1.0, 2.0),
        models=tuple(models),
        metrics=tuple(metrics),
        excitations=(
            StudyExcitation(count=1, removed=("b",), muscle="soleus", data="held_out", correlation=0.7, rmse=0.1),
            StudyExcitation(count=1, removed=("b",), muscle="vasti", data="held_out", correlation=float("nan"), rmse=0.1),
        ),
        comparisons=comparisons,
        sentences=answer(("a", "b"), ("b", "a"), comparisons, "held_out"),
    )


def test_figure_table_and_answer_use_the_median_over_trials_of_each_degree_of_freedom(study):
    page = electrode_study_html(study)
    median = np.median([m.r2 for m in study.metrics if (m.method, m.count, m.dof) == ("emg_driven", 1, "hip")])
    assert f"EMG-driven, 1 channels: {median:.3g}" in page  # a dot of the figure
    assert f">{median:.3f}<" in page  # the table
    assert "Synergy-hybrid has the higher R² (Holm-adjusted p &lt; 0.05) for knee with 1, hip with 1 channels." in page
    assert page.count("★") == 2 + 4  # two legends, and knee and hip for R2 and RMSE


def test_no_p_value_is_zero(study):
    texts = re.findall(r"<td>([^<]*)</td>", electrode_study_html(study))  # numbers stand in cells of their own class
    assert "0.004" in texts  # of 9 trials that all go one way: 2 / 2^9
    assert not any(re.fullmatch(r"0\.0+", text) for text in texts)


def test_a_constant_excitation_is_said_and_has_no_correlation(study):
    page = electrode_study_html(study)
    assert "does not change in these trials: vasti (1 channels left)" in page
    row = re.search(r"<tr[^>]*><td>vasti</td>(.*?)</tr>", page)[1]
    assert "0.00" not in row


def test_subject_and_settings_are_named(study):
    settings = (SettingRow(key="calibration.seed", value="7", default="0", unit="-", meaning="Seed."),)
    page = electrode_study_html(study, subject="Person 7", settings=settings)
    assert "Person 7" in page
    assert "calibration.seed" in page


def test_few_trials_are_said_to_tell_nothing(study):
    metrics = tuple(m for m in study.metrics if m.trial in ("t0", "t1", "t2"))
    comparisons = compare_methods(metrics, "held_out", "r2")
    sentences = answer(study.channels, study.order, comparisons, "held_out")
    page = electrode_study_html(replace(study, metrics=metrics, comparisons=comparisons, sentences=sentences))
    assert "Fewer than 6 trials: no difference between the methods can be tested." in page
    assert "too few trials" in page


def test_the_page_stands_alone(study, tmp_path):
    page = write_electrode_study_page(study, tmp_path / "deep" / "study.html").read_text(encoding="utf-8")
    assert "<script src=" not in page
    assert "Left off in this order: b, a." in page


def test_a_study_read_back_is_the_study_and_becomes_a_part_of_the_report(study, tmp_path):
    write_study(study, tmp_path)
    assert read_study(tmp_path) == study
    page = report_html(ReportData(subject="A", model="m.osim", date="today"), (study_section(read_study(tmp_path), answered=True),))
    assert (
        page.index("No verdict") < page.index('id="reviewer"') < page.index('id="study"') < page.index("Synergy-hybrid has the higher R²")
    )
    assert read_study(tmp_path / "nowhere") is None
    (tmp_path / "electrode_study.json").write_text("{", encoding="utf-8")
    with pytest.raises(FileFormatError, match="run the electrode study again"):
        read_study(tmp_path)
