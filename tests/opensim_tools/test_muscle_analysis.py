from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.errors import FileFormatError, SignalError, UnknownNameError
from osim_nmscal.formats.storage import write_storage
from osim_nmscal.opensim_tools.muscle_analysis import MuscleAnalysisSettings, read_muscle_analysis, run_muscle_analysis
from osim_nmscal.opensim_tools.run import in_worker

pytestmark = pytest.mark.opensim

DOFS = ("hip_flexion_r", "hip_adduction_r", "hip_rotation_r", "knee_angle_r", "ankle_angle_r")
# Wrap over two objects at small knee flexion; OpenSim iterates their path, and its moment arm is not -dL/dq of that path.
DOUBLE_WRAPPED = ("gasmed_r", "gaslat_r")


def opensims_own_analysis(model_file: str, motion: str, dofs: tuple[str, ...], muscles: tuple[str, ...], folder: str) -> None:
    """OpenSim's AnalyzeTool with MuscleAnalysis, as a user would run it."""
    import opensim

    analysis = opensim.MuscleAnalysis()
    analysis.setName("MuscleAnalysis")
    analysis.setStartTime(-1)
    analysis.setEndTime(100)
    analysis.setComputeMoments(True)
    for setter, names in ((analysis.setCoordinates, dofs), (analysis.setMuscles, muscles)):
        array = opensim.ArrayStr()
        for name in names:
            array.append(name)
        setter(array)
    setup = opensim.AnalyzeTool()
    setup.updAnalysisSet().cloneAndAppend(analysis)
    setup.setName("own")
    setup.setCoordinatesFileName(motion)
    setup.setLowpassCutoffFrequency(-1)
    setup.setInitialTime(-1)
    setup.setFinalTime(100)
    setup.setOutputPrecision(16)
    setup.setResultsDir(folder)
    setup.setModelFilename(model_file)
    setup.printToXML(f"{folder}/setup.xml")
    tool = opensim.AnalyzeTool(f"{folder}/setup.xml")
    tool.setLoadModelAndInput(True)
    tool.run()


@pytest.fixture(scope="module")
def part_of_the_run(running_ik, tmp_path_factory) -> Path:
    """Every fourth frame of a stride and a half; toe-off, swing and stance."""
    motion = running_ik.coordinates.between(1.5, 2.5)
    part = TimeSeries(time=motion.time[::4], labels=motion.labels, values=motion.values[::4], source="part of the run")
    return write_storage(tmp_path_factory.mktemp("part") / "part.sto", part, header_name="Coordinates")


@pytest.fixture(scope="module")
def geometry(running_scaled, part_of_the_run, results):
    settings = MuscleAnalysisSettings(dofs=DOFS, lowpass_cutoff=0)
    return run_muscle_analysis(running_scaled.model, part_of_the_run, results / "run" / "part", settings=settings)


@pytest.mark.slow
def test_lengths_and_moment_arms_are_those_of_opensims_muscle_analysis(running_scaled, part_of_the_run, geometry, tmp_path):
    (tmp_path / "own").mkdir()
    job = (str(running_scaled.model), str(part_of_the_run), DOFS, geometry.muscles, str(tmp_path / "own"))
    in_worker(opensims_own_analysis, *job, log=tmp_path / "x.log")
    own = read_muscle_analysis(tmp_path / "own", DOFS, geometry.muscles)
    assert_allclose(own.time, geometry.time, atol=1e-9)
    assert_allclose(geometry.mtu_length, own.mtu_length, atol=1e-6)
    others = [i for i, name in enumerate(geometry.muscles) if name not in DOUBLE_WRAPPED]
    assert_allclose(geometry.moment_arm[:, :, others], own.moment_arm[:, :, others], atol=1e-6)
    assert_allclose(geometry.moment_arm, own.moment_arm, atol=2e-3)  # docs/opensim.md: up to 1.8 mm


