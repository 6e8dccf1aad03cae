"""The table of parameter kinds, and that every list follows from it."""

from dataclasses import fields

import numpy as np
import pytest
import torch
from calibration_twin import every_kind_free, make_objective

from osim_nmscal.calibration import parameter_kinds
from osim_nmscal.calibration.parameter_kinds import KINDS, LINEAR, LOGARITHMIC, ParameterKind, Transform
from osim_nmscal.calibration.settings import CalibrationSettings, ParameterSettings, ParametersSettings
from osim_nmscal.calibration.simulated_twin import make_twin
from osim_nmscal.data.results import NeuralParameters
from osim_nmscal.nms.parameters import NMS_PARAMETERS
from osim_nmscal.nms.sensitivity import ACTIVATION_PARAMETERS, FIBER_PARAMETERS, FORCE_PARAMETERS


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_a_kind_has_settings_a_way_into_the_model_and_a_home(kind: ParameterKind) -> None:
    settings = ParametersSettings().of(kind.name)
    assert all(getattr(settings, field) == getattr(kind, field) for field in ParameterSettings.model_fields)
    assert kind.enters in NMS_PARAMETERS
    assert [kind.enters in among for among in (ACTIVATION_PARAMETERS, FIBER_PARAMETERS, FORCE_PARAMETERS)].count(True) == 1
    assert (kind.home == "sidecar") == (kind.enters in {field.name for field in fields(NeuralParameters)})
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


def test_time_constants_of_activation_would_be_one_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    # what a clock-independent filter needs: a kind on a logarithmic scale that enters as C1 = -exp(-step / tau)
    def decay(value: torch.Tensor, before: torch.Tensor, time_step: float) -> tuple[torch.Tensor, torch.Tensor]:
        c = -torch.exp(-time_step / value)
        return c, c * time_step / value**2

    tau = ParameterKind(
        name="c1",  # under the name of the settings that it would replace
        unit="s",
        description="Time constant.",
        source="test",
        lower=0.005,
        upper=0.2,
        start=0.03,
        transform=LOGARITHMIC,
        enters="c1",
        entry=decay,
    )
    monkeypatch.setitem(parameter_kinds.KINDS, "c1", tau)
    parameters = every_kind_free(c1=ParameterSettings(lower=0.005, upper=0.2, start=0.03, prior_width=0.5))
    objective = make_objective(make_twin(steps=60), CalibrationSettings(parameters=parameters))
    z = objective.space.start() + 0.03
    at = objective.evaluate(z)
    np.testing.assert_allclose(at.parameters.c1.numpy(), -np.exp(-0.01 / objective.space.muscle_values(z, "c1").numpy()), rtol=1e-12)
    direction = torch.randn(len(z), generator=torch.Generator().manual_seed(1), dtype=z.dtype)
    change = (objective.evaluate(z + 1e-6 * direction).loss - objective.evaluate(z - 1e-6 * direction).loss) / 2e-6
    assert 2.0 * float(objective.linearize(at).gradient @ direction) == pytest.approx(change, rel=1e-4)
    # a prior width is that of the logarithm
    column = int(objective.space.blocks["c1"].column[0])
    assert float(objective.space.prior_width()[column]) == pytest.approx(0.5 / np.log(0.2 / 0.005), rel=1e-12)
