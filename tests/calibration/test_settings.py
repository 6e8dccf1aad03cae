"""A setting that would change nothing is an error, never silence; what a calibration reads is accepted."""

from typing import Any

import pytest
from pydantic import ValidationError

from osim_nmscal.calibration.emg_driven import calibrate_emg_driven
from osim_nmscal.calibration.settings import (
    AdamWSettings,
    AnnealingSettings,
    CalibrationSettings,
    GaussNewtonSettings,
    LossSettings,
    ParameterSettings,
    ParametersSettings,
)
from osim_nmscal.calibration.simulated_twin import make_twin
from osim_nmscal.calibration.synergy.settings import SynergySettings
from osim_nmscal.errors import CalibrationError

EMG_SCALE = ParametersSettings().emg_scale
STRENGTH = ParametersSettings().strength_coefficient
UNREAD: dict[str, tuple[dict[str, Any], str]] = {
    "AdamW's rate": ({"adamw": AdamWSettings(learning_rate=0.1)}, r"adamw\] learning_rate .*optimizer is 'gauss_newton'"),
    "annealing's time": ({"simulated_annealing": AnnealingSettings(maximum_seconds=9.0)}, r"simulated_annealing\] maximum_seconds"),
    "Gauss-Newton's tolerance": (
        {"optimizer": "adamw", "gauss_newton": GaussNewtonSettings(tolerance=1e-6)},
        r"gauss_newton\] tolerance .*choose optimizer = 'gauss_newton'",
    ),
    "synergies": ({"synergy": SynergySettings(count=3)}, r"synergy\] count .*method is 'emg_driven'"),
    "roles of muscles": ({"synergy": SynergySettings(muscles={"soleus": "withheld"})}, r"synergy\] muscles "),
    "a seed": ({"seed": 3}, r"seed would change nothing, as nothing is random"),
    "bounds of a fixed parameter": (
        {"parameters": ParametersSettings(emg_scale=EMG_SCALE.model_copy(update={"upper": 5.0}))},
        r"emg_scale\] upper would change nothing, as free is false",
    ),
    "groups": (
        {
            "groups": {"front": ("a", "b")},
            "parameters": ParametersSettings(strength_coefficient=STRENGTH.model_copy(update={"scope": "muscle"})),
        },
        r"groups would change nothing, as no free parameter has scope = 'group'",
    ),
    "similarity without groups": ({"loss": LossSettings(similarity_weight=1.0)}, r"similarity_weight .*no group"),
    "a range without weight": (
        {"loss": LossSettings(tendon_strain_weight=0.0, tendon_strain_range=(0.0, 0.1))},
        r"tendon_strain_range .*tendon_strain_weight is 0",
    ),
}


@pytest.mark.parametrize("name", UNREAD)
def test_a_setting_that_changes_nothing_is_refused(name: str) -> None:
    values, sentence = UNREAD[name]
    with pytest.raises(ValidationError, match=sentence):
        CalibrationSettings(**values)


@pytest.mark.parametrize(
    "values",
    [
        {"optimizer": "adamw", "adamw": AdamWSettings(learning_rate=0.1)},
        {"starts": 2, "seed": 3},
        {"optimizer": "simulated_annealing", "seed": 3},
        {"method": "synergy_hybrid", "seed": 3, "synergy": SynergySettings(count=3)},
        # held-out trials whose moments are followed are predicted by Gauss-Newton
        {"method": "synergy_hybrid", "optimizer": "adamw", "gauss_newton": GaussNewtonSettings(tolerance=1e-6)},
        {"groups": {"front": ("a", "b")}},
        {"parameters": ParametersSettings(shape_factor=ParameterSettings(free=False, lower=-2.999, upper=-0.001, start=-2.0))},
    ],
)
def test_a_setting_that_is_read_is_accepted(values: dict[str, Any]) -> None:
    settings = CalibrationSettings(**values)
    # also when everything is spelled out, as a sidecar does
    assert CalibrationSettings.model_validate(settings.model_dump(mode="json")) == settings


def test_a_copied_setting_that_changes_nothing_is_refused_when_calibration_starts() -> None:
    # pydantic's model_copy does not validate
    twin = make_twin(steps=40)
    with pytest.raises(CalibrationError, match=r"adamw\] patience would change nothing"):
        calibrate_emg_driven(twin.trials, twin.start, CalibrationSettings().model_copy(update={"adamw": AdamWSettings(patience=3)}))
