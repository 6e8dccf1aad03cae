"""The working point: a muscle's normalized fiber length behind a rigid tendon at some MTU length.

w = sqrt(a^2 + sin^2 pennation at optimal) with a = (MTU length - tendon slack length) / optimal fiber length: where on its force-length
curve a muscle works, told by its lengths alone. The fiber's height is constant (pennation.py).
"""

from torch import Tensor

from osim_nmscal.nms.pennation import length_of_fiber

# Shortest part of a fiber along the tendon that a working point is made of, optimal fiber lengths: beyond it a rigid tendon would be
# slack. Source: choice; fibers of a tenth bear no force any more.
SHORTEST_ALONG = 0.05


def working_point(mtu_length: Tensor, optimal_fiber_length: Tensor, tendon_slack_length: Tensor, height: Tensor) -> Tensor:
    """Return the normalized fiber length behind a rigid tendon.

    Args:
        mtu_length: (..., muscle), m.
        optimal_fiber_length: (..., muscle), m.
        tendon_slack_length: (..., muscle), m.
        height: (muscle,), sine of the pennation angle at the optimal fiber length.

    Returns:
        (..., muscle), optimal fiber lengths.
    """
    return length_of_fiber(((mtu_length - tendon_slack_length) / optimal_fiber_length).clamp_min(SHORTEST_ALONG), height)
