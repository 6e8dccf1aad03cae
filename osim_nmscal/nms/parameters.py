"""The parameters of the model, and where those of an .osim start."""

from dataclasses import dataclass, field, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.noun import Noun
from osim_nmscal.nms.contraction import TendonAndFiber
from osim_nmscal.nms.muscle_models import muscle_curves


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class NmsParameters(Noun):
    """The parameters of the model; (muscle,) or (set, muscle) each.

    Example:
        >>> start = initial_parameters(muscles, c1=-0.5, c2=-0.5, shape_factor=-1.0, electromechanical_delay=0.035)
        >>> weaker = replace(start, max_isometric_force=0.8 * start.max_isometric_force)
        >>> weaker.max_isometric_force.tolist()
        [2400.0, 2400.0]
    """

    c1: Tensor  # (-1, 1), belongs to the time step
    c2: Tensor  # (-1, 1), belongs to the time step
    shape_factor: Tensor  # (-3, 0)
    optimal_fiber_length: Tensor  # m
    tendon_slack_length: Tensor  # m
    max_isometric_force: Tensor  # N
    max_contraction_velocity: Tensor  # optimal fiber lengths / s
    tendon_strain_at_one_norm_force: Tensor  # -
    pennation_angle_at_optimal: Tensor  # rad
    electromechanical_delay: Tensor  # s, a scalar or (muscle,)
    emg_scale: Tensor = field(default_factory=lambda: torch.ones((), dtype=torch.float64))  # factor of the excitation, or a scalar
    moment_arm_scale: Tensor = field(default_factory=lambda: torch.ones((), dtype=torch.float64))  # factor of moment arms, or a scalar
    reference_mtu_length: Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.float64))  # m, that no such factor changes

    def to(self, like: Tensor) -> "NmsParameters":
        """Return the parameters with the dtype and device of a tensor."""
        return NmsParameters(**{name: getattr(self, name).to(like) for name in NMS_PARAMETERS})

    def select(self, index: Tensor) -> "NmsParameters":
        """Return the parameters of some muscles; index (n,), int64. What is one number for all stays so."""
        values = {name: getattr(self, name) for name in NMS_PARAMETERS}
        return NmsParameters(**{name: value if value.ndim == 0 else value[..., index] for name, value in values.items()})


NMS_PARAMETERS: tuple[str, ...] = tuple(one.name for one in fields(NmsParameters))


def initial_parameters(
    muscles: MuscleTable, *, c1: float, c2: float, shape_factor: float, electromechanical_delay: float | NDArray[np.float64]
) -> NmsParameters:
    """Return the parameters of the .osim with the same activation dynamics for all muscles, float64; the delay may be (muscle,).

    Example:
        >>> start = initial_parameters(muscles, c1=-0.5, c2=-0.5, shape_factor=-1.0, electromechanical_delay=0.035)
        >>> start.optimal_fiber_length.tolist(), start.electromechanical_delay.item()
        ([0.1, 0.1], 0.035)
    """

    def like_names(value: float) -> Tensor:
        return torch.full((len(muscles),), value, dtype=torch.float64)

    return NmsParameters(
        c1=like_names(c1),
        c2=like_names(c2),
        shape_factor=like_names(shape_factor),
        optimal_fiber_length=torch.from_numpy(muscles.values("optimal_fiber_length")),
        tendon_slack_length=torch.from_numpy(muscles.values("tendon_slack_length")),
        max_isometric_force=torch.from_numpy(muscles.values("max_isometric_force")),
        max_contraction_velocity=torch.from_numpy(muscles.values("max_contraction_velocity")),
        pennation_angle_at_optimal=torch.from_numpy(muscles.values("pennation_angle_at_optimal")),
        tendon_strain_at_one_norm_force=torch.tensor(
            [muscle_curves(muscle).tendon_strain_at_one_norm_force for muscle in muscles.muscles], dtype=torch.float64
        ),
        electromechanical_delay=torch.as_tensor(electromechanical_delay, dtype=torch.float64),
        emg_scale=like_names(1.0),
        moment_arm_scale=like_names(1.0),
        reference_mtu_length=like_names(0.0),
    )


def tendon_and_fiber(muscles: MuscleTable) -> TendonAndFiber:
    """Return the parameters of the force balance of some muscles, (muscle,) each, float64."""
    stated = initial_parameters(muscles, c1=0.0, c2=0.0, shape_factor=0.0, electromechanical_delay=0.0)
    return TendonAndFiber(*(getattr(stated, name) for name in TendonAndFiber._fields))
