"""What is wrong with a workflow is found in its real files before anything runs, all of it at once."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from small_workflow import write_small_workflow

from osim_nmscal.config import WorkflowConfig, load_config
from osim_nmscal.errors import ConfigError, UnknownNameError
from osim_nmscal.formats.storage import read_storage, write_storage
from osim_nmscal.workflow.check import CheckReport, check_workflow, require_sound

WORKFLOWS = Path(__file__).parent.parent.parent / "workflows"

Changed = Callable[..., WorkflowConfig]


@pytest.fixture
def treadmill(treadmill_data: Path, tmp_path: Path) -> Changed:
    """Load the treadmill workflow with text of its configuration replaced: changed(old=new)."""

    def changed(*replacements: tuple[str, str]) -> WorkflowConfig:
        text = (WORKFLOWS / "treadmill" / "config.toml").read_text(encoding="utf-8")
        text = text.replace("../../../shared/data/treadmill_speeds", treadmill_data.as_posix())
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "config.toml").write_text(text, encoding="utf-8")
        return load_config(tmp_path / "config.toml")

    return changed


def _texts(report: CheckReport) -> list[str]:
    return [str(error) for error in report.errors]


def test_the_shipped_workflows_are_sound(treadmill_data: Path, running_data: Path) -> None:
    for name, calibrating, held_out in (("treadmill", 2, 33), ("running", 3, 4)):
        report = check_workflow(load_config(WORKFLOWS / name / "config.toml"))
        assert _texts(report) == []
        trials = next(row.text for row in report.summary if row.item == "Trials")
        assert trials.startswith(f"{calibrating} calibrate")
        assert trials.endswith(f"{held_out} are held out")


def test_cross_talk_and_cut_off_steps_are_said(treadmill: Changed) -> None:
    findings = " ".join(check_workflow(treadmill()).findings)
    assert "The stance from 6.059 to 7.042 s" in findings
    assert "cut off by an end of the recording" in findings


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('soleus_r = ["soleus_r"]', 'soleus_r = ["solus_r"]', "[emg.mapping]: The EMG mapping names the muscle 'solus_r'"),
        ('soleus_r = ["soleus_r"]', 'soleus = ["soleus_r"]', "names the EMG channel 'soleus'"),
        ('"ankle_angle_r"]', '"ankle_angel_r"]', "key 'muscle_analysis.dofs' names 'ankle_angel_r'"),
        ('"vas_int_r"]', '"vas_itn_r"]', "key 'calibration.groups.vasti' names 'vas_itn_r', which is no muscle of"),
        ('"vas_int_r"]', '"psoas_r"]', "key 'calibration.groups.vasti' names 'psoas_r', which has no EMG."),
        ('force_column = "ground_force_vy"', 'force_column = "ground_force_y"', "Did you mean 'ground_force_vy'?"),
        ("threshold = 20.0", "threshold = 5000.0", "No stance was found"),
        ('kind = "envelope"', 'kind = "raw"', "half the sampling rate (100 Hz / 2 = 50 Hz)"),
        ("walk36/ik.sto", "walk36/ik.mot", "key 'recordings[1].joint_angles' names the file"),
        ("walk36/ik.sto", "walk36/id.sto", "has no joint angle 'hip_flexion_r'"),
    ],
)
def test_a_mistake_is_found_and_says_the_way_out(treadmill: Changed, old: str, new: str, expected: str) -> None:
    texts = _texts(check_workflow(treadmill((old, new))))
    assert 1 <= len(texts) <= 2, texts  # once, or once per recording
    assert all(expected in text for text in texts), texts


def test_several_mistakes_are_found_at_once(treadmill: Changed) -> None:
    config = treadmill(("threshold = 20.0", "threshold = 5000.0"), ('"ankle_angle_r"]', '"ankle"]'), ('"vas_int_r"]', '"psoas_r"]'))
    texts = _texts(check_workflow(config))
    assert len(texts) == 4  # no stance in either recording
    with pytest.raises(ConfigError) as caught:
        require_sound(config)
    assert str(caught.value).splitlines() == texts


def test_a_single_mistake_keeps_its_own_error_class(treadmill: Changed) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'soleus_r'"):
        require_sound(treadmill(('soleus_r = ["soleus_r"]', 'soleus_r = ["solus_r"]')))


def test_a_locked_coordinate_cannot_calibrate(treadmill: Changed, treadmill_data: Path, tmp_path: Path) -> None:
    text = (treadmill_data / "model" / "gait2392.osim").read_text(encoding="utf-8")
    start = text.index('<Coordinate name="ankle_angle_r">')
    (tmp_path / "locked.osim").write_text(text[:start] + text[start:].replace("<locked>false", "<locked>true", 1), encoding="utf-8")
    model = (treadmill_data / "model" / "gait2392.osim").as_posix()
    texts = _texts(check_workflow(treadmill((model, "locked.osim"))))
    assert any("'ankle_angle_r', which is locked" in text for text in texts), texts


def test_emg_on_another_clock_is_refused_with_both_times(treadmill: Changed, treadmill_data: Path, tmp_path: Path) -> None:
    emg = read_storage(treadmill_data / "walk36" / "emgFilt.sto")
    shifted = type(emg)(time=emg.time + 100.0, labels=emg.labels, values=emg.values, source="emg")
    write_storage(tmp_path / "late.sto", shifted, header_name="EMG")
    texts = _texts(check_workflow(treadmill(((treadmill_data / "walk36" / "emgFilt.sto").as_posix(), "late.sto"))))
    assert "its signals share no time (joint angles 0 to 20 s; forces 0 to 40 s; EMG 100 to 140 s)" in texts[0]


def test_a_dead_electrode_is_named(treadmill: Changed, treadmill_data: Path, tmp_path: Path) -> None:
    emg = read_storage(treadmill_data / "walk36" / "emgFilt.sto")
    values = emg.values.copy()
    values[:, emg.index("tib_ant_r")] = 0.0
    write_storage(tmp_path / "dead.sto", type(emg)(time=emg.time, labels=emg.labels, values=values), header_name="EMG")
    texts = _texts(check_workflow(treadmill(((treadmill_data / "walk36" / "emgFilt.sto").as_posix(), "dead.sto"))))
    assert len(texts) == 1
    assert "'tib_ant_r' is zero" in texts[0]


def test_a_marker_of_the_tasks_that_the_recording_lacks_is_found(running_data: Path, tmp_path: Path) -> None:
    text = (WORKFLOWS / "running" / "config.toml").read_text(encoding="utf-8")
    text = text.replace("../../../shared/data/rajagopal_run_walk", running_data.as_posix())
    trc = (running_data / "ExpData" / "motion_capture_run.trc").read_text(encoding="utf-8")
    (tmp_path / "run.trc").write_text(trc.replace("LASI", "LASIS", 1), encoding="utf-8")
    (tmp_path / "config.toml").write_text(text.replace((running_data / "ExpData" / "motion_capture_run.trc").as_posix(), "run.trc"))
    texts = _texts(check_workflow(load_config(tmp_path / "config.toml")))
    assert len(texts) == 1
    assert "uses marker 'LASI', which" in texts[0]
    assert "Did you mean 'LASIS'?" in texts[0]


def test_a_body_of_the_external_loads_that_the_model_lacks_is_found(treadmill: Changed, treadmill_data: Path, tmp_path: Path) -> None:
    loads = (treadmill_data / "walk36" / "external_loads.xml").read_text(encoding="utf-8")
    data = (treadmill_data / "walk36" / "XLD.mot").as_posix()
    (tmp_path / "loads.xml").write_text(loads.replace(">calcn_r<", ">calcn<").replace(">XLD.mot<", f">{data}<"))
    texts = _texts(check_workflow(treadmill(((treadmill_data / "walk36" / "external_loads.xml").as_posix(), "loads.xml"))))
    assert len(texts) == 1
    assert "applies a force to body 'calcn'" in texts[0]
    assert "Did you mean 'calcn_r'?" in texts[0]


@pytest.fixture(params=["made", "recorded"])
def sound(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A configuration without a mistake: one that needs no recording of anybody, and a shipped one."""
    if request.param == "made":
        return write_small_workflow(tmp_path)
    request.getfixturevalue("running_data")
    return WORKFLOWS / "running" / "config.toml"


def test_checking_writes_nothing(sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert check_workflow(load_config(sound)).errors == ()
    assert sorted(tmp_path.rglob("*")) == before


def test_check_loads_neither_torch_nor_opensim_nor_scipy(sound: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from osim_nmscal.config import load_config; "
        "from osim_nmscal.workflow.check import require_sound; "
        f"config = load_config(Path({str(sound)!r})); require_sound(config, Path({str(tmp_path / 'nowhere')!r})); "
        "print([m for m in ('opensim', 'torch', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
