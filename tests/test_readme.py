"""The README is true in a bare clone: every command and every code block in it runs, in the order in which a reader meets them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from osim_nmscal.config import load_config
from osim_nmscal.workflow.dynamometer_files import dynamometer_problems

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def _commands() -> list[str]:
    return [line.split("#")[0].strip() for block in _blocks("bash") for line in block.splitlines() if line.split("#")[0].strip()]


def _run(command: list[str], folder: Path) -> str:
    environment = {**os.environ, "COLUMNS": "200", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, f"{' '.join(command)} failed:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def test_the_recordings_of_a_dynamometer_are_ones_that_can_be_read(tmp_path: Path) -> None:
    angles, table = range(10, 100, 10), "knee_flexion_r,knee_flexion_r_moment\n"
    (tmp_path / "knee_relaxed.csv").write_text(table + "".join(f"{angle},{20 - angle / 2}\n" for angle in angles))
    (tmp_path / "knee_extension.csv").write_text(table + "".join(f"{angle},-150\n" for angle in angles))
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
    assert [one.kind for one in config.dynamometer] == ["passive", "effort"]
    assert [list(dynamometer_problems(config, one)) for one in config.dynamometer] == [[], []]


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
    lines = "\n".join(_blocks("powershell"))
    assert "constraints.txt" in lines
    assert 'osim-nmscal = "osim_nmscal.start:main"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_every_command_that_the_text_names_exists() -> None:
    help_text = _run([sys.executable, "-m", "osim_nmscal.cli", "--help"], ROOT)
    for name in set(re.findall(r"osim-nmscal ([a-z][a-z-]*)", README)):
        assert re.search(rf"\b{name}\b", help_text), f"the README names osim-nmscal {name}"


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
