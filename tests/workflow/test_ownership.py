"""A run never removes or overwrites what its folder's own record does not own, and says so before anything runs."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from small_workflow import write_small_workflow

from osim_nmscal.config import load_config
from osim_nmscal.errors import ConfigError, FileFormatError
from osim_nmscal.workflow.check import check_workflow
from osim_nmscal.workflow.folder import new_record
from osim_nmscal.workflow.personalize import personalize
from osim_nmscal.workflow.records import RECORD_FILE, StageRecord, write_record


@pytest.fixture
def changed(tmp_path: Path) -> Callable[..., Path]:
    """Write the small workflow with text of its configuration replaced: changed(old=new)."""

    def write(*replacements: tuple[str, str]) -> Path:
        path = write_small_workflow(tmp_path)
        text = path.read_text(encoding="utf-8")
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")
        return path

    return write


def _problems(config: Path, out: Path) -> list[str]:
    return [str(error) for error in check_workflow(load_config(config), out).errors]


def _publish(root: Path, *files: str) -> None:
    """Make a folder that an earlier run has published these files in."""
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    record = new_record("complete", "Done.", configuration={}, source=Path("c.toml"), inputs={}, versions={})
    stage = StageRecord(key="k", seconds=1.0, files=dict.fromkeys(files, "digest"))
    write_record(root, type(record)(**(vars(record) | {"files": dict.fromkeys(files, "digest"), "stages": {"scaling": stage}})))


@pytest.mark.parametrize(
    ("key", "given", "place"),
    [
        ('joint_angles = "lift_angles.sto"', "recordings[1].joint_angles", "lift/ik.mot"),
        ('emg = "lift_emg.sto"', "recordings[1].emg", "lift/excitations.sto"),
        ('emg = "reach_emg.sto"', "recordings[2].emg", "unfinished/emg.sto"),
    ],
)
def test_a_run_deleted_the_file_that_it_was_to_read(key: str, given: str, place: str, changed: Callable[..., Path], tmp_path: Path) -> None:
    name, source = key.split(" = ")
    config, file = changed((key, f'{name} = "res/{place}"')), tmp_path / "res" / place
    file.parent.mkdir(parents=True)
    file.write_bytes((tmp_path / source.strip('"')).read_bytes())
    before = file.read_bytes()
    said = _problems(config, tmp_path / "res")
    assert any(f"key '{given}' names {file}, a file that a run into {tmp_path / 'res'} writes itself" in text for text in said), said
    with pytest.raises(ConfigError):
        personalize(load_config(config), tmp_path / "res")
    assert file.read_bytes() == before
    # another folder is no problem: earlier results are good inputs
    assert _problems(config, tmp_path / "other") == []


def test_results_of_an_earlier_run_in_the_same_folder_are_no_inputs(changed: Callable[..., Path], tmp_path: Path) -> None:
    _publish(tmp_path / "res", "walk/ik.mot")
    config = changed(('joint_angles = "lift_angles.sto"', 'joint_angles = "res/walk/ik.mot"'))
    (tmp_path / "res" / "walk" / "ik.mot").write_bytes((tmp_path / "lift_angles.sto").read_bytes())
    assert any("writes itself" in text for text in _problems(config, tmp_path / "res"))


def test_a_file_of_the_users_where_a_result_would_go_is_refused(changed: Callable[..., Path], tmp_path: Path) -> None:
    config = changed()
    (tmp_path / "res" / "calibration").mkdir(parents=True)
    mine = tmp_path / "res" / "calibration" / "parameters.csv"
    mine.write_text("my own table")
    assert _problems(config, tmp_path / "res") == [
        f"{mine} exists and no run has made it, so it is not overwritten; move it away, or give another results folder (--out)."
    ]
    with pytest.raises(ConfigError, match="no run has made it"):
        personalize(load_config(config), tmp_path / "res")
    assert mine.read_text() == "my own table"


def test_files_that_are_in_nobodys_way_are_left_alone(changed: Callable[..., Path], tmp_path: Path) -> None:
    config = changed()
    (tmp_path / "res").mkdir()
    (tmp_path / "res" / "notes.txt").write_text("mine")
    assert _problems(config, tmp_path / "res") == []


def test_results_of_an_earlier_run_may_be_replaced(changed: Callable[..., Path], tmp_path: Path) -> None:
    config = changed()
    _publish(tmp_path / "res", "model_scaled.osim", "personalized.osim")
    assert _problems(config, tmp_path / "res") == []


def test_a_folder_of_version_0_1_0_is_not_ours_to_overwrite(changed: Callable[..., Path], tmp_path: Path) -> None:
    config = changed()
    (tmp_path / "res").mkdir()
    (tmp_path / "res" / "stages.json").write_text("{}")
    (said,) = _problems(config, tmp_path / "res")
    assert "holds results of version 0.1.0" in said


@pytest.mark.parametrize("name", ["results.json", "model_scaled.osim", "calibration/parameters.csv", "unfinished/stages.json"])
def test_a_folder_in_the_place_of_a_file_is_a_sentence(name: str, changed: Callable[..., Path], tmp_path: Path) -> None:
    config = changed()
    (tmp_path / "res" / name).mkdir(parents=True)
    (said,) = _problems(config, tmp_path / "res")
    assert said.startswith(f"{tmp_path / 'res' / name} is a folder where")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"format": 1}', '{"format": 99, "state": "complete"}', '{"format": 1, "state": "complete"}']
)
def test_a_record_that_is_not_ours_or_damaged_is_refused_and_kept(text: str, changed: Callable[..., Path], tmp_path: Path) -> None:
    config = changed()
    (tmp_path / "res").mkdir()
    (tmp_path / "res" / RECORD_FILE).write_text(text)
    (said,) = _problems(config, tmp_path / "res")
    assert str(tmp_path / "res" / RECORD_FILE) in said
    with pytest.raises(FileFormatError):
        personalize(load_config(config), tmp_path / "res")
    assert (tmp_path / "res" / RECORD_FILE).read_text() == text


def test_a_record_that_names_files_outside_its_folder_is_not_believed(changed: Callable[..., Path], tmp_path: Path) -> None:
    config = changed()
    _publish(tmp_path / "res", "a.txt")
    record = json.loads((tmp_path / "res" / RECORD_FILE).read_text())
    record["files"]["../config.toml"] = "digest"
    (tmp_path / "res" / RECORD_FILE).write_text(json.dumps(record))
    (said,) = _problems(config, tmp_path / "res")
    assert "'../config.toml' lies outside" in said


@pytest.mark.parametrize("kind", ["a file", "under a file", "name too long", "path too long"])
def test_a_results_folder_that_cannot_be_is_a_sentence(kind: str, changed: Callable[..., Path], tmp_path: Path) -> None:
    config = changed()
    (tmp_path / "file").write_text("mine")
    root = {
        "a file": tmp_path / "file",
        "under a file": tmp_path / "file" / "results",
        "name too long": tmp_path / ("n" * 300),
        "path too long": tmp_path.joinpath(*["p" * 200] * 30),
    }[kind]
    with pytest.raises(ConfigError, match=r"give a(nother)? folder"):
        personalize(load_config(config), root)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(
    ("old", "new", "sentence"), [("lift", "predictions", "needs for itself"), ("reach", "Lift", "differ in capitals only")]
)
def test_a_recording_whose_folder_would_be_another_ones_is_refused(
    old: str, new: str, sentence: str, changed: Callable[..., Path], tmp_path: Path
) -> None:
    config = changed((f'name = "{old}"', f'name = "{new}"'))
    (said,) = _problems(config, tmp_path / "res")
    assert sentence in said
