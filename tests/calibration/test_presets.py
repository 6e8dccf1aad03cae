"""Presets: sets of defaults that what a user sets goes over; none of them is refused, each is what it says."""

from typing import Any, get_args

import pytest
from pydantic import ValidationError

from osim_nmscal.calibration.calibrate import calibrate
from osim_nmscal.calibration.optimizer_settings import GaussNewtonSettings
from osim_nmscal.calibration.presets import PRESETS, PresetName, over_preset
from osim_nmscal.calibration.settings import CalibrationSettings, LossSettings, ParameterSettings, ParametersSettings
from osim_nmscal.calibration.simulated_twin import make_twin


@pytest.mark.parametrize("preset", get_args(PresetName))
def test_a_preset_stands_alone_and_survives_a_file(preset: Any) -> None:
    for method in ("auto", "emg_driven", "synergy_hybrid"):
        settings = CalibrationSettings(preset=preset, method=method)
        assert CalibrationSettings.model_validate(settings.model_dump(mode="json")) == settings
    assert preset in PRESETS


def test_the_default_is_natural() -> None:
    assert CalibrationSettings() == CalibrationSettings(preset="natural")
    assert CalibrationSettings().loss.moment_scale == "noise"


def test_hambly_2025_is_equation_4_within_ceinms_ranges() -> None:
    settings = CalibrationSettings(preset="hambly2025")
    assert (settings.loss.moment_scale, settings.loss.prior_weight) == ("raw", 0.0)
    assert (settings.loss.fiber_length_range, settings.loss.tendon_strain_range) == ((0.5, 1.5), (0.0, 0.05))
    kinds = settings.parameters
    assert (kinds.c1.free, kinds.c2.free, kinds.emg_scale.free, kinds.emg_scale.start) == (True, True, False, 1.0)
    assert (kinds.tendon_slack_length.lower, kinds.tendon_slack_length.upper) == (0.85, 1.15)


def test_ceinms_divides_by_the_spread_and_has_no_penalties() -> None:
    loss = CalibrationSettings(preset="ceinms").loss
    assert (loss.moment_scale, loss.prior_weight, loss.fiber_length_weight, loss.tendon_strain_weight) == ("trial_sd", 0.0, 0.0, 0.0)


def test_version_0_1_0_divides_by_the_spread_and_pulls_weakly() -> None:
    settings = CalibrationSettings(preset="weak_prior")
    assert (settings.loss.moment_scale, settings.loss.prior_weight, settings.loss.fiber_length_weight) == ("sd", 1e-3, 10.0)
    assert settings.prior.working_point_width == 0.0
    assert settings.prior.unrecorded_strength == "free"
    assert settings.prior.length_caution == 1.0  # fiber lengths are pulled as all others


def test_what_a_user_sets_goes_over_the_preset_entry_by_entry() -> None:
    settings = CalibrationSettings.model_validate(
        {
            "preset": "weak_prior",
            "loss": {"prior_weight": 0.5},
            "parameters": {"tendon_slack_length": {"upper": 1.05}, "c1": {"lower": -0.9}},
        }
    )
    assert (settings.loss.prior_weight, settings.loss.moment_scale) == (0.5, "sd")
    slack, c1 = settings.parameters.tendon_slack_length, settings.parameters.c1
    assert (slack.lower, slack.upper, slack.prior_width) == (0.85, 1.05, 0.0)
    assert (c1.free, c1.lower, c1.upper) == (True, -0.9, -0.05)


@pytest.mark.parametrize("slack", [ParameterSettings(lower=0.9, upper=1.05), {"lower": 0.9, "upper": 1.05}], ids=["object", "table"])
def test_objects_go_over_it_as_tables_do(slack: Any) -> None:
    # what an object leaves unsaid is the preset's
    given = ParametersSettings(tendon_slack_length=slack)
    settings = CalibrationSettings(preset="weak_prior", loss=LossSettings(moment_weight=2.0), parameters=given)
    table = {"preset": "weak_prior", "loss": {"moment_weight": 2.0}, "parameters": {"tendon_slack_length": {"lower": 0.9, "upper": 1.05}}}
    assert settings == CalibrationSettings.model_validate(table)
    assert settings.parameters.tendon_slack_length.prior_width == 0.0


def test_laying_over_changes_neither_the_preset_nor_what_was_given() -> None:
    before, given = repr(PRESETS), {"preset": "ceinms", "loss": {"prior_weight": 0.1}}
    over_preset(given)["loss"]["moment_scale"] = "raw"
    assert repr(PRESETS) == before
    assert given == {"preset": "ceinms", "loss": {"prior_weight": 0.1}}


def test_an_unknown_preset_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValidationError, match="'natural', 'without_mvc', 'hambly2025', 'ceinms' or 'weak_prior'"):
        CalibrationSettings(preset="neutral")  # type: ignore[arg-type]


def test_naming_an_optimiser_keeps_every_other_setting() -> None:
    # changed after they were laid over their preset, so that laying them over once more would undo it
    settings = CalibrationSettings(preset="weak_prior", gauss_newton=GaussNewtonSettings(maximum_iterations=2))
    settings = settings.model_copy(update={"loss": LossSettings()})
    twin = make_twin(muscles=2, trials=1, steps=40)
    named, plain = (calibrate(twin.trials, twin.start, settings, optimizer=given) for given in ("gauss_newton", None))
    assert named.history[-1].term_values == plain.history[-1].term_values
