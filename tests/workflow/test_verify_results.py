"""The confirmation by OpenSim: which trials, what it refuses, what it says; and that it confirms real runs in either muscle class."""

import json
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from osim_nmscal import cli
from osim_nmscal.config import WorkflowConfig, load_config
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.results import CalibrationResult, NeuralParameters, TrialPrediction
from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.data.trials import Trial, TrialSet
from osim_nmscal.errors import FileFormatError, MuscleModelError, OpenSimToolError, WriteBackError
from osim_nmscal.formats.storage import read_storage, write_storage
from osim_nmscal.opensim_tools.verification import TrialToVerify, VerificationChoice, VerificationRun, VerifiedTrial
from osim_nmscal.osim_model.reader import read_muscles
from osim_nmscal.osim_model.writer import write_personalized
from osim_nmscal.provenance.values import file_digest
from osim_nmscal.workflow import verification
from osim_nmscal.workflow.folder import new_record
from osim_nmscal.workflow.personalize import personalize
from osim_nmscal.workflow.predictions import PredictionFiles, prediction_files, read_predictions, write_predictions
from osim_nmscal.workflow.records import write_record
from osim_nmscal.workflow.results import ResultsFolder, write_sidecar
from osim_nmscal.workflow.verification import downstream_files, verify_results

ROOT = Path(__file__).parent.parent.parent
MODEL = ROOT / "models" / "virtual_leg.osim"
MUSCLES = ("soleus_r", "tibialis_anterior_r")
DOFS = ("knee_angle_r", "ankle_angle_r")
STEPS, LEAD_IN = 30, 10
ROLES = ("held_out", "calibration", "held_out", "held_out", "calibration", "held_out", "held_out")
EVERY = [1, 4, 0, 2, 3, 5, 6]
SETTINGS = {
    "model": {"substitute_muscle_class": None},
    "muscle_analysis": {"method": "lengthening_speed", "lowpass_cutoff": 6.0, "missing_coordinates": "refuse"},
    "verification": {"tolerance": 0.05, "trials": 4},
}

Answer = Callable[[TimeSeries, TimeSeries, TimeSeries], VerificationRun]


def _calibration(muscles: MuscleTable) -> CalibrationResult:
    ones = np.ones(len(muscles))
    neural = NeuralParameters(c1=-0.5 * ones, c2=-0.4 * ones, shape_factor=-ones, electromechanical_delay=0.03, time_step=0.01)
    return CalibrationResult(
        method="emg_driven",
        optimizer="gauss_newton",
        status="converged",
        sentence="The loss stopped improving.",
        seconds=1.0,
        iterations=1,
        evaluations=1,
        loss_initial=1.0,
        loss_final=0.5,
        start_muscles=muscles,
        muscles=muscles,
        strength_coefficient=ones,
        start_neural=neural,
        neural=neural,
        parameters=(),
        history=(),
    )


def _trial(number: int, role: str) -> Trial:
    time = number + 0.01 * np.arange(STEPS)
    swing = np.sin(np.linspace(0, 6, STEPS))
    return Trial(
        name=f"walk/stance_{number}",
        time=time,
        muscles=MUSCLES,
        dofs=DOFS,
        excitation=np.full((STEPS, 2), 0.3),
        mtu_length=np.full((STEPS, 2), 0.3),
        moment_arm=np.full((STEPS, 2, 2), 0.03),
        joint_moment=np.column_stack([50 * swing, -100 * swing]),
        first_counted=LEAD_IN,
        role=role,  # type: ignore[arg-type]
    )


