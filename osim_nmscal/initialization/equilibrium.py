"""Muscles at rest in one posture after the other: the static equilibrium of fiber and tendon, by the physics of `nms`."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.nms.model import NmsInputs, contract, initial_parameters
from osim_nmscal.nms.muscle_models import MuscleMechanics, muscle_mechanics

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Equilibrium:
    """Fibers and tendons at rest; (..., posture, muscle) each."""

    normalized_fiber_length: FloatArray
    pennation_angle: FloatArray  # rad
    tendon_strain: FloatArray
    tendon_force: FloatArray  # N


class RestingMuscles:
    """Some muscles, whose curves are made once, at rest with any lengths of fiber and tendon."""

    def __init__(self, muscles: MuscleTable) -> None:
        self.muscles = muscles
        self._mechanics: MuscleMechanics = muscle_mechanics(muscles)
        self._stated = initial_parameters(muscles, c1=0.0, c2=0.0, shape_factor=-1.0, electromechanical_delay=0.0)

    def at(
        self,
        mtu_length: FloatArray,
        *,
        activation: float = 0.0,
        optimal_fiber_length: FloatArray | None = None,
        tendon_slack_length: FloatArray | None = None,
    ) -> Equilibrium:
        """Return the equilibrium in every posture.

        Args:
            mtu_length: (posture, muscle), m.
            activation: of all muscles, 0 to 1.
            optimal_fiber_length: (muscle,) or (set, muscle), m; default the muscles' own.
            tendon_slack_length: (muscle,) or (set, muscle), m; default the muscles' own.

        Raises:
            FiberDynamicsError: a fiber has no equilibrium; names the muscle.
        """
        changed = {
            name: torch.from_numpy(np.ascontiguousarray(values))
            for name, values in (("optimal_fiber_length", optimal_fiber_length), ("tendon_slack_length", tendon_slack_length))
            if values is not None
        }
        # every posture is a trial that stands still; two samples, as the velocity behind a rigid tendon is a difference
        length = torch.from_numpy(np.ascontiguousarray(mtu_length)).expand(2, *mtu_length.shape)
        with torch.no_grad():
            found = contract(
                torch.full_like(length, activation),
                NmsInputs(excitation=length, mtu_length=length, moment_arm=length[..., None, :] * 0.0, time_step=1.0),
                replace(self._stated, **changed),
                self._mechanics,
            )
        return Equilibrium(
            normalized_fiber_length=_first(found.normalized_fiber_length),
            pennation_angle=_first(found.pennation_angle),
            tendon_strain=_first(found.tendon_strain),
            tendon_force=_first(found.tendon_force),
        )


def _first(signal: torch.Tensor) -> FloatArray:
    """Return the first sample of (..., time, posture, muscle)."""
    return np.asarray(signal.select(-3, 0).numpy())
