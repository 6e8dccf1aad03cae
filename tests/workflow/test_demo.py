"""The demo: a person is made once, and what is not the demo's is never touched."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from osim_nmscal.errors import ConfigError
from osim_nmscal.virtual_subject.make import VirtualSubject
from osim_nmscal.workflow import demo as station
from osim_nmscal.workflow.demo import DemoResult, run_demo
from osim_nmscal.workflow.runner import Progress


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Replace the chain and the comparison by nothing; returns what `_make` was asked for."""
    monkeypatch.setattr(station, "load_config", lambda path: SimpleNamespace(calibration=SimpleNamespace(groups={})))
    monkeypatch.setattr(station, "personalize", lambda *_, **__: SimpleNamespace(calibration="done"))
    monkeypatch.setattr(station, "compare_with_truth", lambda *_: ())
    _ASKED.clear()
    return _ASKED


_ASKED: list[tuple[str, int]] = []


def _make(folder: Path, kind: str, seed: int, progress: object) -> VirtualSubject:
    _ASKED.append((kind, seed))
    (folder / "truth").mkdir(exist_ok=True)
    (folder / "truth" / "truth.json").write_text(json.dumps({"seed": seed}))
    (folder / f"{kind}.trc").write_text(f"markers {seed}")
    (folder / "config.toml").write_text("[subject]\n")
    return VirtualSubject(
        folder=folder,
        config=folder / "config.toml",
        truth=folder / "truth" / "truth.json",
        moment_residual={},
        synergy_share=1.0,
        seconds=0.0,
    )


def test_the_same_person_is_made_once(made: list[tuple[str, int]], tmp_path: Path) -> None:
    first, second = (run_demo(tmp_path / "demo", seed=3, make=_make) for _ in range(2))
    assert (first.reused, second.reused) == (False, True)
    assert made == [("leg", 3)]


