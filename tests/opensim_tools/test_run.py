import errno
import os
from pathlib import Path

import pytest

from osim_nmscal.errors import FileFormatError, OpenSimToolError, UnknownNameError
from osim_nmscal.opensim_tools.run import in_worker, quoted_log

pytestmark = pytest.mark.opensim


def refuse(name: str) -> None:
    raise UnknownNameError(f"no {name!r}")


def load_missing_model(path: str) -> None:
    import opensim

    opensim.Model(path)


def fill_the_disk(path: str) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)


def leave_opensim_log() -> list[str]:
    import opensim

    model = opensim.Model()
    model.setName("x")
    model.initSystem()
    return os.listdir()


def test_a_crash_becomes_an_error_that_says_so(tmp_path):
    with pytest.raises(OpenSimToolError, match=r"failed in a test: it crashed \(SIGABRT\)"):
        in_worker(os.abort, log=tmp_path / "x.log", doing="a test")


def test_a_full_disk_is_the_users_to_mend_and_no_fault_of_opensim(tmp_path):
    with pytest.raises(FileFormatError, match=r"^A test stopped: the disk is full \(/res/ik.mot\): make room"):
        in_worker(fill_the_disk, "/res/ik.mot", log=tmp_path / "x.log", doing="a test")


def test_a_quiet_end_of_the_process_becomes_an_error(tmp_path):
    with pytest.raises(OpenSimToolError, match="exit code 3"):
        in_worker(os._exit, 3, log=tmp_path / "x.log")


def test_an_exception_of_opensim_carries_the_end_of_its_log(tmp_path):
    with pytest.raises(OpenSimToolError, match=r"(?s)load_missing_model.*ends with:.*nowhere\.osim"):
        in_worker(load_missing_model, "/nowhere.osim", log=tmp_path / "new" / "x.log")
    assert "nowhere.osim" in (tmp_path / "new" / "x.log").read_text()


def test_our_own_errors_come_back_as_they_are(tmp_path):
    with pytest.raises(UnknownNameError, match=r"^no 'knee'$"):
        in_worker(refuse, "knee", log=tmp_path / "x.log")


def test_the_worker_leaves_nothing_in_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    inside = in_worker(leave_opensim_log, log=tmp_path / "logs" / "x.log")
    assert inside == ["job.pickle"]
    assert os.listdir(tmp_path) == ["logs"]


def test_complaints_about_bone_pictures_do_not_hide_the_reason(tmp_path):
    log = tmp_path / "x.log"
    log.write_text("[error] the reason\n" + "[warning] Couldn't find file 'femur.vtp'.\n" * 50)
    assert quoted_log(log).splitlines()[1:] == ["  | [error] the reason"]


def test_a_script_without_a_main_guard_may_start_workers(tmp_path):
    import subprocess
    import sys

    script = tmp_path / "script.py"
    script.write_text(
        "import os\nfrom pathlib import Path\nfrom osim_nmscal.opensim_tools.run import in_worker\n"
        f"print(in_worker(os.path.basename, '/a/b', log=Path({str(tmp_path / 'x.log')!r})))\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True, cwd=Path(tmp_path))
    assert done.stdout.strip() == "b"


def processes(times: int, log: str) -> list[int]:
    """Process ids of a worker and of what it runs in workers of its own."""
    import os

    return [os.getpid()] + (in_worker(processes, times - 1, log, log=Path(log)) if times else [])


def test_a_worker_does_at_once_what_it_would_give_to_another_worker(tmp_path):
    assert len(set(processes(0, ""))) == 1
    found = in_worker(processes, 2, str(tmp_path / "inner.log"), log=tmp_path / "x.log")
    assert len(found) == 3
    assert len(set(found)) == 1
    assert not (tmp_path / "inner.log").exists()
