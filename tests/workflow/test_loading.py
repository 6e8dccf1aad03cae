"""A results folder gives back what the run had in memory, without computing anything anew."""

import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from small_workflow import write_small_workflow

from osim_nmscal.config import load_config
from osim_nmscal.errors import ConfigError, FileFormatError
from osim_nmscal.workflow.loading import load_results
from osim_nmscal.workflow.personalize import PersonalizedResult, personalize

pytestmark = pytest.mark.opensim


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """What a run returned, and what its folder gives back."""
    home = tmp_path_factory.mktemp("loading")
    result = personalize(load_config(write_small_workflow(home / "data")), home / "results")
    return result, load_results(home / "results")


def test_trials_are_the_same_bits(both):
    result, loaded = both
    assert loaded.trials.names == result.trials.names
    for mine, theirs in zip(loaded.trials.trials, result.trials.trials, strict=True):
        assert (mine.muscles, mine.dofs, mine.first_counted, mine.role) == (theirs.muscles, theirs.dofs, theirs.first_counted, theirs.role)
        for name in ("time", "excitation", "mtu_length", "moment_arm", "joint_moment"):
            assert_array_equal(getattr(mine, name), getattr(theirs, name), err_msg=f"{mine.name} {name}")


def test_calibration_predictions_and_judgement_are_the_same(both):
    result, loaded = both
    assert loaded.calibration.parameters == result.calibration.parameters
    assert loaded.calibration.muscles == result.calibration.muscles
    assert loaded.metrics == result.metrics
    assert loaded.verification == result.verification.metrics
    assert (loaded.verdict, loaded.findings) == (result.verdict, result.judged)
    for mine, theirs in zip(loaded.predictions, result.predictions, strict=True):
        assert_array_equal(mine.joint_moment, theirs.joint_moment)
        assert_array_equal(mine.normalized_fiber_length, theirs.normalized_fiber_length)


def test_moments_before_calibration_give_the_metrics_before_calibration(both):
    _, loaded = both
    trial = loaded.trials.trials[0]
    error = (loaded.uncalibrated[trial.name].joint_moment - trial.joint_moment)[trial.first_counted :]
    metric = next(m for m in loaded.metrics if m.trial == trial.name and m.model == "uncalibrated")
    assert np.sqrt(np.mean(error**2)) == pytest.approx(metric.rmse, rel=1e-9)


def test_a_run_and_what_is_read_back_of_it_are_equal_and_open_the_same_model(both):
    result, loaded = both
    assert loaded.trials == result.trials
    assert loaded.calibration == result.calibration
    assert loaded.predictions == result.predictions
    assert loaded.uncalibrated == result.uncalibrated
    assert len(repr(result)) < 300
    assert result.model == loaded.model
    early = PersonalizedResult(folder=loaded.folder, stages=(), findings=())
    with pytest.raises(ConfigError, match="ended before the model was written"):
        early.open_model()
    assert repr(early) == f"PersonalizedResult({loaded.folder.name}: ended before the model was written)"


def test_it_prints_in_a_line_and_shows_as_a_table(both):
    _, loaded = both
    assert len(repr(loaded)) < 300
    assert loaded.verdict.level in repr(loaded)
    assert loaded._repr_html_().count("<tr>") == 1 + 2  # a head; one joint, calibration and held-out


def test_tables_become_frames(both):
    pytest.importorskip("pandas", reason="frames need pandas, the extra [plots]")
    _, loaded = both
    frame = loaded.calibration.to_frame()
    assert list(frame["calibrated"]) == [parameter.calibrated for parameter in loaded.calibration.parameters]
    assert set(loaded.metrics.to_frame()["dof"]) == {"elbow_flexion_r"}
    assert len(loaded.verification.to_frame()) == len(loaded.verification)


def test_the_model_opens_in_opensim_with_the_calibrated_muscles(both):
    _, loaded = both
    code = (
        "import sys; from osim_nmscal.workflow.loading import load_results\n"
        f"model = load_results({str(loaded.folder)!r}).open_model()\n"
        "print(model.getMuscles().get('brachialis_r').getOptimalFiberLength())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    muscle = loaded.calibration.muscles.muscles[loaded.calibration.muscles.index("brachialis_r")]
    assert float(done.stdout.splitlines()[-1]) == pytest.approx(muscle.optimal_fiber_length, rel=1e-12)


def test_an_edited_folder_is_refused(both, tmp_path):
    import shutil

    _, loaded = both
    copy = tmp_path / "results"
    shutil.copytree(loaded.folder, copy)
    (copy / "metrics.json").write_text("{}", encoding="utf-8")
    with pytest.raises(FileFormatError, match=r"metrics\.json was edited since"):
        load_results(copy)
