"""Stages run when they must, leave nothing half-written, and their warnings reach the user."""

import logging
import threading
from pathlib import Path

import pytest

from osim_nmscal.errors import ConfigError, OpenSimToolError
from osim_nmscal.workflow.runner import OnlyStageDone, Progress, StageRunner, warnings_collected


class _Chain:
    """Two stages, each writing a file; counts how often they really ran."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ran: list[str] = []

    def run(self, **options: str) -> StageRunner:
        runner = StageRunner(folder=self.folder, **options)  # type: ignore[arg-type]
        previous: list[Path] = []
        for stage in ("scaling", "emg", "calibration"):
            out = self.folder / f"{stage}.txt"
            runner.run(stage, "", lambda stage=stage, out=out: self._work(stage, out), settings={}, inputs=previous, outputs=[out])  # type: ignore[misc]
            runner.finish(stage)
            previous = [out]
        return runner

    def _work(self, stage: str, out: Path) -> dict[str, str]:
        self.ran.append(stage)
        logging.getLogger("osim_nmscal.somewhere").warning("%s has a finding.", stage)
        out.write_text(stage)
        return {"stage": stage}


def test_an_unchanged_chain_is_not_run_again_and_still_says_its_findings(tmp_path: Path) -> None:
    chain = _Chain(tmp_path)
    chain.run()
    second = chain.run()
    assert chain.ran == ["scaling", "emg", "calibration"]
    assert second.findings == ["scaling has a finding.", "emg has a finding.", "calibration has a finding."]
    assert [time.cached for time in second.times] == [True, True, True]


def test_from_runs_that_stage_and_those_behind_it_again(tmp_path: Path) -> None:
    chain = _Chain(tmp_path)
    chain.run()
    chain.ran.clear()
    chain.run(from_stage="emg")
    assert chain.ran == ["emg", "calibration"]


def test_only_runs_that_stage_alone(tmp_path: Path) -> None:
    chain = _Chain(tmp_path)
    chain.run()
    chain.ran.clear()
    with pytest.raises(OnlyStageDone):
        chain.run(only_stage="emg")
    assert chain.ran == ["emg"]


def test_only_refuses_to_build_on_results_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--only emg needs the results of scaling, which are missing or out of date"):
        _Chain(tmp_path).run(only_stage="emg")


def test_an_unknown_stage_is_offered_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Did you mean 'calibration'"):
        StageRunner(folder=tmp_path, from_stage="calibrate")


@pytest.mark.parametrize("failure", [OpenSimToolError("IK failed."), KeyboardInterrupt()])
def test_a_stage_that_fails_leaves_neither_new_nor_old_results_but_its_log(tmp_path: Path, failure: BaseException) -> None:
    out, log = tmp_path / "ik.mot", tmp_path / "ik.log"
    out.write_text("of an earlier run")

    def work() -> dict[str, str]:
        log.write_text("why")
        out.write_text("half")
        raise failure

    runner = StageRunner(folder=tmp_path)
    with pytest.raises(type(failure)):
        runner.run("inverse_kinematics", "run", work, settings={}, inputs=[], outputs=[out])
    assert not out.exists()
    assert log.read_text() == "why"


def test_a_result_not_to_be_kept_is_made_again_next_time(tmp_path: Path) -> None:
    out = tmp_path / "parameters.csv"
    runs: list[int] = []

    def work() -> dict[str, str]:
        runs.append(1)
        out.write_text("best so far")
        return {"status": "interrupted"}

    for _ in range(2):
        runner = StageRunner(folder=tmp_path)
        runner.run("calibration", "", work, settings={}, inputs=[], outputs=[out], keep=lambda s: s["status"] != "interrupted")
        assert out.read_text() == "best so far"
    assert len(runs) == 2


def test_warnings_of_another_recording_at_work_are_not_mine() -> None:
    logger = logging.getLogger("osim_nmscal.somewhere")
    with warnings_collected() as mine:
        other = threading.Thread(target=lambda: logger.warning("theirs"))
        other.start()
        other.join()
        logger.warning("mine, %d", 1)
        logger.info("chatter")
    assert mine == ["mine, 1"]


def test_progress_says_start_end_and_findings(tmp_path: Path) -> None:
    seen: list[Progress] = []
    runner = StageRunner(folder=tmp_path, progress=seen.append)
    runner.run("emg", "run", lambda: {"findings": ["Normalized to the highest value."]}, settings={}, inputs=[], outputs=[])
    assert [(p.state, p.text) for p in seen] == [("started", ""), ("done", ""), ("finding", "Normalized to the highest value.")]
