"""The key of a task holds everything that its work gets: names, files, settings, outputs, code and libraries."""

import os
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import pytest

from osim_nmscal.errors import FileFormatError
from osim_nmscal.workflow import task as module
from osim_nmscal.workflow.task import Inputs, Summary, Task, task_key


@dataclass(frozen=True)
class _Settings:
    accuracy: float = 1e-5
    time_step: float = 0.01


def _work(inputs: Inputs, settings: _Settings, out: Path) -> Summary:
    return {}


def _other_work(inputs: Inputs, settings: _Settings, out: Path) -> Summary:
    return {}


@pytest.fixture
def task(tmp_path: Path) -> Task[_Settings]:
    for name in ("walk", "run"):
        (tmp_path / f"{name}.sto").write_text(name)
    inputs: dict[str, Path | tuple[Path, ...]] = {"emg.walk": tmp_path / "walk.sto", "emg.run": tmp_path / "run.sto"}
    return Task(stage="emg", recording="", settings=_Settings(), inputs=inputs, outputs=("walk/e.sto",), work=_work)


def test_every_part_of_a_task_is_in_its_key(task: Task[_Settings], tmp_path: Path) -> None:
    other: dict[str, Any] = {
        "stage": "trials",
        "recording": "walk",
        "settings": _Settings(accuracy=1e-4),
        "inputs": {"emg.walk": tmp_path / "walk.sto"},
        "outputs": ("walk/f.sto",),
        "work": _other_work,
    }
    assert set(other) == {field.name for field in fields(Task)}
    keys = {task_key(replace(task, **{name: value})) for name, value in other.items()}
    assert len(keys | {task_key(task)}) == len(other) + 1


def test_another_time_step_is_another_result(task: Task[_Settings]) -> None:
    assert task_key(replace(task, settings=_Settings(time_step=0.005))) != task_key(task)


def test_two_recordings_with_swapped_names_are_not_the_same(task: Task[_Settings]) -> None:
    swapped = {"emg.walk": task.inputs["emg.run"], "emg.run": task.inputs["emg.walk"]}
    assert task_key(replace(task, inputs=swapped)) != task_key(task)


def test_the_order_of_recordings_counts_as_the_first_one_orders_the_channels(task: Task[_Settings]) -> None:
    assert task_key(replace(task, inputs=dict(reversed(task.inputs.items())))) != task_key(task)


def test_a_renamed_recording_is_another_one(task: Task[_Settings]) -> None:
    renamed = {"emg.stroll": task.inputs["emg.walk"], "emg.run": task.inputs["emg.run"]}
    assert task_key(replace(task, inputs=renamed)) != task_key(task)


def test_other_code_or_another_library_is_another_result(task: Task[_Settings], monkeypatch: pytest.MonkeyPatch) -> None:
    before = task_key(task)
    monkeypatch.setattr(module, "code_version", lambda name: "other")
    changed = task_key(task)
    monkeypatch.setattr(module, "library_versions", lambda: {"torch": "9"})
    assert len({before, changed, task_key(task)}) == 3


def test_an_input_counts_by_its_content_and_not_by_its_time_or_place(task: Task[_Settings], tmp_path: Path) -> None:
    before, path = task_key(task), tmp_path / "walk.sto"
    os.utime(path, (0, 0))
    moved = tmp_path / "copy.sto"
    moved.write_bytes(path.read_bytes())
    assert task_key(replace(task, inputs={**task.inputs, "emg.walk": moved})) == before
    path.write_text("walk, mended")
    assert task_key(task) != before


def test_a_file_in_an_input_folder_counts_with_its_name(task: Task[_Settings], tmp_path: Path) -> None:
    folder = tmp_path / "analysis"
    folder.mkdir()
    (folder / "mtu_length.sto").write_text("a")
    task = replace(task, inputs={"geometry": folder})
    before = task_key(task)
    (folder / "moment_arm_knee.sto").write_text("b")
    second = task_key(task)
    (folder / "moment_arm_knee.sto").rename(folder / "moment_arm_hip.sto")
    assert len({before, second, task_key(task)}) == 3


def test_a_missing_input_is_named(task: Task[_Settings], tmp_path: Path) -> None:
    (tmp_path / "walk.sto").unlink()
    with pytest.raises(FileFormatError, match=r"walk\.sto cannot be read"):
        task_key(task)


def test_work_that_could_see_more_than_its_key_is_refused(task: Task[_Settings]) -> None:
    step = 0.01

    def hidden(inputs: Inputs, settings: _Settings, out: Path) -> Summary:
        return {"step": step}

    for work in (hidden, lambda inputs, settings, out: {}):
        with pytest.raises(TypeError, match="must be a plain function of a module"):
            replace(task, work=work)
