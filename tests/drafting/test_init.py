"""From a laboratory's folder to a configuration: what is guessed, what is asked, and that the result is valid."""

import shutil
import tomllib
from pathlib import Path

import ezc3d
import numpy as np
import pytest
from lxml import etree
from typer.testing import CliRunner

from osim_nmscal.cli import app
from osim_nmscal.config import load_config
from osim_nmscal.data.time_series import MarkerTrajectories, TimeSeries
from osim_nmscal.drafting.alike_markers import alike_markers
from osim_nmscal.drafting.draft import draft_config, write_draft
from osim_nmscal.drafting.folder import look_through, recording_name
from osim_nmscal.errors import ConfigError
from osim_nmscal.formats.storage import read_storage, write_storage
from osim_nmscal.formats.trc import read_trc, write_trc
from osim_nmscal.opensim_tools.scale_setup import ScalingSettings
from osim_nmscal.osim_model.reader import read_marker_bodies, read_marker_locations
from osim_nmscal.virtual_subject.laboratory.c3d_file import write_c3d
from osim_nmscal.workflow.setup_needs import scaling_needs

MODEL = Path(__file__).parent.parent.parent / "models" / "virtual_leg.osim"
TIME = np.arange(0.0, 3.0, 0.01)


def write_markers(path, names, speed=1.2):
    """A right leg and a pelvis that move along x; the foot's markers stand at z = 0.1."""
    height = {
        "RASI": 1.0,
        "LASI": 1.0,
        "RPSI": 1.0,
        "LPSI": 1.0,
        "RKNL": 0.5,
        "RKNM": 0.5,
        "RANL": 0.1,
        "RANM": 0.1,
        "RHEE": 0.03,
        "RMT1": 0.03,
        "RKNE": 0.5,
        "RANK": 0.1,
    }
    places = [(0.1 if name in ("RMT1", "RASI", "LASI") else 0.0, height[name], -0.1 if name[0] == "L" else 0.1) for name in names]
    moved = np.stack([np.array(place) + np.outer(TIME, [speed, 0, 0]) for place in places], axis=1)
    return write_trc(path, MarkerTrajectories(time=TIME, markers=tuple(names), positions=moved))


@pytest.fixture
def lab(tmp_path):
    """A folder with a model, a static trial, one walk (markers, forces, EMG) and a contraction."""
    root = tmp_path / "Person 7"
    root.mkdir()
    (root / "leg.osim").write_bytes(MODEL.read_bytes())
    names = ["RASI", "LASI", "RPSI", "LPSI", "RKNL", "RKNM", "RANL", "RANM", "RHEE", "RMT1"]
    write_markers(root / "static.trc", names, speed=0.0)
    write_markers(root / "walk1.trc", names)
    push = 700.0 * ((TIME > 0.5) & (TIME < 1.2))
    columns = {"vx": 0 * push, "vy": push, "vz": 0 * push, "px": 1.2 * TIME + 0.05, "py": 0 * push, "pz": 0 * push + 0.1}
    labels = [f"ground_force_{name}" for name in columns] + [f"ground_torque_{axis}" for axis in "xyz"]
    values = np.stack([*columns.values(), *[0 * push] * 3], axis=1)
    write_storage(root / "walk1_grf.mot", TimeSeries(time=TIME, labels=tuple(labels), values=values), header_name="forces")
    fast = np.arange(0.0, 3.0, 0.001)
    noise = np.random.default_rng(1).normal(size=(len(fast), 3)) * 1e-3
    emg = TimeSeries(time=fast, labels=("R_SOL", "R_TA", "R_Unknown"), values=noise)
    write_storage(root / "walk1_emg.sto", emg, header_name="EMG")
    write_storage(root / "mvc.sto", emg, header_name="EMG")
    return root


