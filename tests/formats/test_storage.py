"""Storage files: what OpenSim writes, what is found in the wild, and what is refused."""

import math
import os

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.errors import FileFormatError, SignalError
from osim_nmscal.formats.storage import in_radians, read_storage, write_storage

HEADER = "Coordinates\nversion=1\nnRows=3\nnColumns=3\ninDegrees=yes\nendheader\n"
BODY = "time\thip\tknee\n0.0\t1.5\t-2\n0.1\t1.6\t-3\n0.2\t1.7\t-4\n"


def _written(tmp_path, text, name="file.sto", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return path


def _is_the_usual_content(series):
    assert series.labels[0] == "hip"
    assert_array_equal(series.time, [0.0, 0.1, 0.2])
    assert_array_equal(series.values, [[1.5, -2], [1.6, -3], [1.7, -4]])


def test_labels_values_and_the_unit_of_angles_are_read(tmp_path):
    series = read_storage(_written(tmp_path, HEADER + BODY))
    _is_the_usual_content(series)
    assert series.in_degrees
    assert series.source.endswith("file.sto")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("\ufeff" + HEADER + BODY, id="byte-order mark"),
        pytest.param((HEADER + BODY).replace("\n", "\r\n"), id="Windows line ends"),
        pytest.param((HEADER + BODY).replace("nRows=3\n", "").replace("nColumns=3\n", ""), id="no row count"),
        pytest.param((HEADER + BODY).replace("\thip\tknee", "\t  hip\t knee "), id="labels with blanks"),
        pytest.param((HEADER + BODY).replace("\n", "\t\t\t\n"), id="trailing tabs"),
        pytest.param((HEADER + BODY).replace("\t", "  "), id="blanks between columns"),
        pytest.param((HEADER + BODY).replace(".", ","), id="decimal commas"),
        pytest.param(HEADER.replace("endheader\n", "\nUnits are S.I. units\n\nendheader\n\n") + BODY, id="empty lines in the header"),
        pytest.param(HEADER.replace("=", " = ") + BODY.replace("time", "Time") + "\n\n", id="blanks around the equal sign"),
        pytest.param(HEADER + "time\thip\tknee\thip\n0.0\t1.5\t-2\t1.5\n0.1\t1.6\t-3\t1.6\n0.2\t1.7\t-4\t1.7\n", id="column twice"),
        pytest.param("name x\ndatacolumns 3\ndatarows 3\nrange 0 0.2\nendheader\n" + BODY, id="SIMM header"),
    ],
)
def test_files_found_in_the_wild_are_read(tmp_path, text):
    _is_the_usual_content(read_storage(_written(tmp_path, text)))


def test_labels_may_hold_blanks_between_tabs(tmp_path):
    text = HEADER.replace("nColumns=3", "nColumns=2").replace("nRows=3", "nRows=1") + "time\tForce Plate 1\n0\t7\n"
    assert read_storage(_written(tmp_path, text)).labels == ("Force Plate 1",)