def test_an_edited_configuration_is_kept_and_an_edited_recording_is_made_again(made: list[tuple[str, int]], tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    run_demo(folder, make=_make)
    (folder / "config.toml").write_text("# mine\n")
    assert run_demo(folder, make=_make).reused
    assert (folder / "config.toml").read_text() == "# mine\n"
    (folder / "leg.trc").write_text("other markers")
    assert not run_demo(folder, make=_make).reused
    assert (folder / "leg.trc").read_text() == "markers 1"


def test_another_limb_seed_or_version_is_another_person_and_leaves_nothing_of_the_first(
    made: list[tuple[str, int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "demo"
    run_demo(folder, make=_make)
    assert not run_demo(folder, kind="arm", make=_make).reused
    assert not (folder / "leg.trc").exists()
    assert not run_demo(folder, kind="arm", seed=2, make=_make).reused
    monkeypatch.setattr(station, "__version__", "99.0")
    assert not run_demo(folder, kind="arm", seed=2, make=_make).reused


def test_a_person_who_also_sits_on_a_dynamometer_is_another_and_arms_do_not(made: list[tuple[str, int]], tmp_path: Path) -> None:
    asked: list[dict[str, object]] = []

    def making(folder: Path, kind: str, seed: int, progress: object, **more: object) -> VirtualSubject:
        asked.append(more)
        return _make(folder, kind, seed, progress)

    folder = tmp_path / "demo"
    for sits in (False, True, True, False):
        run_demo(folder, dynamometer=sits, make=making)
    assert asked == [{}, {"dynamometer": True}, {}]  # the third was there already
    with pytest.raises(ConfigError, match=r"turns legs only; leave --arm out"):
        run_demo(folder, kind="arm", dynamometer=True, make=making)


def test_an_interrupted_demo_goes_on_in_its_folder(made: list[tuple[str, int]], tmp_path: Path) -> None:
    def interrupted(*_: object, **__: object) -> VirtualSubject:
        (tmp_path / "demo" / "leg.trc").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_demo(tmp_path / "demo", make=interrupted)
    assert not run_demo(tmp_path / "demo", make=_make).reused


def test_a_folder_with_other_files_is_refused_and_left_alone(made: list[tuple[str, int]], tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ConfigError, match=r"holds files, but no demo\.json of an earlier demo; give the demo a folder of its own"):
        run_demo(tmp_path, make=_make)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    with pytest.raises(ConfigError, match=r"thesis\.tex is no folder"):
        run_demo(tmp_path / "thesis.tex", make=_make)
    assert made == []


def test_a_record_that_names_files_outside_the_folder_deletes_none_of_them(made: list[tuple[str, int]], tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    folder = tmp_path / "demo"
    run_demo(folder, make=_make)
    record = json.loads((folder / "demo.json").read_text())
    record["files"]["../mine.txt"] = "0"
    (folder / "demo.json").write_text(json.dumps(record))
    run_demo(folder, seed=2, make=_make)
    assert (tmp_path / "mine.txt").exists()


@pytest.mark.parametrize(("wrong", "sentence"), [({"seed": -1}, "seed is -1"), ({"kind": "leq"}, "Did you mean 'leg'")])
def test_a_person_that_cannot_be_is_refused(wrong: dict[str, object], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=sentence):
        run_demo(tmp_path / "demo", make=_make, **wrong)  # type: ignore[arg-type]
    assert not (tmp_path / "demo").exists()


@pytest.fixture(scope="module")
def leg(tmp_path_factory: pytest.TempPathFactory) -> tuple[DemoResult, list[Progress]]:
    told: list[Progress] = []
    return run_demo(tmp_path_factory.mktemp("demo") / "leg", progress=told.append), told


@pytest.mark.slow
@pytest.mark.opensim
def test_the_demo_makes_a_model_that_beats_the_scaled_one_on_trials_it_never_saw(leg: tuple[DemoResult, list[Progress]]) -> None:
    result, told = leg
    metrics = result.personalized.metrics
    for dof in ("hip_flexion_r", "knee_flexion_r", "ankle_dorsiflexion_r"):
        before, after = (
            [m.rmse for m in metrics if (m.role, m.dof, m.model) == ("held_out", dof, model)] for model in ("uncalibrated", "calibrated")
        )
        assert sum(after) < 0.7 * sum(before), dof
    assert result.personalized.model is not None
    assert result.personalized.model.is_file()
    assert result.personalized.verification is not None
    assert result.personalized.verification.confirmed
    # every kind of parameter that the demo frees per muscle is in the table
    assert {"activation_time_constant_1", "activation_time_constant_2", "shape_factor"} < {row.parameter for row in result.comparison}
    states = [one.state for one in told if one.stage == "virtual_subject"]
    assert (states[0], set(states[1:-1]), states[-1]) == ("started", {"iteration"}, "done")


@pytest.mark.slow
@pytest.mark.opensim
def test_most_true_parameters_lie_in_their_intervals_and_few_are_told_by_a_walk(leg: tuple[DemoResult, list[Progress]]) -> None:
    comparison = leg[0].comparison
    assert {row.parameter for row in comparison} >= {"optimal_fiber_length", "tendon_slack_length", "strength_coefficient"}
    count = sum(row.whole.count for row in comparison)
    # laboratory noise shifts markers and plates by more than the fit's residual shows, so less than 95 % is asked for
    assert sum(row.whole.inside for row in comparison) > 0.8 * count
    assert sum(row.told.count for row in comparison) < 0.3 * count


@pytest.mark.slow
@pytest.mark.opensim
def test_the_chain_never_reads_the_truth(leg: tuple[DemoResult, list[Progress]]) -> None:
    result = leg[0]
    inputs = json.loads((result.personalized.folder / "personalized.json").read_text(encoding="utf-8"))["inputs"]
    assert inputs
    assert not [path for path in inputs if "truth" in Path(path).relative_to(result.folder).parts]
    assert result.truth.is_file()
