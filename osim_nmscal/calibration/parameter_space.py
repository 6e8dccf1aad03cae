"""The parameters of a calibration as data: owners, bounds, starts, and the way from a vector to the model's parameters.

Every optimiser works on one vector `z` of the free parameters, each scaled to 0 (lower bound) to 1 (upper bound). A
parameter's *owner* is what shares one value: a muscle, a group of muscles, or all of them. What kinds there are, and how
each enters the model, is in `parameter_kinds`.
"""

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from osim_nmscal.calibration.electrodes import Electrodes
from osim_nmscal.calibration.owners import Owners, muscles_of_owners, owners_of_every_kind
from osim_nmscal.calibration.parameter_kinds import KINDS, ParameterKind
from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.passive_joint_moment import PassiveJointMoment
from osim_nmscal.data.results import CalibratedParameter, NeuralParameters
from osim_nmscal.data.starting_values import StartingValues, starting_values
from osim_nmscal.nms.parameters import NMS_PARAMETERS, NmsParameters, initial_parameters
from osim_nmscal.nms.sensitivity import FORCE_PARAMETERS

# What NeuralParameters holds of the model's parameters.
_NEURAL = tuple(one.name for one in fields(NeuralParameters) if one.name in NMS_PARAMETERS)

# Prior of a value that is held, log: as good as fixed, and still a direction that intervals can be asked about.
_HELD_WIDTH = 0.02
# Kind of parameter -> the width of starting values that stands for it, of the logarithm.
_KNOWN_WIDTHS = {"optimal_fiber_length": "log_fiber_length_sd", "strength_coefficient": "log_strength_sd"}
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class ParameterBlock:
    """All values of one kind of parameter. Its internal value is a factor of `reference` (1 for absolute parameters)."""

    kind: ParameterKind
    owners: tuple[str, ...]
    owner_of_muscle: Tensor  # (muscle,), int64
    reference: Tensor  # (muscle,): value of a muscle = reference * internal value of its owner
    start: Tensor  # (owner,), internal
    lower: Tensor  # (owner,), internal
    upper: Tensor  # (owner,), internal
    prior_width: Tensor  # (owner,), of the kind's transform: what pulls it to its start
    column: Tensor  # (owner,), int64: position in z, -1 if fixed
    assumed: Tensor  # (owner,), bool: pulled so hard that it stays, as nothing measures it
    believed_width: Tensor  # (owner,), of the kind's transform: how far the truth may lie; prior_width unless assumed

    @property
    def name(self) -> str:
        """Name of the kind."""
        return self.kind.name

    @functools.cached_property
    def free(self) -> bool:
        """Whether any owner's value moves."""
        return bool((self.column >= 0).any())

    @functools.cached_property
    def _moving(self) -> tuple[Tensor, Tensor]:
        """Which owners' values move, and their positions in z."""
        moving = self.column >= 0
        return moving, self.column[moving]

    def muscle_columns(self) -> Tensor:
        """Position in z of each muscle's value, -1 if fixed; (muscle,)."""
        return self.column[self.owner_of_muscle]

    def internal(self, z: Tensor) -> Tensor:
        """Return the internal values at z, (owner,)."""
        if not self.free:
            return self.start
        moving, columns = self._moving
        if len(columns) == len(moving):
            return self.kind.transform.value(z[columns], self.lower, self.upper)
        value = self.start.clone()
        value[moving] = self.kind.transform.value(z[columns], self.lower[moving], self.upper[moving])
        return value

    def slope(self, z: Tensor) -> Tensor:
        """Return d internal value / dz at z, (owner,)."""
        return self.kind.transform.slope(self.internal(z), self.lower, self.upper)

    def owner_reference(self) -> np.ndarray:
        """What an owner's internal value multiplies to be in its unit: its only muscle's reference, 1 if it has several."""
        alone = torch.bincount(self.owner_of_muscle, minlength=len(self.owners)) == 1
        reference = torch.ones_like(self.start).scatter(0, self.owner_of_muscle, self.reference)
        return torch.where(alone, reference, 1.0).numpy()


