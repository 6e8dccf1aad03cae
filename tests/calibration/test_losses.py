"""Loss terms: the formulas of Eq. 4, and derivatives against central differences."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from osim_nmscal.calibration.losses import (
    MUSCLE_SIGNALS,
    MuscleTerm,
    PassiveForcePenalty,
    RangePenalty,
    SignalTangents,
    Term,
    TermInputs,
    built_in_terms,
)
from osim_nmscal.calibration.settings import LossSettings
from osim_nmscal.calibration.simulated_twin import make_twin
from osim_nmscal.nms.muscle_models import muscle_mechanics

SHAPE = (7, 2, 3)  # time, trial, muscle
SIGNALS = MUSCLE_SIGNALS


def outputs(seed: int = 0) -> TermInputs:
    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator, dtype=torch.float64)

    return TermInputs(
        activation=drawn(*SHAPE),
        normalized_fiber_length=0.3 + 1.5 * drawn(*SHAPE),
        normalized_fiber_velocity=drawn(*SHAPE) - 0.5,
        tendon_strain=0.1 * drawn(*SHAPE) - 0.02,
        tendon_force=1000.0 * drawn(*SHAPE),
        joint_moment=100.0 * drawn(7, 2, 2),
        target_moment=100.0 * drawn(7, 2, 2),
        muscles=("a", "b", "c"),
        dofs=("hip", "knee"),
        max_isometric_force=torch.tensor([1000.0, 1500.0, 2000.0], dtype=torch.float64),
        time_step=0.01,
    )


def passive_force() -> PassiveForcePenalty:
    return PassiveForcePenalty("passive_force", 2.0, muscle_mechanics(make_twin(muscles=3, trials=1, steps=30).true).passive_force_length)


TERMS: dict[str, Callable[[], MuscleTerm]] = {
    "fiber length outside its range": lambda: RangePenalty("fiber_length", 10.0, "normalized_fiber_length", 0.5, 1.5),
    "tendon strain outside its range": lambda: RangePenalty("tendon_strain", 1000.0, "tendon_strain", 0.0, 0.05),
    "passive force": passive_force,
    "a user's own": lambda: Term(
        "effort",
        0.3,
        lambda o: o.activation**2 * o.normalized_fiber_length + o.normalized_fiber_velocity**2 + 1e-6 * o.tendon_force**2,
        "muscle",
    ),
}


@pytest.mark.parametrize("name", TERMS)
def test_derivative_is_that_of_central_differences(name: str) -> None:
    term, at, direction, step = TERMS[name](), outputs(), outputs(seed=1), 1e-7

    def moved(sign: float) -> TermInputs:
        return replace(at, **{s: getattr(at, s) + sign * step * getattr(direction, s) for s in SIGNALS})

    differences = (term.residual(moved(1.0)) - term.residual(moved(-1.0))) / (2.0 * step)
    tangents = SignalTangents(**{s: getattr(direction, s)[None] for s in SIGNALS})
    analytic = term.derivative(at, tangents)[0]
    # central differences: rounding 1e-16 * |residual| / step, about 1e-8 of the largest
    torch.testing.assert_close(analytic, differences, rtol=1e-6, atol=1e-6 * float(analytic.abs().max()))


def test_range_penalty_is_p_of_equation_4() -> None:
    term = RangePenalty("fiber_length", 10.0, "normalized_fiber_length", 0.5, 1.5)
    lengths = torch.tensor([0.3, 0.5, 1.0, 1.5, 1.6], dtype=torch.float64).expand(7, 2, 5)
    squared = term.residual(replace(outputs(), normalized_fiber_length=lengths)).square()[0, 0]
    # w (xmin - x)^2 below, w (x - xmax)^2 above, else 0
    np.testing.assert_allclose(squared.numpy(), [10.0 * 0.2**2, 0.0, 0.0, 0.0, 10.0 * 0.1**2], atol=1e-14)


def test_derivative_of_a_users_term_over_dofs_is_that_of_central_differences() -> None:
    term = Term("peak", 0.5, lambda o: torch.relu(o.joint_moment - 0.9 * o.target_moment), "dof")
    at, step = outputs(), 1e-6
    ahead, behind = (replace(at, joint_moment=at.joint_moment + sign * step) for sign in (1.0, -1.0))
    differences = (term.residual(ahead) - term.residual(behind)) / (2.0 * step)
    torch.testing.assert_close(term.moment_derivative(at), differences, rtol=1e-7, atol=1e-7)


def test_a_term_of_weight_zero_is_left_out() -> None:
    mechanics = muscle_mechanics(make_twin(muscles=1, trials=1, steps=30).true)
    named = [t.name for t in built_in_terms(LossSettings(fiber_length_weight=0.0, passive_force_weight=1.0), mechanics)]
    assert named == ["passive_force", "tendon_strain"]