@pytest.mark.slow
def test_by_default_every_mtu_of_the_leg_is_found_and_no_other(geometry):
    assert len(geometry.muscles) == 40  # Rajagopal et al. (2016): 80 MTUs, 40 of each leg
    assert all(name.endswith("_r") for name in geometry.muscles)
    crossing = {name for i, name in enumerate(geometry.muscles) if np.abs(geometry.moment_arm[:, 4, i]).max() > 1e-3}
    assert {"soleus_r", "gasmed_r", "gaslat_r", "tibant_r", "perlong_r"} <= crossing
    assert not {"vaslat_r", "glmax1_r", "recfem_r"} & crossing


@pytest.mark.slow
def test_the_moment_arm_solver_can_be_chosen(running_scaled, part_of_the_run, geometry, tmp_path):
    muscles = ("soleus_r", "recfem_r")  # recfem crosses the knee by way of the patella's coupled coordinate
    settings = MuscleAnalysisSettings(dofs=DOFS[3:], muscles=muscles, method="moment_arm_solver", lowpass_cutoff=0)
    solved = run_muscle_analysis(running_scaled.model, part_of_the_run, tmp_path, settings=settings)
    assert solved.muscles == muscles
    assert_allclose(solved.moment_arm, geometry.select(muscles, DOFS[3:]).moment_arm, atol=1e-9)


@pytest.mark.slow
def test_what_is_written_is_read_back(geometry, results):
    back = read_muscle_analysis(results / "run" / "part", DOFS)
    assert back.muscles == geometry.muscles
    assert_array_equal(back.mtu_length, geometry.mtu_length)
    assert_array_equal(back.moment_arm, geometry.moment_arm)
    with pytest.raises(FileFormatError, match=r"holds 0 files moment_arm_hip_flexion_l\.sto"):
        read_muscle_analysis(results / "run" / "part", ("hip_flexion_l",))


@pytest.mark.slow
def test_gastrocnemii_whose_length_and_moment_arm_disagree_are_said(running_scaled, part_of_the_run, tmp_path, caplog):
    settings = MuscleAnalysisSettings(dofs=("knee_angle_r",), lowpass_cutoff=0)
    run_muscle_analysis(running_scaled.model, part_of_the_run, tmp_path, settings=settings)
    said = [record.getMessage() for record in caplog.records]
    assert any("gasmed_r about knee_angle_r" in text for text in said)
    assert not any("recfem_r" in text or "semimem_r" in text for text in said)


def test_moment_arms_are_minus_the_slope_of_the_length(gait2354_data, tmp_path):
    # r = -dL/dq, by central differences over a knee that alone moves
    knee = np.linspace(-1.2, 0.0, 241)
    motion = TimeSeries(time=np.arange(241) / 100, labels=("knee_angle_r",), values=knee[:, None])
    settings = MuscleAnalysisSettings(dofs=("knee_angle_r",), missing_coordinates="default", lowpass_cutoff=0)
    model = gait2354_data / "OutputReference" / "subject01_simbody.osim"
    geometry = run_muscle_analysis(model, motion, tmp_path, settings=settings)
    slopes = np.gradient(geometry.mtu_length, knee, axis=0)[1:-1]
    straight = [i for i, name in enumerate(geometry.muscles) if name in ("bifemsh_r", "bifemlh_r")]  # no wrapping, no jumping points
    assert_allclose(geometry.moment_arm[1:-1, 0, straight], -slopes[:, straight], atol=2e-5)  # second order in 5 mrad


def coupled_slides(path: str) -> None:
    """A body that slides on a body that slides, twice as far and the other way; a muscle pulls the outer one."""
    import opensim

    model = opensim.Model()
    inner, outer = (opensim.Body(name, 1.0, opensim.Vec3(0), opensim.Inertia(1.0)) for name in ("inner", "outer"))
    first = opensim.SliderJoint("first", model.getGround(), inner)
    first.updCoordinate().setName("a")
    second = opensim.SliderJoint("second", inner, outer)
    second.updCoordinate().setName("b")
    for part in (inner, outer):
        model.addBody(part)
    for joint in (first, second):
        model.addJoint(joint)
    coupler = opensim.CoordinateCouplerConstraint()
    coupler.setName("coupler")
    names = opensim.ArrayStr()
    names.append("a")
    coupler.setIndependentCoordinateNames(names)
    coupler.setDependentCoordinateName("b")
    coupler.setFunction(opensim.LinearFunction(-2.0, 0.1))
    model.addConstraint(coupler)
    muscle = opensim.Millard2012EquilibriumMuscle("muscle", 100.0, 0.1, 0.2, 0.0)
    muscle.addNewPathPoint("origin", model.getGround(), opensim.Vec3(-1.0, 0, 0))
    muscle.addNewPathPoint("insertion", outer, opensim.Vec3(0))
    model.addForce(muscle)
    model.finalizeConnections()
    model.printToXML(path)