class ParameterSpace:
    """The blocks of a calibration and the map from z to model parameters; without blocks, fixed parameters."""

    def __init__(
        self,
        blocks: Sequence[ParameterBlock],
        base: NmsParameters,
        time_step: float,
        *,
        size: int = -1,
        known: StartingValues | None = None,
        ligaments: PassiveJointMoment | None = None,
    ) -> None:
        """Hold the blocks.

        Args:
            blocks: of every kind that may differ from the base.
            base: the model's parameters before any kind enters.
            time_step: s, for kinds that depend on the clock.
            size: entries of z; default: as many as the blocks have free owners.
            known: what is known of the muscles before any trial is seen.
            ligaments: what they add to the muscles' moments before any kind enters; None: nothing.
        """
        self.blocks = {block.name: block for block in blocks}
        self.base, self.time_step, self.known, self.ligaments = base, time_step, known, ligaments
        self.size = size if size >= 0 else sum(int((block.column >= 0).sum()) for block in blocks)
        self._entering = {name: [block for block in blocks if block.kind.enters == name] for name in NMS_PARAMETERS}
        # what no free block enters is the same everywhere
        still = [name for name, entering in self._entering.items() if not any(block.free for block in entering)]
        self._still: dict[str, Tensor] = {}
        self._still = {name: self.model_parameter(torch.empty(0), name) for name in still}

    def without_gain(self, time_step: float) -> "ParameterSpace":
        """Return the same parameters at the same places for excitations that no electrode saw, on another clock (s)."""
        blocks = []
        for block in self.blocks.values():
            if block.kind.needs_electrode:
                block = replace(block, start=torch.ones_like(block.start), column=torch.full_like(block.column, -1))
            blocks.append(block)
        return ParameterSpace(blocks, self.base, time_step, size=self.size, known=self.known, ligaments=self.ligaments)

    def with_clock(self, time_step: float) -> "ParameterSpace":
        """Return the same parameters for signals on another clock, s."""
        blocks = list(self.blocks.values())
        return ParameterSpace(blocks, self.base, time_step, size=self.size, known=self.known, ligaments=self.ligaments)

    @property
    def free_blocks(self) -> tuple[ParameterBlock, ...]:
        """Blocks with at least one free owner, in the order of the table of kinds."""
        return tuple(block for block in self.blocks.values() if block.free)

    def start(self) -> Tensor:
        """The starting vector z, (parameter,)."""
        return self.encode({block.name: block.start for block in self.blocks.values()})

    def prior_width(self) -> Tensor:
        """Standard deviation of the prior of each entry of z, (parameter,)."""
        widths = {b.name: b.prior_width / b.kind.transform.span(b.lower, b.upper) for b in self.blocks.values()}
        return self._gathered(widths)

    def believed_width(self) -> Tensor:
        """How far the truth of each entry of z may lie from its start before anything is measured (SD), (parameter,)."""
        return self._gathered({b.name: b.believed_width / b.kind.transform.span(b.lower, b.upper) for b in self.blocks.values()})

    def assumed(self) -> Tensor:
        """Which entries of z are held at their start, as nothing measures them, (parameter,), bool."""
        return self._gathered({b.name: b.assumed.to(torch.float64) for b in self.blocks.values()}) > 0.0

    def encode(self, values: dict[str, Tensor]) -> Tensor:
        """Return z for internal values (owner,) of each block."""
        return self._gathered({b.name: b.kind.transform.place(values[b.name], b.lower, b.upper) for b in self.blocks.values()})

    def _gathered(self, entries: dict[str, Tensor]) -> Tensor:
        z = torch.zeros(self.size, dtype=torch.float64)
        for block in self.blocks.values():
            moving = block.column >= 0
            z[block.column[moving]] = entries[block.name][moving]
        return z

    def internal(self, z: Tensor, name: str) -> Tensor:
        """Return the internal values of one block at z, (owner,)."""
        return self.blocks[name].internal(z)

    def muscle_values(self, z: Tensor, name: str) -> Tensor:
        """Return one kind of parameter for every muscle at z, (muscle,), in its unit."""
        block = self.blocks[name]
        return block.reference * block.internal(z)[block.owner_of_muscle]

    def model_parameters(self, z: Tensor) -> NmsParameters:
        """Return the model's parameters at z, (muscle,) each."""
        return NmsParameters(**{name: self.model_parameter(z, name) for name in NMS_PARAMETERS})

    def model_parameter(self, z: Tensor, name: str) -> Tensor:
        """Return one of the model's parameters at z, (muscle,)."""
        if name in self._still:
            return self._still[name]
        value: Tensor = getattr(self.base, name)
        for block in self._entering[name]:
            value, _ = block.kind.entry(self.muscle_values(z, block.name), value, self.time_step)
        if name == "electromechanical_delay" and value.ndim > 0 and bool((value == value[0]).all()):
            return value[0]  # one shift for all is many times faster
        return value

    def model_slope(self, z: Tensor, name: str) -> Tensor:
        """Return d model parameter / dz of one kind, (muscle,)."""
        block = self.blocks[name]
        before = getattr(self.base, block.kind.enters)
        internal, owner = block.internal(z), block.owner_of_muscle
        _, by_value = block.kind.entry(block.reference * internal[owner], before, self.time_step)
        return by_value * block.reference * block.kind.transform.slope(internal, block.lower, block.upper)[owner]


