"""The documentation is true: its code runs, its links lead somewhere, and the modules that it names exist."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", ROOT / "README.md"]
EXTENDING = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")


def _run(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=False, env=environment)


def test_the_worked_examples_run(tmp_path: Path) -> None:
    script = "\n".join(re.findall(r"```python\n(.*?)```", EXTENDING, flags=re.DOTALL))
    done = _run(script, ROOT)
    assert done.returncode == 0, done.stderr[-3000:]


def test_a_stage_is_added_by_one_file_and_one_line(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "osim_nmscal", tmp_path / "osim_nmscal", ignore=shutil.ignore_patterns("__pycache__"))
    ((file, module),) = re.findall(r"```python file=(\S+)\n(.*?)```", EXTENDING, flags=re.DOTALL)
    ((table, lines),) = re.findall(r"```python after=(\S+)\n(.*?)```", EXTENDING, flags=re.DOTALL)
    (tmp_path / file).write_text(module, encoding="utf-8")
    known = lines.splitlines()[0]
    text = (tmp_path / table).read_text(encoding="utf-8")
    assert text.count(known) == 1
    (tmp_path / table).write_text(text.replace(known, lines.rstrip("\n")), encoding="utf-8")
    done = _run(
        "from pathlib import Path\n"
        "from osim_nmscal.workflow.stages import STAGES, TABLE\n"
        "from osim_nmscal.workflow.stages import fiber_use\n"
        "assert STAGES.index('fiber_use') == STAGES.index('evaluation') + 1\n"
        "assert next(s for s in TABLE if s.name == 'fiber_use').outputs(None) == ('fiber_use.csv',)\n"
        "fiber_use.write(None, fiber_use.FiberUse(ranges={'soleus': (0.7, 1.1)}), Path('.'))\n"
        "print(Path('fiber_use.csv').read_text())\n",
        tmp_path,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "soleus,0.7000,1.1000" in done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_modules_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for link in re.findall(r"\]\((?!http|#)([^)#]+)", text):
        assert (page.parent / link).exists(), f"{page.name} links to {link}"
    for name in re.findall(
        r"`((?:osim_nmscal|nms|calibration|workflow|formats|worker|kinematics|opensim_tools|osim_model|emg|trials|data|doctor|"
        r"virtual_subject|report|viz)/[\w/]*(?:\.py)?)[`,]",
        text,
    ):
        assert (ROOT / name).exists() or (ROOT / "osim_nmscal" / name).exists(), f"{page.name} names {name}"
    for name in re.findall(r"`(tests/[\w/.]+|workflows/[\w/.]+)`", text):
        assert (ROOT / name).exists(), f"{page.name} names {name}"


def test_no_page_and_no_code_names_a_source_that_a_reader_cannot_reach() -> None:
    unreachable = re.compile(r"(?<![\w./])shared/|[Mm]ethod page|METHOD\.md|PEERS\.md|OPENSIM\.md|DESIGN\.md|[Ii]ssue \d|the task's")
    found = []
    for path in [*PAGES, *(ROOT / "osim_nmscal").rglob("*.py"), *(ROOT / "workflows").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]:
        if path == Path(__file__) or path.name == "README.md":
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if unreachable.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    assert not found, "\n".join(found)
