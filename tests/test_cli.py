"""The command line: sentences instead of tracebacks, exit codes, and settings that can be pasted into a config.toml."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from osim_nmscal import cli
from osim_nmscal.config import WorkflowConfig
from osim_nmscal.errors import OpenSimToolError
from osim_nmscal.workflow import personalize as personalize_module
from osim_nmscal.workflow.personalize import PersonalizedResult
from osim_nmscal.workflow.results import StageTime
from osim_nmscal.workflow.runner import Progress

WORKFLOWS = Path(__file__).parent.parent / "workflows"


def _command(*arguments: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["osim-nmscal", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out, captured.err


def test_a_wrong_configuration_ends_with_its_sentences_and_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.toml").write_text("[subject]\nmas = 70\n")
    for command in ("check", "run"):
        code, _, said = _command(command, str(tmp_path / "config.toml"), capsys=capsys, monkeypatch=monkeypatch)
        assert code == 2
        assert "key 'subject.mas' is not known. Did you mean 'mass'?" in said
        assert "Traceback" not in said


def test_a_configuration_that_is_not_there_ends_with_a_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, said = _command("run", "nowhere/config.toml", capsys=capsys, monkeypatch=monkeypatch)
    assert code == 2
    assert said.splitlines() == ["The configuration nowhere/config.toml cannot be read (No such file or directory); check the path."]


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (OpenSimToolError("IK failed.\n  | [error] from OpenSim's log"), 1, "[error] from OpenSim's log"),
        (KeyboardInterrupt(), 130, "No stage had finished"),
    ],
)
def test_what_goes_wrong_in_a_run_is_a_sentence_and_a_code(
    error: BaseException, code: int, sentence: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(personalize_module, "personalize", fail)
    ended, _, said = _command("run", str(WORKFLOWS / "treadmill" / "config.toml"), capsys=capsys, monkeypatch=monkeypatch)
    assert ended == code
    assert sentence in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            PermissionError(13, "Permission denied", "results/.x", None, "results/metrics.json"),
            "results/metrics.json cannot be read or written: Permission denied; check the path, its permissions and that no other program "
            "has it open.",
        ),
        (OSError(28, "No space left on device"), "The operating system refused to read or write: No space left on device; free the disk"),
    ],
    ids=["open in Excel", "disk full"],
)
def test_what_the_system_refuses_is_a_sentence_whoever_asked(
    error: OSError, sentence: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(personalize_module, "personalize", fail)
    ended, _, said = _command("run", str(WORKFLOWS / "treadmill" / "config.toml"), capsys=capsys, monkeypatch=monkeypatch)
    assert ended == 2
    assert said.startswith(sentence)
    assert len(said.splitlines()) == 1


def test_the_options_reach_the_workflow_and_its_progress_the_user(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, object] = {}

    def fake(config: object, out: Path, **options: object) -> PersonalizedResult:
        progress = options.pop("progress")
        seen.update(options, out=out)
        progress(Progress(stage="muscle_analysis", recording="walk36", state="started"))  # type: ignore[operator]
        progress(Progress(stage="muscle_analysis", recording="walk36", state="done", seconds=1.25))  # type: ignore[operator]
        progress(Progress(stage="emg", state="cached", seconds=3.0))  # type: ignore[operator]
        times = (StageTime(name="muscle_analysis", seconds=1.25, cached=False),)
        return PersonalizedResult(folder=out, stages=times, findings=("A plate [3] drifts.",))

    monkeypatch.setattr(personalize_module, "personalize", fake)
    config = str(WORKFLOWS / "treadmill" / "config.toml")
    arguments = ("run", config, "--out", str(tmp_path), "--jobs", "2", "--from", "emg")
    code, _, said = _command(*arguments, capsys=capsys, monkeypatch=monkeypatch)
    assert code == 0
    assert seen == {"out": tmp_path, "jobs": 2, "from_stage": "emg", "only_stage": None}
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert lines == ["muscle_analysis walk36 1.2 s", "emg unchanged", "Note: A plate [3] drifts."]


def test_what_is_set_reaches_the_workflow_and_quiet_leaves_where_the_results_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[WorkflowConfig] = []

    def fake(config: WorkflowConfig, out: Path, **options: object) -> PersonalizedResult:
        seen.append(config)
        options["progress"](Progress(stage="emg", state="done", seconds=3.0))  # type: ignore[operator]
        return PersonalizedResult(folder=out, stages=(), findings=("A plate drifts.",))

    monkeypatch.setattr(personalize_module, "personalize", fake)
    config, out = str(WORKFLOWS / "treadmill" / "config.toml"), str(tmp_path / "my results")
    options = ("--set", "subject.mass=60", "--set", "recordings[2].role=held_out", "--quiet", "--log-file", str(tmp_path / "log"))
    code, printed, said = _command("run", config, "--out", out, *options, capsys=capsys, monkeypatch=monkeypatch)
    assert (code, said) == (0, "")
    assert printed == f'Done. The results are in "{out}"\n'
    assert seen[0].subject.mass == 60.0
    assert [recording.role for recording in seen[0].recordings] == ["any", "held_out"]
    assert "emg done 3.00 s" in (tmp_path / "log").read_text(encoding="utf-8")


def test_settings_are_printed_as_toml_that_parses() -> None:
    result = CliRunner().invoke(cli.app, ["settings"])
    assert result.exit_code == 0
    lines = [line for line in result.output.splitlines() if " = ...  #" not in line]  # required or not set: no value to parse
    # every record of [[recordings]] here is empty, and its segmentation has a table of its own
    parsed = tomllib.loads("\n".join(lines))
    assert parsed["emg"]["envelope"]["lowpass_cutoff"] == 5.0
    assert parsed["calibration"]["parameters"]["tendon_slack_length"]["bounds"] == "relative"
    assert "lowpass_cutoff = 5.0  # Hz. Cut-off of the linear envelope. Source: Hambly 2025, III-A." in result.output


def test_settings_of_one_table_only() -> None:
    output = CliRunner().invoke(cli.app, ["settings", "trials.roles"]).output
    assert output.startswith("[trials.roles]")
    assert "bandpass" not in output


def test_an_unknown_table_is_offered_the_nearest(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    code, _, said = _command("settings", "emg.envelop_", capsys=capsys, monkeypatch=monkeypatch)
    assert code == 2
    assert "Did you mean 'emg.envelope'?" in said


def test_check_ends_in_a_summary_and_the_next_command(
    treadmill_data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = str(WORKFLOWS / "treadmill" / "config.toml")
    code, out, _ = _command("check", config, capsys=capsys, monkeypatch=monkeypatch)
    assert code == 0
    assert out.splitlines()[-1] == f"{config} is ready: osim-nmscal run {config}"
    assert "12 muscles" in " ".join(out.split())


def test_printing_settings_needs_neither_opensim_nor_torch() -> None:
    code = "import sys; from osim_nmscal import cli; print([m for m in ('opensim', 'torch') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_demo_refuses_a_folder_with_other_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    code, _, said = _command("demo", str(tmp_path), capsys=capsys, monkeypatch=monkeypatch)
    assert code == 2
    assert "give the demo a folder of its own" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("seed", ["-1", "one"])
def test_the_demo_refuses_a_seed_that_is_no_whole_number(
    seed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, said = _command("demo", "--seed", seed, str(tmp_path / "demo"), capsys=capsys, monkeypatch=monkeypatch)
    assert code == 2
    assert "--seed" in said
    assert not (tmp_path / "demo").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--channels", "soleus_r,tib_ant"), "Did you mean 'tib_ant_r'?"),
        (("--fewest", "9"), "needs 1 <= fewest < channels, but fewest = 9"),
    ],
)
def test_an_electrode_study_that_cannot_be_says_so_before_any_stage_runs(
    options: tuple[str, str],
    sentence: str,
    treadmill_data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = str(WORKFLOWS / "treadmill" / "config.toml")
    code, _, said = _command("electrode-study", config, "--out", str(tmp_path), *options, capsys=capsys, monkeypatch=monkeypatch)
    assert code == 2
    assert sentence in " ".join(said.split())
    assert not list(tmp_path.rglob("*.sto"))
