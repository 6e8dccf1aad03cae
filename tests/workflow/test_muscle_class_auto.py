"""`[output] muscle_class = "auto"` goes from configuration to written model."""

from pathlib import Path

import pytest
from small_workflow import write_small_workflow

from osim_nmscal.config import WorkflowConfig, load_config
from osim_nmscal.osim_model.reader import read_muscles
from osim_nmscal.workflow.check import check_workflow
from osim_nmscal.workflow.loading import load_results
from osim_nmscal.workflow.personalize import personalize


def _config(folder: Path, **options: tuple[str, ...]) -> WorkflowConfig:
    path = write_small_workflow(folder, **options)  # type: ignore[arg-type]
    text = path.read_text(encoding="utf-8").replace("maximum_iterations = 4", "maximum_iterations = 2")
    path.write_text(text.replace("[output]\n", '[output]\nmuscle_class = "auto"\n'), encoding="utf-8")
    return load_config(path)


@pytest.mark.opensim
def test_the_chosen_class_is_calibrated_written_and_read_back(tmp_path: Path) -> None:
    result = personalize(_config(tmp_path), tmp_path / "results")
    assert result.calibration is not None
    (chosen,) = {one.muscle_class for one in result.calibration.muscles.muscles}
    said = [one for one in result.findings if "was chosen by cross-validation" in one]
    assert len(said) == 1
    assert said[0].startswith(f"Muscle class {chosen}")
    assert {one.muscle_class for one in result.calibration.start_muscles.muscles} == {chosen}
    written = read_muscles(result.folder / "personalized.osim").select(result.calibration.muscles.names)
    assert {one.muscle_class for one in written.muscles} == {chosen}
    loaded = load_results(result.folder)
    assert loaded.calibration.start_muscles == result.calibration.start_muscles
    again = personalize(load_config(tmp_path / "config.toml"), tmp_path / "results")
    assert all(stage.cached for stage in again.stages if stage.name != "trials")


def test_check_says_beforehand_that_one_trial_is_too_few(tmp_path: Path) -> None:
    report = check_workflow(_config(tmp_path, names=("lift",)))
    (error,) = report.errors
    assert str(error).startswith("[output] muscle_class = 'auto' leaves out each calibration trial (motion) in turn and needs at least two")
