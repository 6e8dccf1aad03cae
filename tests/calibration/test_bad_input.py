"""What cannot be calibrated is refused in a sentence, and what is decided for the user is reported."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from osim_nmscal.calibration.emg_driven import calibrate_emg_driven
from osim_nmscal.calibration.optimizer_settings import GaussNewtonSettings
from osim_nmscal.calibration.prediction import predict
from osim_nmscal.calibration.settings import CalibrationSettings, ParameterSettings, ParametersSettings
from osim_nmscal.calibration.simulated_twin import Twin, make_twin
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.trials import TrialSet
from osim_nmscal.errors import CalibrationError, SignalError, UnknownNameError

QUICK = GaussNewtonSettings(maximum_iterations=1)


@pytest.fixture(scope="module")
def twin() -> Twin:
    return make_twin(steps=50)


def with_signal(twin: Twin, name: str, change: object) -> TrialSet:
    return TrialSet(trials=tuple(replace(trial, **{name: change(getattr(trial, name))}) for trial in twin.trials.trials))  # type: ignore[operator]


def test_a_group_that_names_an_unknown_muscle_is_refused(twin: Twin) -> None:
    settings = CalibrationSettings(groups={"front": ("muscle_0", "mucsle_1")})
    with pytest.raises(UnknownNameError, match=r"group 'front' names muscle 'mucsle_1'.*Did you mean 'muscle_1'"):
        calibrate_emg_driven(twin.trials, twin.start, settings)


def test_a_muscle_in_two_groups_is_refused(twin: Twin) -> None:
    settings = CalibrationSettings(groups={"front": ("muscle_0",), "back": ("muscle_0", "muscle_1")})
    with pytest.raises(CalibrationError, match="'muscle_0' is in calibration groups 'front' and 'back'"):
        calibrate_emg_driven(twin.trials, twin.start, settings)


def test_a_bound_that_excludes_the_start_is_refused(twin: Twin) -> None:
    outside = ParametersSettings(shape_factor=ParameterSettings(lower=-2.9, upper=-1.5, start=-1.0))
    with pytest.raises(CalibrationError, match=r"shape_factor\] bounds -2.9 to -1.5 .* exclude the start -1 of 'muscle_0'"):
        calibrate_emg_driven(twin.trials, twin.start, CalibrationSettings(parameters=outside))


def test_bounds_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ValidationError, match="lower bound 2 is not below upper bound 1"):
        ParameterSettings(lower=2.0, upper=1.0)


def test_a_start_that_an_osim_does_not_have_is_refused(twin: Twin) -> None:
    parameters = ParametersSettings(c1=ParameterSettings(lower=-0.95, upper=-0.05))
    with pytest.raises(CalibrationError, match=r"c1\] start = 'model', but an .osim has no c1"):
        calibrate_emg_driven(twin.trials, twin.start, CalibrationSettings(parameters=parameters))


def test_nothing_to_calibrate_is_refused(twin: Twin) -> None:
    fixed = {n: getattr(ParametersSettings(), n).model_copy(update={"free": False}) for n in ParametersSettings.model_fields}
    with pytest.raises(CalibrationError, match="No parameter is free"):
        calibrate_emg_driven(twin.trials, twin.start, CalibrationSettings(parameters=ParametersSettings(**fixed)))


def test_all_zero_excitations_are_refused(twin: Twin) -> None:
    with pytest.raises(CalibrationError, match="All excitations are zero"):
        calibrate_emg_driven(with_signal(twin, "excitation", np.zeros_like), twin.start)


def test_more_parameters_than_samples_are_warned_of_not_refused(twin: Twin) -> None:
    trials = TrialSet(trials=(replace(twin.trials.trials[0], first_counted=45),))
    result = calibrate_emg_driven(trials, twin.start, CalibrationSettings(gauss_newton=QUICK))
    assert any("more free parameters (32) than moment samples (10)" in finding for finding in result.findings)


def test_a_constant_moment_is_reported(twin: Twin) -> None:
    def constant(moment: np.ndarray) -> np.ndarray:
        moment = moment.copy()
        moment[:, 1] = 5.0
        return moment

    result = calibrate_emg_driven(with_signal(twin, "joint_moment", constant), twin.start, CalibrationSettings(gauss_newton=QUICK))
    assert any("joint moment of dof_1 is constant (5 N·m)" in finding for finding in result.findings)


@pytest.mark.parametrize("name", ["excitation", "mtu_length", "moment_arm", "joint_moment"])
def test_a_signal_that_is_not_finite_is_refused(twin: Twin, name: str) -> None:
    def spoiled(signal: np.ndarray) -> np.ndarray:
        signal = signal.copy()
        signal[7] = np.nan
        return signal

    with pytest.raises(SignalError, match=f"{name} is not finite at 0.07 s"):
        with_signal(twin, name, spoiled)


@pytest.mark.parametrize("name", ["optimal_fiber_length", "tendon_slack_length", "max_isometric_force", "max_contraction_velocity"])
@pytest.mark.parametrize("value", [np.nan, 0.0])
def test_a_muscle_with_an_impossible_property_is_refused(twin: Twin, name: str, value: float) -> None:
    broken = MuscleTable(muscles=(replace(twin.start.muscles[0], **{name: value}), *twin.start.muscles[1:]))
    with pytest.raises(CalibrationError, match=f"'muscle_0' has {name} = "):
        calibrate_emg_driven(twin.trials, broken)


def test_a_muscle_that_the_model_lacks_is_refused(twin: Twin) -> None:
    with pytest.raises(UnknownNameError, match="no muscle 'muscle_3'"):
        calibrate_emg_driven(twin.trials, MuscleTable(muscles=twin.start.muscles[:3]))


def calibrate(trials: TrialSet, twin: Twin) -> None:
    calibrate_emg_driven(trials, twin.start, CalibrationSettings(gauss_newton=QUICK))


def predicted(trials: TrialSet, twin: Twin) -> None:
    predict(trials, twin.true, twin.neural)


@pytest.mark.parametrize("use", [calibrate, predicted])
def test_signals_in_another_unit_are_refused_with_the_unit_to_use(twin: Twin, use: Callable[[TrialSet, Twin], None]) -> None:
    with pytest.raises(SignalError, match=r"excitation of 'muscle_\d' reaches \d\d\.\d+ .* in percent: divide excitations by 100"):
        use(with_signal(twin, "excitation", lambda e: 100.0 * e), twin)
    with pytest.raises(SignalError, match=r"reaches 1\.\d+ .*expected 0 to 1; divide by a higher maximum"):
        use(with_signal(twin, "excitation", lambda e: 2.2 * e), twin)
    with pytest.raises(SignalError, match=r"MTU length of 'muscle_0' is about .* in mm: divide them by 1000"):
        use(with_signal(twin, "mtu_length", lambda length: 1000.0 * length), twin)
    with pytest.raises(SignalError, match=r"in cm: divide them by 100\)"):
        use(with_signal(twin, "mtu_length", lambda length: 100.0 * length), twin)
    with pytest.raises(SignalError, match="give moment arms in m"):
        use(with_signal(twin, "moment_arm", lambda arm: 1000.0 * arm), twin)


def test_muscles_in_millimetres_are_refused(twin: Twin) -> None:
    long = [
        replace(m, optimal_fiber_length=1e3 * m.optimal_fiber_length, tendon_slack_length=1e3 * m.tendon_slack_length)
        for m in twin.start.muscles
    ]
    with pytest.raises(SignalError, match="the muscles' lengths in m"):
        calibrate_emg_driven(twin.trials, MuscleTable(muscles=tuple(long)))
