"""Every run ends with a report; it can be made again from the folder, and compared with another run's."""

import json
import shutil
from pathlib import Path

import pytest
from small_workflow import write_small_workflow
from typer.testing import CliRunner

from osim_nmscal.calibration.losses import Term
from osim_nmscal.cli import app
from osim_nmscal.config import load_config
from osim_nmscal.errors import CalibrationError, ConfigError, FileFormatError
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


def test_a_run_that_is_killed_or_fails_leaves_a_report_of_where_why_and_what_there_is(run, tmp_path, monkeypatch):
    config, _, _ = run
    folder = tmp_path / "failed"

    def vanish(*_arguments):
        raise SystemExit  # what no run answers, as little as kill -9

    monkeypatch.setattr("osim_nmscal.workflow.stages.trials.cut", vanish)
    with pytest.raises(SystemExit):
        personalize(load_config(config), folder)
    killed = report_of_folder(folder)
    assert (killed.early_end.kind, killed.early_end.station) == ("killed", "trials")
    assert killed.calibration is None
    monkeypatch.undo()

    def refuse(*_arguments, **_options):
        raise CalibrationError("The muscles are tired; let them rest.")

    monkeypatch.setattr("osim_nmscal.workflow.stages.calibration.read_calibration", refuse)
    with pytest.raises(CalibrationError, match="let them rest") as raised:
        personalize(load_config(config), folder)
    page = (folder / "unfinished" / "report.html").read_text(encoding="utf-8")
    assert raised.value.__notes__ == [f"What there is by now: {folder / 'unfinished' / 'report.html'}"]
    assert page.index("The run failed in calibration.") < page.index("The muscles are tired; let them rest.") < page.index("not run")
    assert "Trials cut from the recordings." in page  # as far as it came
    assert str(config.parent) not in page
    again = report_of_folder(folder)  # from what the folder has kept
    assert (again.early_end.kind, again.early_end.station) == ("failed", "calibration")
    assert again.early_end.reasons == ("The muscles are tired; let them rest.",)
    monkeypatch.undo()
    personalize(load_config(config), folder)  # goes on, and nothing is left of the failure
    assert not (folder / "unfinished").exists()
    assert report_of_folder(folder).early_end is None


def test_a_failed_run_into_a_folder_with_results_is_said_above_them(run, tmp_path, monkeypatch):
    config, folder, _ = run
    monkeypatch.setattr("osim_nmscal.workflow.personalize.judged", _refuse_evaluation)
    with pytest.raises(CalibrationError):
        personalize(load_config(config), folder)
    monkeypatch.undo()
    data = report_of_folder(folder)
    assert data.early_end is None
    assert data.findings[0].text.startswith("A later run into this folder failed in evaluation: The knee is not convinced.")
    personalize(load_config(config), folder)
    assert not any("A later run" in finding.text for finding in report_of_folder(folder).findings)


def _refuse_evaluation(stage, flow):
    if stage == "evaluation":
        raise CalibrationError("The knee is not convinced.")
    return ()


def test_a_loss_term_of_the_caller_takes_part_and_is_said(run, tmp_path):
    config, done, _ = run
    folder = tmp_path / "term"
    shutil.copytree(done, folder)
    terms = [Term("rest", 5.0, forces, axis="muscle")]
    with_term = personalize(load_config(config), folder, terms=terms)
    assert "rest" in with_term.calibration.history[-1].term_names
    said = "A loss term that no setting names took part: rest (weight 5,"
    assert any(text.startswith(said) for text in with_term.findings)
    assert any(one.text.startswith(said) for one in report_of_folder(folder).findings)
    again = personalize(load_config(config), folder, terms=terms)
    assert next(stage for stage in again.stages if stage.name == "calibration").cached
    without = personalize(load_config(config), folder)  # never the calibration of another loss
    assert "rest" not in without.calibration.history[-1].term_names
    assert without.calibration.muscles != with_term.calibration.muscles
    assert not any(text.startswith(said) for text in without.findings)


def forces(outputs):
    """Tendon force in units of each muscle's strength."""
    return outputs.tendon_force / outputs.max_isometric_force


def test_a_loss_term_that_cannot_be_named_is_refused(run, tmp_path):
    config, _, _ = run
    weight = 3.0

    def hidden(outputs):
        return weight * outputs.activation

    with pytest.raises(ConfigError, match="loss term 'hidden' cannot be named"):
        personalize(load_config(config), tmp_path / "hidden", terms=[Term("hidden", 1.0, hidden)])
