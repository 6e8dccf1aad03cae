"""measurements.csv: what was measured is understood or refused in a sentence, and becomes mean and width of a prior."""

from pathlib import Path

import numpy as np
import pytest

from osim_nmscal.data.muscles import Muscle, MuscleTable
from osim_nmscal.data.starting_values import FIBER_LENGTH_SD, StartingValues
from osim_nmscal.errors import FileFormatError, NmscalError, SignalError, UnknownNameError
from osim_nmscal.initialization.equilibrium import RestingMuscles
from osim_nmscal.initialization.measured_muscles import poses_of, with_measurements
from osim_nmscal.initialization.measurements import Measurement, read_measurements

TABLE = MuscleTable(
    muscles=tuple(
        Muscle(name=name, max_isometric_force=4000.0, optimal_fiber_length=0.05, tendon_slack_length=0.25, pennation_angle_at_optimal=0.3)
        for name in ("soleus_r", "gasmed_r")
    )
)
COORDINATES = ("knee_angle_r", "ankle_angle_r")
HEADING = "muscle,quantity,value,unit,sd,pose,source\n"


def _read(folder: Path, rows: str, heading: str = HEADING) -> tuple[Measurement, ...]:
    path = folder / "measurements.csv"
    path.write_text(heading + rows, encoding="utf-8")
    return read_measurements(path, TABLE, COORDINATES)


def test_a_row_becomes_si(tmp_path: Path) -> None:
    (one,) = _read(tmp_path, "# by ultrasound\nsoleus_r,fascicle length,38,mm,3,knee_angle_r = 90; ankle_angle_r = -10,ultrasound\n")
    assert (one.quantity, one.value, one.sd) == ("fascicle_length", pytest.approx(0.038), pytest.approx(0.003))
    assert one.pose == (("knee_angle_r", pytest.approx(np.pi / 2)), ("ankle_angle_r", pytest.approx(np.deg2rad(-10.0))))


@pytest.mark.parametrize(
    ("rows", "kind", "said"),
    [
        ("soleous_r,pcsa,50,cm2,5,,\n", UnknownNameError, "Did you mean 'soleus_r'?"),
        ("soleus_r,fibre_length,4,cm,1,,\n", UnknownNameError, "which is no quantity."),
        ("soleus_r,optimal_fiber_length,4.4,,1,,\n", FileFormatError, "has no unit; give one of m, cm, mm"),
        ("soleus_r,optimal_fiber_length,4.4,N,1,,\n", UnknownNameError, "is in 'N', expected one of m, cm, mm"),
        ("soleus_r,optimal_fiber_length,4.4,m,0.1,,\n", SignalError, "expected 0.01 to 0.8 m; check value and unit"),
        ("soleus_r,optimal_fiber_length,0.5,m,0.005,,\n", SignalError, "10 times the model's optimal_fiber_length, 0.05 m; expected"),
        ("soleus_r,tendon_slack_length,44,mm,5,,\n", SignalError, "0.176 times the model's tendon_slack_length, 250 mm; expected"),
        ("soleus_r,max_isometric_force,400,N,50,,\n", SignalError, "0.1 times the model's max_isometric_force"),
        ("soleus_r,optimal_fiber_length,4.4,cm,0,,\n", SignalError, "the SD of optimal_fiber_length"),
        ("soleus_r,optimal_fiber_length,4.4,cm,9,,\n", SignalError, "the SD of optimal_fiber_length"),
        ("soleus_r,optimal_fiber_length,long,cm,1,,\n", FileFormatError, "value is 'long', expected a number"),
        ("soleus_r,fascicle_length,4.4,cm,1,,\n", FileFormatError, "needs the pose it was measured in"),
        ("soleus_r,fascicle_length,4.4,cm,1,ankel_angle_r = 0,\n", UnknownNameError, "Did you mean 'ankle_angle_r'?"),
        ("", FileFormatError, "holds no measurement"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_way_out(tmp_path: Path, rows: str, kind: type[NmscalError], said: str) -> None:
    with pytest.raises(kind) as error:
        _read(tmp_path, rows)
    assert said in str(error.value)


def test_a_missing_and_an_unread_column_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="has no column 'unit'"):
        _read(tmp_path, "soleus_r,pcsa,50,5\n", "muscle,quantity,value,sd\n")
    with pytest.raises(UnknownNameError, match="Did you mean 'source'"):
        _read(tmp_path, "soleus_r,pcsa,50,cm2,5,x\n", "muscle,quantity,value,unit,sd,sourc\n")


def test_a_measured_fiber_length_stands_against_the_spread_between_people() -> None:
    start = _with(Measurement(muscle="soleus_r", quantity="optimal_fiber_length", value=0.06, sd=0.002))
    weight = (1 / 0.002**2) / (1 / 0.002**2 + 1 / (FIBER_LENGTH_SD * 0.06) ** 2)
    # the mean of both by precision, but for the logarithm's bend
    assert start.muscles.muscles[0].optimal_fiber_length == pytest.approx(weight * 0.06 + (1 - weight) * 0.05, rel=0.01)
    assert start.log_fiber_length_sd[0] == pytest.approx(1 / np.hypot(1 / FIBER_LENGTH_SD, 0.06 / 0.002), rel=0.02)
    assert np.isnan(start.log_fiber_length_sd[1])
    assert "optimal fiber length" in start.sources[0]


def test_a_fascicle_tells_the_product_of_fiber_length_and_working_point() -> None:
    start = _with(Measurement(muscle="soleus_r", quantity="fascicle_length", value=0.058, sd=0.0003, pose=(("ankle_angle_r", 0.0),)))
    resting = RestingMuscles(start.muscles.select(["soleus_r"])).at(np.array([[0.30]]))
    fascicle = start.muscles.muscles[0].optimal_fiber_length * resting.normalized_fiber_length[0, 0]
    assert fascicle == pytest.approx(0.058, rel=0.005)
    assert start.correlation[0] < -0.9
    assert start.reference_mtu_length[0] == 0.30
    assert 0.5 * FIBER_LENGTH_SD < start.log_fiber_length_sd[0] < FIBER_LENGTH_SD  # alone it hardly tells the fiber length


def test_volume_and_force_are_averaged_by_their_precision() -> None:
    start = _with(
        Measurement(muscle="gasmed_r", quantity="max_isometric_force", value=2000.0, sd=100.0),
        Measurement(muscle="gasmed_r", quantity="volume", value=2e-4, sd=2e-5),
    )
    alone = 6e5 * 2e-4 / 0.05
    assert 2000.0 < start.muscles.muscles[1].max_isometric_force < 0.5 * (2000.0 + alone)
    assert start.log_strength_sd[1] < 0.05


def _with(*measured: Measurement) -> StartingValues:
    poses = [
        type(grid)(muscles=grid.muscles, coordinates=grid.coordinates, postures=grid.postures, mtu_length=np.array([[0.30]]))
        for grid in poses_of(measured)
    ]
    return with_measurements(StartingValues.of(TABLE), measured, poses, 6e5)
