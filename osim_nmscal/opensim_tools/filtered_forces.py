"""External forces through the low-pass of the coordinates.

Inverse dynamics subtracts what accelerations explain from what forces explain. Coordinates are low-passed; if forces are not, an
impact stands in the forces alone and appears as joint moments of hundreds of N·m within some milliseconds. So both get the same
cut-off and the same filter. Source: Bisseling & Hof 2006, J. Biomech. 39:2438; Kristianslund et al. 2012, J. Biomech. 45:666.

What is filtered is the wrench: force, and moment about the origin. The centre of pressure is a quotient of both and is worked out
anew; filtered by itself it would wander where the foot is hardly loaded.
"""

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.signals import zero_lag_lowpass

FloatArray = NDArray[np.float64]

# Below this vertical force, N, no centre of pressure is worked out: the force acts at the origin with all of its moment, which is the
# same wrench. Source: choice, as for segmentation.
LOADED = 20.0


def filtered_wrench(
    force: FloatArray, point: FloatArray, torque: FloatArray, rate: float, cutoff: float, order: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Low-pass an external force with its point of application and free torque.

    Args:
        force: (time, 3), N, in ground; gaps count as zero.
        point: (time, 3), m, in ground.
        torque: (time, 3), N·m.
        rate: Hz.
        cutoff: Hz.
        order: effective order.

    Returns:
        Force, point and torque whose wrench is the filtered one. A force that is zero throughout stays zero. Under load the point lies at
        the height of the given one, above or below that of the given wrench's axis; elsewhere it is the origin.
    """
    force, point, torque = (np.where(np.isfinite(one), one, 0.0) for one in (force, point, torque))
    moment = np.cross(point, force) + torque
    soft = zero_lag_lowpass(np.hstack([force, moment]), rate, cutoff, order)
    force, moment, height = soft[:, :3], soft[:, 3:], point[:, 1]
    loaded = force[:, 1] > LOADED
    up = np.where(loaded, force[:, 1], 1.0)
    # notation: M = p x F + (0, T, 0), solved for p along x and z at a given height, and T
    x = (moment[:, 2] + height * force[:, 0]) / up
    z = (height * force[:, 2] - moment[:, 0]) / up
    place = np.where(loaded[:, None], np.column_stack([x, height, z]), 0.0)
    return force, place, moment - np.cross(place, force)