def test_a_blank_cell_or_a_word_for_no_number_is_nan(tmp_path):
    text = HEADER + "time\thip\tknee\n0.0\t\t-2\n0.1\t-1.#IND\tnan\n0.2\t1.7\t1.#QNAN\n"
    assert_array_equal(np.isnan(read_storage(_written(tmp_path, text)).values), [[True, False], [True, True], [False, True]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(HEADER + BODY[:-11], r"declares 3 rows and holds 2 \(its last time is 0.1 s\): it is truncated", id="row missing"),
        pytest.param(HEADER + BODY[:-4], r"line 10: 2 values for 3 columns; the file is truncated", id="cut in a row"),
        pytest.param(HEADER + BODY + "0.3\t1\t2\n", r"declares 3 rows and holds 4.*set nRows to 4", id="more rows than declared"),
        pytest.param(HEADER.replace("3", "9" * 5000, 1) + BODY, r"line 3: nRows is '9{40}', expected a whole number", id="5000 digits"),
        pytest.param(HEADER.replace("3", "\u00b2", 1) + BODY, r"line 3: nRows is '²', expected a whole number", id="odd digit"),
        pytest.param(HEADER.replace("3", "9" * 12, 1) + BODY, r"declares 9{12} rows and holds 3", id="absurd count"),
        pytest.param(HEADER[:30], r"no line 'endheader'", id="cut in the header"),
        pytest.param(HEADER, r"ends after its header", id="cut after the header"),
        pytest.param(HEADER + "time\thip\tknee\n", r"no row of data", id="no rows"),
        pytest.param(HEADER + BODY.replace("1.6", "1.6x"), r"line 9: column 'hip' holds '1.6x', expected a number", id="not a number"),
        pytest.param(HEADER + BODY.replace("0.1\t", "0.1\t9\t"), r"line 9: 4 values for 3 columns; correct the line", id="extra value"),
        pytest.param(HEADER + BODY.replace("0.1\t", "0.0\t"), r"line 9: the time goes from 0 to 0 s", id="time stands still"),
        pytest.param(HEADER + BODY.replace("0.1\t", "nan\t"), r"line 9: the time is not a number", id="time missing"),
        pytest.param(HEADER + BODY.replace("time", "frame"), r"line 7: the first column is 'frame', expected 'time'", id="no time"),
        pytest.param(HEADER + BODY.replace("knee", "hip"), r"line 7: column 'hip' occurs twice with different values", id="twice"),
        pytest.param(HEADER.replace("nRows=3", "nRows=three") + BODY, r"line 3: nRows is 'three', expected a whole number", id="nRows"),
        pytest.param(HEADER.replace("=yes", "=maybe") + BODY, r"line 5: inDegrees is 'maybe'", id="inDegrees"),
        pytest.param("", r"is empty", id="empty"),
        pytest.param("\x00\x01\x02", r"is a binary file", id="binary"),
    ],
)
def test_a_malformed_file_is_refused_with_file_line_and_value(tmp_path, text, message):
    path = _written(tmp_path, text)
    with pytest.raises(FileFormatError, match=message) as caught:
        read_storage(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_or_a_folder_is_refused(tmp_path):
    with pytest.raises(FileFormatError, match="does not exist"):
        read_storage(tmp_path / "nothing.sto")
    with pytest.raises(FileFormatError, match="is a folder"):
        read_storage(tmp_path)


def test_a_path_that_cannot_be_opened_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(FileFormatError, match="does not exist; check the path"):
        read_storage(tmp_path / "file" / "x.sto")
    with pytest.raises(FileFormatError, match="cannot be opened: File name too long"):
        read_storage(tmp_path / ("x" * 300))
    with pytest.raises(FileFormatError, match=r"cannot be opened: .*null"):
        read_storage("x\0.sto")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="this user may read everything")
def test_a_file_that_may_not_be_read_is_one_sentence(tmp_path):
    path = _written(tmp_path, HEADER + BODY)
    path.chmod(0)
    with pytest.raises(FileFormatError, match=r"cannot be opened: Permission denied\. Check who may read it"):
        read_storage(path)


def _long(rows=20, form="{:.6f}", declared=None):
    lines = ["\t".join(form.format(value) for value in (i / 100, math.sin(i) * 3, math.cos(1 + i) * 40)) for i in range(rows)]
    header = HEADER.replace("nRows=3", f"nRows={rows if declared is None else declared}")
    return header + "time\thip\tknee\n" + "\n".join(lines) + "\n"


@pytest.mark.parametrize("form", ["{:.6f}", "{:.8e}", "{:12.4f}", "{!r}"])
def test_a_file_cut_inside_its_last_number_is_refused(tmp_path, form):
    whole = _long(form=form)
    last = len(whole.rstrip("\n").rpartition("\t")[2].strip())
    for lost in range(3, last):
        with pytest.raises(FileFormatError, match=r"line 27: the file ends inside a number|the file is truncated"):
            read_storage(_written(tmp_path, whole[: -1 - lost]))


def test_a_whole_file_without_a_last_line_end_is_read(tmp_path, caplog):
    for form in ("{:.6f}", "{:.8e}"):
        assert len(read_storage(_written(tmp_path, _long(form=form)[:-1])).time) == 20
    assert caplog.text == ""


def test_a_last_number_that_may_be_cut_or_not_is_a_finding(tmp_path, caplog):
    assert len(read_storage(_written(tmp_path, _long(form="{!r}")[:-1])).time) == 20
    assert "does not end with a line end; its last number" in caplog.text


@pytest.mark.parametrize("declared", [19, 21, 60, 40, 7])
def test_a_header_that_counts_otherwise_is_a_finding_if_the_time_axis_is_regular(tmp_path, caplog, declared):
    series = read_storage(_written(tmp_path, _long(declared=declared)))
    assert len(series.time) == 20
    assert f"declares nRows = {declared} and holds 20 rows with a regular time axis from 0 to 0.19 s; all are used." in caplog.text


