"""What `inspect` says of files: small made ones whose content is known, and a real laboratory's c3d."""

from pathlib import Path

import ezc3d
import numpy as np
import pytest
from typer.testing import CliRunner

from osim_nmscal.cli import app
from osim_nmscal.data.time_series import MarkerTrajectories, TimeSeries
from osim_nmscal.formats.storage import write_storage
from osim_nmscal.formats.trc import write_trc
from osim_nmscal.inspection.files import inspect_file
from osim_nmscal.inspection.text import inspection_text


def test_what_a_real_capture_holds_is_told(c3d_data):
    facts = inspect_file(c3d_data / "sprint_1.c3d")
    # Numbers of the data set's own description: three plates hit, 1519, 1503 and 1641 N vertically.
    loaded = [plate for plate in facts.plates if plate.contacts]
    assert [plate.name for plate in loaded] == ["plate1", "plate3", "plate5"]
    assert [plate.contacts[0].peak for plate in loaded] == pytest.approx([1527, 1507, 1642], abs=2)  # sizes, not vertical parts
    assert loaded[1].contacts[0].start - facts.markers.clock.start == pytest.approx(0.24, abs=0.01)
    assert (facts.markers.clock.rate, facts.table.clock.rate) == (pytest.approx(200), pytest.approx(1000))
    assert [(e.context, e.name) for e in facts.events][:2] == [("Right", "Foot Strike"), ("Right", "Foot Off")]
    assert facts.table.content == "raw EMG"
    text = inspection_text(facts)
    assert "Voltage.EMG02_r_soleus" in text
    assert "Raw.Pin # (40)" in text  # unused channels take one line, not forty
    assert "RTOE 1x, longest 0.005 s" in text


def test_axes_are_told_from_forces_travel_and_sides(c3d_data):
    # The sprinter runs along +y of a laboratory with z up; its right side lies at larger x.
    assert inspect_file(c3d_data / "sprint_1.c3d").markers.axes.axes == "y z x"
    assert inspect_file(c3d_data / "walking_1.c3d").markers.axes.axes == "y z x"


def test_a_walk_without_plate_contact_is_said_to_give_no_moments(c3d_data):
    assert any("No force plate is loaded" in remark for remark in inspect_file(c3d_data / "walking_1.c3d").remarks)


@pytest.fixture
def walker(tmp_path):
    """A person of four markers who walks along +x of a laboratory with y up, as OpenSim has it; one marker has two gaps."""
    time = np.arange(0.0, 2.0, 0.01)
    at = {"RASI": (0.0, 1.0, 0.12), "LASI": (0.0, 1.0, -0.12), "RTOE": (0.1, 0.03, 0.1), "LTOE": (0.1, 0.03, -0.1)}
    positions = np.stack([np.array(place) + np.outer(time, [1.2, 0.0, 0.0]) for place in at.values()], axis=1)
    positions[10:15, 2] = np.nan
    positions[50:70, 2] = np.nan
    return MarkerTrajectories(time=time, markers=tuple(at), positions=positions), tmp_path


def test_gaps_are_counted_and_the_longest_is_in_seconds(walker):
    markers, folder = walker
    facts = inspect_file(write_trc(folder / "walk.trc", markers))
    toe = facts.markers.markers[2]
    assert (toe.name, toe.gaps, toe.longest_gap) == ("RTOE", 2, pytest.approx(0.2))
    assert toe.seen == pytest.approx(175 / 200)
    assert facts.markers.travel == pytest.approx(1.2 * 1.99, rel=0.02)
    assert facts.markers.axes.axes == "x y z"  # nothing to turn


def test_a_trc_with_z_up_is_remarked(walker):
    markers, folder = walker
    turned = markers.positions[..., [0, 2, 1]] * [1.0, -1.0, 1.0]  # laboratory (x, y, z) = OpenSim (x, -z, y)
    path = write_trc(folder / "turned.trc", MarkerTrajectories(time=markers.time, markers=markers.markers, positions=turned))
    facts = inspect_file(path)
    assert facts.markers.axes.axes == "x z -y"
    assert any("y axis does not point up" in remark for remark in facts.remarks)


def test_a_hole_in_the_time_axis_is_remarked(tmp_path):
    time = np.concatenate([np.arange(0.0, 1.0, 0.01), np.arange(2.0, 3.0, 0.01)])
    series = TimeSeries(time=time, labels=("knee_angle_r",), values=np.sin(time)[:, None])
    facts = inspect_file(write_storage(tmp_path / "angles.sto", series, header_name="Coordinates"))
    assert facts.table.clock.rate == pytest.approx(100)
    assert any("step of 1.01 s" in remark for remark in facts.remarks)


