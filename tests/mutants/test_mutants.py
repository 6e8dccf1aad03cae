"""Does the suite notice? One small mistake at a time is put into a copy of the package; the tests named beside it must fail.

Run: pytest -m harness tests/mutants (about ten minutes on two cores), or one: add -k MUTANT_NAME. The mutation score is
the share that passes; a mutant that survives is a failure with its diff. That each mutant still fits the code is a quick test of its own.
"""

import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Mutant:
    """One mistake."""

    name: str
    file: str  # relative to the project
    before: str  # occurs once
    after: str
    tests: str  # paths for pytest, those that are quick


MUTANTS = [Mutant(**one) for one in tomllib.loads((Path(__file__).parent / "mutants.toml").read_text(encoding="utf-8"))["mutant"]]
# Seconds that the tests of one mutant may take; a mutant that makes them hang is noticed, too.
PATIENCE = 900
_COPIED = ("osim_nmscal", "tests", "models", "workflows", "pyproject.toml", "README.md", "docs", "constraints.txt", "Makefile")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_fits_the_code_in_one_place(mutant: Mutant) -> None:
    text = (ROOT / mutant.file).read_text(encoding="utf-8")
    assert text.count(mutant.before) == 1, (
        f"{mutant.file} holds {mutant.before!r} {text.count(mutant.before)} times; mend the list of mutants"
    )
    assert mutant.before != mutant.after
    for path in mutant.tests.split():
        assert (ROOT / path.split("::")[0]).exists(), f"{path} does not exist"


def test_names_of_mutants_are_their_own() -> None:
    names = [mutant.name for mutant in MUTANTS]
    assert len(set(names)) == len(names) >= 50


@pytest.fixture(scope="session")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("mutants") / "project"
    home.mkdir()
    for name in _COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, home / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy(source, home / name)
    if (ROOT.parent / "shared").is_dir():
        (home.parent / "shared").symlink_to(ROOT.parent / "shared", target_is_directory=True)
    return home


@pytest.mark.harness
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_suite_notices(mutant: Mutant, copy: Path) -> None:
    path = copy / mutant.file
    sound = path.read_text(encoding="utf-8")
    path.write_text(sound.replace(mutant.before, mutant.after), encoding="utf-8")
    try:
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *mutant.tests.split()]
        done = subprocess.run(
            command,
            cwd=copy,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            env=_environment(copy),
            stdin=subprocess.DEVNULL,
        )
        survived = done.returncode == 0
        assert done.returncode in (0, 1), f"the tests of the mutant could not run:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    except subprocess.TimeoutExpired:
        survived = False
    finally:
        path.write_text(sound, encoding="utf-8")
    assert not survived, f"{mutant.file}: {mutant.before!r} -> {mutant.after!r} went unnoticed by {mutant.tests}"


def _environment(home: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
