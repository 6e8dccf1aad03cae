"""Every bad input that people really have, through the command line: one sentence, the documented exit code, nothing finished-looking."""

import os
import sys
from pathlib import Path

import pytest
from bad_input_cases import CASES, Case

from osim_nmscal import cli
from osim_nmscal.surroundings import let_streams_spell_out
from osim_nmscal.workflow.stages import STAGES

# What makes a folder look finished; a case that has put one there itself wants it unread, not gone.
FINAL = ("personalized.osim", "personalized.json", "metrics.json", "verification.json")


def _ended(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["osim-nmscal", *arguments])
    monkeypatch.setenv("COLUMNS", "400")
    let_streams_spell_out()  # as `surroundings.prepare` does for a real process
    with pytest.raises(SystemExit) as ended:
        cli.main()
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out, captured.err


def _problems(said: str) -> list[str]:
    """Return the lines that are neither indented (an OpenSim log that a sentence quotes), nor usage, nor findings about sound data."""
    return [line for line in said.splitlines() if line.strip() and not line.startswith(("  ", "Usage:", "Try ", "Note: ", "Doubt: "))]


def test_the_undamaged_workflow_is_sound(workflow: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, said = _ended(capsys, monkeypatch, "check", "config.toml")
    assert (code, _problems(said)) == (0, [])
    assert "config.toml is ready" in out


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{case.group}: {case.name}", marks=case.marks()) for case in CASES])
def test_bad_input_is_answered_in_a_sentence(
    case: Case, workflow: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    case.damage(workflow)
    code, _, said = _ended(capsys, monkeypatch, *case.arguments)
    told = _problems(said)
    worked = [line for line in told if line.split()[0] in STAGES]
    assert code == case.code, said
    assert case.says in " ".join(said.split()), said
    assert "Traceback" not in said
    assert worked == [], "found after OpenSim has worked for it, and not before"
    assert len(told) <= case.lines, said
    assert [path.name for path in workflow.rglob("*") if path.name in FINAL and path.is_file()] == []


@pytest.mark.parametrize("name", ["läuf ö", "走る", "a b&c;d'e", "[red] [", "-x", "a\nb"] if os.name != "nt" else ["läuf ö", "a b&c"])
def test_a_workflow_in_a_folder_of_any_name_is_sound(
    name: str, workflow: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = workflow.rename(workflow.with_name(name))
    code, out, said = _ended(capsys, monkeypatch, "check", f"../{name}/config.toml", "--out", f"../{name} results")
    assert (code, _problems(said)) == (0, [])
    assert " is ready" in out
    assert moved.is_dir()
    code, _, said = _ended(capsys, monkeypatch, "check", f"../{name}/nowhere.toml")
    assert code == 2
    assert "cannot be read" in said


@pytest.mark.opensim
def test_opensim_works_in_a_folder_of_any_name(workflow: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    moved = workflow.rename(workflow.with_name("läuf 走 [1] a&b"))
    code, out, said = _ended(
        capsys, monkeypatch, "run", str(moved / "config.toml"), "--only", "scaling", "--out", str(moved / "ergebnis ö")
    )
    assert code == 0, said
    assert "ergebnis ö" in out
    assert (moved / "ergebnis ö" / "model_scaled.osim").is_file()


def test_there_are_as_many_cases_as_promised() -> None:
    assert len(CASES) >= 80
    assert len({(case.group, case.name) for case in CASES}) == len(CASES)
