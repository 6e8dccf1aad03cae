"""A small leg about hip, knee and ankle for tests of relaxed muscles: made-up arms, no model file."""

import numpy as np

from osim_nmscal.data.muscles import Muscle, MuscleTable
from osim_nmscal.data.passive_moments import PassiveMoments
from osim_nmscal.data.trials import MuscleGeometry
from osim_nmscal.initialization.mean_person import LegCoordinates, mean_person

LEG = LegCoordinates(hip="hip_flexion_r", knee="knee_angle_r", ankle="ankle_angle_r", knee_sign=1.0)
# name -> fiber, slack, MTU length at zero (m), force (N), arms about hip, knee, ankle (m)
_FACTS = {
    "psoas_r": (0.11, 0.10, 0.225, 1400.0, (0.045, 0.0, 0.0)),
    "semimem_r": (0.07, 0.35, 0.420, 2000.0, (-0.055, 0.035, 0.0)),
    "recfem_r": (0.076, 0.35, 0.440, 2000.0, (0.045, -0.045, 0.0)),
    "vaslat_r": (0.10, 0.22, 0.300, 5000.0, (0.0, -0.045, 0.0)),
    "gasmed_r": (0.051, 0.40, 0.455, 3000.0, (0.0, 0.02, -0.045)),
    "soleus_r": (0.044, 0.28, 0.322, 6000.0, (0.0, 0.0, -0.045)),
    "tibant_r": (0.068, 0.24, 0.310, 1200.0, (0.0, 0.0, 0.04)),
}
MUSCLES = MuscleTable(
    muscles=tuple(
        Muscle(name=name, optimal_fiber_length=fiber, tendon_slack_length=slack, max_isometric_force=force, pennation_angle_at_optimal=0.1)
        for name, (fiber, slack, _, force, _) in _FACTS.items()
    )
)


def leg_geometry(reference: PassiveMoments) -> MuscleGeometry:
    """Return lengths and constant moment arms in a reference's postures."""
    arms = np.array([arms for *_, arms in _FACTS.values()]).T  # (dof, muscle)
    zero = np.array([length for _, _, length, *_ in _FACTS.values()])
    count = len(reference.moment)
    return MuscleGeometry(
        time=np.arange(count, dtype=np.float64),
        muscles=MUSCLES.names,
        dofs=reference.coordinates,
        mtu_length=zero - reference.postures @ arms,
        moment_arm=np.tile(arms, (count, 1, 1)),
    )


REFERENCE = mean_person(LEG)
GEOMETRY = leg_geometry(REFERENCE)