def test_the_draft_names_what_the_files_tell_and_asks_the_rest(lab):
    draft = draft_config(look_through(lab), lab)
    config = tomllib.loads(draft.config)
    assert config["model"]["file"] == "leg.osim"
    (walk,) = config["recordings"]
    assert (walk["markers"], walk["emg"], walk["external_loads"]) == ("walk1.trc", "walk1_emg.sto", "walk1_loads.xml")
    assert config["trials"]["segmentation"] == {"method": "stance", "force_column": "ground_force_vy"}  # one way for all recordings
    assert config["muscle_analysis"]["dofs"] == ["hip_flexion_r", "knee_flexion_r", "ankle_dorsiflexion_r"]
    assert config["emg"]["mapping"]["channels"] == {"R_SOL": ["soleus_r"], "R_TA": ["tibialis_anterior_r"]}
    assert config["emg"]["mvc"] == ["mvc.sto"]
    assert config["emg"]["envelope"]["kind"] == "raw"
    assert "mass" not in config["subject"]  # nobody can know it from these files
    asked = " ".join(draft.questions)
    assert "mass" in asked
    assert "R_Unknown" in asked


def test_with_the_mass_answered_the_configuration_is_valid(lab):
    path = lab / "config.toml"
    write_draft(draft_config(look_through(lab), lab), path)
    with pytest.raises(ConfigError, match=r"subject\.mass"):
        load_config(path)
    path.write_text(path.read_text(encoding="utf-8").replace("# mass =", "mass = 70.0   #"), encoding="utf-8")
    config = load_config(path)
    assert config.subject.mass == 70.0
    assert config.scaling.setup == lab / "scale_setup.xml"


def test_the_drafted_setups_use_the_shared_markers_and_the_bodies_of_the_model(lab):
    draft = draft_config(look_through(lab), lab)
    scale = etree.fromstring(draft.files["scale_setup.xml"].encode())
    pairs = {tuple(pair.text.split()) for pair in scale.iter("markers")}
    assert ("RASI", "LASI") in pairs  # the pelvis by its width
    assert ("RKNL", "RANL") in pairs  # the shank from knee to ankle
    assert {body.get("name") for body in scale.iter("BodyScale")} == {"pelvis", "thigh_r", "shank_r", "foot_r"}
    tasks = {
        task.get("name"): task.findtext("weight") for task in etree.fromstring(draft.files["ik_setup.xml"].encode()).iter("IKMarkerTask")
    }
    assert tasks["RHEE"] == "4"


def test_a_force_acts_on_the_foot_under_it(lab):
    draft = draft_config(look_through(lab), lab)
    loads = etree.fromstring(draft.files["walk1_loads.xml"].encode())
    (force,) = loads.iter("ExternalForce")
    found = [force.findtext(tag) for tag in ("applied_to_body", "force_identifier", "point_identifier", "torque_identifier")]
    assert found == ["foot_r", "ground_force_v", "ground_force_p", "ground_torque_"]


def test_a_foot_far_from_the_pressure_is_not_named(lab):
    forces = lab / "walk1_grf.mot"
    series = TimeSeries(
        time=TIME,
        labels=tuple(f"ground_{kind}{axis}" for kind in ("force_v", "force_p", "torque_") for axis in "xyz"),
        values=np.tile([0.0, 700.0, 0.0, 9.0, 0.0, 9.0, 0.0, 0.0, 0.0], (len(TIME), 1)),
    )
    write_storage(forces, series, header_name="forces")
    draft = draft_config(look_through(lab), lab)
    assert "walk1_loads.xml" not in draft.files
    assert any("ExternalLoads" in question for question in draft.questions)


