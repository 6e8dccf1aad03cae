"""Curves against what OpenSim 4.6 computes (tests/reference, and a larger reference set where it is there)."""

import csv
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from nms_cases import EVERY_CLASS, RAJAGOPAL, REFERENCE
from torch import Tensor
from torch.testing import assert_close

from osim_nmscal.data.muscles import (
    DeGrooteFregly2016Properties,
    Millard2012Properties,
    Muscle,
    MuscleProperties,
    MuscleTable,
    Thelen2003Properties,
)
from osim_nmscal.errors import MuscleModelError
from osim_nmscal.nms.curves import CurveTable, ExactCurve
from osim_nmscal.nms.muscle_models import MuscleMechanics, muscle_curves, muscle_mechanics

DEFAULT = Millard2012Properties()
# The bare curve classes keep minimum value and end slopes; an undamped elastic muscle comes nearest, see in-muscle cases.
PROPERTIES: dict[str, MuscleProperties] = {
    "rajagopal": RAJAGOPAL,
    "degroote": DeGrooteFregly2016Properties(
        active_force_width_scale=1.3, passive_fiber_strain_at_one_norm_force=0.5, tendon_strain_at_one_norm_force=0.06
    ),
    ("passive_force_length", "given"): replace(
        DEFAULT,
        strain_at_zero_force=-0.1,
        strain_at_one_norm_force=0.55,
        stiffness_at_low_force=0.35,
        stiffness_at_one_norm_force=4.1,
        passive_curviness=0.6,
    ),
    ("force_velocity", "default"): DEFAULT,
    ("force_velocity", "given"): replace(
        DEFAULT,
        concentric_slope_at_vmax=0.05,
        concentric_slope_near_vmax=0.3,
        isometric_slope=4.0,
        eccentric_slope_at_vmax=0.02,
        eccentric_slope_near_vmax=0.2,
        max_eccentric_velocity_force_multiplier=1.6,
        concentric_curviness=0.5,
        eccentric_curviness=0.7,
    ),
    ("tendon_force", "given"): replace(
        DEFAULT,
        tendon_strain_at_one_norm_force=0.05,
        tendon_stiffness_at_one_norm_force=32.0,
        tendon_norm_force_at_toe_end=0.5,
        tendon_curviness=0.4,
    ),
    **{("passive_force_length", f"strain={s}"): replace(DEFAULT, strain_at_one_norm_force=s) for s in (0.5, 0.6, 0.7, 0.8)},
    **{("tendon_force", f"strain={s}"): replace(DEFAULT, tendon_strain_at_one_norm_force=s) for s in (0.033, 0.049, 0.1)},
    **{f"damping={d},{t}": replace(DEFAULT, fiber_damping=d) for d in (0.0, 0.01, 0.1) for t in ("elastic", "rigid")},
}


def _reference() -> dict[tuple[str, str], Tensor]:
    with (REFERENCE / "opensim_curves.csv").open(encoding="utf-8") as file:
        file.readline()
        rows = list(csv.DictReader(file))
    keys = dict.fromkeys((row["curve"], row["case"]) for row in rows)
    return {
        key: torch.tensor(
            [[float(row[c]) for c in ("argument", "value", "slope")] for row in rows if (row["curve"], row["case"]) == key],
            dtype=torch.float64,
        )
        for key in keys
    }


CASES = _reference()


def _muscle(curve: str, case: str) -> Muscle:
    properties = PROPERTIES.get((curve, case)) or PROPERTIES.get(case)
    if (curve, case) == ("active_force_length", "default"):
        properties = replace(DEFAULT, fiber_damping=0.0)  # keeps the minimum value 0.1 that the bare curve has
    assert properties is not None
    return Muscle(
        name="m",
        max_isometric_force=1.0,
        optimal_fiber_length=0.1,
        tendon_slack_length=0.2,
        properties=properties,
        ignore_tendon_compliance=case.endswith("rigid"),
    )


def _exact(curve: str, muscle: Muscle) -> ExactCurve:
    return getattr(muscle_curves(muscle), curve)


def _table(curve: str, muscle: Muscle) -> CurveTable:
    mechanics: MuscleMechanics = muscle_mechanics(MuscleTable(muscles=(muscle,)))
    return getattr(mechanics, curve)


