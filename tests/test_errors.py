"""Names offered for a wrong one: near ones, never the same one and never the other side."""

import pytest

from osim_nmscal.errors import did_you_mean, listed_in

NAMES = [
    *("RASI", "LASI", "RLEPI", "RKNE", "RTOE", "RHEE", "R.Heel", "L.Heel", "RMEL"),
    *("soleus_r", "gastroc_med_r", "gastroc_lat_r", "vas_lat_r", "tib_ant_r", "glut_max1_r", "recfem_r"),
    *("knee_angle_r", "ankle_angle_r", "hip_flexion_r", "ground_force_vy", "threshold", "lowpass_cutoff"),
    *("TA_R", "walk_slow.trc", "studio", "mass", "R_ASIS", "L_ASIS", "Millard2012EquilibriumMuscle"),
]


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("RTO", "RTOE"),
        ("Heel", "R.Heel"),
        ("Soleus_R", "soleus_r"),
        ("solus_r", "soleus_r"),
        ("soleus", "soleus_r"),
        ("gastroc_medial_r", "gastroc_med_r"),
        ("tibant_r", "tib_ant_r"),
        ("knee_r", "knee_angle_r"),
        ("ankle_angel_r", "ankle_angle_r"),
        ("ground_force_y", "ground_force_vy"),
        ("threshord", "threshold"),
        ("lowpas", "lowpass_cutoff"),
        ("TA", "TA_R"),
        ("walk_slow.tcr", "walk_slow.trc"),
        ("mas", "mass"),
        ("R.ASIS", "R_ASIS"),
        ("Millard2012", "Millard2012EquilibriumMuscle"),
    ],
)
def test_a_slip_is_offered_the_name_that_was_meant(wrong: str, right: str) -> None:
    assert did_you_mean(wrong, NAMES) == f" Did you mean {right!r}?"


@pytest.mark.parametrize(
    "wrong",
    [
        *("RMEPI", "RPSI", "LKNE", "soleus_l", "vas_med_r", "tib_ant_l", "knee_angle_l", "left_knee", "hip_extension_r"),  # another place
        *("e.sto", "c1", "VM", "gmax"),  # alike by chance only
        *("RKNE", "soleus_r"),  # there already: something else is wrong
    ],
)
def test_nothing_is_offered_that_was_not_meant(wrong: str) -> None:
    assert did_you_mean(wrong, NAMES) == ""


def test_a_list_cut_short_says_where_all_of_it_is() -> None:
    labels = [f"Voltage.{i}" for i in range(86)]
    assert listed_in(labels[:3], "run.c3d") == "Voltage.0, Voltage.1, Voltage.2"
    assert listed_in(labels, "run.c3d").endswith("Voltage.7, ... (86 in all); `osim-nmscal inspect run.c3d` lists them")
    assert '`osim-nmscal inspect "my run.c3d"`' in listed_in(labels, "my run.c3d")
    assert listed_in(labels, "").endswith("(86 in all)")  # arrays that come from no file
