"""Surrogate geometry of whole models against OpenSim's own lengths and moment arms."""

from pathlib import Path

import numpy as np
import pytest
import torch

from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.errors import MuscleModelError, UnknownNameError
from osim_nmscal.opensim_tools.model_access import coordinates_of, free_coordinates, open_model
from osim_nmscal.opensim_tools.muscle_analysis import MuscleAnalysisSettings, run_muscle_analysis
from osim_nmscal.opensim_tools.run import in_worker
from osim_nmscal.opensim_tools.surrogate_fit import fit_surrogate_geometry, muscles_within, sample_geometry

pytestmark = pytest.mark.opensim
MODELS = Path(__file__).parents[2] / "models"
LEG = {
    "hip_flexion_r": (-0.5, 1.0),
    "hip_adduction_r": (-0.3, 0.2),
    "hip_rotation_r": (-0.3, 0.3),
    "knee_angle_r": (-1.8, 0.0),
    "ankle_angle_r": (-0.6, 0.4),
}


def sampled(path: Path, ranges, muscles, count: int):
    """Runs in a worker."""
    model = open_model(path)
    coordinates = coordinates_of(model)
    free_coordinates(model)
    return sample_geometry(model, coordinates, ranges, muscles, count, path.name)


def _ranges(path: Path, folder: Path) -> dict[str, tuple[float, float]]:
    """Every coordinate that muscles cross within half a radian of the default, inside the model's ranges."""
    return in_worker(moving, path, log=folder / "x.log")


def moving(path: Path) -> dict[str, tuple[float, float]]:
    model = open_model(path)
    coordinates = coordinates_of(model)
    found = {}
    for name in coordinates.names:
        handle = model.getCoordinateSet().get(name)
        if name not in coordinates.locked and name not in coordinates.dependent and not name.startswith(("pelvis", "thorax")):
            default = coordinates.default(name)
            found[name] = (max(handle.getRangeMin(), default - 0.5), min(handle.getRangeMax(), default + 0.5))
    return found


@pytest.mark.parametrize("name", ["virtual_leg.osim", "virtual_arm.osim"])
def test_our_own_models_are_met_within_a_millimetre(name, tmp_path):
    ranges = _ranges(MODELS / name, tmp_path)
    fit = fit_surrogate_geometry(MODELS / name, ranges, tmp_path / "x.log", postures=500)
    assert len(fit.errors) > 10
    other = in_worker(sampled, MODELS / name, dict(list(ranges.items())), fit.geometry.muscles, 37, log=tmp_path / "x.log")
    found = fit.geometry(torch.from_numpy(other.postures))
    assert np.abs(found.mtu_length.numpy() - other.mtu_length).max() < 1e-3
    assert np.sqrt(((found.moment_arm.numpy() - other.moment_arm) ** 2).mean(axis=0)).max() < 1e-3


def test_a_published_leg_is_met_within_a_millimetre(running_scaled, tmp_path):
    ranges = {name: (-high, -low) if name == "knee_angle_r" else (low, high) for name, (low, high) in LEG.items()}
    muscles = muscles_within(running_scaled.model, ranges, tmp_path / "x.log")
    assert len(muscles) == 40
    straight = tuple(name for name in muscles if not name.startswith(("gas", "glmax")))  # these wrap twice
    fit = fit_surrogate_geometry(running_scaled.model, ranges, tmp_path / "x.log", muscles=straight, postures=1000)
    assert max(error.length_rms for error in fit.errors) < 5e-4
    assert np.median([error.arm_rms for error in fit.errors]) < 3e-4


def test_a_muscle_that_crosses_a_coordinate_without_a_range_is_refused(tmp_path):
    ranges = {name: ends for name, ends in _ranges(MODELS / "virtual_leg.osim", tmp_path).items() if name.startswith("knee")}
    with pytest.raises(MuscleModelError, match=r"of .*virtual_leg.osim cross '.*', for which no range is given"):
        fit_surrogate_geometry(MODELS / "virtual_leg.osim", ranges, tmp_path / "x.log", postures=10)


def test_a_coordinate_that_the_model_lacks_is_refused(tmp_path):
    with pytest.raises(UnknownNameError, match="no coordinate 'knee'"):
        fit_surrogate_geometry(MODELS / "virtual_leg.osim", {"knee": (0.0, 1.0)}, tmp_path / "x.log", postures=10)


def test_a_muscle_analysis_by_surrogate_is_that_of_opensim_within_a_millimetre(tmp_path, caplog):
    path = MODELS / "virtual_leg.osim"
    ranges = _ranges(path, tmp_path)
    time = np.linspace(0, 1, 51)
    phases = np.arange(len(ranges))
    values = np.stack(
        [0.5 * (a + b) + 0.3 * (b - a) * np.sin(2 * np.pi * time + p) for (a, b), p in zip(ranges.values(), phases, strict=True)]
    )
    motion = TimeSeries(time=time, labels=tuple(ranges), values=values.T)
    dofs = tuple(ranges)[:3]
    found = {
        method: run_muscle_analysis(
            path,
            motion,
            tmp_path / method,
            settings=MuscleAnalysisSettings(dofs=dofs, method=method, lowpass_cutoff=0.0, missing_coordinates="default"),
        )
        for method in ("lengthening_speed", "surrogate")
    }
    exact, surrogate = found["lengthening_speed"], found["surrogate"]
    assert surrogate.muscles == exact.muscles
    assert surrogate.dofs == exact.dofs
    assert np.abs(surrogate.mtu_length - exact.mtu_length).max() < 1e-3
    assert np.abs(surrogate.moment_arm - exact.moment_arm).max() < 2e-3
    assert "are polynomials; the worst, " in caplog.text
