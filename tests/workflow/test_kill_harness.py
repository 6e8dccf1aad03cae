"""Whatever ends a run and whenever: the folder shows one complete set or none, and the next run ends where an undisturbed one does.

A run of the small workflow (OpenSim's stages included) is ended at random moments, by kill -9, SIGTERM and Ctrl-C, over an empty
folder and over one with results of another body mass.
"""

import contextlib
import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from run_server import RunServer, essence
from small_workflow import write_small_workflow

from osim_nmscal.errors import FileFormatError
from osim_nmscal.workflow.opened import open_results

pytestmark = [pytest.mark.opensim, pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")]

OLD, NEW = 70.0, 72.0
# Moments and EMG of the small workflow are invented: what is known of people does not fit them, and the verdict would say so.
_LOOSE = '[calibration]\npreset = "weak_prior"\nmethod = "emg_driven"\n'
CODES = {signal.SIGKILL: -9, signal.SIGTERM: 143, signal.SIGINT: 130}


@dataclass(frozen=True)
class _Bench:
    """Two finished folders of one recording, and the server that runs commands."""

    server: RunServer
    home: Path
    seconds: float  # of an undisturbed run

    def config(self, mass: float) -> Path:
        return self.home / f"{mass:g}" / "config.toml"

    def finished(self, mass: float) -> Path:
        return self.home / f"finished{mass:g}"


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Bench]:
    home = tmp_path_factory.mktemp("harness")
    with RunServer(home / "log.txt") as server:
        for mass in (OLD, NEW):
            config = write_small_workflow(home / f"{mass:g}", mass=mass, names=("lift",))
            text = config.read_text(encoding="utf-8")
            config.write_text(text.replace("[calibration.loss]", f"{_LOOSE}\n[calibration.loss]"), encoding="utf-8")
            began = time.perf_counter()
            assert server.run("run", str(config), "--out", str(home / f"finished{mass:g}")) == 0, (home / "log.txt").read_text()
            seconds = time.perf_counter() - began
        yield _Bench(server, home, seconds)


def _end_once(bench: _Bench, root: Path, how: signal.Signals, after: float) -> str:
    """End a run over a folder, look at the folder, run again, look again; return what the folder showed in between."""
    server, config = bench.server, bench.config(NEW)
    had = root.exists()
    pid = server.start("run", str(config), "--out", str(root))
    time.sleep(after)
    with contextlib.suppress(ProcessLookupError):  # it has ended by itself
        os.kill(pid, how)
    code = server.wait()
    # a signal that comes before the handlers stand, or when they are gone again, ends the process by itself
    assert code in (CODES[how], 0, -how), (code, bench.server.log.read_text()[-2000:])
    shown = _what_it_shows(root)
    if shown == "none":
        assert not had
        assert server.run("verify", str(root)) == 2
    else:
        assert had or shown == "new"
        assert essence(root) == essence(bench.finished(OLD if shown == "old" else NEW))
    assert code != 0 or shown == "new"
    assert server.run("run", str(config), "--out", str(root)) == 0, bench.server.log.read_text()[-2000:]
    assert essence(root) == essence(bench.finished(NEW))
    assert not (root / "unfinished").exists()
    return shown


def _what_it_shows(root: Path) -> str:
    try:
        mass = open_results(root).record.configuration["subject"]["mass"]
    except FileFormatError as error:
        return "none" if "has no finished results" in str(error) or "is no folder of results" in str(error) else str(error)
    return "old" if mass == OLD else "new"


def _harness(bench: _Bench, tmp_path: Path, how: signal.Signals, count: int, *, seed: int) -> Counter[str]:
    draw, shown = random.Random(seed), Counter[str]()
    for i in range(count):
        root = tmp_path / f"results{i}"
        over = "old" if i % 2 == 0 else "empty"
        if over == "old":
            shutil.copytree(bench.finished(OLD), root)
        outcome = _end_once(bench, root, how, draw.uniform(0.0, 1.05 * bench.seconds))
        shown[f"{over} -> {outcome}"] += 1
        if i % 5 == 0:
            assert bench.server.run("verify", str(root)) == 0
        shutil.rmtree(root)
    print(f"{count} runs ended by {how.name}: {dict(shown)}")
    return shown


@pytest.mark.harness
@pytest.mark.parametrize(("how", "count"), [(signal.SIGKILL, 24), (signal.SIGTERM, 8), (signal.SIGINT, 8)], ids=["kill", "term", "int"])
def test_a_run_ended_at_any_moment_leaves_one_set_or_none_and_the_next_run_ends_the_same(
    how: signal.Signals, count: int, bench: _Bench, tmp_path: Path
) -> None:
    shown = _harness(bench, tmp_path, how, count, seed=9)
    assert sum(shown.values()) == count
    assert shown["old -> old"] + shown["empty -> none"] >= count // 2  # most were ended on their way


@pytest.mark.parametrize(("how", "part"), [(signal.SIGKILL, 0.5), (signal.SIGTERM, 0.4)], ids=["kill", "term"])
def test_a_run_ended_on_its_way_keeps_the_results_before(how: signal.Signals, part: float, bench: _Bench, tmp_path: Path) -> None:
    root = Path(shutil.copytree(bench.finished(OLD), tmp_path / "results"))
    assert _end_once(bench, root, how, part * bench.seconds) in ("old", "new")


@pytest.mark.harness
def test_jobs_and_threads_do_not_change_a_bit(tmp_path: Path) -> None:
    config = write_small_workflow(tmp_path / "small")
    config.write_text(config.read_text(encoding="utf-8") + _LOOSE, encoding="utf-8")
    found = []
    for jobs, threads in (("1", "1"), ("2", "1"), ("1", "2")):
        with RunServer(tmp_path / "log.txt", threads=threads) as server:
            out = tmp_path / f"results{jobs}{threads}"
            assert server.run("run", str(config), "--out", str(out), "--jobs", jobs) == 0
            found.append(essence(out))
    assert found[0] == found[1] == found[2]
