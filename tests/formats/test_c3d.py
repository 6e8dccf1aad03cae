"""c3d files: a real laboratory's (z up, plates, EMG, events), and small ones made with ezc3d."""

import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from osim_nmscal.errors import FileFormatError
from osim_nmscal.formats import c3d
from osim_nmscal.formats.c3d import read_c3d, rotation_from_axes


@pytest.fixture(scope="module")
def sprint(c3d_data):
    return read_c3d(c3d_data / "sprint_1.c3d", axes="x z -y")


def test_markers_are_in_metres_without_computed_points(sprint):
    assert sprint.markers.positions.shape == (157, 23, 3)
    assert "RHEE" in sprint.markers.markers
    assert not any(name.startswith("USERMO") for name in sprint.markers.markers)
    height = np.nanmax(sprint.markers.positions[..., 1])
    assert 1.2 < height < 1.67  # y is up; C7 of a runner 1.67 m tall


def test_the_clock_is_the_captures_own_and_events_are_on_it(sprint):
    # The file holds fields 722 to 878 of a 200 Hz capture; the first event, a strike, was marked at its first frame.
    assert sprint.markers.time[0] == pytest.approx(721 / 200)
    assert sprint.analog.time[0] == pytest.approx(721 / 200)
    assert [(event.name, event.context) for event in sprint.events][:2] == [("Foot Strike", "Right"), ("Foot Off", "Right")]
    assert sprint.events[0].time == pytest.approx(3.605, abs=1e-6)


def test_analog_channels_keep_their_rate_and_names_and_equal_names_are_numbered(sprint):
    assert sprint.analog.rate == pytest.approx(1000)
    assert sprint.analog.values.shape == (785, 86)
    assert "Voltage.EMG02_r_soleus" in sprint.analog.labels
    assert "Voltage.not_used 2" in sprint.analog.labels


def test_three_plates_are_hit_with_the_forces_and_times_of_the_readme(sprint):
    forces = sprint.forces.forces
    for plate, peak, start, end in (("plate1", 1519, 0.0, 0.15), ("plate3", 1503, 0.24, 0.43), ("plate5", 1641, 0.53, 0.72)):
        vertical = forces.column(f"{plate}_vy")
        contact = forces.time[vertical > 20] - forces.time[0]
        assert vertical.max() == pytest.approx(peak, abs=1)
        assert contact[0] == pytest.approx(start, abs=0.01)
        assert contact[-1] == pytest.approx(end, abs=0.01)


def test_the_pressure_lies_under_the_foot_that_strikes(sprint):
    forces, markers = sprint.forces.forces, sprint.markers
    for plate in ("plate1", "plate3", "plate5"):
        row = int(forces.column(f"{plate}_vy").argmax())
        pressure = np.array([forces.column(f"{plate}_p{axis}")[row] for axis in "xyz"])
        frame = int(np.argmin(np.abs(markers.time - forces.time[row])))
        toes = [markers.positions[frame, markers.markers.index(name)] for name in ("RTOE", "LTOE", "RHEE", "LHEE")]
        assert min(np.linalg.norm((toe - pressure)[[0, 2]]) for toe in toes) < 0.12
        assert abs(pressure[1]) < 1e-6  # on the floor


def test_the_pressure_and_free_moment_follow_from_the_six_channels(c3d_data, sprint):
    # Type 2 plate: lever about the sensor's origin, which lies 47 mm below the surface (FORCE_PLATFORM:ORIGIN).
    import ezc3d

    platform = ezc3d.c3d(str(c3d_data / "sprint_1.c3d"), extract_forceplat_data=True)["data"]["platform"][0]
    raw = read_c3d(c3d_data / "sprint_1.c3d")
    row = int(raw.forces.forces.column("plate1_vz").argmax())
    fx, fy, fz, mx, my, mz = (raw.analog.values[row, i] for i in range(6))
    depth = float(platform["origin"][2])
    x, y = (-my + fx * depth) / fz, (mx + fy * depth) / fz  # in the plate's axes, mm
    free = mz - x * fy + y * fx
    centre = platform["corners"].mean(axis=1)
    x_axis = (platform["corners"][:, 0] - platform["corners"][:, 1]) / np.linalg.norm(platform["corners"][:, 0] - platform["corners"][:, 1])
    y_axis = (platform["corners"][:, 0] - platform["corners"][:, 3]) / np.linalg.norm(platform["corners"][:, 0] - platform["corners"][:, 3])
    expected = (centre + x * x_axis + y * y_axis) * 1e-3
    point = [raw.forces.forces.column(f"plate1_p{axis}")[row] for axis in "xyz"]
    assert_allclose(point[:2], expected[:2], atol=2e-3)
    vertical = raw.forces.forces.column("plate1_mz")[row]
    assert abs(vertical) == pytest.approx(abs(free) * 1e-3, rel=0.02)


def test_an_unloaded_plate_has_no_pressure_and_no_moment(sprint):
    forces = sprint.forces.forces
    unloaded = np.abs(forces.column("plate1_vy")) < 20
    assert (forces.values[unloaded][:, [forces.index(f"plate1_{name}") for name in ("px", "pz", "my")]] == 0).all()


def test_a_standing_person_has_no_events(c3d_data):
    assert read_c3d(c3d_data / "static_1.c3d").events == ()


def test_plates_can_be_left_out(c3d_data):
    assert read_c3d(c3d_data / "static_1.c3d", plates=False).forces is None


def test_unseen_markers_are_nan(c3d_data):
    assert np.isnan(read_c3d(c3d_data / "walking_1.c3d").markers.positions).any(axis=2).sum() == 5