@pytest.mark.parametrize(
    ("labels", "rate", "signal", "content"),
    [
        (("ground_force_vx", "ground_force_vy", "ground_force_vz"), 100, "push", "ground reaction forces"),
        (("hip_flexion_r", "knee_angle_r"), 100, "swing", "joint angles"),
        (("hip_flexion_r_moment", "knee_angle_r_moment"), 100, "swing", "joint moments"),
        (("SOL", "TA"), 1000, "noise", "raw EMG"),
        (("SOL", "TA"), 100, "push", "EMG envelopes"),
        (("SOL", "TA"), 1000, "push", "EMG envelopes"),  # fast sampling alone makes no raw EMG
    ],
)
def test_content_is_guessed_from_labels_rate_and_values(tmp_path, labels, rate, signal, content):
    time = np.arange(0.0, 3.0, 1 / rate)
    noise = np.random.default_rng(1).normal(size=(len(time), len(labels)))
    wave = np.sin(2 * np.pi * time)[:, None] * np.ones(len(labels))
    values = {"push": np.clip(wave, 0, None), "swing": wave, "noise": 1e-3 * noise}[signal]
    path = write_storage(tmp_path / "table.sto", TimeSeries(time=time, labels=labels, values=values), header_name="table")
    assert inspect_file(path).table.content == content


def test_contacts_of_each_foot_have_start_end_and_peak(tmp_path):
    time = np.arange(0.0, 2.0, 0.01)
    push = 800.0 * ((time > 0.495) & (time < 1.205))
    labels = ("1_ground_force_vx", "1_ground_force_vy", "1_ground_force_vz")
    series = TimeSeries(time=time, labels=labels, values=np.stack([0 * push, push, 0 * push], axis=1))
    (plate,) = inspect_file(write_storage(tmp_path / "grf.mot", series, header_name="forces")).plates
    (contact,) = plate.contacts
    assert (plate.name, contact.start, contact.end, contact.peak) == ("1_ground_force", 0.5, 1.2, 800.0)


def test_a_model_states_muscles_coordinates_and_markers(tmp_path):
    path = tmp_path / "arm.osim"
    path.write_text(
        """<OpenSimDocument Version="40600"><Model name="arm">
        <BodySet><objects><Body name="ulna"><mass>1.5</mass></Body></objects></BodySet>
        <JointSet><objects><PinJoint name="elbow"><coordinates>
        <Coordinate name="elbow_flexion"><range>0 2.5</range></Coordinate></coordinates></PinJoint></objects></JointSet>
        <MarkerSet><objects><Marker name="RWRA"/></objects></MarkerSet>
        <ForceSet><objects><Thelen2003Muscle name="BIClong"/></objects></ForceSet></Model></OpenSimDocument>""",
        encoding="utf-8",
    )
    model = inspect_file(path).model
    assert (model.muscles, model.muscle_classes) == (("BIClong",), {"Thelen2003Muscle": 1})
    assert [c.name for c in model.coordinates] == ["elbow_flexion"]
    assert (model.markers, model.mass) == (("RWRA",), 1.5)
    assert "elbow_flexion (0 to 143 deg)" in inspection_text(inspect_file(path))


def test_a_c3d_without_plates_or_events_is_told_too(tmp_path):
    content = ezc3d.c3d()
    content["parameters"]["POINT"]["RATE"]["value"] = [100.0]
    content["parameters"]["POINT"]["LABELS"]["value"] = ["RASI", "LASI", "RTOE"]
    points = np.ones((4, 3, 50))
    points[:3] = np.array([[0, -120, 900], [0, 120, 900], [100, -100, 30]], dtype=float).T[:, :, None]
    content["data"]["points"] = points
    content.write(str(tmp_path / "still.c3d"))
    facts = inspect_file(tmp_path / "still.c3d")
    assert facts.markers.names == ("RASI", "LASI", "RTOE")
    assert (facts.plates, facts.events, facts.table) == ((), (), None)
    assert facts.markers.axes.axes == "x z -y"  # z up; the right side lies at smaller y


def test_the_command_names_what_it_cannot_read_and_goes_on(tmp_path, walker):
    good = write_trc(tmp_path / "good.trc", walker[0])
    (tmp_path / "bad.trc").write_text("nonsense", encoding="utf-8")
    done = CliRunner().invoke(app, ["inspect", str(tmp_path / "bad.trc"), str(good), str(tmp_path / "notes.docx")])
    assert done.exit_code == 2
    assert "cannot be read" in done.output
    assert "is of a kind that is not inspected" in done.output
    assert "RASI, LASI, RTOE, LTOE" in done.output


def test_a_folder_is_inspected_file_by_file(tmp_path):
    model = (Path(__file__).parent.parent.parent / "models" / "virtual_arm.osim").read_bytes()
    for folder in ("data", ".cache", "none"):
        (tmp_path / folder).mkdir()
    for name in ("a.osim", "data/b.osim", ".cache/c.osim", "notes.docx"):
        (tmp_path / name).write_bytes(model)
    done = CliRunner().invoke(app, ["inspect", str(tmp_path)])
    assert (done.exit_code, done.output.count("19 Millard2012EquilibriumMuscle")) == (0, 2)
    assert "holds nothing that can be inspected" in str(CliRunner().invoke(app, ["inspect", str(tmp_path / "none")]).exception)