@pytest.mark.parametrize("method", ["lengthening_speed", "moment_arm_solver"])
def test_a_coupled_coordinate_goes_with_the_one_that_drives_it(method, tmp_path):
    in_worker(coupled_slides, str(tmp_path / "m.osim"), log=tmp_path / "x.log")
    # the motion says otherwise of b, as files do that hold dependent coordinates in the wrong unit
    motion = TimeSeries(
        time=np.arange(21) / 100, labels=("a", "b"), values=np.stack([np.linspace(-0.1, 0.1, 21), np.full(21, 7.0)], axis=1)
    )
    settings = MuscleAnalysisSettings(dofs=("a",), lowpass_cutoff=0, method=method)
    found = run_muscle_analysis(tmp_path / "m.osim", motion, tmp_path / "out", settings=settings)
    assert_allclose(found.mtu_length[:, 0], 1.0 + motion.values[:, 0] + (0.1 - 2 * motion.values[:, 0]), atol=1e-12)
    assert_allclose(found.moment_arm[:, 0, 0], 1.0, atol=1e-9)  # -dL/da = -(1 - 2)


MODELS = Path(__file__).parent.parent.parent / "models"


@pytest.mark.parametrize(
    ("model", "dofs"), [("virtual_leg.osim", ("hip_flexion_r", "knee_flexion_r")), ("virtual_arm.osim", ("shoulder_elevation_r",))]
)
def test_windows_leave_frames_out_and_change_nothing_else(model, dofs, tmp_path):
    time = np.arange(201) / 100
    angles = np.sin(2 * np.pi * time[:, None] * (0.5 + np.arange(len(dofs)))) / 2
    motion = TimeSeries(time=time, labels=dofs, values=angles)
    settings = MuscleAnalysisSettings(dofs=dofs, missing_coordinates="default")  # filtered: the filter sees the whole motion
    whole = run_muscle_analysis(MODELS / model, motion, tmp_path / "whole", settings=settings)
    part = run_muscle_analysis(MODELS / model, motion, tmp_path / "part", settings=settings, windows=((0.2, 0.5), (0.4, 0.61), (1.5, 9.0)))
    rows = np.r_[20:62, 150:201]
    assert part.muscles == whole.muscles
    assert_array_equal(part.time, whole.time[rows])
    assert_array_equal(part.mtu_length, whole.mtu_length[rows])
    assert_array_equal(part.moment_arm, whole.moment_arm[rows])
    assert_array_equal(read_muscle_analysis(tmp_path / "part", dofs).time, part.time)


@pytest.mark.slow
def test_windows_of_the_run_change_nothing_either_though_paths_wrap(running_scaled, running_ik, tmp_path):
    settings = MuscleAnalysisSettings(dofs=DOFS[3:])
    motion = running_ik.coordinates.between(0.5, 2.0)
    whole = run_muscle_analysis(running_scaled.model, motion, tmp_path / "whole", settings=settings)
    part = run_muscle_analysis(running_scaled.model, motion, tmp_path / "part", settings=settings, windows=((0.8, 1.0), (1.4, 1.5)))
    rows = np.isin(whole.time, part.time)
    assert rows.sum() == len(part.time) == 32
    assert_allclose(part.mtu_length, whole.mtu_length[rows], rtol=0, atol=1e-12)
    assert_allclose(part.moment_arm, whole.moment_arm[rows], rtol=0, atol=1e-12)


