"""Where a recording may enter the road, and what is then not asked for."""

from pathlib import Path

import numpy as np
import pytest
from small_workflow import DOF, write_small_workflow

from osim_nmscal.config import load_config
from osim_nmscal.data.trials import Trial
from osim_nmscal.errors import ConfigError
from osim_nmscal.formats.storage import read_storage
from osim_nmscal.workflow.check import check_workflow
from osim_nmscal.workflow.loading import load_results
from osim_nmscal.workflow.personalize import personalize


def _without_emg(folder: Path) -> Path:
    """The small workflow with nothing about EMG."""
    path = write_small_workflow(folder, names=("lift",))
    text = path.read_text(encoding="utf-8").replace('emg = "lift_emg.sto"\n', "")
    start, end = text.index("[emg.envelope]"), text.index("[trials.segmentation]")
    path.write_text(text[:start] + text[end:], encoding="utf-8")
    return path


@pytest.mark.opensim
def test_one_stage_before_the_emg_runs_without_any(tmp_path: Path) -> None:
    config = load_config(_without_emg(tmp_path))
    personalize(config, tmp_path / "results", only_stage="scaling")
    done = personalize(config, tmp_path / "results", only_stage="inverse_kinematics")
    assert [stage.name for stage in done.stages] == ["scaling", "inverse_kinematics"]
    assert (tmp_path / "results" / "lift" / "ik.mot").is_file()


def test_a_whole_run_without_emg_is_refused_in_one_sentence_that_names_the_way(tmp_path: Path) -> None:
    config = load_config(_without_emg(tmp_path))
    (error,) = check_workflow(config, tmp_path / "results").errors
    assert "Recording 'lift' gives no emg" in str(error)
    assert "--only inverse_kinematics" in str(error)
    assert check_workflow(config, tmp_path / "results", only_stage="inverse_dynamics").errors == ()


def test_the_first_stage_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="run with --only scaling first, or without --only"):
        personalize(load_config(_without_emg(tmp_path)), tmp_path / "results", only_stage="inverse_kinematics")


@pytest.mark.opensim
def test_moments_and_muscle_geometry_of_another_run_are_an_entry_without_angles_on_any_clock(small_results: Path, tmp_path: Path) -> None:
    path = write_small_workflow(tmp_path, names=("lift",))
    moments, geometry, emg = small_results / "lift" / "id.sto", small_results / "lift", small_results.parent / "lift_emg.sto"
    late = read_storage(emg)
    (tmp_path / "late.sto").write_text(_moved(emg.read_text(encoding="utf-8"), 40.0), encoding="utf-8")
    given = f'joint_moments = "{moments}"\nmuscle_analysis = "{geometry}"\nemg = "late.sto"\ntime_offset = {{ emg = -40.0 }}\n'
    text = path.read_text(encoding="utf-8")
    entry = 'joint_angles = "lift_angles.sto"\nexternal_loads = "none"\nemg = "lift_emg.sto"\n'
    assert entry in text
    path.write_text(text.replace(entry, given), encoding="utf-8")
    result = personalize(load_config(path), tmp_path / "results")
    before, again = load_results(small_results).trials, result.trials
    assert again is not None
    assert len(late.time) == len(read_storage(tmp_path / "late.sto").time)
    for one, other in zip(before.trials, again.trials, strict=True):
        assert one.dofs == other.dofs == (DOF,)
        for name in ("excitation", "mtu_length", "moment_arm", "joint_moment"):
            _same(one, other, name)
    assert result.verification is None  # no motion is there to prescribe
    assert result.verdict is not None


def _same(one: Trial, other: Trial, name: str) -> None:
    # times of 40 s hold fewer digits of a step, and files have sixteen
    np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-6, atol=1e-9, err_msg=name)


def _moved(text: str, seconds: float) -> str:
    """The text of a .sto on a later clock."""
    head, labels, table = text.partition("endheader\n")
    names, _, rows = table.partition("\n")
    moved = [f"{float(row.split(chr(9), 1)[0]) + seconds!r}\t{row.split(chr(9), 1)[1]}" for row in rows.splitlines() if row]
    return head + labels + names + "\n" + "\n".join(moved) + "\n"
