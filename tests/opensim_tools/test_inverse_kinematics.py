import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from test_kinematic_tree import read

from osim_nmscal.data.time_series import MarkerTrajectories, TimeSeries
from osim_nmscal.errors import FileFormatError, OpenSimToolError, SignalError, UncoveredModelError, UnknownNameError
from osim_nmscal.formats.storage import read_storage, write_storage
from osim_nmscal.formats.trc import read_trc
from osim_nmscal.kinematics.forward import marker_positions
from osim_nmscal.opensim_tools import inverse_kinematics, inverse_kinematics_batched
from osim_nmscal.opensim_tools.inverse_kinematics import InverseKinematicsSettings, run_inverse_kinematics
from osim_nmscal.opensim_tools.run import in_worker

pytestmark = pytest.mark.opensim
MODELS = Path(__file__).parents[2] / "models"


def opensim_alone(setup: str, model_file: str, trc: str, out: str) -> None:
    import opensim

    model = opensim.Model(model_file)
    tool = opensim.InverseKinematicsTool(setup)
    tool.setModel(model)
    tool.setMarkerDataFileName(trc)
    tool.setStartTime(0.4)
    tool.setEndTime(1.6)
    tool.setOutputMotionFileName(out)
    tool.run()


@pytest.fixture(scope="module")
def model(gait2354_data) -> Path:
    return gait2354_data / "OutputReference" / "subject01_simbody.osim"


@pytest.fixture(scope="module")
def setup(gait2354_data) -> Path:
    return gait2354_data / "subject01_Setup_IK.xml"


@pytest.fixture(scope="module")
def walk(gait2354_data):
    return read_trc(gait2354_data / "subject01_walk1.trc")


def _with_accuracy(setup: Path, accuracy: str, folder: Path) -> Path:
    changed, times = re.subn(r"<accuracy>.*?</accuracy>", f"<accuracy>{accuracy}</accuracy>", setup.read_text())
    assert times == 1
    path = folder / f"setup_{accuracy}.xml"
    path.write_text(changed)
    return path


def _short(markers, frames: slice = slice(24, 33)):
    return replace(markers, time=markers.time[frames], positions=markers.positions[frames].copy())


def test_markers_of_the_walk_fit_as_published(gait_ik):
    assert_allclose(gait_ik.marker_error_rms.mean(), 0.0214, atol=0.0001)  # data README: mean 2.14 cm, max 2.36
    assert_allclose(gait_ik.marker_error_rms.max(), 0.0236, atol=0.0001)


def test_angles_of_the_walk_are_the_published_ones(gait2354_data, model, setup, tmp_path):
    published = read_storage(gait2354_data / "OutputReference" / "subject01_walk1_ik.mot")
    settings = InverseKinematicsSettings(setup=setup)
    own = run_inverse_kinematics(model, gait2354_data / "subject01_walk1.trc", tmp_path / "ik.mot", settings=settings).coordinates
    assert_allclose(own.time, published.time, atol=5e-4)  # the .trc has ms, an old OpenSim smoothed them
    for name in ("knee_angle_r", "hip_flexion_l", "pelvis_list"):
        # OpenSim 4.6 itself differs by 0.1 degrees from the published file: both stop at accuracy 1e-5
        assert_allclose(np.rad2deg(own.column(name)), published.column(name), atol=0.15)


def test_opensim_as_solver_is_its_own_solution_to_the_last_bit(gait2354_data, model, setup, tmp_path):
    trc = gait2354_data / "subject01_walk1.trc"
    in_worker(opensim_alone, str(setup), str(model), str(trc), str(tmp_path / "alone.mot"), log=tmp_path / "x.log")
    settings = InverseKinematicsSettings(setup=setup, solver="opensim")
    own = run_inverse_kinematics(model, trc, tmp_path / "ik.mot", settings=settings, start=0.4, end=1.6)
    assert_array_equal(read_storage(own.path).values, read_storage(tmp_path / "alone.mot").values)


def test_the_batched_solution_is_that_of_opensim_at_accuracy_1e_9(gait2354_data, model, setup, tmp_path):
    trc = gait2354_data / "subject01_walk1.trc"
    exact = _with_accuracy(setup, "1e-09", tmp_path)
    for name, settings in (
        ("ours", InverseKinematicsSettings(setup=setup, solver="batched")),
        ("opensim", InverseKinematicsSettings(setup=exact, solver="opensim")),
    ):
        run_inverse_kinematics(model, trc, tmp_path / f"{name}.mot", settings=settings, start=0.4, end=0.8)
    ours, opensim = read_storage(tmp_path / "ours.mot"), read_storage(tmp_path / "opensim.mot")
    assert ours.labels == opensim.labels
    assert ours.in_degrees
    # OpenSim at 1e-9 is itself up to 0.001 degrees from the minimum
    assert_allclose(ours.values, opensim.values, rtol=0, atol=2e-3)


