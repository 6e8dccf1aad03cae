"""The muscle classes an .osim may hold, each as the curves and constants of one shared contraction equation (base.py)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from osim_nmscal.data.muscles import DeGrooteFregly2016Properties, Millard2012Properties, Muscle, MuscleTable, Thelen2003Properties
from osim_nmscal.errors import MuscleModelError
from osim_nmscal.nms.curves import CurveTable, tabulate
from osim_nmscal.nms.muscle_models.base import MuscleCurves
from osim_nmscal.nms.muscle_models.degroote2016 import degroote2016_curves
from osim_nmscal.nms.muscle_models.millard2012 import millard2012_curves
from osim_nmscal.nms.muscle_models.thelen2003 import thelen2003_curves

# Grids of the tables; 0, 1 (length) and 0 (velocity, strain), where curves may have kinks, are nodes of each.
_LENGTH_DOMAIN, _LENGTH_INTERVALS = (0.0, 2.0), 4096
_VELOCITY_DOMAIN, _VELOCITY_INTERVALS = (-1.25, 1.25), 4096
_TENDON_DOMAIN, _TENDON_INTERVALS = (-1.0, 3.0), 8192  # in units of the strain at one norm force


def muscle_curves(muscle: Muscle, *, rigid_tendon: bool | None = None) -> MuscleCurves:
    """Return the curves of one muscle as its class and properties define them.

    Args:
        muscle: as read from the .osim.
        rigid_tendon: None takes what the .osim says.

    Raises:
        MuscleModelError: impossible properties, with the muscle's name.
    """
    rigid = muscle.ignore_tendon_compliance if rigid_tendon is None else rigid_tendon
    pennation = muscle.pennation_angle_at_optimal
    try:
        match muscle.properties:
            case Millard2012Properties() as properties:
                return millard2012_curves(properties, pennation, rigid_tendon=rigid)
            case DeGrooteFregly2016Properties() as properties:
                return degroote2016_curves(properties, pennation, rigid_tendon=rigid)
            case Thelen2003Properties() as properties:
                return thelen2003_curves(properties, pennation)
    except MuscleModelError as error:
        raise MuscleModelError(f"Muscle {muscle.name!r}: {error}") from None


@dataclass(frozen=True, kw_only=True)
class MuscleMechanics:
    """The constants of many muscles (of any mix of classes), stacked for batched evaluation; (muscle,) each."""

    names: tuple[str, ...]
    active_force_length: CurveTable
    passive_force_length: CurveTable
    force_velocity: CurveTable
    tendon_force: CurveTable
    fiber_damping: Tensor
    velocity_scale_at_rest: Tensor
    velocity_scaled: bool  # whether activation scales the velocity of any muscle (Thelen2003)
    minimum_fiber_length: Tensor  # normalized
    rigid_tendon: Tensor  # bool

    def __len__(self) -> int:
        return len(self.names)

    def velocity_scale(self, activation: Tensor) -> Tensor | None:
        """Return what divides the fiber velocity, shaped as the activation (..., muscle); None if that is one everywhere."""
        if not self.velocity_scaled:
            return None
        return self.velocity_scale_at_rest + (1.0 - self.velocity_scale_at_rest) * activation

    def select(self, index: Tensor) -> "MuscleMechanics":
        """Return some muscles, possibly repeated; index (n,), int64."""
        return replace(
            self,
            names=tuple(self.names[i] for i in index.tolist()),
            active_force_length=self.active_force_length.select(index),
            passive_force_length=self.passive_force_length.select(index),
            force_velocity=self.force_velocity.select(index),
            tendon_force=self.tendon_force.select(index),
            fiber_damping=self.fiber_damping[index],
            velocity_scale_at_rest=self.velocity_scale_at_rest[index],
            minimum_fiber_length=self.minimum_fiber_length[index],
            rigid_tendon=self.rigid_tendon[index],
        )

    def to(self, like: Tensor) -> "MuscleMechanics":
        """Return the constants with the dtype and device of a tensor."""
        return replace(
            self,
            active_force_length=self.active_force_length.to(like),
            passive_force_length=self.passive_force_length.to(like),
            force_velocity=self.force_velocity.to(like),
            tendon_force=self.tendon_force.to(like),
            fiber_damping=self.fiber_damping.to(like),
            velocity_scale_at_rest=self.velocity_scale_at_rest.to(like),
            minimum_fiber_length=self.minimum_fiber_length.to(like),
            rigid_tendon=self.rigid_tendon.to(like.device),
        )


def muscle_mechanics(table: MuscleTable, *, rigid_tendon: bool | None = None) -> MuscleMechanics:
    """Stack the curves and constants of a model's muscles.

    Args:
        table: the muscles.
        rigid_tendon: None takes what the .osim says of each muscle; True or False overrides it for all.

    Returns:
        float64 constants on the CPU, in the table's order.
    """
    curves = [muscle_curves(muscle, rigid_tendon=rigid_tendon) for muscle in table.muscles]
    rigid = [muscle.ignore_tendon_compliance if rigid_tendon is None else rigid_tendon for muscle in table.muscles]
    return MuscleMechanics(
        names=table.names,
        active_force_length=tabulate([c.active_force_length for c in curves], _LENGTH_DOMAIN, _LENGTH_INTERVALS),
        passive_force_length=tabulate([c.passive_force_length for c in curves], _LENGTH_DOMAIN, _LENGTH_INTERVALS),
        force_velocity=tabulate([c.force_velocity for c in curves], _VELOCITY_DOMAIN, _VELOCITY_INTERVALS),
        tendon_force=tabulate([c.tendon_force for c in curves], _TENDON_DOMAIN, _TENDON_INTERVALS),
        fiber_damping=_stack([c.fiber_damping for c in curves]),
        velocity_scale_at_rest=_stack([c.velocity_scale_at_rest for c in curves]),
        velocity_scaled=any(c.velocity_scale_at_rest != 1.0 for c in curves),
        minimum_fiber_length=_stack([c.minimum_fiber_length for c in curves]),
        rigid_tendon=torch.tensor(rigid, dtype=torch.bool),
    )


def _stack(values: Sequence[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)