def test_a_real_capture_gives_plates_feet_axes_and_channels(c3d_data, running_data, tmp_path):
    for name in ("sprint_1.c3d", "walking_1.c3d", "static_1.c3d"):
        (tmp_path / name).write_bytes((c3d_data / name).read_bytes())
    (tmp_path / "generic.osim").write_bytes((running_data / "generic_unscaled.osim").read_bytes())
    draft = draft_config(look_through(tmp_path), tmp_path)
    (sprint,) = tomllib.loads(draft.config)["recordings"]  # the walk hit no plate
    assert sprint["c3d_axes"] == "y z x"
    assert sprint["force_plates"] == {"plate1": "calcn_r", "plate3": "calcn_l", "plate5": "calcn_r"}  # strikes: right at 3.605 and 4.138 s
    config = tomllib.loads(draft.config)
    assert config["trials"]["segmentation"]["force_column"] == ["plate1_vy", "plate5_vy"]  # both carry the right foot
    channels = config["emg"]["mapping"]["channels"]
    assert channels["Voltage.EMG02_r_soleus"] == ["soleus_r"]
    assert config["trials"]["time_step"] == 0.005  # contacts of 0.2 s
    assert config["inverse_dynamics"]["lowpass_cutoff"] == 12.0
    assert len(channels) == 5  # those of the left leg are named in comments
    assert '# "Voltage.EMG07_l_soleus" = ["soleus_l"]' in draft.config
    assert "Left out: walking_1 (no foot is on a force plate" in draft.config
    assert draft.static is not None  # a static c3d becomes a .trc for the scale tool
    assert draft.questions == ()
    assert config["subject"] == {"name": tmp_path.name, "mass": 60.0, "height": 1.67}  # as the data set's own description says


def test_three_captures_and_a_generic_model_are_ready_without_an_answer(c3d_data, running_data, tmp_path):
    for name in ("sprint_1.c3d", "walking_1.c3d", "static_1.c3d"):
        (tmp_path / name).write_bytes((c3d_data / name).read_bytes())
    (tmp_path / "generic.osim").write_bytes((running_data / "generic_unscaled.osim").read_bytes())
    assert CliRunner().invoke(app, ["init", str(tmp_path)]).exit_code == 0
    done = CliRunner().invoke(app, ["check", str(tmp_path / "config.toml")])
    assert done.exit_code == 0, done.output
    assert "is ready: osim-nmscal run" in " ".join(done.output.split())


def test_a_virtual_persons_c3d_is_turned_into_opensims_axes(lab):
    markers, emg = read_trc(lab / "walk1.trc"), read_storage(lab / "walk1_emg.sto")
    for name in ("walk1.trc", "walk1_emg.sto"):
        (lab / name).unlink()
    write_c3d(lab / "walk1.c3d", markers, emg)  # z up, as most laboratories have it
    (walk,) = tomllib.loads(draft_config(look_through(lab), lab).config)["recordings"]
    assert (walk["markers"], walk["emg"], walk["c3d_axes"]) == ("walk1.c3d", "walk1.c3d", "x z -y")
    assert walk["external_loads"] == "walk1_loads.xml"  # the foot is found across both files' axes


@pytest.mark.parametrize(("typed", "mass"), [(61.5, 61.5), (0.0, None), (61500.0, None)], ids=["kg", "nothing typed", "grams"])
def test_the_mass_typed_at_the_capture_is_a_guess(lab, typed, mass):
    write_c3d(lab / "static.c3d", read_trc(lab / "static.trc"), read_storage(lab / "walk1_emg.sto"))
    (lab / "static.trc").unlink()
    capture = ezc3d.c3d(str(lab / "static.c3d"))
    capture.add_parameter("PROCESSING", "Bodymass", [typed])
    capture.write(str(lab / "static.c3d"))
    draft = draft_config(look_through(lab), lab)
    assert tomllib.loads(draft.config)["subject"].get("mass") == mass
    assert ("what is the person's mass?" in draft.questions) == (mass is None)


