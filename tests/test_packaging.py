"""What pyproject.toml claims of its dependencies is what is tested."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent


def _pins(path: Path) -> dict[str, str]:
    pins = (line.split("==") for line in path.read_text(encoding="utf-8").splitlines() if "==" in line)
    return {name.lower(): version for name, version in pins}


def _padded(version: str) -> tuple[int, ...]:
    parts = [int(part) for part in version.split(".")]
    return tuple(parts + [0] * (3 - len(parts)))


def test_every_lower_bound_is_the_version_that_test_lowest_installs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pins = _pins(ROOT / "tests" / "lowest-constraints.txt")
    bounds = dict(re.findall(r"^([\w-]+)>=([\d.]+)", "\n".join(project["dependencies"]), flags=re.MULTILINE))
    assert len(bounds) == len(project["dependencies"])
    assert {name: _padded(version) for name, version in bounds.items()} == {name: _padded(pins[name]) for name in bounds}


def test_the_pinned_versions_are_not_below_the_lowest() -> None:
    lowest, pinned = _pins(ROOT / "tests" / "lowest-constraints.txt"), _pins(ROOT / "constraints.txt")
    assert [name for name in lowest if _padded(pinned[name]) < _padded(lowest[name])] == []
