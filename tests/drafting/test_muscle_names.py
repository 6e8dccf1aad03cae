"""EMG labels as laboratories write them, against the muscle names of models."""

import pytest

from osim_nmscal.data.muscle_names import muscle_side
from osim_nmscal.drafting.muscle_names import match_channels

_RAJAGOPAL = (
    *(
        "addbrev",
        "addlong",
        "bflh",
        "bfsh",
        "edl",
        "gaslat",
        "gasmed",
        "glmax1",
        "glmax2",
        "glmed1",
        "glmin1",
        "grac",
        "perbrev",
        "perlong",
    ),
    *("recfem", "sart", "semimem", "semiten", "soleus", "tfl", "tibant", "tibpost", "vasint", "vaslat", "vasmed"),
)
RAJAGOPAL = tuple(f"{name}_{side}" for side in "rl" for name in _RAJAGOPAL)
GAIT2392 = tuple(
    [
        "glut_med1_r",
        "semimem_r",
        "semiten_r",
        "bifemlh_r",
        "rect_fem_r",
        "vas_med_r",
        "med_gas_r",
        "lat_gas_r",
        "soleus_r",
        "tib_ant_r",
        "soleus_l",
    ]
)
MOBL = ("DELT1", "DELT2", "DELT3", "PECM1", "LAT1", "TRIlong", "TRIlat", "TRImed", "BIClong", "BICshort", "BRA", "BRD", "INFSP", "SUPSP")


def guessed(channels, muscles):
    return {guess.channel: guess.muscles for guess in match_channels(channels, muscles)}


def test_labels_of_a_real_capture_with_number_side_and_voltage():
    names = ["r_gastro", "r_soleus", "r_rect_fem", "l_tfl", "l_semimemb"]
    labels = [f"Voltage.EMG0{i}_{name}" for i, name in enumerate(names)]
    assert list(guessed(labels, RAJAGOPAL).values()) == [
        ("gaslat_r", "gasmed_r"),
        ("soleus_r",),
        ("recfem_r",),
        ("tfl_l",),
        ("semimem_l",),
    ]


def test_abbreviations_of_a_running_study():
    found = guessed(["SOL", "GASMED", "GASLAT", "TA", "VL", "VM", "RF", "BFLH", "MEDHAM", "GMAX", "GMED"], RAJAGOPAL)
    assert found["SOL"] == ("soleus_r",)  # no side told: the right one
    assert found["GASMED"] == ("gasmed_r",)
    assert found["BFLH"] == ("bflh_r", "bfsh_r")
    assert found["MEDHAM"] == ("semimem_r", "semiten_r")
    assert found["GMAX"] == ("glmax1_r", "glmax2_r")
    assert found["GMED"] == ("glmed1_r", "glmin1_r")


def test_names_as_the_model_has_them_are_taken_as_they_are():
    assert guessed(["med_gas_r", "tib_ant_r", "soleus_l"], GAIT2392) == {
        "med_gas_r": ("med_gas_r",),
        "tib_ant_r": ("tib_ant_r",),
        "soleus_l": ("soleus_l",),
    }


@pytest.mark.parametrize(
    ("label", "muscle"),
    [
        ("RTA", "tibant_r"),
        ("LTA", "tibant_l"),
        ("TA_L", "tibant_l"),
        ("R TibAnt", "tibant_r"),
        ("Left Tibialis Anterior", "tibant_l"),
        ("emg_RVL", "vaslat_r"),
    ],
)
def test_sides_in_every_place(label, muscle):
    assert guessed([label], RAJAGOPAL)[label] == (muscle,)


def test_the_shoulder_of_an_arm_model():
    found = guessed(["DeltAnt", "DeltMed", "DeltPost", "Biceps", "TriLong", "PecMaj", "Infraspinatus", "Brachioradialis"], MOBL)
    assert [found[name] for name in ("DeltAnt", "DeltMed", "DeltPost")] == [("DELT1",), ("DELT2",), ("DELT3",)]
    assert found["Biceps"] == ("BIClong", "BICshort")
    assert (found["TriLong"], found["Infraspinatus"], found["Brachioradialis"]) == (("TRIlong",), ("INFSP",), ("BRD",))


def test_a_muscle_goes_to_the_narrowest_channel_only():
    found = guessed(["HAM", "BF", "ST"], RAJAGOPAL)
    assert found == {"HAM": ("semimem_r",), "BF": ("bflh_r", "bfsh_r"), "ST": ("semiten_r",)}


def test_what_is_not_known_or_doubtful_is_said():
    unknown, doubtful = match_channels(["Sync", "GM"], RAJAGOPAL)
    assert (unknown.muscles, unknown.title) == ((), "")
    assert "gluteus" in doubtful.doubt


def test_sides_of_model_names():
    assert [muscle_side(name) for name in ("soleus_r", "L_biceps", "gluteus_maximus_middle_l", "DELT1")] == ["r", "l", "l", ""]
