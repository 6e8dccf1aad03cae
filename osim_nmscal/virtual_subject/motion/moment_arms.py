"""A person whose moment arms are not those of the scaled bones: larger or smaller by a factor per muscle, at every joint alike.

With one factor k the MTU length k * (L - L_reference) + L_reference has exactly k times the moment arms, whatever joints the muscle
crosses, so lengths and arms stay consistent; the reference pose keeps its length, and with it the fiber's working point.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.virtual_subject.motion.prescribed import Mechanics


def with_moment_arms(mechanics: Mechanics, factor: NDArray[np.float64], reference: NDArray[np.float64]) -> Mechanics:
    """Return the mechanics of the same motion with other moment arms.

    Args:
        mechanics: of the scaled bones.
        factor: (muscle,) or (1,).
        reference: MTU length in the reference pose, (muscle,), m.
    """
    return replace(mechanics, mtu_length=reference + factor * (mechanics.mtu_length - reference), moment_arm=mechanics.moment_arm * factor)
