"""A synergy-hybrid loss of a simulated twin, away from its start."""

from dataclasses import replace

import torch

from osim_nmscal.calibration.electrodes import Electrodes
from osim_nmscal.calibration.parameter_space import parameter_space
from osim_nmscal.calibration.prior import mean_mtu_length
from osim_nmscal.calibration.problem import muscle_objective
from osim_nmscal.calibration.settings import CalibrationSettings, LossSettings
from osim_nmscal.calibration.simulated_twin import make_twin
from osim_nmscal.calibration.stacking import stack_trials
from osim_nmscal.calibration.synergy.factorization import splines_seen
from osim_nmscal.calibration.synergy.objective import HybridObjective
from osim_nmscal.calibration.synergy.settings import SynergySettings
from osim_nmscal.calibration.synergy.space import HybridSpace
from osim_nmscal.data.trials import TrialSet
from osim_nmscal.nms.muscle_models import muscle_mechanics
from osim_nmscal.splines import spline_basis

SYNTHESIZED = torch.tensor([False, True, True, False, True])
# narrow ranges: every penalty is at work
LOSS = LossSettings(prior_weight=0.01, passive_force_weight=0.5, fiber_length_range=(0.8, 1.0), tendon_strain_range=(0.0, 0.02))


def make_hybrid(per_trial=False, fixed=False, rigid=(), terms=(), loss=LOSS, knots=0.06, **more) -> tuple[HybridObjective, torch.Tensor]:
    twin = make_twin(muscles=5, trials=2, steps=60, rigid=rigid)
    first, second = twin.trials.trials
    cut = 45  # trials of unequal length
    second = replace(
        second, **{name: getattr(second, name)[:cut] for name in ("time", "excitation", "mtu_length", "moment_arm", "joint_moment")}
    )
    settings = CalibrationSettings(loss=loss, **more)
    stacked = stack_trials(TrialSet(trials=(first, second)))
    electrodes = Electrodes(recorded=frozenset({"muscle_0", "muscle_3"}))
    space = parameter_space(twin.start, settings, time_step=0.01, electrodes=electrodes, mtu_length=mean_mtu_length(stacked))
    mechanics = muscle_mechanics(twin.start)
    objective = muscle_objective(stacked, mechanics, space, settings, twin.start, terms, twin.trials.dofs, trials_apart=True)
    basis = spline_basis(60, 0.01, knots)
    generator = torch.Generator().manual_seed(0)
    weights = torch.rand((2 if per_trial else 1, 3, 5), generator=generator, dtype=torch.float64) * 1.1
    splines = (basis.shape[1], splines_seen(basis, cut))
    coefficients = [torch.rand((3, n), generator=generator, dtype=torch.float64) * 1.1 for n in splines]
    hybrid_space = HybridSpace(space, 3, 5, splines, per_trial, weights if fixed else None)
    hybrid = HybridObjective(objective, hybrid_space, SynergySettings(), torch.from_numpy(basis), (60, cut), SYNTHESIZED)
    parameters = space.start() + 0.03 * torch.randn(space.size, generator=generator, dtype=torch.float64)  # where the prior pulls
    return hybrid, hybrid_space.join(parameters, weights, coefficients)
