"""Examples: from the place they were published, or from a copy; never other bytes than those published."""

import shutil
import tomllib
from pathlib import Path

import pytest
from lxml import etree
from typer.testing import CliRunner

from osim_nmscal.cli import app
from osim_nmscal.config import load_config
from osim_nmscal.errors import ConfigError, FileFormatError, UnknownNameError
from osim_nmscal.examples.catalogue import EXAMPLES, Example
from osim_nmscal.examples.fetch import LOCAL_COPY, fetch_example
from osim_nmscal.provenance.values import file_digest

WORKFLOW = Path(__file__).parent.parent.parent / "workflows" / "treadmill" / "config.toml"


@pytest.fixture(autouse=True)
def _no_copy(monkeypatch):
    monkeypatch.delenv(LOCAL_COPY, raising=False)


def test_every_file_is_fetched_from_a_pinned_commit_and_checked(tmp_path):
    asked = []

    def fetch(url, sha256, target):
        asked.append((url, sha256))
        target.write_text("content", encoding="utf-8")

    config = fetch_example("treadmill", tmp_path / "walk", fetch=fetch)
    example = EXAMPLES["treadmill"]
    assert [sha256 for _, sha256 in asked] == [file.sha256 for file in example.files]
    assert all(url.startswith(f"https://raw.githubusercontent.com/{example.repository}/{example.commit}/") for url, _ in asked)
    assert len(example.commit) == 40
    loaded = load_config(config)
    assert loaded.recordings[0].joint_angles == tmp_path / "walk" / "walk36" / "ik.sto"
    loads = etree.fromstring((tmp_path / "walk" / "walk45" / "external_loads.xml").read_bytes())
    assert [one.findtext("applied_to_body") for one in loads.iter("ExternalForce")] == ["calcn_r", "calcn_l"]


def test_captures_come_without_a_configuration_and_init_drafts_one(tmp_path, monkeypatch, c3d_data, treadmill_data):
    copy = tmp_path / "copies" / "captures"
    copy.mkdir(parents=True)
    for file in EXAMPLES["captures"].files:
        source = treadmill_data / "model" / file.path if file.path.endswith(".osim") else c3d_data / file.path
        assert file_digest(source) == file.sha256  # these very bytes were published
        shutil.copyfile(source, copy / file.path)
    monkeypatch.setenv(LOCAL_COPY, str(tmp_path / "copies"))
    done = CliRunner().invoke(app, ["example", "captures", str(tmp_path / "lab")])
    assert f"Next: osim-nmscal init {tmp_path / 'lab'}" in done.output
    assert CliRunner().invoke(app, ["init", str(tmp_path / "lab")]).exit_code == 0
    checked = CliRunner().invoke(app, ["check", str(tmp_path / "lab" / "config.toml")])
    assert checked.exit_code == 0, checked.output


def test_the_configuration_is_that_of_the_shipped_workflow():
    shipped = tomllib.loads(WORKFLOW.read_text(encoding="utf-8").replace("../../../shared/data/treadmill_speeds/", ""))
    packaged = Path(__file__).parent.parent.parent / "osim_nmscal" / "examples" / "treadmill.toml"
    example = tomllib.loads(packaged.read_text(encoding="utf-8"))
    assert example | {"output": None} == shipped | {"output": None}


def test_without_a_network_a_sentence_says_what_to_do(tmp_path):
    def fetch(url, sha256, target):
        raise ConnectionError("no route")

    with pytest.raises(ConfigError, match=r"cannot be fetched \(ConnectionError\).*OSIM_NMSCAL_EXAMPLES.*osim-nmscal demo"):
        fetch_example("treadmill", tmp_path, fetch=fetch)


def test_a_server_that_cannot_be_reached_is_one_sentence_and_leaves_no_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(Example, "url", lambda self, file: f"http://127.0.0.1:9/{file.source}")  # the discard port: refused at once
    done = CliRunner().invoke(app, ["example", "treadmill", str(tmp_path / "walk")])
    assert isinstance(done.exception, ConfigError)
    assert len(str(done.exception).splitlines()) == 1
    assert "is there a network?" in str(done.exception)
    assert not (tmp_path / "walk").exists()


def test_other_bytes_than_those_published_are_refused(tmp_path):
    def fetch(url, sha256, target):
        raise ValueError("hash of downloaded file does not match")

    with pytest.raises(FileFormatError, match="not the file that was published"):
        fetch_example("treadmill", tmp_path, fetch=fetch)


def test_a_local_copy_stands_in(tmp_path, monkeypatch, treadmill_data):
    for file in EXAMPLES["treadmill"].files:
        target = tmp_path / "copies" / "treadmill" / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(treadmill_data / file.path, target)
    monkeypatch.setenv(LOCAL_COPY, str(tmp_path / "copies"))
    done = CliRunner().invoke(app, ["example", "treadmill", str(tmp_path / "my walk")])
    assert done.exit_code == 0, done.output
    assert f'check "{tmp_path / "my walk" / "config.toml"}"' in done.output
    (tmp_path / "copies" / "treadmill" / "walk45" / "ik.sto").unlink()
    with pytest.raises(ConfigError, match=r"ik\.sto does not exist"):
        fetch_example("treadmill", tmp_path / "again")


def test_a_folder_with_another_configuration_is_left_alone(tmp_path):
    (tmp_path / "config.toml").write_text("[subject]\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="is another configuration"):
        fetch_example("treadmill", tmp_path, fetch=lambda *_: None)


def test_an_unknown_name_offers_the_nearest_and_no_name_lists_all():
    with pytest.raises(UnknownNameError, match="Did you mean 'treadmill'"):
        fetch_example("tredmill", Path("nowhere"))
    assert "treadmill: one person" in CliRunner().invoke(app, ["example"]).output
