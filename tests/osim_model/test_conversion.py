"""Muscles told as another class, against OpenSim's own replacement."""

import subprocess
import sys
from pathlib import Path

import pytest

from osim_nmscal.data.muscles import (
    DeGrooteFregly2016Properties,
    Millard2012Properties,
    Muscle,
    MuscleProperties,
    MuscleTable,
    Thelen2003Properties,
)
from osim_nmscal.errors import MuscleModelError
from osim_nmscal.osim_model.conversion import convert_muscles, in_class, in_classes_of
from osim_nmscal.osim_model.reader import read_muscles

MILLARD = "Millard2012EquilibriumMuscle"
DEGROOTE = "DeGrooteFregly2016Muscle"

REPLACE = """
import sys, opensim
opensim.Logger.removeFileSink()
opensim.Logger.setLevelString("Off")
model = opensim.Model(sys.argv[1])
opensim.DeGrooteFregly2016Muscle.replaceMuscles(model)
model.printToXML(sys.argv[2])
"""


def table(properties: MuscleProperties) -> MuscleTable:
    """Return one muscle with these class properties."""
    muscle = Muscle(
        name="m", max_isometric_force=100.0, optimal_fiber_length=0.1, tendon_slack_length=0.2, max_contraction_velocity=8.0,
        pennation_angle_at_optimal=0.2, ignore_tendon_compliance=True, properties=properties,
    )  # fmt: skip
    return MuscleTable(muscles=(muscle,))


@pytest.mark.opensim
@pytest.mark.parametrize("model", ["running", "treadmill"])
def test_conversion_to_degroote_is_opensims_own_replacement(model: str, running_data: Path, treadmill_data: Path, tmp_path: Path) -> None:
    path = running_data / "generic_unscaled.osim" if model == "running" else treadmill_data / "model" / "gait2392.osim"
    out = tmp_path / "replaced.osim"
    subprocess.run([sys.executable, "-c", REPLACE, str(path), str(out)], check=True, capture_output=True)
    replaced = read_muscles(out)
    converted = convert_muscles(read_muscles(path), DEGROOTE)
    assert {muscle.name: muscle for muscle in converted.muscles} == {muscle.name: muscle for muscle in replaced.muscles}


@pytest.mark.parametrize(
    "properties",
    [Millard2012Properties(tendon_strain_at_one_norm_force=0.03, strain_at_one_norm_force=0.5), Thelen2003Properties()],
)
@pytest.mark.parametrize("muscle_class", [MILLARD, DEGROOTE])
def test_what_every_class_has_stays(properties: MuscleProperties, muscle_class: str) -> None:
    muscles = table(properties)
    converted = convert_muscles(muscles, muscle_class)
    assert converted.muscles[0].muscle_class == muscle_class
    for name in ("max_isometric_force", "optimal_fiber_length", "tendon_slack_length", "max_contraction_velocity"):
        assert converted.values(name) == muscles.values(name)
    assert converted.muscles[0].ignore_tendon_compliance
    assert converted.muscles[0].pennation_angle_at_optimal == 0.2


def test_a_muscle_of_the_class_stays_as_it_is() -> None:
    muscles = table(Millard2012Properties(min_norm_active_fiber_length=0.3, passive_curviness=0.6))
    assert convert_muscles(muscles, MILLARD) == muscles


def test_strains_damping_and_limits_are_carried_over_to_millard() -> None:
    degroote = DeGrooteFregly2016Properties(
        fiber_damping=0.05, passive_fiber_strain_at_one_norm_force=0.55, tendon_strain_at_one_norm_force=0.035
    )
    assert convert_muscles(table(degroote), MILLARD).muscles[0].properties == Millard2012Properties(
        fiber_damping=0.05, strain_at_one_norm_force=0.55, tendon_strain_at_one_norm_force=0.035
    )
    thelen = Thelen2003Properties(
        tendon_strain_at_one_norm_force=0.033, passive_fiber_strain_at_one_norm_force=0.65, max_eccentric_force=1.8,
        maximum_pennation_angle=1.4, minimum_activation=0.02,
    )  # fmt: skip
    assert convert_muscles(table(thelen), MILLARD).muscles[0].properties == Millard2012Properties(
        strain_at_one_norm_force=0.65, tendon_strain_at_one_norm_force=0.033, max_eccentric_velocity_force_multiplier=1.8,
        maximum_pennation_angle=1.4, minimum_activation=0.02,
    )  # fmt: skip


def test_there_and_back_from_degroote_changes_nothing() -> None:
    degroote = table(DeGrooteFregly2016Properties(fiber_damping=0.05, passive_fiber_strain_at_one_norm_force=0.55))
    assert convert_muscles(convert_muscles(degroote, MILLARD), DEGROOTE) == degroote


@pytest.mark.parametrize("degroote", [{"active_force_width_scale": 1.2}, {"ignore_passive_fiber_force": True}])
def test_what_millard_cannot_do_is_a_clear_error(degroote: dict[str, float]) -> None:
    with pytest.raises(MuscleModelError, match=f"'m' cannot become a {MILLARD}: it has {next(iter(degroote))}"):
        convert_muscles(table(DeGrooteFregly2016Properties(**degroote)), MILLARD)


@pytest.mark.parametrize("muscle_class", ["Thelen2003Muscle", "RigidTendonMuscle", "millard2012"])
def test_a_class_that_is_no_target_is_a_clear_error(muscle_class: str) -> None:
    with pytest.raises(MuscleModelError, match=f"muscle_class = '{muscle_class}'.*keep, {MILLARD}, {DEGROOTE}"):
        convert_muscles(table(Millard2012Properties()), muscle_class)


def test_each_muscle_takes_the_class_of_its_namesake() -> None:
    degroote = table(DeGrooteFregly2016Properties())
    millard = table(Millard2012Properties())
    assert in_classes_of(millard, degroote) == convert_muscles(millard, DEGROOTE)
    assert in_classes_of(millard, millard) is millard


@pytest.mark.parametrize("asked", ["keep", "auto"])
def test_before_a_calibration_only_a_named_class_converts(asked: str) -> None:
    millard = table(Millard2012Properties())
    assert in_class(millard, asked) is millard
    assert in_class(millard, DEGROOTE) == convert_muscles(millard, DEGROOTE)
