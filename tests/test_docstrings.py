"""Every public name shows an example, and the examples are true."""

import doctest
import inspect
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import osim_nmscal

ROOT = Path(__file__).parent.parent
# Names whose example needs recordings or minutes; their docstrings say so.
NOT_RUN = {
    "personalize",
    "verify_results",
    "make_virtual_subject",
    "run_demo",
    "study_electrodes",
    "plan_recordings",
    "run_inverse_kinematics",
}


def _example(name: str, text: str, start: dict[str, Any]) -> doctest.DocTest:
    return doctest.DocTestParser().get_doctest(text, dict(start), name, name, 0)


def test_every_public_name_has_an_example() -> None:
    without = [name for name in osim_nmscal._HOMES if not _example(name, inspect.getdoc(getattr(osim_nmscal, name)) or "", {}).examples]
    assert without == []


def test_what_does_not_run_says_why_and_is_little() -> None:
    skipped = set()
    for name in osim_nmscal._HOMES:
        text = inspect.getdoc(getattr(osim_nmscal, name)) or ""
        if any(doctest.SKIP in one.options for one in _example(name, text, {}).examples):
            skipped.add(name)
            assert "not run here" in " ".join(text.split()), f"{name}: say why its example is skipped"
    assert skipped == NOT_RUN


@pytest.mark.opensim
def test_the_examples_are_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("models", "workflows"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    monkeypatch.chdir(tmp_path)
    told: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    scene = _example("osim_nmscal", osim_nmscal.__doc__ or "", {})
    runner.run(scene, out=told.append, clear_globs=False)
    for name in osim_nmscal._HOMES:
        runner.run(_example(name, inspect.getdoc(getattr(osim_nmscal, name)) or "", scene.globs), out=told.append)
    assert not runner.failures, "".join(told)
    assert runner.tries > 2 * len(osim_nmscal._HOMES)


def test_the_reference_builds_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("pdoc", reason="pdoc is not installed (extra `docs`)")
    command = [sys.executable, str(ROOT / "docs" / "reference.py"), str(tmp_path)]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    page = (tmp_path / "osim_nmscal.html").read_text(encoding="utf-8")
    assert [name for name in osim_nmscal._HOMES if f'id="{name}"' not in page] == []
    assert "(time, dof, muscle), m" in page  # what a comment says of a field
