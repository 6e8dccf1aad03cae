"""What the stations promise of OpenSim, on our own models: the main claims hold wherever the package is, without any recording."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from test_kinematic_tree import read
from test_muscle_analysis import opensims_own_analysis
from test_verification import VIRTUAL, waves

from osim_nmscal.data.time_series import MarkerTrajectories, TimeSeries
from osim_nmscal.data.trials import MuscleGeometry
from osim_nmscal.formats.storage import read_storage, write_storage
from osim_nmscal.formats.trc import write_trc
from osim_nmscal.kinematics.forward import marker_positions
from osim_nmscal.kinematics.tree import KinematicTree
from osim_nmscal.opensim_tools.inverse_dynamics import InverseDynamicsSettings, run_inverse_dynamics
from osim_nmscal.opensim_tools.inverse_kinematics import InverseKinematicsSettings, run_inverse_kinematics
from osim_nmscal.opensim_tools.muscle_analysis import MuscleAnalysisSettings, read_muscle_analysis, run_muscle_analysis
from osim_nmscal.opensim_tools.run import in_worker

pytestmark = pytest.mark.opensim

MODELS = Path(__file__).parents[2] / "models"
# Samples that are compared; the spline that differentiates the motion bends at its ends.
INSIDE = range(20, 81, 10)


@dataclass(frozen=True, kw_only=True)
class Found:
    """What our stations and OpenSim alone find of one model."""

    dofs: tuple[str, ...]
    angles: dict[str, TimeSeries]  # solver -> degrees, m
    moments: NDArray[np.float64]  # ours, (sample, dof)
    opensims_moments: NDArray[np.float64]
    geometry: MuscleGeometry
    opensims_geometry: MuscleGeometry


@pytest.fixture(scope="module", params=VIRTUAL)
def found(request, tmp_path_factory) -> Found:
    folder = tmp_path_factory.mktemp("virtual")
    return in_worker(everything, MODELS / request.param, VIRTUAL[request.param], folder, log=folder / "x.log")


def everything(model: Path, dofs: tuple[str, ...], folder: Path) -> Found:
    """Runs in a worker, in which the stations work at once."""
    tree, _ = read(model, 1)
    geometry = of_muscles(model, tree, dofs, folder)
    moments = of_dynamics(model, tree, dofs, folder)
    return Found(
        dofs=dofs,
        angles=of_kinematics(model, tree, dofs, folder),
        moments=moments[0],
        opensims_moments=moments[1],
        geometry=geometry[0],
        opensims_geometry=geometry[1],
    )


def posed(tree: KinematicTree, dofs: tuple[str, ...], frames: int, step: float) -> TimeSeries:
    """The dofs move by half a radian, everything else rests."""
    time, angles = waves(0.0, (frames - 1) * step, step, len(dofs))
    values = np.tile(tree.defaults, (len(time), 1))
    values[:, [tree.coordinates.index(dof) for dof in dofs]] += 0.5 * angles
    return TimeSeries(time=time, labels=tree.coordinates, values=values, source="waves")


def of_kinematics(model: Path, tree: KinematicTree, dofs: tuple[str, ...], folder: Path) -> dict[str, TimeSeries]:
    motion = posed(tree, dofs, 15, 0.01)
    places = marker_positions(tree, tree.markers, motion.values)
    places += np.random.default_rng(1).normal(0.0, 0.008, places.shape)  # 8 mm, so that no posture fits
    trc = write_trc(folder / "shaken.trc", MarkerTrajectories(time=motion.time, markers=tree.markers, positions=places, source="waves"))
    weights = {name: 1 + i % 3 for i, name in enumerate(tree.markers)}
    tasks = "".join(
        f'<IKMarkerTask name="{name}"><apply>true</apply><weight>{weight}</weight></IKMarkerTask>' for name, weight in weights.items()
    )
    angles = {}
    for solver, accuracy in (("batched", "1e-5"), ("opensim", "1e-9")):
        setup = folder / f"{solver}.xml"
        setup.write_text(
            f'<OpenSimDocument Version="40000"><InverseKinematicsTool><accuracy>{accuracy}</accuracy>'
            f"<IKTaskSet><objects>{tasks}</objects></IKTaskSet></InverseKinematicsTool></OpenSimDocument>"
        )
        run_inverse_kinematics(model, trc, folder / f"{solver}.mot", settings=InverseKinematicsSettings(setup=setup, solver=solver))
        angles[solver] = read_storage(folder / f"{solver}.mot")
    return angles


def of_dynamics(model_file: Path, tree: KinematicTree, dofs: tuple[str, ...], folder: Path) -> tuple[NDArray, NDArray]:
    """Sines, whose speeds and accelerations are known, through our station and through OpenSim's own solver."""
    import opensim

    columns = [tree.coordinates.index(dof) for dof in dofs]
    time, phase, pulse = np.arange(101) / 100, np.arange(len(dofs)), 2 * np.pi * 1.2
    swing = pulse * time[:, None] + phase
    values, speeds, accelerations = (np.zeros((len(time), len(tree.coordinates))) for _ in range(3))
    values += tree.defaults
    values[:, columns] += 0.3 * np.sin(swing)
    speeds[:, columns] = 0.3 * pulse * np.cos(swing)
    accelerations[:, columns] = -0.3 * pulse**2 * np.sin(swing)
    motion = TimeSeries(time=time, labels=tree.coordinates, values=values, source="sines")
    ours = run_inverse_dynamics(model_file, motion, folder / "id.sto", settings=InverseDynamicsSettings(lowpass_cutoff=0)).moments
    model = opensim.Model(str(model_file))
    for i in range(model.getMuscles().getSize()):
        model.updMuscles().get(i).set_appliesForce(False)
    state, solver, opensims = model.initSystem(), opensim.InverseDynamicsSolver(model), []
    order = [path.split("/")[-2] for path in opensim.createStateVariableNamesInSystemOrder(model) if path.endswith("/speed")]
    assert tuple(order) == tree.coordinates
    for sample in INSIDE:
        for name, q, u in zip(order, values[sample].tolist(), speeds[sample].tolist(), strict=True):
            coordinate = model.getCoordinateSet().get(name)
            coordinate.setLocked(state, False)
            coordinate.setValue(state, q, False)
            coordinate.setSpeedValue(state, u)
        forces = solver.solve(state, opensim.Vector(accelerations[sample].tolist()))
        opensims.append([forces.get(column) for column in columns])
    return np.stack([ours.column(dof)[list(INSIDE)] for dof in dofs], axis=1), np.array(opensims)


