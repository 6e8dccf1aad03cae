"""Imports go one way, and heavy libraries stay behind their borders."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "osim_nmscal"

# station -> the stations it may import ("*": all but those named with "not"); change it on purpose or not at all
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "settings": {"errors"},
    "settings_text": {"errors"},
    "config_files": {"errors"},
    "provenance": {"errors"},
    "splines": set(),
    "opensim_objects": {"errors", "worker"},
    "data": {"errors", "opensim_objects"},
    "interpolation": set(),
    "signals": {"errors", "settings", "data", "interpolation"},
    "worker": {"errors"},
    "formats": {"errors", "settings", "data", "worker"},
    "osim_model": {"errors", "settings", "data", "opensim_objects"},
    "kinematics": {"errors", "data"},
    "opensim_tools": {"errors", "settings", "data", "signals", "worker", "formats", "osim_model", "kinematics", "opensim_objects"},
    "emg": {"errors", "settings", "data", "signals", "formats"},
    "trials": {"errors", "settings", "data", "signals", "formats"},
    "nms": {"errors", "settings", "data"},
    "initialization": {"errors", "settings", "data", "formats", "nms"},
    "calibration": {"errors", "settings", "data", "nms", "splines", "evaluation"},
    "planning": {"errors", "data", "formats", "trials", "calibration", "summaries", "report"},
    "evaluation": {"errors", "settings", "data"},
    "virtual_subject": {
        "errors",
        "settings",
        "data",
        "interpolation",
        "splines",
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
    "config": {
        "doctor",
        "errors",
        "settings",
        "settings_text",
        "config_files",
        "data",
        "signals",
        "formats",
        "osim_model",
        "opensim_tools",
        "emg",
        "trials",
        "nms",
        "initialization",
        "calibration",
        "report",
    },
    "workflow": {"*", "not electrodes", "not commands", "not cli", "not start"},
    "electrodes": {
        "errors",
        "settings",
        "provenance",
        "data",
        "formats",
        "evaluation",
        "calibration",
        "summaries",
        "report",
        "config",
        "workflow",
    },
    "commands": {"*"},
    "cli": {"*"},
    "surroundings": set(),
    "start": {"surroundings", "cli"},
    "__main__": {"start"},
    "__init__": {"*"},
}

# library -> the stations that may import it
BORDERS: dict[str, set[str]] = {
    "opensim": {"opensim_tools", "virtual_subject", "opensim_objects"},
    "lxml": {"osim_model", "opensim_tools"},
    "torch": {"kinematics", "nms", "initialization", "calibration", "planning", "virtual_subject", "summaries"},
    "ezc3d": {"formats", "virtual_subject"},
    "sklearn": {"calibration", "virtual_subject"},
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
        if ours and (f"not {parts[1]}" in allowed or not allowed & {"*", parts[1]}):
            found.append(f"{where}: {station} may not import {name}")
        if parts[0] in BORDERS and station not in BORDERS[parts[0]]:
            found.append(f"{where}: {parts[0]} may not be imported in {station}")
    return found


def test_the_floors_of_the_documentation_are_those_of_the_code() -> None:
    text = (PACKAGE.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    floors = text.split("```floors\n")[1].split("```")[0].splitlines()
    floor = {room: -number for number, line in enumerate(floors) for room in line.split()}
    assert set(floor) == set(ALLOWED) - {"__init__", "__main__"}
    upward = set()
    for path in _modules():
        here = _station(path)
        for name in _imports(path):
            there = name.removeprefix("osim_nmscal.").split(".")[0]
            if name.startswith("osim_nmscal.") and here != there and {here, there} <= set(floor) and floor[there] >= floor[here]:
                upward.add(f"{here} imports {there}")
    assert upward == set()


def test_no_modules_import_one_another_in_a_circle() -> None:
    # those for type checkers and those inside functions count, too; the public names alone may name everything
    files = {".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path for path in _modules()}
    graph = {module: _names(path) & set(files) - {module} for module, path in files.items() if module != "osim_nmscal"}
    assert list(TopologicalSorter(graph).static_order())  # raises CycleError, which names the circle


def _names(path: Path) -> set[str]:
    """Return every module that a file may mean: `from a import b` is a.b where there is one, else a."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            known = {name for name in inner if (PACKAGE.parent / f"{name.replace('.', '/')}.py").exists()}
            found |= known | ({node.module} if inner - known else set())
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found - {"osim_nmscal"}


def test_a_file_beyond_400_lines_has_a_reason() -> None:
    long = {path.relative_to(PACKAGE).as_posix() for path in _modules() if len(path.read_text(encoding="utf-8").splitlines()) > 400}
    assert long - set(LONG_FILES) == set(), "split by idea, or give a reason in LONG_FILES"
    assert set(LONG_FILES) - long == set(), "no longer so long: take it out of LONG_FILES"


def test_importing_the_package_loads_neither_opensim_nor_torch() -> None:
    code = "import sys, osim_nmscal; print([m for m in ('opensim', 'torch', 'scipy', 'lxml') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
