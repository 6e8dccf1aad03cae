"""Ligaments beside muscles in a calibration: derivatives, what is found again, and what is refused."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from calibration_twin import with_dynamometer

from osim_nmscal.calibration.calibrate import calibrate
from osim_nmscal.calibration.joint import JointObjective
from osim_nmscal.calibration.ligaments import LIGAMENT_MOMENT, stated_ligaments
from osim_nmscal.calibration.losses import Term
from osim_nmscal.calibration.predict_calibrated import predict_calibrated
from osim_nmscal.calibration.prediction import predict
from osim_nmscal.calibration.problem import driven_problem
from osim_nmscal.calibration.settings import CalibrationSettings, LigamentSettings
from osim_nmscal.calibration.simulated_twin import Twin, make_twin
from osim_nmscal.calibration.synergy.calibration import hybrid_problem, start_of
from osim_nmscal.calibration.synergy.prediction import predict_hybrid
from osim_nmscal.calibration.synergy.roles import driven_trials
from osim_nmscal.data.passive_joint_moment import PassiveJointMoment, relaxed_joints
from osim_nmscal.data.trials import Trial, TrialSet
from osim_nmscal.errors import CalibrationError
from osim_nmscal.initialization.mean_person import riener_edrich
from osim_nmscal.nms.passive_joint_moment import joint_moment_of

FREE = CalibrationSettings(ligaments={"moments": "free"})


# What a twin's joints are called here: coordinates of which tables know something.
HIP, KNEE = "hip_flexion_r", "knee_angle_r"
NAMES = {"dof_0": HIP, "dof_1": KNEE}


def with_angles(trials: Sequence[Trial], lowest: float = -0.4, highest: float = 1.4) -> tuple[Trial, ...]:
    """Let hip and knee of each trial move from one angle to the other, rad, one after the other."""
    moved = []
    for trial in trials:
        phase = np.pi * np.arange(len(trial.dofs))
        angle = np.sin(np.linspace(0.0, 2.5 * np.pi, len(trial.time))[:, None] + phase)
        measured = trial.measured if trial.measured == "all" else tuple(NAMES[dof] for dof in trial.measured)
        angle = lowest + (highest - lowest) * (0.5 + 0.5 * angle)
        moved.append(replace(trial, dofs=tuple(NAMES.values()), measured=measured, joint_angle=angle))
    return tuple(moved)


def helped(trials: Sequence[Trial], ligaments: PassiveJointMoment) -> tuple[Trial, ...]:
    """Let ligaments do their part in every trial's moments."""
    return tuple(
        replace(trial, joint_moment=trial.joint_moment + joint_moment_of(ligaments, np.asarray(trial.joint_angle))) for trial in trials
    )


def twin_with_angles() -> tuple[Twin, TrialSet]:
    twin = make_twin(muscles=4, trials=2, steps=60)
    return twin, TrialSet(trials=with_angles((*twin.trials.trials, *with_dynamometer(twin))))


def strong(stated: PassiveJointMoment) -> PassiveJointMoment:
    """Return other moments at the ends where free ones start: three times and half as much."""
    return replace(stated, low_moment=3.0 * stated.low_moment, high_moment=0.5 * stated.high_moment)


def _emg_driven(terms: Sequence[Term] = ()) -> tuple[JointObjective, torch.Tensor]:
    twin, trials = twin_with_angles()
    problem = driven_problem(trials, twin.start, FREE, terms)
    return problem.loss, problem.objective.space.start()


def _hybrid(terms: Sequence[Term] = ()) -> tuple[JointObjective, torch.Tensor]:
    twin, trials = twin_with_angles()
    driven = driven_trials(TrialSet(trials=trials.of_kind("motion")), {twin.start.names[1]: "withheld"})
    problem = hybrid_problem(driven, trials.of_kind("passive", "effort"), twin.start, FREE, terms)
    return problem.loss, start_of(problem, np.random.default_rng(0))