def test_a_file_that_lost_rows_stays_refused(tmp_path):
    with pytest.raises(FileFormatError, match=r"declares 30 rows and holds 20 \(its last time is 0.19 s\): it is truncated"):
        read_storage(_written(tmp_path, _long(declared=30)))
    with pytest.raises(FileFormatError, match=r"declares 21 rows and holds 20 .*: it is truncated"):
        read_storage(_written(tmp_path, _long(declared=21).replace("\n0.070000", "\n0.069000").replace("\n0.080000", "\n0.086000")))
    with pytest.raises(FileFormatError, match=r"declares 15 rows and holds 20, but OpenSim would read 15 only"):
        read_storage(_written(tmp_path, _long(declared=15).replace("\n0.190000", "\n7.190000")))


def test_what_is_written_is_read_back_to_the_last_digit(tmp_path):
    random = np.random.default_rng(3)
    series = TimeSeries(time=np.arange(50) / 3, labels=("a", "b c"), values=random.normal(size=(50, 2)) * 1e-7, in_degrees=True)
    back = read_storage(write_storage(tmp_path / "new folder" / "x.sto", series, header_name="test"))
    assert_array_equal(back.values, series.values)
    assert_array_equal(back.time, series.time)
    assert back.labels == series.labels
    assert back.in_degrees


def test_nothing_is_left_behind_when_a_value_cannot_be_written(tmp_path):
    # OpenSim's Storage stops at the first NaN without a word.
    series = TimeSeries(time=np.arange(3.0), labels=("a",), values=np.array([[1.0], [np.nan], [2.0]]))
    with pytest.raises(SignalError, match=r"column 'a' is nan at 1 s"):
        write_storage(tmp_path / "x.sto", series, header_name="test")
    assert list(tmp_path.iterdir()) == []


def _coordinates(values, in_degrees):
    time = np.arange(len(values)) / 100
    return TimeSeries(
        time=time, labels=("hip", "pelvis_tx"), values=np.asarray(values, dtype=float), source="ik.mot", in_degrees=in_degrees
    )


def test_only_rotations_become_radians():
    series = in_radians(_coordinates([[90, 1], [45, 2]], True), ["hip", "knee"])
    assert_array_equal(series.values, [[np.pi / 2, 1], [np.pi / 4, 2]])
    assert not series.in_degrees


def test_angles_in_another_unit_than_the_header_says_are_refused():
    with pytest.raises(SignalError, match=r"ik.mot: 'hip' reaches 90, too much for radians"):
        in_radians(_coordinates([[90, 1], [45, 2]], False), ["hip"])
    with pytest.raises(SignalError, match=r"look like radians: set inDegrees=no"):
        in_radians(_coordinates([[0.1, 1], [1.2, 2]], True), ["hip"])


def test_a_still_pose_near_zero_degrees_is_believed():
    assert in_radians(_coordinates([[0.5, 1], [0.6, 1]], True), ["hip"]).values[0, 0] == pytest.approx(np.deg2rad(0.5))


def test_the_running_force_file_has_its_simm_header_read(running_data):
    series = read_storage(running_data / "ExpData" / "grf_run.mot")
    assert series.values.shape == (5091, 18)
    assert series.column("R_ground_force_vy")[0] == 1194.667969
    assert series.rate == pytest.approx(1000.0)


def test_the_treadmill_envelopes_have_clean_labels(treadmill_data):
    series = read_storage(treadmill_data / "walk36" / "emgFilt.sto")
    assert series.labels == (
        *("soleus_r", "med_gas_r", "lat_gas_r", "tib_ant_r", "semimem_r", "bifemlh_r", "vas_lat_r", "rect_fem_r", "vas_med_r"),
    )


@pytest.mark.opensim
def test_opensim_reads_the_same_numbers_from_what_is_written(tmp_path):
    opensim = pytest.importorskip("opensim")
    opensim.Logger.removeFileSink()
    series = TimeSeries(time=np.arange(20) / 7, labels=("a", "b"), values=np.random.default_rng(5).normal(size=(20, 2)), in_degrees=True)
    storage = opensim.Storage(str(write_storage(tmp_path / "x.sto", series, header_name="test")))
    column = opensim.ArrayDouble()
    storage.getDataColumn("b", column)
    assert_array_equal([column.get(i) for i in range(column.getSize())], series.values[:, 1])
    assert storage.isInDegrees()


def test_a_column_of_gaps_says_nothing_of_the_unit():
    gaps = _coordinates([[90, math.nan], [45, math.nan]], True)
    assert in_radians(gaps, ["hip", "knee"]).values[0, 0] == pytest.approx(np.deg2rad(90))
    with pytest.raises(SignalError, match="'hip' reaches 90, too much for radians"):
        in_radians(_coordinates([[90, math.nan], [45, math.nan]], False), ["knee", "hip"])
    assert in_radians(_coordinates([[math.nan, 1], [math.nan, 2]], False), ["hip"]).labels[0] == "hip"
