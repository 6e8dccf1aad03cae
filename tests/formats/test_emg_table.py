"""EMG tables: the same three samples in many spellings, and what is refused."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from osim_nmscal.errors import FileFormatError, UnknownNameError
from osim_nmscal.formats.emg_table import read_emg


def _written(tmp_path, text, name="emg.csv"):
    path = tmp_path / name
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("time,SOL,TA\n0,0.5,-1\n0.001,0.6,-2\n0.002,0.7,-3\n", id="comma"),
        pytest.param("time;SOL;TA\n0;0,5;-1\n0,001;0,6;-2\n0,002;0,7;-3\n", id="semicolon and decimal comma"),
        pytest.param("Time (ms)\tSOL\tTA\n0\t0.5\t-1\n1\t0.6\t-2\n2\t0.7\t-3\n", id="tab and milliseconds"),
        pytest.param('\ufeff"Time [s]","SOL","TA"\r\n0,0.5,-1\r\n0.001,0.6,-2\r\n0.002,0.7,-3\r\n', id="quotes, mark, Windows"),
        pytest.param("Recorded, 1 Hz\n\ntime,SOL,TA\ns,mV,mV\n0,0.5,-1\n0.001,0.6,-2\n0.002,0.7,-3\n", id="title and line of units"),
        pytest.param("SOL,TA,time_s,\n0.5,-1,0,\n0.6,-2,0.001,\n0.7,-3,0.002,\n,,,\n", id="time last, trailing commas"),
    ],
)
def test_tables_found_in_the_wild_are_read(tmp_path, text):
    series = read_emg(_written(tmp_path, text))
    assert series.labels == ("SOL", "TA")
    assert_allclose(series.time, [0, 0.001, 0.002])
    assert_allclose(series.values, [[0.5, -1], [0.6, -2], [0.7, -3]])


def test_channels_are_chosen_in_order_and_a_misspelt_one_offers_the_nearest(tmp_path):
    path = _written(tmp_path, "time,SOL,TA\n0,0.5,-1\n0.001,0.6,-2\n")
    assert read_emg(path, ["TA"]).labels == ("TA",)
    with pytest.raises(UnknownNameError, match=r"emg.csv has no column 'SOLL'. Did you mean 'SOL'\?"):
        read_emg(path, ["SOLL"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("SOL,TA\n0.5,-1\n", r"has no column of time", id="no time"),
        pytest.param("time,SOL\n", r"has no row of data", id="no rows"),
        pytest.param("time,SOL\n0,1\n0.001", r"line 3: 1 values for 2 columns; the file is truncated", id="truncated"),
        pytest.param("time,SOL\n0,1\n0.001,2,3\n0.002,2\n", r"line 3: 3 values for 2 columns; correct", id="extra value"),
        pytest.param("time,SOL\n0,1\n0.001,x\n", r"line 3: column 'SOL' holds 'x', expected a number", id="not a number"),
        pytest.param("time,SOL\n0,1\n0,2\n", r"line 3: the time goes from 0 to 0 s", id="time stands still"),
        pytest.param("0,1\n0.001,2\ntime,SOL\n0.002,3\n", r"line 1: a row of 2 numbers lies above the labels \(line 3\)", id="above"),
        pytest.param("X[s],SOL,X [s],TA\n0,1,0,1\n", r"2 columns of time", id="two clocks"),
        pytest.param("time,SOL,SOL\n0,1,2\n0.1,1,2\n", r"'SOL' occurs twice with different values", id="twice"),
    ],
)
def test_a_malformed_table_is_refused_with_file_line_and_value(tmp_path, text, message):
    path = _written(tmp_path, text)
    with pytest.raises(FileFormatError, match=message) as caught:
        read_emg(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("lost", [1, 2, 3, 4])
def test_a_table_cut_inside_its_last_number_is_refused(tmp_path, lost):
    text = "time,SOL\n" + "".join(f"{i / 1000:.3f},{i / 7:.3f}\n" for i in range(20))
    with pytest.raises(FileFormatError, match=r"line 21: (the file ends inside a number|1 values for 2 columns)"):
        read_emg(_written(tmp_path, text[: -1 - lost]))


def test_a_number_in_a_title_is_no_row(tmp_path):
    assert read_emg(_written(tmp_path, "1000\n2026,Lab 3\ntime,SOL\n0,1\n0.001,2\n")).labels == ("SOL",)


def test_an_unknown_kind_of_file_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(FileFormatError, match=r"unknown kind '.xlsx'; EMG is read from .sto, .mot, .csv"):
        read_emg(tmp_path / "emg.xlsx")


def test_real_emg_is_read_from_sto_and_c3d(running_data, c3d_data):
    run = read_emg(running_data / "ExpData" / "emg_run_raw.sto", ["SOL", "TA"])
    assert run.values.shape == (5590, 2)
    assert run.values[0, 0] == -0.10437
    walk = read_emg(c3d_data / "walking_1.c3d", ["Voltage.EMG02_r_soleus"])
    assert walk.rate == pytest.approx(1000)
    assert np.std(walk.values) > 0
