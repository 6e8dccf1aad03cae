"""Every run ends with a report; it can be made again from the folder, and compared with another run's."""

import json
from pathlib import Path

import pytest
from small_workflow import write_small_workflow
from typer.testing import CliRunner

from osim_nmscal.cli import app
from osim_nmscal.config import load_config
from osim_nmscal.errors import FileFormatError
from osim_nmscal.workflow.personalize import personalize
from osim_nmscal.workflow.report_data import report_of_folder

pytestmark = [pytest.mark.opensim, pytest.mark.slow]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Configuration and results folder of a finished run."""
    home = tmp_path_factory.mktemp("report")
    config = write_small_workflow(home / "data")
    result = personalize(load_config(config), home / "results")
    return config, home / "results", result


def test_a_run_writes_its_report_as_part_of_the_published_set(run):
    _, folder, result = run
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "report.html" in json.loads((folder / "results.json").read_text(encoding="utf-8"))["files"]
    assert result.verdict.level[1:] in page
    for metric in result.metrics:
        assert f"{metric.rmse:.2f}" in page


def test_the_report_names_no_folder_of_the_user(run):
    config, folder, _ = run
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "lift_emg.sto" in page
    assert str(config.parent) not in page
    assert str(folder) not in page


def test_the_report_made_again_tells_the_same(run, tmp_path):
    _, folder, result = run
    again = report_of_folder(folder)
    assert again.verdict == result.verdict
    assert again.metrics == result.metrics
    assert [parameter.calibrated for parameter in again.calibration.parameters] == pytest.approx(
        [parameter.calibrated for parameter in result.calibration.parameters], rel=1e-12
    )
    assert {trial.name for trial in again.trials} == set(result.trials.names)
    path = tmp_path / "again.html"
    done = CliRunner().invoke(app, ["report", str(folder), "--out", str(path)])
    assert done.exit_code == 0
    assert "for the reviewer" in path.read_text(encoding="utf-8")


def test_recordings_that_were_taken_away_are_said_to_be_missing(run, tmp_path):
    config, folder, _ = run
    (config.parent / "lift_emg.sto").rename(tmp_path / "elsewhere.sto")
    try:
        assert report_of_folder(folder).channels == ()
    finally:
        (tmp_path / "elsewhere.sto").rename(config.parent / "lift_emg.sto")


def test_a_run_of_some_stages_has_a_report_that_says_so(run, tmp_path):
    config, _, _ = run
    personalize(load_config(config), tmp_path / "some", only_stage="scaling")
    data = report_of_folder(tmp_path / "some")
    assert (data.early_end.kind, data.early_end.station) == ("partial", "scaling")
    assert ("scaling", "model_scaled.osim") in data.early_end.files
    assert data.trials == ()
    assert data.verdict is None


def test_two_runs_are_compared_by_what_differs(run, tmp_path):
    config, folder, _ = run
    other = write_small_workflow(config.parent.parent / "data", weight=10.0)
    personalize(load_config(other), tmp_path / "other")
    path = tmp_path / "compared.html"
    done = CliRunner().invoke(app, ["compare", str(folder), str(tmp_path / "other"), "--out", str(path)])
    assert done.exit_code == 0, done.output
    page = path.read_text(encoding="utf-8")
    assert "calibration.loss.tendon_strain_weight" in page
    assert "The inputs are the same." in page


def test_a_page_never_replaces_a_file_that_is_not_ours(run, tmp_path):
    _, folder, _ = run
    mine = tmp_path / "thesis.html"
    mine.write_text("<p>mine</p>", encoding="utf-8")
    done = CliRunner().invoke(app, ["report", str(folder), "--out", str(mine)])
    assert done.exit_code != 0
    assert "was not made by osim-nmscal" in str(done.exception)
    assert mine.read_text(encoding="utf-8") == "<p>mine</p>"


def test_a_folder_without_results_is_said_to_have_none(tmp_path):
    with pytest.raises(FileFormatError, match="has no finished results"):
        report_of_folder(Path(tmp_path))
