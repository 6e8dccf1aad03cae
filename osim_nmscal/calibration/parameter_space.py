"""The parameters of a calibration as data: owners, bounds, starts, and the way from a vector to the model's parameters.

Every optimiser works on one vector `z` of the free parameters, each scaled to 0 (lower bound) to 1 (upper bound). A
parameter's *owner* is what shares one value: a muscle, a group of muscles, or all of them.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from osim_nmscal.calibration.settings import PARAMETER_NAMES, CalibrationSettings, ParameterName, ParameterSettings
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.results import NeuralParameters
from osim_nmscal.errors import CalibrationError, UnknownNameError, did_you_mean
from osim_nmscal.nms.model import NmsParameters, initial_parameters

UNITS: dict[str, str] = {
    "c1": "-",
    "c2": "-",
    "shape_factor": "-",
    "optimal_fiber_length": "m",
    "tendon_slack_length": "m",
    "strength_coefficient": "-",
    "electromechanical_delay": "s",
    "emg_scale": "-",
    "tendon_strain_at_one_norm_force": "-",
    "max_contraction_velocity": "1/s",
}
# Owner name of a parameter that all muscles share.
EVERYONE = "all"


@dataclass(frozen=True)
class ParameterBlock:
    """All values of one kind of parameter. Its internal value is a factor of `reference` (1 for absolute parameters)."""

    name: ParameterName
    owners: tuple[str, ...]
    owner_of_muscle: Tensor  # (muscle,), int64
    reference: Tensor  # (muscle,): value of a muscle = reference * internal value of its owner
    start: Tensor  # (owner,), internal
    lower: Tensor  # (owner,), internal
    upper: Tensor  # (owner,), internal
    prior_width: Tensor  # (owner,), internal
    column: Tensor  # (owner,), int64: position in z, -1 if fixed

    @property
    def width(self) -> Tensor:
        """Range between the bounds, (owner,), internal."""
        return self.upper - self.lower

    @property
    def free(self) -> bool:
        """Whether any owner's value moves."""
        return bool((self.column >= 0).any())

    def muscle_columns(self) -> Tensor:
        """Position in z of each muscle's value, -1 if fixed; (muscle,)."""
        return self.column[self.owner_of_muscle]

    def muscle_scale(self) -> Tensor:
        """d muscle value / dz, (muscle,)."""
        return self.reference * self.width[self.owner_of_muscle]

    def owner_reference(self) -> np.ndarray:
        """What an owner's internal value multiplies to be in its unit: its only muscle's reference, 1 if it has several."""
        members = [self.reference[self.owner_of_muscle == i] for i in range(len(self.owners))]
        return np.array([float(m[0]) if len(m) == 1 else 1.0 for m in members])


class ParameterSpace:
    """The blocks of a calibration and the map from z to model parameters."""

    def __init__(self, blocks: tuple[ParameterBlock, ...], base: NmsParameters) -> None:
        self.blocks = {block.name: block for block in blocks}
        self._base = base
        self.size = sum(int((block.column >= 0).sum()) for block in blocks)

    @property
    def free_blocks(self) -> tuple[ParameterBlock, ...]:
        """Blocks with at least one free owner, in the order of PARAMETER_NAMES."""
        return tuple(block for block in self.blocks.values() if block.free)

    def start(self) -> Tensor:
        """The starting vector z, (parameter,)."""
        return self.encode({block.name: block.start for block in self.blocks.values()})

    def prior_width(self) -> Tensor:
        """Standard deviation of the prior of each entry of z, (parameter,)."""
        return self.encode({b.name: b.lower + b.prior_width for b in self.blocks.values()})

    def encode(self, values: dict[str, Tensor]) -> Tensor:
        """Return z for internal values (owner,) of each block."""
        z = torch.zeros(self.size, dtype=torch.float64)
        for block in self.blocks.values():
            moving = block.column >= 0
            z[block.column[moving]] = ((values[block.name] - block.lower) / block.width)[moving]
        return z

    def internal(self, z: Tensor, name: ParameterName) -> Tensor:
        """Return the internal values of one block at z, (owner,)."""
        block = self.blocks[name]
        moving = block.column >= 0
        value = block.start.clone()
        value[moving] = block.lower[moving] + block.width[moving] * z[block.column[moving]]
        return value

    def muscle_values(self, z: Tensor, name: ParameterName) -> Tensor:
        """Return one kind of parameter for every muscle at z, (muscle,), in its unit."""
        block = self.blocks[name]
        return block.reference * self.internal(z, name)[block.owner_of_muscle]

    def model_parameters(self, z: Tensor) -> NmsParameters:
        """Return the model's parameters at z, (muscle,) each."""
        delay = self.muscle_values(z, "electromechanical_delay")
        return NmsParameters(
            c1=self.muscle_values(z, "c1"),
            c2=self.muscle_values(z, "c2"),
            shape_factor=self.muscle_values(z, "shape_factor"),
            optimal_fiber_length=self.muscle_values(z, "optimal_fiber_length"),
            tendon_slack_length=self.muscle_values(z, "tendon_slack_length"),
            max_isometric_force=self._base.max_isometric_force * self.muscle_values(z, "strength_coefficient"),
            max_contraction_velocity=self.muscle_values(z, "max_contraction_velocity"),
            tendon_strain_at_one_norm_force=self.muscle_values(z, "tendon_strain_at_one_norm_force"),
            electromechanical_delay=delay[0] if bool((delay == delay[0]).all()) else delay,
            emg_scale=self.muscle_values(z, "emg_scale"),
        )


