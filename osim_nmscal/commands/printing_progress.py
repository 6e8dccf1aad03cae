"""Progress of a run on stderr: one display for the whole run on a terminal, else a line for each stage that ends."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.progress import BarColumn, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.progress import Progress as Bar
from rich.table import Column
from rich.text import Text

from osim_nmscal.commands.printing import ERR, plain
from osim_nmscal.workflow.progress import Progress
from osim_nmscal.workflow.stages import STAGES

# Seconds that a stage takes of one recording, or of all where it has no recordings: measured on the demo, two cores. They only weigh the
# stages against one another; the pace of this run scales them.
_TYPICAL = {
    "virtual_subject": 8.0,
    "scaling": 1.0,
    "inverse_kinematics": 1.5,
    "inverse_dynamics": 1.0,
    "muscle_analysis": 0.8,
    "emg": 0.8,
    "trials": 0.5,
    "calibration": 4.0,
    "write_back": 1.0,
    "evaluation": 0.6,
    "verification": 5.0,
    "electrode_study": 300.0,
    "plan": 10.0,
}
_OF_EACH_RECORDING = ("inverse_kinematics", "inverse_dynamics", "muscle_analysis")
# In a log or a pipe, a stage that goes on says where it is as often, s.
_QUIET_FOR = 30.0


@dataclass
class Pace:
    """How much of a run is done and how long the rest will take, from what its stages have told so far."""

    counts: Mapping[str, int]  # stage -> how many things it does, in order
    _done: dict[str, int] = field(default_factory=dict)
    _shares: dict[str, float] = field(default_factory=dict)  # of the thing that a stage works on now
    _spent: float = 0.0  # s, of what is done
    _typical: float = 0.0  # s, that it takes typically

    def hear(self, progress: Progress) -> None:
        """Take in what a stage tells."""
        if progress.stage not in self.counts:
            return
        if progress.state == "iteration" and progress.done:
            self._shares[progress.stage] = progress.done
            weight = progress.done * _TYPICAL.get(progress.stage, 1.0)
            if weight > self._typical:  # a long stage tells its own pace
                self._spent, self._typical = progress.seconds, weight
        if progress.state in ("done", "cached"):
            self._done[progress.stage] = self._done.get(progress.stage, 0) + 1
            self._shares.pop(progress.stage, None)
        if progress.state == "done":
            self._spent += progress.seconds
            self._typical += _TYPICAL.get(progress.stage, 1.0)

    @property
    def finished(self) -> int:
        """How many stages have ended, or were passed over by a later one that has."""
        ended = [i for i, (stage, count) in enumerate(self.counts.items(), start=1) if self._done.get(stage, 0) >= count]
        return max(ended, default=0)

    @property
    def weight_left(self) -> float:
        """Typical seconds of what is not done."""
        left = 0.0
        for i, (stage, count) in enumerate(self.counts.items()):
            if i >= self.finished:
                left += max(0.0, count - self._done.get(stage, 0) - self._shares.get(stage, 0.0)) * _TYPICAL.get(stage, 1.0)
        return left

    @property
    def weight(self) -> float:
        """Typical seconds of the whole."""
        return sum(count * _TYPICAL.get(stage, 1.0) for stage, count in self.counts.items())

    @property
    def seconds_left(self) -> float:
        """Seconds of the rest, at the pace of what is done."""
        return self.weight_left * (self._spent / self._typical if self._typical else 1.0)


def counts_of_run(
    recordings: int, dynamometer: int = 0, *, before: str = "", after: str = "", only: str | None = None, until: str = ""
) -> dict[str, int]:
    """Return how many things each stage of a run does.

    Args:
        recordings: motions of the configuration.
        dynamometer: its recordings of a dynamometer.
        before: a stage that comes first.
        after: one that comes last.
        only: the stage that runs alone.
        until: the last stage of the run; "" for all.
    """
    stages = STAGES[: STAGES.index(until) + 1] if until else STAGES
    if only in stages:
        stages = stages[: stages.index(only) + 1]
    own = {stage: recordings if stage in _OF_EACH_RECORDING else 1 for stage in stages}
    if "dynamometer" in own:
        own["dynamometer"] = max(1, dynamometer)
    return ({before: 1} if before else {}) | own | ({after: 1} if after else {})


class _Left(ProgressColumn):
    """The time left, counted down between what stages tell."""

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        seconds = max(0.0, task.fields["left"] - (time.monotonic() - task.fields["told"]))
        return Text(f"about {duration(seconds)} left" if seconds >= 1 else "")


def duration(seconds: float) -> str:
    """Return seconds in words: 12 s, 3 min 05 s, 2 h 10 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60:02d} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60:02d} min"


class ProgressPrinter:
    """One line for each stage that ends; on a terminal below them a bar: stages left, time left, what is running."""

    def __init__(self, counts: Mapping[str, int], *, quiet: bool = False, verbose: bool = False) -> None:
        self._pace, self._quiet, self._verbose = Pace(counts), quiet, verbose
        self._running: dict[str, str] = {}
        self._lock = threading.Lock()
        self._printed = time.monotonic()
        self._bar = self._new_bar() if ERR.is_terminal and not quiet else None
        fields = self._fields() | self._left()
        self._task = self._bar.add_task("", total=self._pace.weight, **fields) if self._bar is not None else None

    def __enter__(self) -> "ProgressPrinter":
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, progress: Progress) -> None:
        with self._lock:
            self._pace.hear(progress)
            what = f"{progress.stage} {progress.recording}".strip()
            if progress.state in ("started", "iteration"):
                self._running[what] = f"{what} {progress.text}".strip()
            elif progress.state in ("done", "cached"):
                self._running.pop(what, None)
            if not self._quiet:
                self._say(progress)
            if self._bar is not None and self._task is not None:
                told = {} if progress.state in ("started", "iteration") and not progress.done else self._left()
                self._bar.update(self._task, completed=self._pace.weight - self._pace.weight_left, **self._fields(), **told)

    def _say(self, progress: Progress) -> None:
        line = f"{progress.stage:<19}{progress.recording:<15} "  # long names have a blank behind them, too
        waited = self._bar is None and time.monotonic() - self._printed > _QUIET_FOR
        if progress.state in ("done", "cached"):
            how = "unchanged" if progress.state == "cached" else f"{progress.seconds:.1f} s"
            self._print(f"{line}{how}")
        elif progress.text and (self._verbose or (waited and progress.state == "iteration")):
            self._print(f"{line}{progress.text}")
        elif progress.state == "started" and self._verbose:
            self._print(f"{line}begins")

    def _print(self, line: str) -> None:
        self._printed = time.monotonic()
        ERR.print(line, markup=False)

    def _fields(self) -> dict[str, Any]:
        return {
            "stages": f"{self._pace.finished} of {len(self._pace.counts)} stages",
            "running": " | ".join(plain(text) for text in self._running.values()),
        }

    def _left(self) -> dict[str, Any]:
        return {"left": self._pace.seconds_left, "told": time.monotonic()}

    @staticmethod
    def _new_bar() -> Bar:
        dots = "dots" if ERR.encoding.lower().startswith("utf") else "line"
        running = TextColumn("{task.fields[running]}", table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1))
        columns = (SpinnerColumn(dots), TextColumn("{task.fields[stages]}"), BarColumn(20), _Left(), running)
        return Bar(*columns, console=ERR, transient=True, expand=True)