def of_muscles(model: Path, tree: KinematicTree, dofs: tuple[str, ...], folder: Path) -> tuple[MuscleGeometry, MuscleGeometry]:
    path = write_storage(folder / "part.sto", posed(tree, dofs, 11, 0.06), header_name="Coordinates")
    ours = run_muscle_analysis(model, path, folder / "ours", settings=MuscleAnalysisSettings(dofs=dofs, lowpass_cutoff=0))
    (folder / "own").mkdir()
    opensims_own_analysis(str(model), str(path), dofs, ours.muscles, str(folder / "own"))
    return ours, read_muscle_analysis(folder / "own", dofs, ours.muscles)


def test_our_inverse_kinematics_is_that_of_opensim_at_accuracy_1e_9(found: Found) -> None:
    ours, opensims = found.angles["batched"], found.angles["opensim"]
    assert ours.labels == opensims.labels
    # degrees, and m where something slides: OpenSim at 1e-9 is itself up to 0.001 degrees from the minimum
    assert_allclose(ours.values, opensims.values, rtol=0, atol=2e-3)


def test_joint_moments_are_those_of_opensims_solver_for_a_motion_known_in_closed_form(found: Found) -> None:
    # a spline through a sine of 1.2 Hz at 100 Hz has its acceleration to 1e-4
    spread = np.ptp(found.opensims_moments, axis=0)
    assert (spread > 0.1).all()
    assert (np.abs(found.moments - found.opensims_moments).max(axis=0) < 1e-3 * spread).all()


def test_lengths_and_moment_arms_are_those_of_opensims_muscle_analysis(found: Found) -> None:
    assert_allclose(found.geometry.mtu_length, found.opensims_geometry.mtu_length, atol=1e-7)
    # of points that glide along a spline OpenSim's own moment arm is 3e-6 m off the slope of the length
    assert_allclose(found.geometry.moment_arm, found.opensims_geometry.moment_arm, atol=5e-6)