@pytest.mark.parametrize(("curve", "case"), CASES)
def test_every_curve_equals_opensim(curve: str, case: str) -> None:
    muscle, reference = _muscle(curve, case), CASES[curve, case]
    argument, value, slope = reference.unbind(1)
    scale = 1.0
    if curve == "tendon_force":
        scale = muscle_curves(muscle).tendon_strain_at_one_norm_force
        argument = (argument - 1.0) / scale
    exact, table = _exact(curve, muscle)(argument), _table(curve, muscle)(argument[:, None])
    known = ~torch.isnan(slope)
    # OpenSim finds the Bezier parameter to 2e-10 or so
    assert_close(exact.value, value, rtol=0.0, atol=2e-9)
    assert_close((exact.slope / scale)[known], slope[known], rtol=0.0, atol=1e-6)
    # the tolerances
    assert_close(table.value[:, 0], value, rtol=0.0, atol=1e-6)
    assert_close((table.slope[:, 0] / scale)[known], slope[known], rtol=0.0, atol=1e-5)


SHARED = {
    "millard_in_muscle_afl_damp0.1_elastic.csv": ("active_force_length", DEFAULT, False),
    "millard_in_muscle_afl_damp0.1_rigid.csv": ("active_force_length", DEFAULT, True),
    "millard_in_muscle_afl_damp0_elastic.csv": ("active_force_length", replace(DEFAULT, fiber_damping=0.0), False),
    "millard_in_muscle_fv_damp0.1_elastic.csv": ("force_velocity", DEFAULT, False),
    "millard_in_muscle_fv_damp0.1_rigid.csv": ("force_velocity", DEFAULT, True),
    "millard_in_muscle_fv_damp0_elastic.csv": ("force_velocity", replace(DEFAULT, fiber_damping=0.0), False),
    "millard_passive_force_length.csv": ("passive_force_length", DEFAULT, False),
    # the files for strains 0.5, 0.6 and 0.8 hold the curve of 0.7; tests/reference has the right ones
    "millard_passive_strain_0.7.csv": ("passive_force_length", DEFAULT, False),
    **{
        f"millard_tendon_e0_{s}.csv": ("tendon_force", replace(DEFAULT, tendon_strain_at_one_norm_force=s), False)
        for s in (0.033, 0.049, 0.06, 0.1)
    },
}


@pytest.mark.parametrize("name", SHARED)
def test_the_shared_reference_tables_are_met_in_value_slope_and_curvature(name: str, opensim_muscle_reference: Path) -> None:
    curve, properties, rigid = SHARED[name]
    table = np.loadtxt(opensim_muscle_reference / name, delimiter=",", skiprows=1)
    x, value, slope, curvature = torch.from_numpy(table).unbind(1)
    scale = properties.tendon_strain_at_one_norm_force if curve == "tendon_force" else 1.0
    if curve == "tendon_force":
        x = (x - 1.0) / scale
        # below zero strain we depart from OpenSim on purpose
        x, value, slope, curvature = (column[x >= 0.0] for column in (x, value, slope, curvature))
    muscle = replace(_muscle("active_force_length", "rajagopal"), properties=properties, ignore_tendon_compliance=rigid)
    exact, tabulated = _exact(curve, muscle)(x), _table(curve, muscle)(x[:, None])
    assert_close(exact.value, value, rtol=0.0, atol=1e-9)
    assert_close(exact.slope / scale, slope, rtol=0.0, atol=1e-8)
    assert_close(exact.curvature / scale**2, curvature, rtol=0.0, atol=1e-6)
    assert_close(tabulated.value[:, 0], value, rtol=0.0, atol=1e-6)
    assert_close(tabulated.slope[:, 0] / scale, slope, rtol=0.0, atol=1e-5)


@pytest.mark.parametrize("column", [("active", 1), ("passive", 2)])
def test_the_shared_degroote_curves_are_met(column: tuple[str, int], opensim_muscle_reference: Path) -> None:
    table = torch.from_numpy(np.loadtxt(opensim_muscle_reference / "degroote_fl.csv", delimiter=",", skiprows=1))
    table = table[table[:, 0] < 1.999]  # our grid ends at 2, in a straight line
    muscle = replace(_muscle("active_force_length", "rajagopal"), properties=DeGrooteFregly2016Properties())
    curve = f"{column[0]}_force_length"
    assert_close(_table(curve, muscle)(table[:, :1]).value[:, 0], table[:, column[1]], rtol=0.0, atol=1e-6)


