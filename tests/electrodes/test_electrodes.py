"""The electrode study: its order, its tables, and going on after an interruption."""

import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

import osim_nmscal.electrodes.bench as station
from osim_nmscal.calibration.optimizer_settings import GaussNewtonSettings
from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.calibration.simulated_twin import make_synergy_twin
from osim_nmscal.calibration.synergy.settings import SynergySettings
from osim_nmscal.data.emg import EmgMapping
from osim_nmscal.data.trials import TrialSet
from osim_nmscal.electrodes.fewer_channels import without_channels
from osim_nmscal.electrodes.record import Inputs
from osim_nmscal.electrodes.study import electrode_study
from osim_nmscal.electrodes.tables import write_study
from osim_nmscal.errors import CalibrationError

SETTINGS = CalibrationSettings(
    method="synergy_hybrid", gauss_newton=GaussNewtonSettings(maximum_iterations=4), synergy=SynergySettings(factorization_starts=1)
)
MUSCLES = tuple(f"muscle_{i}" for i in range(4))


@pytest.fixture(scope="module")
def person():
    """Four muscles on three channels: the last one is driven by the mean of two channels."""
    made = make_synergy_twin(muscles=4, trials=2, steps=70, synergies=2)
    weights = np.array([[1.0, 0, 0, 0.5], [0, 1.0, 0, 0.5], [0, 0, 1.0, 0]])
    mapping = EmgMapping(channels=("a", "b", "c"), muscles=MUSCLES, weights=weights)
    trials = TrialSet(trials=tuple(replace(t, excitation=t.excitation[:, :3] @ weights) for t in made.trials.trials))
    return trials, made.twin.start, mapping


@pytest.fixture(scope="module")
def study(person, tmp_path_factory):
    trials, muscles, mapping = person
    folder = tmp_path_factory.mktemp("study")
    return electrode_study(trials, muscles, mapping, SETTINGS, out=folder, workers=1), folder


def test_a_muscle_of_two_channels_is_driven_by_the_one_that_is_left(person):
    trials, _, mapping = person
    fewer = without_channels(trials, mapping, ["a"])
    assert fewer.withheld == ("muscle_0",)
    assert fewer.recorded == ("muscle_1", "muscle_2", "muscle_3")
    for before, after in zip(trials.trials, fewer.trials.trials, strict=True):
        np.testing.assert_allclose(after.excitation[:, 3], before.excitation[:, 1], atol=1e-12)
        np.testing.assert_array_equal(after.excitation[:, :3], before.excitation[:, :3])


def test_an_excitation_mixed_anew_is_never_above_one(person):
    # the last muscle takes 0.2 of one channel and 1.2 of another; when one is left off, the other counts for both, 1.4 times
    trials, _, mapping = person
    weights = np.array([[1.0, 0, 0, 0.2], [0, 1.0, 0, 1.2], [0, 0, 1.0, 0]])
    channels = [trial.excitation[:, :3] / trial.excitation[:, :3].max(axis=0) for trial in trials.trials]
    channels = [np.stack([1.0 - c[:, 1], c[:, 1], c[:, 2]], axis=1) / 1.2 for c in channels]  # the two are never loud together
    mixed = TrialSet(trials=tuple(replace(t, excitation=c @ weights) for t, c in zip(trials.trials, channels, strict=True)))
    fewer = without_channels(mixed, replace(mapping, weights=weights), ["a"])
    for trial, channel in zip(fewer.trials.trials, channels, strict=True):
        assert (1.4 * channel[:, 1]).max() > 1.1
        np.testing.assert_allclose(trial.excitation[:, 3], np.minimum(1.4 * channel[:, 1], 1.0), atol=1e-9)


def test_a_mapping_that_did_not_make_the_excitations_is_refused(person):
    trials, _, mapping = person
    other = replace(mapping, weights=mapping.weights * np.array([1.0, 1.0, 1.0, 0.6]))
    with pytest.raises(CalibrationError, match="do not follow from the EMG mapping"):
        without_channels(trials, other, ["a"])


def test_channels_are_ordered_by_the_error_of_the_model_that_lacks_each(study):
    result, _ = study
    assert sorted(result.order) == ["a", "b", "c"]
    assert list(result.order_errors) == sorted(result.order_errors)


def test_both_methods_are_there_at_every_number_of_channels(study):
    result, _ = study
    assert {(model.method, model.count) for model in result.models} == {(m, n) for m in ("emg_driven", "synergy_hybrid") for n in (3, 2, 1)}
    assert not any(model.failed for model in result.models)
    for model in result.models:
        assert set(model.kept) | set(model.removed) == {"a", "b", "c"}


def test_distance_to_the_model_with_all_channels_starts_at_zero(study):
    result, _ = study
    for model in result.models:
        assert model.parameter_distance == 0.0 if model.count == 3 else 0.0 < model.parameter_distance <= 1.0


