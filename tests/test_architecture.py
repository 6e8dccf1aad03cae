"""Imports go one way, and heavy libraries stay behind their borders."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "osim_nmscal"

# station -> the stations it may import; change it on purpose or not at all
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "settings": {"errors"},
    "data": {"errors"},
    "signals": {"errors", "settings", "data"},
    "formats": {"errors", "settings", "data"},
    "osim_model": {"errors", "settings", "data"},
    "kinematics": {"errors"},
    "opensim_tools": {"errors", "settings", "data", "signals", "formats", "osim_model", "kinematics"},
    "emg": {"errors", "settings", "data", "signals", "formats"},
    "trials": {"errors", "settings", "data", "signals", "formats"},
    "nms": {"errors", "settings", "data"},
    "calibration": {"errors", "settings", "data", "nms", "evaluation"},
    "evaluation": {"errors", "settings", "data"},
    "virtual_subject": {"errors", "settings", "data", "signals", "formats", "osim_model", "opensim_tools", "nms"},
    "report": {"errors", "settings", "data", "evaluation"},
    "electrode_study": {"errors", "settings", "data", "evaluation", "calibration"},
    "config": {
        "errors",
        "settings",
        "data",
        "signals",
        "formats",
        "osim_model",
        "opensim_tools",
        "emg",
        "trials",
        "nms",
        "calibration",
        "report",
    },
    "workflow": {"*"},
    "cli": {"*"},
    "__init__": {"*"},
}

# library -> the stations that may import it
BORDERS: dict[str, set[str]] = {
    "opensim": {"opensim_tools", "virtual_subject"},
    "lxml": {"osim_model", "opensim_tools"},
    "torch": {"nms", "calibration", "virtual_subject"},
    "ezc3d": {"formats", "virtual_subject"},
    "sklearn": {"calibration"},
    "typer": {"cli"},
    "plotly": {"report"},
    "jinja2": {"report"},
}


def _modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def _station(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names if node.module == "osim_nmscal"}
        elif isinstance(node, ast.ImportFrom):
            found.add(f"relative import in {path.name}")
    return found


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_what_lies_before_it_in_the_flow(path: Path) -> None:
    station = _station(path)
    allowed = ALLOWED[station]
    for name in _imports(path):
        assert not name.startswith("relative import"), f"{path}: use absolute imports"
        parts = name.split(".")
        if parts[0] == "osim_nmscal" and len(parts) > 1 and "*" not in allowed and parts[1] != station:
            assert parts[1] in allowed | {"__version__"}, f"{station} may not import {name}"
        if parts[0] in BORDERS:
            assert station in BORDERS[parts[0]], f"{parts[0]} may not be imported in {station}"


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_file_is_longer_than_one_idea(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_importing_the_package_loads_neither_opensim_nor_torch() -> None:
    code = "import sys, osim_nmscal; print([m for m in ('opensim', 'torch', 'scipy', 'lxml') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
