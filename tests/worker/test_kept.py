"""Jobs that follow each other in one process are as if each were alone."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from osim_nmscal.errors import SignalError
from osim_nmscal.worker.kept import MOST_JOBS, kept_processes
from osim_nmscal.worker.process import Limits, WorkerError, call
from osim_nmscal.worker.threads import in_threads


@pytest.fixture
def keeping() -> Iterator[None]:
    with kept_processes():
        yield


def whoami(text: str = "") -> tuple[int, str]:
    if text:
        print(text, flush=True)
        logging.getLogger("osim_nmscal.test").warning("said %s", text)
    return os.getpid(), os.getcwd()


def refuse() -> None:
    raise SignalError("It is no signal.")


def fail() -> None:
    raise RuntimeError("It is broken.")


def crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV if hasattr(signal, "SIGSEGV") else signal.SIGTERM)


def sleep(seconds: float) -> None:
    time.sleep(seconds)


def _alive(process: int) -> bool:
    return Path(f"/proc/{process}").exists() and "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()


def test_jobs_of_one_key_share_a_process_and_those_of_another_do_not(keeping: None) -> None:
    first, folder = call(whoami, follows="a")
    second, other = call(whoami, follows="a")
    third, _ = call(whoami, follows="b")
    alone, _ = call(whoami)
    assert first == second
    assert folder != other
    assert len({first, third, alone}) == 3
    assert not Path(folder).exists()


def test_without_a_block_every_job_has_its_own_process() -> None:
    assert call(whoami, follows="a")[0] != call(whoami, follows="a")[0]


def test_every_job_has_its_own_log_and_its_own_warnings(keeping: None, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for text in ("one", "two"):
        call(whoami, text, follows="a", log=tmp_path / text)
    assert [(tmp_path / text).read_text().splitlines()[0] for text in ("one", "two")] == ["one", "two"]
    assert caplog.messages == ["said one", "said two"]


def test_an_error_of_ours_leaves_the_process_for_the_next_job(keeping: None) -> None:
    before, _ = call(whoami, follows="a")
    with pytest.raises(SignalError, match="It is no signal"):
        call(refuse, follows="a")
    assert call(whoami, follows="a")[0] == before


def test_what_ends_the_process_costs_one_job(keeping: None, tmp_path: Path) -> None:
    for job, kind in ((crash, "crash"), (fail, "exception")):
        before, _ = call(whoami, follows="a")
        with pytest.raises(WorkerError) as caught:
            call(job, follows="a", log=tmp_path / "log")
        assert caught.value.kind == kind
        assert call(whoami, follows="a")[0] != before
    assert "It is broken." in (tmp_path / "log").read_text()


def test_a_job_that_does_not_end_in_time_is_stopped(keeping: None) -> None:
    with pytest.raises(WorkerError) as caught:
        call(sleep, 60.0, follows="a", limits=Limits(seconds=1.0))
    assert caught.value.kind == "time"
    call(whoami, follows="a")


def test_a_limit_of_memory_needs_a_process_of_its_own(keeping: None) -> None:
    assert call(whoami, follows="a")[0] != call(whoami, follows="a", limits=Limits(memory=2**30))[0]


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_processes_end_with_the_block_and_after_many_jobs() -> None:
    with kept_processes():
        seen = [call(whoami, follows="a")[0] for _ in range(MOST_JOBS + 1)]
        assert len(set(seen)) == 2
        assert not _alive(seen[0])
    assert not _alive(seen[-1])


def test_a_process_outlives_the_thread_that_first_used_it(keeping: None) -> None:
    (first,) = in_threads(lambda _: call(whoami, follows="a")[0], [0], 1)
    time.sleep(0.5)
    assert call(whoami, follows="a")[0] == first


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_kept_process_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    code = (
        "import time, os\nfrom osim_nmscal.worker.kept import kept_processes\nfrom osim_nmscal.worker.process import call\n"
        "with kept_processes():\n    call(os.getcwd, follows='a')\n"
        "    from osim_nmscal.worker import kept\n    print(kept._idle['a'][0].process.pid, flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        kept = int(parent.stdout.readline())
        assert _alive(kept)
        parent.kill()
    end = time.monotonic() + 20.0
    while _alive(kept) and time.monotonic() < end:
        time.sleep(0.05)
    assert not _alive(kept)
