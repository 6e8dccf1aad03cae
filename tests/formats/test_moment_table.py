"""Tables of a dynamometer: with and without time, as text and as storage files, and what is wrong with them."""

from pathlib import Path

import numpy as np
import pytest

from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.errors import NmscalError
from osim_nmscal.formats.moment_table import read_moment_table
from osim_nmscal.formats.storage import write_storage


def _table(folder: Path, text: str, name: str = "knee.csv") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def test_a_table_without_time_is_poses_and_one_with_time_is_a_sweep(tmp_path: Path) -> None:
    held = read_moment_table(_table(tmp_path, "# Person 7\nknee;knee_moment\n10;5,5\n20;4\n"))
    assert (held.labels, held.time, held.in_degrees) == (("knee", "knee_moment"), None, True)
    assert held.values.tolist() == [[10.0, 5.5], [20.0, 4.0]]
    swept = read_moment_table(_table(tmp_path, "Time (ms),knee,knee_moment\n0,10,5\n500,20,4\n"))
    assert swept.time is not None
    assert swept.time.tolist() == [0.0, 0.5]


def test_the_header_of_a_storage_file_says_its_unit(tmp_path: Path) -> None:
    series = TimeSeries(time=np.array([0.0, 0.1]), labels=("knee", "knee_moment"), values=np.array([[0.1, 5.0], [0.2, 4.0]]))
    table = read_moment_table(write_storage(tmp_path / "knee.sto", series, header_name="knee"))
    assert (table.in_degrees, table.values[0].tolist()) == (False, [0.1, 5.0])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param("knee,hip\n10,5\n", r"knee\.csv has no column of moments.*'<coordinate>_moment'", id="no moment"),
        pytest.param("knee,knee_moment\n10,\n20,4\n", r"column 'knee_moment' has no number in line 2 \(1 such cells\)", id="blank"),
        pytest.param("knee,knee_moment\n10,nan\n", r"column 'knee_moment' has no number in line 2", id="not a number"),
        pytest.param("knee,knee,knee_moment\n10,5,4\n", r"two columns are called 'knee'", id="twice"),
        pytest.param("time,knee,knee_moment\n0,5,4\n0,6,4\n", r"the time goes from 0 to 0 s", id="time stands"),
        pytest.param("time,t,knee_moment\n0,5,4\n", r"2 columns of time", id="two clocks"),
    ],
)
def test_what_is_wrong_with_a_table_is_one_sentence(text: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(NmscalError, match=sentence):
        read_moment_table(_table(tmp_path, text))


def test_a_storage_file_without_moments_and_other_files_are_refused(tmp_path: Path) -> None:
    series = TimeSeries(time=np.array([0.0, 0.1]), labels=("knee",), values=np.array([[0.1], [0.2]]))
    with pytest.raises(NmscalError, match=r"knee\.sto has no column of moments"):
        read_moment_table(write_storage(tmp_path / "knee.sto", series, header_name="knee"))
    with pytest.raises(NmscalError, match=r"unknown kind '\.xlsx'"):
        read_moment_table(_table(tmp_path, "knee,knee_moment\n1,2\n", "knee.xlsx"))
