"""A configuration is read with its defaults, and every mistake in it becomes a sentence that names file, key, value and way out."""

import re
from pathlib import Path

import pytest

from osim_nmscal.config import describe_settings, load_config
from osim_nmscal.errors import ConfigError

WORKFLOWS = Path(__file__).parent.parent / "workflows"

MINIMAL = """
[subject]
mass = 70.0
[model]
file = "leg.osim"
[muscle_analysis]
dofs = ["knee_angle_r"]
[[recordings]]
name = "walk"
joint_angles = "data/ik.mot"
external_loads = "data/loads.xml"
emg = "data/emg.sto"
"""


def _write(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def _error(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(_write(folder, text))
    return str(caught.value)


def test_paths_are_relative_to_the_configuration_file_wherever_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    config = load_config(_write(tmp_path, MINIMAL))
    assert config.model.file == tmp_path / "leg.osim"
    assert config.recordings[0].emg == tmp_path / "data" / "emg.sto"
    assert config.source == tmp_path / "config.toml"


@pytest.mark.parametrize("name", ["running", "treadmill"])
def test_the_shipped_workflows_load(name: str) -> None:
    config = load_config(WORKFLOWS / name / "config.toml")
    assert config.muscle_analysis.dofs == ("hip_flexion_r", "knee_angle_r", "ankle_angle_r")


def test_naming_one_bound_of_a_parameter_keeps_its_other_defaults(tmp_path: Path) -> None:
    config = load_config(_write(tmp_path, MINIMAL + "[calibration.parameters.tendon_slack_length]\nupper = 1.3\n"))
    parameter = config.calibration.parameters.tendon_slack_length
    assert (parameter.bounds, parameter.upper) == ("relative", 1.3)
    assert parameter.lower == 0.7
    assert config.calibration.parameters.optimal_fiber_length.upper == 1.35


def test_nothing_touching_the_person_is_said_with_a_word(tmp_path: Path) -> None:
    config = load_config(_write(tmp_path, MINIMAL.replace('"data/loads.xml"', '"none"')))
    assert config.recordings[0].external_loads == "none"


@pytest.mark.parametrize(
    ("addition", "expected"),
    [
        ("[emg.envelope]\nlowpass_cutof = 3\n", r"key 'emg\.envelope\.lowpass_cutof' is not known\. Did you mean 'lowpass_cutoff'\?"),
        ("[trials]\nthreshold = 3\n", r"key 'trials\.threshold' is not known\..* trials\.segmentation\.threshold: move it there"),
        ("[emg.envelop]\nkind = 'raw'\n", r"key 'emg\.envelop' is not known\. Did you mean 'envelope'\?"),
        ("[emg.envelope]\nbandpass_low = -3.0\n", r"key 'emg\.envelope\.bandpass_low' is -3\.0, expected greater than 0 in Hz"),
        (
            "[emg.envelope]\nkind = 'envelop'\n",
            r"key 'emg\.envelope\.kind' is 'envelop', expected 'raw' or 'envelope'.*Did you mean 'envelope'\?",
        ),
        (
            "[calibration.parameters.c1]\nstart = 'modl'\n",
            r"key 'calibration\.parameters\.c1\.start' is 'modl', expected a number or 'model'",
        ),
        (
            "[calibration.parameters.c1]\nlower = 0.5\n",
            r"key 'calibration\.parameters\.c1': lower bound 0\.5 is not below upper bound -0\.05",
        ),
        (
            "[emg.mapping.channels]\nSOL = 'soleus_r'\n",
            r"key 'emg\.mapping\.channels\.SOL' is 'soleus_r', expected a list in square brackets",
        ),
        (
            "[[recordings]]\nname = 'a b'\njoint_angles = 'x'\nexternal_loads = 'none'\nemg = 'x'\n",
            r"'recordings\[2\]\.name' is 'a b', expected letters",
        ),
        ("[[recordings]]\nname = 'walk'\njoint_angles = 'x'\nexternal_loads = 'none'\nemg = 'x'\n", r"two recordings are called 'walk'"),
        ("[[recordings]]\nname = 'b'\nexternal_loads = 'none'\nemg = 'x'\n", r"recording 'b' gives neither markers nor joint_angles"),
        ("[[recordings]]\nname = 'b'\njoint_angles = 'x'\nemg = 'x'\n", r"recording 'b' gives neither external_loads nor joint_moments"),
        (
            "[[recordings]]\nname = 'b'\njoint_angles = 'x'\nforces = 'w.c3d'\nemg = 'x'\n",
            r"say which force plate of w\.c3d pushes on which body: .*force_plates = \{ plate1 = 'calcn_r' \}",
        ),
        (
            "[[recordings]]\nname = 'b'\nmarkers = 'x'\nexternal_loads = 'none'\nemg = 'x'\n",
            r"'b' starts from markers, but there is no section \[inverse_kinematics\]",
        ),
        (
            "[[recordings]]\nname = 'b'\nmarkers = 'x'\njoint_angles = 'y'\nexternal_loads = 'none'\nemg = 'x'\n",
            r"both markers and joint_angles",
        ),
        ("[trials.segmentation]\nmethod = true\n", r"key 'trials\.segmentation\.method' is True, expected"),
        ("[emg.envelope]\nlowpass_cutoff = true\n", r"'emg\.envelope\.lowpass_cutoff' is True, expected a number in Hz"),
        ("[emg.envelope]\nlowpass_cutoff = inf\n", r"'emg\.envelope\.lowpass_cutoff' is inf, expected a finite number in Hz"),
        (
            "[[recordings]]\nname = 'b'\nstart = nan\njoint_angles = 'x'\nexternal_loads = 'none'\nemg = 'x'\n",
            r"'recordings\[2\]\.start' is nan, expected a finite number in s",
        ),
        ("[trials]\ntime_step = 1e-9\n", r"'trials\.time_step' is 1e-09, expected greater than or equal to 0\.0005 in s"),
        ("[emg.envelope]\nlowpass_order = 0x" + "f" * 9000 + "\n", r"lowpass_order' is a number of thousands of digits, expected"),
        ("[emg.envelope]\nlowpass_order = " + "9" * 5000 + "\n", r"holds a number of thousands of digits, expected at most 17"),
        ("x = " + "[" * 5000 + "]" * 5000 + "\n", r"nests brackets or tables hundreds deep"),
        ("[calibration]\nmehtod = 'x'\n", r"Did you mean 'method'\?.*`osim-nmscal settings calibration` explains them all"),
    ],
)
def test_a_mistake_becomes_one_sentence(tmp_path: Path, addition: str, expected: str) -> None:
    message = _error(tmp_path, MINIMAL + addition)
    assert re.search(expected, message), message
    assert message.startswith(str(tmp_path / "config.toml"))
    assert len(message.splitlines()) == 1


def test_an_empty_list_is_said_in_words(tmp_path: Path) -> None:
    message = _error(tmp_path, MINIMAL.replace('["knee_angle_r"]', "[]"))
    assert "key 'muscle_analysis.dofs' is (), expected at least one entry in the list" in message.replace("[]", "()")


def test_a_mass_in_grams_is_refused_with_its_unit(tmp_path: Path) -> None:
    assert "key 'subject.mass' is 70000.0, expected less than 1000 in kg" in _error(tmp_path, MINIMAL.replace("70.0", "70000.0"))


def test_a_missing_key_says_what_it_means(tmp_path: Path) -> None:
    assert "key 'subject.mass' is missing; add it in kg (Body mass)." in _error(tmp_path, MINIMAL.replace("mass = 70.0", ""))


def test_every_mistake_is_listed_on_a_line_of_its_own(tmp_path: Path) -> None:
    text = MINIMAL.replace("mass = 70.0", "mas = 70.0") + "[emg.envelope]\nlowpass_order = 1.5\n"
    lines = _error(tmp_path, text).splitlines()
    assert [re.search(r"key '([\w.]+)'", line)[1] for line in lines] == ["subject.mass", "subject.mas", "emg.envelope.lowpass_order"]  # type: ignore[index]
    assert "expected a whole number" in lines[-1]


def test_a_slip_of_toml_names_file_and_line(tmp_path: Path) -> None:
    message = _error(tmp_path, MINIMAL + "threshold = = 3\n")
    assert "is not valid TOML" in message
    assert "at line 13" in message


def test_a_configuration_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"The configuration .*nowhere\.toml cannot be read \(No such file or directory\)"):
        load_config(tmp_path / "nowhere.toml")


def test_every_setting_says_unit_meaning_and_source() -> None:
    described = list(describe_settings())
    assert len(described) > 150
    mute = [
        one.key
        for one in described
        if not one.unit or not one.meaning.endswith(".") or len(one.meaning) < 5 or one.source in ("", "-") or not one.default
    ]
    assert mute == []


def test_a_choice_says_why() -> None:
    bare = [
        one.key
        for one in describe_settings()
        if re.match("choice", one.source) and len(one.source.removeprefix("choice").strip(" :;,")) < 10
    ]
    assert bare == []


def test_every_choice_lists_what_may_stand_there() -> None:
    allowed = {one.key: one.allowed for one in describe_settings()}
    assert allowed["emg.envelope.kind"] == '"raw" or "envelope"'
    assert allowed["calibration.parameters.c1.start"] == 'a number or "model"'
    assert allowed["recordings[].external_loads"] == 'a path or "none"'
    assert allowed["subject.mass"] == ""


def test_the_listed_default_of_a_parameter_is_its_own_not_its_class() -> None:
    listed = {one.key: one.default for one in describe_settings()}
    assert listed["calibration.parameters.tendon_slack_length.bounds"] == '"relative"'
    assert listed["calibration.parameters.c1.bounds"] == '"absolute"'
    assert listed["subject.mass"] == "required"