def _prediction(trial: Trial) -> TrialPrediction:
    constant = np.full((STEPS, 2), 0.5)
    return TrialPrediction(
        trial=trial.name,
        time=trial.time,
        first_counted=trial.first_counted,
        muscles=trial.muscles,
        dofs=trial.dofs,
        excitation=trial.excitation,
        activation=constant.copy() + 0.5000001,  # a rounding above 1
        normalized_fiber_length=constant,
        tendon_strain=constant,
        tendon_force=1000 * constant,
        joint_moment=trial.joint_moment + 1.0,
    )


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> ResultsFolder:
    """A results folder as a run leaves it, made without OpenSim."""
    made = ResultsFolder(root=tmp_path_factory.mktemp("made") / "results")
    muscles = read_muscles(MODEL).select(MUSCLES)
    write_personalized(MODEL, made.personalized_model, muscles)
    write_sidecar(made, _calibration(muscles), settings=SETTINGS, inputs={})
    trials = TrialSet(trials=tuple(_trial(number, role) for number, role in enumerate(ROLES)))
    write_predictions(made, trials, [_prediction(trial) for trial in trials.trials])
    made.recording("walk").mkdir()
    (made.recording("walk") / "ik.mot").write_text("never opened here", encoding="utf-8")
    seal(made)
    return made


def seal(folder: ResultsFolder) -> None:
    """Record the files of a folder as its published set, as a run does."""
    paths = [path for path in folder.root.rglob("*") if path.is_file() and path.name != "results.json"]
    record = new_record("complete", "Made by a test.", configuration={}, source=Path("config.toml"), inputs={}, versions={})
    files = {path.relative_to(folder.root).as_posix(): file_digest(path) for path in paths}
    write_record(folder.root, replace(record, files=files))


@pytest.fixture
def folder(made_once: ResultsFolder, tmp_path: Path) -> ResultsFolder:
    """A copy that a test may spoil."""
    return ResultsFolder(root=shutil.copytree(made_once.root, tmp_path / "results"))


@pytest.fixture
def opensim_says(folder: ResultsFolder, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], list[str]]:
    """Let a stand-in for OpenSim miss every moment by a constant, N·m, and return the trials that it was asked for."""

    def says(miss: float) -> list[str]:
        asked: list[str] = []

        def answer(model: Path, motion: Path, activation: TimeSeries, dofs: tuple[str, ...], **_: object) -> VerificationRun:
            files = _files_of(folder, activation)
            asked.append(files.trial)
            moment = read_storage(files.joint_moment).select(dofs)
            off = np.where(np.arange(STEPS) < LEAD_IN, 1e6, miss)[:, None]  # the lead-in never counts
            missed = TimeSeries(time=moment.time, labels=moment.labels, values=moment.values + off, source="stand-in")
            return VerificationRun(tendon_force=read_storage(files.tendon_force), joint_moment=missed)

        stand_in(monkeypatch, answer)
        return asked

    return says


def stand_in(monkeypatch: pytest.MonkeyPatch, answer: Callable[..., VerificationRun]) -> None:
    """Let a function answer in OpenSim's place, trial by trial."""

    def verify_trials(model: Path, trials: list[TrialToVerify], **_: object) -> tuple[VerifiedTrial, ...]:
        found = []
        for trial in trials:
            run = answer(model, trial.coordinates, trial.activation, trial.dofs)
            arms = np.ones((len(run.joint_moment.time), len(trial.dofs), len(run.tendon_force.labels)))
            found.append(VerifiedTrial(name=trial.name, run=replace(run, moment_arm=arms)))
        return tuple(found)

    monkeypatch.setattr(verification, "verify_trials", verify_trials)


def _files_of(folder: ResultsFolder, activation: TimeSeries) -> PredictionFiles:
    return prediction_files(folder.predictions, f"walk/stance_{activation.time[0]:.0f}")


def test_calibration_trials_come_first_then_held_out_ones_from_first_to_last(
    folder: ResultsFolder, opensim_says: Callable[[float], list[str]]
) -> None:
    asked = opensim_says(0.0)
    verify_results(folder.root)
    assert asked == [f"walk/stance_{number}" for number in (1, 4, 0, 6)]  # 4 trials: the folder's own setting


