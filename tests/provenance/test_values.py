"""Whatever a result depends on changes its digest, and what cannot be named is refused."""

import math
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import BaseModel

from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.data.trials import Trial
from osim_nmscal.provenance.values import digest_of

TIME = 0.01 * np.arange(5)
TRIAL = Trial(
    name="run/1",
    time=TIME,
    muscles=("m",),
    dofs=("knee",),
    excitation=np.full((5, 1), 0.2),
    mtu_length=np.full((5, 1), 0.3),
    moment_arm=np.full((5, 1, 1), 0.04),
    joint_moment=np.ones((5, 1)),
    first_counted=1,
)
OTHERS = {
    "name": "run/2",
    "time": TIME + 1.0,
    "muscles": ("n",),
    "dofs": ("hip",),
    "excitation": np.full((5, 1), 0.3),
    "mtu_length": np.full((5, 1), 0.31),
    "moment_arm": np.full((5, 1, 1), -0.04),
    "joint_moment": np.zeros((5, 1)),
    "first_counted": 2,
    "role": "held_out",
    "kind": "effort",
    "measured": ("knee",),
    "driven_by": "assumed",
    "joint_angle": np.full((5, 1), 0.1),
}


@dataclass(frozen=True)
class _Other:
    value: object


def test_no_field_of_a_trial_is_forgotten() -> None:
    assert set(OTHERS) == {field.name for field in fields(Trial)}
    changed = [digest_of(replace(TRIAL, **{name: value})) for name, value in OTHERS.items()]  # type: ignore[arg-type]
    assert len({digest_of(TRIAL), *changed}) == len(OTHERS) + 1


def _changes(model: BaseModel) -> list[BaseModel]:
    """Return the model with each of its numbers, texts and switches changed in turn, those inside its sections too."""
    found: list[BaseModel] = []
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            found += [model.model_copy(update={name: inner}) for inner in _changes(value)]
        elif isinstance(value, bool):
            found.append(model.model_copy(update={name: not value}))
        elif isinstance(value, int | float):
            found.append(model.model_copy(update={name: value + 1}))
        elif isinstance(value, str):
            found.append(model.model_copy(update={name: f"{value}x"}))
    return found


def test_no_setting_of_a_calibration_is_forgotten() -> None:
    settings = CalibrationSettings()
    changed = _changes(settings)
    assert len(changed) > 60
    assert len({digest_of(settings), *map(digest_of, changed)}) == len(changed) + 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0),
        (1, True),
        ("1", 1),
        (None, "None"),
        ((1, 2), (2, 1)),
        (((1,), 2), (1, 2)),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),  # an order may count: the plates of a c3d
        (0.1, np.nextafter(0.1, 1)),
        (math.nan, math.inf),
        (np.zeros(2), np.zeros((2, 1))),
        (np.zeros(2), np.zeros(2, dtype=np.float32)),
        (_Other(1), {"value": 1}),
    ],
)
def test_values_that_look_alike_are_told_apart(one: object, other: object) -> None:
    assert digest_of(one) != digest_of(other)


def test_a_file_in_settings_must_be_among_the_inputs() -> None:
    with pytest.raises(TypeError, match=r"setup\.xml is in the settings of a stage, but not among its inputs"):
        digest_of(_Other(Path("setup.xml")))
    assert digest_of(_Other(Path("a.xml")), files={Path("a.xml"): "setup"}) == digest_of(
        _Other(Path("b.xml")), files={Path("b.xml"): "setup"}
    )


def test_what_has_no_name_is_refused() -> None:
    factor = 2.0
    for value in (object(), lambda x: factor * x):
        with pytest.raises(TypeError, match="cannot be named"):
            digest_of(_Other(value))