def test_predictions_and_execution_are_reported_apart(study):
    result, _ = study
    kinds = {(metric.method, metric.data) for metric in result.metrics}
    assert ("synergy_hybrid", "held_out_emg_hybrid") in kinds
    assert ("emg_driven", "held_out_emg_hybrid") not in kinds
    assert {comparison.data for comparison in result.comparisons} == {"calibration", "held_out"}


def test_synthesised_excitations_are_compared_with_the_withheld_ones(study):
    result, _ = study
    first = next(model for model in result.models if model.method == "synergy_hybrid" and model.count == 2)
    muscles = {row.muscle for row in result.excitations if row.count == 2}
    assert muscles == {f"muscle_{'abc'.index(first.removed[0])}"}
    assert all(-1.0 <= row.correlation <= 1.0 for row in result.excitations)


def test_an_interrupted_study_goes_on_where_it_stopped(study, person, monkeypatch):
    result, folder = study
    trials, muscles, mapping = person
    done = []
    monkeypatch.setattr(station, "make_record", lambda inputs, job: pytest.fail(f"{job.name} was calibrated again"))
    again = electrode_study(trials, muscles, mapping, SETTINGS, out=folder, workers=1, progress=lambda *row: done.append(row))
    assert repr(again) == repr(result)  # not ==: what cannot be tested is nan, which equals nothing
    assert done[-1][0] == done[-1][1] == 8  # 2 with all channels, 3 to order, 4 with fewer of which one was among those


def test_changed_settings_are_calibrated_anew(study, person, monkeypatch):
    _, folder = study
    trials, muscles, mapping = person
    monkeypatch.setattr(station, "make_record", lambda inputs, job: (_ for _ in ()).throw(RuntimeError("calibrated")))
    with pytest.raises(RuntimeError, match="calibrated"):
        electrode_study(trials, muscles, mapping, SETTINGS.model_copy(update={"seed": 1}), out=folder, workers=1)


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"record": {}, "digest": "0"}'])
def test_a_calibration_whose_file_was_damaged_is_made_again(study, person, tmp_path, damage, monkeypatch):
    _, folder = study
    trials, muscles, mapping = person
    copy = shutil.copytree(folder, tmp_path / "copy")
    next((copy / "calibrations").glob("*.json")).write_text(damage)
    asked = []
    monkeypatch.setattr(station, "make_record", lambda inputs, job: asked.append(job) or (_ for _ in ()).throw(RuntimeError("calibrated")))
    with pytest.raises(RuntimeError, match="calibrated"):
        electrode_study(trials, muscles, mapping, SETTINGS, out=copy, workers=1)
    assert len(asked) == 1


@pytest.mark.parametrize("changed", ["code_version", "library_versions"])
def test_other_code_or_another_library_calibrates_anew(study, person, changed, monkeypatch):
    _, folder = study
    trials, muscles, mapping = person
    monkeypatch.setattr(station, changed, lambda *_: {"torch": "other"})
    monkeypatch.setattr(station, "make_record", lambda inputs, job: (_ for _ in ()).throw(RuntimeError("calibrated")))
    with pytest.raises(RuntimeError, match="calibrated"):
        electrode_study(trials, muscles, mapping, SETTINGS, out=folder, workers=1)


def test_a_changed_trial_or_weight_calibrates_anew(person):
    trials, muscles, mapping = person
    inputs = Inputs(trials, muscles, mapping, SETTINGS)
    first = trials.trials[0]
    keys = {station._digest(inputs)}
    for name in ("excitation", "mtu_length", "moment_arm", "joint_moment"):
        other = replace(first, **{name: getattr(first, name) * 1.0001})
        keys.add(station._digest(replace(inputs, trials=TrialSet(trials=(other, *trials.trials[1:])))))
    keys.add(station._digest(replace(inputs, mapping=replace(mapping, weights=mapping.weights * 1.0001))))
    assert len(keys) == 6


def test_tables_hold_what_was_found(study, tmp_path):
    result, _ = study
    paths = write_study(result, tmp_path)
    assert json.loads(paths[0].read_text())["order"] == list(result.order)
    with (tmp_path / "electrode_study_metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(result.metrics)
    assert float(rows[-1]["rmse"]) == result.metrics[-1].rmse


def test_answer_says_what_can_be_left_off(study):
    result, _ = study
    assert any("can do without" in sentence for sentence in result.sentences)
    assert any("Fewer than 6 trials" in sentence for sentence in result.sentences)  # two are held out here


def test_too_few_channels_are_refused(person, tmp_path):
    trials, muscles, mapping = person
    with pytest.raises(CalibrationError, match="fewest = 3"):
        electrode_study(trials, muscles, mapping, SETTINGS, out=tmp_path, fewest=3)


@pytest.mark.slow
def test_processes_side_by_side_give_the_same_study(study, person, tmp_path):
    result, _ = study
    trials, muscles, mapping = person
    parallel = electrode_study(trials, muscles, mapping, SETTINGS, out=tmp_path, workers=2)
    assert parallel.order == result.order
    for mine, theirs in zip(parallel.metrics, result.metrics, strict=True):
        assert mine.rmse == pytest.approx(theirs.rmse, rel=1e-6)  # numpy may use other threads
