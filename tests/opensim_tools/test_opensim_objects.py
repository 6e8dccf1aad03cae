"""What an OpenSim user holds in memory is taken wherever a path is, with the same results; and goes back without a loss."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from osim_nmscal.data.time_series import MarkerTrajectories, TimeSeries
from osim_nmscal.errors import FileFormatError, SignalError
from osim_nmscal.formats.storage import write_storage
from osim_nmscal.opensim_tools.inverse_dynamics import InverseDynamicsSettings, run_inverse_dynamics
from osim_nmscal.opensim_tools.muscle_analysis import MuscleAnalysisSettings, run_muscle_analysis
from osim_nmscal.opensim_tools.scaling import ScalingSettings, scale_model
from osim_nmscal.opensim_tools.verification import VerificationSettings, verify_model
from osim_nmscal.osim_model.reader import read_coordinates, read_muscles
from osim_nmscal.osim_model.writer import write_personalized

pytestmark = pytest.mark.opensim
opensim = pytest.importorskip("opensim")

ARM = Path(__file__).parent.parent.parent / "models" / "virtual_arm.osim"
TIME = np.linspace(0.0, 0.5, 26)


@pytest.fixture(scope="module")
def model():
    return opensim.Model(str(ARM))


@pytest.fixture(scope="module")
def motion():
    """The elbow bends; in degrees, as OpenSim's own files are."""
    coordinates = read_coordinates(ARM)
    values = np.degrees(np.tile([one.default_value for one in coordinates], (len(TIME), 1)))
    values[:, -1] = 40.0 + 30.0 * np.sin(2 * np.pi * TIME)
    return TimeSeries(time=TIME, labels=tuple(one.name for one in coordinates), values=values, source="ik.mot", in_degrees=True)


@pytest.fixture(scope="module")
def file(motion, tmp_path_factory):
    return write_storage(tmp_path_factory.mktemp("motion") / "ik.mot", motion, header_name="Coordinates")


def test_a_series_goes_to_a_table_and_back_unchanged(motion):
    assert TimeSeries.from_table(motion.to_table(), source="ik.mot") == motion


def test_a_storage_keeps_what_lies_before_zero(tmp_path):
    early = TimeSeries(time=TIME - 0.3, labels=("a", "b"), values=np.stack([TIME, -TIME], axis=1))
    read = TimeSeries.from_table(opensim.Storage(str(write_storage(tmp_path / "early.sto", early, header_name="early"))))
    assert_allclose(read.time, early.time, rtol=0, atol=1e-9)  # files keep ten digits and more
    assert_allclose(read.values, early.values, rtol=0, atol=1e-9)
    assert read.source == "early"


def test_markers_go_to_a_table_and_back_in_metres_whatever_its_unit():
    markers = MarkerTrajectories(time=TIME, markers=("HEE", "TOE"), positions=np.random.default_rng(1).normal(size=(len(TIME), 2, 3)))
    table = markers.to_table()
    assert MarkerTrajectories.from_table(table) == markers
    table.removeTableMetaDataKey("Units")
    table.addTableMetaDataString("Units", "mm")
    assert_allclose(MarkerTrajectories.from_table(table).positions, markers.positions / 1000, rtol=1e-15)
    table.removeTableMetaDataKey("Units")
    table.addTableMetaDataString("Units", "parsec")
    with pytest.raises(SignalError, match="Units = 'parsec'"):
        MarkerTrajectories.from_table(table)


def test_muscle_analysis_and_inverse_dynamics_of_objects_are_those_of_files(model, motion, file, tmp_path):
    settings = MuscleAnalysisSettings(dofs=("elbow_flexion_r",), muscles=("brachialis_r",))
    pairs = ((ARM, file), (model, motion.to_table()))
    paths = [run_muscle_analysis(*pair, tmp_path / str(i), settings=settings) for i, pair in enumerate(pairs)]
    # a model that OpenSim has printed has other digits; and the file of the motion keeps ten
    assert_allclose(paths[1].mtu_length, paths[0].mtu_length, rtol=0, atol=1e-9)
    assert_allclose(paths[1].moment_arm, paths[0].moment_arm, rtol=0, atol=1e-7)
    pairs = ((ARM, file), (model, opensim.Storage(str(file))))
    runs = [run_inverse_dynamics(*pair, tmp_path / f"{i}.sto", settings=InverseDynamicsSettings()) for i, pair in enumerate(pairs)]
    moments = [run.moments.column("elbow_flexion_r") for run in runs]
    assert_allclose(moments[1], moments[0], rtol=0, atol=1e-5)  # N·m, of several


def test_muscles_and_scaling_and_write_back_take_a_model_and_leave_it_as_it_is(model, tmp_path):
    before = model.dump()
    assert read_muscles(model) == read_muscles(ARM)
    assert read_coordinates(model) == read_coordinates(ARM)
    assert scale_model(model, tmp_path / "scaled.osim", settings=ScalingSettings(mass_only=True, mass=60.0)).model.is_file()
    written = write_personalized(model, tmp_path / "personalized.osim", read_muscles(model))
    assert read_muscles(written) == read_muscles(ARM)
    assert model.dump() == before


def test_verification_takes_tables(model, motion, tmp_path):
    half = TimeSeries(time=TIME[5:9], labels=("brachialis_r",), values=np.full((4, 1), 0.5))
    runs = [
        verify_model(*given, ("elbow_flexion_r",), settings=VerificationSettings(), log=tmp_path / "log.txt")
        for given in ((ARM, motion, half), (model, motion.to_table(), half.to_table()))
    ]
    # printed digits of the model, and the integrator's tolerance of 5e-7
    assert_allclose(runs[1].tendon_force.values, runs[0].tendon_force.values, rtol=1e-5)


def test_what_is_neither_a_path_nor_an_object_is_said():
    with pytest.raises(FileFormatError, match=r"an opensim\.Model, but here it is a list"):
        read_muscles([1])
    with pytest.raises(SignalError, match=r"an opensim\.Storage, but here it is a dict"):
        run_muscle_analysis(ARM, {}, "nowhere", settings=MuscleAnalysisSettings(dofs=("elbow_flexion_r",)))


def test_nothing_is_left_in_the_temporary_folder(model):
    from osim_nmscal.opensim_objects import model_file

    with model_file(model) as path:
        assert path.name == "virtual_arm.osim"
    assert not path.parent.exists()


def test_who_passes_paths_does_not_load_opensim():
    code = (
        f"import sys; from osim_nmscal import read_muscles, read_coordinates; read_muscles({str(ARM)!r}); read_coordinates({str(ARM)!r})\n"
        "import osim_nmscal.opensim_tools.muscle_analysis, osim_nmscal.opensim_tools.inverse_kinematics\n"
        "print('opensim' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"


def test_tables_are_made_where_a_c3d_file_was_written_in_the_same_process(tmp_path, motion):
    from osim_nmscal.virtual_subject.laboratory.c3d_file import write_c3d

    seen = MarkerTrajectories(time=TIME, markers=("HEE",), positions=np.ones((len(TIME), 1, 3)))
    emg = TimeSeries(time=np.arange(500) / 1000.0, labels=("TA",), values=np.zeros((500, 1)))
    write_c3d(tmp_path / "walk.c3d", seen, emg)  # ezc3d names the same C++ types as OpenSim
    assert_array_equal(TimeSeries.from_table(motion.to_table()).values, motion.values)
    assert MarkerTrajectories.from_table(seen.to_table()) == seen
