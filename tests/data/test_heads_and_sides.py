"""Heads of one muscle are known by the names that models give them."""

import pytest

from osim_nmscal.data.muscle_names import whole_muscle


@pytest.mark.parametrize(
    "heads",
    [
        ("gasmed_r", "gaslat_l", "med_gas_r", "lat_gas_r", "gastrocnemius_medialis_r", "gastrocnemius_lateralis_r"),
        ("vasint_r", "vas_lat_l", "vastus_medialis_r"),
        ("glmax1_r", "glut_max3_l", "gluteus_maximus_superior_r"),
        ("glmed1_r", "glut_med2_r", "gluteus_medius_anterior_r"),
        ("addmagProx_r", "add_mag2_r", "adductor_magnus_ischial_r"),
        ("deltoid_anterior_r", "deltoid_posterior_r"),
        ("triceps_long_r", "triceps_medial_r", "TRIlong"),
        ("biceps_long_r", "biceps_short_r", "BIClong"),
    ],
)
def test_heads_and_sides_of_one_muscle_are_one(heads: tuple[str, ...]) -> None:
    assert len({whole_muscle(head) for head in heads}) == 1


def test_muscles_that_are_several_stay_several() -> None:
    # among them names that look alike: medial gastrocnemius and gluteus medius, adductors, both thigh bicipites, both tibiales
    several = ("gasmed_r", "glmed1_r", "glmin1_r", "glmax1_r", "addlong_r", "addbrev_r", "addmagDist_r", "bflh_r", "bfsh_r", "bifemlh_r")
    several += ("semimem_r", "semiten_r", "tibant_r", "tibpost_r", "vasmed_r", "recfem_r", "soleus_r", "biceps_femoris_long_r", "perlong_r")
    assert len({whole_muscle(name) for name in several}) == len(several)