def parameter_space(
    muscles: MuscleTable | StartingValues,
    settings: CalibrationSettings,
    frozen: frozenset[str] = frozenset(),
    *,
    time_step: float = math.nan,
    electrodes: Electrodes | None = None,
    mtu_length: Tensor | None = None,
    efforts: Mapping[str, CalibratedParameter] = MappingProxyType({}),
) -> ParameterSpace:
    """Build the parameter space of a calibration.

    Args:
        muscles: the muscles to calibrate, with their starting values; what is known of them sets widths of the prior.
        settings: scopes, bounds, groups.
        frozen: muscles whose parameters stay fixed (no DOF sees them, or nothing drives them).
        time_step: s; needed by kinds that depend on the clock alone.
        electrodes: which muscles have one, and which share it; default: every muscle its own.
        mtu_length: (muscle,), m, that errors of moment arms leave as it is; default: 0.
        efforts: owner -> strength that maximal efforts alone have told, at which it is held.

    Raises:
        UnknownNameError: a group names an unknown muscle.
        CalibrationError: a muscle is in two groups, or a bound excludes the start.
    """
    known = starting_values(muscles)
    muscles = known.muscles
    heard = electrodes or Electrodes(recorded=frozenset(muscles.names))
    owned = owners_of_every_kind(muscles, settings, heard.channels)
    base = initial_parameters(muscles, c1=0.0, c2=0.0, shape_factor=0.0, electromechanical_delay=0.0)
    base = base if mtu_length is None else replace(base, reference_mtu_length=mtu_length)
    blocks: list[ParameterBlock] = []
    size = 0
    for name, owners in owned.items():
        if name == "strength_coefficient" and efforts:
            told = [
                float(efforts[one].calibrated) if one in efforts else float(start)
                for one, start in zip(owners.names, owners.start, strict=True)
            ]
            owners = replace(owners, start=np.array(told))
        block = _block(KINDS[name], settings, owners, known, frozen, heard, size)
        if name == "strength_coefficient" and efforts:
            deviations = [efforts[one].standard_error / efforts[one].calibrated if one in efforts else math.nan for one in block.owners]
            sure = torch.tensor(deviations, dtype=torch.float64)
            block = replace(block, believed_width=torch.where(sure.isfinite(), sure, block.believed_width))
        size += int((block.column >= 0).sum())
        blocks.append(block)
    return ParameterSpace(blocks, base, time_step, known=known)


def fixed_parameters(muscles: MuscleTable, neural: NeuralParameters) -> NmsParameters:
    """Return the model's parameters at calibrated values, of muscles in the order of the activation dynamics."""
    base = initial_parameters(muscles, c1=0.0, c2=0.0, shape_factor=0.0, electromechanical_delay=0.0)
    values = {name: torch.as_tensor(np.asarray(getattr(neural, name)), dtype=torch.float64) for name in _NEURAL}
    # what is one number for all is one number for each, but for the delay, see ParameterSpace.model_parameters
    spread = {name: value if name == "electromechanical_delay" else value.expand(len(muscles)) for name, value in values.items()}
    return replace(base, **spread)


def neural_parameters(space: ParameterSpace, z: Tensor, time_step: float) -> NeuralParameters:
    """Return the activation dynamics at z for the sidecar."""
    parameters = space.model_parameters(z)
    values: dict[str, Any] = {}
    for name in _NEURAL:
        value = getattr(parameters, name)
        values[name] = float(value) if value.ndim == 0 else value.numpy().copy()
    return NeuralParameters(time_step=time_step, **values)


