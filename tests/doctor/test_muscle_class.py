"""Thelen's muscles are told of other classes, unless somebody has chosen."""

from dataclasses import replace

import pytest

from osim_nmscal.calibration.simulated_twin import make_twin
from osim_nmscal.data.muscles import MuscleTable, Thelen2003Properties
from osim_nmscal.doctor.model import thelen_muscles


def test_a_model_with_thelen_muscles_is_told_of_the_switch() -> None:
    first, *rest = make_twin(steps=50).start.muscles
    mixed = MuscleTable(muscles=(replace(first, properties=Thelen2003Properties()), *rest))
    (found,) = thelen_muscles(mixed, "keep")
    assert found.severity == "note"
    assert found.text.startswith("1 of the 4 muscles that calibrate are Thelen2003Muscle.")
    assert 'Set [output] muscle_class to one of them, or to "auto"' in found.text


@pytest.mark.parametrize("asked", ["auto", "Millard2012EquilibriumMuscle", "DeGrooteFregly2016Muscle"])
def test_nothing_is_said_where_a_class_was_chosen(asked: str) -> None:
    first = replace(make_twin(steps=50).start.muscles[0], properties=Thelen2003Properties())
    assert thelen_muscles(MuscleTable(muscles=(first,)), asked) == ()


def test_nothing_is_said_of_other_classes() -> None:
    assert thelen_muscles(make_twin(steps=50).start, "keep") == ()