@pytest.mark.parametrize("properties", EVERY_CLASS)
@pytest.mark.parametrize("curve", ["active_force_length", "passive_force_length", "force_velocity", "tendon_force"])
def test_a_table_keeps_to_its_exact_curve_between_nodes(curve: str, properties: MuscleProperties) -> None:
    muscle = replace(_muscle("active_force_length", "rajagopal"), properties=properties)
    low, high = {"force_velocity": (-1.2, 1.2), "tendon_force": (-0.9, 2.0)}.get(curve, (0.05, 1.95))
    # no argument lies on Thelen's kinks (length 1, velocity 0, strain 0), where two slopes are right
    x = torch.linspace(low, high, 20012, dtype=torch.float64)
    exact, table = _exact(curve, muscle)(x), _table(curve, muscle)(x[:, None])
    # relative to the curve's own size, since an exponential tendon reaches 30
    size = exact.value.abs().clamp_min(1.0)
    assert ((table.value[:, 0] - exact.value).abs() / size).max() < 1e-7
    # Thelen's curvature jumps inside an interval, where its toe and its force-velocity curve end
    tolerance = 3e-4 if isinstance(properties, Thelen2003Properties) else 1e-5
    assert ((table.slope[:, 0] - exact.slope).abs() / size).max() < tolerance


@pytest.mark.parametrize("properties", EVERY_CLASS)
@pytest.mark.parametrize("curve", ["active_force_length", "passive_force_length", "force_velocity", "tendon_force"])
def test_the_exact_slope_and_curvature_are_derivatives_of_the_value(curve: str, properties: MuscleProperties) -> None:
    muscle = replace(_muscle("active_force_length", "rajagopal"), properties=properties)
    x = torch.linspace(0.313, 1.417, 37, dtype=torch.float64) - (0.9 if curve == "force_velocity" else 0.0)
    step = 1e-5
    curve_of = _exact(curve, muscle)
    here, after, before = curve_of(x), curve_of(x + step), curve_of(x - step)
    # second-order differences; third derivatives reach 1e3
    assert_close(here.slope, (after.value - before.value) / (2.0 * step), rtol=1e-6, atol=1e-7)
    assert_close(here.curvature, (after.slope - before.slope) / (2.0 * step), rtol=1e-4, atol=1e-4)


