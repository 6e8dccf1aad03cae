"""A stage is current as long as what it read and what it wrote are what they were, by content."""

import os
from pathlib import Path

import pytest
from osim_nmscal.workflow.cache import RECORD_FILE, StageCache, stage_key

from osim_nmscal.errors import FileFormatError


def _key(source: Path, **settings: object) -> str:
    return stage_key("ik/run", settings, [source], version="1")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "markers.trc"
    path.write_text("1 2 3")
    return path


@pytest.fixture
def results(tmp_path: Path) -> Path:
    folder = tmp_path / "results"
    folder.mkdir()
    return folder


def _stored(results: Path, key: str) -> Path:
    out = results / "ik.mot"
    out.write_text("angles")
    StageCache(results).store("ik/run", key, [out], seconds=2.5, summary={"rms": 0.01})
    return out


def test_a_new_process_finds_the_stage_current_and_its_summary(results: Path, source: Path) -> None:
    _stored(results, _key(source, accuracy=1e-5))
    record = StageCache(results).current("ik/run", _key(source, accuracy=1e-5))
    assert record is not None
    assert record.seconds == 2.5
    assert record.summary == {"rms": 0.01}


def test_another_setting_makes_a_stage_out_of_date(results: Path, source: Path) -> None:
    _stored(results, _key(source, accuracy=1e-5))
    assert StageCache(results).current("ik/run", _key(source, accuracy=1e-4)) is None


def test_an_input_counts_by_its_content_and_not_by_its_time(results: Path, source: Path) -> None:
    _stored(results, _key(source))
    os.utime(source, (0, 0))
    assert StageCache(results).current("ik/run", _key(source)) is not None
    source.write_text("1 2 4")
    assert StageCache(results).current("ik/run", _key(source)) is None


def test_a_file_in_an_input_folder_counts(tmp_path: Path) -> None:
    (tmp_path / "mtu_length.sto").write_text("a")
    before = stage_key("trials", {}, [tmp_path], version="1")
    (tmp_path / "moment_arm_knee.sto").write_text("b")
    assert stage_key("trials", {}, [tmp_path], version="1") != before


def test_a_result_edited_by_hand_or_deleted_is_made_again(results: Path, source: Path) -> None:
    out = _stored(results, _key(source))
    out.write_text("angles, mended")
    assert StageCache(results).current("ik/run", _key(source)) is None
    out.unlink()
    assert StageCache(results).current("ik/run", _key(source)) is None


@pytest.mark.parametrize("damage", ["", "{", '{"ik/run": 3}', '{"ik/run": {"key": "x"}}', "[]"])
def test_damaged_records_only_cost_a_re_run(results: Path, source: Path, damage: str) -> None:
    _stored(results, _key(source))
    (results / RECORD_FILE).write_text(damage)
    assert StageCache(results).current("ik/run", _key(source)) is None


def test_a_missing_input_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"gone\.trc cannot be read"):
        stage_key("ik", {}, [tmp_path / "gone.trc"], version="1")
