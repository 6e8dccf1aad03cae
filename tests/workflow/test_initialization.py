"""A run starts where [initialization] says, writes it down, and leaves no trace of it where nothing is asked for."""

import csv
from pathlib import Path

import pytest
from small_workflow import write_small_workflow

from osim_nmscal.config import load_config
from osim_nmscal.errors import ConfigError
from osim_nmscal.osim_model.reader import read_muscles
from osim_nmscal.workflow.check import check_workflow
from osim_nmscal.workflow.loading import load_results
from osim_nmscal.workflow.personalize import PersonalizedResult, personalize

pytestmark = pytest.mark.opensim
ROWS = """muscle,quantity,value,unit,sd,pose,source
brachialis_r,fascicle_length,90,mm,3,elbow_flexion_r = 60,ultrasound
brachialis_r,pcsa,8,cm2,0.8,,MRI
brachioradialis_r,optimal_fiber_length,16,cm,0.5,,cadaver
"""


def _config(folder: Path, initialization: str, rows: str = ROWS) -> Path:
    config = write_small_workflow(folder)
    text = config.read_text(encoding="utf-8").replace("[calibration.loss]", '[calibration]\nmethod = "emg_driven"\n\n[calibration.loss]')
    config.write_text(text.replace("[muscle_analysis]", f"[initialization]\n{initialization}\n\n[muscle_analysis]", 1), encoding="utf-8")
    (folder / "measurements.csv").write_text(rows, encoding="utf-8")
    return config


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> PersonalizedResult:
    folder = tmp_path_factory.mktemp("measured")
    return personalize(load_config(_config(folder, 'measurements = "measurements.csv"')), folder / "results")


def test_the_calibration_starts_with_what_was_measured(measured: PersonalizedResult) -> None:
    assert measured.calibration is not None
    start = measured.calibration.start_muscles
    assert start.muscles[start.index("brachialis_r")].max_isometric_force == pytest.approx(8e-4 * 6e5, rel=1e-9)
    rows = list(csv.DictReader((measured.folder / "initialization" / "starting_values.csv").open(encoding="utf-8")))
    changed = {row["muscle"] for row in rows if float(row["start_over_scaled"]) != 1.0}
    assert changed == {"brachialis_r", "brachioradialis_r"}
    assert "ultrasound" in next(row["source"] for row in rows if row["muscle"] == "brachialis_r")


def test_a_muscle_that_takes_no_part_is_written_as_it_starts(measured: PersonalizedResult) -> None:
    assert measured.calibration is not None
    assert "brachioradialis_r" not in measured.calibration.muscles.names
    written, scaled = (read_muscles(measured.folder / name) for name in ("personalized.osim", "model_scaled.osim"))
    own, before = (table.muscles[table.index("brachioradialis_r")] for table in (written, scaled))
    assert own.optimal_fiber_length == pytest.approx(0.16, rel=0.05)  # between the measured value and the model's, near the former
    assert own.optimal_fiber_length != before.optimal_fiber_length
    assert load_results(measured.folder).calibration.start_muscles == measured.calibration.start_muscles


def test_a_second_run_has_nothing_to_do_and_another_table_starts_elsewhere(measured: PersonalizedResult) -> None:
    source = measured.folder.parent / "config.toml"
    again = personalize(load_config(source), measured.folder)
    assert next(stage for stage in again.stages if stage.name == "initialization").cached


@pytest.mark.parametrize(
    ("initialization", "rows", "said"),
    [
        ('strength = "mass_height"', ROWS, "needs the person's height"),
        ('passive = "normative"', ROWS, "needs hip flexion, knee and ankle among the coordinates"),
        ('measurements = "measurements.csv"', ROWS.replace("brachialis_r,pcsa", "brachalis_r,pcsa"), "Did you mean 'brachialis_r'?"),
        ('measurements = "measurement.csv"', ROWS, "Did you mean 'measurements.csv'?"),
    ],
)
def test_what_cannot_work_is_told_before_anything_runs(tmp_path: Path, initialization: str, rows: str, said: str) -> None:
    report = check_workflow(load_config(_config(tmp_path, initialization, rows)), tmp_path / "results")
    assert any(said in str(error) for error in report.errors), report.errors


def test_an_unknown_choice_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="operating_range"):
        load_config(_config(tmp_path, 'lengths = "modenese"'))


def test_an_arm_as_it_always_was_has_no_initialization(tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    result = personalize(load_config(write_small_workflow(folder)), folder / "results", only_stage="scaling")
    assert not (result.folder / "initialization").exists()
