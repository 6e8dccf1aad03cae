"""A configuration may extend another, and a command line may set keys: what lies over what, whose path is whose, who is blamed."""

import json
import re
from pathlib import Path

import pytest

from osim_nmscal.config import load_config
from osim_nmscal.config_files import parsed_change
from osim_nmscal.errors import ConfigError

LAB = """
[model]
file = "models/leg.osim"
[muscle_analysis]
dofs = ["knee_angle_r"]
[emg]
mvc = ["mvc/a.sto", "mvc/b.sto"]
[emg.envelope]
lowpass_cutoff = 3.0
lowpass_order = 2
[emg.mapping.channels]
SOL = ["soleus_r"]
TA = ["tibant_r"]
[calibration.parameters.tendon_slack_length]
lower = 0.8
"""
PERSON = """
extends = "../lab.toml"
[subject]
mass = 70.0
[emg.envelope]
lowpass_cutoff = 6.0
[emg.mapping.channels]
TA = ["tibant_r", "edl_r"]
[[recordings]]
name = "walk"
joint_angles = "ik.mot"
external_loads = "none"
emg = "emg.sto"
"""


@pytest.fixture
def person(tmp_path: Path) -> Path:
    (tmp_path / "lab.toml").write_text(LAB, encoding="utf-8")
    (tmp_path / "s1").mkdir()
    path = tmp_path / "s1" / "config.toml"
    path.write_text(PERSON, encoding="utf-8")
    return path