def _of_all_moments(outputs) -> torch.Tensor:
    """Couple both joints."""
    return outputs.joint_moment.sum(dim=-1, keepdim=True) / 100.0


COUPLED = Term(name="sum", axis="coupled", weight=0.3, function=_of_all_moments)


@pytest.mark.parametrize("terms", [(), (COUPLED,)], ids=["", "with a coupled term"])
@pytest.mark.parametrize("make", [_emg_driven, _hybrid], ids=["EMG-driven", "synergy-hybrid"])
def test_the_gradient_is_that_of_central_differences(make, terms) -> None:
    loss, z = make(terms)
    z = z + 0.03 * torch.randn(z.shape, generator=torch.Generator().manual_seed(0), dtype=z.dtype)
    motion = loss.first if hasattr(loss.first, "space") and hasattr(loss.first.space, "blocks") else loss.first.objective
    columns = motion.space.blocks[LIGAMENT_MOMENT.name].column
    assert columns.tolist() == list(range(loss.parameters - 4, loss.parameters))  # both ends of two joints, behind the muscles'
    gradient = 2.0 * loss.gradient(loss.evaluate(z))
    for column in columns.tolist():
        step = torch.zeros_like(z)
        step[column] = 1e-6
        change = loss.evaluate(z + step).loss - loss.evaluate(z - step).loss
        # penalties that switch at a sample cost some digits
        assert float(gradient[column]) == pytest.approx(change / 2e-6, rel=1e-4, abs=1e-9)


@pytest.mark.parametrize("make", [_emg_driven, _hybrid], ids=["EMG-driven", "synergy-hybrid"])
def test_the_hessian_knows_how_ligaments_change_every_residual(make) -> None:
    loss, z = make()
    at = loss.evaluate(z)
    column = loss.parameters - 1
    motion = getattr(loss.first, "objective", loss.first)

    def residuals(z: torch.Tensor) -> torch.Tensor:
        there = loss.evaluate(z)
        parts = [(motion, getattr(there.first, "muscles", there.first)), *zip(loss.others, there.others, strict=True)]
        return torch.cat([one.moment_residual(part).reshape(-1) for one, part in parts])

    step = torch.zeros_like(z)
    step[column] = 1e-5
    change = (residuals(z + step) - residuals(z - step)) / 2e-5
    prior = motion.prior.weight / float(motion.space.prior_width()[column]) ** 2
    unit = torch.zeros_like(z)
    unit[column] = 1.0
    curvature = float((loss.linearize(at).hessian @ unit)[column])
    # all that a ligament's moment moves are moments, and the prior; differences of second order leave 1e-8
    assert curvature == pytest.approx(float(change @ change) + prior, rel=1e-6)


def test_moments_of_ligaments_are_found_again_and_muscles_are_not_blamed_for_them() -> None:
    twin, trials = twin_with_angles()
    truth = strong(stated_ligaments(trials.trials, FREE.ligaments))
    measured = TrialSet(trials=helped(trials.trials, truth))
    settings = CalibrationSettings(noise={"relative": 0.05, "floor": 0.1, "passive_relative": 0.05, "passive_floor": 0.1})
    free = settings.model_copy(update={"ligaments": FREE.ligaments})
    known, ignorant = (calibrate(measured, twin.true, one) for one in (free, settings))
    assert known.ligaments is not None
    assert known.start_ligaments == stated_ligaments(trials.trials, FREE.ligaments)
    # the start of muscles is their truth, so that what is wrong is what ligaments did
    rows = [row for row in known.parameters if row.name == LIGAMENT_MOMENT.name]
    for row, true in zip(rows, (*truth.low_moment, *truth.high_moment), strict=True):
        assert abs(row.calibrated - true) < 3.0 * row.standard_error
        if row.standing == "known":
            assert row.calibrated == pytest.approx(true, rel=0.05)  # the prior pulls
    names = ("optimal_fiber_length", "tendon_slack_length", "max_isometric_force")

    def off(muscles) -> float:
        return float(np.sqrt(np.mean([np.log(muscles.values(name) / twin.true.values(name)) ** 2 for name in names])))

    assert off(known.muscles) < 0.3 * off(ignorant.muscles)
    assert [row.owner for row in rows] == [f"{HIP} lower end", f"{KNEE} lower end", f"{HIP} upper end", f"{KNEE} upper end"]
    assert [row.unit for row in rows] == ["N·m"] * 4
    assert rows[0].calibrated == known.ligaments.low_moment[0]
    assert [row.standing for row in rows] == ["known", "known", "known", "assumed"]  # no knee bends far enough for the last one
    assert any("ligaments" in one for one in known.findings)
    assert not any("ligaments" in one for one in ignorant.findings)


