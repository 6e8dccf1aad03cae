"""The README is true in a bare clone: every command and every code block in it runs, in the order in which a reader meets them."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from statistics import fmean

import pytest

from osim_nmscal.commands.exit_codes import exit_codes_text
from osim_nmscal.config import load_config
from osim_nmscal.workflow.dynamometer_files import dynamometer_problems

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
INSTALL = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
COMMAND_LINE = (ROOT / "docs" / "command_line.md").read_text(encoding="utf-8")


def _blocks(language: str, page: str = README) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page, flags=re.DOTALL)


def _commands() -> list[str]:
    return [line.split("#")[0].strip() for block in _blocks("bash") for line in block.splitlines() if line.split("#")[0].strip()]


def _run(command: list[str], folder: Path) -> str:
    environment = {**os.environ, "COLUMNS": "200", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, f"{' '.join(command)} failed:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def test_the_recording_of_a_dynamometer_is_one_that_can_be_read(tmp_path: Path) -> None:
    rows = "".join(f"{angle},-150\n" for angle in range(10, 100, 10))
    (tmp_path / "knee_extension.csv").write_text(f"knee_flexion_r,knee_flexion_r_moment\n{rows}")
    (block,) = _blocks("toml")
    walk = f"""
[subject]
mass = 70
[model]
file = "{(ROOT / "models" / "virtual_leg.osim").as_posix()}"
[muscle_analysis]
dofs = ["hip_flexion_r", "knee_flexion_r", "ankle_dorsiflexion_r"]
[[recordings]]
name = "walk"
joint_angles = "walk.mot"
joint_moments = "walk.sto"
{block}"""
    (tmp_path / "config.toml").write_text(walk, encoding="utf-8")
    config = load_config(tmp_path / "config.toml")
    (effort,) = config.dynamometer
    assert (effort.kind, list(dynamometer_problems(config, effort))) == ("effort", [])


@pytest.fixture(scope="module")
def after_the_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which a reader has run the first command; nothing else is there."""
    folder = tmp_path_factory.mktemp("readme")
    assert "Verdict:" in _run([sys.executable, "-m", "osim_nmscal.cli", "demo"], folder)
    return folder


def test_every_make_target_named_exists() -> None:
    targets = [command.split()[1] for command in _commands() if command.startswith("make ")]
    assert targets == ["demo", "test"]
    for target in targets:
        _run(["make", "--dry-run", target], ROOT)


def test_the_windows_lines_name_what_exists() -> None:
    lines = "\n".join(_blocks("powershell", INSTALL))
    assert "constraints.txt" in lines
    assert 'osim-nmscal = "osim_nmscal.start:main"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_every_command_that_the_text_names_exists() -> None:
    help_text = _run([sys.executable, "-m", "osim_nmscal.cli", "--help"], ROOT)
    for name in set(re.findall(r"osim-nmscal ([a-z][a-z-]*)", README + INSTALL + COMMAND_LINE)):
        assert re.search(rf"\b{name}\b", help_text), f"a page names osim-nmscal {name}"


def test_the_command_line_page_names_every_command_and_exit_code() -> None:
    commands = _run([sys.executable, "-m", "osim_nmscal.cli", "--help"], ROOT)
    names = re.findall(r"^[│|] ([a-z][a-z-]+) {2,}\S", commands, flags=re.MULTILINE)
    assert len(names) >= 11
    table = COMMAND_LINE.partition("## Exit codes")[0]
    assert [name for name in names if not re.search(rf"`{name}\b", table)] == []
    for code, meaning in re.findall(r"(\d+) ([^;]+)[;.]", exit_codes_text(of_results=True)):
        assert code in COMMAND_LINE.partition("## Exit codes")[2], f"{code} {meaning}"


def test_the_example_of_a_file_that_extends_another_is_valid(tmp_path: Path) -> None:
    (block,) = _blocks("toml", COMMAND_LINE)
    (tmp_path / "lab.toml").write_text("[model]\nfile = 'leg.osim'\n[muscle_analysis]\ndofs = ['knee']\n", encoding="utf-8")
    (tmp_path / "S01").mkdir()
    recording = "\n[[recordings]]\nname = 'walk'\njoint_angles = 'ik.mot'\nexternal_loads = 'none'\nemg = 'emg.sto'\n"
    (tmp_path / "S01" / "config.toml").write_text(block + recording, encoding="utf-8")
    changes = re.findall(r"--set ([a-z]\S+=\S+?)`?[ `]", COMMAND_LINE)
    assert len(changes) == 2
    assert load_config(tmp_path / "S01" / "config.toml", changes).model.file == tmp_path / "leg.osim"


def test_the_readme_is_short() -> None:
    assert len(README.split()) <= 784  # half of that of version 0.1.0, which had 1568 words


@pytest.mark.slow
@pytest.mark.opensim
def test_the_picture_is_made_by_the_command_below_it(after_the_demo: Path) -> None:
    (command,) = re.findall(r"Made by `python (\S+) (\S+) (\S+)`", README)
    script, results, picture = command
    _run([sys.executable, str(ROOT / script), results, picture], after_the_demo)
    assert (after_the_demo / picture).stat().st_size > 10_000


@pytest.mark.slow
@pytest.mark.opensim
def test_every_command_of_ours_runs(after_the_demo: Path) -> None:
    ours = [command.split() for command in _commands() if command.startswith("osim-nmscal")]
    assert len(ours) >= 5
    for _, *arguments in ours:
        assert _run([sys.executable, "-m", "osim_nmscal.cli", *arguments], after_the_demo)


@pytest.mark.slow
@pytest.mark.opensim
def test_every_python_block_runs(after_the_demo: Path) -> None:
    # One script, as a reader who types along has it; guarded, because OpenSim's tools run in processes of their own.
    script = "\n".join(_blocks("python"))
    body = "\n".join(f"    {line}" for line in script.splitlines())
    (after_the_demo / "readme.py").write_text(f"if __name__ == '__main__':\n{body}\n", encoding="utf-8")
    assert " +- " in _run([sys.executable, "readme.py"], after_the_demo)


@pytest.mark.slow
@pytest.mark.opensim
def test_the_demo_predicts_trials_it_has_not_seen_better_than_the_scaled_model_about_every_joint(after_the_demo: Path) -> None:
    (metrics,) = after_the_demo.glob("**/results/metrics.json")
    rows = [row for row in json.loads(metrics.read_text(encoding="utf-8"))["moments"] if row["set"] == "held_out"]
    for dof in {row["dof"] for row in rows}:
        of_dof = [row for row in rows if row["dof"] == dof]
        before, after = (fmean(row["nrmse"] for row in of_dof if row["model"] == model) for model in ("uncalibrated", "calibrated"))
        assert after < 0.8 * before, f"{dof}: {before:.3f} -> {after:.3f} of the range"
