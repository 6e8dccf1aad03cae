"""A workflow with tables of a dynamometer: what is wrong is said before anything runs, and what is right calibrates."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_workflow import DOF, write_small_workflow

from osim_nmscal.config import load_config
from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.errors import ConfigError, SignalError
from osim_nmscal.formats.storage import read_storage, write_storage
from osim_nmscal.workflow.check import check_workflow
from osim_nmscal.workflow.dynamometer_files import recorded_postures
from osim_nmscal.workflow.loading import load_results
from osim_nmscal.workflow.personalize import PersonalizedResult, personalize

FLEXORS = '["biceps_long_r", "biceps_short_r", "brachialis_r", "brachioradialis_r"]'
RELAXED = '[[recordings]]\nname = "relaxed"\nkind = "passive"\ntable = "relaxed.csv"\n'
FLEX = f'[[recordings]]\nname = "flex"\nkind = "effort"\ntable = "flex.csv"\nagonists = {FLEXORS}\n'
RELAXED_TABLE = f"{DOF},{DOF}_moment\n" + "".join(f"{angle},{2 - angle / 30:.3f}\n" for angle in range(10, 121, 10))
FLEX_TABLE = f"{DOF},{DOF}_moment\n30,30\n60,40\n90,45\n"


def _workflow(folder: Path, *entries: str, relaxed: str = RELAXED_TABLE, flex: str = FLEX_TABLE) -> Path:
    """Write the small workflow with recordings of a dynamometer before the motion."""
    path = write_small_workflow(folder, names=("lift",))
    (folder / "relaxed.csv").write_text(relaxed, encoding="utf-8")
    (folder / "flex.csv").write_text(flex, encoding="utf-8")
    text = path.read_text(encoding="utf-8").replace("[[recordings]]", "\n".join(entries) + "\n[[recordings]]", 1)
    text = text.replace("[verification]", "[verification]\nenabled = false")
    path.write_text(text + '\n[calibration]\nmethod = "emg_driven"\n', encoding="utf-8")
    return path


def test_motions_and_what_a_dynamometer_measured_are_kept_apart(tmp_path: Path) -> None:
    config = load_config(_workflow(tmp_path, RELAXED, FLEX))
    assert [recording.name for recording in config.recordings] == ["lift"]
    assert [(one.name, one.kind) for one in config.dynamometer] == [("relaxed", "passive"), ("flex", "effort")]
    assert config.dynamometer[0].table == tmp_path / "relaxed.csv"
    assert type(config).model_validate(config.model_dump(mode="json")).dynamometer == config.dynamometer  # as a results folder keeps it


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        pytest.param(
            [RELAXED + 'emg = "lift_emg.sto"\n'], r"key 'recordings\[1\]': recording 'relaxed' is passive, but names emg", id="emg"
        ),
        pytest.param(
            [FLEX + 'emg = "lift_emg.sto"\n'], r"'flex' is an effort, whose excitations are assumed, but names emg", id="effort emg"
        ),
        pytest.param([RELAXED.replace("passive", "effort")], r"'relaxed' is an effort, but names no agonists", id="no agonists"),
        pytest.param([RELAXED, RELAXED], r"two recordings are called 'relaxed'", id="one name"),
        pytest.param([RELAXED.replace("relaxed", "lift", 1)], r"two recordings are called 'lift'", id="name of a motion"),
        pytest.param(
            [RELAXED.replace("passive", "pasive")], r"expected 'motion', 'passive' or 'effort'.*Did you mean 'passive'", id="kind"
        ),
        pytest.param([RELAXED.replace('kind = "passive"', "")], r"'relaxed' gives a table, but no kind", id="no kind"),
        pytest.param([FLEX + "efort_level = 0.9\n"], r"key 'recordings\[1\]\.efort_level' is not known", id="unknown key"),
        pytest.param([RELAXED, FLEX + "effort_level = 9.0\n"], r"key 'recordings\[2\]\.effort_level' is 9\.0", id="second entry"),
        pytest.param([RELAXED + 'dofs = ["knee"]\n'], r"'relaxed' has measured 'knee', which \[muscle_analysis\] dofs does not", id="dof"),
        pytest.param([RELAXED.replace('table = "relaxed.csv"', "")], r"recording 'relaxed' gives no table", id="no table"),
    ],
)
def test_a_mistake_in_an_entry_is_one_sentence(entries: list[str], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=sentence) as caught:
        load_config(_workflow(tmp_path, *entries))
    assert len(str(caught.value).splitlines()) == 1


def test_a_workflow_without_any_motion_is_refused(tmp_path: Path) -> None:
    path = _workflow(tmp_path, RELAXED)
    text = path.read_text(encoding="utf-8")
    begin = text.index('[[recordings]]\nname = "lift"')
    path.write_text(text[:begin] + text[text.index("[emg.envelope]") :], encoding="utf-8")
    with pytest.raises(ConfigError, match=r"every recording is passive or an effort.*add a motion"):
        load_config(path)


def _radians(text: str) -> str:
    head, *rows = text.splitlines()
    return "\n".join([head, *(f"{np.radians(float(a)):.4f},{m}" for a, m in (row.split(",") for row in rows))]) + "\n"


@pytest.mark.parametrize(
    ("relaxed", "entry", "sentence"),
    [
        pytest.param(_radians(RELAXED_TABLE), RELAXED, r"goes from 0\.17\d to 2\.09 degrees only, which looks like radians", id="radians"),
        pytest.param(RELAXED_TABLE.replace("50,", "50,x"), RELAXED, r"relaxed\.csv, line 6: column .* expected a number", id="a word"),
        pytest.param(RELAXED_TABLE.replace("0.333", "NaN"), RELAXED, r"has no number in line 6", id="nan"),
        pytest.param("elbow_flexion_r,force\n10,5\n", RELAXED, r"relaxed\.csv has no column of moments", id="no moment"),
        pytest.param(
            RELAXED_TABLE.replace(DOF, "elbow_flexon_r", 1),
            RELAXED,
            r"column 'elbow_flexon_r' is no coordinate of virtual_arm\.osim.*Did you mean 'elbow_flexion_r'",
            id="coordinate",
        ),
        pytest.param(
            "shoulder_rotation_r,shoulder_rotation_r_moment\n10,5\n40,2\n",
            RELAXED,
            r"the moment about 'shoulder_rotation_r' was measured, which \[muscle_analysis\] dofs does not have",
            id="other dof",
        ),
        pytest.param(RELAXED_TABLE, RELAXED + "pose = { shoulder = 10 }\n", r"pose of recording 'relaxed' names 'shoulder'", id="pose"),
        pytest.param(RELAXED_TABLE, RELAXED + f"pose = {{ {DOF} = 10 }}\n", r"which .*relaxed\.csv has as well", id="pose and table"),
        pytest.param(
            "shoulder_rotation_r,elbow_flexion_r_moment\n10,5\n40,2\n",
            RELAXED,
            r"nothing says how elbow_flexion_r was held.*pose = \{ elbow_flexion_r = 0 \}",
            id="unknown posture",
        ),
    ],
)
def test_check_finds_what_is_wrong_with_a_table_before_anything_runs(relaxed: str, entry: str, sentence: str, tmp_path: Path) -> None:
    report = check_workflow(load_config(_workflow(tmp_path, entry, relaxed=relaxed)))
    assert len(report.errors) == 1, report.errors
    with pytest.raises(type(report.errors[0]), match=sentence):
        raise report.errors[0]


def test_an_unknown_agonist_and_a_missing_table_are_named(tmp_path: Path) -> None:
    (error,) = check_workflow(load_config(_workflow(tmp_path, FLEX.replace("brachialis_r", "brachiallis_r")))).errors
    assert "agonists of recording 'flex' name 'brachiallis_r'" in str(error)
    assert "Did you mean 'brachialis_r'?" in str(error)
    path = _workflow(tmp_path, RELAXED)
    (tmp_path / "relaxed.csv").unlink()
    (error,) = check_workflow(load_config(path)).errors
    assert "names the file" in str(error)


def test_check_doubts_a_passive_moment_of_the_machines_sign(tmp_path: Path) -> None:
    reversed_sign = f"{DOF},{DOF}_moment\n" + "".join(f"{angle},{angle / 10 - 6:.3f}\n" for angle in range(10, 121, 10))
    report = check_workflow(load_config(_workflow(tmp_path, RELAXED, relaxed=reversed_sign)))
    assert report.errors == ()
    assert [finding.kind for finding in report.judged if finding.kind == "moment_sign"] == ["moment_sign"]
    summary = {row.item: row.text for row in report.summary}
    assert summary["Recording relaxed"] == f"passive, of a dynamometer: 1 sweeps, 0 poses held; moments about {DOF}"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> PersonalizedResult:
    """Results with a relaxed elbow, three poses of full effort, and one that was never tried and pushes the other way."""
    home = tmp_path_factory.mktemp("dynamometer")
    (home / "weak.csv").write_text(f"{DOF},{DOF}_moment\n60,-4\n", encoding="utf-8")
    weak = FLEX.replace('"flex"', '"weak"').replace("flex.csv", "weak.csv") + 'role = "held_out"\n'
    return personalize(load_config(_workflow(home, RELAXED, FLEX, weak)), home / "results")


@pytest.mark.opensim
def test_moments_of_a_dynamometer_calibrate_and_are_reported_beside_the_motions(made: PersonalizedResult) -> None:
    assert [metric.trial for metric in made.dynamometer] == [
        "relaxed/sweep_01",
        "flex/pose_01",
        "flex/pose_02",
        "flex/pose_03",
        "weak/pose_01",
    ]
    before, after = (
        sum(getattr(metric, f"rmse_{when}") for metric in made.dynamometer if metric.trial.startswith("flex"))
        for when in ("uncalibrated", "calibrated")
    )
    assert after < before  # four iterations go the right way
    assert made.calibration is not None
    assert "brachioradialis_r" in made.calibration.muscles.names  # without EMG, but a relaxed joint feels it
    stored = json.loads((made.folder / "metrics.json").read_text(encoding="utf-8"))
    assert [(one["trial"], one["set"]) for one in stored["dynamometer"]][-1] == ("weak/pose_01", "held_out")
    assert {one["trial"].split("/")[0] for one in stored["moments"]} == {"lift"}
    assert "Moments of the dynamometer" in (made.folder / "report.html").read_text(encoding="utf-8")
    assert load_results(made.folder).dynamometer == made.dynamometer or np.isnan(made.dynamometer[0].submaximal)


@pytest.mark.opensim
def test_an_effort_of_the_other_direction_and_one_that_is_none_are_doubted(made: PersonalizedResult) -> None:
    found = {(finding.kind, finding.about) for finding in made.judged}
    assert {("moment_sign", "weak"), ("weak_effort", "weak")} <= found
    assert ("weak_effort", "flex") not in found
    assert ("moment_sign", "flex") not in found


@pytest.mark.opensim
def test_postures_are_kept_in_radians_with_the_geometry_at_them(made: PersonalizedResult) -> None:
    folder = made.folder / "flex"
    postures = read_storage(folder / "coordinates.sto")
    assert np.allclose(np.degrees(postures.column(DOF)), [30, 60, 90])
    lengths, arms = (read_storage(folder / name) for name in ("mtu_length.sto", f"moment_arm_{DOF}.sto"))
    assert len(lengths.time) == len(arms.time) == 3
    biceps = lengths.column("biceps_long_r")
    assert (np.diff(biceps) < 0).all()  # flexing shortens a flexor
    slope = -np.gradient(biceps, postures.column(DOF))[1]
    assert abs(slope - arms.column("biceps_long_r")[1]) < 0.1 * abs(slope)  # a difference over 60 degrees is no derivative


def test_tables_lie_beside_the_file_that_names_them_and_its_sentences_name_it(tmp_path: Path) -> None:
    lab = tmp_path / "lab"
    _workflow(lab, FLEX, RELAXED)
    own = tmp_path / "person"
    own.mkdir()
    (own / "config.toml").write_text('extends = "../lab/config.toml"\n[subject]\nmass = 60\n', encoding="utf-8")
    config = load_config(own / "config.toml")
    assert [one.table for one in config.dynamometer] == [lab / "flex.csv", lab / "relaxed.csv"]
    assert config.recordings[0].joint_angles == lab / "lift_angles.sto"
    text = (lab / "config.toml").read_text(encoding="utf-8").replace('emg = "lift_emg.sto"', 'emg = "lift_emg.sto"\nrole = "none"')
    (lab / "config.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"lab/config\.toml: key 'recordings\[3\]\.role' is 'none'"):
        load_config(own / "config.toml")


def test_tables_and_opensims_files_say_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "units"
    time = np.array([0.0, 0.5, 1.0])
    folder.mkdir()
    (folder / "time.csv").write_text(f"time,{DOF},{DOF}_moment\n0,10,2\n0.5,40,1\n1,90,-3\n", encoding="utf-8")
    values = np.column_stack([np.radians([10.0, 40.0, 90.0]), [2.0, 1.0, -3.0]])
    write_storage(folder / "table.sto", TimeSeries(time=time, labels=(DOF, f"{DOF}_moment"), values=values), header_name="table")
    in_degrees = np.column_stack([np.degrees(values[:, 0]), values[:, 1]])
    wrong = TimeSeries(time=time, labels=(DOF, f"{DOF}_moment"), values=in_degrees)
    write_storage(folder / "wrong.sto", wrong, header_name="wrong")
    write_storage(folder / "angles.mot", replace(wrong.select([DOF]), in_degrees=True), header_name="angles")
    write_storage(folder / "moments.sto", wrong.select([f"{DOF}_moment"]), header_name="moments")
    files = {
        "text": 'table = "time.csv"',
        "storage": 'table = "table.sto"',
        "opensim": f'joint_angles = "angles.mot"\njoint_moments = "moments.sto"\ndofs = ["{DOF}"]',
        "wrong": 'table = "wrong.sto"',
    }
    entries = [f'[[recordings]]\nname = "{name}"\nkind = "passive"\n{given}\n' for name, given in files.items()]
    config = load_config(_workflow(folder, *entries))
    *right, mistaken = config.dynamometer
    first, *others = (recorded_postures(config, one) for one in right)
    for other in others:
        assert np.allclose(other.values, first.values, atol=1e-6)  # digits that a .mot keeps
        assert np.allclose(other.moments, first.moments, atol=1e-6)
        assert (other.coordinates, other.measured) == ((DOF,), (DOF,))
    with pytest.raises(SignalError, match=r"wrong\.sto: 'elbow_flexion_r' reaches 90, too much for radians"):
        recorded_postures(config, mistaken)
