"""Runs stages: skips those that are up to date, times the others, keeps what they warn of, and clears up after a failure.

A stage declares the files it writes. They count as results only once the stage has finished: before it runs again the old ones
are removed, and when it fails or is interrupted the new ones are. Its log stays, for the error text quotes it.
"""

import functools
import hashlib
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from osim_nmscal.errors import ConfigError, did_you_mean
from osim_nmscal.workflow.cache import StageCache, file_digest, stage_key
from osim_nmscal.workflow.results import StageTime

# In the order in which they run; the names of --from, --only and metrics.json.
STAGES = (
    "scaling",
    "inverse_kinematics",
    "inverse_dynamics",
    "muscle_analysis",
    "emg",
    "trials",
    "calibration",
    "write_back",
    "evaluation",
    "verification",
)

# The package's folders and modules whose code decides what a stage writes: a changed line makes it run again.
_SIGNALS = ("data", "formats", "signals.py")
_CODE = {
    **dict.fromkeys(("scaling", "inverse_kinematics", "inverse_dynamics", "muscle_analysis"), (*_SIGNALS, "opensim_tools")),
    "emg": (*_SIGNALS, "emg"),
    "calibration": ("data", "nms", "calibration"),
    "write_back": ("data", "osim_model"),
    "verification": (*_SIGNALS, "opensim_tools", "workflow/verification.py"),
}


@dataclass(frozen=True, kw_only=True)
class Progress:
    """One thing that happened; what a progress callback gets."""

    stage: str
    state: Literal["started", "cached", "done", "iteration", "finding"]
    recording: str = ""
    seconds: float = 0.0
    text: str = ""  # the finding, or a summary


ProgressCallback = Callable[[Progress], None]


class OnlyStageDone(Exception):  # noqa: N818  # not an error: the run was asked to end here
    """The stage named by `only_stage` has finished."""


@dataclass(frozen=True, kw_only=True)
class StageOutcome:
    """What a stage returned, or what its record says it returned."""

    cached: bool
    summary: Mapping[str, Any]  # JSON