def calibrated_muscles(table: MuscleTable, space: ParameterSpace, z: Tensor) -> MuscleTable:
    """Return the muscles with the calibrated lengths, strengths and other .osim properties at z."""
    muscles = list(table.muscles)
    for kind in (block.kind for block in space.blocks.values()):
        if kind.write is not None:
            values = space.model_parameter(z, kind.enters).tolist()
            muscles = [kind.write(muscle, value) for muscle, value in zip(muscles, values, strict=True)]
    return MuscleTable(muscles=tuple(muscles))


def _block(
    kind: ParameterKind,
    calibration: CalibrationSettings,
    owned: Owners,
    known: StartingValues,
    frozen: frozenset[str],
    heard: Electrodes,
    first_column: int,
) -> ParameterBlock:
    settings, owners, muscles = calibration.parameters.of(kind.name), owned.names, known.muscles
    place = {owner: i for i, owner in enumerate(owners)}
    owner_of_muscle = torch.tensor([place[owner] for owner in owned.by_muscle])
    members = [[muscles.names[i] for i in own] for own in muscles_of_owners(owners, owned.by_muscle)]
    unheard = torch.tensor([heard.recorded.isdisjoint(own) for own in members])
    still = torch.tensor([frozen.issuperset(own) for own in members])
    reference, start = torch.tensor(owned.reference), torch.tensor(owned.start)
    if kind.needs_electrode:
        still, start = still | unheard, torch.where(unheard, torch.ones_like(start), start)
    moving = torch.full((len(owners),), settings.free) & ~still
    column = torch.where(moving, first_column + torch.cumsum(moving, 0) - 1, torch.full((len(owners),), -1))
    full = torch.ones(len(owners), dtype=torch.float64)
    lower, upper = settings.lower * full, settings.upper * full
    # the standard deviation of a flat prior between the bounds
    width = settings.prior_width * full if settings.prior_width > 0.0 else kind.transform.span(lower, upper) / 12.0**0.5
    assumed = torch.tensor([heard.leaves_open(own, calibration.prior.unrecorded_strength) for own in members])
    assumed = assumed & (kind.enters in FORCE_PARAMETERS)
    held = torch.where(assumed, width.clamp_max(_HELD_WIDTH), width)
    if kind.name == "optimal_fiber_length":
        held = held / calibration.prior.length_caution
    if settings.prior_width > 0.0 and kind.name in _KNOWN_WIDTHS:  # what was measured of an owner's muscles is believed as it is
        told = _owner_widths(getattr(known, _KNOWN_WIDTHS[kind.name]), owner_of_muscle, len(owners))
        width = torch.where(told.isfinite(), told, width)
        held = torch.where(told.isfinite() & ~assumed, told, held)
    return ParameterBlock(kind, owners, owner_of_muscle, reference, start, lower, upper, held, column, assumed, width)


def _owner_widths(of_muscles: FloatArray, owner_of_muscle: Tensor, count: int) -> Tensor:
    """Return what is known of each owner, (owner,): the mean over its muscles, nan unless all of them are known."""
    values = torch.from_numpy(of_muscles)
    return torch.stack([values[owner_of_muscle == owner].mean() for owner in range(count)])


def slower_filter_first(space: ParameterSpace, z: Tensor) -> Tensor:
    """Exchange both filters of every owner where the second is the slower: they do the same, the numbers become comparable."""
    pair = [block for block in space.blocks.values() if block.kind.enters in ("c1", "c2")]
    if len(pair) != 2:
        return z
    one, other = pair
    comparable = one.owners == other.owners and bool((one.lower == other.lower).all() and (one.upper == other.upper).all())
    comparable = comparable and one.kind.entry is other.kind.entry
    if not comparable:
        return z
    both = (one.column >= 0) & (other.column >= 0)
    first, second = one.column[both], other.column[both]
    ordered = z.clone()
    # a coefficient nearer to -1 is the slower filter, a longer time constant as well
    low, high = torch.minimum(z[first], z[second]), torch.maximum(z[first], z[second])
    slower_is_lower = one.name == "c1"
    ordered[first], ordered[second] = (low, high) if slower_is_lower else (high, low)
    return ordered
