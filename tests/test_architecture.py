"""Imports go one way, and heavy libraries stay behind their borders."""

import ast
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "osim_nmscal"

# station -> the stations it may import; change it on purpose or not at all
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "settings": {"errors"},
    "settings_text": {"errors"},
    "provenance": {"errors"},
    "data": {"errors"},
    "interpolation": set(),
    "signals": {"errors", "settings", "data", "interpolation"},
    "worker": {"errors"},
    "formats": {"errors", "settings", "data", "worker"},
    "osim_model": {"errors", "settings", "data"},
    "kinematics": {"errors"},
    "opensim_tools": {"errors", "settings", "data", "signals", "worker", "formats", "osim_model", "kinematics"},
    "emg": {"errors", "settings", "data", "signals", "formats"},
    "trials": {"errors", "settings", "data", "signals", "formats"},
    "nms": {"errors", "settings", "data"},
    "calibration": {"errors", "settings", "data", "nms", "evaluation"},
    "evaluation": {"errors", "settings", "data"},
    "virtual_subject": {
        "errors",
        "settings",
        "data",
        "interpolation",
        "signals",
        "worker",
        "formats",
        "osim_model",
        "opensim_tools",
        "nms",
    },
    "doctor": {"errors", "settings", "data", "signals"},
    "inspection": {"errors", "settings", "data", "formats", "osim_model"},
    "drafting": {"errors", "settings", "data", "formats", "osim_model", "inspection"},
    "examples": {"errors", "drafting"},
    "summaries": {"errors", "data", "evaluation", "nms"},
    "viz": {"errors", "data", "evaluation", "summaries"},
    "report": {"errors", "settings", "data", "evaluation", "summaries"},
    "electrodes": {"errors", "settings", "provenance", "data", "formats", "evaluation", "calibration", "summaries"},
    "config": {
        "doctor",
        "errors",
        "settings",
        "settings_text",
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
    "commands": {"*"},
    "cli": {"*"},
    "start": {"cli"},
    "__main__": {"start"},
    "__init__": {"*"},
}

# library -> the stations that may import it
BORDERS: dict[str, set[str]] = {
    "opensim": {"opensim_tools", "virtual_subject"},
    "lxml": {"osim_model", "opensim_tools"},
    "torch": {"kinematics", "nms", "calibration", "virtual_subject", "summaries"},
    "ezc3d": {"formats", "virtual_subject"},
    "sklearn": {"calibration"},
    "typer": {"cli", "commands"},
    "matplotlib": {"viz"},
    "jinja2": {"report"},
}

# Files beyond 400 lines, and why they hold together nevertheless.
LONG_FILES: dict[str, str] = {}


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


def test_a_module_imports_only_what_lies_before_it_in_the_flow() -> None:
    assert [violation for path in _modules() for violation in _violations(path)] == []


def _violations(path: Path) -> list[str]:
    station, where = _station(path), path.relative_to(PACKAGE)
    allowed, found = ALLOWED[station], []
    for name in sorted(_imports(path)):
        parts = name.split(".")
        if name.startswith("relative import"):
            found.append(f"{where}: use absolute imports")
        ours = parts[0] == "osim_nmscal" and len(parts) > 1 and parts[1] not in (station, "__version__")
        if ours and "*" not in allowed and parts[1] not in allowed:
            found.append(f"{where}: {station} may not import {name}")
        if parts[0] in BORDERS and station not in BORDERS[parts[0]]:
            found.append(f"{where}: {parts[0]} may not be imported in {station}")
    return found


def test_a_file_beyond_400_lines_has_a_reason() -> None:
    long = {path.relative_to(PACKAGE).as_posix() for path in _modules() if len(path.read_text(encoding="utf-8").splitlines()) > 400}
    assert long - set(LONG_FILES) == set(), "split by idea, or give a reason in LONG_FILES"
    assert set(LONG_FILES) - long == set(), "no longer so long: take it out of LONG_FILES"


def test_importing_the_package_loads_neither_opensim_nor_torch() -> None:
    code = "import sys, osim_nmscal; print([m for m in ('opensim', 'torch', 'scipy', 'lxml') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
