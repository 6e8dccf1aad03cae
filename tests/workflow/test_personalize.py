"""The whole road on real recordings, in a short window: everything promised is written, nothing is run twice, one may enter anywhere."""

import csv
import json
import shutil
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest

from osim_nmscal.config import WorkflowConfig, load_config
from osim_nmscal.errors import ConfigError, OpenSimToolError, UnknownNameError
from osim_nmscal.formats.storage import read_storage
from osim_nmscal.osim_model.reader import read_muscles
from osim_nmscal.workflow.opened import open_results
from osim_nmscal.workflow.personalize import PersonalizedResult, personalize
from osim_nmscal.workflow.stages import muscle_analysis

WORKFLOWS = Path(__file__).parent.parent.parent / "workflows"
DOFS = ("hip_flexion_r", "knee_angle_r", "ankle_angle_r")

pytestmark = [pytest.mark.slow, pytest.mark.opensim]


@pytest.fixture(scope="module")
def config(treadmill_data: Path, tmp_path_factory: pytest.TempPathFactory) -> WorkflowConfig:
    """The treadmill workflow, 3.6 km/h only, 8 to 14 s: five stances."""
    text = (WORKFLOWS / "treadmill" / "config.toml").read_text(encoding="utf-8")
    text = text.replace("../../../shared/data/treadmill_speeds", treadmill_data.as_posix())
    first, second = text.index('[[recordings]]\nname = "walk45"'), text.index("# The EMG files hold")
    text = (text[:first] + text[second:]).replace("end = 20.0", "start = 8.0\nend = 14.0")
    path = tmp_path_factory.mktemp("config") / "config.toml"
    path.write_text(text, encoding="utf-8")
    return load_config(path)


@pytest.fixture(scope="module")
def result(config: WorkflowConfig, tmp_path_factory: pytest.TempPathFactory) -> PersonalizedResult:
    return personalize(config, tmp_path_factory.mktemp("results") / "treadmill")


def test_every_promised_file_is_there(result: PersonalizedResult) -> None:
    names = {path.relative_to(result.folder).as_posix() for path in result.folder.rglob("*") if path.is_file()}
    promised = {"model_scaled.osim", "personalized.osim", "personalized.json", "metrics.json"}
    promised |= {"calibration/parameters.csv", "calibration/history.csv"}
    promised |= {f"walk36/{name}" for name in ("ik.mot", "id.sto", "mtu_length.sto", "excitations.sto")}
    promised |= {f"walk36/moment_arm_{dof}.sto" for dof in DOFS}
    assert promised <= names
    assert [name for name in names if name.rpartition("/")[2].startswith(".")] == [".lock"]


def test_the_calibrated_model_beats_the_uncalibrated_one_on_held_out_trials_about_every_joint(result: PersonalizedResult) -> None:
    metrics = json.loads((result.folder / "metrics.json").read_text(encoding="utf-8"))
    for dof in DOFS:
        rmse = {
            model: fmean(m["rmse"] for m in metrics["moments"] if (m["set"], m["dof"], m["model"]) == ("held_out", dof, model))
            for model in ("uncalibrated", "calibrated")
        }
        assert rmse["calibrated"] < rmse["uncalibrated"], dof


def test_the_personalized_model_holds_what_the_table_says(result: PersonalizedResult) -> None:
    written = read_muscles(result.folder / "personalized.osim")
    with (result.folder / "calibration" / "parameters.csv").open(encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row["parameter"] == "tendon_slack_length"]
    assert len(rows) == 43  # every muscle that crosses a calibrated joint, with an electrode or without
    for row in rows:
        assert written.muscles[written.index(row["muscle"])].tendon_slack_length == pytest.approx(float(row["calibrated"]), rel=1e-12)


def test_the_model_weighs_what_the_subject_does(result: PersonalizedResult) -> None:
    moments = read_storage(result.folder / "walk36" / "id.sto")
    # README of the data: with the right mass the vertical residual has no offset (unscaled: 169 N)
    assert abs(moments.column("pelvis_ty_force").mean()) < 20.0


def test_a_second_run_finds_everything_unchanged_and_ends_with_the_same_numbers(config: WorkflowConfig, result: PersonalizedResult) -> None:
    again = personalize(config, result.folder)
    assert all(stage.cached for stage in again.stages if stage.name != "trials")
    assert again.metrics == result.metrics
    assert set(result.findings) == set(again.findings)


