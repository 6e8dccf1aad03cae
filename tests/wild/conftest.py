"""A sound workflow, made once: a virtual leg that walks for four seconds; and a table of what became of every fault."""

import os
import shutil
import sys
from collections import Counter
from pathlib import Path

import pytest
from sound_walk import make_walk

sys.path.append(str(Path(__file__).parent.parent / "bad_input"))  # its ways to damage files
sys.path.append(str(Path(__file__).parent.parent / "workflow"))  # its small arm


OUTCOMES = ("stopped", "doubted", "missed", "accepted", "refused")


@pytest.fixture(scope="session")
def sound_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workflow as it should be, with the true angles and moments as further files; nobody changes it."""
    folder = make_walk(tmp_path_factory.mktemp("wild") / "walk")
    (folder / "truth" / "walk_fast_angles.sto").rename(folder / "angles.sto")
    (folder / "truth" / "walk_fast_moments.sto").rename(folder / "moments.sto")
    shutil.rmtree(folder / "truth")
    return folder


@pytest.fixture
def walk(sound_once: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage: hard links, which the damages replace and never write into."""
    folder = tmp_path / "walk"
    shutil.copytree(sound_once, folder, copy_function=os.link)
    return folder


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many faults were stopped, doubted and missed, and how many sound variations refused."""
    counts: Counter[tuple[str, str]] = Counter()
    lost = []
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") != "call":
                continue
            for name, value in getattr(report, "user_properties", ()):
                if name == "outcome":
                    group, outcome, case = value.split("|")
                    counts[group, outcome] += 1
                    lost += [f"{group}: {case}"] if outcome in ("missed", "refused") else []
    groups = dict.fromkeys(group for group, _ in counts)
    if groups:
        terminalreporter.section("data in the wild")
        terminalreporter.line(f"{'':<14}" + "".join(f"{outcome:>10}" for outcome in OUTCOMES))
        for group in (*groups, "all"):
            row = [sum(n for (g, o), n in counts.items() if o == outcome and group in (g, "all")) for outcome in OUTCOMES]
            terminalreporter.line(f"{group:<14}" + "".join(f"{n or '':>10}" for n in row))
        for one in lost:
            terminalreporter.line(f"missed or refused: {one}")