@dataclass
class StageRunner:
    """Runs the stages of one results folder."""

    folder: Path
    from_stage: str | None = None
    only_stage: str | None = None
    progress: ProgressCallback | None = None
    findings: list[str] = field(default_factory=list)
    _spent: dict[str, float] = field(default_factory=dict)
    _cached: dict[str, bool] = field(default_factory=dict)
    _worked: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        for option, name in (("--from", self.from_stage), ("--only", self.only_stage)):
            if name is not None and name not in STAGES:
                raise ConfigError(f"{option} names {name!r}, which is no stage.{did_you_mean(name, STAGES)} Stages: {', '.join(STAGES)}.")
        if self.from_stage and self.only_stage:
            raise ConfigError("--from and --only exclude each other; give one of them.")
        self.cache = StageCache(self.folder)

    def run(
        self,
        stage: str,
        recording: str,
        work: Callable[[], Mapping[str, Any]],
        *,
        settings: Mapping[str, Any],
        inputs: Iterable[Path],
        outputs: Iterable[Path],
        keep: Callable[[Mapping[str, Any]], bool] = lambda summary: True,
    ) -> StageOutcome:
        """Run one stage of one recording unless its results are up to date.

        Args:
            stage: one of STAGES.
            recording: its name, "" for a stage that has none.
            work: does it; returns a JSON summary, which later calls get back from the record.
            settings: everything but files that the result depends on.
            inputs: files and folders that it reads.
            outputs: files that it writes, inside the results folder.
            keep: tells from the summary whether the result may be reused (an interrupted calibration may not).

        Raises:
            ConfigError: `only_stage` names a later stage and this one is not up to date.
        """
        label = f"{stage}/{recording}" if recording else stage
        outputs = tuple(outputs)
        key = stage_key(label, settings, inputs, version=_code_version(stage))
        record = None if self._forced(stage) else self.cache.current(label, key)
        if record is not None:
            self._note(stage, recording, record.seconds, True, record.summary.get("findings", ()))
            return StageOutcome(cached=True, summary=record.summary)
        if self.only_stage is not None and stage != self.only_stage:
            raise ConfigError(
                f"--only {self.only_stage} needs the results of {label}, which are missing or out of date in {self.folder}; "
                "run without --only first."
            )
        self._tell(Progress(stage=stage, recording=recording, state="started"))
        began = time.perf_counter()
        summary = self._run_cleanly(label, work, outputs)
        seconds = time.perf_counter() - began
        if keep(summary):
            self.cache.store(label, key, outputs, seconds=seconds, summary=summary)
        self._note(stage, recording, seconds, False, summary["findings"])
        return StageOutcome(cached=False, summary=summary)

    def finish(self, stage: str) -> None:
        """End the run if this was the only stage asked for; call once all recordings have passed the stage."""
        if stage == self.only_stage:
            raise OnlyStageDone

    @contextmanager
    def timed(self, stage: str) -> Iterator[list[str]]:
        """Time a stage that is never cached, as it takes no time worth it; yields the list that takes its findings."""
        self._tell(Progress(stage=stage, state="started"))
        began = time.perf_counter()
        with warnings_collected() as findings:
            yield findings
        self._note(stage, "", time.perf_counter() - began, False, findings)

    @property
    def times(self) -> tuple[StageTime, ...]:
        """Seconds per stage, over its recordings, in order; a stage that was not run again shows what it took when it was."""
        return tuple(StageTime(name=name, seconds=self._spent[name], cached=self._cached[name]) for name in STAGES if name in self._spent)

    @property
    def has_worked(self) -> bool:
        """Whether any stage has been started anew, so that results behind it no longer belong to what is before them."""
        return self._worked

    def has_finished(self, stage: str) -> bool:
        """Whether a stage has run or was found up to date."""
        return stage in self._spent

    def _forced(self, stage: str) -> bool:
        if self.only_stage is not None:
            return stage == self.only_stage
        return self.from_stage is not None and STAGES.index(stage) >= STAGES.index(self.from_stage)

    def _run_cleanly(self, label: str, work: Callable[[], Mapping[str, Any]], outputs: tuple[Path, ...]) -> dict[str, Any]:
        self._worked = True
        self.cache.forget(label)
        _remove(outputs)
        try:
            with warnings_collected() as findings:
                summary = dict(work())
        except BaseException:
            _remove(outputs)
            raise
        said = [*summary.get("findings", ()), *findings]
        return summary | {"findings": list(dict.fromkeys(said))}

    def _note(self, stage: str, recording: str, seconds: float, cached: bool, findings: Iterable[str]) -> None:
        with self._lock:
            self._spent[stage] = self._spent.get(stage, 0.0) + seconds
            self._cached[stage] = self._cached.get(stage, True) and cached
            new = [finding for finding in findings if finding not in self.findings]
            self.findings += new
        self._tell(Progress(stage=stage, recording=recording, state="cached" if cached else "done", seconds=seconds))
        for finding in new:
            self._tell(Progress(stage=stage, recording=recording, state="finding", text=finding))

    def _tell(self, progress: Progress) -> None:
        if self.progress is not None:
            self.progress(progress)


@contextmanager
def warnings_collected() -> Iterator[list[str]]:
    """Collect the warnings that this thread logs inside the package: stations log their findings as full sentences."""
    found: list[str] = []
    own = threading.get_ident()

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            text = record.getMessage()
            if record.thread == own and text not in found:
                found.append(text)

    handler = Collector(level=logging.WARNING)
    logger = logging.getLogger("osim_nmscal")
    logger.addHandler(handler)
    try:
        yield found
    finally:
        logger.removeHandler(handler)


@functools.cache
def _code_version(stage: str) -> str:
    package = Path(__file__).parent.parent
    parts = [package / name for name in _CODE[stage]]
    files = [file for part in parts for file in (sorted(part.rglob("*.py")) if part.is_dir() else [part])]
    return hashlib.sha256("".join(file_digest(file) for file in files).encode()).hexdigest()


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
