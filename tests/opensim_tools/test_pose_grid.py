"""MTU lengths over grids of the coordinates that each MTU crosses."""

from pathlib import Path

import numpy as np
import pytest

from osim_nmscal.data.pose_grid import PoseGrid
from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.errors import UnknownNameError
from osim_nmscal.opensim_tools.muscle_analysis import MuscleAnalysisSettings, run_muscle_analysis
from osim_nmscal.opensim_tools.pose_grid import lengths_in_postures, sample_pose_grids

pytestmark = pytest.mark.opensim
ARM = Path(__file__).parents[2] / "models" / "virtual_arm.osim"


@pytest.fixture(scope="module")
def grids(tmp_path_factory: pytest.TempPathFactory) -> tuple[PoseGrid, ...]:
    return sample_pose_grids(ARM, tmp_path_factory.mktemp("grids") / "grid.log")


def test_each_muscle_is_in_one_grid_of_the_coordinates_that_it_crosses(grids: tuple[PoseGrid, ...]) -> None:
    names = [name for grid in grids for name in grid.muscles]
    assert len(names) == len(set(names))
    own = {name: grid.coordinates for grid in grids for name in grid.muscles}
    assert own["brachialis_r"] == ("elbow_flexion_r",)
    assert "elbow_flexion_r" in own["biceps_long_r"]
    assert len(own["biceps_long_r"]) > 1  # and the shoulder
    for grid in grids:
        assert len(grid.postures) <= 400
        assert np.isfinite(grid.mtu_length).all()


def test_lengths_are_those_of_a_muscle_analysis(grids: tuple[PoseGrid, ...], tmp_path: Path) -> None:
    grid = next(grid for grid in grids if grid.coordinates == ("elbow_flexion_r",))
    motion = TimeSeries(time=0.01 * np.arange(len(grid.postures)), labels=grid.coordinates, values=grid.postures, source="grid")
    settings = MuscleAnalysisSettings(dofs=grid.coordinates, muscles=grid.muscles, lowpass_cutoff=0.0, missing_coordinates="default")
    np.testing.assert_allclose(run_muscle_analysis(ARM, motion, tmp_path, settings=settings).mtu_length, grid.mtu_length, atol=1e-12)


def test_another_model_is_looked_at_in_the_same_postures_and_an_unknown_coordinate_is_named(
    grids: tuple[PoseGrid, ...], tmp_path: Path
) -> None:
    again = lengths_in_postures(ARM, grids, tmp_path / "again.log")
    for one, other in zip(grids, again, strict=True):
        np.testing.assert_array_equal(one.mtu_length, other.mtu_length)
    strange = PoseGrid(muscles=("brachialis_r",), coordinates=("elbow_r",), postures=np.zeros((1, 1)), mtu_length=np.full((1, 1), np.nan))
    with pytest.raises(UnknownNameError, match="elbow_r"):
        lengths_in_postures(ARM, [strange], tmp_path / "strange.log")