@pytest.mark.parametrize(("most", "expected"), [(0, EVERY), (9, EVERY), (5, [1, 4, 0, 3, 6]), (3, [1, 4, 0]), (1, [1])])
def test_as_many_trials_as_asked_for_are_verified_each_once(
    most: int, expected: list[int], folder: ResultsFolder, opensim_says: Callable[[float], list[str]]
) -> None:
    asked = opensim_says(0.0)
    verify_results(folder.root, choice=VerificationChoice(trials=most))
    assert asked == [f"walk/stance_{number}" for number in expected]


def test_the_error_is_that_of_the_counted_samples_against_the_range_of_inverse_dynamics(
    folder: ResultsFolder, opensim_says: Callable[[float], list[str]]
) -> None:
    opensim_says(4.0)
    found = verify_results(folder.root)
    knee = next(metric for metric in found.metrics if (metric.trial, metric.dof) == ("walk/stance_1", "knee_angle_r"))
    target = 50 * np.sin(np.linspace(0, 6, STEPS))[LEAD_IN:]
    assert knee.rmse == pytest.approx(4.0, abs=1e-9)  # files hold 16 digits
    assert knee.nrmse == pytest.approx(4.0 / np.ptp(target), rel=1e-9)
    # OpenSim = prediction + 4 = inverse dynamics + 5 everywhere
    assert knee.r2_vs_inverse_dynamics == pytest.approx(1 - 25 / target.var(), rel=1e-9)
    assert knee.largest_force_error == 0.0
    assert found.worst == max(metric.nrmse for metric in found.metrics)


