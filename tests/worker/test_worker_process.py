"""What goes wrong in another process is one sentence here, and nothing of it lives on."""

import errno
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from osim_nmscal.errors import UnknownNameError
from osim_nmscal.worker.process import Limits, WorkerError, call, stop_all


def refuse(name):
    raise UnknownNameError(f"no {name!r}")


def warn(text):
    logging.getLogger("osim_nmscal.test").warning(text)
    return len(text)


def allocate(count):
    return len(bytearray(count))


def fill_the_disk(path):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)


def write_into(path):
    Path(path).write_text("x")


def write_until_stopped(path):
    while True:
        Path(path).write_text(str(os.getpid()))
        time.sleep(0.02)


def test_a_value_comes_back_and_the_working_directory_is_not_the_users(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert call(os.getcwd) != str(tmp_path)
    assert os.listdir(tmp_path) == []


def test_our_own_errors_come_back_as_they_are():
    with pytest.raises(UnknownNameError, match=r"^no 'knee'$"):
        call(refuse, "knee")


def test_a_finding_of_the_other_process_is_not_lost(caplog):
    assert call(warn, "a gap") == 5
    assert [record.message for record in caplog.records] == ["a gap"]


@pytest.mark.parametrize(
    ("function", "args", "limits", "kind", "message"),
    [
        pytest.param(os.abort, (), Limits(), "crash", r"it crashed \(SIGABRT\)\.", id="crash"),
        pytest.param(os._exit, (3,), Limits(), "crash", "it ended with exit code 3", id="quiet end"),
        pytest.param(int, ("x",), Limits(), "exception", "ValueError: invalid literal for int", id="another exception"),
        pytest.param(time.sleep, (60,), Limits(seconds=1), "time", "it did not end within 1 s and was stopped", id="hang"),
        pytest.param(fill_the_disk, ("/res/ik.mot",), Limits(), "disk", r"the disk is full \(/res/ik.mot\): make room", id="disk full"),
    ],
)
def test_every_end_of_the_other_process_is_said_in_words(function, args, limits, kind, message):
    with pytest.raises(WorkerError, match=message) as caught:
        call(function, *args, limits=limits)
    assert caught.value.kind == kind


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps to a limit of address space")
def test_a_memory_explosion_is_said_and_less_than_the_limit_is_allowed():
    assert call(allocate, 2**28, limits=Limits(memory=2**30)) == 2**28
    with pytest.raises(WorkerError, match="it asked for more memory than the 1 GiB it may use"):
        call(allocate, 2**31, limits=Limits(memory=2**30))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_said_whichever_side_meets_it(tmp_path, monkeypatch):
    with pytest.raises(WorkerError, match="the disk is full") as caught:
        call(write_into, "/dev/full")
    assert caught.value.kind == "disk"
    monkeypatch.setattr(Path, "write_bytes", lambda path, data: fill_the_disk(str(path)))
    with pytest.raises(WorkerError, match=r"the disk is full.*: make room"):
        call(os.getcwd)


def test_a_library_that_fails_on_a_full_disk_is_not_blamed(monkeypatch):
    from osim_nmscal.worker import process

    monkeypatch.setattr(process, "LEAST_SPACE", 2**70)
    with pytest.raises(WorkerError, match=r"the disk is full \(.*\): make room"):
        call(os.abort)


def test_a_log_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkerError, match=r"the system refused it: .*file"):
        call(os.getcwd, log=tmp_path / "file" / "x.log")


def _started(tmp_path, how):
    """Start a script that calls a worker, wait until that works, and return script and worker's process id."""
    script, beat = tmp_path / "script.py", tmp_path / "beat"
    script.write_text(
        "import sys, threading, signal\nfrom pathlib import Path\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a suite in the background inherits that it is ignored
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_worker_process import write_until_stopped\nfrom osim_nmscal.worker.process import call\n"
        f"{how}\ncall(write_until_stopped, {str(beat)!r})\n"
    )
    process = subprocess.Popen([sys.executable, str(script)], stderr=subprocess.PIPE, start_new_session=True)
    deadline = time.monotonic() + 60
    while not (beat.exists() and beat.read_text()) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    return process, int(beat.read_text())


def _is_gone(pid, within=5.0):
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            if "Z" in Path(f"/proc/{pid}/stat").read_text().split(")")[1][:3]:
                return True
        except OSError:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_worker_ends_with_its_parent_however_that_ends(tmp_path, number):
    process, worker = _started(tmp_path, "")
    os.kill(process.pid, number)
    process.communicate(timeout=30)
    assert _is_gone(worker)


def test_stop_all_ends_what_other_threads_wait_for():
    import threading

    said = []

    def wait():
        try:
            call(time.sleep, 60)
        except WorkerError as error:
            said.append(str(error))

    thread = threading.Thread(target=wait)
    thread.start()
    deadline = time.monotonic() + 30
    while thread.is_alive() and time.monotonic() < deadline:
        stop_all()
        thread.join(0.1)
    assert len(said) == 1
    assert "it crashed (SIGKILL)" in said[0] or sys.platform == "win32"
