"""The synergy-hybrid loss: Eq. 5 written out, gradient against central differences, Hessian against the residuals' own change."""

import pytest
import torch
from hybrid_twin import SYNTHESIZED, make_hybrid
from torch.testing import assert_close

from osim_nmscal.calibration.losses import Term
from osim_nmscal.calibration.settings import LossSettings
from osim_nmscal.calibration.synergy.calibration import hybrid_posterior
from osim_nmscal.errors import CalibrationError

TERMS = (
    Term("effort", 0.3, lambda outputs: outputs.activation + outputs.normalized_fiber_velocity, "muscle"),
    Term("large_moments", 0.1, lambda outputs: (outputs.joint_moment / 100.0) ** 2, "dof"),
)
COUPLED = (
    Term("shares", 0.2, lambda o: o.activation * o.tendon_force.mean(dim=-1, keepdim=True) / 500.0 + o.joint_moment[..., :1] / 100.0),
)
CASES = {
    "shared weights": {},
    "weights of each trial": {"per_trial": True},
    "fixed weights": {"fixed": True},
    "rigid and elastic tendons": {"rigid": (1, 3)},
    "weak priors": {"preset": "weak_prior"},
    "moment arms of the fit": {"parameters": {"moment_arm_scale": {"free": True}}},
    "moment arms of the fit, coupled muscles": {"parameters": {"moment_arm_scale": {"free": True}}, "terms": COUPLED},
    "a user's terms": {"terms": TERMS},
    "a user's term that couples muscles": {"terms": COUPLED},
    "coupled muscles, weights of each trial": {"terms": COUPLED, "per_trial": True},
    "coupled muscles, fixed weights": {"terms": COUPLED, "fixed": True},
}


@pytest.mark.parametrize("case", CASES)
def test_gradient_is_that_of_the_loss(case):
    hybrid, z = make_hybrid(**CASES[case])
    at = hybrid.evaluate(z)
    assert all(value > 0.0 for value in at.terms.values())  # every term is at work
    gradient = hybrid.linearize(at).gradient
    generator = torch.Generator().manual_seed(1)
    for part in (slice(0, hybrid.space.shared), slice(hybrid.space.shared, None), slice(None)):
        direction = torch.zeros_like(z)
        direction[part] = torch.randn(direction[part].shape, generator=generator, dtype=z.dtype)
        change = hybrid.evaluate(z + 1e-6 * direction).loss - hybrid.evaluate(z - 1e-6 * direction).loss
        # central differences of a smooth loss: 1e-6 relative, penalties that switch at a sample a little more
        assert float(2.0 * gradient @ direction) == pytest.approx(change / 2e-6, rel=1e-5)


@pytest.mark.parametrize("case", ["shared weights", "weights of each trial", "fixed weights", "moment arms of the fit"])
def test_hessian_is_the_residuals_squared_change(case):
    quiet = LossSettings(prior_weight=0.0, fiber_length_weight=0.0, tendon_strain_weight=0.0)
    hybrid, z = make_hybrid(**CASES[case], loss=quiet)
    hybrid.settings = hybrid.settings.model_copy(update={"range_weight": 0.0})

    def residuals(z: torch.Tensor) -> torch.Tensor:
        at = hybrid.evaluate(z)
        missed = (at.synthesized - hybrid.target) * (hybrid.excitation_weight * hybrid.share[..., None]).sqrt()
        return torch.cat([hybrid.objective.moment_residual(at.muscles).reshape(-1), missed.reshape(-1)])

    direction = torch.randn(z.shape, generator=torch.Generator().manual_seed(2), dtype=z.dtype)
    change = (residuals(z + 1e-6 * direction) - residuals(z - 1e-6 * direction)) / 2e-6
    hessian = hybrid.linearize(hybrid.evaluate(z)).hessian
    assert float(direction @ (hessian @ direction)) == pytest.approx(float(change @ change), rel=1e-6)


def test_loss_is_equation_5_written_out():
    hybrid, z = make_hybrid()
    at = hybrid.evaluate(z)
    recorded = hybrid.objective.trials.excitation
    tracking = excitation = 0.0
    energy = torch.stack([recorded[:n, r][:, ~SYNTHESIZED].square().mean() for r, n in enumerate((60, 45))]).mean()
    for r, n in enumerate((60, 45)):
        made = at.primitives[:n, r] @ at.weights[0]
        tracking += 50.0 * float((made - recorded[:n, r])[:, ~SYNTHESIZED].square().mean() / energy)
        excitation += hybrid.settings.excitation_weight * float(made[:, SYNTHESIZED].square().mean() / energy)
    assert at.terms["tracking"] == pytest.approx(tracking, rel=1e-12)
    assert at.terms["excitation"] == pytest.approx(excitation, rel=1e-12)


def test_recorded_muscles_are_driven_by_their_emg_and_the_others_are_not():
    hybrid, z = make_hybrid()
    nothing = [torch.zeros((3, n), dtype=torch.float64) for n in hybrid.space.splines]
    silent = hybrid.space.join(hybrid.space.split(z)[0], torch.zeros((1, 3, 5), dtype=torch.float64), nothing)
    with_synergies, without = hybrid.evaluate(z).muscles.outputs.activation, hybrid.evaluate(silent).muscles.outputs.activation
    assert_close(with_synergies[..., ~SYNTHESIZED], without[..., ~SYNTHESIZED], rtol=0.0, atol=0.0)
    assert float(without[..., SYNTHESIZED].abs().max()) == 0.0
    assert float(with_synergies[..., SYNTHESIZED].max()) > 0.1


def test_posterior_is_wider_the_more_synergies_may_move():
    # the same loss at the same place; free weights hide more of what parameters do
    widths = []
    for fixed in (True, False):
        hybrid, z = make_hybrid(fixed=fixed, preset="weak_prior")
        widths.append(hybrid_posterior(hybrid, hybrid.evaluate(z)).standard_error)
    prior = hybrid.space.parameters.prior_width()
    assert bool((widths[0] <= widths[1] * (1.0 + 1e-6)).all())
    assert bool((widths[1] <= prior * (1.0 + 1e-6)).all())
    assert float((widths[1] / widths[0]).max()) > 1.05


def test_a_term_that_couples_trials_is_refused() -> None:
    between = Term("between", 1.0, lambda o: o.activation - o.activation.mean(dim=1, keepdim=True))
    hybrid, z = make_hybrid(terms=(between,))
    with pytest.raises(CalibrationError, match="residuals in one trial change with another trial"):
        hybrid.evaluate(z)
