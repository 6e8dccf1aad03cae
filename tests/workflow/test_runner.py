"""Tasks run when they must, leave nothing half-written, and their warnings reach the user."""

import logging
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

from osim_nmscal.errors import ConfigError, FileFormatError, OpenSimToolError
from osim_nmscal.workflow.folder import ResultsPlace, new_record
from osim_nmscal.workflow.progress import Progress, say
from osim_nmscal.workflow.runner import OnlyStageDone, StageRunner, warnings_collected
from osim_nmscal.workflow.task import Inputs, Summary, Task

STAGES = ("scaling", "emg", "calibration")
RAN: list[str] = []


@dataclass(frozen=True)
class _Settings:
    stage: str
    fault: str = ""


def _work(inputs: Inputs, settings: _Settings, out: Path) -> Summary:
    RAN.append(settings.stage)
    logging.getLogger("osim_nmscal.somewhere").warning("%s has a finding in %s.", settings.stage, out / "x.sto")
    (out / f"{settings.stage}.txt").write_text(settings.stage)
    (out / f"{settings.stage}.log").write_text("why")
    say("half way", 1.0)
    match settings.fault:
        case "opensim":
            raise OpenSimToolError(f"IK failed; see {out / 'scaling.log'}.")
        case "interrupt":
            raise KeyboardInterrupt
        case "disk":
            raise OSError(28, "No space left on device", str(out / "x.sto"))
        case "input":
            inputs.file("input").write_text("changed meanwhile")
        case "stopped":
            return {"reusable": False}
    return {"stage": settings.stage}


def _task(stage: str, inputs: dict[str, Path | tuple[Path, ...]], fault: str = "") -> Task[_Settings]:
    return Task(stage=stage, settings=_Settings(stage, fault), inputs=inputs, outputs=(f"{stage}.txt",), work=_work)


def _runner(root: Path, **options: str) -> StageRunner:
    root.mkdir(exist_ok=True)
    return StageRunner(place=ResultsPlace(root), **options)  # type: ignore[arg-type]


def _chain(root: Path, **options: str) -> StageRunner:
    RAN.clear()
    runner = _runner(root, **options)
    inputs: dict[str, Path | tuple[Path, ...]] = {}
    for stage in STAGES:
        runner.run(_task(stage, inputs))
        runner.finish(stage)
        inputs = {"before": runner.place.path(f"{stage}.txt")}
    return runner


def _publish(runner: StageRunner) -> None:
    runner.place.publish(new_record("complete", "Done.", configuration={}, source=Path("c.toml"), inputs={}, versions={}))


@pytest.mark.parametrize("published", [True, False])
def test_an_unchanged_chain_is_not_run_again_and_still_says_its_findings(tmp_path: Path, published: bool) -> None:
    first = _chain(tmp_path)
    assert list(STAGES) == RAN
    if published:
        _publish(first)
    second = _chain(tmp_path)
    assert RAN == []
    # in paths that hold once the results are published
    assert second.findings == [f"{stage} has a finding in {tmp_path / 'x.sto'}." for stage in STAGES]
    assert [time.cached for time in second.times] == [True, True, True]


def test_from_runs_that_stage_and_those_behind_it_again(tmp_path: Path) -> None:
    _publish(_chain(tmp_path))
    _chain(tmp_path, from_stage="emg")
    assert RAN == ["emg", "calibration"]


def test_only_runs_that_stage_alone(tmp_path: Path) -> None:
    _publish(_chain(tmp_path))
    with pytest.raises(OnlyStageDone):
        _chain(tmp_path, only_stage="emg")
    assert RAN == ["emg"]


def test_only_refuses_to_build_on_results_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--only emg needs the results of scaling, which are missing or out of date"):
        _chain(tmp_path, only_stage="emg")


def test_an_unknown_stage_is_offered_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Did you mean 'calibration'"):
        _runner(tmp_path, from_stage="calibrate")


@pytest.mark.parametrize(
    ("fault", "error", "sentence"),
    [
        ("opensim", OpenSimToolError, r"IK failed; see .*unfinished/scaling\.log"),
        ("interrupt", KeyboardInterrupt, "^$"),
        ("disk", FileFormatError, r"scaling stopped.*x\.sto \(No space left on device\); free some space"),
    ],
)
def test_a_stage_that_fails_leaves_the_old_results_and_its_log(
    tmp_path: Path, fault: str, error: type[BaseException], sentence: str
) -> None:
    _publish(_chain(tmp_path))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(error, match=sentence):
        _runner(tmp_path).run(_task("scaling", {}, fault))
    assert {path: path.read_bytes() for path in before} == before
    assert (tmp_path / "unfinished" / "scaling.log").read_text() == "why"
    assert not list((tmp_path / "unfinished").glob(".part-*"))
    assert not (tmp_path / "unfinished" / "scaling.txt").exists()


def test_a_result_not_to_be_reused_is_made_again_next_time(tmp_path: Path) -> None:
    RAN.clear()
    for _ in range(2):
        runner = _runner(tmp_path)
        runner.run(_task("calibration", {}, "stopped"))
        assert runner.place.path("calibration.txt").read_text() == "calibration"
    assert len(RAN) == 2


def test_an_input_that_changes_while_a_stage_reads_it_makes_no_result(tmp_path: Path) -> None:
    path = tmp_path / "emg.sto"
    path.write_text("as it was")
    with pytest.raises(FileFormatError, match="A file that emg reads was changed while it worked"):
        _runner(tmp_path / "results").run(_task("emg", {"input": path}, "input"))
    assert not (tmp_path / "results" / "unfinished" / "emg.txt").exists()


def test_warnings_of_another_recording_at_work_are_not_mine() -> None:
    logger = logging.getLogger("osim_nmscal.somewhere")
    with warnings_collected() as mine:
        other = threading.Thread(target=lambda: logger.warning("theirs"))
        other.start()
        other.join()
        logger.warning("mine, %d", 1)
        logger.info("chatter")
    assert mine == ["mine, 1"]


def test_progress_says_start_where_it_is_end_and_findings(tmp_path: Path) -> None:
    seen: list[Progress] = []
    _runner(tmp_path, progress=seen.append).run(_task("emg", {}))  # type: ignore[arg-type]
    texts = [(p.state, p.text) for p in seen]
    assert texts == [("started", ""), ("iteration", "half way"), ("done", ""), ("finding", f"emg has a finding in {tmp_path / 'x.sto'}.")]


def test_several_recordings_at_the_same_time_give_what_one_after_the_other_gives(tmp_path: Path) -> None:
    tasks = [
        Task(stage="emg", recording=name, settings=_Settings(name), inputs={}, outputs=(f"{name}.txt",), work=_work) for name in "abcd"
    ]
    for jobs in (1, 3):
        runner = _runner(tmp_path / f"jobs{jobs}")
        runner.run_each(tasks, jobs)
        assert [runner.place.path(f"{name}.txt").read_text() for name in "abcd"] == list("abcd")
