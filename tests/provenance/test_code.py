"""A changed line in any module that a stage really imports makes it run again, and no other."""

import ast
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from osim_nmscal.provenance import code
from osim_nmscal.provenance.code import ROOT, TABLES, code_files, code_version, library_versions


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the package whose lines a test may change."""
    root = Path(shutil.copytree(ROOT, tmp_path / "osim_nmscal", ignore=shutil.ignore_patterns("__pycache__")))
    monkeypatch.setattr(code, "ROOT", root)
    _forget()
    yield root  # type: ignore[misc]
    _forget()


def _forget() -> None:
    code.code_version.cache_clear()
    code._imports.cache_clear()
    code._file_of.cache_clear()


def _changed(package: Path, module: str, path: str) -> bool:
    before = code_version(module)
    (package / path).write_text((package / path).read_text(encoding="utf-8") + "\n# changed\n", encoding="utf-8")
    _forget()
    return code_version(module) != before


@pytest.mark.parametrize(
    ("stage", "path"),
    [
        ("emg", "workflow/stages/emg.py"),
        ("emg", "emg/envelope.py"),
        ("emg", "signals.py"),
        ("emg", "formats/c3d.py"),
        ("emg", "workflow/task.py"),
        ("inverse_dynamics", "workflow/recording_files.py"),
        ("inverse_dynamics", "opensim_tools/external_loads.py"),
        ("scaling", "opensim_tools/scaling.py"),
        ("calibration", "calibration/optimizers/gauss_newton.py"),
        ("calibration", "nms/curves.py"),
        ("calibration", "workflow/results.py"),
        ("write_back", "osim_model/muscle_edits.py"),
        ("verification", "workflow/verification.py"),
        ("verification", "opensim_tools/muscle_simulation.py"),
    ],
)
def test_a_changed_line_in_what_a_stage_imports_counts(package: Path, stage: str, path: str) -> None:
    assert _changed(package, f"osim_nmscal.workflow.stages.{stage}", path)


@pytest.mark.parametrize(
    ("stage", "path"), [("emg", "calibration/objective.py"), ("inverse_kinematics", "emg/envelope.py"), ("emg", "cli.py")]
)
def test_a_changed_line_elsewhere_does_not(package: Path, stage: str, path: str) -> None:
    assert not _changed(package, f"osim_nmscal.workflow.stages.{stage}", path)


def test_the_process_that_runs_opensim_counts() -> None:
    # it is started by its name, as `python -m`, and never imported
    run = (ROOT / "opensim_tools" / "run.py").read_text(encoding="utf-8") if (ROOT / "opensim_tools" / "run.py").exists() else ""
    if '"osim_nmscal.opensim_tools.worker"' in run:
        assert ROOT / "opensim_tools" / "worker.py" in code_files("osim_nmscal.workflow.stages.scaling")


def test_an_import_inside_a_function_counts_and_one_for_type_checkers_does_not(package: Path) -> None:
    (package / "one.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from osim_nmscal.cli import app\n"
        "def f():\n    from osim_nmscal.signals import resample\n    return resample\n"
    )
    names = {path.name for path in code_files("osim_nmscal.one")}
    assert "signals.py" in names
    assert "cli.py" not in names


def test_no_import_is_missed_that_a_parser_finds() -> None:
    for path in sorted(ROOT.rglob("*.py")):
        missed = set(_parsed(ast.parse(path.read_text(encoding="utf-8")))) - set(code._imports(path).names)
        assert not missed, path


def _parsed(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            for other in node.orelse:
                yield from _parsed(other)
            return
        case ast.Import():
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "osim_nmscal")
        case ast.ImportFrom(module=str() as module) if module.split(".")[0] == "osim_nmscal":
            yield module
            beside = ROOT.joinpath(*module.split(".")[1:]).with_suffix(".py")
            if not beside.is_file():
                yield from (f"{module}.{alias.name}" for alias in node.names)
        case ast.Constant(value=str() as text) if re.fullmatch(r"osim_nmscal(\.\w+)+", text):
            yield text
    for child in ast.iter_child_nodes(node):
        yield from _parsed(child)


@pytest.mark.parametrize(
    "line",
    [
        "import numpy, osim_nmscal.signals as s",
        "from osim_nmscal import (\n    errors,  # the one (of two)\n    signals,\n)",
        "from osim_nmscal import errors, \\\n    signals",
        "def f(): from osim_nmscal.signals import resample",
        "import os; from osim_nmscal.signals import (\n    resample,\n)",
        "if TYPE_CHECKING:\n    import os\nelse:\n    from osim_nmscal.signals import resample",
        "START = ['-m', 'osim_nmscal.signals']",
    ],
)
def test_every_way_of_importing_counts(package: Path, line: str) -> None:
    (package / "one.py").write_text(line + "\n", encoding="utf-8")
    assert "signals.py" in {path.name for path in code_files("osim_nmscal.one")}


def test_the_package_file_of_an_imported_module_counts(package: Path) -> None:
    assert _changed(package, "osim_nmscal.workflow.stages.calibration", "nms/muscle_models/__init__.py")


def test_tables_of_names_import_no_stage() -> None:
    for table in TABLES:
        tree = ast.parse((ROOT / table).read_text(encoding="utf-8"))
        imported = {node.module for node in tree.body if isinstance(node, ast.ImportFrom)}
        assert not [name for name in imported if name and name.startswith("osim_nmscal.") and name != "osim_nmscal.errors"]


def test_every_library_that_decides_numbers_is_named() -> None:
    assert set(library_versions()) == {"python", "opensim", "torch", "numpy", "scipy", "ezc3d", "scikit-learn", "lxml"}
    assert "not installed" not in library_versions().values()
