"""Marker files: what motion-capture programs write, what is found in the wild, and what is refused."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from osim_nmscal.data.time_series import MarkerTrajectories
from osim_nmscal.errors import FileFormatError
from osim_nmscal.formats.trc import read_trc, write_trc

TOP = (
    "PathFileType\t4\t(X/Y/Z)\twalk.trc\n"
    "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames\n"
    "100\t100\t3\t3\tmm\t100\t1\t3\n"
    "Frame#\tTime\tRASI\t\t\tLASI\t\t\tV.Sacral\t\t\n"
    "\t\tX1\tY1\tZ1\tX2\tY2\tZ2\tX3\tY3\tZ3\n\n"
)
ROWS = (
    "1\t0.00\t100.5\t1000\t-50\t100\t1000\t50\t-20\t1010\t0\n"
    "2\t0.01\t101.5\t1000\t-50\t101\t1000\t50\t-19\t1010\t0\n"
    "3\t0.02\t102.5\t1000\t-50\t102\t1000\t50\t-18\t1010\t0\n"
)


def _written(tmp_path, text):
    path = tmp_path / "walk.trc"
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(TOP + ROWS, id="as Cortex writes it"),
        pytest.param("\ufeff" + (TOP + ROWS).replace("\n", "\r\n"), id="byte-order mark and Windows line ends"),
        pytest.param(TOP.replace("Time", "Times") + ROWS, id="a column called Times"),
        pytest.param(TOP.replace("\n\n", "\n") + ROWS, id="no empty line before the data"),
        pytest.param(TOP.replace("100\t100\t3\t3\tmm", "  100.0\t\t  100.0\t\t   3\t\t  3\t\t mm") + ROWS, id="stray tabs in the header"),
        pytest.param((TOP + ROWS).replace("\n", "\t\t\n"), id="trailing tabs"),
        pytest.param(TOP + ROWS.replace(".", ","), id="decimal commas"),
        pytest.param((TOP + ROWS).replace("\t3\t3\tmm", "\t3\t5\tmm"), id="wrong number of markers"),
    ],
)
def test_files_found_in_the_wild_are_read_in_metres(tmp_path, text):
    markers = read_trc(_written(tmp_path, text))
    assert markers.markers == ("RASI", "LASI", "V.Sacral")
    assert_allclose(markers.time, [0, 0.01, 0.02])
    assert_allclose(markers.positions[1], [[0.1015, 1.0, -0.05], [0.101, 1.0, 0.05], [-0.019, 1.01, 0]], atol=1e-15)


@pytest.mark.parametrize("unseen", ["\t\t", "0\t0\t0", "NaN\tNaN\tNaN", "0.000\t0.0\t-0"])
def test_blank_nan_or_the_origin_is_a_marker_that_was_not_seen(tmp_path, unseen):
    rows = ROWS.replace("101\t1000\t50", unseen)
    positions = read_trc(_written(tmp_path, TOP + rows)).positions
    assert_array_equal(np.isnan(positions).any(axis=2), [[False, False, False], [False, True, False], [False, False, False]])


def test_trailing_blank_cells_that_were_cut_off_are_markers_not_seen(tmp_path):
    positions = read_trc(_written(tmp_path, TOP + ROWS.replace("\t-19\t1010\t0", ""))).positions
    assert np.isnan(positions[1, 2]).all()
    assert np.isfinite(positions[2]).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(TOP + ROWS[:70], r"line 8: \d+ values for 3 markers \(expected 11\); the file is truncated", id="cut in a row"),
        pytest.param(TOP + ROWS[: ROWS.index("3\t0.02")], r"declares 3 frames and holds 2 .*: it is truncated", id="frame missing"),
        pytest.param(TOP, r"has no frame after line 4", id="no frame"),
        pytest.param(TOP[:60], r"no line that starts with 'Frame#'", id="cut in the header"),
        pytest.param("time,a\n0,1\n", r"line 1: it starts with 'time,a', expected 'PathFileType'", id="another kind of file"),
        pytest.param(TOP.replace("mm", "furlong") + ROWS, r"line 3: Units is 'furlong'", id="unknown unit"),
        pytest.param(TOP.replace("\tmm", "\tm") + ROWS, r"the markers span 122 m.*Units m; correct the unit", id="mm called m"),
        pytest.param(TOP.replace("Time", "Zeit") + ROWS, r"line 4: the second column is 'Zeit'", id="no time"),
        pytest.param(TOP.replace("LASI", "RASI") + ROWS, r"line 4: marker 'RASI' occurs more than once", id="marker twice"),
        pytest.param(TOP + ROWS.replace("101.5", "1O1.5"), r"line 8: column 'RASI X' holds '1O1.5', expected a number", id="not a number"),
        pytest.param(
            TOP.replace("V.Sacral\t\t", "V.Sacral\t\t\tjunk\t\t") + ROWS, r"4 markers are named, the last 'junk', and 3", id="junk"
        ),
        pytest.param(TOP.replace("LASI", "") + ROWS, r"line 4: marker 2 has no name; give it one", id="nameless marker"),
        pytest.param(TOP + ROWS + "0\t0.03\t" + "7\t" * 8 + "7\n", r"declares 3 frames and holds 4", id="garbage behind the frames"),
        pytest.param(TOP + ROWS + "end of file\n", r"line 10: \d+ values for 3 markers", id="words behind the frames"),
        pytest.param(TOP.replace("\t3\t3\tmm", "\t" + "9" * 5000 + "\t3\tmm") + ROWS, r"line 3: NumFrames is '9{40}'", id="5000 digits"),
        pytest.param(TOP + ROWS.replace("0.02", "0.01"), r"line 9: the time goes from 0.01 to 0.01 s", id="time stands still"),
    ],
)
def test_a_malformed_file_is_refused_with_file_line_and_value(tmp_path, text, message):
    path = _written(tmp_path, text)
    with pytest.raises(FileFormatError, match=message) as caught:
        read_trc(path)
    assert str(path) in str(caught.value)


def test_metres_called_millimetres_are_refused(tmp_path):
    rows = "".join(f"{i}\t{i / 100}\t0.1\t0.9\t0\t0.2\t0.1\t0.3\t0.5\t1.7\t0.2\n" for i in range(1, 4))
    with pytest.raises(FileFormatError, match=r"the markers span 0.0016 m, expected 0.02 to 100 m"):
        read_trc(_written(tmp_path, TOP + rows))


def test_a_time_axis_that_contradicts_the_header_is_reported(tmp_path, caplog):
    read_trc(_written(tmp_path, TOP.replace("100\t100\t3", "120\t120\t3") + ROWS))
    assert "declares 120 Hz, but its time column has 100 Hz" in caplog.text


@pytest.mark.parametrize("rate", ["--", "nan", "1.2.3", "9" * 500])
def test_a_rate_that_is_no_number_leaves_the_time_column_believed(tmp_path, rate):
    assert len(read_trc(_written(tmp_path, TOP.replace("100\t100\t3\t3", f"{rate}\t100\t3\t3") + ROWS)).time) == 3


def _recording():
    positions = np.random.default_rng(2).normal(size=(20, 3, 3)) + 1.0
    positions[4:6, 2] = np.nan
    return MarkerTrajectories(time=0.23 + np.arange(20) / 120, markers=("A", "B c", "D"), positions=positions)


def test_what_is_written_is_read_back(tmp_path):
    back = read_trc(write_trc(tmp_path / "new" / "x.trc", _recording()))
    assert back.markers == ("A", "B c", "D")
    assert_array_equal(back.time, _recording().time)
    assert_allclose(back.positions, _recording().positions, rtol=1e-15)  # times 1000 and back rounds twice


@pytest.mark.opensim
def test_opensim_reads_the_same_positions_and_gaps_from_what_is_written(tmp_path):
    opensim = pytest.importorskip("opensim")
    opensim.Logger.removeFileSink()
    table = opensim.TimeSeriesTableVec3(str(write_trc(tmp_path / "x.trc", _recording())))
    positions = np.array([[table.getDependentColumn(name)[row].to_numpy() for name in table.getColumnLabels()] for row in range(20)])
    assert_allclose(positions / 1e3, _recording().positions, rtol=1e-15)
    assert table.getTableMetaDataString("Units") == "mm"


def test_the_real_files_have_the_frames_and_markers_of_their_readme(running_data, gait2354_data):
    run = read_trc(running_data / "ExpData" / "motion_capture_run.trc")
    assert run.positions.shape == (510, 42, 3)
    assert run.time[0] == pytest.approx(0.23)
    assert run.time[-1] == pytest.approx(5.32)
    assert_allclose(run.positions[0, 0], [0.878948715, 1.067420124, -0.433885912])
    assert read_trc(running_data / "ExpData" / "motion_capture_walk.trc").positions.shape == (238, 41, 3)
    assert read_trc(gait2354_data / "subject01_walk1.trc").positions.shape == (151, 41, 3)


MORE = "".join(f"{i}\t{i / 100 - 0.01:.2f}" + f"\t{i * 9}.1234\t10.1234\t-55.1234" * 3 + "\n" for i in range(1, 13))


@pytest.mark.parametrize("lost", [1, 2, 4, 5, 6])
def test_a_file_cut_inside_its_last_number_is_refused(tmp_path, lost):
    # "-55.1234" loses digits, its point, and all but its sign; the line end goes first
    text = (TOP + MORE)[:-1][:-lost]
    with pytest.raises(FileFormatError, match=r"line 18: the file ends inside a number .* it is truncated"):
        read_trc(_written(tmp_path, text))


def test_a_file_without_a_last_line_end_is_read_if_its_last_number_is_whole(tmp_path, caplog):
    text = TOP.replace("\t3\t3\tmm", "\t12\t3\tmm") + MORE
    assert len(read_trc(_written(tmp_path, text[:-1])).time) == 12
    assert caplog.text == ""


def test_one_frame_more_or_less_than_declared_is_a_finding(tmp_path, caplog):
    for declared in (11, 13):
        text = TOP.replace("\t3\t3\tmm", f"\t{declared}\t3\tmm") + MORE
        assert len(read_trc(_written(tmp_path, text)).time) == 12
        assert f"declares NumFrames = {declared} and holds 12 rows with a regular time axis" in caplog.text


def test_a_file_without_any_position_is_refused(tmp_path):
    rows = "".join(f"{i}\t{i / 100:.2f}" + "\t0\t0\t0" * 3 + "\n" for i in range(1, 4))
    with pytest.raises(FileFormatError, match=r"walk.trc: no marker was seen in any frame"):
        read_trc(_written(tmp_path, TOP + rows))


def test_a_marker_missing_at_the_ends_or_throughout_is_nan_there(tmp_path):
    rows = ROWS.replace("\t100\t1000\t50", "\t\t\t").replace("\t-20\t1010\t0", "\t0\t0\t0").replace("\t-18\t1010\t0", "\t\t\t")
    unseen = np.isnan(read_trc(_written(tmp_path, TOP + rows)).positions).any(axis=2)
    assert_array_equal(unseen, [[False, True, True], [False, False, False], [False, False, True]])
