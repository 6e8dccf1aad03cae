import re
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from osim_nmscal.errors import FileFormatError, SignalError, UnknownNameError
from osim_nmscal.formats.storage import read_storage, write_storage
from osim_nmscal.opensim_tools.external_loads import write_shifted_loads
from osim_nmscal.opensim_tools.inverse_dynamics import InverseDynamicsSettings, run_inverse_dynamics

pytestmark = pytest.mark.opensim


def _run(folder, tmp_path, coordinates=None, **settings):
    loads = {"external_loads": folder / "subject01_walk1_grf.xml", "lowpass_forces": False} | settings  # as OpenSim published them
    return run_inverse_dynamics(
        folder / "OutputReference" / "subject01_simbody.osim",
        coordinates if coordinates is not None else folder / "OutputReference" / "subject01_walk1_ik.mot",
        tmp_path / "out" / "id.sto",
        settings=InverseDynamicsSettings(**loads),
    )


def _difference_from_published(folder, result, name):
    published = read_storage(folder / "OutputReference" / "ResultsInverseDynamics" / "inverse_dynamics.sto")
    assert_allclose(result.moments.time, published.time, atol=5e-4)
    return result.moments.column(name) - published.column(f"{name}_moment")


def test_the_whole_chain_gives_the_published_ankle_moment(gait2354_data, gait_id):
    # own scaling, kinematics and dynamics; hip and knee feel the markers that 4.6 places up to 3 cm from where the old version did
    assert np.sqrt(np.mean(_difference_from_published(gait2354_data, gait_id, "ankle_angle_r") ** 2)) < 0.3
    assert gait_id.findings == ()


def test_the_published_kinematics_give_the_published_moments(gait2354_data, tmp_path):
    result = _run(gait2354_data, tmp_path)
    for name in ("ankle_angle_r", "knee_angle_r", "hip_flexion_r"):
        inside = _difference_from_published(gait2354_data, result, name)[6:-6]  # the old filter padded otherwise at the ends
        assert_allclose(inside, 0, atol=0.02)


@pytest.mark.slow
def test_the_run_has_textbook_moments_and_its_forces_carry_the_weight(running_data, running_scaled, running_ik, results):
    settings = InverseDynamicsSettings(external_loads=running_data / "ID" / "grf_run.xml", lowpass_forces=False)
    result = run_inverse_dynamics(running_scaled.model, running_ik.coordinates, results / "run" / "id.sto", settings=settings)
    assert_allclose(result.moments.column("ankle_angle_r").min() / 72.84, -3.65, atol=0.15)
    assert_allclose(result.vertical_force_over_weight, 1.008, atol=0.001)
    assert not [name for name in result.moments.labels if name.endswith("_beta")]
    assert len(result.moments.time) == 510  # the tool's own filter would have left its padding in


def test_degrees_and_radians_give_the_same_moments(gait2354_data, gait_ik, gait_id, gait_scaled, tmp_path):
    settings = InverseDynamicsSettings(external_loads=gait2354_data / "subject01_walk1_grf.xml", lowpass_forces=False)
    result = run_inverse_dynamics(gait_scaled.model, gait_ik.coordinates, tmp_path / "id.sto", settings=settings)
    assert_allclose(result.moments.values, gait_id.moments.values, atol=1e-4)  # the .mot has 8 decimals of a degree
    file = read_storage(tmp_path / "id.sto")
    kinds = {label.removesuffix(kind): label for label in file.labels for kind in ("_moment", "_force") if label.endswith(kind)}
    written = file.select([kinds[name] for name in result.moments.labels])
    assert_allclose(written.values, result.moments.values, atol=1e-9)


def test_a_wrong_mass_is_said(gait2354_data, tmp_path):
    model = tmp_path / "model.osim"
    text = (gait2354_data / "OutputReference" / "subject01_simbody.osim").read_text()
    model.write_text(re.sub(r"<mass>\s*([\d.e+-]+)\s*</mass>", lambda m: f"<mass>{1.3 * float(m[1])!r}</mass>", text))
    settings = InverseDynamicsSettings(external_loads=gait2354_data / "subject01_walk1_grf.xml")
    motion = gait2354_data / "OutputReference" / "subject01_walk1_ik.mot"
    result = run_inverse_dynamics(model, motion, tmp_path / "id.sto", settings=settings)
    assert "mean vertical force is 0.77" in result.findings[0]
    assert "mass_only" in result.findings[0]


def test_only_the_time_that_motion_and_forces_share_is_solved(gait_copy, tmp_path):
    forces = read_storage(gait_copy / "subject01_walk1_grf.mot")
    write_storage(gait_copy / "subject01_walk1_grf.mot", forces.between(0.8, 1.2), header_name="forces")
    result = _run(gait_copy, tmp_path)
    assert_allclose(result.moments.time[[0, -1]], [0.8, 1.2], atol=0.017)
    whole = _run(gait_copy, tmp_path, external_loads=None)  # no forces: only the range counts here
    assert_allclose(whole.moments.time[[0, -1]], [0.4, 1.6], atol=1e-6)


def test_a_part_of_the_motion_has_the_moments_of_the_whole(gait2354_data, gait_ik, gait_scaled, gait_id, tmp_path):
    settings = InverseDynamicsSettings(external_loads=gait2354_data / "subject01_walk1_grf.xml", lowpass_forces=False)
    part = run_inverse_dynamics(gait_scaled.model, gait_ik.path, tmp_path / "id.sto", settings=settings, start=0.8, end=1.2)
    rows = np.isin(gait_id.moments.time, part.moments.time)
    assert rows.sum() == len(part.moments.time) == 25
    assert_allclose(part.moments.values, gait_id.moments.values[rows], rtol=0, atol=1e-9)  # N·m; the filter sees the whole motion