@pytest.mark.slow
def test_markers_of_the_run_fit_to_1_6_cm(running_ik):
    assert len(running_ik.coordinates.time) == 510  # all of it, though OpenSim's own default would end at 2.0 s
    assert running_ik.marker_error_rms.mean() <= 0.016
    assert running_ik.findings == ()  # the setup's accuracy of 1e-4 plays no part


def test_a_coarse_accuracy_is_a_finding_where_opensim_solves(model, setup, walk, tmp_path):
    coarse = _with_accuracy(setup, "0.0001", tmp_path)
    result = run_inverse_kinematics(
        model, _short(walk), tmp_path / "ik.mot", settings=InverseKinematicsSettings(setup=coarse, solver="opensim")
    )
    assert any("accuracy of 0.0001" in finding for finding in result.findings)


@pytest.mark.slow
def test_a_coupled_coordinate_is_its_coupler_in_radians(running_ik):
    # the coupler of the model is the identity; the tool writes it in radians into a file of degrees
    coordinates = running_ik.coordinates
    assert_allclose(coordinates.column("knee_angle_r_beta"), coordinates.column("knee_angle_r"), atol=1e-9)


def test_a_bare_task_set_serves_as_setup(model, setup, walk, tmp_path):
    tasks = re.search(r"<IKTaskSet.*</IKTaskSet>", setup.read_text(), re.DOTALL)
    assert tasks
    bare = tmp_path / "tasks.xml"
    bare.write_text(f'<OpenSimDocument Version="30000">{tasks[0]}</OpenSimDocument>')
    result = run_inverse_kinematics(model, _short(walk), tmp_path / "ik.mot", settings=InverseKinematicsSettings(setup=bare))
    assert_allclose(result.coordinates.time[[0, -1]], walk.time[[24, 32]], atol=1e-6)
    assert result.marker_error_rms.max() < 0.03
    assert sorted(p.name for p in tmp_path.iterdir()) == ["ik.log", "ik.mot", "tasks.xml"]


def test_start_and_end_cut_the_motion(gait2354_data, model, setup, tmp_path):
    settings = InverseKinematicsSettings(setup=setup)
    result = run_inverse_kinematics(
        model, gait2354_data / "subject01_walk1.trc", tmp_path / "ik.mot", settings=settings, start=2.0, end=2.1
    )
    assert_allclose(result.coordinates.time[[0, -1]], [2.0, 2.1], atol=1e-6)
    with pytest.raises(SignalError, match=r"from 2 to 9 s, but .*walk1.trc has 0 to 2.5 s"):
        run_inverse_kinematics(model, gait2354_data / "subject01_walk1.trc", tmp_path / "ik.mot", settings=settings, start=2.0, end=9.0)


def test_a_short_gap_is_interpolated_and_said_in_a_long_one_the_marker_has_no_weight(model, setup, walk, tmp_path):
    markers = _short(walk, slice(24, 40))
    toe = markers.markers.index("R.ASIS")
    markers.positions[4:6, toe] = np.nan
    settings = InverseKinematicsSettings(setup=setup, longest_gap=0.1)
    result = run_inverse_kinematics(model, markers, tmp_path / "ik.mot", settings=settings)
    assert any("R.ASIS was interpolated from 0.467 to 0.483 s" in finding for finding in result.findings)
    whole = run_inverse_kinematics(model, _short(walk, slice(24, 40)), tmp_path / "whole.mot", settings=settings)
    assert_allclose(result.coordinates.values, whole.coordinates.values, atol=np.deg2rad(0.5))
    markers.positions[4:12, toe] = np.nan
    without = run_inverse_kinematics(model, markers, tmp_path / "without.mot", settings=settings)
    assert any("R.ASIS was not seen from 0.467 to 0.583 s (8 frames); no weight there" in finding for finding in without.findings)
    # with two markers left the pelvis is held loosely meanwhile (the doctor says so); before and after nothing changes
    outside = np.r_[0:4, 12:16]
    assert_allclose(without.coordinates.values[outside], whole.coordinates.values[outside], atol=np.deg2rad(0.1))


