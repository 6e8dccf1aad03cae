"""What users see of a parameter: value, bounds and standard error in the unit of the .osim."""

import numpy as np
import pytest
import torch

from osim_nmscal.calibration.calibrate import calibrate
from osim_nmscal.calibration.identifiability import Posterior
from osim_nmscal.calibration.optimizers import Loss, Minimum, Progress
from osim_nmscal.calibration.outcome import parameter_rows
from osim_nmscal.calibration.parameter_space import parameter_space
from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.calibration.simulated_twin import make_twin
from osim_nmscal.data.muscles import Muscle, MuscleTable
from osim_nmscal.errors import CalibrationError

MUSCLES = MuscleTable(
    muscles=(
        Muscle(name="soleus", max_isometric_force=4000.0, optimal_fiber_length=0.044, tendon_slack_length=0.28),
        Muscle(name="vasti", max_isometric_force=5000.0, optimal_fiber_length=0.1, tendon_slack_length=0.12),
    )
)


def test_a_standard_error_is_in_the_unit_of_its_parameter() -> None:
    space = parameter_space(MUSCLES, CalibrationSettings(), time_step=0.01)
    share = 0.1  # of the distance of the bounds, which is 1 in the optimisers' scale
    one = torch.ones(space.size, dtype=torch.float64)
    posterior = Posterior(torch.diag(share**2 * one), one, 1.0, 1.0)
    rows = parameter_rows(space, space.start(), posterior)
    for row in rows:
        # of the shape factor a distance, of all others a factor: times the value to first order
        distance = row.upper - row.lower if row.name == "shape_factor" else row.calibrated * np.log(row.upper / row.lower)
        assert row.standard_error == pytest.approx(share * distance, rel=1e-9), f"{row.owner} {row.name}"
        assert row.prior_deviation == pytest.approx(distance, rel=1e-9)
    (slack,) = (row for row in rows if (row.owner, row.name) == ("soleus", "tendon_slack_length"))
    assert slack.standard_error == pytest.approx(0.1 * np.log(1.3 / 0.7) * 0.28)  # bounds 0.7 to 1.3 of 0.28 m


def test_an_optimiser_that_records_nothing_is_told_so() -> None:
    twin = make_twin(4, 1, 40, 1, seed=0)

    def silent(loss: Loss, start: torch.Tensor, *, progress: Progress | None = None) -> Minimum:
        return Minimum(best=loss.evaluate(start), status="iterations", sentence="Nothing was done.", iterations=0, history=())

    with pytest.raises(CalibrationError, match="'silent' returned an empty history"):
        calibrate(twin.trials, twin.start, optimizer=silent)