def test_a_table_is_differentiable_twice_as_autograd_sees_it() -> None:
    table = _table("force_velocity", _muscle("force_velocity", "given"))
    argument = torch.tensor([[-0.731], [-0.113], [0.027], [0.512]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: table(x).value, argument, eps=1e-7, atol=1e-6)
    assert torch.autograd.gradcheck(lambda x: table(x).slope, argument, eps=1e-7, atol=1e-5)


def test_outside_its_grid_a_table_continues_as_a_straight_line() -> None:
    table = _table("passive_force_length", _muscle("passive_force_length", "strain=0.7"))
    value, slope = table(torch.tensor([[2.0], [3.0], [7.0]], dtype=torch.float64))
    assert_close(slope[0], slope[2], rtol=1e-12, atol=0.0)
    assert_close(value[2] - value[1], 4.0 * slope[0], rtol=1e-12, atol=0.0)


@pytest.mark.parametrize("properties", EVERY_CLASS)
def test_a_slack_tendon_keeps_a_rising_force_without_a_kink(properties: MuscleProperties) -> None:
    curve = _exact("tendon_force", replace(_muscle("active_force_length", "rajagopal"), properties=properties))
    strain = torch.linspace(-3.0, 0.2, 3201, dtype=torch.float64)
    jet = curve(strain)
    assert (jet.value.diff() >= 0.0).all()
    assert (jet.value[strain < -0.05] < 0.0).all()
    # the slope may change over one grid step of 1e-3 by no more than its curvature explains
    assert_close(jet.slope.diff(), 0.5 * (jet.curvature[1:] + jet.curvature[:-1]) * 1e-3, rtol=0.0, atol=3e-4)


def test_a_curve_that_is_given_in_part_is_refused_by_the_name_of_muscle_and_property() -> None:
    muscle = _muscle("passive_force_length", "strain=0.7")
    partial = replace(muscle, name="soleus_r", properties=replace(DEFAULT, stiffness_at_low_force=0.3))
    with pytest.raises(MuscleModelError, match=r"soleus_r.*stiffness_at_low_force.*stiffness_at_one_norm_force"):
        muscle_curves(partial)


def test_float32_tables_keep_single_precision() -> None:
    muscle = _muscle("active_force_length", "rajagopal")
    x = torch.linspace(0.3, 1.8, 301, dtype=torch.float64)[:, None]
    single = _table("active_force_length", muscle).to(torch.empty(0, dtype=torch.float32))
    value, slope = single(x.to(torch.float32))
    exact = _exact("active_force_length", muscle)(x[:, 0])
    assert value.dtype == torch.float32
    assert_close(value[:, 0].double(), exact.value, rtol=0.0, atol=1e-6)
    # the argument itself is only known to 1e-7
    assert_close(slope[:, 0].double(), exact.slope, rtol=0.0, atol=1e-4)


@pytest.mark.parametrize("properties", [Millard2012Properties(), Thelen2003Properties()], ids=["Millard", "Thelen"])
def test_a_slack_tendon_pulls_hardly_at_all(properties: MuscleProperties) -> None:
    # OpenSim's pulls nothing. base.py promises -0.2 % of the maximum isometric force at -10 % strain of a 4.9 % tendon
    curve = muscle_curves(
        Muscle(name="m", max_isometric_force=1.0, optimal_fiber_length=0.1, tendon_slack_length=0.2, properties=properties)
    )
    value = float(curve.tendon_force(torch.tensor([-0.1 / 0.049], dtype=torch.float64)).value)
    # Thelen's own slope of 0.085 at zero strain adds what it takes to bend to the small one: 0.085 * 0.1 / 2
    bend = {Millard2012Properties: 0.0, Thelen2003Properties: 0.0045}[type(properties)]
    assert -0.0021 - bend < value < -0.0019


@pytest.mark.parametrize("activation", [0.0, 0.3, 1.0])
def test_thelens_largest_shortening_velocity_is_a_quarter_at_rest_and_grows_with_activation(activation: float) -> None:
    # Thelen (2003), Eq. 6: v = (0.25 + 0.75 a) vmax (f - a fl) / b, so at no force (f = 0, b = a fl) v is -(0.25 + 0.75 a) vmax
    table = MuscleTable(
        muscles=(
            Muscle(name="m", max_isometric_force=1.0, optimal_fiber_length=0.1, tendon_slack_length=0.2, properties=Thelen2003Properties()),
        )
    )
    mechanics = muscle_mechanics(table)
    level = torch.tensor([activation], dtype=torch.float64)
    scale = mechanics.velocity_scale(level)
    assert scale is not None
    largest = -(0.25 + 0.75 * level)
    assert float(mechanics.force_velocity(largest / scale).value) == pytest.approx(0.0, abs=1e-9)
    assert float(mechanics.force_velocity(0.9 * largest / scale).value) > 1e-3


def test_thelens_curves_are_those_of_his_paper() -> None:
    # Thelen (2003), Eq. 3, 4 and 6 with OpenSim's defaults: Af 0.25, Flen 1.4, passive strain 0.6, kPE 5, gamma 0.45
    muscle = Muscle(name="m", max_isometric_force=1.0, optimal_fiber_length=0.1, tendon_slack_length=0.2, properties=Thelen2003Properties())
    curves = muscle_curves(muscle)
    force = torch.linspace(1.0, 0.95 * 1.4, 8, dtype=torch.float64)  # beyond, OpenSim goes on in a straight line
    lengthening = (force - 1.0) * (1.4 - 1.0) / ((2.0 + 2.0 / 0.25) * (1.4 - force))
    assert_close(curves.force_velocity(lengthening).value, force, rtol=0.0, atol=1e-12)
    force = torch.linspace(0.0, 1.0, 8, dtype=torch.float64)
    shortening = (force - 1.0) / (1.0 + force / 0.25)
    assert_close(curves.force_velocity(shortening).value, force, rtol=0.0, atol=1e-12)
    length = torch.linspace(0.5, 1.6, 12, dtype=torch.float64)
    passive = (torch.exp(5.0 * (length - 1.0).clamp_min(0.0) / 0.6) - 1.0) / (math.exp(5.0) - 1.0)
    assert_close(curves.passive_force_length(length).value, passive, rtol=0.0, atol=1e-12)
    assert_close(curves.active_force_length(length).value, torch.exp(-((length - 1.0) ** 2) / 0.45), rtol=0.0, atol=1e-12)
