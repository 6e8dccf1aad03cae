"""Named sets of defaults of a calibration: ours, and those of others to the letter.

A preset is a table of settings that stand in for the defaults; what a user sets goes over it.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel

PresetName = Literal["natural", "without_mvc", "hambly2025", "ceinms", "weak_prior"]

# Filter coefficients instead of time constants, no prior on working points and no gain of EMG: as both papers have it.
_RANGES: dict[str, Any] = {
    "parameters": {
        "c1": {"free": True},
        "c2": {"free": True},
        "shape_factor": {"prior_width": 0.0},
        "optimal_fiber_length": {"lower": 0.85, "upper": 1.15, "prior_width": 0.0},
        "tendon_slack_length": {"lower": 0.85, "upper": 1.15, "prior_width": 0.0},
        "strength_coefficient": {"lower": 0.5, "upper": 2.5, "prior_width": 0.0},
        "emg_scale": {"free": False, "start": 1.0},
        "tendon_strain_at_one_norm_force": {"free": False},
    },
    "prior": {"working_point_width": 0.0, "unrecorded_strength": "free", "length_caution": 1.0},
    "synergy": {"excitation_weight": 0.03},
}

PRESETS: dict[str, dict[str, Any]] = {
    # the defaults themselves: natural coordinates and a likelihood
    "natural": {},
    # without maximal contractions excitations are in units of nothing: the gain of EMG is nearly unknown, and strength with it
    "without_mvc": {"parameters": {"strength_coefficient": {"prior_width": 0.4}, "emg_scale": {"prior_width": 0.3, "start": 1.0}}},
    # Eq. 4 and 5 of Hambly et al. (2025): errors in N·m, ranges without a prior
    "hambly2025": {**_RANGES, "loss": {"moment_scale": "raw", "prior_weight": 0.0}},
    # Pizzolato et al. (2015): squared errors over each DOF's variance in its trial, ranges without a prior, no penalties
    "ceinms": {
        **_RANGES,
        "loss": {"moment_scale": "trial_sd", "prior_weight": 0.0, "fiber_length_weight": 0.0, "tendon_strain_weight": 0.0},
    },
    # version 0.1.0 of this package: CEINMS's ranges with a weak pull to the start
    "weak_prior": {**_RANGES, "loss": {"moment_scale": "sd", "prior_weight": 1e-3}},
}


def preset_of_recordings(given: Any) -> Any:
    """Return a configuration whose calibration knows whether there are maximal contractions, unless it names a preset.

    Args:
        given: tables of a whole configuration, as read.
    """
    if not isinstance(given, Mapping):
        return given
    emg, calibration = given.get("emg", {}), given.get("calibration", {})
    if not isinstance(emg, Mapping) or not isinstance(calibration, Mapping) or emg.get("mvc") or "preset" in calibration:
        return given
    return {**given, "calibration": {"preset": "without_mvc", **calibration}}


def over_preset(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings of a calibration laid over the preset that they name; an unknown name is left for validation to refuse."""
    preset = PRESETS.get(str(given.get("preset", "natural")), {})
    return _merged(preset, given)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for name, value in above.items():
        under = merged.get(name)
        if isinstance(under, Mapping) and isinstance(value, BaseModel):
            value = {field: getattr(value, field) for field in value.model_fields_set}
        merged[name] = _merged(under, value) if isinstance(under, Mapping) and isinstance(value, Mapping) else value
    return merged
