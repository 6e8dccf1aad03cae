"""What a command says while it works: one display with the time left, plain lines in a pipe, little when asked, everything in a log."""

import io
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from osim_nmscal.cli import app
from osim_nmscal.commands import printing_progress
from osim_nmscal.commands.following import following, keep_verdict
from osim_nmscal.commands.printing import pasteable
from osim_nmscal.commands.printing_progress import Pace, counts_of_run, duration
from osim_nmscal.data.findings import Verdict
from osim_nmscal.errors import ConfigError, OpenSimToolError
from osim_nmscal.workflow.progress import Progress
from osim_nmscal.workflow.stages import STAGES


def _console(monkeypatch: pytest.MonkeyPatch, *, terminal: bool) -> io.StringIO:
    said = io.StringIO()
    monkeypatch.setattr(printing_progress, "ERR", Console(file=said, force_terminal=terminal, width=120, highlight=False))
    return said


def _finished(stage: str, recording: str = "", seconds: float = 1.0) -> Progress:
    return Progress(stage=stage, recording=recording, state="done", seconds=seconds)


def test_the_time_left_follows_the_pace_of_this_run() -> None:
    pace = Pace(counts_of_run(2))
    typical = pace.seconds_left
    assert typical == pytest.approx(pace.weight)
    pace.hear(_finished("scaling", seconds=3.0))  # three times as slow as typical
    assert pace.seconds_left == pytest.approx(3.0 * (typical - 1.0))


def test_what_has_not_changed_costs_no_time_and_says_nothing_of_the_pace() -> None:
    pace = Pace(counts_of_run(2))
    before = pace.weight_left
    pace.hear(Progress(stage="scaling", state="cached", seconds=100.0))
    assert pace.seconds_left == pytest.approx(before - 1.0)


def test_a_stage_counts_when_all_its_recordings_have_passed_and_skipped_ones_count_with_the_next() -> None:
    pace = Pace(counts_of_run(2))
    pace.hear(_finished("scaling"))
    pace.hear(_finished("inverse_dynamics", "a"))  # from joint angles: no inverse kinematics
    assert pace.finished == 1
    pace.hear(_finished("inverse_dynamics", "b"))
    assert pace.finished == 4  # initialization was skipped as well
    for stage in STAGES[3:]:
        for name in "ab":
            pace.hear(_finished(stage, name))
    assert (pace.finished, pace.seconds_left) == (len(STAGES), 0.0)


def test_a_stage_that_tells_its_share_moves_the_bar() -> None:
    pace = Pace({"electrode_study": 1})
    pace.hear(Progress(stage="electrode_study", state="iteration", seconds=60.0, done=0.25))
    assert pace.seconds_left == pytest.approx(180.0)


def test_a_terminal_shows_stages_and_time_left_and_a_pipe_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = {}
    for terminal in (True, False):
        said = _console(monkeypatch, terminal=terminal)
        with following(counts_of_run(1), quiet=False, verbose=False, log_file=None) as progress:
            progress(Progress(stage="scaling", state="started"))
            progress(_finished("scaling"))
            progress(Progress(stage="inverse_kinematics", recording="walk", state="started"))
        shown[terminal] = said.getvalue()
    assert f"1 of {len(STAGES)} stages" in shown[True]
    assert "about" in shown[True]
    assert "inverse_kinematics walk" in shown[True]
    assert shown[False] == f"{'scaling':<35}1.0 s\n"


def test_a_long_stage_is_heard_of_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    said = _console(monkeypatch, terminal=False)
    clock = iter(range(0, 1000, 20))
    monkeypatch.setattr(printing_progress.time, "monotonic", lambda: float(next(clock)))
    with following({"electrode_study": 1}, quiet=False, verbose=False, log_file=None) as progress:
        for i in range(9):
            progress(Progress(stage="electrode_study", state="iteration", text=f"{i} of 9 calibrations"))
    assert 2 <= len(said.getvalue().splitlines()) <= 8


def test_quiet_says_nothing_verbose_more_and_the_log_everything(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    events = (
        Progress(stage="calibration", state="started"),
        Progress(stage="calibration", state="iteration", text="iteration 1"),
        Progress(stage="calibration", state="finding", text="A finding."),
        _finished("calibration"),
    )
    lines = {}
    for quiet, verbose in ((True, False), (False, False), (False, True)):
        said, log = _console(monkeypatch, terminal=False), tmp_path / f"{quiet}{verbose}.log"
        with following({"calibration": 1}, quiet=quiet, verbose=verbose, log_file=log) as progress:
            for event in events:
                progress(event)
            keep_verdict(Verdict(level="fit for use", sentence="Fit for use."))
        lines[quiet, verbose] = len(said.getvalue().splitlines())
        kept = log.read_text(encoding="utf-8")
        assert all(
            word in kept for word in ("osim_nmscal 0", "started", "iteration 1", "A finding.", "done", "verdict: Fit for use.", "ended")
        )
    assert list(lines.values()) == [0, 1, 4]


def test_a_log_says_how_a_run_ended_and_a_second_run_is_added(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _console(monkeypatch, terminal=False)
    log = tmp_path / "run.log"
    for _ in range(2):
        with pytest.raises(OpenSimToolError), following({}, quiet=True, verbose=False, log_file=log):
            raise OpenSimToolError("IK failed.")
    assert log.read_text(encoding="utf-8").count("ended by OpenSimToolError: IK failed.") == 2


def test_a_log_that_cannot_be_written_and_two_options_at_odds_are_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigError, match=r"cannot be written .*--log-file"),
        following({}, quiet=False, verbose=False, log_file=tmp_path / "no" / "x.log"),
    ):
        pass
    with pytest.raises(ConfigError, match="exclude each other"), following({}, quiet=True, verbose=True, log_file=None):
        pass


@pytest.mark.parametrize(
    ("path", "written"),
    [("results/x-1.toml", "results/x-1.toml"), ("My Lab/c.toml", '"My Lab/c.toml"'), ("$HOME/c", "'$HOME/c'"), ("a'b", '"a\'b"')],
)
def test_a_printed_path_can_be_pasted(path: str, written: str) -> None:
    assert pasteable(path) == written


def test_seconds_in_words() -> None:
    assert [duration(seconds) for seconds in (3.4, 185, 7800)] == ["3 s", "3 min 05 s", "2 h 10 min"]


def test_help_says_the_exit_codes_of_a_run() -> None:
    text = " ".join(CliRunner().invoke(app, ["run", "--help"]).output.split())
    assert all(
        word in text for word in ("0 done", "2 something to mend", '3 the verdict is "do not use"', "4 with --strict", "130 interrupted")
    )


def test_a_shell_completes_commands_stages_keys_and_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    def completed(words: str) -> list[str]:
        environment = {"_OSIM_NMSCAL_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
        return CliRunner().invoke(app, [], env=environment, prog_name="osim-nmscal").output.split()

    assert completed("osim-nmscal ver") == ["verify"]
    assert completed("osim-nmscal run --from inverse_k") == ["inverse_kinematics"]
    assert completed("osim-nmscal run --set emg.envelope.lowpass_c") == ["emg.envelope.lowpass_cutoff="]
    assert completed("osim-nmscal settings trials.s") == ["trials.segmentation"]
    assert completed("osim-nmscal example tr") == ["treadmill"]