@pytest.mark.parametrize("method", ["emg_driven", "synergy_hybrid"])
def test_predictions_hold_muscles_and_ligaments(method: str) -> None:
    twin, trials = twin_with_angles()
    settings = CalibrationSettings.model_validate({"method": method, **FREE.model_dump(include={"ligaments"})})
    roles = {twin.start.names[1]: "withheld"} if method == "synergy_hybrid" else None
    result = calibrate(trials, twin.start, settings, roles=roles)
    assert result.ligaments is not None
    held_out = TrialSet(trials=tuple(replace(trial, role="held_out") for trial in trials))
    predicted = [predict_calibrated(one, result, settings) for one in (trials, held_out)]
    if method == "synergy_hybrid":
        predicted.append(predict_hybrid(held_out, result, settings, mode="emg_hybrid"))
    for made in predicted:
        for trial, one in zip(trials, made, strict=True):
            muscles = np.einsum("tm,tdm->td", one.tendon_force, trial.moment_arm)
            expected = joint_moment_of(result.ligaments, np.asarray(trial.joint_angle))
            np.testing.assert_array_equal(one.ligament_moment, expected)
            np.testing.assert_allclose(one.joint_moment, muscles + expected, rtol=0.0, atol=1e-9)
    alone = predict(trials, twin.start, result.neural, settings)
    assert all(one.ligament_moment is None for one in alone)


def test_an_execution_that_follows_moments_leaves_ligaments_their_part() -> None:
    twin, trials = twin_with_angles()
    # errors in N·m: with a likelihood, their weights follow the measured moments, of which ligaments are part
    settings = CalibrationSettings(method="synergy_hybrid", preset="hambly2025")
    result = calibrate(trials, twin.start, settings, roles={twin.start.names[1]: "withheld"})
    ligaments = strong(stated_ligaments(trials.trials, FREE.ligaments))
    motions = TrialSet(trials=trials.of_kind("motion"))
    pushed = TrialSet(trials=helped(motions.trials, ligaments))
    plain, known, ignored = (
        predict_hybrid(some, replace(result, ligaments=one), settings, mode="emg_hybrid")[0].excitation
        for some, one in ((motions, None), (pushed, ligaments), (pushed, None))
    )
    np.testing.assert_allclose(known, plain, atol=1e-6)  # rounding of moments goes through a few iterations
    assert np.abs(ignored - plain).max() > 1e-3


def test_published_ligaments_follow_the_sign_of_the_knee() -> None:
    twin, trials = twin_with_angles()
    settings = LigamentSettings(moments="published")
    stated = stated_ligaments(trials.trials, settings)
    mirrored = stated_ligaments(tuple(replace(one, joint_angle=-np.asarray(one.joint_angle)) for one in trials), settings)
    assert (stated.low_moment[1], mirrored.low_moment[1]) == (6.09, 11.03)  # gait2392's knee bends with negative angles
    assert stated.low_moment[0] == mirrored.low_moment[0] == 1.51
    result = calibrate(trials, twin.start, CalibrationSettings(ligaments=settings))
    assert result.ligaments == stated
    assert not [row for row in result.parameters if row.name == LIGAMENT_MOMENT.name]  # nothing of them was free


