"""Files named by files, forces from c3d, and moments under whichever label."""

from pathlib import Path

import numpy as np
import pytest

from osim_nmscal.config import load_config
from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.errors import UnknownNameError
from osim_nmscal.formats.storage import read_storage, write_storage
from osim_nmscal.opensim_tools.external_loads import write_plate_loads
from osim_nmscal.opensim_tools.inverse_dynamics import InverseDynamicsSettings
from osim_nmscal.opensim_tools.setup_file import file_of, read_setup
from osim_nmscal.workflow.recording_files import coordinates_of, given_dofs, moments_by_coordinate, read_forces
from osim_nmscal.workflow.stages.inverse_dynamics import FromForces, write_loads
from osim_nmscal.workflow.user_files import missing_files, named_files

WORKFLOWS = Path(__file__).parent.parent.parent / "workflows"


def test_a_changed_force_file_is_seen_through_the_external_loads_that_name_it(running_data: Path) -> None:
    assert named_files(running_data / "ID" / "grf_run.xml") == ((running_data / "ExpData" / "grf_run.mot").resolve(),)
    assert (running_data / "ExpData" / "static_run.trc").resolve() in named_files(running_data / "Scale" / "scale_setup_run.xml")


def test_forces_for_the_trials_default_to_those_of_the_external_loads(running_data: Path) -> None:
    config = load_config(WORKFLOWS / "running" / "config.toml")
    forces = read_forces(config.recordings[0], config)
    assert forces is not None
    assert "R_ground_force_vy" in forces.labels


def test_joint_angles_of_some_coordinates_are_radians_whatever_their_labels(tmp_path: Path) -> None:
    model = Path(__file__).parents[2] / "models" / "virtual_leg.osim"
    time, degrees = np.arange(4) / 10, np.array([[10.0, 0.9, 20.0]] * 4)
    names = ("hip_flexion_r", "pelvis_ty", "knee_flexion_r")
    for labels in (names, tuple(f"/jointset/j/{name}/value" for name in names)):
        table = TimeSeries(time=time, labels=labels, values=degrees, in_degrees=True)
        path = write_storage(tmp_path / "ik.mot", table, header_name="Coordinates")
        found = coordinates_of(path, model, ("knee_flexion_r", "pelvis_ty"))
        assert found is not None
        assert (found.labels, found.in_degrees) == (("knee_flexion_r", "pelvis_ty"), False)
        np.testing.assert_allclose(found.values, np.tile([np.radians(20.0), 0.9], (4, 1)))
        assert coordinates_of(path, model, ("knee_flexion_r", "ankle_dorsiflexion_r")) is None


def test_a_missing_file_is_named_with_its_key_and_the_nearest_there_is(tmp_path: Path) -> None:
    (tmp_path / "emg_walk.sto").write_text("x")
    text = """
        [subject]
        mass = 70.0
        [model]
        file = "nowhere/leg.osim"
        [muscle_analysis]
        dofs = ["knee"]
        [[recordings]]
        name = "walk"
        joint_angles = "emg_walk.sto"
        external_loads = "none"
        emg = "emg_wlk.sto"
    """
    (tmp_path / "config.toml").write_text(text)
    model, emg = missing_files(load_config(tmp_path / "config.toml"))
    assert "key 'model.file' names the file" in model
    assert "does not exist either" in model
    assert "key 'recordings[1].emg'" in emg
    assert "Did you mean 'emg_walk.sto'?" in emg


@pytest.mark.parametrize("label", ["knee", "knee_moment", "knee_force"])
def test_a_moment_is_found_under_any_of_opensims_labels(label: str) -> None:
    series = TimeSeries(time=np.arange(3.0), labels=("hip_moment", label), values=np.arange(6.0).reshape(3, 2))
    moments = moments_by_coordinate(series, ("knee",))
    assert moments.labels == ("knee",)
    np.testing.assert_array_equal(moments.values[:, 0], [1.0, 3.0, 5.0])


def test_an_absent_moment_is_offered_the_nearest() -> None:
    series = TimeSeries(time=np.arange(3.0), labels=("knee_angle_r_moment",), values=np.zeros((3, 1)), source="id.sto")
    with pytest.raises(UnknownNameError, match=r"id\.sto has no joint moment about 'knee_r'.*Did you mean 'knee_angle_r_moment'"):
        moments_by_coordinate(series, ("knee_r",))


def test_a_file_of_one_measured_joint_is_enough_where_the_recording_says_so() -> None:
    series = TimeSeries(time=np.arange(3.0), labels=("knee_moment",), values=np.arange(3.0)[:, None], source="biodex.sto")
    assert given_dofs(series, ("hip", "knee"), ("knee",)) == ("knee",)
    moments = moments_by_coordinate(series, ("hip", "knee"), ("knee",))
    np.testing.assert_array_equal(moments.values, [[0.0, 0.0], [0.0, 1.0], [0.0, 2.0]])
    with pytest.raises(UnknownNameError, match=r"no joint moment about 'hip'.*name it under dofs of the recording"):
        moments_by_coordinate(series, ("hip", "knee"))
    assert given_dofs(series, ("hip", "knee")) == ("hip", "knee")  # all must be there


def test_force_plates_of_a_c3d_become_external_loads_that_opensim_reads(c3d_data: Path, tmp_path: Path) -> None:
    task = _plates({"plate1": "calcn_r", "plate3": "calcn_l"})
    setup = read_setup(write_loads(c3d_data / "sprint_1.c3d", task, tmp_path), "ExternalLoads")
    assert [force.findtext("applied_to_body") for force in setup.node.iter("ExternalForce")] == ["calcn_r", "calcn_l"]
    data = file_of(setup, "datafile")
    assert data is not None
    forces = read_storage(data)
    assert {f"plate1_{kind}{axis}" for kind in "vpm" for axis in "xyz"} <= set(forces.labels)
    # README of the data: the sprinter hits plates 1 and 3 with 1519 and 1503 N; OpenSim's y is up
    assert forces.column("plate1_vy").max() == pytest.approx(1519.0, abs=1.0)
    assert forces.column("plate3_vy").max() == pytest.approx(1503.0, abs=1.0)


def test_an_unknown_force_plate_is_refused(c3d_data: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'plate1'"):
        write_loads(c3d_data / "sprint_1.c3d", _plates({"plat1": "calcn_r"}), tmp_path)


def _plates(bodies: dict[str, str]) -> FromForces:
    return FromForces(recording="walk", settings=InverseDynamicsSettings(), force_plates=bodies, axes="x z -y")


def test_a_plate_or_body_with_a_sign_of_xml_in_its_name_stays_what_it_is(tmp_path: Path) -> None:
    forces = TimeSeries(time=np.arange(3.0), labels=("a<b_vx",), values=np.zeros((3, 1)))
    setup = read_setup(write_plate_loads(forces, {"a<b": "left & right"}, tmp_path), "ExternalLoads")
    assert [force.findtext("applied_to_body") for force in setup.node.iter("ExternalForce")] == ["left & right"]


def test_a_file_that_a_setup_includes_is_seen(tmp_path: Path) -> None:
    (tmp_path / "tasks.xml").write_text("<IKTaskSet/>")
    (tmp_path / "setup.xml").write_text('<InverseKinematicsTool><IKTaskSet file="tasks.xml"/></InverseKinematicsTool>')
    assert named_files(tmp_path / "setup.xml") == (tmp_path / "tasks.xml",)