def test_windows_beside_the_motion_are_refused(tmp_path):
    motion = TimeSeries(time=np.arange(101) / 100, labels=("elbow_flexion_r",), values=np.full((101, 1), 0.5), source="arm.mot")
    settings = MuscleAnalysisSettings(dofs=("elbow_flexion_r",), missing_coordinates="default")
    with pytest.raises(SignalError, match=r"arm.mot has no frame from 3 to 5 s, where trials lie; it runs from 0 to 1 s"):
        run_muscle_analysis(MODELS / "virtual_arm.osim", motion, tmp_path, settings=settings, windows=((3.0, 4.0), (4.5, 5.0)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dofs": ("knee_angel_r",)}, r"has no coordinate 'knee_angel_r'. Did you mean 'knee_angle_r'"),
        ({"dofs": ("subtalar_angle_r",)}, r"'subtalar_angle_r' is locked in"),
        ({"dofs": ("knee_angle_r_beta",)}, r"is determined by knee_angle_r; name that one instead"),
        ({"dofs": ("knee_angle_r",), "muscles": ("vaslt_r",)}, r"has no muscle 'vaslt_r'. Did you mean 'vaslat_r'"),
        ({"dofs": ("pelvis_tx",)}, r"No muscle of .* crosses pelvis_tx"),
    ],
)
def test_names_that_cannot_be_analyzed_are_refused(settings, message, running_data, tmp_path):
    motion = TimeSeries(time=np.array([0.0, 0.01, 0.02]), labels=("knee_angle_r",), values=np.full((3, 1), 0.5))
    with pytest.raises(UnknownNameError, match=message):
        run_muscle_analysis(
            running_data / "generic_unscaled.osim",
            motion,
            tmp_path,
            settings=MuscleAnalysisSettings(missing_coordinates="default", lowpass_cutoff=0, **settings),
        )
    assert not list(tmp_path.glob("*.sto"))


def test_a_coordinate_that_the_model_locks_still_moves_as_it_was_recorded(tmp_path):
    source = Path(__file__).parent.parent.parent / "models" / "virtual_leg.osim"
    text = source.read_text(encoding="utf-8")
    begin = text.index('<Coordinate name="hip_flexion_r">') + len('<Coordinate name="hip_flexion_r">')
    locked = tmp_path / "locked.osim"
    locked.write_text(f"{text[:begin]}<locked>true</locked>{text[begin:]}", encoding="utf-8")
    time = np.linspace(0.0, 0.2, 5)
    labels = ("hip_flexion_r", "knee_flexion_r")
    swing = TimeSeries(time=time, labels=labels, values=np.stack([4 * time, 2 * time], axis=1), source="swing")
    settings = MuscleAnalysisSettings(dofs=("knee_flexion_r",), lowpass_cutoff=0, missing_coordinates="default")
    free, held = (run_muscle_analysis(model, swing, tmp_path / model.stem, settings=settings) for model in (source, locked))
    assert_array_equal(held.mtu_length, free.mtu_length)
    assert np.ptp(held.mtu_length[:, held.muscles.index("semimembranosus_r")]) > 0.01


def test_only_muscles_of_interest_are_analyzed_and_come_out_as_among_all(tmp_path):
    time = np.arange(60) / 100
    motion = TimeSeries(time=time, labels=("knee_flexion_r",), values=np.sin(4 * time)[:, None] / 2)
    settings = MuscleAnalysisSettings(dofs=("knee_flexion_r",), missing_coordinates="default")
    whole = run_muscle_analysis(MODELS / "virtual_leg.osim", motion, tmp_path / "whole", settings=settings)
    of_interest = (*whole.muscles[1:3], "soleus_r")  # which does not cross the knee
    few = run_muscle_analysis(MODELS / "virtual_leg.osim", motion, tmp_path / "few", settings=settings, among=of_interest)
    assert few.muscles == whole.muscles[1:3]
    assert_array_equal(few.mtu_length, whole.mtu_length[:, 1:3])
    assert_array_equal(few.moment_arm, whole.moment_arm[:, :, 1:3])
    none = run_muscle_analysis(MODELS / "virtual_leg.osim", motion, tmp_path / "none", settings=settings, among=("soleus_r",))
    assert none.muscles == whole.muscles
