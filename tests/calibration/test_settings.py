"""A setting that would change nothing is an error, never silence; what a calibration reads is accepted."""

from typing import Any

import pytest
from pydantic import ValidationError

from osim_nmscal.calibration.emg_driven import calibrate_emg_driven
from osim_nmscal.calibration.optimizer_settings import AdamWSettings, AnnealingSettings, GaussNewtonSettings
from osim_nmscal.calibration.settings import CalibrationSettings, LossSettings, ParameterSettings, ParametersSettings
from osim_nmscal.calibration.simulated_twin import make_twin
from osim_nmscal.calibration.synergy.settings import SynergySettings
from osim_nmscal.errors import CalibrationError

VELOCITY = ParametersSettings().max_contraction_velocity
STRENGTH = ParametersSettings().strength_coefficient
UNREAD: dict[str, tuple[dict[str, Any], str]] = {
    "AdamW's rate": ({"adamw": AdamWSettings(learning_rate=0.1)}, r"adamw\] learning_rate .*optimizer is 'gauss_newton'"),
    "annealing's time": ({"simulated_annealing": AnnealingSettings(maximum_seconds=9.0)}, r"simulated_annealing\] maximum_seconds"),
    "Gauss-Newton's tolerance": (
        {"method": "emg_driven", "optimizer": "adamw", "gauss_newton": GaussNewtonSettings(tolerance=1e-6)},
        r"gauss_newton\] tolerance .*choose optimizer = 'gauss_newton'",
    ),
    "synergies": ({"method": "emg_driven", "synergy": SynergySettings(count=3)}, r"synergy\] count .*method is 'emg_driven'"),
    "roles of muscles": ({"method": "emg_driven", "synergy": SynergySettings(muscles={"soleus": "withheld"})}, r"synergy\] muscles "),
    "heads that go together": (
        {"preset": "weak_prior", "prior": {"head_correlation": 0.5}},
        r"prior\] head_correlation would change nothing, as fiber and slack lengths have independent priors",
    ),
    "a relaxed leg without a prior": (
        {"loss": {"prior_weight": 0.0}, "prior": {"relaxed_leg": "free"}},
        r"prior\] relaxed_leg would change nothing",
    ),
    "a seed": ({"method": "emg_driven", "seed": 3}, r"seed would change nothing, as nothing is random"),
    "bounds of a fixed parameter": (
        {"parameters": ParametersSettings(max_contraction_velocity=VELOCITY.model_copy(update={"upper": 5.0}))},
        r"max_contraction_velocity\] upper would change nothing, as free is false",
    ),
    "groups": (
        {
            "groups": {"front": ("a", "b")},
            "parameters": ParametersSettings(strength_coefficient=STRENGTH.model_copy(update={"scope": "muscle"})),
        },
        r"groups would change nothing, as no free parameter has scope = 'group'",
    ),
    "noise of moments that are divided by their spread": (
        {"preset": "weak_prior", "noise": {"relative": 0.1}},
        r"noise\] relative would change nothing, as moment_scale is 'sd'",
    ),
    "moment arms where intervals do not read them": (
        {"loss": LossSettings(moment_scale="range"), "prior": {"moment_arm_width": 0.1}},
        r"prior\] moment_arm_width would change nothing, as moment_scale is 'range'",
    ),
    "a range that a preset does not weigh": (
        {"preset": "ceinms", "loss": {"fiber_length_range": (0.4, 1.6)}},
        r"fiber_length_range .*fiber_length_weight is 0",
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
