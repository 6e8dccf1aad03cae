"""Parameters as data: owners, bounds, starts, and the map between the vector z and the model's parameters."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from calibration_twin import every_kind_free, make_objective

from osim_nmscal.calibration.electrodes import Electrodes
from osim_nmscal.calibration.parameter_kinds import KINDS
from osim_nmscal.calibration.parameter_space import calibrated_muscles, neural_parameters, parameter_space, slower_filter_first
from osim_nmscal.calibration.prediction import predict
from osim_nmscal.calibration.settings import CalibrationSettings, ParameterSettings, ParametersSettings
from osim_nmscal.calibration.simulated_twin import make_twin
from osim_nmscal.data.muscles import (
    DeGrooteFregly2016Properties,
    Millard2012Properties,
    MuscleProperties,
    MuscleTable,
    Thelen2003Properties,
)

GROUPS = {"front": ("muscle_0", "muscle_2")}


@pytest.fixture(scope="module")
def muscles() -> MuscleTable:
    return make_twin().start


def test_start_is_the_osim(muscles: MuscleTable) -> None:
    space = parameter_space(muscles, CalibrationSettings())
    at_start = space.model_parameters(space.start())
    for name in ("optimal_fiber_length", "tendon_slack_length", "max_isometric_force"):
        np.testing.assert_allclose(getattr(at_start, name).numpy(), muscles.values(name), rtol=1e-15)


def test_ends_of_z_are_the_bounds(muscles: MuscleTable) -> None:
    space = parameter_space(muscles, CalibrationSettings(preset="ceinms"))
    low, high = (space.model_parameters(torch.full((space.size,), end, dtype=torch.float64)) for end in (0.0, 1.0))
    # CEINMS's ranges: lengths 0.85 to 1.15 of the start, strength 0.5 to 2.5, C1 -0.95 to -0.05
    np.testing.assert_allclose(low.tendon_slack_length.numpy(), 0.85 * muscles.values("tendon_slack_length"), rtol=1e-14)
    np.testing.assert_allclose(high.tendon_slack_length.numpy(), 1.15 * muscles.values("tendon_slack_length"), rtol=1e-14)
    np.testing.assert_allclose(high.max_isometric_force.numpy(), 2.5 * muscles.values("max_isometric_force"), rtol=1e-14)
    np.testing.assert_allclose(low.c1.numpy(), -0.95)
    np.testing.assert_allclose(high.c1.numpy(), -0.05)


def test_ends_of_z_are_the_bounds_of_a_logarithmic_scale(muscles: MuscleTable) -> None:
    space = parameter_space(muscles, CalibrationSettings(), time_step=0.01)
    low, middle, high = (space.model_parameters(torch.full((space.size,), z, dtype=torch.float64)) for z in (0.0, 0.5, 1.0))
    slack, force = muscles.values("tendon_slack_length"), muscles.values("max_isometric_force")
    np.testing.assert_allclose(low.tendon_slack_length.numpy(), 0.7 * slack, rtol=1e-14)
    np.testing.assert_allclose(high.tendon_slack_length.numpy(), 1.3 * slack, rtol=1e-14)
    # the middle of a logarithmic scale is the geometric mean of the bounds
    np.testing.assert_allclose(middle.tendon_slack_length.numpy(), (0.7 * 1.3) ** 0.5 * slack, rtol=1e-14)
    np.testing.assert_allclose(middle.max_isometric_force.numpy(), (0.35 * 2.6) ** 0.5 * force, rtol=1e-14)
    # time constants of 4 ms to 0.25 s on a clock of 10 ms
    np.testing.assert_allclose(low.c1.numpy(), -np.exp(-0.01 / 0.004), rtol=1e-14)
    np.testing.assert_allclose(high.c1.numpy(), -np.exp(-0.01 / 0.25), rtol=1e-14)


@pytest.mark.parametrize("preset", ["natural", "weak_prior"])
def test_every_z_between_the_bounds_gives_a_stable_filter(muscles: MuscleTable, preset: str) -> None:
    space = parameter_space(muscles, CalibrationSettings(preset=preset), time_step=0.01)
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        p = space.model_parameters(torch.rand(space.size, generator=generator, dtype=torch.float64))
        assert float(p.c1.abs().max()) < 1.0
        assert float(p.c2.abs().max()) < 1.0


def test_muscles_of_a_group_share_one_strength(muscles: MuscleTable) -> None:
    space = parameter_space(muscles, CalibrationSettings(groups=GROUPS))
    assert space.blocks["strength_coefficient"].owners == ("front", "muscle_1", "muscle_3")
    z = torch.rand(space.size, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    strength = space.muscle_values(z, "strength_coefficient")
    assert strength[0] == strength[2] != strength[1]


def test_a_global_parameter_has_one_owner(muscles: MuscleTable) -> None:
    space = parameter_space(muscles, CalibrationSettings(parameters=every_kind_free()))
    assert space.blocks["electromechanical_delay"].owners == ("all",)
    # each kind for 4 muscles, but one delay for all, and time constants instead of C1 and C2
    assert space.size == 4 * (len(KINDS) - 3) + 1


def test_a_relative_group_parameter_scales_each_members_own_start(muscles: MuscleTable) -> None:
    lengths = ParameterSettings(lower=0.85, upper=1.15, bounds="relative", scope="group")
    settings = CalibrationSettings(groups=GROUPS, parameters=ParametersSettings(optimal_fiber_length=lengths))
    space = parameter_space(muscles, settings)
    top = space.muscle_values(torch.ones(space.size, dtype=torch.float64), "optimal_fiber_length")
    np.testing.assert_allclose(top.numpy(), 1.15 * muscles.values("optimal_fiber_length"), rtol=1e-14)


def test_fixed_kinds_and_frozen_muscles_have_no_column(muscles: MuscleTable) -> None:
    space = parameter_space(muscles, CalibrationSettings(), frozenset({"muscle_1"}))
    assert space.size == 3 * 8
    assert [int(block.column[1]) for block in space.free_blocks] == [-1] * 8
    assert not space.blocks["max_contraction_velocity"].free


def test_encode_is_the_inverse_of_internal(muscles: MuscleTable) -> None:
    space = parameter_space(muscles, CalibrationSettings(groups=GROUPS, parameters=every_kind_free()))
    z = torch.rand(space.size, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    again = space.encode({name: space.internal(z, name) for name in space.blocks})
    torch.testing.assert_close(again, z, rtol=0.0, atol=1e-13)


def test_a_prior_without_width_is_as_wide_as_a_flat_one(muscles: MuscleTable) -> None:
    space = parameter_space(muscles, CalibrationSettings(preset="weak_prior"))
    # standard deviation of a uniform distribution of unit width
    torch.testing.assert_close(space.prior_width(), torch.full((space.size,), 12.0**-0.5, dtype=torch.float64))


def test_a_given_prior_width_is_in_the_unit_of_its_transform(muscles: MuscleTable) -> None:
    lengths = ParameterSettings(lower=0.85, upper=1.15, bounds="relative", prior_width=0.03)
    shape = ParameterSettings(lower=-2.5, upper=-0.5, start=-1.0, prior_width=0.2)
    space = parameter_space(muscles, CalibrationSettings(parameters=ParametersSettings(tendon_slack_length=lengths, shape_factor=shape)))
    width = space.prior_width()
    # of a length the natural logarithm, of a shape factor its own
    np.testing.assert_allclose(width[space.blocks["tendon_slack_length"].column].numpy(), 0.03 / np.log(1.15 / 0.85), rtol=1e-12)
    np.testing.assert_allclose(width[space.blocks["shape_factor"].column].numpy(), 0.2 / 2.0, rtol=1e-12)


def test_exchanging_c1_and_c2_is_undone(muscles: MuscleTable) -> None:
    # Eq. 1 is symmetric in C1 and C2, so their order is a convention: C1 <= C2
    space = parameter_space(muscles, CalibrationSettings(preset="weak_prior"))
    z = space.start()
    c1, c2 = space.blocks["c1"].column, space.blocks["c2"].column
    z[c1], z[c2] = torch.tensor([0.9, 0.1, 0.5, 0.6], dtype=z.dtype), torch.tensor([0.2, 0.3, 0.5, 0.1], dtype=z.dtype)
    ordered = slower_filter_first(space, z)
    assert ordered[c1].tolist() == [0.2, 0.1, 0.5, 0.1]
    assert ordered[c2].tolist() == [0.9, 0.3, 0.5, 0.6]


def test_exchanged_time_constants_are_undone(muscles: MuscleTable) -> None:
    # the first is the slower filter: the longer time constant, the C nearer to -1
    space = parameter_space(muscles, CalibrationSettings(), time_step=0.01)
    z = space.start()
    one, other = (space.blocks[f"activation_time_constant_{i}"].column for i in (1, 2))
    z[one], z[other] = torch.tensor([0.9, 0.1, 0.5, 0.6], dtype=z.dtype), torch.tensor([0.2, 0.3, 0.5, 0.1], dtype=z.dtype)
    ordered = slower_filter_first(space, z)
    assert ordered[one].tolist() == [0.9, 0.3, 0.5, 0.6]
    assert ordered[other].tolist() == [0.2, 0.1, 0.5, 0.1]
    parameters = space.model_parameters(ordered)
    assert bool((parameters.c1 <= parameters.c2).all())


def test_free_coefficients_stand_in_for_time_constants_and_never_beside_them(muscles: MuscleTable) -> None:
    natural = parameter_space(muscles, CalibrationSettings(), time_step=0.01)
    assert {"activation_time_constant_1", "activation_time_constant_2"} <= set(natural.blocks)
    assert {"c1", "c2"}.isdisjoint(natural.blocks)
    settings = CalibrationSettings(parameters={"c1": {"free": True}, "c2": {"free": True}})  # type: ignore[arg-type]
    coefficients = parameter_space(muscles, settings, time_step=0.01)
    assert {"c1", "c2"} <= set(coefficients.blocks)
    assert {"activation_time_constant_1", "activation_time_constant_2"}.isdisjoint(coefficients.blocks)
    np.testing.assert_array_equal(coefficients.model_parameters(coefficients.start()).c1.numpy(), -0.55)


def test_muscles_of_one_channel_share_a_gain_and_muscles_without_electrode_have_none(muscles: MuscleTable) -> None:
    electrodes = Electrodes(
        recorded=frozenset({"muscle_0", "muscle_1", "muscle_3"}),
        channels={"muscle_0": "muscle_0", "muscle_1": "muscle_1", "muscle_3": "muscle_0"},
    )
    space = parameter_space(muscles, CalibrationSettings(), time_step=0.01, electrodes=electrodes)
    z = torch.rand(space.size, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    gain = space.model_parameters(z).emg_scale
    assert gain[0] == gain[3] != gain[1]
    assert gain[2] == 1.0
    assert int((space.blocks["emg_scale"].column >= 0).sum()) == 2
    # where no electrode saw the excitations, nobody has one, and everything else stands where it stood
    assumed = space.without_gain(0.002).model_parameters(z)
    assert assumed.emg_scale.tolist() == [1.0] * 4
    torch.testing.assert_close(assumed.tendon_slack_length, space.model_parameters(z).tendon_slack_length, rtol=0.0, atol=0.0)


def test_strength_without_electrode_is_held_at_its_start_unless_it_is_free(muscles: MuscleTable) -> None:
    electrodes = Electrodes(recorded=frozenset({"muscle_0", "muscle_1", "muscle_3"}))
    free = CalibrationSettings(prior={"unrecorded_strength": "free"})  # type: ignore[arg-type]
    for settings, held in ((CalibrationSettings(), True), (free, False)):
        space = parameter_space(muscles, settings, time_step=0.01, electrodes=electrodes)
        block = space.blocks["strength_coefficient"]
        assert block.assumed.tolist() == [False, False, held, False]
        assert (float(block.prior_width[2]) < 0.05) == held
        # what is believed of it does not change by holding it
        np.testing.assert_allclose(block.believed_width.numpy(), 0.27)


STIFF = {"tendon_stiffness_at_one_norm_force": 32.0, "tendon_norm_force_at_toe_end": 0.6, "tendon_curviness": 0.5}


@pytest.mark.parametrize(
    "properties",
    [Millard2012Properties(), Millard2012Properties(**STIFF), DeGrooteFregly2016Properties(), Thelen2003Properties()],
    ids=["Millard", "Millard with stated stiffness", "De Groote", "Thelen"],
)
def test_predicting_with_a_freed_tendon_strain_repeats_what_the_optimiser_saw(properties: MuscleProperties) -> None:
    twin = make_twin(steps=60)
    start = MuscleTable(muscles=tuple(replace(muscle, properties=properties) for muscle in twin.start.muscles))
    still = ParametersSettings().of("moment_arm_scale")  # no prediction has it
    settings = CalibrationSettings(parameters=every_kind_free(moment_arm_scale=still))
    objective = make_objective(replace(twin, start=start), settings)
    z = torch.rand(objective.space.size, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    seen = objective.evaluate(z).outputs.joint_moment
    muscles, neural = calibrated_muscles(start, objective.space, z), neural_parameters(objective.space, z, twin.trials.time_step)
    for i, prediction in enumerate(predict(twin.trials, muscles, neural)):
        np.testing.assert_allclose(prediction.joint_moment, seen[:, i].numpy(), rtol=1e-6, atol=1e-6 * float(seen.abs().max()))
