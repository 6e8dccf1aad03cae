"""Lengths are found that give passive moments; what the moments do not tell stays where it was."""

from dataclasses import replace

import numpy as np
import pytest
from resting_cases import GEOMETRY, LEG, MUSCLES, REFERENCE

from osim_nmscal.data.muscles import Muscle, MuscleTable
from osim_nmscal.data.passive_joint_moment import PassiveJointMoment, ligaments_of
from osim_nmscal.data.starting_values import StartingValues
from osim_nmscal.initialization.natural_lengths import NaturalLengths
from osim_nmscal.initialization.passive_fit import _Problem, fit_passive_moments, free_ligaments
from osim_nmscal.initialization.relaxed_leg import relaxed_leg

START = StartingValues.of(MUSCLES)


def _other_person(fiber: float = 0.05, point: float = 0.08) -> MuscleTable:
    """Return the muscles with other lengths, alternately longer and shorter."""
    signs = np.resize([1.0, -1.0], len(MUSCLES))
    lengths = NaturalLengths.of(START, np.median(GEOMETRY.mtu_length, axis=0)).lengths(fiber * signs, point * signs[::-1])
    pairs = zip(MUSCLES.muscles, lengths.optimal_fiber_length.tolist(), lengths.tendon_slack_length.tolist(), strict=True)
    return MuscleTable(muscles=tuple(replace(one, optimal_fiber_length=own, tendon_slack_length=slack) for one, own, slack in pairs))


def test_another_persons_passive_moments_are_found_again() -> None:
    moment = relaxed_leg(_other_person(), GEOMETRY, REFERENCE).moment
    measured = replace(REFERENCE, moment=moment, deviation=np.full(len(moment), 1.0))
    before = relaxed_leg(MUSCLES, GEOMETRY, measured).rms
    fit = fit_passive_moments(START, GEOMETRY, measured)
    after = relaxed_leg(fit.start.muscles, GEOMETRY, measured).rms
    assert (after < np.maximum(0.15 * before, 0.5)).all()  # the prior keeps it from zero: half of the deviation
    np.testing.assert_allclose(fit.moment, relaxed_leg(fit.start.muscles, GEOMETRY, measured).moment, atol=1e-6)
    assert all("passive moments" in source for source in fit.start.sources)


def test_a_muscle_that_turns_no_joint_stays_as_it_was() -> None:
    idle = Muscle(name="idle_r", optimal_fiber_length=0.05, tendon_slack_length=0.1, max_isometric_force=900.0)
    table = MuscleTable(muscles=(*MUSCLES.muscles, idle))
    wider = replace(
        GEOMETRY,
        muscles=table.names,
        mtu_length=np.column_stack([GEOMETRY.mtu_length, np.full(len(GEOMETRY.time), 0.15)]),
        moment_arm=np.concatenate([GEOMETRY.moment_arm, np.zeros((len(GEOMETRY.time), 3, 1))], axis=2),
    )
    fit = fit_passive_moments(StartingValues.of(table), wider, REFERENCE)
    found = fit.start.muscles.muscles[-1]
    assert found.optimal_fiber_length == pytest.approx(idle.optimal_fiber_length, rel=1e-6)
    assert found.tendon_slack_length == pytest.approx(idle.tendon_slack_length, rel=1e-6)


def test_what_was_measured_is_kept() -> None:
    known = replace(START, log_fiber_length_sd=np.full(len(MUSCLES), 1e-3), working_point_sd=np.full(len(MUSCLES), 1e-3))
    free, held = (fit_passive_moments(start, GEOMETRY, REFERENCE) for start in (START, known))
    assert np.abs(held.log_fiber_change).max() < 0.02 < np.abs(free.log_fiber_change).max()


def test_the_jacobian_is_the_derivative_of_the_residual() -> None:
    problem = _Problem(START, GEOMETRY, REFERENCE, free_ligaments(REFERENCE), True)
    x = np.random.default_rng(1).normal(0.0, 0.03, problem.size)
    step = 1e-6
    for column in range(0, problem.size, 3):
        ahead, behind = (problem.residual(x + sign * step * np.eye(problem.size)[column]) for sign in (1.0, -1.0))
        # differences of 1e-5 inside the Jacobian, and curves that are splines: four digits
        np.testing.assert_allclose(problem.jacobian(x)[:, column], (ahead - behind) / (2 * step), rtol=2e-3, atol=2e-3)


def test_free_ligaments_take_what_ligaments_did() -> None:
    true = replace(PassiveJointMoment.none(LEG.names), low_angle=np.deg2rad([-15.0, 5.0, -30.0]), low_moment=np.array([25.0, 0.0, 0.0]))
    muscles = relaxed_leg(MUSCLES, GEOMETRY, REFERENCE)
    moment = _Problem(START, GEOMETRY, REFERENCE, true, False).moment(np.zeros(2 * len(MUSCLES)))
    assert np.abs(moment - muscles.moment).max() > 20.0
    measured = replace(REFERENCE, moment=moment, deviation=np.full(len(moment), 1.0))
    blamed = fit_passive_moments(START, GEOMETRY, measured)
    shared = fit_passive_moments(START, GEOMETRY, measured, ligaments=free_ligaments(measured), free=True)
    assert np.abs(shared.working_point_change).max() < 0.5 * np.abs(blamed.working_point_change).max()
    assert shared.ligaments is not None
    assert shared.ligaments.low_moment[0] == pytest.approx(25.0, rel=0.3)  # its width is free, too


def test_fixed_ligaments_are_negligible_in_walking() -> None:
    none, fixed = (fit_passive_moments(START, GEOMETRY, REFERENCE, ligaments=one) for one in (None, ligaments_of(LEG.names)))
    assert np.abs(fixed.log_fiber_change - none.log_fiber_change).max() < 0.02
