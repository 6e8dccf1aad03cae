"""What people lost with version 0.1.0, each as they saw it, and that it no longer happens."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from run_server import essence
from small_workflow import write_small_workflow

from osim_nmscal.calibration.prediction import predict
from osim_nmscal.config import WorkflowConfig, load_config
from osim_nmscal.errors import CalibrationError, ConfigError, FileFormatError, OpenSimToolError
from osim_nmscal.evaluation import moment_metrics
from osim_nmscal.workflow.lock import FolderLock
from osim_nmscal.workflow.opened import open_results
from osim_nmscal.workflow.personalize import personalize
from osim_nmscal.workflow.progress import Progress
from osim_nmscal.workflow.stages import TABLE, calibration, inverse_dynamics, verification
from osim_nmscal.workflow.task import Task, task_key
from osim_nmscal.workflow.verification import verify_results

pytestmark = pytest.mark.opensim


def _config(folder: Path, **changes: Any) -> WorkflowConfig:
    return load_config(write_small_workflow(folder / "workflow", **({"names": ("lift",)} | changes)))


def _fails(*_: object, **__: object) -> None:
    raise OpenSimToolError("OpenSim failed.")


def _interrupted(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_verify_confirmed_results_of_two_body_masses(
    small_copy: Callable[[], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = small_copy()
    before = essence(root)
    monkeypatch.setattr(inverse_dynamics, "run_inverse_dynamics", _fails)
    with pytest.raises(OpenSimToolError):
        personalize(_config(tmp_path, mass=80.0), root)  # ends after scaling
    assert essence(root) == before  # model_scaled.osim, too
    assert (root / "unfinished" / "model_scaled.osim").is_file()
    results = open_results(root)
    assert results.record.configuration["subject"]["mass"] == 70.0


def test_a_setting_that_only_the_calibration_rejects_deleted_the_last_good_model(small_copy: Callable[[], Path], tmp_path: Path) -> None:
    root, config = small_copy(), _config(tmp_path)
    before = essence(root)
    wrong = config.calibration.model_copy(update={"method": "synergy_hybrid", "optimizer": "simulated_annealing"})
    with pytest.raises(CalibrationError):
        personalize(config.model_copy(update={"calibration": wrong}), root)
    assert essence(root) == before


def test_ctrl_c_during_verification_deleted_the_last_good_model(
    small_copy: Callable[[], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = small_copy()
    before = essence(root)
    monkeypatch.setattr(verification, "verify_files", _interrupted)
    with pytest.raises(KeyboardInterrupt):
        personalize(_config(tmp_path, weight=500.0), root)
    assert essence(root) == before
    monkeypatch.undo()
    again = personalize(_config(tmp_path, weight=500.0), root)
    ran = [stage.name for stage in again.stages if not stage.cached]
    assert ran == ["trials", "verification"]
    assert open_results(root).record.configuration["calibration"]["loss"]["tendon_strain_weight"] == 500.0
    assert verify_results(root) == again.verification


def test_ctrl_c_during_calibration_keeps_the_last_good_set_and_the_best_so_far(small_copy: Callable[[], Path], tmp_path: Path) -> None:
    root, config = small_copy(), _config(tmp_path, weight=500.0)
    before = essence(root)

    def stop(progress: Progress) -> None:
        if progress.text.startswith("iteration 2"):
            raise KeyboardInterrupt

    result = personalize(config, root, progress=stop)
    assert result.calibration is not None
    assert result.calibration.status == "interrupted"
    assert result.model == root / "unfinished" / "personalized.osim"
    assert result.model.is_file()
    assert essence(root) == before
    again = personalize(config, root)
    assert not next(stage for stage in again.stages if stage.name == "calibration").cached
    assert again.model == root / "personalized.osim"


def test_one_of_two_runs_into_a_folder_died_with_a_file_that_cannot_be_read(small_copy: Callable[[], Path], tmp_path: Path) -> None:
    root = small_copy()
    with FolderLock(root), pytest.raises(ConfigError, match="is in use by another run"):
        personalize(_config(tmp_path), root)


def test_the_sidecar_says_the_settings_of_the_set_that_it_lies_in(small_copy: Callable[[], Path], tmp_path: Path) -> None:
    root, config = small_copy(), _config(tmp_path)
    lax = config.model_copy(update={"verification": config.verification.model_copy(update={"tolerance": 0.3})})
    personalize(lax, root)  # nothing but the tolerance is new
    assert verify_results(root).tolerance == 0.3


def test_one_stage_in_an_empty_folder_is_published_as_a_part_and_not_verified(tmp_path: Path) -> None:
    config, root = _config(tmp_path), tmp_path / "results"
    personalize(config, root, only_stage="scaling")
    assert (root / "model_scaled.osim").is_file()
    with pytest.raises(FileFormatError, match="has no finished results: Only these stages have finished: scaling"):
        verify_results(root)
    assert open_results(root, partial=True).record.state == "partial"


def test_one_stage_of_other_settings_does_not_mix_with_a_complete_set(small_copy: Callable[[], Path], tmp_path: Path) -> None:
    root = small_copy()
    before = essence(root)
    result = personalize(_config(tmp_path, mass=80.0), root, only_stage="scaling")
    assert essence(root) == before
    assert any("keeps its complete results" in finding for finding in result.findings)


def _emg_keys(config: WorkflowConfig) -> str:
    """Return the key of the EMG stage without running it."""
    found: list[Task[Any]] = []

    def run(task: Task[Any]) -> SimpleNamespace:
        found.append(task)
        return SimpleNamespace(summary={"mapping": {"channels": ["a"], "muscles": ["m"], "weights": [[1.0]]}})

    stage = next(stage for stage in TABLE if stage.name == "emg")
    stage.module.run(SimpleNamespace(config=config, runner=SimpleNamespace(run=run)))
    return task_key(found[0])


def test_swapped_names_of_two_recordings_calibrated_on_swapped_emg(tmp_path: Path) -> None:
    both = _config(tmp_path, names=("lift", "reach"))
    first, second = both.recordings
    swapped = (first.model_copy(update={"name": "reach"}), second.model_copy(update={"name": "lift"}))
    renamed = (first.model_copy(update={"name": "raise"}), second)
    keys = [_emg_keys(both.model_copy(update={"recordings": recordings})) for recordings in (both.recordings, swapped, renamed)]
    assert len(set(keys)) == 3


@pytest.mark.parametrize("section", ["envelope", "normalization", "mapping", "time_step", "start", "end", "substitute_muscle_class"])
def test_every_setting_that_the_emg_stage_reads_is_in_its_key(section: str, tmp_path: Path) -> None:
    config = _config(tmp_path)
    if section == "time_step":
        changed = config.model_copy(update={"trials": config.trials.model_copy(update={"time_step": 0.005})})
    elif section in ("start", "end"):
        recordings = tuple(recording.model_copy(update={section: 1.0}) for recording in config.recordings)
        changed = config.model_copy(update={"recordings": recordings})
    elif section == "substitute_muscle_class":
        changed = config.model_copy(update={"model": config.model.model_copy(update={section: "Millard2012EquilibriumMuscle"})})
    else:
        other = {"envelope": {"lowpass_cutoff": 4.0}, "normalization": {"above_mvc": "clip"}, "mapping": {"channels": {}}}[section]
        part = getattr(config.emg, section).model_copy(update=other)
        changed = config.model_copy(update={"emg": config.emg.model_copy(update={section: part})})
    assert _emg_keys(changed) != _emg_keys(config)


def test_a_method_that_nobody_knows_calibrates_nothing() -> None:
    settings = SimpleNamespace(method="annealed")
    fields = {field.name: None for field in dataclasses.fields(calibration.Calibration)}
    with pytest.raises(CalibrationError, match="There is no calibration method 'annealed'"):
        calibration.work(None, SimpleNamespace(**(fields | {"settings": settings})), Path())  # type: ignore[arg-type]


def test_what_is_called_uncalibrated_is_the_model_before_calibration(small_copy: Callable[[], Path], tmp_path: Path) -> None:
    config = _config(tmp_path)
    result = personalize(config, small_copy())
    assert result.trials is not None
    assert result.calibration is not None
    before = predict(result.trials, result.calibration.start_muscles, result.calibration.start_neural, config.calibration)
    expected = moment_metrics(result.trials, before, model="uncalibrated")
    found = [metric for metric in result.metrics if metric.model == "uncalibrated"]
    assert [metric.rmse for metric in found] == pytest.approx([metric.rmse for metric in expected], rel=1e-9)
    rmse = {
        m.model: m.rmse for m in result.metrics if m.role == "calibration"
    }  # there calibration must help; moments held out are invented
    assert rmse["uncalibrated"] > 1.5 * rmse["calibrated"]