def test_a_changed_setting_runs_only_what_depends_on_it(config: WorkflowConfig, result: PersonalizedResult) -> None:
    loss = config.calibration.loss.model_copy(update={"tendon_strain_weight": 500.0})
    changed = config.model_copy(update={"calibration": config.calibration.model_copy(update={"loss": loss})})
    ran = {stage.name for stage in personalize(changed, result.folder).stages if not stage.cached}
    assert ran == {"trials", "calibration", "write_back", "evaluation", "verification"}


def test_only_one_stage(config: WorkflowConfig, result: PersonalizedResult) -> None:
    only = personalize(config, result.folder, only_stage="emg")
    assert [stage.name for stage in only.stages if not stage.cached] == ["emg"]
    assert only.calibration is None


def test_entering_at_moments_and_muscle_geometry_gives_the_same_calibration(
    config: WorkflowConfig, result: PersonalizedResult, tmp_path: Path
) -> None:
    home = result.folder / "walk36"
    given = {"joint_angles": None, "external_loads": None, "joint_moments": home / "id.sto", "muscle_analysis": home}
    loads = config.recordings[0].external_loads
    assert isinstance(loads, Path)
    recording = config.recordings[0].model_copy(update={**given, "forces": loads.with_name("XLD.mot")})
    entered = personalize(config.model_copy(update={"recordings": (recording,)}), tmp_path / "entered")
    assert not (tmp_path / "entered" / "walk36" / "ik.mot").exists()
    assert entered.calibration is not None
    assert result.calibration is not None
    # same numbers in, up to a file's 17 digits; the optimiser may end a little elsewhere
    for mine, theirs in zip(entered.metrics, result.metrics, strict=True):
        assert mine.rmse == pytest.approx(theirs.rmse, rel=1e-3)
    np.testing.assert_allclose(
        entered.calibration.muscles.values("tendon_slack_length"),
        result.calibration.muscles.values("tendon_slack_length"),
        rtol=1e-3,
    )


def test_a_mistake_is_found_before_anything_is_written(config: WorkflowConfig, tmp_path: Path) -> None:
    analysis = config.muscle_analysis.model_copy(update={"dofs": ("ankle_angel_r",)})
    with pytest.raises(UnknownNameError, match="Did you mean 'ankle_angle_r'"):
        personalize(config.model_copy(update={"muscle_analysis": analysis}), tmp_path / "results")
    assert not (tmp_path / "results").exists()


def test_results_never_land_among_the_inputs(config: WorkflowConfig) -> None:
    with pytest.raises(ConfigError, match="holds inputs of the workflow"):
        personalize(config, config.recordings[0].emg.parent)


def test_a_run_that_fails_on_the_way_keeps_the_results_of_the_last_good_one(
    config: WorkflowConfig, result: PersonalizedResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(result.folder, folder)
    published = [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock" and "unfinished" not in path.parts]
    before = {path: path.read_bytes() for path in published}

    def fail(*_: object, **__: object) -> None:
        raise OpenSimToolError("OpenSim failed.")

    monkeypatch.setattr(muscle_analysis, "run_muscle_analysis", fail)
    with pytest.raises(OpenSimToolError):
        personalize(config, folder, from_stage="muscle_analysis")
    assert {path: path.read_bytes() for path in before} == before
    open_results(folder)


def test_muscles_without_electrodes_take_part_when_synergies_drive_them(config: WorkflowConfig, result: PersonalizedResult) -> None:
    few = config.calibration.gauss_newton.model_copy(update={"maximum_iterations": 3})
    calibration = config.calibration.model_copy(update={"method": "synergy_hybrid", "gauss_newton": few})
    hybrid = personalize(config.model_copy(update={"calibration": calibration}), result.folder)
    assert hybrid.calibration is not None
    assert hybrid.calibration.synergy is not None
    assert "psoas_r" in hybrid.calibration.synergy.synthesized
    assert set(hybrid.calibration.synergy.recorded) >= {"soleus_r", "vas_int_r"}
    again = personalize(config.model_copy(update={"calibration": calibration}), result.folder)
    assert again.metrics == hybrid.metrics
