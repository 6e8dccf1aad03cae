"""What relaxed limbs are like is part of the prior: its value against the muscles at rest, its derivatives, and what a calibration does."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from osim_nmscal.calibration.calibrate import calibrate
from osim_nmscal.calibration.likelihood import LIKELIHOOD_UNIT
from osim_nmscal.calibration.parameter_space import ParameterSpace, calibrated_muscles, parameter_space
from osim_nmscal.calibration.problem import driven_problem
from osim_nmscal.calibration.relaxed_prior import RelaxedPrior, relaxed_prior
from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.calibration.simulated_twin import Twin, make_twin
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.passive_joint_moment import ligaments_of
from osim_nmscal.data.relaxed_postures import RelaxedPostures
from osim_nmscal.data.starting_values import StartingValues
from osim_nmscal.initialization.equilibrium import RestingMuscles
from osim_nmscal.nms.muscle_models import muscle_mechanics
from osim_nmscal.nms.passive_joint_moment import joint_moment_of

SETTINGS = CalibrationSettings()


@pytest.fixture(scope="module")
def twin() -> Twin:
    return make_twin(steps=50)


def _known(twin: Twin, deviation: float = 2.0) -> StartingValues:
    """Return the twin's start, known relaxed in twelve postures that stretch every muscle, in two limbs."""
    table = twin.start
    fiber, slack = table.values("optimal_fiber_length"), table.values("tendon_slack_length")
    stretch = np.linspace(0.9, 1.5, 12)[:, None]
    arms = np.resize([0.04, -0.05, 0.03], (12, len(table)))
    names, half = table.names, len(table) // 2
    limbs = [
        RelaxedPostures(
            muscles=own,
            mtu_length=(slack + fiber * stretch)[:, at],
            moment_arm=arms[:, at],
            deviation=np.full(12, deviation),
            joint=("hip_flexion_r",) * 5 + ("knee_angle_r",) * 7,
            angle=np.linspace(-0.3, 0.8, 12),
        )
        for own, at in ((names[:half], slice(0, half)), (names[half:], slice(half, None)))
    ]
    return replace(StartingValues.of(table), relaxed=tuple(limbs))


def _moments(known: StartingValues, muscles: MuscleTable) -> np.ndarray:
    """Return the moments of relaxed muscles in all postures, N·m."""
    found = []
    for limb in known.relaxed:
        force = RestingMuscles(muscles.select(limb.muscles)).at(limb.mtu_length).tendon_force
        found.append((force * limb.moment_arm).sum(axis=1))
    return np.concatenate(found)


def _prior(known: StartingValues, settings: CalibrationSettings = SETTINGS) -> RelaxedPrior:
    found = relaxed_prior(parameter_space(known, settings, time_step=0.01), muscle_mechanics(known.muscles), settings)
    assert found is not None
    return found


def _somewhere(known: StartingValues) -> torch.Tensor:
    z = parameter_space(known, SETTINGS, time_step=0.01).start()
    return z + 0.03 * torch.randn(z.shape, generator=torch.Generator().manual_seed(7), dtype=z.dtype)


def test_the_value_is_what_the_moments_of_muscles_at_rest_have_changed_by(twin: Twin) -> None:
    known = _known(twin)
    z = _somewhere(known)
    muscles = calibrated_muscles(known.muscles, parameter_space(known, SETTINGS, time_step=0.01), z)
    expected = float((((_moments(known, muscles) - _moments(known, known.muscles)) / 2.0) ** 2).sum())
    assert expected > 1.0
    assert _prior(known).value(z) == pytest.approx(expected, rel=1e-6)  # two solvers' tolerance


def test_nothing_has_changed_at_the_start(twin: Twin) -> None:
    known = _known(twin)
    prior, start = _prior(known), parameter_space(known, SETTINGS, time_step=0.01).start()
    assert prior.value(start) == pytest.approx(0.0, abs=1e-12)
    assert float(prior.derivatives(start)[0].abs().max()) < 1e-6