def test_ligaments_which_the_model_does_not_have_are_no_error_of_the_muscles(
    folder: ResultsFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials = TrialSet(trials=tuple(_trial(number, role) for number, role in enumerate(ROLES)))
    more = np.linspace(-20.0, 20.0, 2 * STEPS).reshape(STEPS, 2)
    helped = [replace(_prediction(trial), joint_moment=trial.joint_moment + 1.0, ligament_moment=more) for trial in trials]
    write_predictions(folder, trials, helped)
    for written, read in zip(helped, read_predictions(folder.predictions, trials), strict=True):
        assert np.array_equal(read.joint_moment, written.joint_moment)
        assert read.ligament_moment is not None
        assert np.array_equal(read.ligament_moment, more)
    seal(folder)

    def answer(model: Path, motion: Path, activation: TimeSeries, dofs: tuple[str, ...], **_: object) -> VerificationRun:
        files = _files_of(folder, activation)
        moment = read_storage(files.joint_moment).select(dofs)
        muscles = replace(moment, values=moment.values - more)  # OpenSim's muscles give what ours gave
        return VerificationRun(tendon_force=read_storage(files.tendon_force), joint_moment=muscles)

    stand_in(monkeypatch, answer)
    found = verify_results(folder.root)
    assert found.worst < 1e-12
    target = (50 * np.sin(np.linspace(0, 6, STEPS)))[LEAD_IN:]
    knee = next(metric for metric in found.metrics if metric.dof == "knee_angle_r")
    assert knee.r2_vs_inverse_dynamics == pytest.approx(1 - 1 / target.var(), rel=1e-9)  # muscles and ligaments are off by 1 N·m


def test_predictions_are_files_that_opensim_can_take_as_controls(folder: ResultsFolder) -> None:
    files = prediction_files(folder.predictions, "walk/stance_3")
    activation = read_storage(files.activation)
    assert activation.labels == MUSCLES
    assert activation.values.max() == 1.0  # not 1.0000001, which OpenSim refuses
    assert read_storage(files.tendon_force).labels == MUSCLES
    assert read_storage(files.joint_moment).labels == (*DOFS, "knee_angle_r_inverse_dynamics", "ankle_angle_r_inverse_dynamics")


def test_the_files_to_continue_with_downstream_are_there_for_every_trial(folder: ResultsFolder) -> None:
    found = downstream_files(folder.root)
    assert len(found) == len(ROLES)
    assert all(files.activation.is_file() and files.joint_moment.is_file() and files.tendon_force.is_file() for files in found)


@pytest.mark.parametrize(("miss", "code", "sentence"), [(0.5, 0, "OpenSim confirms"), (20.0, 3, "OpenSim does NOT confirm")])
def test_verify_ends_with_code_3_beyond_the_tolerance_and_keeps_every_file(
    miss: float,
    code: int,
    sentence: str,
    folder: ResultsFolder,
    opensim_says: Callable[[float], list[str]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opensim_says(miss)
    before = {path for path in folder.root.rglob("*") if path.is_file()}
    ended, said = _verify_command(folder, capsys, monkeypatch)
    assert ended == code
    assert sentence in said
    assert "Traceback" not in said
    assert before <= {path for path in folder.root.rglob("*") if path.is_file()}


def _fails_in(names: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let OpenSim fail in some trials."""
    whole = verification.verify_trials

    def verify_trials(model: Path, trials: list[TrialToVerify], **given: object) -> tuple[VerifiedTrial, ...]:
        found = whole(model, trials, **given)  # type: ignore[arg-type]
        failed = OpenSimToolError("OpenSim failed: it crashed (SIGSEGV).")
        return tuple(VerifiedTrial(name=one.name, failure=failed) if one.name in names else one for one in found)

    monkeypatch.setattr(verification, "verify_trials", verify_trials)


def test_a_trial_that_opensim_cannot_run_does_not_cost_the_others(
    folder: ResultsFolder,
    opensim_says: Callable[[float], list[str]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opensim_says(0.0)
    _fails_in(["walk/stance_4"], monkeypatch)
    found = verify_results(folder.root)
    assert {metric.trial for metric in found.metrics} == {f"walk/stance_{number}" for number in (1, 0, 6)}
    assert found.failure == "walk/stance_4 of 4 trials: OpenSim failed: it crashed (SIGSEGV)."
    assert not found.confirmed
    ended, said = _verify_command(folder, capsys, monkeypatch)
    assert ended == 3
    assert "walk/stance_4 of 4 trials" in said
    assert "ankle_angle_r" in said


def test_where_opensim_can_run_no_trial_its_reason_is_the_error(
    folder: ResultsFolder, opensim_says: Callable[[float], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    opensim_says(0.0)
    _fails_in([f"walk/stance_{number}" for number in range(7)], monkeypatch)
    with pytest.raises(OpenSimToolError, match="it crashed"):
        verify_results(folder.root)


@pytest.mark.parametrize("full", [False, True])
def test_verify_simulates_the_whole_model_only_when_asked(
    full: bool,
    folder: ResultsFolder,
    opensim_says: Callable[[float], list[str]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opensim_says(0.0)
    whole, asked = verification.verify_trials, []

    def verify_trials(*given: object, **named: object) -> tuple[VerifiedTrial, ...]:
        asked.append(named["full"])
        return whole(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(verification, "verify_trials", verify_trials)
    ended, _ = _verify_command(folder, capsys, monkeypatch, *(["--full"] if full else []))
    assert ended == 0
    assert asked == [full]


def _verify_command(
    folder: ResultsFolder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *options: str
) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["osim-nmscal", "verify", str(folder.root), *options])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out + captured.err


@pytest.mark.parametrize("name", ["optimal_fiber_length", "tendon_slack_length", "max_isometric_force", "pennation_angle_at_optimal"])
def test_a_muscle_edited_by_hand_is_named_with_both_values(
    name: str, folder: ResultsFolder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = folder.personalized_model.read_text(encoding="utf-8")
    start = text.index('name="tibialis_anterior_r"')
    edited = re.sub(rf"<{name}>[^<]*<", f"<{name}>0.0815<", text[start:], count=1)
    folder.personalized_model.write_text(text[:start] + edited, encoding="utf-8")
    was = getattr(read_muscles(MODEL).select(["tibialis_anterior_r"]).muscles[0], name)
    with pytest.raises(
        WriteBackError, match=rf"{name} of 'tibialis_anterior_r' is 0\.0815, but the sidecar says {was:.9g}: the model was edited"
    ):
        verify_results(folder.root)
    code, said = _verify_command(folder, capsys, monkeypatch)
    assert code == 1
    assert "--from write_back" in said


def test_a_muscle_whose_class_was_changed_by_hand_is_named(folder: ResultsFolder) -> None:
    muscles = read_muscles(folder.personalized_model).select(["soleus_r"])
    copy = folder.root / "copy.osim"
    write_personalized(folder.personalized_model, copy, muscles, muscle_class="DeGrooteFregly2016Muscle")
    copy.replace(folder.personalized_model)
    expected = "muscle_class of 'soleus_r' is DeGrooteFregly2016Muscle, but the sidecar says Millard2012EquilibriumMuscle"
    with pytest.raises(WriteBackError, match=expected):
        verify_results(folder.root)


def test_a_muscle_that_was_removed_is_named(folder: ResultsFolder) -> None:
    text = folder.personalized_model.read_text(encoding="utf-8")
    folder.personalized_model.write_text(text.replace('name="soleus_r"', 'name="sole"'), encoding="utf-8")
    with pytest.raises(WriteBackError, match="has no muscle 'soleus_r' any more"):
        verify_results(folder.root)


def test_idle_muscles_of_an_unknown_class_do_not_stand_in_the_way(
    folder: ResultsFolder, opensim_says: Callable[[float], list[str]]
) -> None:
    text = folder.personalized_model.read_text(encoding="utf-8")
    start = text.index('<Millard2012EquilibriumMuscle name="rectus_femoris_r"')
    end = text.index("</Millard2012EquilibriumMuscle>", start)
    element = text[start:end].replace("Millard2012EquilibriumMuscle", "LabMuscle", 1)
    text = text[:start] + element + text[end:].replace("</Millard2012EquilibriumMuscle>", "</LabMuscle>", 1)
    folder.personalized_model.write_text(text, encoding="utf-8")
    document = json.loads(folder.sidecar.read_text(encoding="utf-8"))
    document["settings"]["model"]["substitute_muscle_class"] = "Millard2012EquilibriumMuscle"
    folder.sidecar.write_text(json.dumps(document), encoding="utf-8")
    seal(folder)
    opensim_says(0.0)
    assert verify_results(folder.root).confirmed


@pytest.mark.parametrize(
    ("path", "remedy"),
    [
        ("personalized.json", "run the workflow again with --from calibration"),
        ("personalized.osim", "run the workflow again with --from write_back"),
        ("predictions/index.json", "run the workflow again"),
        ("walk/ik.mot", "run the workflow again"),
        ("predictions/walk_stance_1_activation.sto", ""),
        ("predictions/walk_stance_1_tendon_force.sto", ""),
        ("predictions/walk_stance_1_joint_moment.sto", ""),
    ],
)
def test_a_missing_file_is_named_with_what_to_do(path: str, remedy: str, folder: ResultsFolder) -> None:
    (folder.root / path).unlink()
    with pytest.raises(FileFormatError) as caught:
        verify_results(folder.root)
    assert str(folder.root / path) in str(caught.value)
    assert remedy in str(caught.value)


def test_a_recording_without_motion_is_named_with_what_to_give(folder: ResultsFolder) -> None:
    (folder.root / "walk" / "ik.mot").unlink()
    seal(folder)
    with pytest.raises(FileFormatError, match=r"ik\.mot is missing.*give the workflow markers or joint_angles and run again"):
        verify_results(folder.root)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"settings": {}}', '{"settings": {"verification": {"tolerance": -1}}}', "[1]", '[{"trial": "x"}]']
)
@pytest.mark.parametrize("path", ["personalized.json", "predictions/index.json"])
def test_a_damaged_file_is_named(path: str, text: str, folder: ResultsFolder, opensim_says: Callable[[float], list[str]]) -> None:
    opensim_says(0.0)
    (folder.root / path).write_text(text, encoding="utf-8")
    with pytest.raises(FileFormatError, match=rf"{re.escape(str(folder.root / path))} is missing or damaged .*run the workflow again"):
        verify_results(folder.root)


def test_a_silent_de_groote_muscle_is_driven_a_little_for_opensim_divides_by_its_activation(
    folder: ResultsFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    muscles = read_muscles(MODEL).select(MUSCLES)
    write_personalized(MODEL, folder.personalized_model, muscles.select(["soleus_r"]), muscle_class="DeGrooteFregly2016Muscle")
    mixed = read_muscles(folder.personalized_model).select(MUSCLES)
    write_sidecar(folder, _calibration(mixed), settings=SETTINGS, inputs={})
    file = prediction_files(folder.predictions, "walk/stance_1").activation
    silent = read_storage(file)
    write_storage(file, replace(silent, values=0.0 * silent.values), header_name="silent")
    seal(folder)
    driven: list[TimeSeries] = []

    def answer(model: Path, motion: Path, activation: TimeSeries, dofs: tuple[str, ...], **_: object) -> VerificationRun:
        driven.append(activation)
        files = _files_of(folder, activation)
        return VerificationRun(tendon_force=read_storage(files.tendon_force), joint_moment=read_storage(files.joint_moment).select(dofs))

    stand_in(monkeypatch, answer)
    verify_results(folder.root, choice=VerificationChoice(trials=1))
    assert driven[0].column("soleus_r").min() == 0.001
    assert driven[0].column("tibialis_anterior_r").max() == 0.0  # Millard's own minimum is OpenSim's business


@pytest.mark.parametrize(("muscle_class", "start"), [("DeGrooteFregly2016Muscle", 1.06), ("Millard2012EquilibriumMuscle", 1.0)])
def test_opensim_starts_behind_the_lead_in_samples_in_which_a_de_groote_tendon_would_push(
    muscle_class: str, start: float, folder: ResultsFolder, opensim_says: Callable[[float], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_personalized(MODEL, folder.personalized_model, read_muscles(MODEL).select(MUSCLES), muscle_class=muscle_class)  # type: ignore[arg-type]
    write_sidecar(folder, _calibration(read_muscles(folder.personalized_model).select(MUSCLES)), settings=SETTINGS, inputs={})
    seal(folder)
    opensim_says(4.0)
    whole = verify_results(folder.root, choice=VerificationChoice(trials=1))
    file = prediction_files(folder.predictions, "walk/stance_1").tendon_force
    force = read_storage(file)
    slack = np.arange(STEPS) <= 5
    write_storage(file, replace(force, values=np.where(slack[:, None], -100.0, force.values)), header_name="slack")
    seal(folder)
    starts: list[float] = []

    def answer(model: Path, motion: Path, activation: TimeSeries, dofs: tuple[str, ...], **_: object) -> VerificationRun:
        starts.append(activation.time[0])
        force = read_storage(file).between(activation.time[0], activation.time[-1])
        moment = read_storage(prediction_files(folder.predictions, "walk/stance_1").joint_moment).select(dofs)
        moment = moment.between(activation.time[0], activation.time[-1])
        return VerificationRun(tendon_force=force, joint_moment=replace(moment, values=moment.values + 4.0))

    stand_in(monkeypatch, answer)
    late = verify_results(folder.root, choice=VerificationChoice(trials=1))
    assert starts == [pytest.approx(start)]
    assert late == whole  # the counted samples are the same


def test_predictions_of_another_run_are_told_from_those_of_this_one(
    folder: ResultsFolder, opensim_says: Callable[[float], list[str]]
) -> None:
    opensim_says(0.0)
    mine, other = prediction_files(folder.predictions, "walk/stance_1"), prediction_files(folder.predictions, "walk/stance_2")
    mine.tendon_force.write_bytes(other.tendon_force.read_bytes())
    with pytest.raises(FileFormatError, match=r"walk_stance_1_tendon_force\.sto was edited since; run the workflow again"):
        verify_results(folder.root)
    seal(folder)
    with pytest.raises(FileFormatError, match="has other times than walk_stance_1_activation"):
        verify_results(folder.root)
    mine.tendon_force.write_bytes(mine.joint_moment.read_bytes())
    seal(folder)
    with pytest.raises(FileFormatError, match="lacks the muscles of the activations"):
        verify_results(folder.root)


@pytest.fixture(scope="module")
def short_walk(treadmill_data: Path, tmp_path_factory: pytest.TempPathFactory) -> WorkflowConfig:
    """The treadmill workflow, 3.6 km/h only, 8 to 12 s; lengths and moment arms and moments of its own."""
    text = (ROOT / "workflows" / "treadmill" / "config.toml").read_text(encoding="utf-8")
    text = text.replace("../../../shared/data/treadmill_speeds", treadmill_data.as_posix())
    first, second = text.index('[[recordings]]\nname = "walk45"'), text.index("# The EMG files hold")
    text = (text[:first] + text[second:]).replace("end = 20.0", "start = 8.0\nend = 12.0")
    path = tmp_path_factory.mktemp("config") / "config.toml"
    path.write_text(text, encoding="utf-8")
    return load_config(path)


@pytest.mark.slow
@pytest.mark.opensim
def test_opensim_confirms_a_real_run_in_either_class_and_a_class_that_cannot_be_made_is_refused(
    short_walk: WorkflowConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    choice = VerificationChoice(trials=2)
    folder = ResultsFolder(root=tmp_path / "results")
    for muscle_class, written in (("keep", "Thelen2003Muscle"), ("DeGrooteFregly2016Muscle", "DeGrooteFregly2016Muscle")):
        output = short_walk.output.model_copy(update={"muscle_class": muscle_class})
        result = personalize(short_walk.model_copy(update={"verification": choice, "output": output}), folder.root)
        assert result.calibration is not None
        calibrated = read_muscles(folder.personalized_model).select(result.calibration.muscles.names)
        assert {muscle.muscle_class for muscle in calibrated.muscles} == {written}
        assert result.verification is not None
        assert len(result.verification.metrics) == 6
        assert result.verification.worst < 0.05, muscle_class  # [verification] tolerance
        again = verify_results(folder.root)
        assert again == result.verification  # the same bits from the files alone

    # a tolerance that nothing can meet: told, code 3, and every file kept
    strict = short_walk.model_copy(update={"verification": VerificationChoice(trials=1, tolerance=1e-9), "output": output})
    findings = personalize(strict, folder.root).findings
    assert any("OpenSim does not confirm the model" in finding for finding in findings)
    assert folder.personalized_model.is_file()

    # gait2392 whose muscles are De Groote's, narrower than Millard's can be
    narrow = tmp_path / "narrow.osim"
    text = folder.personalized_model.read_text(encoding="utf-8")
    narrow.write_text(text.replace("<active_force_width_scale>1.0<", "<active_force_width_scale>1.2<", 1))
    model = short_walk.model.model_copy(update={"file": narrow})
    output = short_walk.output.model_copy(update={"muscle_class": "Millard2012EquilibriumMuscle"})
    with pytest.raises(MuscleModelError, match="cannot become a Millard2012EquilibriumMuscle: it has active_force_width_scale"):
        personalize(short_walk.model_copy(update={"model": model, "output": output}), tmp_path / "refused")
    assert not (tmp_path / "refused" / "personalized.osim").exists()
