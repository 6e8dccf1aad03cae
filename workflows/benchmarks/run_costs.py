"""Where the time of a run goes: CPU-seconds per stage, of the program itself and of its worker processes, and the most memory used.

Run: python workflows/benchmarks/run_costs.py [workflows/running/config.toml ...] [--jobs 1] [--repeat 1]
     [--out results/benchmarks/run_costs.json]

Each configuration is run three times in a folder of its own, every time in a fresh process as a user would: from nothing; with
another weight of the moments in the calibration, so that everything before it is up to date; and with that once more, so that
everything is. With `--repeat` each is the cheapest of so many. CPU-seconds (user and system, by getrusage) depend less on what else
the machine does than the clock does; imports count, but not compiling the package to byte code, which pip does once. Work between
two stages counts to the stage that ends next. With several jobs stages overlap, and a worker's time counts where it ends. Without a
configuration: the shipped running workflow. Linux only.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WAYS = ("from nothing", "calibration changed", "nothing changed")
# What is asked of the running workflow, CPU-seconds on an idle machine.
TARGETS = dict(zip(WAYS, (10.0, 4.0, 1.0), strict=True))
BEFORE, AFTER = "start", "end"


@dataclass(frozen=True, kw_only=True)
class StageCost:
    """What one stage took."""

    stage: str
    own: float  # CPU-seconds of the program itself
    workers: float  # and of its worker processes
    wall: float  # s


@dataclass(frozen=True, kw_only=True)
class RunCost:
    """What one run took."""

    way: str
    stages: tuple[StageCost, ...]
    own: float
    workers: float
    wall: float  # s, from the start of the process
    own_memory: float  # MiB, the most that the program itself held
    worker_memory: float  # MiB, the most that one worker held


class Clock:
    """Adds what has been spent since it was last asked to one stage after the other."""

    def __init__(self) -> None:
        self.stages: dict[str, list[float]] = {}
        self._last = [0.0, 0.0, time.time() - _age()]  # imports count

    def spent_on(self, stage: str) -> None:
        """Count everything since the last call to this stage."""
        own, workers = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        now = [own.ru_utime + own.ru_stime, workers.ru_utime + workers.ru_stime, time.time()]
        added = self.stages.setdefault(stage, [0.0, 0.0, 0.0])
        for i in range(3):
            added[i] += now[i] - self._last[i]
        self._last = now


class WorkerMemory(threading.Thread):
    """Looks every 0.1 s at what the worker processes hold; getrusage counts what they share with the program before they begin."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most = 0.0  # MiB
        self.start()

    def run(self) -> None:
        """Look for as long as the process lives."""
        while True:
            for children in Path("/proc/self/task").glob("*/children"):
                with suppress(OSError, IndexError, ValueError):  # it may have ended meanwhile
                    for worker in children.read_text().split():
                        held = Path(f"/proc/{worker}/status").read_text().split("VmHWM:")[1].split()[0]
                        self.most = max(self.most, int(held) / 1024)
            time.sleep(0.1)


def _age() -> float:
    """Return for how many seconds this process has lived."""
    started = int(Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[19]) / os.sysconf("SC_CLK_TCK")
    return float(Path("/proc/uptime").read_text().split()[0]) - started


