"""What killed processes leave in the temporary folder goes; what anybody may still need stays."""

import os
import subprocess
import sys
from pathlib import Path

from osim_nmscal.worker import folder
from osim_nmscal.worker.folder import clean_leftovers, job_folder


def _left_by(place, process, machine=None):
    path = place / f"osim_nmscal_{machine or folder._machine()}_{process}_abcd"
    path.mkdir()
    (path / "job.pickle").write_bytes(b"x")
    return path


def _dead_process():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_leftovers_of_dead_processes_go_and_those_of_living_or_unknown_ones_stay(tmp_path):
    dead = _left_by(tmp_path, _dead_process())
    kept = [
        _left_by(tmp_path, os.getpid()),
        _left_by(tmp_path, os.getppid()),
        _left_by(tmp_path, _dead_process(), machine="0123abcd"),  # a container that shares the folder
    ]
    (tmp_path / "osim_nmscal_mine").mkdir()
    (tmp_path / "osim_nmscal_results").write_text("a user's file")
    (tmp_path / f"osim_nmscal_{folder._machine()}_{_dead_process()}_link").symlink_to(kept[0])
    assert clean_leftovers(tmp_path) == (dead,)
    assert all(path.is_dir() for path in kept)
    assert len(list(tmp_path.iterdir())) == 6


def test_a_folder_that_is_not_there_is_clean(tmp_path):
    assert clean_leftovers(tmp_path / "nothing") == ()


def test_a_job_folder_names_its_owner_and_goes_in_the_end():
    with job_folder() as place:
        assert f"_{os.getpid()}_" in place.name
        assert clean_leftovers(place.parent) == () or place.is_dir()
        Path(place, "x").write_text("")
    assert not place.exists()


def test_a_killed_run_leaves_nothing_after_the_next_start(tmp_path):
    environment = {**os.environ, "TMPDIR": str(tmp_path), "TEMP": str(tmp_path)}
    code = "import os\nfrom osim_nmscal.worker.folder import job_folder\nwith job_folder(): {}"
    subprocess.run([sys.executable, "-c", code.format("os._exit(9)")], env=environment)
    assert len(list(tmp_path.iterdir())) == 1
    subprocess.run([sys.executable, "-c", code.format("pass")], env=environment, check=True)
    assert list(tmp_path.iterdir()) == []
