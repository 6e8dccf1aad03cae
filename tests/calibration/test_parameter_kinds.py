"""The table of parameter kinds, and that every list follows from it."""

from dataclasses import fields

import numpy as np
import pytest
import torch

from osim_nmscal.calibration.parameter_kinds import KINDS, LINEAR, LOGARITHMIC, ParameterKind, Transform
from osim_nmscal.calibration.parameter_space import parameter_space
from osim_nmscal.calibration.settings import CalibrationSettings, ParameterSettings, ParametersSettings
from osim_nmscal.calibration.simulated_twin import make_twin
from osim_nmscal.data.results import NeuralParameters
from osim_nmscal.nms.parameters import NMS_PARAMETERS
from osim_nmscal.nms.sensitivity import ACTIVATION_PARAMETERS, FIBER_PARAMETERS, FORCE_PARAMETERS, PATH_PARAMETERS, activation_tangents


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_a_kind_has_settings_a_way_into_the_model_and_a_home(kind: ParameterKind) -> None:
    settings = ParametersSettings().of(kind.name)
    assert all(getattr(settings, field) == getattr(kind, field) for field in ParameterSettings.model_fields)
    assert kind.enters in NMS_PARAMETERS
    assert [kind.enters in among for among in (ACTIVATION_PARAMETERS, FIBER_PARAMETERS, FORCE_PARAMETERS, PATH_PARAMETERS)].count(True) == 1
    assert (kind.home == "sidecar") == (kind.enters in {field.name for field in fields(NeuralParameters)})
    assert (kind.home == "fit") == (kind.enters in PATH_PARAMETERS)
    if kind.write is not None:
        muscle = kind.write(make_twin(muscles=1, trials=1, steps=30).true.muscles[0], 0.0625)
        assert 0.0625 in {*vars(muscle).values(), *vars(muscle.properties).values()}


@pytest.mark.parametrize("transform", [LINEAR, LOGARITHMIC], ids=["linear", "logarithmic"])
def test_a_transform_runs_from_bound_to_bound_with_its_own_slope(transform: Transform) -> None:
    lower, upper = torch.tensor([0.01, 0.5], dtype=torch.float64), torch.tensor([0.06, 2.0], dtype=torch.float64)
    ends = [transform.value(torch.full((2,), z, dtype=torch.float64), lower, upper) for z in (0.0, 1.0)]
    torch.testing.assert_close(torch.stack(ends), torch.stack([lower, upper]), rtol=1e-14, atol=0.0)
    z = torch.tensor([0.3, 0.8], dtype=torch.float64)
    value = transform.value(z, lower, upper)
    torch.testing.assert_close(transform.place(value, lower, upper), z, rtol=1e-12, atol=0.0)
    differences = (transform.value(z + 1e-6, lower, upper) - transform.value(z - 1e-6, lower, upper)) / 2e-6
    torch.testing.assert_close(transform.slope(value, lower, upper), differences, rtol=1e-8, atol=0.0)


def test_a_time_constant_is_the_same_filter_whatever_the_clock() -> None:
    # C = -exp(-step / tau): a pole at exp(-step / tau), whose impulse response falls by 1 / e every tau seconds on any clock
    space = parameter_space(make_twin(muscles=1, trials=1, steps=30).start, CalibrationSettings(), time_step=0.01)
    z = space.start() + 0.1
    tau = float(space.muscle_values(z, "activation_time_constant_1")[0])
    left = []
    for step in (0.01, 0.001):
        c1 = float(space.with_clock(step).model_parameters(z).c1[0])
        assert c1 == pytest.approx(-np.exp(-step / tau), rel=1e-12)
        left.append(np.log((-c1) ** (0.3 / step)))
    np.testing.assert_allclose(left, -0.3 / tau, rtol=1e-9)


def test_a_pulse_makes_the_same_activation_on_two_clocks() -> None:
    # through the model: excitation held long against a step rises and falls alike, but for the half steps that a sample stands for
    space = parameter_space(make_twin(muscles=1, trials=1, steps=30).start, CalibrationSettings(), time_step=0.01)
    found = []
    for step in (0.002, 0.001):
        time = torch.arange(0.0, 0.5, step, dtype=torch.float64)
        excitation = ((time > 0.1) & (time < 0.3)).to(torch.float64)[:, None, None]
        parameters = space.with_clock(step).model_parameters(space.start())
        activation, _ = activation_tangents(excitation, parameters, (), step)
        found.append(activation[:: round(0.01 / step), 0, 0].numpy())
    # two filters of 20 and 30 ms change by at most 2 % in a step of 1 ms
    np.testing.assert_allclose(found[0], found[1], atol=0.04)
    assert found[0].max() > 0.8


def test_the_slope_of_a_time_constant_is_that_of_central_differences() -> None:
    tau, step = torch.tensor([0.004, 0.03, 0.2], dtype=torch.float64), 1e-7
    entry = KINDS["activation_time_constant_1"].entry
    slope = entry(tau, tau, 0.005)[1]
    differences = (entry(tau + step, tau, 0.005)[0] - entry(tau - step, tau, 0.005)[0]) / (2.0 * step)
    torch.testing.assert_close(slope, differences, rtol=1e-6, atol=0.0)
