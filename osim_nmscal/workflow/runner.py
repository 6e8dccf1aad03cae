"""Runs tasks: skips those that are up to date, times the others, keeps what they warn of, and what they wrote only if they end."""

import logging
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from osim_nmscal.data.findings import Finding, with_allowed
from osim_nmscal.errors import ConfigError, DataRefusedError, FileFormatError, NmscalError, did_you_mean
from osim_nmscal.worker.meanwhile import import_meanwhile
from osim_nmscal.worker.threads import in_threads
from osim_nmscal.workflow.folder import ResultsPlace
from osim_nmscal.workflow.interruption import what_is_kept
from osim_nmscal.workflow.progress import Progress, ProgressCallback, listening
from osim_nmscal.workflow.results import StageTime
from osim_nmscal.workflow.stages import STAGES, preparing
from osim_nmscal.workflow.task import Inputs, Task, task_key


class OnlyStageDone(Exception):  # noqa: N818  # not an error: the run was asked to end here
    """The stage named by `only_stage` has finished."""


@dataclass(frozen=True, kw_only=True)
class StageOutcome:
    """What a task returned, or what its record says it returned."""

    cached: bool
    summary: Mapping[str, Any]  # JSON


def require_stages(from_stage: str | None, only_stage: str | None) -> None:
    """Refuse names that are no stages.

    Raises:
        ConfigError: offers the nearest stage.
    """
    for option, name in (("--from", from_stage), ("--only", only_stage)):
        if name is not None and name not in STAGES:
            raise ConfigError(f"{option} names {name!r}, which is no stage.{did_you_mean(name, STAGES)} Stages: {', '.join(STAGES)}.")
    if from_stage and only_stage:
        raise ConfigError("--from and --only exclude each other; give one of them.")


