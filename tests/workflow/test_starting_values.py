"""Where the passive fit moves lengths, what relaxed legs are like goes with them to the calibration."""

from pathlib import Path

import numpy as np
import pytest

from osim_nmscal.initialization.files import read_starting_values
from osim_nmscal.initialization.settings import InitializationSettings
from osim_nmscal.workflow.names import STARTING_VALUES
from osim_nmscal.workflow.starting_request import Initialization
from osim_nmscal.workflow.starting_values import Starting
from osim_nmscal.workflow.task import Inputs

pytestmark = pytest.mark.opensim
LEG = Path(__file__).parents[2] / "models" / "virtual_leg.osim"


def _made(folder: Path, **settings: object) -> Path:
    task = Initialization(
        settings=InitializationSettings.model_validate(settings),
        mass=70.0,
        height=None,
        dofs=("ankle_dorsiflexion_r",),
        moment_arms="lengthening_speed",
        is_scaled=False,
        substitute_muscle_class=None,
        muscle_class="keep",
    )
    Starting(Inputs({"scaled": LEG}), task, folder).make()
    return folder / STARTING_VALUES


def test_a_fitted_leg_is_known_with_its_spread_and_one_that_was_left_alone_is_not(tmp_path: Path) -> None:
    near, wide = (read_starting_values(_made(tmp_path / str(n), passive="normative", passive_spread=n)) for n in (4.0, 9.0))
    (leg,), (wider,) = near.relaxed, wide.relaxed
    assert set(leg.joint) == {"hip_flexion_r", "knee_flexion_r", "ankle_dorsiflexion_r"}
    assert (wider.deviation > leg.deviation).all()
    np.testing.assert_array_equal(wider.mtu_length, leg.mtu_length)
    alone = read_starting_values(_made(tmp_path / "alone", passive="auto", passive_misfit=500.0))
    assert alone.relaxed == ()