def test_forces_on_another_clock_are_refused(gait_copy, tmp_path):
    forces = read_storage(gait_copy / "subject01_walk1_grf.mot")
    write_storage(gait_copy / "subject01_walk1_grf.mot", replace(forces, time=forces.time + 100), header_name="forces")
    with pytest.raises(SignalError, match=r"runs from 0.4 to 1.6 s, the forces of .*grf.mot from 100 to .* s; correct the clock"):
        _run(gait_copy, tmp_path)
    assert not (tmp_path / "out" / "id.sto").exists()


def test_a_missing_coordinate_is_named_unless_it_may_rest(gait2354_data, tmp_path):
    motion = read_storage(gait2354_data / "OutputReference" / "subject01_walk1_ik.mot")
    without = motion.select([label for label in motion.labels if label != "lumbar_bending"])
    with pytest.raises(UnknownNameError, match=r"lacks the coordinate lumbar_bending of .*subject01_simbody.osim"):
        _run(gait2354_data, tmp_path, without)
    assert len(_run(gait2354_data, tmp_path, without, missing_coordinates="default").moments.time) == 73


def test_angles_whose_header_names_the_wrong_unit_are_refused(gait2354_data, tmp_path):
    motion = read_storage(gait2354_data / "OutputReference" / "subject01_walk1_ik.mot")
    with pytest.raises(SignalError, match="too much for radians"):
        _run(gait2354_data, tmp_path, replace(motion, in_degrees=False))
    with pytest.raises(SignalError, match="look like radians"):
        _run(gait2354_data, tmp_path, replace(motion, values=np.deg2rad(motion.values)))


def test_a_pelvis_in_millimetres_is_refused(gait2354_data, tmp_path):
    motion = read_storage(gait2354_data / "OutputReference" / "subject01_walk1_ik.mot")
    values = motion.values.copy()
    values[:, motion.index("pelvis_ty")] *= 1000
    with pytest.raises(SignalError, match=r"'pelvis_ty' reaches 10\d\d m; it looks like mm"):
        _run(gait2354_data, tmp_path, replace(motion, values=values))


@pytest.mark.parametrize(
    ("old", "new", "error", "message"),
    [
        ("subject01_walk1_grf.mot", "nowhere.mot", FileFormatError, r"names 'nowhere.mot' in <datafile>, but .*nowhere.mot does not exist"),
        (" 1_ground_force_v ", " 2_ground_force_v ", UnknownNameError, "needs a column '2_ground_force_vx'.* Did you mean"),
        ("calcn_l", "calcn_left", UnknownNameError, r"body 'calcn_left', which the model does not have. Did you mean 'calcn_l'"),
    ],
)
def test_external_loads_that_cannot_act_are_named(old, new, error, message, gait_copy, tmp_path):
    xml = gait_copy / "subject01_walk1_grf.xml"
    assert old in xml.read_text()
    xml.write_text(xml.read_text().replace(old, new))
    with pytest.raises(error, match=message):
        _run(gait_copy, tmp_path)


def test_a_truncated_motion_is_refused(gait_copy, tmp_path):
    motion = gait_copy / "OutputReference" / "subject01_walk1_ik.mot"
    motion.write_text(motion.read_text()[:-4000])
    with pytest.raises(FileFormatError, match="truncated"):
        _run(gait_copy, tmp_path)


def test_forces_of_two_plates_under_one_foot_add_up_also_on_another_clock(gait2354_data, gait_ik, gait_scaled, gait_copy, tmp_path):
    whole = read_storage(gait2354_data / "subject01_walk1_grf.mot")
    share = 0.3
    right = [label for label in whole.labels if label.startswith("ground_") and "_p" not in label]
    scaled = [share if label in right else 1.0 for label in whole.labels]
    others = whole.select([label for label in whole.labels if label.startswith("ground_")])
    rest = np.where(["_p" in label for label in others.labels], others.values, (1 - share) * others.values)
    both = replace(
        whole,
        labels=(*whole.labels, *(f"2_{label}" for label in others.labels)),
        values=np.column_stack([whole.values * scaled, rest]),
        time=whole.time - 5.0,
    )
    write_storage(gait_copy / "subject01_walk1_grf.mot", both, header_name="forces")
    loads = gait_copy / "subject01_walk1_grf.xml"
    text = loads.read_text()
    first = text[text.index("<ExternalForce") : text.index("</ExternalForce>") + len("</ExternalForce>")]
    second = re.sub(r"(_identifier>\s*)ground_", r"\1 2_ground_", first).replace('name="right"', 'name="right_2"')
    loads.write_text(text.replace(first, first + second))
    shifted = write_shifted_loads(loads, 5.0, tmp_path / "shifted")
    found = [
        run_inverse_dynamics(gait_scaled.model, gait_ik.path, tmp_path / "id.sto", settings=InverseDynamicsSettings(external_loads=one))
        for one in (gait2354_data / "subject01_walk1_grf.xml", shifted)
    ]
    assert_allclose(found[1].moments.values, found[0].moments.values, atol=1e-6)  # N·m, of up to 1000
    assert [place.body for place in found[1].places] == ["calcn_r", "calcn_r", "calcn_l"]
    assert max(place.mostly for place in found[1].places) < 0.15  # m; sound
