"""What people's relaxed legs tell of one person's: after the passive fit, how far this leg may be from the mean person's.

Within the widths of single muscles most legs are no person's: relaxed, they would be far stiffer or slacker than legs are. People's
passive moments differ by some N·m only. A calibration that keeps to that goes on from what the fit learned (calibration/relaxed_prior.py).
"""

from dataclasses import replace

import numpy as np

from osim_nmscal.data.passive_moments import PassiveMoments
from osim_nmscal.data.relaxed_postures import RelaxedPostures
from osim_nmscal.data.starting_values import StartingValues
from osim_nmscal.data.trials import MuscleGeometry
from osim_nmscal.initialization.relaxed_leg import arms_about

# What people differ by beside `spread`, as a share of the moment. Source: choice; two groups' means differ by 10 to 15 %.
SHARE_OF_MOMENT = 0.2
# What a sweep of a joint tells of a person, in independent samples, as people differ smoothly. Source: as of a measured sweep
# ([calibration.noise] passive_samples).
SAMPLES_A_SWEEP = 4.0
# Every so many postures of a sweep are looked at: those of the mean person are 5 degrees apart, passive moments bend within 10.
_EVERY = 2


def with_relaxed_leg(start: StartingValues, geometry: MuscleGeometry, reference: PassiveMoments, spread: float) -> StartingValues:
    """Return starting values that know how far a person's relaxed leg may be from theirs.

    Args:
        start: muscles whose relaxed leg is fitted to the reference.
        geometry: MTU lengths and moment arms in the reference's postures.
        reference: the mean person's moments.
        spread: SD of what people differ by, N·m.

    Raises:
        UnknownNameError: a muscle of the geometry is not among the starting values.
    """
    chosen = np.concatenate([np.flatnonzero(reference.curve == curve)[::_EVERY] for curve in np.unique(reference.curve)])
    curve = reference.curve[chosen]
    repeats = np.maximum(np.bincount(curve)[curve] / SAMPLES_A_SWEEP, 1.0)
    deviation = np.sqrt(repeats) * np.hypot(spread, SHARE_OF_MOMENT * reference.moment[chosen])
    leg = RelaxedPostures(
        muscles=geometry.muscles,
        mtu_length=geometry.mtu_length[chosen],
        moment_arm=arms_about(geometry, reference)[chosen],
        deviation=deviation,
        joint=tuple(reference.coordinates[i] for i in reference.about[chosen]),
        angle=reference.postures[chosen, reference.about[chosen]],
    )
    return replace(start, relaxed=(*start.relaxed, leg))