@dataclass
class StageRunner:
    """Runs the tasks of one results folder."""

    place: ResultsPlace
    from_stage: str | None = None
    only_stage: str | None = None
    progress: ProgressCallback | None = None
    allowed: tuple[str, ...] = ()  # kinds of findings that do not stop the run
    loads: tuple[str, ...] = ()  # modules that the calibration will need
    findings: list[str] = field(default_factory=list)
    judged: list[Finding] = field(default_factory=list)
    _spent: dict[str, float] = field(default_factory=dict)
    _cached: dict[str, bool] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        require_stages(self.from_stage, self.only_stage)

    def run(self, task: Task[Any], *, jobs: int = 1) -> StageOutcome:
        """Run one task unless its results are up to date.

        Args:
            task: what to do.
            jobs: things that its work may do at the same time.

        Raises:
            ConfigError: `only_stage` names a later stage and this one is not up to date.
            NmscalError: the work failed; a sentence.
        """
        label, key = task.label, task_key(task)
        record = None if self._forced(task.stage) else self.place.current(label, key)
        if record is not None:
            self._note(task, record.seconds, True, record.summary.get("findings", ()))
            return StageOutcome(cached=True, summary=record.summary)
        if self.only_stage is not None and task.stage != self.only_stage:
            raise ConfigError(
                f"--only {self.only_stage} needs the results of {label}, which are missing or out of date in {self.place.root}; "
                f"run with --only {task.stage} first, or without --only."
            )
        self._tell(Progress(stage=task.stage, recording=task.recording, state="started"))
        if self.only_stage is None and task.stage in {stage.name for stage in preparing()}:
            import_meanwhile(*self.loads)  # what goes into the calibration changes, so that there will be one
        began = time.perf_counter()
        with _faults_of(label, self.place), self.place.part(label) as part:
            summary = self._work(task, part, jobs)
            if task_key(task) != key:
                raise FileFormatError(f"A file that {label} reads was changed while it worked; run the same command again.")
            seconds = time.perf_counter() - began
            kept = key if summary.pop("reusable", True) else ""
            self.place.keep(label, kept, part, seconds=seconds, summary=summary)
        self._note(task, seconds, False, summary["findings"])
        return StageOutcome(cached=False, summary=summary)

    def run_each(self, tasks: Sequence[Task[Any]], jobs: int) -> None:
        """Run the tasks of several recordings, as many at the same time; each only waits for an OpenSim process of its own."""
        in_threads(self.run, tasks, jobs)

    def judge(self, stage: str, findings: Iterable[Finding]) -> None:
        """Take in what the doctor says of a stage.

        Raises:
            DataRefusedError: a finding stops the run and is not allowed; what the stage made stays in unfinished/.
        """
        new = [finding for finding in with_allowed(findings, self.allowed) if finding not in self.judged]
        self.judged += new
        for finding in new:
            self._tell(Progress(stage=stage, state="finding", text=finding.text))
        refuse_stops(finding for finding in new if finding.kind != "verification")

    def finish(self, stage: str) -> None:
        """End the run if this was the only stage asked for."""
        if stage == self.only_stage:
            raise OnlyStageDone

    @contextmanager
    def timed(self, stage: str) -> Iterator[list[str]]:
        """Time a stage that is never cached, as it takes no time worth it; yields the list that takes its findings."""
        self._tell(Progress(stage=stage, state="started"))
        began = time.perf_counter()
        with warnings_collected() as findings:
            yield findings
        self._record(stage, "", time.perf_counter() - began, False, findings)

    @property
    def times(self) -> tuple[StageTime, ...]:
        """Seconds per stage, over its recordings, in order; a stage that was not run again shows what it took when it was."""
        return tuple(StageTime(name=name, seconds=self._spent[name], cached=self._cached[name]) for name in STAGES if name in self._spent)

    @property
    def sentences(self) -> tuple[str, ...]:
        """Everything a user must know: the doctor's findings and what the stages said."""
        return tuple(dict.fromkeys([*(finding.text for finding in self.judged), *self.findings]))

    def _forced(self, stage: str) -> bool:
        if self.only_stage is not None:
            return stage == self.only_stage
        return self.from_stage is not None and STAGES.index(stage) >= STAGES.index(self.from_stage)

    def _work(self, task: Task[Any], part: Path, jobs: int) -> dict[str, Any]:
        """Do the work and return its summary, with paths as they will be when the results are published."""

        def hear(text: str, seconds: float) -> None:
            self._tell(Progress(stage=task.stage, recording=task.recording, state="iteration", seconds=seconds, text=text))

        try:
            with warnings_collected() as findings, listening(hear, jobs):
                summary = dict(task.work(Inputs(task.inputs), task.settings, part))
        except BaseException as error:
            self.place.keep_logs(part)
            if isinstance(error, NmscalError):
                error.args = tuple(self.place.as_unfinished(str(text), part) for text in error.args)
            raise
        said = [self.place.as_published(text, part) for text in (*summary.get("findings", ()), *findings)]
        if "failure" in summary:
            summary["failure"] = self.place.as_published(summary["failure"], part)
        return summary | {"findings": list(dict.fromkeys(said))}

    def _note(self, task: Task[Any], seconds: float, cached: bool, findings: Iterable[str]) -> None:
        self._record(task.stage, task.recording, seconds, cached, findings)

    def _record(self, stage: str, recording: str, seconds: float, cached: bool, findings: Iterable[str]) -> None:
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


def refuse_stops(findings: Iterable[Finding]) -> None:
    """Refuse data of which a finding is a stop.

    Raises:
        DataRefusedError: a sentence for each, and how to let it pass.
    """
    stops = [finding for finding in findings if finding.severity == "stop"]
    if stops:
        kinds = ", ".join(f'"{kind}"' for kind in dict.fromkeys(finding.kind for finding in stops))
        texts = "\n".join(finding.text for finding in stops)
        raise DataRefusedError(f"{texts}\nIf you know of it and go on all the same: [checks] allow = [{kinds}].")


@contextmanager
def _faults_of(label: str, place: ResultsPlace) -> Iterator[None]:
    """Turn what the file system refuses into a sentence."""
    try:
        yield
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        raise FileFormatError(
            f"{label} stopped, as a file could not be read or written:{where} ({error.strerror or error}); free some space or allow it, "
            f"then run the same command again. {what_is_kept(place.root)}"
        ) from error


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