def test_markers_of_another_set_are_found_by_their_place():
    model = ("RASI", "LASI", "RLFC", "RMFC", "RLMAL", "RCAL", "RTOE", "LLFC", "RTH1")
    recorded = ("RASI", "LASI", "RKNE", "LKNE", "RANK", "RHEE", "RTOE", "RTHI", "T10")
    assert alike_markers(recorded, model) == {"RKNE": "RLFC", "LKNE": "LLFC", "RANK": "RLMAL", "RHEE": "RCAL"}


def test_the_marker_set_lets_the_model_know_the_recorded_names(lab):
    names = ["RASI", "LASI", "RPSI", "LPSI", "RKNE", "RANK", "RHEE", "RMT1"]  # the model calls the knee and ankle otherwise
    for file, speed in (("static.trc", 0.0), ("walk1.trc", 1.2)):
        write_markers(lab / file, names, speed)
    draft = draft_config(look_through(lab), lab)
    markers = {
        marker.get("name"): (marker.findtext("socket_parent_frame"), [float(word) for word in marker.findtext("location").split()])
        for marker in etree.fromstring(draft.files["marker_set.xml"].encode()).iter("Marker")
    }
    own = {"RKNE": "RKNL", "RANK": "RANL"}
    assert set(markers) == set(own)
    bodies, places = read_marker_bodies(MODEL), read_marker_locations(MODEL)
    for name, (frame, location) in markers.items():
        assert frame == f"/bodyset/{bodies[own[name]]}"
        assert location == pytest.approx(places[own[name]], abs=1e-6)  # six digits are written
    assert "<marker_set_file>marker_set.xml</marker_set_file>" in draft.files["scale_setup.xml"]
    assert 'IKMarkerTask name="RKNE"' in draft.files["ik_setup.xml"]
    for name, text in draft.files.items():
        (lab / name).write_text(text, encoding="utf-8")
    assert not list(scaling_needs(MODEL, ScalingSettings(setup=lab / "scale_setup.xml")))


@pytest.fixture
def people(lab):
    """The same person twice, as two subfolders that share the model."""
    root = lab.parent / "study"
    for person in ("S01", "S02"):
        shutil.copytree(lab, root / person)
        (root / person / "leg.osim").unlink()
    (root / "leg.osim").write_bytes(MODEL.read_bytes())
    return root


def test_several_persons_get_a_file_each_and_one_for_what_they_share(people):
    done = CliRunner().invoke(app, ["init", str(people)])
    assert done.exit_code == 0, done.output
    shared = tomllib.loads((people / "lab.toml").read_text(encoding="utf-8"))
    assert set(shared) == {"muscle_analysis", "emg", "trials", "calibration"}
    for person in ("S01", "S02"):
        path = people / person / "config.toml"
        own = tomllib.loads(path.read_text(encoding="utf-8"))
        assert own["extends"] == "../lab.toml"
        assert set(own) == {"extends", "subject", "model", "scaling", "inverse_kinematics", "recordings", "emg"}
        config = load_config(path, ["subject.mass=70"])
        assert config.model.file == people / "leg.osim"
        assert config.recordings[0].emg == people / person / "walk1_emg.sto"
        assert config.emg.mapping.channels["R_SOL"] == ("soleus_r",)
        assert config.subject.name == person
    assert done.output.count("what is the person's mass?") == 1
    left = CliRunner().invoke(app, ["check", str(people / "S01" / "config.toml")]).output
    assert "lab.toml: 5 lines are marked GUESS" in left
    assert "lab.toml, line" in left  # the question of the unknown channel stands there


def test_what_persons_do_not_share_stays_with_each(people):
    emg = people / "S02" / "walk1_emg.sto"
    emg.write_text(emg.read_text(encoding="utf-8").replace("R_SOL", "R_GM"), encoding="utf-8")
    CliRunner().invoke(app, ["init", str(people)])
    assert "mapping" not in tomllib.loads((people / "lab.toml").read_text(encoding="utf-8"))["emg"]
    configs = {name: load_config(people / name / "config.toml", ["subject.mass=70"]) for name in ("S01", "S02")}
    assert "R_GM" in configs["S02"].emg.mapping.channels
    assert "R_GM" not in configs["S01"].emg.mapping.channels