def _error(path: Path, *changes: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(path, changes)
    return str(caught.value)


def test_tables_merge_key_by_key_and_lists_replace(person: Path) -> None:
    person.write_text(PERSON.replace("[emg.envelope]", '[emg]\nmvc = ["own.sto"]\n[emg.envelope]'), encoding="utf-8")
    config = load_config(person)
    assert (config.emg.envelope.lowpass_cutoff, config.emg.envelope.lowpass_order) == (6.0, 2)
    assert config.emg.mapping.channels == {"SOL": ("soleus_r",), "TA": ("tibant_r", "edl_r")}
    assert config.emg.mvc == (person.parent / "own.sto",)
    assert config.calibration.parameters.tendon_slack_length.lower == 0.8
    assert config.calibration.parameters.tendon_slack_length.upper == 1.3  # the default of the parameter, not of its class


def test_a_path_starts_from_the_file_that_spells_it(person: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab, elsewhere = person.parent.parent, person.parent.parent / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    config = load_config(person, ["recordings[1].emg=other.sto"])
    assert config.model.file == lab / "models" / "leg.osim"
    assert config.emg.mvc == (lab / "mvc" / "a.sto", lab / "mvc" / "b.sto")
    assert config.recordings[0].joint_angles == person.parent / "ik.mot"
    assert config.recordings[0].emg == elsewhere / "other.sto"  # of a command line: from the current folder
    assert config.output.folder == person.parent / "results"  # what nobody spells: of the configuration asked for
    assert config.source == person


def test_what_is_merged_is_the_same_as_if_it_stood_in_one_file(person: Path) -> None:
    # So a run's keys, its kept copy and its report hold what the parent says, and a changed parent runs its stages again.
    whole = person.parent / "whole.toml"
    text = PERSON.replace('extends = "../lab.toml"', "").replace('[emg.mapping.channels]\nTA = ["tibant_r", "edl_r"]\n', "")
    whole.write_text(
        text.replace("[emg.envelope]\nlowpass_cutoff = 6.0\n", "")
        + LAB.replace("models/", "../models/")
        .replace("mvc/", "../mvc/")
        .replace("3.0", "6.0")
        .replace('["tibant_r"]', '["tibant_r", "edl_r"]'),
        encoding="utf-8",
    )
    one, other = load_config(whole).model_dump(mode="json"), load_config(person).model_dump(mode="json")
    assert json.dumps(one) == json.dumps(other)
    (person.parent.parent / "lab.toml").write_text(LAB.replace("lowpass_order = 2", "lowpass_order = 4"), encoding="utf-8")
    assert load_config(person).model_dump(mode="json") != other


def test_files_may_extend_one_another_over_several_steps(person: Path) -> None:
    study = person.parent / "study.toml"
    study.write_text('extends = "config.toml"\n[subject]\nmass = 71.0\n', encoding="utf-8")
    config = load_config(study)
    assert (config.subject.mass, config.emg.envelope.lowpass_cutoff, config.emg.envelope.lowpass_order) == (71.0, 6.0, 2)


def test_a_circle_is_refused(person: Path) -> None:
    lab = person.parent.parent / "lab.toml"
    lab.write_text('extends = "s1/config.toml"\n' + LAB, encoding="utf-8")
    message = _error(person)
    assert message.startswith(str(person.parent / ".." / "lab.toml"))
    assert "closes a circle: config.toml extends lab.toml extends config.toml; take it out of one of them." in message


@pytest.mark.parametrize(
    ("file", "change", "expected"),
    [
        (
            "lab.toml",
            ("lowpass_order = 2", "lowpass_ordr = 2"),
            r"lab\.toml: key 'emg\.envelope\.lowpass_ordr' is not known\. Did you mean",
        ),
        ("lab.toml", ("lowpass_order = 2", "lowpass_order = 0"), r"lab\.toml: key 'emg\.envelope\.lowpass_order' is 0, expected"),
        ("lab.toml", ("[model]", "[model"), r"lab\.toml is not valid TOML: .* \(at line 2, .*It is what .*config\.toml extends"),
        (
            "lab.toml",
            ("lower = 0.8", "lower = 1.4"),
            r"lab\.toml: key 'calibration\.parameters\.tendon_slack_length': lower bound 1\.4 is not below",
        ),
        (
            "s1/config.toml",
            ("lowpass_cutoff = 6.0", "lowpass_cutoff = -6.0"),
            r"s1/config\.toml: key 'emg\.envelope\.lowpass_cutoff' is -6",
        ),
        ("s1/config.toml", ("mass = 70.0", ""), r"s1/config\.toml: key 'subject\.mass' is missing"),
        ("s1/config.toml", ('"../lab.toml"', '"../lob.toml"'), r"lob\.toml cannot be read .*It is what .*config\.toml extends"),
        ("s1/config.toml", ('"../lab.toml"', "3"), r"s1/config\.toml: key 'extends' is 3, expected one path in quotes"),
    ],
)
def test_an_error_names_the_file_that_spells_it(person: Path, file: str, change: tuple[str, str], expected: str) -> None:
    path = person.parent.parent / file
    path.write_text(path.read_text(encoding="utf-8").replace(*change), encoding="utf-8")
    message = _error(person).replace("\\", "/")
    assert re.search(expected, message), message
    assert len(message.splitlines()) == 1


def test_after_loading_a_sentence_still_finds_the_file(person: Path) -> None:
    config = load_config(person, ["subject.mass=60"])
    lab = person.parent.parent / "lab.toml"
    assert config.where("model.file") == config.where("emg.mvc[2]") == str(lab)
    assert config.where("emg.envelope.lowpass_cutoff") == config.where("recordings[1].emg") == str(person)
    assert config.where("subject.mass") == "--set subject.mass=60"
    assert config.where("trials.time_step") == str(person)  # spelled nowhere


@pytest.mark.parametrize(
    ("change", "location", "value"),
    [
        ("a.b=3", ("a", "b"), 3),
        ("a.b = 'x y'", ("a", "b"), "x y"),
        ("a.b=raw", ("a", "b"), "raw"),  # a shell takes quotes away, so a bare word is text
        ("a.b=[1.0, 2]", ("a", "b"), [1.0, 2]),
        ('emg.mapping.channels."Voltage.EMG 1"=["soleus_r"]', ("emg", "mapping", "channels", "Voltage.EMG 1"), ["soleus_r"]),
        ("recordings[2].role=held_out", ("recordings", 1, "role"), "held_out"),
        ("a.on=true", ("a", "on"), True),
        ("a.file=C:\\data\\x.sto", ("a", "file"), "C:\\data\\x.sto"),
        ("a.note=x=y", ("a", "note"), "x=y"),
    ],
)
def test_a_change_on_the_command_line_is_a_dotted_key_and_a_toml_value(change: str, location: tuple[object, ...], value: object) -> None:
    assert parsed_change(change) == (location, value)


def test_later_changes_lie_over_earlier_ones_and_over_the_files(person: Path) -> None:
    config = load_config(person, ["emg.envelope.lowpass_cutoff=4", "emg.envelope.lowpass_cutoff=5", "recordings[1].role=held_out"])
    assert config.emg.envelope.lowpass_cutoff == 5.0
    assert config.recordings[0].role == "held_out"
    assert config.model_dump(mode="json")["emg"]["envelope"]["lowpass_cutoff"] == 5.0  # as it is kept with the results


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("emg.envelope.lowpass_cutof=3", r"^--set emg\.envelope\.lowpass_cutof=3: key .* is not known\. Did you mean 'lowpass_cutoff'\?"),
        ("emg.envelop.lowpass_cutoff=3", r"^--set .*: key 'emg\.envelop' is not known\. Did you mean 'envelope'\?"),
        ("emg.envelope.kind=rau", r"^--set .* is 'rau', expected 'raw' or 'envelope'.* Did you mean 'raw'\?"),
        ("subject.mass=-1", r"^--set subject\.mass=-1: key 'subject\.mass' is -1, expected greater than 0\.01 in kg"),
        ("subject.mass", r"^--set subject\.mass: expected key=value"),
        ("subject.mass=", r"^--set subject\.mass=: expected key=value"),
        ("subject mass=3", r"^--set subject mass=3: expected key=value"),
        ("emg.mvc=[a.sto]", r"^--set .*: the value is not valid TOML .* put the whole in quotes of your shell"),
        ("subject.mass=3\nx = 4", r"^--set .*\n?.*holds several lines"),
        ("extends=lab.toml", r"only a file can extend another"),
        ("recordings[3].role=any", r"there is no recordings\[3\]; the configuration has 1\."),
        ("recordings[0].role=any", r"there is no recordings\[0\]"),
    ],
)
def test_a_change_that_cannot_be_says_why(person: Path, change: str, expected: str) -> None:
    assert re.search(expected, _error(person, change))


def test_a_folder_instead_of_a_configuration_names_what_is_in_it(person: Path) -> None:
    assert _error(person.parent) == f"{person.parent} is a folder; name the configuration in it (config.toml)."