def test_an_end_that_no_trial_measured_stays() -> None:
    twin, trials = twin_with_angles()
    one_joint = TrialSet(trials=tuple(replace(trial, measured=(HIP,)) for trial in trials.trials if trial.measured != (KNEE,)))
    result = calibrate(one_joint, twin.start, FREE)
    assert {row.owner: row.standing == "fixed" for row in result.parameters if row.name == LIGAMENT_MOMENT.name} == {
        f"{HIP} lower end": False,
        f"{HIP} upper end": False,
        f"{KNEE} lower end": True,
        f"{KNEE} upper end": True,
    }


def test_trials_without_joint_angles_are_refused_by_name() -> None:
    twin, trials = twin_with_angles()
    blind = TrialSet(trials=(*trials.trials[:1], replace(trials.trials[1], joint_angle=None), *trials.trials[2:]))
    with pytest.raises(CalibrationError, match=f"Trial '{blind.names[1]}' has no joint angles"):
        calibrate(blind, twin.start, FREE)
    result = calibrate(trials, twin.start, FREE)
    with pytest.raises(CalibrationError, match=f"Trial '{blind.names[1]}' has no joint angles"):
        predict_calibrated(blind, result, FREE)
    assert calibrate(blind, twin.start, CalibrationSettings()).ligaments is None  # muscles need none


def test_joints_of_which_no_table_knows_anything_are_refused() -> None:
    twin, trials = twin_with_angles()
    unknown = TrialSet(trials=tuple(replace(trial, dofs=("wrist", KNEE), measured=(KNEE,)) for trial in trials))
    stated = stated_ligaments(unknown.trials, FREE.ligaments)
    assert stated.low_moment[0] == stated.high_moment[0] == 0.0
    assert stated.low_moment[1] > 0.0
    with pytest.raises(CalibrationError, match="Nothing is known of the ligaments of wrist, elbow"):
        calibrate(TrialSet(trials=tuple(replace(one, dofs=("wrist", "elbow"), measured="all") for one in trials)), twin.start, FREE)


def test_free_ligaments_start_with_half_of_what_the_mean_person_s_own_joints_resist() -> None:
    _, trials = twin_with_angles()
    stated = stated_ligaments(trials.trials, FREE.ligaments)
    degrees = np.array([[-20.0, -5.0], [0.0, 0.0], [30.0, 60.0], [80.0, 110.0]])
    zero = np.zeros(4)
    hip = riener_edrich(degrees[:, 0], zero, zero)[:, 0]
    # without the formula's term that couples the knee to hip and ankle by muscles that cross two joints
    knee = riener_edrich(zero, degrees[:, 1], zero)[:, 1] - np.exp(1.8 - 0.0352 * degrees[:, 1])
    found = joint_moment_of(stated, np.radians(degrees))
    # relaxed joints have constants beside, which are nobody's end
    np.testing.assert_allclose(np.diff(found, axis=0), 0.5 * np.diff(np.column_stack([hip, knee]), axis=0), atol=1e-5)
    ankle = relaxed_joints(("ankle_angle_l",))
    angles = np.array([[-40.0], [0.0], [20.0]])
    whole = riener_edrich(np.zeros(3), np.zeros(3), angles[:, 0])[:, 2]
    np.testing.assert_allclose(np.diff(joint_moment_of(ankle, np.radians(angles))[:, 0]), np.diff(whole), atol=1e-5)


def test_angles_alone_change_nothing() -> None:
    twin, trials = twin_with_angles()
    blind = TrialSet(trials=tuple(replace(trial, joint_angle=None) for trial in trials))
    one, other = (calibrate(some, twin.start, CalibrationSettings()) for some in (trials, blind))
    assert one.muscles == other.muscles
    assert one.loss_final == other.loss_final


def test_a_width_of_moments_that_are_not_free_is_refused() -> None:
    with pytest.raises(ValueError, match="moment_width would change nothing, as moments is 'published'"):
        CalibrationSettings(ligaments={"moments": "published", "moment_width": 0.5})
