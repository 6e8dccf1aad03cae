"""A plan of a whole workflow: proposals from the model, geometry by OpenSim, tables, page and console."""

import csv
import shutil
from pathlib import Path

import pytest
from small_workflow import write_small_workflow

from osim_nmscal.cli import main
from osim_nmscal.planning.worth import MORE_MOTION


def test_a_plan_proposes_recordings_of_the_elbow_and_writes_tables_and_a_page(
    small_results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_small_workflow(tmp_path, names=("lift",))
    results = Path(shutil.copytree(small_results, tmp_path / "results"))  # its stages are up to date
    monkeypatch.setattr("sys.argv", ["osim-nmscal", "plan", str(config), "--out", str(results)])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    assert ended.value.code == 0, said.err
    with (results / "plan" / "plan_order.csv").open(encoding="utf-8") as file:
        order = list(csv.DictReader(file))
    names = {row["candidate"]: row["agonists"].split() for row in order}
    flexion = next(name for name in names if name.startswith("elbow_flexion_r maximal flexion"))
    extension = next(name for name in names if name.startswith("elbow_flexion_r maximal extension"))
    assert "biceps_long_r" in names[flexion]
    assert not set(names[flexion]) & set(names[extension])
    assert any(name.startswith("elbow_flexion_r moved relaxed") for name in names)
    assert MORE_MOTION in names
    assert said.out.splitlines()[0].split(":")[0] in ("Record next", "None of these recordings would tell much more")
    assert order[0]["candidate"] in said.out
    page = (results / "plan" / "plan.html").read_text(encoding="utf-8")
    assert "What to record next" in page
    assert extension in page
    assert (results / "personalized.osim").is_file()  # what was there stays


def test_moments_not_weighed_by_their_noise_are_refused_before_any_stage_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_small_workflow(tmp_path, names=("lift",))
    options = ["--out", str(tmp_path / "results"), "--set", "calibration.loss.moment_scale=sd"]
    monkeypatch.setattr("sys.argv", ["osim-nmscal", "plan", str(config), *options])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "A plan needs moments weighed by their noise" in capsys.readouterr().err
    assert not (tmp_path / "results").exists()