def test_a_marker_nobody_follows_may_have_gaps(model, setup, walk, tmp_path):
    markers = _short(walk)
    markers.positions[:, markers.markers.index("R.Bicep")] = np.nan  # no task
    result = run_inverse_kinematics(model, markers, tmp_path / "ik.mot", settings=InverseKinematicsSettings(setup=setup))
    assert result.findings == ()


def test_a_marker_that_the_recording_lacks_is_named_unless_it_may_be_missing(model, setup, walk, tmp_path):
    short = _short(walk)
    renamed = replace(short, markers=tuple("R.Toe.Latt" if name == "R.Toe.Lat" else name for name in short.markers))
    with pytest.raises(UnknownNameError, match=r"task for marker 'R.Toe.Lat', which .*walk1.trc does not have. Did you mean 'R.Toe.Latt'"):
        run_inverse_kinematics(model, renamed, tmp_path / "ik.mot", settings=InverseKinematicsSettings(setup=setup))
    settings = InverseKinematicsSettings(setup=setup, missing_markers="ignore")
    assert run_inverse_kinematics(model, renamed, tmp_path / "ik.mot", settings=settings).marker_error_rms.max() < 0.03


def test_a_marker_that_the_model_lacks_is_named(gait2354_data, setup, walk, tmp_path):
    text = (gait2354_data / "OutputReference" / "subject01_simbody.osim").read_text()
    model = tmp_path / "model.osim"
    model.write_text(text.replace('<Marker name="R.ASIS">', '<Marker name="R_ASIS">'))
    with pytest.raises(UnknownNameError, match=r"task for marker 'R.ASIS', which .*model.osim does not have. Did you mean"):
        run_inverse_kinematics(model, _short(walk), tmp_path / "ik.mot", settings=InverseKinematicsSettings(setup=setup))


def test_centimetres_taken_for_metres_are_refused(model, setup, walk, tmp_path):
    short = _short(walk)
    wrong = replace(short, positions=short.positions * 100)
    with pytest.raises(SignalError, match=r"its markers span .* m, those of the model .* m; correct the unit"):
        run_inverse_kinematics(model, wrong, tmp_path / "ik.mot", settings=InverseKinematicsSettings(setup=setup))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("not xml", "is no XML file"),
        ("<OpenSimDocument><Model/></OpenSimDocument>", "holds Model, expected InverseKinematicsTool or IKTaskSet"),
    ],
)
def test_a_setup_file_that_is_none_is_refused(content, message, model, walk, tmp_path):
    (tmp_path / "setup.xml").write_text(content)
    with pytest.raises(FileFormatError, match=message):
        run_inverse_kinematics(model, _short(walk), tmp_path / "ik.mot", settings=InverseKinematicsSettings(setup=tmp_path / "setup.xml"))


def test_what_opensim_refuses_carries_its_log(model, setup, walk, tmp_path):
    broken = tmp_path / "model.osim"
    broken.write_text(model.read_text().replace("ground_pelvis", "ground_plevis", 1).replace("/bodyset/", "/bodiset/"))
    with pytest.raises(OpenSimToolError, match=r"(?s)inverse kinematics of .*model\.osim.*log .* ends with:"):
        run_inverse_kinematics(broken, _short(walk), tmp_path / "ik.mot", settings=InverseKinematicsSettings(setup=setup))


PINNED = (
    '<ConstraintSet name="constraintset"><objects><PointConstraint name="pinned"><socket_body_1>/ground</socket_body_1>'
    "<socket_body_2>/bodyset/pelvis</socket_body_2></PointConstraint></objects>"
)


def solved_wrongly(job, shift: float):
    """Runs in a worker: the batched solver makes a mistake."""
    solve = inverse_kinematics_batched.solve_inverse_kinematics

    def mistaken(tree, markers, coordinates):
        found = solve(tree, markers, coordinates)
        values = found.values.copy()
        values[:, tree.coordinates.index("knee_angle_r")] += shift
        return replace(found, values=values)

    inverse_kinematics_batched.solve_inverse_kinematics = mistaken
    return inverse_kinematics._solve(job)


def test_opensim_solves_the_recording_where_it_does_not_confirm_our_frames(model, setup, walk, tmp_path):
    settings = InverseKinematicsSettings(setup=setup)
    job = inverse_kinematics._Job(model=model, markers=_short(walk), out=tmp_path / "ik.mot", settings=settings, start=None, end=None)
    result = in_worker(solved_wrongly, job, np.deg2rad(0.05), log=tmp_path / "x.log")
    (finding,) = result.findings
    assert re.search(r"OpenSim's solution at accuracy 1e-09 differs from the batched one by 0.05 degrees in 'knee_angle_r'", finding)
    assert "OpenSim's own inverse kinematics solved the whole recording" in finding
    own = run_inverse_kinematics(
        model, _short(walk), tmp_path / "own.mot", settings=InverseKinematicsSettings(setup=setup, solver="opensim")
    )
    assert_array_equal(result.coordinates.values, own.coordinates.values)