def test_derivatives_are_those_of_the_value(twin: Twin) -> None:
    known = _known(twin)
    prior, z, step = _prior(known), _somewhere(known), 1e-5
    gradient, hessian = prior.derivatives(z)
    moves = step * torch.eye(len(z), dtype=z.dtype)
    slopes = torch.tensor([(prior.value(z + move) - prior.value(z - move)) / (4.0 * step) for move in moves], dtype=z.dtype)
    torch.testing.assert_close(gradient, slopes, rtol=1e-4, atol=1e-5 * float(slopes.abs().max()))
    assert bool((torch.linalg.eigvalsh(hessian) >= -1e-9 * float(hessian.abs().max())).all())


def test_the_calibrations_prior_believes_it_in_loss_pull_and_precision(twin: Twin) -> None:
    known = _known(twin)
    with_limb, without = (driven_problem(twin.trials.calibration, one, SETTINGS).objective.prior for one in (known, twin.start))
    z = _somewhere(known)
    relaxed = _prior(known)
    assert with_limb.value(z) - without.value(z) == pytest.approx(LIKELIHOOD_UNIT * relaxed.value(z), rel=1e-6)
    for more, less in ((with_limb.pull(z), without.pull(z)), (with_limb.precision(z), without.precision(z))):
        torch.testing.assert_close(more - less, relaxed.derivatives(z)[1], rtol=1e-6, atol=1e-6 * float(more.abs().max()))


def test_a_calibrated_limb_stays_near_its_start_relaxed(twin: Twin) -> None:
    known = _known(twin, deviation=0.2)
    before = _moments(known, known.muscles)
    forgotten = CalibrationSettings.model_validate({"prior": {"relaxed_leg": "free"}})
    changes = []
    for settings in (SETTINGS, forgotten):
        found = calibrate(twin.trials, known, settings)
        changes.append(float(np.sqrt(np.mean((_moments(known, found.muscles) - before) ** 2))))
    assert changes[0] < 0.3 * changes[1]
    assert calibrate(twin.trials, twin.start, SETTINGS).muscles == found.muscles  # forgotten is as if it had not been known


def test_ligaments_take_their_part_of_what_the_muscles_did_alone(twin: Twin) -> None:
    # ligaments of the knee alone: hip postures have muscles alone, knee postures both, and what is expected is the muscles' at the start
    known = _known(twin)
    ligaments = replace(ligaments_of(("knee_angle_r",)), high_moment=np.array([3.0]), high_angle=np.array([0.4]))
    plain = parameter_space(known, SETTINGS, time_step=0.01)
    space = ParameterSpace(list(plain.blocks.values()), plain.base, 0.01, known=known, ligaments=ligaments)
    prior = relaxed_prior(space, muscle_mechanics(known.muscles), SETTINGS)
    z = _somewhere(known)
    muscles = calibrated_muscles(known.muscles, plain, z)
    change = _moments(known, muscles) - _moments(known, known.muscles)
    for i, limb in enumerate(known.relaxed):
        added = joint_moment_of(ligaments, limb.angle[:, None])[:, 0]
        assert np.abs(added[5:]).max() > 1.0
        change[12 * i : 12 * (i + 1)] += np.where(np.array(limb.joint) == "knee_angle_r", added, 0.0)
    assert prior is not None
    assert prior.value(z) == pytest.approx(float(((change / 2.0) ** 2).sum()), rel=1e-6)


def test_no_natural_prior_no_relaxed_limb(twin: Twin) -> None:
    ranges = CalibrationSettings.model_validate({"preset": "weak_prior"})
    with_limb, without = (driven_problem(twin.trials.calibration, one, ranges).objective.prior for one in (_known(twin), twin.start))
    z = with_limb.space.start() + 0.02
    assert with_limb.value(z) == without.value(z)
