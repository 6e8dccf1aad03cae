"""Strength from mass and height follows Handsfield's volumes, on any model's names."""

from pathlib import Path

import numpy as np
import pytest

from osim_nmscal.data.muscles import Muscle, MuscleTable
from osim_nmscal.errors import ConfigError
from osim_nmscal.initialization.muscle_volumes import lower_limb_volume, strengths_from_mass_and_height, volume_table
from osim_nmscal.osim_model.reader import read_muscles

TENSION = 6e5
LEG = Path(__file__).parents[2] / "models" / "virtual_leg.osim"


def _volumes(muscles: MuscleTable) -> np.ndarray:
    return muscles.values("max_isometric_force") * muscles.values("optimal_fiber_length") / TENSION


def test_a_leg_has_the_volume_of_its_persons_mass_and_height() -> None:
    found = strengths_from_mass_and_height(read_muscles(LEG), 80.0, 1.8, TENSION)
    share = sum(entry.fraction for entry in volume_table() if entry.muscle != "piriformis")  # of which our leg has none
    assert lower_limb_volume(80.0, 1.8) == pytest.approx((47 * 80 * 1.8 + 1285) * 1e-6)
    assert _volumes(found.muscles).sum() == pytest.approx(share * lower_limb_volume(80.0, 1.8), rel=1e-9)
    assert 0.93 < share < 1.0  # small muscles are not in the table


def test_a_model_built_from_the_same_source_gets_its_own_strengths_back() -> None:
    path = Path(__file__).parents[2].parent / "shared" / "data" / "rajagopal_run_walk" / "generic_unscaled.osim"
    if not path.is_file():
        pytest.skip(f"the model of Rajagopal (2016) is not here: {path}")
    generic = read_muscles(path)
    found = strengths_from_mass_and_height(generic, 75.0, 1.70, TENSION)
    ratio = found.muscles.values("max_isometric_force") / generic.values("max_isometric_force")
    np.testing.assert_allclose(ratio, 1.0, atol=0.015)  # the paper's man is 75 kg and 1.70 m; its shares are printed with three digits


def test_one_vastus_for_all_carries_the_volume_of_all() -> None:
    table = read_muscles(LEG)
    lone = table.select([name for name in table.names if name not in ("vastus_lateralis_r", "vastus_medialis_r")])
    whole, fewer = (strengths_from_mass_and_height(one, 75.0, 1.75, TENSION).muscles for one in (table, lone))
    vasti = sum(_volumes(whole)[whole.index(f"vastus_{part}_r")] for part in ("lateralis", "medialis", "intermedius"))
    assert _volumes(fewer)[fewer.index("vastus_intermedius_r")] == pytest.approx(vasti, rel=1e-9)


def test_muscles_that_the_table_lacks_change_as_the_others_do_together() -> None:
    table = read_muscles(LEG)
    trunk = Muscle(name="ercspn_r", max_isometric_force=2500.0, optimal_fiber_length=0.12, tendon_slack_length=0.03)
    found = strengths_from_mass_and_height(MuscleTable(muscles=(*table.muscles, trunk)), 50.0, 1.6, TENSION)
    assert found.muscles.muscles[-1].max_isometric_force == pytest.approx(2500.0 * found.factor)
    assert "ercspn_r" in found.findings[0]


def test_an_arm_is_refused() -> None:
    with pytest.raises(ConfigError, match="set strength = 'scaled'"):
        strengths_from_mass_and_height(read_muscles(LEG.with_name("virtual_arm.osim")), 75.0, 1.75, TENSION)
