"""Derivatives of whole trajectories on a real trial: MTU lengths of treadmill walking, computed by OpenSim."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from nms_cases import Case
from torch import Tensor

from osim_nmscal.formats.storage import read_storage
from osim_nmscal.nms import fiber_newton
from osim_nmscal.nms.contraction import TendonAndFiber
from osim_nmscal.nms.muscle_models import muscle_mechanics
from osim_nmscal.nms.parameters import tendon_and_fiber
from osim_nmscal.opensim_tools.muscle_analysis import MuscleAnalysisSettings, run_muscle_analysis
from osim_nmscal.osim_model.reader import read_muscles

pytestmark = pytest.mark.opensim
# One stride of walking at 4.5 km/h.
START, FRAMES = 10.0, 110


@pytest.fixture(scope="module")
def walking(treadmill_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Case:
    model = treadmill_data / "model" / "gait2392.osim"
    angles = read_storage(treadmill_data / "walk45" / "ik.sto")
    first = int(np.searchsorted(angles.time, START))
    cut = replace(angles, time=angles.time[first : first + FRAMES], values=angles.values[first : first + FRAMES])
    settings = MuscleAnalysisSettings(dofs=("knee_angle_r", "ankle_angle_r"), missing_coordinates="default")
    geometry = run_muscle_analysis(model, cut, tmp_path_factory.mktemp("walking"), settings=settings)
    table = read_muscles(model).select(geometry.muscles)
    envelopes = read_storage(treadmill_data / "walk45" / "emgFilt.sto").values[first : first + FRAMES]
    channel = np.arange(len(table)) % envelopes.shape[1]
    return Case(
        activation=torch.from_numpy(np.clip(envelopes[:, channel], 0.0, 1.0)),
        mtu_length=torch.from_numpy(geometry.mtu_length.copy()),
        parameters=tendon_and_fiber(table),
        muscle=muscle_mechanics(table),
        time_step=0.01,
    )


def _moved(case: Case, name: str, value: Tensor) -> Case:
    if hasattr(case, name):
        return replace(case, **{name: value})
    return replace(case, parameters=case.parameters._replace(**{name: value}))


@pytest.mark.parametrize("name", ["activation", "mtu_length", *TendonAndFiber._fields])
def test_every_tangent_is_its_central_difference(name: str, walking: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(fiber_newton.TOLERANCE, torch.float64, 3e-13)
    solution = walking.solve()
    assert solution.solved.all()
    value = getattr(walking, name) if hasattr(walking, name) else getattr(walking.parameters, name)
    wrt_activation, wrt_mtu_length, wrt_parameters = solution.partials()
    partial = {"activation": wrt_activation, "mtu_length": wrt_mtu_length, **wrt_parameters._asdict()}[name]
    tangent = solution.tangent(partial * value)
    # noise 3e-13 / step, against the truncation that grows with its square: lengths bend most
    step = 1e-6 if "length" in name else 5e-6
    ends = [_moved(walking, name, value * (1.0 + sign * step)).solve().length for sign in (1.0, -1.0)]
    moves = tangent.abs().amax(dim=0) > 0.0  # all but muscles without pennation by a part of it
    error = (tangent - (ends[0] - ends[1]) / (2.0 * step)).abs().amax(dim=0)[moves] / tangent.abs().amax(dim=0)[moves]
    assert int(moves.sum()) > len(moves) // 2
    assert error.max() < 1e-6, np.array(walking.muscle.names)[moves][int(error.argmax())]