def one_run(config_file: Path, out: Path, way: str, jobs: int) -> RunCost:
    """Run one configuration in this process and tell what it took."""
    clock = Clock()
    from osim_nmscal.config import load_config
    from osim_nmscal.workflow.personalize import personalize

    memory = WorkerMemory()
    config = load_config(config_file)
    if way != WAYS[0]:
        loss = config.calibration.loss
        loss = loss.model_copy(update={"moment_weight": 1.001 * loss.moment_weight})
        config = config.model_copy(update={"calibration": config.calibration.model_copy(update={"loss": loss})})
    clock.spent_on(BEFORE)

    def told(progress: object) -> None:
        if getattr(progress, "state", "") in ("done", "cached"):
            clock.spent_on(str(getattr(progress, "stage", "")))

    personalize(config, out, jobs=jobs, progress=told)
    clock.spent_on(AFTER)
    stages = tuple(StageCost(stage=name, own=own, workers=workers, wall=wall) for name, (own, workers, wall) in clock.stages.items())
    totals = [sum(values) for values in zip(*clock.stages.values(), strict=True)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return RunCost(way=way, stages=stages, own=totals[0], workers=totals[1], wall=totals[2], own_memory=peak, worker_memory=memory.most)


def measured(config: Path, out: Path, way: str, jobs: int) -> RunCost:
    """Run one configuration in a fresh process."""
    with tempfile.NamedTemporaryFile(suffix=".json") as answer:
        command = [
            sys.executable,
            str(Path(__file__).resolve()),
            str(config.resolve()),
            "--jobs",
            str(jobs),
            "--run",
            way,
            str(out),
            answer.name,
        ]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=ROOT, env=_with_byte_code())
        found = json.loads(Path(answer.name).read_text(encoding="utf-8"))
    return RunCost(**(found | {"stages": tuple(StageCost(**stage) for stage in found["stages"])}))


def _with_byte_code() -> dict[str, str]:
    """Return an environment in which modules are compiled once, as an installer does, whatever this process was told."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return environment | {"PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir()) / "run_costs_byte_code")}


def measure(config: Path, jobs: int, repeat: int) -> list[RunCost]:
    """Run one configuration in all ways; of each keep the cheapest."""
    best: dict[str, RunCost] = {}
    with tempfile.TemporaryDirectory(prefix="run_costs_") as folder:
        measured(config, Path(folder) / "results", WAYS[0], jobs)  # so that all modules are compiled
    for _ in range(repeat):
        with tempfile.TemporaryDirectory(prefix="run_costs_") as folder:
            for way in WAYS:
                cost = measured(config, Path(folder) / "results", way, jobs)
                if way not in best or cost.own + cost.workers < best[way].own + best[way].workers:
                    best[way] = cost
    return [best[way] for way in WAYS]


def show(config: Path, costs: list[RunCost]) -> None:
    """Print one configuration's table: a row per stage, CPU-seconds of the program and + of its workers."""
    print(f"\n{config}\nCPU-seconds, program + workers" + "".join(f"{cost.way:>24}" for cost in costs))
    names = list(dict.fromkeys(stage.stage for cost in costs for stage in cost.stages))
    for name in [*(name for name in names if name != AFTER), AFTER]:
        cells = [next((stage for stage in cost.stages if stage.stage == name), None) for cost in costs]
        print(f"{name:30}" + "".join(f"{'':>24}" if cell is None else f"{cell.own:15.2f} + {cell.workers:6.2f}" for cell in cells))
    print(f"{'together':30}" + "".join(f"{cost.own:15.2f} + {cost.workers:6.2f}" for cost in costs))
    print(f"{'':30}" + "".join(f"{cost.own + cost.workers:24.2f}" for cost in costs))
    print(f"{'goal (running workflow)':30}" + "".join(f"{TARGETS[cost.way]:24.2f}" for cost in costs))
    print(f"{'wall, s':30}" + "".join(f"{cost.wall:24.2f}" for cost in costs))
    print(f"{'most memory, MiB':30}" + "".join(f"{cost.own_memory:15.0f} + {cost.worker_memory:6.0f}" for cost in costs), flush=True)


def main() -> None:
    """Measure, print tables, write JSON; or, as started by itself, do one run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("configs", nargs="*", type=Path, default=[ROOT / "workflows" / "running" / "config.toml"])
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "benchmarks" / "run_costs.json")
    parser.add_argument("--run", nargs=3, metavar=("WAY", "FOLDER", "ANSWER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        way, folder, answer = options.run
        cost = one_run(options.configs[0], Path(folder), way, options.jobs)
        Path(answer).write_text(json.dumps(asdict(cost)), encoding="utf-8")
        return
    found = {}
    for config in options.configs:
        costs = measure(config, options.jobs, options.repeat)
        show(config, costs)
        found[str(config)] = [asdict(cost) for cost in costs]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(found, indent=1), encoding="utf-8")
    print(f"written: {options.out}")


if __name__ == "__main__":
    main()