def _made(tmp_path, *, unit="mm", scale=1000.0, labels=("s1:A", "s1:B", "s1:C", "*4"), events=False):
    import ezc3d

    content = ezc3d.c3d()
    content["parameters"]["POINT"]["RATE"]["value"] = [100]
    content["parameters"]["POINT"]["LABELS"]["value"] = list(labels)
    content["parameters"]["POINT"]["UNITS"]["value"] = [unit]
    points = np.ones((4, len(labels), 10))
    points[:3] = np.linspace(0.1, 1.5, 3 * len(labels)).reshape(3, len(labels), 1) * scale
    content["data"]["points"] = points
    content["parameters"]["ANALOG"]["RATE"]["value"] = [1000]
    content["parameters"]["ANALOG"]["LABELS"]["value"] = ["SOL"]
    content["data"]["analogs"] = np.arange(100.0).reshape(1, 1, 100)
    if events:
        content.add_parameter("EVENT", "LABELS", ["Foot Off", "Foot Strike"])
        content.add_parameter("EVENT", "CONTEXTS", ["Left", "Right"])
        content.add_parameter("EVENT", "TIMES", np.array([[1.0, 0.0], [2.5, 0.5]]))
    path = tmp_path / "made.c3d"
    content.write(str(path))
    return path


def test_the_subjects_prefix_and_unlabelled_points_are_dropped(tmp_path):
    recording = read_c3d(_made(tmp_path))
    assert recording.markers.markers == ("A", "B", "C")
    assert recording.markers.positions[0, 0, 0] == pytest.approx(0.1)
    assert recording.forces is None
    assert_allclose(recording.analog.column("SOL"), np.arange(100.0))


def test_two_people_keep_their_prefixes(tmp_path):
    assert read_c3d(_made(tmp_path, labels=("p:A", "q:A", "p:B"))).markers.markers == ("p:A", "q:A", "p:B")


def test_events_are_sorted_and_their_minutes_count(tmp_path):
    events = read_c3d(_made(tmp_path, events=True)).events
    assert [(event.name, event.context, event.time) for event in events] == [("Foot Strike", "Right", 0.5), ("Foot Off", "Left", 62.5)]


def test_millimetres_called_metres_are_refused(tmp_path):
    with pytest.raises(FileFormatError, match=r"the markers span .* but it says POINT:UNITS m; correct the unit"):
        read_c3d(_made(tmp_path, unit="m"))


def test_what_is_no_c3d_file_is_refused_with_its_path(tmp_path, c3d_data):
    with pytest.raises(FileFormatError, match=r"nothing.c3d does not exist"):
        read_c3d(tmp_path / "nothing.c3d")
    text = tmp_path / "text.c3d"
    text.write_text("time,a\n0,1\n" * 100)
    with pytest.raises(FileFormatError, match=r"text.c3d cannot be read as c3d"):
        read_c3d(text)
    cut = tmp_path / "cut.c3d"
    cut.write_bytes((c3d_data / "sprint_1.c3d").read_bytes()[:100_000])
    with pytest.raises(FileFormatError, match=r"cut.c3d declares 157 frames and holds 35: it is truncated"):
        read_c3d(cut)


def test_axes_are_a_rotation_or_refused():
    assert_allclose(rotation_from_axes("x z -y") @ [1, 2, 3], [1, 3, -2])
    for axes in ("x z y", "x x y", "x y", "a b c", "x y z x"):
        with pytest.raises(FileFormatError, match="are no rotation"):
            rotation_from_axes(axes)


def crash(path: Path) -> None:
    os.abort()


def hang(path: Path) -> None:
    time.sleep(60)


def explode(path: Path) -> None:
    bytearray(2**40)


@pytest.mark.parametrize(
    ("parser", "message"),
    [(crash, r"it crashed \(SIGABRT\)\."), (hang, r"it did not end within 1 s"), (explode, r"it asked for more memory than")],
)
def test_a_file_that_crashes_hangs_or_explodes_the_parser_is_one_sentence(tmp_path, monkeypatch, parser, message):
    monkeypatch.setattr(c3d, "parse_capture", parser)
    if parser is hang:
        monkeypatch.setattr(c3d, "SECONDS", 1.0)
    with pytest.raises(
        FileFormatError, match=rf"made.c3d cannot be read as c3d: {message}.* The file is damaged: copy or export it again.$"
    ):
        read_c3d(_made(tmp_path))


def test_one_changed_byte_that_took_the_session_down_is_one_sentence(tmp_path, c3d_data):
    raw = bytearray((c3d_data / "sprint_1.c3d").read_bytes())
    raw[21190] = 137  # a segmentation fault of ezc3d 1.5
    path = tmp_path / "damaged.c3d"
    path.write_bytes(raw)
    with pytest.raises(FileFormatError, match=r"damaged.c3d .*[.]$"):
        read_c3d(path)


def test_a_file_costs_one_process_however_often_it_is_read_and_another_content_a_new_one(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(c3d, "call", lambda function, path, limits: calls.append(path) or function(path))
    path = _made(tmp_path)
    first, second = read_c3d(path), read_c3d(path, axes="x z -y", plates=False)
    assert len(calls) == 1
    assert_allclose(second.markers.positions[..., 1], first.markers.positions[..., 2])
    first.analog.values[:] = -1.0  # the reader's own copy
    assert_allclose(read_c3d(path).analog.column("SOL"), np.arange(100.0))
    stat = path.stat()
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    read_c3d(path)
    assert len(calls) == 2


def test_reading_a_c3d_starts_without_opensim_or_torch():
    import subprocess

    code = "import sys, osim_nmscal.formats.c3d; print([m for m in ('opensim', 'torch', 'scipy', 'lxml', 'pydantic') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
