"""A set of results becomes visible whole or not at all, whatever ends the run and wherever; nobody's edit is lost on the way."""

import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock

from osim_nmscal.errors import ConfigError, FileFormatError
from osim_nmscal.workflow import publication, records
from osim_nmscal.workflow.folder import ResultsPlace, new_record
from osim_nmscal.workflow.lock import FolderLock
from osim_nmscal.workflow.opened import open_results
from osim_nmscal.workflow.runner import StageRunner
from osim_nmscal.workflow.task import Inputs, Summary, Task


@dataclass(frozen=True)
class _Settings:
    mass: float
    trials: int


def _work(inputs: Inputs, settings: _Settings, out: Path) -> Summary:
    (out / "predictions").mkdir()
    for i in range(settings.trials):
        (out / "predictions" / f"trial_{i}.sto").write_text(f"{settings.mass} {i}")
    (out / "model.osim").write_text(f"{settings.mass}")
    (out / "same.json").write_text("always the same")
    return {}


def _run(root: Path, mass: float, trials: int = 2) -> ResultsPlace:
    """Make a complete set of one mass."""
    root.mkdir(exist_ok=True)
    with FolderLock(root):
        place = ResultsPlace(root)
        task = Task(stage="scaling", settings=_Settings(mass, trials), inputs={}, outputs=("model.osim",), work=_work)
        StageRunner(place=place).run(task)
        place.publish(new_record("complete", "Done.", configuration={"mass": mass}, source=Path("c.toml"), inputs={}, versions={}))
        return place


def _shown(root: Path) -> dict[str, str]:
    """Return what a folder shows, without its own records."""
    return {
        path.relative_to(root).as_posix(): path.read_text()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name not in ("results.json", ".lock", ".lock-holder.json") and "unfinished" not in path.parts
    }


def _set(mass: float, trials: int = 2) -> dict[str, str]:
    predictions = {f"predictions/trial_{i}.sto": f"{mass} {i}" for i in range(trials)}
    return {"model.osim": f"{mass}", **predictions, "same.json": "always the same"}


class _Crash(BaseException):
    """The process dies here."""


