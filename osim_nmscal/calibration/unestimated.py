"""What a calibration takes from the model and does not estimate: moment arms, tendon strain, and the length of the muscle's path.

An error that is not estimated still blurs what is ("consider" analysis, Schmidt 1966): a muscle whose arms are 7 % longer gives 7 % more
moment, and its length changes by 7 % more (`nms.path_errors`); a stiffer tendon leaves the fiber longer. Whatever is free in the fit has
its error in the covariance already and none here. An MTU that is longer by a constant is another matter: no moment tells it from a shorter
tendon, so all of it is in the slack length that a calibration finds and none in the working point.
"""

import torch
from torch import Tensor

from osim_nmscal.calibration.evaluated import Evaluation
from osim_nmscal.calibration.objective import Objective
from osim_nmscal.calibration.parameter_space import ParameterSpace
from osim_nmscal.calibration.prior_settings import PriorSettings
from osim_nmscal.nms.path_errors import lengthening
from osim_nmscal.nms.sensitivity import muscle_tangents

_STRAIN = "tendon_strain_at_one_norm_force"


def unestimated_moments(objective: Objective, at: Evaluation, settings: PriorSettings) -> Tensor:
    """Return what one standard deviation of each error does to the weighted moments, (counted, dof, error): arms, then tendons.

    Args:
        objective: trials, and how their moments are weighed.
        at: where.
        settings: standard deviation of moment arms.
    """
    trials, p, space = objective.trials, at.parameters, objective.space
    arms = torch.full((len(objective.mechanics),), settings.moment_arm_width, dtype=torch.float64)
    strain = _believed(space, _STRAIN) * p.tendon_strain_at_one_norm_force
    excursion = lengthening(trials.mtu_length, p.reference_mtu_length)
    by_strain, by_arm = torch.zeros_like(excursion), torch.zeros_like(excursion)
    for index, state in zip(objective.parts, at.states, strict=True):
        still = state.length.new_zeros((0, *state.length.shape))
        change = strain[index].repeat(excursion.shape[1])
        tangents = muscle_tangents(state, still, {_STRAIN: change}, excursion[..., index].flatten(-2)[None])
        by_strain[..., index], by_arm[..., index] = tangents.force.unflatten(-1, (excursion.shape[1], len(index)))
    pulled = at.outputs.tendon_force + by_arm * p.max_isometric_force * p.moment_arm_scale
    stretched = by_strain * p.max_isometric_force * p.moment_arm_scale
    errors = [(pulled * arms)[..., ~_estimated(space, "moment_arm_scale")], stretched[..., ~_estimated(space, _STRAIN)]]
    columns = torch.cat([objective.weighted_arm[..., ~_estimated(space, kind)] for kind in ("moment_arm_scale", _STRAIN)], dim=-1)
    return columns * torch.cat(errors, dim=-1)[trials.counted][:, None, :]


def hidden_in_slack_lengths(space: ParameterSpace, z: Tensor, variance: Tensor, believed: Tensor, settings: PriorSettings) -> Tensor:
    """Return the variance that errors of MTU lengths add to tendon slack lengths that moments tell, (parameter,), in units of z.

    With V the variance of what moments tell (slack length less the MTU's error), P what was believed of it, and G the MTU's error as part
    of P: a slack length that is not told errs by P - G, one that is told by G, and between V + G (1 - 2 V / P), a linear regression of
    the MTU's error on what is told. It is never counted less than V.

    Args:
        space: the parameters.
        z: (parameter,).
        variance: V, (parameter,).
        believed: P, (parameter,).
        settings: `geometry_width`.
    """
    added = torch.zeros_like(variance)
    block = space.blocks["tendon_slack_length"]
    columns = block.muscle_columns()
    moving = columns >= 0
    at = columns[moving]
    error = settings.geometry_width * space.base.reference_mtu_length.expand(len(columns)) / space.model_slope(z, block.name)
    error = torch.minimum(error[moving].square(), believed[at])
    added[at] = error * (1.0 - 2.0 * variance[at] / believed[at]).clamp_min(0.0)
    return added


def _estimated(space: ParameterSpace, kind: str) -> Tensor:
    """Return which muscles' values of a kind the fit moves, (muscle,), bool."""
    return space.blocks[kind].muscle_columns() >= 0


def _believed(space: ParameterSpace, kind: str) -> Tensor:
    """Return how far each muscle's value of a kind may lie from its start (SD of the logarithm), (muscle,)."""
    block = space.blocks[kind]
    return block.believed_width[block.owner_of_muscle]
