"""Cross-validation finds the muscle class that made the moments."""

from dataclasses import replace

import pytest

from osim_nmscal.calibration.calibrate import calibrate
from osim_nmscal.calibration.muscle_choice import choose_muscles
from osim_nmscal.calibration.prediction import predict
from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.calibration.simulated_twin import Twin, make_twin
from osim_nmscal.data.muscles import MuscleTable, Thelen2003Properties
from osim_nmscal.data.results import CalibrationResult
from osim_nmscal.data.starting_values import StartingValues
from osim_nmscal.data.trials import TrialSet
from osim_nmscal.errors import CalibrationError, FiberDynamicsError
from osim_nmscal.osim_model.conversion import convert_muscles
from osim_nmscal.workflow.muscle_classes import candidates_of, choose_class, class_to_write

THELEN, MILLARD, DEGROOTE = "Thelen2003Muscle", "Millard2012EquilibriumMuscle", "DeGrooteFregly2016Muscle"
SETTINGS = CalibrationSettings()


def _thelen(muscles: MuscleTable) -> MuscleTable:
    return MuscleTable(muscles=tuple(replace(one, properties=Thelen2003Properties()) for one in muscles.muscles))


def _whose_moments(true: MuscleTable, twin: Twin) -> TrialSet:
    made = predict(twin.trials, true, twin.neural)
    return TrialSet(trials=tuple(replace(t, joint_moment=p.joint_moment) for t, p in zip(twin.trials.trials, made, strict=True)))


@pytest.mark.parametrize("true", [MILLARD, DEGROOTE])
def test_the_class_that_made_the_moments_is_chosen_though_the_file_says_thelen(true: str) -> None:
    twin = make_twin(steps=60)
    trials = _whose_moments(convert_muscles(_thelen(twin.true), true), twin)
    choice = choose_class(trials, StartingValues.of(_thelen(twin.start)), SETTINGS, calibrate)
    assert isinstance(choice.muscles, StartingValues)
    assert {one.muscle_class for one in choice.muscles.muscles.muscles} == {true}
    assert choice.sentence.startswith(f"Muscle class {true} was chosen by cross-validation: 2 calibration trials")
    # every candidate comes with its numbers
    assert choice.sentence.count(" N·m, ") == 3


def test_the_error_is_the_mean_over_left_out_trials_and_joints_and_the_first_wins_a_tie() -> None:
    twin = make_twin(steps=50)
    choice = choose_muscles(twin.trials, {"one": twin.start, "same": twin.start}, SETTINGS, calibrate)
    assert choice.chosen == "one"
    assert choice.metrics["one"] == choice.metrics["same"]
    assert {row.role for row in choice.metrics["one"]} == {"held_out"}


def test_a_class_without_equilibrium_is_left_out_and_said() -> None:
    twin = make_twin(steps=50)

    def calibrated(trials: TrialSet, muscles: MuscleTable | StartingValues, settings: CalibrationSettings) -> CalibrationResult:
        if muscles is not twin.start:
            raise FiberDynamicsError("muscle_0 has no equilibrium.")
        return calibrate(trials, muscles, settings)

    choice = choose_muscles(twin.trials, {"broken": twin.true, "sound": twin.start}, SETTINGS, calibrated)
    assert choice.chosen == "sound"
    assert "broken could not be tried: muscle_0 has no equilibrium." in choice.sentence
    with pytest.raises(CalibrationError, match=r"^No muscle class could be calibrated: broken: muscle_0 has no equilibrium\.$"):
        choose_muscles(twin.trials, {"broken": twin.true}, SETTINGS, calibrated)


def test_one_calibration_trial_is_refused_with_the_way_out() -> None:
    twin = make_twin(steps=50)
    one = TrialSet(trials=twin.trials.trials[:1])
    with pytest.raises(CalibrationError, match=r"needs at least two; there is 1\. Raise \[trials\.roles\] calibration_count"):
        choose_class(one, twin.start, SETTINGS, calibrate)


def test_a_class_is_tried_once_and_one_that_cannot_be_had_is_named() -> None:
    twin = make_twin(steps=50)
    found, impossible = candidates_of(twin.start)
    assert list(found) == [f"{MILLARD} (as the model has it)", DEGROOTE]
    assert not impossible
    odd = convert_muscles(twin.start, DEGROOTE)
    wide = replace(odd.muscles[0].properties, active_force_width_scale=1.5)
    found, impossible = candidates_of(MuscleTable(muscles=(replace(odd.muscles[0], properties=wide),)))
    assert list(found) == [f"{DEGROOTE} (as the model has it)"]
    assert impossible[0].startswith(f"{MILLARD} was not tried: Muscle 'muscle_0' cannot become")


def test_what_is_written_is_the_class_that_was_chosen() -> None:
    thelen = _thelen(make_twin(steps=50).start)
    assert class_to_write("keep", thelen) == "keep"
    assert class_to_write("auto", thelen) == "keep"
    assert class_to_write("auto", convert_muscles(thelen, DEGROOTE)) == DEGROOTE
    assert class_to_write(MILLARD, thelen) == MILLARD
