"""Jobs at the same time: in order, and ended when the session is told to end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from osim_nmscal.worker.process import call
from osim_nmscal.worker.threads import in_threads


def beat(path):
    while True:
        Path(path).write_text(str(os.getpid()))
        time.sleep(0.02)


def test_results_come_in_the_order_of_the_items():
    assert in_threads(lambda item: (time.sleep(0.05 / item), item)[1], [1, 2, 3], jobs=3) == [1, 2, 3]


def test_the_first_error_is_raised_when_the_others_at_work_have_ended(tmp_path):
    def work(item):
        if item == 0:
            raise ValueError("first")
        time.sleep(0.2)
        (tmp_path / str(item)).write_text("")

    with pytest.raises(ValueError, match="first"):
        in_threads(work, range(20), jobs=2)
    assert 1 <= len(list(tmp_path.iterdir())) < 5


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_session_that_is_told_to_end_kills_what_its_threads_wait_for(tmp_path, number):
    script = tmp_path / "script.py"
    script.write_text(
        f"import signal, sys\nsys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_worker_threads import beat, call, in_threads\n"
        "signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a suite in the background inherits that it is ignored
        f"in_threads(lambda item: call(beat, {str(tmp_path)!r} + f'/beat{{item}}'), range(4), jobs=2)\n"
    )
    process = subprocess.Popen([sys.executable, str(script)], stderr=subprocess.DEVNULL, start_new_session=True)
    beats = [tmp_path / "beat0", tmp_path / "beat1"]
    deadline = time.monotonic() + 60
    while not all(path.exists() for path in beats) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, number)
    assert process.wait(timeout=30) != 0
    assert not (tmp_path / "beat2").exists()
    last = [path.stat().st_mtime_ns for path in beats]
    time.sleep(0.3)
    assert [path.stat().st_mtime_ns for path in beats] == last


def test_a_process_per_thread_is_what_threads_are_for():
    assert len(set(in_threads(lambda item: call(os.getpid), range(2), jobs=2))) == 2