@pytest.fixture
def crash_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let the process die before the n-th time that it changes a name in the file system; undone by `monkeypatch.undo`."""

    def arm(step: int) -> None:
        changes = itertools.count(1)

        def guarded(change: Callable[..., object]) -> Callable[..., object]:
            def replaced(*arguments: object, **options: object) -> object:
                harmless = (arguments[0] == arguments[-1] and len(arguments) == 2) or Path(str(arguments[0])).name.startswith(".lock")
                if not harmless and next(changes) == step:
                    raise _Crash
                return change(*arguments, **options)

            return replaced

        monkeypatch.setattr(os, "replace", guarded(os.replace))
        for name in ("rename", "unlink", "rmdir"):
            monkeypatch.setattr(Path, name, guarded(getattr(Path, name)))

    return arm


@pytest.mark.parametrize("trials", [1, 2, 3])
def test_a_crash_at_any_step_of_a_publication_leaves_the_old_set_or_leads_to_the_new_one(
    trials: int, tmp_path: Path, crash_at: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    _run(tmp_path / "before", 70.0)
    outcomes = []
    for step in range(1, 60):
        root = Path(shutil.copytree(tmp_path / "before", tmp_path / f"crash{step}"))
        crash_at(step)
        try:
            _run(root, 80.0, trials)
            crashed = False
        except _Crash:
            crashed = True
        monkeypatch.undo()
        results = open_results(root)  # refuses anything that is not one set
        mass = results.record.configuration["mass"]
        assert _shown(root) == (_set(70.0) if mass == 70.0 else _set(80.0, trials))
        outcomes.append(mass)
        _run(root, 80.0, trials)
        assert _shown(root) == _set(80.0, trials)
        assert not (root / "unfinished").exists()
        if not crashed:
            break
    assert outcomes == sorted(outcomes)
    assert {70.0, 80.0} == set(outcomes)
    assert len(outcomes) > 12
    assert not crashed


def test_a_reader_in_the_middle_of_a_publication_finishes_it_or_waits_for_its_process(
    tmp_path: Path, crash_at: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "results"
    _run(root, 70.0)
    for step in range(1, 40):
        crash_at(step)
        with pytest.raises(_Crash):
            _run(root, 70.0 + step)
        monkeypatch.undo()
        found = records.read_record(root)
        if found is not None and found.state == "publishing":
            break
    with FolderLock(root), pytest.raises(FileFormatError, match=r"are being replaced by newer ones.*in use by another run \(process \d+"):
        open_results(root)
    assert open_results(root).record.state == "complete"


@pytest.mark.parametrize("when", ["before anything", "in the middle"])
def test_a_results_file_that_is_open_in_a_spreadsheet_costs_nothing(when: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, replace = tmp_path / "results", os.replace
    _run(root, 70.0)

    def refuse(source: object, target: object) -> None:
        trying = source == target
        if Path(str(target)) == root / "predictions" / "trial_1.sto" and trying == (when == "before anything"):
            raise PermissionError(13, "The process cannot access the file because it is being used by another process")
        replace(source, target)  # type: ignore[call-overload]

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(ConfigError, match=r"trial_1\.sto cannot be replaced .*; close the program that has it open"):
        _run(root, 80.0)
    if when == "before anything":
        assert open_results(root).record.configuration == {"mass": 70.0}
        assert _shown(root) == _set(70.0)
    else:
        with pytest.raises(FileFormatError, match="are being replaced by newer ones, which is not finished"):
            open_results(root)
    monkeypatch.undo()
    _run(root, 80.0)
    assert _shown(root) == _set(80.0)


def test_a_full_disk_at_the_last_moment_keeps_the_old_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "results"
    _run(root, 70.0)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(publication, "write_record", full)
    with pytest.raises(ConfigError, match=r"cannot be written \(No space left on device\); free some space"):
        _run(root, 80.0)
    monkeypatch.undo()
    assert open_results(root).record.configuration == {"mass": 70.0}
    _run(root, 80.0)
    assert _shown(root) == _set(80.0)


def test_predictions_of_trials_that_no_longer_exist_go(tmp_path: Path) -> None:
    root = tmp_path / "results"
    _run(root, 70.0, 5)
    _run(root, 70.0, 3)
    assert _shown(root) == _set(70.0, 3)


def test_a_result_that_the_user_edited_is_kept_under_another_name(tmp_path: Path) -> None:
    root = tmp_path / "results"
    _run(root, 70.0, 3)
    (root / "model.osim").write_text("mended by hand")
    (root / "predictions" / "trial_2.sto").write_text("mended, too")
    with pytest.raises(FileFormatError, match=r"model\.osim was edited since"):
        open_results(root)
    found = open_results(root, damaged=True)
    assert found.edited == ("model.osim", "predictions/trial_2.sto")
    place = _run(root, 80.0, 2)
    aside = {"model.edited-1.osim": "mended by hand", "predictions/trial_2.edited-1.sto": "mended, too"}
    assert _shown(root) == _set(80.0, 2) | aside
    assert len(place.findings) == 2
    assert "was not as a run had left it, and has been kept as model.edited-1.osim" in place.findings[0]


def test_a_file_in_the_way_that_nobody_knew_of_is_kept_under_another_name(tmp_path: Path) -> None:
    root = tmp_path / "results"
    (root / "predictions").mkdir(parents=True)
    (root / "predictions" / "trial_0.sto").write_text("mine")
    _run(root, 70.0)
    assert _shown(root) == _set(70.0) | {"predictions/trial_0.edited-1.sto": "mine"}


def test_a_study_never_overwrites_what_it_has_not_written(tmp_path: Path) -> None:
    home = tmp_path / "electrode_study"

    def study(text: str) -> tuple[str, ...]:
        part = tmp_path / "part"
        part.mkdir(exist_ok=True)
        (part / "models.csv").write_text(text)
        return publication.put_in_place(part, home)

    home.mkdir()
    (home / "models.csv").write_text("mine")
    assert "has been kept as models.edited-1.csv" in study("first")[0]
    assert study("second") == ()
    (home / "models.csv").write_text("second, edited")
    assert "has been kept as models.edited-2.csv" in study("third")[0]
    texts = {path.name: path.read_text() for path in home.glob("*.csv")}
    assert texts == {"models.csv": "third", "models.edited-1.csv": "mine", "models.edited-2.csv": "second, edited"}


def test_a_set_with_a_missing_file_is_named(tmp_path: Path) -> None:
    root = tmp_path / "results"
    _run(root, 70.0)
    (root / "same.json").unlink()
    with pytest.raises(FileFormatError, match=r"same\.json is missing; run the workflow again"):
        open_results(root)


def test_an_unchanged_run_writes_nothing(tmp_path: Path) -> None:
    root = tmp_path / "results"
    _run(root, 70.0)
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file() and not path.name.startswith(".lock")}
    _run(root, 70.0)
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ("nothing", "is no folder of results"),
        ("empty", r"has no finished results \(no results\.json\)"),
        ("old", "was made by version 0.1.0"),
        ("begun", "a run was begun but has not ended"),
        ("partial", "has no finished results: Only these stages have finished: scaling"),
    ],
)
def test_a_folder_without_finished_results_says_so(state: str, sentence: str, tmp_path: Path) -> None:
    root = tmp_path / "results"
    if state != "nothing":
        root.mkdir()
    if state == "old":
        (root / "stages.json").write_text("{}")
    if state in ("begun", "partial"):
        place = ResultsPlace(root)
        StageRunner(place=place).run(Task(stage="scaling", settings=_Settings(70.0, 1), inputs={}, outputs=("model.osim",), work=_work))
        if state == "partial":
            said = "Only these stages have finished: scaling."
            place.publish(new_record("partial", said, configuration={}, source=Path("c.toml"), inputs={}, versions={}))
    with pytest.raises(FileFormatError, match=sentence):
        open_results(root)


def test_the_second_run_into_a_folder_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with (
        FolderLock(tmp_path),
        pytest.raises(ConfigError, match=rf"is in use by another run \(process {os.getpid()} on .*, since 20.*\); wait for it"),
        FolderLock(tmp_path),
    ):
        pass
    with FolderLock(tmp_path):
        pass


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError(30, "Read-only file system")])
def test_a_folder_that_cannot_be_written_to_is_a_sentence(error: OSError, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(FileLock, "acquire", refuse)
    with pytest.raises(ConfigError, match=rf"cannot be written to \({error.strerror}\); give another folder"), FolderLock(tmp_path):
        pass


def test_the_lock_of_a_killed_run_does_not_hold(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from osim_nmscal.workflow.lock import FolderLock\n"
        f"lock = FolderLock(Path({str(tmp_path)!r})); lock.__enter__(); print('held', flush=True); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "held"
    with FolderLock(tmp_path):
        pass