def parameter_space(muscles: MuscleTable, settings: CalibrationSettings, frozen: frozenset[str] = frozenset()) -> ParameterSpace:
    """Build the parameter space of a calibration.

    Args:
        muscles: the muscles to calibrate, with their starting values.
        settings: scopes, bounds, groups.
        frozen: muscles whose parameters stay fixed (no DOF sees them, or nothing drives them).

    Raises:
        UnknownNameError: a group names an unknown muscle.
        CalibrationError: a muscle is in two groups, or a bound excludes the start.
    """
    group_of = _group_of_muscle(muscles, settings.groups)
    base = initial_parameters(muscles, c1=0.0, c2=0.0, shape_factor=0.0, electromechanical_delay=0.0)
    blocks, size = [], 0
    for name in PARAMETER_NAMES:
        block = _block(name, getattr(settings.parameters, name), muscles, base, group_of, frozen, size)
        size += int((block.column >= 0).sum())
        blocks.append(block)
    return ParameterSpace(tuple(blocks), base)


def _group_of_muscle(muscles: MuscleTable, groups: dict[str, tuple[str, ...]]) -> dict[str, str]:
    group_of: dict[str, str] = {}
    for group, members in groups.items():
        for member in members:
            if member not in muscles.names:
                raise UnknownNameError(
                    f"Calibration group {group!r} names muscle {member!r}, which is not calibrated.{did_you_mean(member, muscles.names)} "
                    "Change [calibration.groups]."
                )
            if member in group_of:
                raise CalibrationError(f"Muscle {member!r} is in calibration groups {group_of[member]!r} and {group!r}; leave it in one.")
            group_of[member] = group
    return group_of


def _block(
    name: ParameterName,
    settings: ParameterSettings,
    muscles: MuscleTable,
    base: NmsParameters,
    group_of: dict[str, str],
    frozen: frozenset[str],
    first_column: int,
) -> ParameterBlock:
    owner_names = {
        "muscle": list(muscles.names),
        "group": [group_of.get(muscle, muscle) for muscle in muscles.names],
        "global": [EVERYONE] * len(muscles),
    }[settings.scope]
    owners = tuple(dict.fromkeys(owner_names))
    owner_of_muscle = torch.tensor([owners.index(owner) for owner in owner_names])
    value = _starting_values(name, settings, muscles, base)
    relative = settings.bounds == "relative"
    reference = value if relative else torch.ones_like(value)
    start = torch.ones(len(owners), dtype=torch.float64)
    if not relative:
        start = torch.stack([value[owner_of_muscle == i].mean() for i in range(len(owners))])
    _require_start_inside(name, settings, owners, start)
    frozen_owner = torch.tensor(
        [all(m in frozen for m, o in zip(muscles.names, owner_names, strict=True) if o == owner) for owner in owners]
    )
    moving = torch.full((len(owners),), settings.free) & ~frozen_owner
    column = torch.where(moving, first_column + torch.cumsum(moving, 0) - 1, torch.full((len(owners),), -1))
    span = settings.upper - settings.lower
    width = settings.prior_width if settings.prior_width > 0.0 else span / 12.0**0.5
    full = torch.ones(len(owners), dtype=torch.float64)
    return ParameterBlock(
        name, owners, owner_of_muscle, reference, start, settings.lower * full, settings.upper * full, width * full, column
    )


def _starting_values(name: ParameterName, settings: ParameterSettings, muscles: MuscleTable, base: NmsParameters) -> Tensor:
    if settings.start != "model":
        return torch.full((len(muscles),), float(settings.start), dtype=torch.float64)
    if not hasattr(base, name) or name in ("c1", "c2", "shape_factor", "electromechanical_delay"):
        raise CalibrationError(f"[calibration.parameters.{name}] start = 'model', but an .osim has no {name}; give it a number.")
    return getattr(base, name).clone()


def _require_start_inside(name: str, settings: ParameterSettings, owners: tuple[str, ...], start: Tensor) -> None:
    outside = ((start < settings.lower) | (start > settings.upper)).nonzero()
    if settings.free and len(outside):
        i = int(outside[0])
        raise CalibrationError(
            f"[calibration.parameters.{name}] bounds {settings.lower:g} to {settings.upper:g} ({settings.bounds}) exclude the start "
            f"{float(start[i]):g} of {owners[i]!r}; widen the bounds or change the start."
        )


def slower_filter_first(space: ParameterSpace, z: Tensor) -> Tensor:
    """Exchange C1 and C2 of every owner where C2 is the smaller: the filter is the same, the numbers become comparable."""
    c1, c2 = space.blocks["c1"], space.blocks["c2"]
    comparable = c1.owners == c2.owners and bool((c1.lower == c2.lower).all() and (c1.upper == c2.upper).all())
    if not comparable:
        return z
    both = (c1.column >= 0) & (c2.column >= 0)
    first, second = c1.column[both], c2.column[both]
    ordered = z.clone()
    ordered[first], ordered[second] = torch.minimum(z[first], z[second]), torch.maximum(z[first], z[second])
    return ordered


def neural_parameters(space: ParameterSpace, z: Tensor, time_step: float) -> NeuralParameters:
    """Return the activation dynamics at z for the sidecar."""
    parameters = space.model_parameters(z)
    delay = parameters.electromechanical_delay
    return NeuralParameters(
        c1=parameters.c1.numpy().copy(),
        c2=parameters.c2.numpy().copy(),
        shape_factor=parameters.shape_factor.numpy().copy(),
        electromechanical_delay=float(delay) if delay.ndim == 0 else delay.numpy().copy(),
        time_step=time_step,
        emg_scale=space.muscle_values(z, "emg_scale").numpy().copy(),
    )
