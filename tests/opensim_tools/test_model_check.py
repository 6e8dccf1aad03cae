import pytest
from numpy.testing import assert_allclose

from osim_nmscal.errors import FileFormatError, MuscleModelError, OpenSimToolError
from osim_nmscal.opensim_tools.model_check import load_model_check

pytestmark = pytest.mark.opensim


def test_a_good_model_is_told_as_opensim_holds_it(running_data, tmp_path):
    held = load_model_check(running_data / "generic_unscaled.osim", log=tmp_path / "x.log")
    assert_allclose(held.mass, 75.337, atol=1e-9)
    assert len(held.muscles) == 80
    assert set(held.muscle_classes) == {"Millard2012EquilibriumMuscle"}
    soleus = held.muscles.index("soleus_r")
    # reference set, not in this repository: sim_millard_soleus_r
    assert_allclose(held.max_isometric_force[soleus], 6194.84262295082)
    assert_allclose(held.optimal_fiber_length[soleus], 0.044)
    assert_allclose(held.tendon_slack_length[soleus], 0.276755872375976)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("I am no model", "is no XML file"),
        ("<OpenSimDocument><Model", "is no XML file"),
        ("<OpenSimDocument><ScaleTool/></OpenSimDocument>", "without <Model>"),
    ],
)
def test_what_is_no_model_is_refused(content, message, tmp_path):
    (tmp_path / "m.osim").write_text(content)
    with pytest.raises(FileFormatError, match=message):
        load_model_check(tmp_path / "m.osim", log=tmp_path / "x.log")


def test_a_missing_model_is_named(tmp_path):
    with pytest.raises(FileFormatError, match=r"nowhere.osim does not exist"):
        load_model_check(tmp_path / "nowhere.osim", log=tmp_path / "x.log")


def test_a_muscle_of_a_class_that_opensim_drops_is_named(running_data, tmp_path):
    text = (running_data / "generic_unscaled.osim").read_text()
    start = text.index('<Millard2012EquilibriumMuscle name="soleus_r">')
    end = text.index("</Millard2012EquilibriumMuscle>", start)
    other = text[start:end].replace("Millard2012EquilibriumMuscle", "MyOwnMuscle") + "</MyOwnMuscle>"
    model = tmp_path / "m.osim"
    model.write_text(text[:start] + other + text[end + len("</Millard2012EquilibriumMuscle>") :])
    with pytest.raises((MuscleModelError, OpenSimToolError), match="MyOwnMuscle"):
        load_model_check(model, log=tmp_path / "x.log")


def test_a_muscle_at_a_body_that_does_not_exist_carries_opensims_log(running_data, tmp_path):
    text = (running_data / "generic_unscaled.osim").read_text()
    model = tmp_path / "m.osim"
    model.write_text(text.replace("/bodyset/calcn_r<", "/bodyset/foot_r<"))
    with pytest.raises(OpenSimToolError, match=r"(?s)loading .*m\.osim.*foot_r"):
        load_model_check(model, log=tmp_path / "x.log")