def test_a_person_who_comes_later_extends_the_lab_file_that_is_there(people):
    shutil.move(people / "S02", people.parent / "later")
    shutil.move(people / "S01", people / "S03")
    shutil.copytree(people / "S03", people / "S04")
    CliRunner().invoke(app, ["init", str(people)])
    mine = (people / "lab.toml").read_text(encoding="utf-8").replace("time_step = 0.01", "time_step = 0.004")
    (people / "lab.toml").write_text(mine, encoding="utf-8")
    shutil.move(people.parent / "later", people / "S02")
    done = CliRunner().invoke(app, ["init", str(people)])
    assert "Left alone" in done.output
    assert load_config(people / "S02" / "config.toml", ["subject.mass=70"]).trials.time_step == 0.004
    assert (people / "lab.toml").read_text(encoding="utf-8") == mine


def test_recordings_in_subfolders_are_no_persons(lab):
    for walk in ("walk36", "walk45"):
        (lab / walk).mkdir()
        for name in ("walk1.trc", "walk1_emg.sto"):
            shutil.copyfile(lab / name, lab / walk / name.replace("walk1", "take"))
    assert not look_through(lab).people


def test_check_says_what_is_left_to_answer(lab):
    CliRunner().invoke(app, ["init", str(lab)])
    path = lab / "config.toml"
    done = CliRunner().invoke(app, ["check", str(path)])
    assert "config.toml, line 6: QUESTION: what is the person's mass?" in done.output
    path.write_text(path.read_text(encoding="utf-8").replace("# mass =", "mass = 70   #"), encoding="utf-8")
    done = CliRunner().invoke(app, ["check", str(path)])
    assert "person's mass" not in done.output  # the key below answers it
    assert "QUESTION: which muscles does R_Unknown drive?" in done.output
    assert "lines are marked GUESS" in done.output


def test_nothing_of_the_user_is_written_over(lab):
    mine = lab / "scale_setup.xml"
    mine.write_text("<ScaleTool/>", encoding="utf-8")
    write_draft(draft_config(look_through(lab), lab), lab / "config.toml")
    assert mine.read_text(encoding="utf-8") == "<ScaleTool/>"
    done = CliRunner().invoke(app, ["init", str(lab)])
    assert "exists; name another file" in str(done.exception)


def test_the_command_says_what_it_wrote_and_asks(lab):
    done = CliRunner().invoke(app, ["init", str(lab)])
    assert done.exit_code == 0, done.output
    assert "Question: what is the person's mass?" in done.output
    assert f'check "{lab / "config.toml"}"' in done.output  # the folder's name has a blank


def test_an_empty_folder_gives_questions_only(tmp_path):
    draft = draft_config(look_through(tmp_path), tmp_path)
    assert "which OpenSim model?" in " ".join(draft.questions)
    tomllib.loads(draft.config)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("motion_capture_run.trc", "run"),
        ("emg_run_raw.sto", "run"),
        ("grf_run.mot", "run"),
        ("subject01_walk1_grf.mot", "subject01_walk1"),
        ("walk36/emgFilt.sto", "walk36"),
        ("walk36/XLD.mot", "walk36"),
        ("walking_1.c3d", "walking_1"),
    ],
)
def test_files_of_one_recording_are_known_by_their_names(file, name, tmp_path):
    assert recording_name(tmp_path / file, tmp_path) == name


def test_recordings_with_different_markers_are_asked_for_apart(lab):
    write_markers(lab / "run1.trc", ["RKNE", "RANK"])
    for kind in ("emg.sto", "grf.mot"):
        shutil.copyfile(lab / f"walk1_{kind}", lab / f"run1_{kind}")
    assert any("run1 and walk1 have different markers" in question for question in draft_config(look_through(lab), lab).questions)