def test_a_model_that_is_not_covered_goes_to_opensim_and_is_said(model, setup, walk, tmp_path):
    pinned = tmp_path / "pinned.osim"
    text, times = re.subn(r'<ConstraintSet name="constraintset">\s*<objects />', PINNED, model.read_text())
    assert times == 1
    pinned.write_text(text)
    result = run_inverse_kinematics(pinned, _short(walk), tmp_path / "ik.mot", settings=InverseKinematicsSettings(setup=setup))
    assert any("Constraint 'pinned' is a PointConstraint. So OpenSim's own inverse" in finding for finding in result.findings)
    with pytest.raises(UncoveredModelError, match=r"cannot be solved with solver = 'batched': Constraint 'pinned' is a PointConstraint"):
        run_inverse_kinematics(pinned, _short(walk), tmp_path / "no.mot", settings=InverseKinematicsSettings(setup=setup, solver="batched"))


def test_coordinate_tasks_from_a_file_are_followed_over_time(model, setup, walk, tmp_path):
    short = _short(walk)
    wanted = np.linspace(-30, -10, len(short.time))
    moving = TimeSeries(time=short.time, labels=("lumbar_extension",), values=wanted[:, None], in_degrees=True)
    write_storage(tmp_path / "wanted.mot", moving, header_name="Coordinates")
    text = _with_accuracy(setup, "1e-09", tmp_path).read_text()
    text = text.replace("<coordinate_file></coordinate_file>", f"<coordinate_file>{tmp_path / 'wanted.mot'}</coordinate_file>")
    inside = "<apply>true</apply><weight>3</weight><value_type>from_file</value_type>"
    own = tmp_path / "setup.xml"
    own.write_text(text.replace("<objects>", f'<objects><IKCoordinateTask name="lumbar_extension">{inside}</IKCoordinateTask>', 1))
    solved = {
        solver: run_inverse_kinematics(
            model, short, tmp_path / f"{solver}.mot", settings=InverseKinematicsSettings(setup=own, solver=solver)
        ).coordinates
        for solver in ("batched", "opensim")
    }
    assert np.ptp(solved["batched"].column("lumbar_extension")) > np.deg2rad(5)
    assert_allclose(solved["batched"].values, solved["opensim"].values, rtol=0, atol=np.deg2rad(0.01))


@pytest.mark.parametrize(("name", "dofs"), [("virtual_leg", 4), ("virtual_arm", 3)])
def test_our_own_models_give_their_motion_back(name, dofs, tmp_path):
    path = MODELS / f"{name}.osim"
    tree, (_, _) = in_worker(read, path, 1, log=tmp_path / "x.log")
    moving = [i for i in range(len(tree.coordinates)) if not tree.locked[i] and i not in tree.dependent][-dofs:]
    time = np.linspace(0, 1, 61)
    values = np.repeat(tree.defaults[None], len(time), axis=0)
    lower, upper = np.maximum(tree.lower, tree.defaults - 0.6), np.minimum(tree.upper, tree.defaults + 0.6)
    middle, reach = 0.5 * (lower + upper), 0.5 * (upper - lower)
    for n, i in enumerate(moving):
        values[:, i] = middle[i] + 0.6 * reach[i] * np.sin(2 * np.pi * time + n)
    markers = MarkerTrajectories(time=time, markers=tree.markers, positions=marker_positions(tree, tree.markers, values))
    tasks = "".join(f'<IKMarkerTask name="{name}"><apply>true</apply><weight>1</weight></IKMarkerTask>' for name in tree.markers)
    setup = tmp_path / "tasks.xml"
    setup.write_text(f'<OpenSimDocument Version="40600"><IKTaskSet name="all"><objects>{tasks}</objects></IKTaskSet></OpenSimDocument>')
    result = run_inverse_kinematics(path, markers, tmp_path / "ik.mot", settings=InverseKinematicsSettings(setup=setup))
    assert result.findings == ()
    assert_allclose(result.coordinates.values, values, rtol=0, atol=1e-6)  # steps end at 1e-6
    assert result.marker_error_max.max() < 1e-6
